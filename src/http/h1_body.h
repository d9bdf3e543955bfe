/* The body of an HTTP/1 request: Content-Length or chunked (RFC 9112 sections 6 and 7), decoded as
 * it comes, whatever the pieces. */
#ifndef HYTHE_HTTP_H1_BODY_H
#define HYTHE_HTTP_H1_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http/h1_head.h"

enum {
    H1_CHUNK_LINE_MAX = 4096, /* bytes of one chunk-size line with its extensions */
    H1_EXTENSIONS_MAX =
        64 << 10,             /* bytes of all extensions of a body, so that they cannot drown it */
    H1_TRAILER_MAX = 8 << 10, /* bytes of the trailer section */
    H1_TRAILER_COUNT_MAX = 64,
};

struct h1_body {
    enum h1_body_kind kind;
    uint8_t state;     /* enum in h1_body.c */
    bool is_done;      /* the last byte, trailers included, has been taken */
    uint64_t left;     /* bytes left of the body, or of the chunk */
    uint32_t line_len; /* bytes of the line under way */
    uint32_t extra;    /* bytes of extensions so far, then of the trailer section */
    uint32_t trailer_count;
    struct buffer trailer; /* lines of the trailer section as sent, without forbidden ones */
};

void h1_body_init(struct h1_body *body, const struct h1_head *head);
void h1_body_done(struct h1_body *body);

/* Take framing bytes from the front of `data`. Returns how many were framing; then *ret_content is
 * how many of the bytes right behind them are content, which the caller takes out and reports with
 * h1_body_take. Stops at the end of the body (is_done). Negative: the amount is the status to
 * answer (400, 431; 503 without memory), and the connection cannot be used any more. */
int64_t h1_body_frame(struct h1_body *body, const uint8_t *data, size_t len, size_t *ret_content);

/* `len` bytes of content, at most what h1_body_frame said or h1_body_direct, have been taken. */
void h1_body_take(struct h1_body *body, size_t len);

/* How many bytes may be read from the peer straight into the reader's memory: what is left of a
 * length or of a chunk, 0 when framing comes next. */
uint64_t h1_body_direct(const struct h1_body *body);

/* Split the trailer section that has come; names are put in lower case. Returns the number of
 * headers, whose spans are borrowed from the body; at most `room`. */
uint32_t h1_body_trailers(struct h1_body *body, struct http_header *headers, uint32_t room);

#endif
