/* An HTTP server on 127.0.0.1 that says exactly what the test tells it to, on threads of its own.
 *
 *     struct http_peer *peer = http_peer_new();
 *     http_peer_route(peer, "/hello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
 *     ... the request ...
 *     http_peer_request(peer, 0) is what came, byte for byte
 *     http_peer_free(peer);
 *
 * Routes are given before the first request and answer any method. A connection stays open for the
 * next request unless the route says otherwise; a path without a route gets a 404. */
#ifndef HYTHE_TESTS_LIB_HTTP_PEER_H
#define HYTHE_TESTS_LIB_HTTP_PEER_H

#include <stddef.h>
#include <stdint.h>

struct http_peer;

enum http_peer_mode {
    HTTP_PEER_KEEP,   /* wait for the next request */
    HTTP_PEER_CLOSE,  /* close after the answer */
    HTTP_PEER_HANG,   /* say no more, but stay */
    HTTP_PEER_FLOOD,  /* after the answer send its last byte for ever */
    HTTP_PEER_REPEAT, /* send the answer again and again */
};

/* Both fail the test when they cannot. */
struct http_peer *http_peer_new(void);
void http_peer_free(struct http_peer *peer);

uint16_t http_peer_port(const struct http_peer *peer);

/* "http://127.0.0.1:PORT" and `path`, in a buffer of the peer's that the next call reuses. */
const char *http_peer_url(struct http_peer *peer, const char *path);

/* Answer that path (with its query, if any) with these bytes, which are borrowed. */
void http_peer_route(struct http_peer *peer, const char *path, const char *answer);
void http_peer_route_as(struct http_peer *peer, enum http_peer_mode mode, const char *path,
                        const char *answer);

/* As http_peer_route, with `len` bytes, where the answer stops at each NUL byte, which is not sent,
 * until http_peer_go is called once for it. */
void http_peer_route_steps(struct http_peer *peer, const char *path, const void *answer,
                           size_t len);
void http_peer_go(struct http_peer *peer);

/* Requests and connections so far. */
unsigned http_peer_count(struct http_peer *peer);
unsigned http_peer_connections(struct http_peer *peer);

/* The n-th request's head and body; fails the test when there were not so many. Valid until the
 * peer is freed. */
const char *http_peer_request(struct http_peer *peer, unsigned n);

/* Bytes of bodies sent so far, by all routes. */
uint64_t http_peer_sent(struct http_peer *peer);

#endif
