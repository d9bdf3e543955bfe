/* The insides of the client and its exchanges, for http/client.c, http/pool.c and http/exchange*.c
 * only. */
#ifndef HYTHE_HTTP_EXCHANGE_H
#define HYTHE_HTTP_EXCHANGE_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/strings.h"
#include "http/client.h"
#include "http/curl.h"
#include "http/exchange_upload.h"
#include "http/pool.h"
#include "http/url.h"
#include "net/names.h"

enum { EXCHANGE_ADDRESSES_MAX = 16, POOL_SPARES_MAX = 16, POOL_IDLE_MAX = 64, POOL_IDLE_S = 60 };

struct http_pool {
    struct loop *loop; /* borrowed */
    struct curl_library curl;
    CURLM *multi;                  /* owned; NULL while the pool rests */
    CURL *spares[POOL_SPARES_MAX]; /* owned: reset handles, for the next exchanges */
    uint32_t spare_count;
    uint32_t running;           /* exchanges with libcurl */
    struct loop_timer timer;    /* libcurl's own */
    uint64_t due_ns;            /* when it is due */
    struct loop_deferred retry; /* starts it when there was no memory for that */
    struct loop_timer rest;     /* runs while no exchange does */
    struct list sockets;
};

struct http_client {
    struct http_client_options options; /* its strings are owned */
    struct http_pool *pool;             /* borrowed, or owned if owns_pool */
    const struct curl_library *curl;    /* the pool's */
    bool owns_pool;
    struct list exchanges;
};

enum exchange_state {
    EXCHANGE_RESOLVING,
    EXCHANGE_RUNNING, /* with libcurl */
    EXCHANGE_DONE,
};

/* Where a header stands in the head's bytes. */
struct header_place {
    uint32_t name;
    uint32_t name_len;
    uint32_t value;
    uint32_t value_len;
};

/* Header lines as they have arrived. */
struct field_lines {
    struct buffer bytes;
    struct header_place *places; /* owned */
    uint32_t count;
    uint32_t cap;
};

struct http_exchange {
    struct list node;
    struct http_client *client; /* borrowed */
    enum exchange_state state;
    enum http_error error;
    struct loop_deferred notify;
    struct loop_deferred resume; /* lets a held-back peer go on, or ends what has failed */
    http_event_fn *on_event;
    void *context;

    /* The request, as it is for the present hop. */
    struct http_url url;
    char *method;           /* owned */
    struct strings headers; /* "Name: value" */
    struct buffer body;
    struct exchange_upload upload; /* instead of `body` */
    bool ignores_redirects;
    struct http_times times; /* 0: none */
    uint32_t hops;           /* redirects followed */
    struct names_query *query;
    struct net_address addresses[EXCHANGE_ADDRESSES_MAX];
    uint32_t address_count;
    int socket_error;     /* the errno of the last socket that could not be made; 0: none */
    bool was_denied;      /* some address of the present hop was refused */
    uint64_t deadline_ns; /* for all hops together; UINT64_MAX: none */

    CURL *easy;                      /* owned; NULL while resolving the first time */
    bool is_added;                   /* to the multi */
    bool is_spent;                   /* the handle cannot be used again */
    struct curl_slist *header_list;  /* owned */
    struct curl_slist *resolve_list; /* owned */
    char reason[CURL_ERROR_SIZE];    /* libcurl's, of a failure */
    uint8_t alert;                   /* of TLS */

    /* The response. */
    uint16_t status;
    bool has_head;
    bool is_redirect; /* its body is dropped, and its end begins the next hop */
    bool is_deaf;     /* libcurl does not read from the connection */
    int fd;           /* the connection's: libcurl's, only to be looked at while it runs */
    unsigned restarts;
    bool is_received; /* the response is complete, and the request is not */
    struct field_lines head;
    struct field_lines trailers;
    struct http_header *trailer_headers; /* owned: room for all of `trailers` */
    size_t head_bytes; /* received of this hop's head, interim responses and trailers too */
    struct buffer data;
    size_t taken;        /* bytes of `data` already read */
    uint64_t body_bytes; /* received in all */
    bool is_held_back;
    struct loop_timer quiet;     /* first byte, then between bytes */
    enum http_error quiet_error; /* what its end means */
};

/* pool.c: a handle with nothing set, to be given back with whatever is, or dropped; NULL without
 * memory. */
CURL *pool_take_handle(struct http_pool *pool);
void pool_give_handle(struct http_pool *pool, CURL *easy);
void pool_drop_handle(struct http_pool *pool, CURL *easy);

/* pool.c: have libcurl begin with it, and, begun or ended, let go of it. Gives whether there was
 * memory for that. */
bool pool_add(struct http_pool *pool, CURL *easy);
void pool_remove(struct http_pool *pool, CURL *easy);

/* exchange.c: libcurl cannot go on with it; for its callbacks. It ends in the next turn. */
void exchange_fail(struct http_exchange *exchange, enum http_error error);

/* exchange.c: libcurl is done with it. */
void exchange_on_done(struct http_exchange *exchange, CURLcode code);

/* exchange.c: libcurl wants its socket watched, for reading or not. */
void exchange_on_watch(struct http_exchange *exchange, int fd, bool reads);

/* exchange.c: something has moved: for how long may nothing move now? */
void exchange_watch_quiet(struct http_exchange *exchange);

/* exchange.c: end it. */
void exchange_finish(struct http_exchange *exchange, enum http_error error);

/* exchange.c: call on_event, in the next turn. */
void exchange_notify(struct http_exchange *exchange);

/* exchange_error.c: what libcurl's failure was. */
enum http_error exchange_error_of(struct http_exchange *exchange, CURLcode code);
enum http_error exchange_error_of_name(int eai_error);

/* exchange_easy.c: prepare the handle for the present hop and hand it to libcurl. */
enum http_error exchange_start_easy(struct http_exchange *exchange);

/* exchange_easy.c: take the handle back from libcurl. */
void exchange_stop_easy(struct http_exchange *exchange);

/* exchange_head.c: one line of the head; gives false when it is too large or without memory. */
bool exchange_add_line(struct http_exchange *exchange, struct span line);

/* exchange_head.c: one line of the trailer section, likewise. */
bool exchange_add_trailer(struct http_exchange *exchange, struct span line);

void field_lines_done(struct field_lines *lines);

/* exchange_head.c: forget the head, for an interim response or the next hop. */
void exchange_clear_head(struct http_exchange *exchange);

/* exchange_head.c: the first value of a header, given in lower case; len 0 and NULL without one. */
struct span exchange_find_header(const struct http_exchange *exchange, const char *name);

/* exchange_head.c: are there lengths that differ? Nobody knows then where the body ends (RFC 9112 section
 * 6.3). */
bool exchange_has_two_lengths(const struct http_exchange *exchange);

/* exchange.c: the head is complete. */
void exchange_on_head(struct http_exchange *exchange);

/* exchange.c: bytes of the body have come. False ends the transfer. */
bool exchange_take_data(struct http_exchange *exchange, struct span bytes);

/* redirect.c: whether the response just received leads elsewhere; rewrites the request for it.
 * HTTP_OK, or why the redirect cannot be followed. */
bool exchange_leads_elsewhere(struct http_exchange *exchange);
enum http_error exchange_follow(struct http_exchange *exchange);

/* request.c: copy and check a request. */
enum http_error exchange_set_request(struct http_exchange *exchange,
                                     const struct http_request *request);

/* request.c: "Name: value" for libcurl, which wants a name without a value written "Name;" in a head.
 * NULL without memory; to be freed. */
char *request_make_line(const struct http_header *header, const char *without_value);

/* request.c: does "Name: value" have that name, in lower case? */
bool request_line_is(const char *line, const char *name);

/* May a request to that target be made, as the policy has it? */
bool client_may_request(const struct http_client *client, const struct http_target *target);

#endif
