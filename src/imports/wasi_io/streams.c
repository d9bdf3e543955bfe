/* wasi:io/streams: the table, what both kinds have of their parents, and how a stream's failure is
 * answered. */
#include "imports/wasi_io/streams.h"

#include <stdlib.h>

struct resource *stream_take_parent(struct resource *parent)
{
    if (parent == NULL) {
        return NULL;
    }
    parent->children++;
    return resource_ref(parent);
}

void stream_drop_parent(struct resource *parent)
{
    if (parent != NULL) {
        parent->children--;
        resource_unref(parent);
    }
}

int32_t stream_closed(struct component_call *call)
{
    return component_error(call, STREAM_CLOSED);
}

int32_t stream_failed(struct component_call *call, enum io_error_domain domain, int code)
{
    struct io_error *error = calloc(1, sizeof *error);
    if (error == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&error->base, call->guest, &io_error_kind);
    error->domain = domain;
    error->code = code;
    (void)component_error(call, STREAM_LAST_OPERATION_FAILED); /* the answer is given below */
    return component_give(call, 2, &error->base);
}

static const struct component_func funcs[] = {
    {"[method]input-stream.blocking-read", "self len", input_stream_blocking_read,
     input_stream_blocking_read},
    {"[method]input-stream.blocking-skip", "self len", input_stream_blocking_skip,
     input_stream_blocking_skip},
    {"[method]input-stream.read", "self len", input_stream_read, NULL},
    {"[method]input-stream.skip", "self len", input_stream_skip, NULL},
    {"[method]input-stream.subscribe", "self", input_stream_subscribe, NULL},
    {"[method]output-stream.blocking-flush", "self", output_stream_blocking_flush,
     output_stream_blocking_flush},
    {"[method]output-stream.blocking-splice", "self src len", output_stream_blocking_splice,
     output_stream_blocking_splice},
    {"[method]output-stream.blocking-write-and-flush", "self contents*",
     output_stream_blocking_write, output_stream_blocking_write_finish},
    {"[method]output-stream.blocking-write-zeroes-and-flush", "self len",
     output_stream_blocking_write_zeroes, output_stream_blocking_write_zeroes_finish},
    {"[method]output-stream.check-write", "self", output_stream_check_write, NULL},
    {"[method]output-stream.flush", "self", output_stream_flush, NULL},
    {"[method]output-stream.splice", "self src len", output_stream_splice, NULL},
    {"[method]output-stream.subscribe", "self", output_stream_subscribe, NULL},
    {"[method]output-stream.write", "self contents*", output_stream_write, NULL},
    {"[method]output-stream.write-zeroes", "self len", output_stream_write_zeroes, NULL},
};

static const struct component_resource resources[] = {
    {"input-stream", component_drop},
    {"output-stream", component_drop},
};

COMPONENT_INTERFACE(wasi_io_streams, "wasi:io/streams", funcs, resources);
