/* What poll_oneoff asks, answered from cached readiness without a system call.
 *
 * Level mode is the letter of the specification: a descriptor is reported as long as it is ready.
 * Auto mode is for guests whose runtime expects edges (mio, tokio): FD_WRITE of a descriptor whose
 * FD_READ is subscribed in the same poll is reported only when there is news:
 *   - the subscription is new since the guest's previous poll, or
 *   - the guest has tried to send on it since the last report, or
 *   - the kernel has made it writable again.
 * Otherwise a writable but idle connection would end every poll at once, for ever. Likewise FD_READ
 * of a listener: once reported, it is reported again after an accept or a new connection, so that a
 * guest which rests from accepting (hyper does, for a second, when it is out of descriptors) does
 * not spin meanwhile. */
#ifndef HYTHE_GUEST_POLL_H
#define HYTHE_GUEST_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct descriptor;

struct poll_result {
    int error;       /* negative errno, or 0 */
    uint64_t nbytes; /* readable bytes, when they were counted; 1 for "some" */
    bool hangup;
};

/* Begin one look at the guest's subscriptions. */
void guest_poll_begin(struct guest *guest);

/* Note that FD_READ of `fd` is subscribed, for all before any guest_poll_write of this look, and
 * tell whether it is ready. With `count_bytes` nbytes is counted, by a system call. */
bool guest_poll_read(struct guest *guest, uint32_t fd, bool count_bytes,
                     struct poll_result *ret_result);

/* Tell whether FD_WRITE of `fd` is to be reported; `is_edge` asks for auto mode whatever the
 * guest's own is. */
bool guest_poll_write(struct guest *guest, uint32_t fd, bool is_edge,
                      struct poll_result *ret_result);

/* Before the first look of a call: true when the kernel has not been asked for many polls in a
 * row, since they all found something ready. The caller then lets the loop have a turn first, so
 * that new connections are not starved by busy ones. */
bool guest_poll_is_stale(struct guest *guest);

/* After a wait: the kernel has just been asked. */
void guest_poll_refreshed(struct guest *guest);

#endif
