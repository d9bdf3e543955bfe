/* The pause before a worker starts again. See backoff.h. */
#include "host/backoff.h"

uint64_t backoff_next_ms(uint64_t pause_ms, uint64_t lived_ms)
{
    if (pause_ms == 0 || lived_ms >= BACKOFF_LONG_LIFE_MS) {
        return BACKOFF_MIN_MS;
    }
    return pause_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : pause_ms * 2;
}
