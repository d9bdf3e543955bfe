/* What a peer may do for nothing. See h2_guard.h. */
#include "http/h2_guard.h"

static const uint64_t second_ns = 1000000000;

static uint32_t add_up_to(uint32_t have, uint64_t more, uint32_t max)
{
    return more > max - have ? max : have + (uint32_t)more;
}

static bool take(uint32_t *account)
{
    if (*account == 0) {
        return false;
    }
    (*account)--;
    return true;
}

void h2_guard_init(struct h2_guard *guard, uint64_t now_ns)
{
    *guard = (struct h2_guard){
        .filled_ns = now_ns,
        .frames = H2_GUARD_FRAMES,
        .resets = H2_GUARD_RESETS,
    };
}

/* In steps in which both accounts get whole numbers, so that calls close together lose nothing. */
void h2_guard_fill(struct h2_guard *guard, uint64_t now_ns)
{
    const uint64_t step_ns = second_ns / H2_GUARD_RESETS_A_SECOND;
    uint64_t steps = (now_ns - guard->filled_ns) / step_ns;
    if (steps == 0) {
        return;
    }
    guard->filled_ns += steps * step_ns;
    guard->resets = add_up_to(guard->resets, steps, H2_GUARD_RESETS);
    guard->frames =
        add_up_to(guard->frames, steps * (H2_GUARD_FRAMES_A_SECOND / H2_GUARD_RESETS_A_SECOND),
                  H2_GUARD_FRAMES);
}

bool h2_guard_take_frame(struct h2_guard *guard)
{
    return take(&guard->frames);
}

bool h2_guard_take_reset(struct h2_guard *guard)
{
    return take(&guard->resets);
}

void h2_guard_earn(struct h2_guard *guard, uint32_t frames)
{
    guard->frames = add_up_to(guard->frames, frames, H2_GUARD_FRAMES);
}
