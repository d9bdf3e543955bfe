/* A component that is being called by incoming-handler, without the component: a guest, a transaction
 * without a connection, and the calls that a component would make. For tests of wasi:http/types; their
 * first comment has the line that tests/unit/wasi_http_inbound.c has.
 *
 *     struct http_guest *g = http_guest_new("GET", "/");
 *     http_guest_begin(g);
 *     uint32_t response = http_guest_response(g, "x-a: 1\n");
 *     http_guest_set(g, response);
 *     http_guest_free(g); */
#ifndef HYTHE_TESTS_LIB_HTTP_GUEST_H
#define HYTHE_TESTS_LIB_HTTP_GUEST_H

#include "fake_component.h"
#include "fake_transaction.h"
#include "imports/wasi_http/http.h"
#include "imports/wasi_io/io.h"

struct http_guest {
    struct fake_component *f;
    struct fake_transaction *t;
    struct wasi_http_inbound *inbound; /* NULL before begin */
    union component_value *results;    /* of the last call */
    uint32_t request;
    uint32_t outparam;
    int refusal; /* what the handler's respond answers instead; 0: the front is asked */

    /* What on_state has told. */
    unsigned tellings;
    enum wasi_http_state told;
    char why[256];
};

/* Fails the test when it cannot. */
struct http_guest *http_guest_new(const char *method, const char *target);

/* What a handler does: make the two resources. After this the transaction's callbacks arrive. */
void http_guest_begin(struct http_guest *g);

/* The front ends the transaction; the handler detaches. */
void http_guest_abort(struct http_guest *g);

void http_guest_free(struct http_guest *g);

/* Call a function of wasi:http/types, or of wasi:io/streams. */
#define types_call(g, name, ...) component_fake_call((g)->f, &wasi_http_types, name, __VA_ARGS__)
#define streams_call(g, name, ...) component_fake_call((g)->f, &wasi_io_streams, name, __VA_ARGS__)

/* Drop a handle; asserts that it may be dropped. */
void http_guest_drop(struct http_guest *g, const char *resource, uint32_t rep);
void http_guest_drop_stream(struct http_guest *g, const char *resource, uint32_t rep);

/* Fields, of lines "name: value\n". */
uint32_t http_guest_fields(struct http_guest *g, const char *lines);

/* Assert what `entries` gives, in the same form. */
void http_guest_expect_entries(struct http_guest *g, uint32_t fields, const char *lines);

/* A response with such headers; its body; that one's stream. */
uint32_t http_guest_response(struct http_guest *g, const char *lines);
uint32_t http_guest_body(struct http_guest *g, uint32_t response);
uint32_t http_guest_stream(struct http_guest *g, uint32_t body);

/* Set the outparam. */
void http_guest_set(struct http_guest *g, uint32_t response);

/* blocking-write-and-flush; asserts that it succeeds. */
void http_guest_write(struct http_guest *g, uint32_t stream, const char *text);

/* Drop the stream and finish the body, asserting success; `trailers` in lines, or NULL. */
void http_guest_finish(struct http_guest *g, uint32_t stream, uint32_t body, const char *trailers);

/* The error-code's case behind the last-operation-failed that the last call gave; asserts that it did
 * and that the payload is none. */
uint64_t http_guest_failure(struct http_guest *g);

#endif
