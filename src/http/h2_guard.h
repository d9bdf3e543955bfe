/* What a peer may do for nothing: frames and resets that cost us work and bring no request nearer
 * its end are paid from two accounts, which time and honest work fill. An empty one ends the
 * connection with ENHANCE_YOUR_CALM. */
#ifndef HYTHE_HTTP_H2_GUARD_H
#define HYTHE_HTTP_H2_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    H2_GUARD_FRAMES = 1000, /* PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA */
    H2_GUARD_FRAMES_A_SECOND = 200,
    H2_GUARD_RESETS = 500, /* streams that end before they are answered, whoever resets them */
    H2_GUARD_RESETS_A_SECOND = 50,
};

struct h2_guard {
    uint64_t filled_ns; /* up to when time has been credited */
    uint32_t frames;
    uint32_t resets;
};

void h2_guard_init(struct h2_guard *guard, uint64_t now_ns);

/* Credit the time since the last call. */
void h2_guard_fill(struct h2_guard *guard, uint64_t now_ns);

/* Take one. False when there is none. */
bool h2_guard_take_frame(struct h2_guard *guard);
bool h2_guard_take_reset(struct h2_guard *guard);

/* Credit work: DATA that we have sent, which WINDOW_UPDATEs answer, and requests. */
void h2_guard_earn(struct h2_guard *guard, uint32_t frames);

#endif
