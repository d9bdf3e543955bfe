/* A transaction without a connection: what a handler reads is an array, what it answers is kept.
 *
 *     struct fake_transaction *t = fake_transaction_new("GET", "/a/b?c");
 *     fake_transaction_header(t, "accept", "text/html");
 *     site_on_request(site, fake_transaction(t));
 *     assert_string_equal(fake_transaction_content(t), "hello");
 *     fake_transaction_free(t);
 *
 * It stands in the place of http/transaction.c in tests whose first comment has the line that
 * tests/unit/handlers_site.c has. As with the real one no callback runs within a handler's call. */
#ifndef HYTHE_TESTS_LIB_FAKE_TRANSACTION_H
#define HYTHE_TESTS_LIB_FAKE_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http/transaction.h"

enum { FAKE_HEADERS_MAX = 256 };

struct fake_transaction {
    struct http_inbound inbound;
    struct http_header headers[FAKE_HEADERS_MAX];
    char *target;

    struct span body;
    size_t body_at;     /* read so far */
    size_t body_ready;  /* bytes that have come; reading past them gives -EAGAIN, or the end */
    int64_t read_error; /* what a read gives instead, or 0 */
    uint64_t body_max;
    bool wants_read;
    const struct http_header *trailers; /* of the request; borrowed */
    uint32_t trailer_count;

    uint16_t status; /* of the response, or of the page that was failed with */
    int64_t length;
    struct buffer head; /* "name: value\n" for each */
    struct buffer content;
    struct buffer tail; /* the response's trailers, as head */
    size_t room;        /* bytes that are taken before a write gives -EAGAIN */
    size_t most;        /* the most that a handler has offered at once */
    bool wants_write;
    bool is_page;   /* http_transaction_fail before a response */
    bool is_broken; /* http_transaction_fail after it, or a short end */
    bool is_ended;  /* http_transaction_end or _respond_all */
    uint32_t retry_after_s;

    const struct http_transaction_callbacks *callbacks;
    void *context;
    void *annex;
};

/* Fails the test when it cannot. All strings must stay. */
struct fake_transaction *fake_transaction_new(const char *method, const char *target);
void fake_transaction_free(struct fake_transaction *t);

struct http_transaction *fake_transaction(struct fake_transaction *t);

void fake_transaction_header(struct fake_transaction *t, const char *name, const char *value);

/* Give it a body that has come whole, with its length told or not. */
void fake_transaction_body(struct fake_transaction *t, const char *body, bool is_length_known);

/* It is over, one way or another. */
bool fake_transaction_is_over(const struct fake_transaction *t);

/* Tell the handler what it waits for. */
void fake_transaction_readable(struct fake_transaction *t);
void fake_transaction_writable(struct fake_transaction *t, size_t room);
void fake_transaction_abort(struct fake_transaction *t);

const char *fake_transaction_head(struct fake_transaction *t);
const char *fake_transaction_content(struct fake_transaction *t);
const char *fake_transaction_tail(struct fake_transaction *t);

#endif
