/* wasi:cli/terminal-*: whether stdin, stdout and stderr are terminals. The resources can do nothing
 * yet; that there is one is all they say. */
#include <stdlib.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/guest.h"
#include "imports/wasi_cli/cli.h"

static void terminal_free(struct resource *resource)
{
    free(resource);
}

static const struct resource_kind input_kind = {.name = "terminal-input", .free = terminal_free};
static const struct resource_kind output_kind = {.name = "terminal-output", .free = terminal_free};

/* Answer with some when the descriptor is a terminal. */
static int32_t give(struct component_call *call, uint32_t fd, const struct resource_kind *kind)
{
    struct guest *guest = call->guest;
    struct descriptor *d = fd_table_get(&guest->fds, fd);
    const struct guest_file *file = d != NULL ? guest_file_of(d) : NULL;
    if (file == NULL || !file->is_terminal) {
        call->results[0].number = 0;
        return 0;
    }
    struct resource *terminal = calloc(1, sizeof *terminal);
    if (terminal != NULL) {
        resource_init(terminal, guest, kind);
    }
    call->results[0].number = 1;
    return component_give(call, 1, terminal);
}

static int32_t get_stdin(struct component_call *call)
{
    return give(call, STDIN_FILENO, &input_kind);
}

static int32_t get_stdout(struct component_call *call)
{
    return give(call, STDOUT_FILENO, &output_kind);
}

static int32_t get_stderr(struct component_call *call)
{
    return give(call, STDERR_FILENO, &output_kind);
}

static const struct component_func stdin_funcs[] = {{"get-terminal-stdin", "", get_stdin, NULL}};
static const struct component_func stdout_funcs[] = {{"get-terminal-stdout", "", get_stdout, NULL}};
static const struct component_func stderr_funcs[] = {{"get-terminal-stderr", "", get_stderr, NULL}};
static const struct component_resource inputs[] = {{"terminal-input", component_drop}};
static const struct component_resource outputs[] = {{"terminal-output", component_drop}};

const struct component_interface wasi_cli_terminal_input = {
    .name = "wasi:cli/terminal-input", .resources = inputs, .resource_count = 1};
const struct component_interface wasi_cli_terminal_output = {
    .name = "wasi:cli/terminal-output", .resources = outputs, .resource_count = 1};
const struct component_interface wasi_cli_terminal_stdin = {
    .name = "wasi:cli/terminal-stdin", .funcs = stdin_funcs, .func_count = 1};
const struct component_interface wasi_cli_terminal_stdout = {
    .name = "wasi:cli/terminal-stdout", .funcs = stdout_funcs, .func_count = 1};
const struct component_interface wasi_cli_terminal_stderr = {
    .name = "wasi:cli/terminal-stderr", .funcs = stderr_funcs, .func_count = 1};
