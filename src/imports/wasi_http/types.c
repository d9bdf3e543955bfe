/* wasi:http/types: the table. */
#include "imports/wasi_http/types.h"

#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/options.h"
#include "imports/wasi_http/outgoing.h"

static int32_t http_error_code(struct component_call *call)
{
    const struct io_error *failure = COMPONENT_SELF(call, 0, struct io_error, &io_error_kind);
    if (failure->domain != IO_ERROR_HTTP) {
        return 0; /* none */
    }
    struct wasi_http_error error = http_failure_error(failure->code);
    call->results[0].number = 1;
    wasi_http_error_lower(&error, &call->results[1]);
    return 0;
}

static const struct component_func funcs[] = {
    {"[constructor]fields", "", fields_constructor, NULL},
    {"[constructor]outgoing-request", "headers", outgoing_request_constructor, NULL},
    {"[constructor]outgoing-response", "headers", outgoing_response_constructor, NULL},
    {"[constructor]request-options", "", wasi_http_options_new, NULL},
    {"[method]fields.append", "self name$ value*", fields_append, NULL},
    {"[method]fields.clone", "self", fields_clone, NULL},
    {"[method]fields.delete", "self name$", fields_delete, NULL},
    {"[method]fields.entries", "self", fields_entries, NULL},
    {"[method]fields.get", "self name$", fields_get, NULL},
    {"[method]fields.has", "self name$", fields_has, NULL},
    {"[method]fields.set", "self name$", fields_set, NULL},
    {"[method]future-incoming-response.get", "self", wasi_http_future_get, NULL},
    {"[method]future-incoming-response.subscribe", "self", wasi_http_future_subscribe, NULL},
    {"[method]future-trailers.get", "self", future_trailers_get, NULL},
    {"[method]future-trailers.subscribe", "self", future_trailers_subscribe, NULL},
    {"[method]incoming-body.stream", "self", incoming_body_stream, NULL},
    {"[method]incoming-request.authority", "self", incoming_request_authority, NULL},
    {"[method]incoming-request.consume", "self", incoming_request_consume, NULL},
    {"[method]incoming-request.headers", "self", incoming_request_headers, NULL},
    {"[method]incoming-request.method", "self", incoming_request_method, NULL},
    {"[method]incoming-request.path-with-query", "self", incoming_request_path_with_query, NULL},
    {"[method]incoming-request.scheme", "self", incoming_request_scheme, NULL},
    {"[method]incoming-response.consume", "self", incoming_response_consume, NULL},
    {"[method]incoming-response.headers", "self", incoming_response_headers, NULL},
    {"[method]incoming-response.status", "self", incoming_response_status, NULL},
    {"[method]outgoing-body.write", "self", outgoing_body_write, NULL},
    {"[method]outgoing-request.authority", "self", outgoing_request_authority, NULL},
    {"[method]outgoing-request.body", "self", outgoing_request_get_body, NULL},
    {"[method]outgoing-request.headers", "self", outgoing_request_headers, NULL},
    {"[method]outgoing-request.method", "self", outgoing_request_get_method, NULL},
    {"[method]outgoing-request.path-with-query", "self", outgoing_request_path_with_query, NULL},
    {"[method]outgoing-request.scheme", "self", outgoing_request_scheme, NULL},
    {"[method]outgoing-request.set-authority", "self", outgoing_request_set_authority, NULL},
    {"[method]outgoing-request.set-method", "self", outgoing_request_set_method, NULL},
    {"[method]outgoing-request.set-path-with-query", "self", outgoing_request_set_path_with_query,
     NULL},
    {"[method]outgoing-request.set-scheme", "self", outgoing_request_set_scheme, NULL},
    {"[method]outgoing-response.body", "self", outgoing_response_get_body, NULL},
    {"[method]outgoing-response.headers", "self", outgoing_response_headers, NULL},
    {"[method]outgoing-response.set-status-code", "self status", outgoing_response_set_status_code,
     NULL},
    {"[method]outgoing-response.status-code", "self", outgoing_response_status_code, NULL},
    {"[method]request-options.between-bytes-timeout", "self",
     wasi_http_options_between_bytes_timeout, NULL},
    {"[method]request-options.connect-timeout", "self", wasi_http_options_connect_timeout, NULL},
    {"[method]request-options.first-byte-timeout", "self", wasi_http_options_first_byte_timeout,
     NULL},
    {"[method]request-options.set-between-bytes-timeout", "self",
     wasi_http_options_set_between_bytes_timeout, NULL},
    {"[method]request-options.set-connect-timeout", "self", wasi_http_options_set_connect_timeout,
     NULL},
    {"[method]request-options.set-first-byte-timeout", "self",
     wasi_http_options_set_first_byte_timeout, NULL},
    {"[static]fields.from-list", "", fields_from_list, NULL},
    {"[static]incoming-body.finish", "this", incoming_body_finish, NULL},
    {"[static]outgoing-body.finish", "this", outgoing_body_finish, NULL},
    {"[static]response-outparam.set", "param", response_outparam_set, NULL},
    {"http-error-code", "err", http_error_code, NULL},
};

static const struct component_resource resources[] = {
    {"fields", component_drop},
    {"future-incoming-response", component_drop},
    {"future-trailers", component_drop},
    {"incoming-body", component_drop},
    {"incoming-request", component_drop},
    {"incoming-response", component_drop},
    {"outgoing-body", component_drop},
    {"outgoing-request", component_drop},
    {"outgoing-response", component_drop},
    {"request-options", component_drop},
    {"response-outparam", component_drop},
};

COMPONENT_INTERFACE(wasi_http_types, "wasi:http/types", funcs, resources);
