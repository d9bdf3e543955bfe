/* Ending, yielding and chance: proc_exit, proc_raise, sched_yield, random_get. */
#include <errno.h>
#include <sys/random.h>

#include "base/container.h"
#include "engine/instance.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

/* $signal */
enum {
    SIGNAL_NONE = 0,
    SIGNAL_CHLD = 16,
    SIGNAL_CONT = 17,
    SIGNAL_STOP = 18,
    SIGNAL_TTOU = 21,
    SIGNAL_URG = 22,
    SIGNAL_WINCH = 27,
    SIGNAL_LAST = 30,
};

enum { RANDOM_PIECE = 32 << 10 /* bytes before the others have their turn */ };

static int32_t end_guest(struct call *call, uint32_t code)
{
    struct guest *guest = call_guest(call);
    guest->has_exited = true;
    guest->exit_code = code;
    return CALL_TRAP;
}

static int32_t proc_exit(struct call *call)
{
    return end_guest(call, call_u32(call, 0));
}

/* A guest has no handlers, so a signal it raises does what it does by default: it ends the guest,
 * is ignored, or (stopping) cannot be had. */
static int32_t proc_raise(struct call *call)
{
    uint32_t signal = call_u32(call, 0);
    switch (signal) {
    case SIGNAL_NONE:
    case SIGNAL_CHLD:
    case SIGNAL_CONT:
    case SIGNAL_URG:
    case SIGNAL_WINCH:
        return WASI_ESUCCESS;
    default:
        break;
    }
    if (signal > SIGNAL_LAST) {
        return WASI_EINVAL;
    }
    if (signal >= SIGNAL_STOP && signal <= SIGNAL_TTOU) {
        return WASI_ENOTSUP;
    }
    return end_guest(call, 128 + signal);
}

static int32_t let_others_run(struct call *call)
{
    int r = guest_wait_begin(call_guest(call), 0);
    return r < 0 ? wasi_errno_from(r) : CALL_WAIT;
}

/* Let the loop have a turn, so that what the guest waits for by spinning can happen. */
static int32_t sched_yield_begin(struct call *call)
{
    return let_others_run(call);
}

static int32_t sched_yield_finish(struct call *call)
{
    (void)call;
    return WASI_ESUCCESS;
}

/* Fill the next piece; wait.value counts the bytes of those before. */
static int32_t random_piece(struct call *call, uint32_t have)
{
    uint8_t *bytes = NULL;
    uint32_t len = call_u32(call, 1);
    int r = call_room(call, call_u32(call, 0), len, &bytes);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    uint32_t end = len - have > RANDOM_PIECE ? have + RANDOM_PIECE : len;
    while (have < end) {
        ssize_t got = getrandom(bytes + have, end - have, 0);
        if (got < 0 && errno != EINTR) {
            return wasi_errno_from(-errno);
        }
        have += got > 0 ? (uint32_t)got : 0;
    }
    call_guest(call)->wait.value = have;
    return have == len ? WASI_ESUCCESS : let_others_run(call);
}

static int32_t random_get_begin(struct call *call)
{
    return random_piece(call, 0);
}

static int32_t random_get_finish(struct call *call)
{
    return random_piece(call, call_guest(call)->wait.value);
}

static const struct host_func rows[] = {
    {"proc_exit", "i", "", "rval", proc_exit, NULL},
    {"proc_raise", "i", "i", "sig", proc_raise, NULL},
    {"random_get", "ii", "i", "buf buf_len", random_get_begin, random_get_finish},
    {"sched_yield", "", "i", "", sched_yield_begin, sched_yield_finish},
};

const struct func_table preview1_process = {rows, ARRAY_COUNT(rows)};
