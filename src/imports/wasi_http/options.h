/* request-options of wasi:http/types, whose rows stand in that interface's table. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_OPTIONS_H
#define HYTHE_IMPORTS_WASI_HTTP_OPTIONS_H

#include "http/client.h"
#include "imports/component.h"

extern const struct resource_kind wasi_http_options_kind;

/* The times that options, of wasi_http_options_kind, ask for. */
struct http_times wasi_http_options_times(const struct resource *resource);

component_fn wasi_http_options_new; /* [constructor]request-options, and its methods */
component_fn wasi_http_options_connect_timeout;
component_fn wasi_http_options_set_connect_timeout;
component_fn wasi_http_options_first_byte_timeout;
component_fn wasi_http_options_set_first_byte_timeout;
component_fn wasi_http_options_between_bytes_timeout;
component_fn wasi_http_options_set_between_bytes_timeout;

#endif
