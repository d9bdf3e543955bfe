/* wasi:cli/environment: arguments and variables. */
#include "guest/guest.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_cli/texts.h"

static int32_t get_environment(struct component_call *call)
{
    const struct guest *guest = call->guest;
    return texts_answer(call, 0, texts_of_buffer(&guest->env), true /* as_pairs */);
}

static int32_t get_arguments(struct component_call *call)
{
    const struct guest *guest = call->guest;
    return texts_answer(call, 0, texts_of_buffer(&guest->args), false /* as_pairs */);
}

/* None: what a guest may reach hangs on its preopens' names, and none of them is the place where it
 * stands. */
static int32_t initial_cwd(struct component_call *call)
{
    call->results[0].number = 0;
    return 0;
}

static const struct component_func funcs[] = {
    {"get-arguments", "", get_arguments, NULL},
    {"get-environment", "", get_environment, NULL},
    {"initial-cwd", "", initial_cwd, NULL},
};

const struct component_interface wasi_cli_environment = {
    .name = "wasi:cli/environment", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
