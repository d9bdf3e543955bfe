/* wasi:cli/exit: the guest's end, by its own wish. */
#include "guest/guest.h"
#include "imports/wasi_cli/cli.h"

static int32_t end_guest(struct component_call *call)
{
    struct guest *guest = call->guest;
    guest->has_exited = true;
    guest->exit_code = component_u32(call, 0); /* a result's 0 is ok and its 1 is error, as here */
    return CALL_TRAP;
}

static const struct component_func funcs[] = {
    {"exit", "status", end_guest, NULL},
    {"exit-with-code", "status_code", end_guest, NULL},
};

const struct component_interface wasi_cli_exit = {
    .name = "wasi:cli/exit", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
