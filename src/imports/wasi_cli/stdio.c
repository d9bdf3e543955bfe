/* wasi:cli/stdin, stdout, stderr: streams over the guest's descriptors 0, 1 and 2. One that is not
 * there is at its end, or swallows what is written. */
#include <unistd.h>

#include "guest/guest.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_io/descriptor_stream.h"

static int32_t get_stdin(struct component_call *call)
{
    struct guest *guest = call->guest;
    struct descriptor *d = fd_table_get(&guest->fds, STDIN_FILENO);
    struct input_stream *stream = descriptor_input_stream_new(guest, d);
    return component_give(call, 0, stream != NULL ? &stream->base : NULL);
}

static int32_t give_output(struct component_call *call, uint32_t fd)
{
    struct guest *guest = call->guest;
    struct descriptor *d = fd_table_get(&guest->fds, fd);
    struct output_stream *stream = descriptor_output_stream_new(guest, d);
    return component_give(call, 0, stream != NULL ? &stream->base : NULL);
}

static int32_t get_stdout(struct component_call *call)
{
    return give_output(call, STDOUT_FILENO);
}

static int32_t get_stderr(struct component_call *call)
{
    return give_output(call, STDERR_FILENO);
}

static const struct component_func stdin_funcs[] = {{"get-stdin", "", get_stdin, NULL}};
static const struct component_func stdout_funcs[] = {{"get-stdout", "", get_stdout, NULL}};
static const struct component_func stderr_funcs[] = {{"get-stderr", "", get_stderr, NULL}};

const struct component_interface wasi_cli_stdin = {
    .name = "wasi:cli/stdin", .funcs = stdin_funcs, .func_count = 1};
const struct component_interface wasi_cli_stdout = {
    .name = "wasi:cli/stdout", .funcs = stdout_funcs, .func_count = 1};
const struct component_interface wasi_cli_stderr = {
    .name = "wasi:cli/stderr", .funcs = stderr_funcs, .func_count = 1};
