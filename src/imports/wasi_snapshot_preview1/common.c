/* What the chapters of preview1 share. See preview1.h. */
#include <errno.h>

#include "base/num.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

int call_iovs(const struct call *call, uint32_t address, uint32_t count, struct call_iovs *ret_iovs)
{
    if (count > WASI_IOVEC_MAX) {
        return -EINVAL;
    }
    struct span list;
    int r = call_span(call, address, count * WASI_IOVEC_SIZE, &list);
    if (r < 0) {
        return r;
    }
    ret_iovs->count = (int)count;
    ret_iovs->len = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t base = load_u32(list.data + (size_t)i * WASI_IOVEC_SIZE);
        uint32_t len = load_u32(list.data + (size_t)i * WASI_IOVEC_SIZE + 4);
        if (!call_in_memory(call, base, len)) {
            return -EFAULT;
        }
        ret_iovs->iov[i] = (struct iovec){call->memory + base, len};
        ret_iovs->len += len;
    }
    return ret_iovs->len > UINT32_MAX ? -EINVAL : 0;
}

void call_iovs_skip(struct call_iovs *iovs, uint64_t done)
{
    int first = 0;
    iovs->len -= done;
    while (first < iovs->count && done >= iovs->iov[first].iov_len) {
        done -= iovs->iov[first].iov_len;
        first++;
    }
    if (first > 0) {
        iovs->count -= first;
        memmove(iovs->iov, iovs->iov + first, (size_t)iovs->count * sizeof iovs->iov[0]);
    }
    if (done > 0) {
        iovs->iov[0].iov_base = (uint8_t *)iovs->iov[0].iov_base + done;
        iovs->iov[0].iov_len -= done;
    }
}

static int32_t wait_for(struct call *call, struct descriptor *d, unsigned direction)
{
    struct guest *guest = call_guest(call);
    guest_wait_mark(guest, d, direction);
    int r = guest_wait_begin(guest, guest->wait.deadline_ns);
    return r < 0 ? wasi_errno_from(r) : CALL_WAIT;
}

int32_t call_wait_ready(struct call *call, struct descriptor *d, unsigned direction,
                        uint64_t timeout_ns)
{
    struct guest *guest = call_guest(call);
    guest->wait.deadline_ns =
        timeout_ns == UINT64_MAX ? UINT64_MAX : num_add_sat(loop_clock_ns(), timeout_ns);
    return wait_for(call, d, direction);
}

int32_t call_wait_again(struct call *call, struct descriptor *d, unsigned direction)
{
    if (call_guest(call)->wait.is_timed_out) {
        return WASI_EAGAIN;
    }
    return wait_for(call, d, direction);
}
