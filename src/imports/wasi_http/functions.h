/* The functions of wasi:http/types, by resource, for the table in types.c. Their texts are the WIT's. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_FUNCTIONS_H
#define HYTHE_IMPORTS_WASI_HTTP_FUNCTIONS_H

#include "imports/component.h"

/* fields.c */
component_fn fields_constructor;
component_fn fields_from_list;
component_fn fields_get;
component_fn fields_has;
component_fn fields_set;
component_fn fields_delete;
component_fn fields_append;
component_fn fields_entries;
component_fn fields_clone;

/* incoming_request.c */
component_fn incoming_request_method;
component_fn incoming_request_path_with_query;
component_fn incoming_request_scheme;
component_fn incoming_request_authority;
component_fn incoming_request_headers;
component_fn incoming_request_consume;

/* outgoing_request.c */
component_fn outgoing_request_constructor;
component_fn outgoing_request_get_body;
component_fn outgoing_request_get_method;
component_fn outgoing_request_set_method;
component_fn outgoing_request_path_with_query;
component_fn outgoing_request_set_path_with_query;
component_fn outgoing_request_scheme;
component_fn outgoing_request_set_scheme;
component_fn outgoing_request_authority;
component_fn outgoing_request_set_authority;
component_fn outgoing_request_headers;

/* outgoing_response.c */
component_fn outgoing_response_constructor;
component_fn outgoing_response_status_code;
component_fn outgoing_response_set_status_code;
component_fn outgoing_response_headers;
component_fn outgoing_response_get_body;

/* inbound.c */
component_fn response_outparam_set;

/* link.c */
component_fn incoming_response_status;
component_fn incoming_response_headers;
component_fn incoming_response_consume;

/* incoming_body.c */
component_fn incoming_body_stream;
component_fn incoming_body_finish;
component_fn future_trailers_subscribe;
component_fn future_trailers_get;

/* outgoing_body.c */
component_fn outgoing_body_write;
component_fn outgoing_body_finish;

#endif
