/* future-incoming-response of wasi:http/types, whose rows stand in that interface's table. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_OUTGOING_H
#define HYTHE_IMPORTS_WASI_HTTP_OUTGOING_H

#include "imports/component.h"

extern const struct resource_kind wasi_http_future_kind;

component_fn wasi_http_future_subscribe; /* [method]future-incoming-response.subscribe */
component_fn wasi_http_future_get;

#endif
