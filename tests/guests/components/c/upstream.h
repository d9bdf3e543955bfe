#ifndef GUESTS_UPSTREAM_H
#define GUESTS_UPSTREAM_H

/* Requests that a guest sends, over wasi:http/outgoing-handler under shorter names. */

#include "exchange.h"

typedef wasi_http_types_own_outgoing_request_t own_outgoing_request;
typedef wasi_http_types_own_incoming_response_t own_incoming_response;
typedef wasi_http_types_own_future_incoming_response_t own_future_response;
typedef wasi_http_types_own_request_options_t own_options;

/* A request for METHOD of "scheme://authority/path". The headers are taken. False, with the setter that
 * refused in `why`, when the host refuses a part; nothing is left then. */
bool upstream_request(const char *method, const char *url, own_fields headers,
                      own_outgoing_request *ret_request, struct text *why);
/* Sends; both are taken, the options may be NULL. What handle says against it goes to `why`. */
bool upstream_send(own_outgoing_request request, own_options *options,
                   own_future_response *ret_future, struct text *why);
/* Both, with an empty body. */
bool upstream_ask(const char *method, const char *url, own_options *options,
                  own_future_response *ret_future, struct text *why);
own_pollable upstream_subscribe(own_future_response future);
/* Waits; the future is dropped. The error code goes to `why`. */
bool upstream_wait(own_future_response future, own_incoming_response *ret_response,
                   struct text *why);
struct source upstream_source(own_incoming_response response);

/* One way of a body, copied without blocking. */
struct pump {
    own_input from;
    own_output to;
    world_list_u8_t held; /* Read and not written from `at` on. */
    size_t at;
    bool done;
    struct text why; /* Empty at an orderly end. */
};

/* A pollable for what the pump waits for. */
own_pollable pump_subscribe(const struct pump *pump);
/* Moves what can be moved now. */
void pump_step(struct pump *pump);

#endif
