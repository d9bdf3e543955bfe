/* How long to wait before a worker that ended is started again. */
#ifndef HYTHE_HOST_BACKOFF_H
#define HYTHE_HOST_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 10000, BACKOFF_LONG_LIFE_MS = 10000 };

/* The next pause after one that was `pause_ms` (0: there was none) for a worker that lived
 * `lived_ms`: twice as long up to the maximum, and the shortest after a long life. */
uint64_t backoff_next_ms(uint64_t pause_ms, uint64_t lived_ms);

#endif
