/* Requests of the HTTP client itself, without a guest, to a server of the test's.
 *
 *     struct http_test *t = http_test_begin();
 *     http_peer_route(t->peer, "/", "HTTP/1.1 204 None\r\n\r\n");
 *     struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
 *     assert_int_equal(http_exchange_status(fetch->exchange), 204);
 *     http_fetch_close(fetch);
 *     http_test_end(t);
 *
 * The client is opened with the first request; until then t->env.options may be changed. */
#ifndef HYTHE_TESTS_LIB_HTTP_FETCH_H
#define HYTHE_TESTS_LIB_HTTP_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http_env.h"
#include "http_peer.h"

struct http_test {
    struct loop *loop;
    struct http_env env;
    struct http_peer *peer;
};

/* One exchange as seen by its owner. */
struct http_fetch {
    struct http_exchange *exchange;
    unsigned events;
    struct buffer body; /* what has been read */
};

struct http_test *http_test_begin(void);
void http_test_end(struct http_test *t);

/* Turn the loop for so long. */
void http_test_turn(struct http_test *t, uint64_t ns);

/* Does the n-th request that the server got contain that text? */
bool http_test_sent(struct http_test *t, unsigned n, const char *text);

/* Begin a request, which may fail: then *ret_fetch stays as it is. */
enum http_error http_fetch_start(struct http_test *t, const struct http_request *request,
                                 struct http_fetch **ret_fetch);
enum http_error http_fetch_url(struct http_test *t, const char *method, const char *url,
                               struct http_fetch **ret_fetch);

/* Begin a request for a path of the server's, which must not fail. */
void http_fetch_begin(struct http_test *t, const char *method, const char *path,
                      struct http_fetch **ret_fetch);

/* Turn the loop until the head is there or has failed; read to the end, 0 or -EIO. */
void http_fetch_head(struct http_test *t, struct http_fetch *fetch);
int64_t http_fetch_body(struct http_test *t, struct http_fetch *fetch);

/* All of these in one. */
struct http_fetch *http_fetch_path(struct http_test *t, const char *method, const char *path);
struct http_fetch *http_fetch_request(struct http_test *t, const struct http_request *request);

/* NULL is fine. */
void http_fetch_close(struct http_fetch *fetch);

void http_fetch_assert_body(const struct http_fetch *fetch, const char *text);

/* GET the path and expect it to end so. */
void http_fetch_assert_end(struct http_test *t, const char *path, enum http_error error);

/* "name=value" of a header. Returns `text`. */
const char *http_fetch_header(const struct http_fetch *fetch, uint32_t index, char text[256]);

#endif
