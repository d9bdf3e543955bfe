/* The HTTP client: one per guest, with that guest's policy and limits. What it has in common with the
 * other guests of its program, connections above all, is the pool's (pool.h); nothing is shared
 * between guests with different grants.
 *
 * Happy path of an exchange:
 *   1. http_exchange_begin: the URL is parsed once, by libcurl's parser, and judged (may_request)
 *   2. the name is resolved; each address is judged (may_dial), and only the allowed ones are given
 *      to libcurl; the one it dials is judged again
 *   3. on_event: the head is there; http_exchange_status, _header
 *   4. http_exchange_read takes the body as it arrives; when the client's buffer is full the peer
 *      is held back; behind the end http_exchange_trailers
 *   5. http_exchange_close, at any time
 * A redirect begins again at 1 with the new URL, as long as there are redirects left.
 *
 * A body that is sent in pieces goes on beside 3 and 4: http_exchange_write as long as there is room,
 * then http_exchange_finish. Neither direction waits for the other.
 *
 * Failure modes: http_exchange_error says which; a body that breaks off gives the bytes before. */
#ifndef HYTHE_HTTP_CLIENT_H
#define HYTHE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "http/error.h"
#include "http/field.h"
#include "loop/loop.h"
#include "net/address.h"

struct http_client;
struct http_exchange;
struct http_pool;
struct names;

/* A URL taken apart by the one parser. All strings are owned by whoever gives the struct. */
struct http_target {
    const char *url;    /* normalised */
    const char *scheme; /* "http" or "https" */
    const char *host;   /* lower case, punycode; an IPv6 address without its brackets */
    uint16_t port;
};

struct http_client_options {
    struct loop *loop;      /* borrowed */
    struct names *names;    /* borrowed: who resolves */
    struct http_pool *pool; /* borrowed, on the same loop; NULL: one of its own */
    const char
        *ca_file;      /* extra trusted certificates instead of the system's; NULL: the system's */
    const char *proxy; /* a proxy's URL; NULL: none, whatever the environment says */
    uint64_t connect_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t between_bytes_timeout_ns;
    uint64_t total_timeout_ns; /* 0: none */
    uint64_t body_max;         /* bytes of one response; 0: any number, it is streamed */
    uint32_t head_max;         /* bytes of all header lines of one response */
    uint32_t redirects_max;

    void *context;
    /* May this request be made? */
    bool (*may_request)(void *context, const struct http_target *target);
    /* May this address be dialled for that target? */
    bool (*may_dial)(void *context, const struct http_target *target,
                     const struct net_address *address);
    /* An exchange has failed, for another reason than a refusal; NULL: nobody wants to know. */
    void (*on_failure)(void *context, const struct http_target *target, enum http_error error);
};

/* For how long a request may wait; 0: as long as its client lets it. A longer time than the
 * client's makes no difference: that one is the operator's limit. */
struct http_times {
    uint64_t connect_ns;
    uint64_t first_byte_ns;
    uint64_t between_bytes_ns;
};

struct http_request {
    struct span url;
    struct span method;                /* any token but CONNECT */
    const struct http_header *headers; /* borrowed during begin; those of framing are left out */
    uint32_t header_count;
    struct span body;       /* copied by begin; empty when it is streamed */
    bool streams_body;      /* the body comes by http_exchange_write; then no redirect is followed,
                               * since it cannot be sent again */
    int64_t body_length;    /* of a streamed one, in bytes; -1: unknown, sent in chunks */
    bool ignores_redirects; /* a redirect is a response like others */
    struct http_times times;
};

typedef void http_event_fn(void *context);

/* Make a client; libcurl is opened now unless the pool has done it. 0, or a negative errno with the reason in `err`. The
 * strings of `options` are copied. */
int http_client_new(const struct http_client_options *options, struct http_client **ret_client,
                    struct error *err);

/* End all exchanges without calling back, and release the client. NULL is fine. */
void http_client_free(struct http_client *client);

/* Parse and judge a URL without doing anything; HTTP_OK, HTTP_BAD_URL, HTTP_URL_TOO_LONG,
 * HTTP_BAD_SCHEME, HTTP_DENIED or HTTP_NO_MEMORY. */
enum http_error http_client_judge(struct http_client *client, struct span url);

/* Begin. `on_event` is called from the loop whenever there is something new: the head, bytes, the
 * end. HTTP_OK, or why nothing was begun. */
enum http_error http_exchange_begin(struct http_client *client, const struct http_request *request,
                                    http_event_fn *on_event, void *context,
                                    struct http_exchange **ret_exchange);

/* Has the head arrived, or has it failed? Everything below but close comes after it. */
bool http_exchange_has_head(const struct http_exchange *exchange);

/* What ended it, HTTP_OK while it goes on or after a good end. */
enum http_error http_exchange_error(const struct http_exchange *exchange);

/* The status of the final response; 0 when it ended before its head. */
uint16_t http_exchange_status(const struct http_exchange *exchange);

/* The number of the TLS alert that came with HTTP_TLS_ALERT (RFC 8446 6.2). */
uint8_t http_exchange_alert(const struct http_exchange *exchange);

/* Header lines of the final response in order of arrival, names in lower case. Borrowed until
 * close. */
uint32_t http_exchange_header_count(const struct http_exchange *exchange);
struct http_header http_exchange_header(const struct http_exchange *exchange, uint32_t index);

/* Bytes of the body that have arrived and wait to be read. */
size_t http_exchange_waiting(const struct http_exchange *exchange);

/* Take up to `len` bytes of the body. Their number; 0 at the end; -EAGAIN when none are there yet;
 * -EIO when the exchange has failed and all bytes before have been taken. */
int64_t http_exchange_read(struct http_exchange *exchange, uint8_t *to, size_t len);

/* The trailer section of the response, complete once http_exchange_read has given 0: how many lines,
 * and the lines, names in lower case, borrowed until close. What may not stand in a trailer is left
 * out. */
uint32_t http_exchange_trailers(struct http_exchange *exchange, const struct http_header **ret);

/* -- a body in pieces; only for requests that stream theirs ----------------------------------- */

/* Give bytes of the body. How many were taken, at least 1 for a `len` of at least 1; -EAGAIN when
 * there is no room (on_event is called when there is some, or when it is over); -EMSGSIZE when
 * body_length would be exceeded, and nothing is taken; -ENOMEM; -EPIPE when no more is wanted: the exchange is
 * over, the peer has refused with a status of 300 or more, the body is finished, or it is that of a
 * HEAD, which has none. */
int64_t http_exchange_write(struct http_exchange *exchange, const uint8_t *bytes, size_t len);

/* The body is complete. The last byte of body_length is kept until then: without it the body is not
 * whole. Trailers, copied, are sent behind a body of unknown length; lines that are malformed or may
 * not stand in a trailer are left out. With fewer bytes than body_length this is
 * http_exchange_abort. Harmless when no more was wanted. HTTP_OK, HTTP_ABORTED,
 * HTTP_HEADERS_TOO_LARGE for too many trailers, or HTTP_NO_MEMORY; all but the first abort. */
enum http_error http_exchange_finish(struct http_exchange *exchange,
                                     const struct http_header *trailers, uint32_t count);

/* The body will never be complete: the connection is broken off, so that the peer cannot take it for
 * whole. The exchange ends with HTTP_ABORTED, unless its response is complete. Harmless when the
 * body is finished, or no more was wanted. */
void http_exchange_abort(struct http_exchange *exchange);

/* End it, finished or not; a body that is not finished is aborted. NULL is fine. */
void http_exchange_close(struct http_exchange *exchange);

#endif
