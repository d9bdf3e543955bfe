/* The head of a CGI response (RFC 3875 section 6): header lines that the guest writes first, ended
 * by LF or CRLF, in any order, and an empty line.
 *
 * Beyond the RFC: Content-Type, Location and Status may all be missing as long as there is any header;
 * a first line "HTTP/1.1 404 Not Found" is taken for a Status, since so many programs write it.
 * Stricter than it: what is no header line is refused, and never sent. */
#ifndef HYTHE_HANDLERS_CGI_HEAD_H
#define HYTHE_HANDLERS_CGI_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "http/field.h"

enum {
    CGI_HEAD_MAX = 64 << 10, /* bytes of a head */
    CGI_HEADERS_MAX = 128,   /* its lines */
};

struct cgi_head {
    struct buffer text; /* what came so far, up to the empty line */
    size_t line;        /* where its last line begins */
};

void cgi_head_init(struct cgi_head *head);

/* Empty it for another one; a small buffer is kept. */
void cgi_head_reset(struct cgi_head *head);
void cgi_head_done(struct cgi_head *head);

/* Take what belongs to the head. 1 when that was the end of it, 0 when more has to come; -EMSGSIZE
 * past CGI_HEAD_MAX, -ENOMEM. `ret_used` of the bytes were taken. */
int cgi_head_feed(struct cgi_head *head, struct span bytes, size_t *ret_used);

/* What a head says. */
struct cgi_answer {
    uint16_t status;
    int64_t length;                              /* its Content-Length, or HTTP_LENGTH_UNKNOWN */
    struct http_header headers[CGI_HEADERS_MAX]; /* to be sent; names as the guest wrote them */
    uint32_t header_count;
    const char *why; /* it is refused, in words */
};

/* Read a complete head. The answer's spans are the head's. 0, or -EBADMSG with `why`. */
int cgi_head_parse(const struct cgi_head *head, struct cgi_answer *answer);

#endif
