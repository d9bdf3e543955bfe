/* A client of HTTP/2 for tests, made of single frames, so that it can say what no library would.
 * It turns the front's loop while it waits. Header blocks are sent as plain literals. */
#ifndef HYTHE_TESTS_H2_PEER_H
#define HYTHE_TESTS_H2_PEER_H

#include "base/buffer.h"
#include "h2_front.h"

enum h2_peer_type {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH_PROMISE,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION,
    H2_CLOSED = 0x100, /* no frame: the connection has ended */
    H2_SILENCE,        /* no frame within the time */
};

enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_PADDED = 8 };

struct h2_peer;

struct h2_peer_frame {
    unsigned type; /* enum h2_peer_type */
    unsigned flags;
    uint32_t stream;
    struct span payload; /* until the next frame */
    const char *fields;  /* of HEADERS: "name: value\n" each; NULL otherwise */
    uint32_t code;       /* of RST_STREAM and GOAWAY; the increment of WINDOW_UPDATE */
};

/* Connect, without a word. */
struct h2_peer *h2_peer_connect(struct h2_front *front);
/* As above, with preface and SETTINGS; `window` is the start window it gives, 0: leave it. */
struct h2_peer *h2_peer_open(struct h2_front *front, uint32_t window);
void h2_peer_close(struct h2_peer *peer);

void h2_peer_send(struct h2_peer *peer, const void *bytes, size_t len);
void h2_peer_frame(struct h2_peer *peer, unsigned type, unsigned flags, uint32_t stream,
                   struct span payload);
/* HEADERS of "name: value" lines. */
void h2_peer_headers(struct h2_peer *peer, unsigned flags, uint32_t stream, const char *fields);
/* The block that such HEADERS have. */
void h2_peer_encode(const char *fields, struct buffer *to);
/* HEADERS with END_HEADERS for `method` and `path`; with `flags` H2_END_STREAM it is all. */
void h2_peer_request(struct h2_peer *peer, unsigned flags, uint32_t stream, const char *method,
                     const char *path);
void h2_peer_window(struct h2_peer *peer, uint32_t stream, uint32_t more);

/* The next frame; the front's loop turns until it is there. */
void h2_peer_next(struct h2_peer *peer, unsigned wait_ms, struct h2_peer_frame *ret_frame);
/* The next frame besides SETTINGS (which it acknowledges), WINDOW_UPDATE and acknowledgements. */
void h2_peer_next_real(struct h2_peer *peer, struct h2_peer_frame *ret_frame);

/* True when the head is all there is. */
bool h2_peer_expect_status(struct h2_peer *peer, uint32_t stream, const char *status);
/* DATA of a stream up to END_STREAM, given back with windows; the number of bytes; the first ones
 * are left in `ret_text`. */
uint64_t h2_peer_content(struct h2_peer *peer, uint32_t stream, char ret_text[64]);
void h2_peer_expect_reset(struct h2_peer *peer, uint32_t stream, uint32_t code);
void h2_peer_expect_goaway(struct h2_peer *peer, uint32_t code);
void h2_peer_expect_alive(struct h2_peer *peer);
void h2_peer_expect_end(struct h2_peer *peer);

/* A whole GET, with the answer's status. */
void h2_peer_get(struct h2_peer *peer, uint32_t stream, const char *path, const char *status);

#endif
