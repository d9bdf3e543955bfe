/*
 * As much of HTTP/1.1 as a test server needs: where a request ends, what it asks for, and whether
 * the peer wants the connection kept. Requests may arrive in any pieces, several at a time, and
 * with a body, which is dropped.
 */
#ifndef HYTHE_GUEST_HTTP_H
#define HYTHE_GUEST_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_HEAD_MAX = 8192, HTTP_PATH_MAX = 256 };

struct http_request {
    char path[HTTP_PATH_MAX];
    bool is_get;
    bool keep_alive;
};

/* What one connection remembers between two reads. All zeros is the start. */
struct http_reader {
    size_t head_len;
    size_t body_left;
    char head[HTTP_HEAD_MAX + 1];
};

enum http_step {
    HTTP_NEEDS_MORE, /* every byte was taken and no request is complete */
    HTTP_COMPLETE,   /* a head is complete and described in *request */
    HTTP_BAD,        /* not HTTP, or a head beyond HTTP_HEAD_MAX: answer 400 and close */
};

/*
 * Takes bytes until a request head is complete or none are left, and says in *ret_used how many.
 * The body of the request, if any, is skipped by the calls after it.
 */
enum http_step http_feed(struct http_reader *reader, const char *bytes, size_t len,
                         size_t *ret_used, struct http_request *request);

#endif
