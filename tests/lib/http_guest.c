/* See http_guest.h. */
#include "http_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loop/loop.h"

enum { LINES_MAX = 64, TEXT_MAX = 4096 };

static int respond(void *context, const struct http_outbound *outbound)
{
    struct http_guest *g = context;
    return g->refusal != 0 ? g->refusal
                           : http_transaction_respond(fake_transaction(g->t), outbound);
}

static void on_state(void *context, enum wasi_http_state state, const char *why)
{
    struct http_guest *g = context;
    g->tellings++;
    g->told = state;
    assert_int_equal(wasi_http_inbound_state(g->inbound), state);
    (void)snprintf(g->why, sizeof g->why, "%s", why != NULL ? why : "");
}

static void on_readable(void *context)
{
    struct http_guest *g = context;
    wasi_http_inbound_on_readable(g->inbound);
}

static void on_writable(void *context)
{
    struct http_guest *g = context;
    wasi_http_inbound_on_writable(g->inbound);
}

static void on_abort(void *context)
{
    struct http_guest *g = context;
    wasi_http_inbound_detach(g->inbound);
}

struct http_guest *http_guest_new(const char *method, const char *target)
{
    struct http_guest *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->f = fake_component_new();
    g->results = g->f->results;
    g->t = fake_transaction_new(method, target);
    return g;
}

void http_guest_begin(struct http_guest *g)
{
    static const struct http_transaction_callbacks callbacks = {on_readable, on_writable, on_abort};
    const struct wasi_http_inbound_options options = {.transaction = fake_transaction(g->t),
                                                      .context = g,
                                                      .respond = respond,
                                                      .on_state = on_state};
    uint32_t reps[2];
    assert_int_equal(wasi_http_inbound_new(&g->f->guest, &options, &g->inbound, reps), 0);
    g->request = reps[0];
    g->outparam = reps[1];
    http_transaction_attach(fake_transaction(g->t), &callbacks, g);
}

void http_guest_abort(struct http_guest *g)
{
    fake_transaction_abort(g->t);
}

void http_guest_free(struct http_guest *g)
{
    if (g->inbound != NULL) {
        wasi_http_inbound_free(g->inbound);
    }
    fake_transaction_free(g->t); /* nothing points into it from here on */
    fake_component_free(g->f);
    free(g);
}

void http_guest_drop(struct http_guest *g, const char *resource, uint32_t rep)
{
    assert_int_equal(fake_component_drop(g->f, &wasi_http_types, resource, rep), 0);
}

void http_guest_drop_stream(struct http_guest *g, const char *resource, uint32_t rep)
{
    assert_int_equal(fake_component_drop(g->f, &wasi_io_streams, resource, rep), 0);
}

static uint32_t made(struct http_guest *g, unsigned slot)
{
    assert_true(g->results[slot].number > 0);
    return (uint32_t)g->results[slot].number;
}

static uint32_t made_ok(struct http_guest *g)
{
    assert_int_equal(g->results[0].number, 0);
    return made(g, 1);
}

uint32_t http_guest_fields(struct http_guest *g, const char *lines)
{
    union component_value items[2 * LINES_MAX];
    size_t count = 0;
    while (*lines != '\0') {
        const char *colon = strchr(lines, ':');
        const char *end = strchr(lines, '\n');
        assert_true(colon != NULL && end != NULL && count < LINES_MAX);
        items[2 * count].bytes = (struct span){(const uint8_t *)lines, (size_t)(colon - lines)};
        items[2 * count + 1].bytes =
            (struct span){(const uint8_t *)colon + 2, (size_t)(end - colon - 2)};
        count++;
        lines = end + 1;
    }
    assert_int_equal(types_call(g, "[static]fields.from-list", LIST(items, count)), 0);
    return made_ok(g);
}

void http_guest_expect_entries(struct http_guest *g, uint32_t fields, const char *lines)
{
    char text[TEXT_MAX] = "";
    size_t len = 0;
    assert_int_equal(types_call(g, "[method]fields.entries", NUMBER(fields)), 0);
    const struct component_list *list = &g->results[0].list;
    for (size_t i = 0; i < list->count; i++) {
        struct span name = list->items[2 * i].bytes;
        struct span value = list->items[2 * i + 1].bytes;
        int n = snprintf(text + len, sizeof text - len, "%.*s: %.*s\n", (int)name.len,
                         (const char *)name.data, (int)value.len, (const char *)value.data);
        len += (size_t)n;
        assert_true(len < sizeof text);
    }
    assert_string_equal(text, lines);
}

uint32_t http_guest_response(struct http_guest *g, const char *lines)
{
    uint32_t fields = http_guest_fields(g, lines);
    assert_int_equal(types_call(g, "[constructor]outgoing-response", NUMBER(fields)), 0);
    return made(g, 0);
}

uint32_t http_guest_body(struct http_guest *g, uint32_t response)
{
    assert_int_equal(types_call(g, "[method]outgoing-response.body", NUMBER(response)), 0);
    return made_ok(g);
}

uint32_t http_guest_stream(struct http_guest *g, uint32_t body)
{
    assert_int_equal(types_call(g, "[method]outgoing-body.write", NUMBER(body)), 0);
    return made_ok(g);
}

void http_guest_set(struct http_guest *g, uint32_t response)
{
    assert_int_equal(types_call(g, "[static]response-outparam.set", NUMBER(g->outparam), NUMBER(0),
                                NUMBER(response)),
                     0);
}

void http_guest_write(struct http_guest *g, uint32_t stream, const char *text)
{
    assert_int_equal(streams_call(g, "[method]output-stream.blocking-write-and-flush",
                                  NUMBER(stream), TEXT(text)),
                     0);
    assert_int_equal(g->results[0].number, 0);
}

void http_guest_finish(struct http_guest *g, uint32_t stream, uint32_t body, const char *trailers)
{
    http_guest_drop_stream(g, "output-stream", stream);
    uint32_t fields = trailers != NULL ? http_guest_fields(g, trailers) : 0;
    assert_int_equal(types_call(g, "[static]outgoing-body.finish", NUMBER(body),
                                NUMBER(trailers != NULL), NUMBER(fields)),
                     0);
    assert_int_equal(g->results[0].number, 0);
}

uint64_t http_guest_failure(struct http_guest *g)
{
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, 0); /* last-operation-failed */
    uint32_t error = made(g, 2);
    assert_int_equal(types_call(g, "http-error-code", NUMBER(error)), 0);
    uint64_t kind = g->results[1].number;
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[2].number, 0);
    assert_int_equal(fake_component_drop(g->f, &wasi_io_error, "error", error), 0);
    return kind;
}
