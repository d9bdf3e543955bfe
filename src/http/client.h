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
 *      is held back
 *   5. http_exchange_close, at any time
 * A redirect begins again at 1 with the new URL, as long as there are redirects left.
 *
 * Failure modes: http_exchange_error says which; a body that breaks off gives the bytes before. */
#ifndef HYTHE_HTTP_CLIENT_H
#define HYTHE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
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

enum http_error {
    HTTP_OK,
    HTTP_BAD_URL,
    HTTP_BAD_SCHEME,
    HTTP_BAD_METHOD,
    HTTP_BAD_HEADER,
    HTTP_DENIED,  /* by may_request, or every address by may_dial */
    HTTP_NO_NAME, /* the name does not resolve */
    HTTP_NO_CONNECT,
    HTTP_NO_TLS, /* handshake or certificate */
    HTTP_TIMED_OUT,
    HTTP_TOO_LARGE, /* head_max or body_max */
    HTTP_TOO_MANY_REDIRECTS,
    HTTP_BROKEN, /* the peer broke off, or spoke no HTTP */
    HTTP_NO_MEMORY,
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

const char *http_error_text(enum http_error error);

struct http_request {
    struct span url;
    struct span method;
    const struct http_header *headers; /* borrowed during begin */
    uint32_t header_count;
    struct span body; /* copied by begin */
};

typedef void http_event_fn(void *context);

/* Make a client; libcurl is opened now unless the pool has done it. 0, or a negative errno with the reason in `err`. The
 * strings of `options` are copied. */
int http_client_new(const struct http_client_options *options, struct http_client **ret_client,
                    struct error *err);

/* End all exchanges without calling back, and release the client. NULL is fine. */
void http_client_free(struct http_client *client);

/* Parse and judge a URL without doing anything; HTTP_OK, HTTP_BAD_URL, HTTP_BAD_SCHEME, HTTP_DENIED
 * or HTTP_NO_MEMORY. */
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

/* Header lines of the final response in order of arrival, names in lower case. Borrowed until
 * close. */
uint32_t http_exchange_header_count(const struct http_exchange *exchange);
struct http_header http_exchange_header(const struct http_exchange *exchange, uint32_t index);

/* Bytes of the body that have arrived and wait to be read. */
size_t http_exchange_waiting(const struct http_exchange *exchange);

/* Take up to `len` bytes of the body. Their number; 0 at the end; -EAGAIN when none are there yet;
 * -EIO when the exchange has failed and all bytes before have been taken. */
int64_t http_exchange_read(struct http_exchange *exchange, uint8_t *to, size_t len);

/* End it, finished or not. NULL is fine. */
void http_exchange_close(struct http_exchange *exchange);

#endif
