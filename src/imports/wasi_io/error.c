/* wasi:io/error: what went wrong with a stream, in words. */
#include <stdlib.h>
#include <string.h>

#include "http/error.h"
#include "imports/wasi_io/io.h"

static void error_free(struct resource *resource)
{
    free(container_of(resource, struct io_error, base));
}

const struct resource_kind io_error_kind = {.name = "error", .free = error_free};

static int32_t to_debug_string(struct component_call *call)
{
    const struct io_error *error = COMPONENT_SELF(call, 0, struct io_error, &io_error_kind);
    const char *words = error->domain == IO_ERROR_HTTP
                            ? http_error_text((enum http_error)error->code)
                            : strerrordesc_np(-error->code); /* as strerror, in no language */
    call->results[0].bytes = span_of(words != NULL ? words : "unknown error");
    return 0;
}

static const struct component_func funcs[] = {
    {"[method]error.to-debug-string", "self", to_debug_string, NULL},
};

static const struct component_resource resources[] = {
    {"error", component_drop},
};

COMPONENT_INTERFACE(wasi_io_error, "wasi:io/error", funcs, resources);
