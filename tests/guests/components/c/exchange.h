#ifndef GUESTS_EXCHANGE_H
#define GUESTS_EXCHANGE_H

/* A request and its answer, over wasi:http under shorter names. */

#include "io.h"

typedef wasi_http_types_own_fields_t own_fields;
typedef wasi_http_types_own_incoming_request_t own_request;
typedef wasi_http_types_own_incoming_body_t own_incoming_body;
typedef wasi_http_types_own_outgoing_body_t own_outgoing_body;
typedef wasi_http_types_own_outgoing_response_t own_response;
typedef wasi_http_types_own_response_outparam_t own_outparam;
typedef wasi_http_types_error_code_t error_code;
typedef wasi_http_types_header_error_t header_error;

struct exchange {
    own_request request;
    own_outparam param;
    const char *rest;  /* Of the path behind the name of the way and a '/'. */
    const char *query; /* Behind the '?'. */
    bool request_gone; /* The way has dropped it. */
};

/* An answer under way. */
struct reply {
    own_outgoing_body body;
    own_output stream;
};

/* A body being read. */
struct source {
    own_incoming_body body;
    own_input stream;
};

own_fields fields_new(void);
/* False when it is refused; *err may be NULL. */
bool fields_add(own_fields fields, const char *name, const char *value, header_error *err);
void fields_print(own_fields fields, const char *prefix, struct text *text);

/* The response is created and given to the host; the body is open. The fields are taken. */
struct reply reply_open(struct exchange *exchange, unsigned status, own_fields headers);
/* Writes; what goes wrong is noted on stderr and false. */
bool reply_write(const struct reply *reply, const void *bytes, size_t len);
/* Flushes, drops the stream, finishes with the trailers (taken; NULL for none); errors are noted. */
void reply_close(struct reply *reply, own_fields *trailers);
/* A whole answer of type text/plain. */
void reply_text(struct exchange *exchange, unsigned status, const struct text *text);
void reply_line(struct exchange *exchange, unsigned status, const char *line);

/* Traps when the request was consumed before. */
struct source request_source(struct exchange *exchange);
struct source source_of(own_incoming_body body);
/* Blocks for the next bytes, to be freed. False at the end and when it fails: that is added to `why`,
 * or noted on stderr if that is NULL. */
bool source_read(const struct source *source, world_list_u8_t *ret_bytes, struct text *why);
/* Drops the stream, finishes the body and waits for the trailers. True when there are any. */
bool source_trailers(struct source *source, own_fields *ret_trailers);
void source_drop(struct source *source);

const char *error_code_name(const error_code *code);
/* The name with what the case carries. */
void error_code_print(const error_code *code, struct text *text);
/* Adds what a stream died of, by http-error-code; frees the error. */
void stream_error_print(stream_error *err, struct text *text);
const char *header_error_name(const header_error *err);

#endif
