/* The head of an HTTP/1 request: RFC 9112 sections 2 to 5, read strictly.
 *
 * One head is parsed in one go, when all of it is there: h1_head_find looks for its end and keeps
 * its place between calls, so bytes that come one by one are looked at once. What could be read in
 * two ways by two servers is refused: bare CR or LF, blanks before a colon, folded lines, two
 * lengths, a length and a transfer coding. */
#ifndef HYTHE_HTTP_H1_HEAD_H
#define HYTHE_HTTP_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "http/field.h"

struct h1_limits {
    uint32_t head_max;   /* bytes of request line and headers together */
    uint32_t target_max; /* bytes of the request target */
    uint32_t header_max; /* number of header lines; at most the room given to the parser */
};

enum h1_body_kind {
    H1_BODY_NONE,    /* no body: no framing header, or a length of 0 */
    H1_BODY_LENGTH,  /* Content-Length */
    H1_BODY_CHUNKED, /* Transfer-Encoding: chunked */
};

/* All spans lie in the bytes that were parsed, or are constant text: the scheme, and the path of an
 * absolute form that has none. */
struct h1_head {
    struct span method;
    struct span target;    /* as sent */
    struct span authority; /* host[:port], of the absolute or authority form, or else of Host;
                            * empty when an HTTP/1.0 request or "OPTIONS *" names none */
    struct span scheme;    /* "http" or "https" of an absolute form, else empty */
    struct span path;  /* "/..." without the query, or "*" (OPTIONS); for "http://host" it is "/",
                            * or "*" with OPTIONS */
    struct span query; /* behind the first "?" */
    bool has_query;
    uint8_t minor; /* HTTP/1.minor: 0, or 1 for all greater ones */

    struct http_header *headers; /* borrowed room; names in lower case. Hop-by-hop headers, those
                                  * that Connection names, Host and Expect are left out; so are
                                  * Content-Length and Transfer-Encoding */
    uint32_t header_count;

    enum h1_body_kind body;
    uint64_t content_length; /* of H1_BODY_LENGTH */
    bool has_length;         /* a Content-Length was sent, if only "0" */
    bool keep_alive;         /* the peer wants another exchange on this connection */
    bool expects_continue;   /* Expect: 100-continue, and there is a body to wait for */
    bool is_h2c_upgrade;     /* asks for HTTP/2 by Upgrade; ignored by us, but worth a test */
};

/* Where the search for the end of a head stands; zeroed before a new one. */
struct h1_scan {
    size_t at;      /* bytes already looked at */
    size_t begin;   /* where the request line begins: behind empty lines before it */
    bool has_line;  /* a whole request line is there */
    uint32_t lines; /* header lines so far */
};

/* Look for the end of the head in `len` bytes at `data`, of which those before scan->at were there
 * at the last call. Returns the length of the head with its empty line, counted from `data`; 0
 * while more is needed; or a negative number, whose amount is the status to answer: 400 for a bare
 * CR or LF or a forbidden byte, 414 and 431 past a limit. At most two empty lines before a request
 * line are passed over. */
int64_t h1_head_find(struct h1_scan *scan, const uint8_t *data, size_t len,
                     const struct h1_limits *limits);

/* Parse a whole head of `len` bytes as found by h1_head_find; header names are put in lower case in
 * place. `headers` has room for limits->header_max. 0, or the status to answer: 400, 414, 417 (an
 * Expect that is not 100-continue), 431, 501 (a transfer coding besides chunked, CONNECT), 505. */
int h1_head_parse(uint8_t *data, size_t len, const struct h1_limits *limits,
                  struct http_header *headers, struct h1_head *ret_head);

/* Is it host[:port] as RFC 3986 has it: a name, an IPv4 address or a bracketed IPv6 address, a port
 * of digits up to 65535, no user information? Shared with HTTP/2's :authority. */
bool h1_is_authority(struct span text);

/* Split an origin-form target into path and query, after checking its bytes. False for a target
 * that is none. Shared with HTTP/2's :path. */
bool h1_split_target(struct span target, struct span *ret_path, struct span *ret_query,
                     bool *ret_has_query);

#endif
