/* Readiness as guests ask for it. See poll.h. */
#include "guest/poll.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "guest/guest.h"
#include "guest/socket.h"
#include "guest/stream.h"

enum { POLLS_BEFORE_STALE = 16 };

void guest_poll_begin(struct guest *guest)
{
    guest->poll_seq++;
    if (guest->poll_seq < 2) {
        guest->poll_seq = 2; /* 0 stands for "never" in the descriptors: no poll comes next to it */
    }
}

static bool is_listener(struct descriptor *d)
{
    const struct guest_socket *s = guest_socket_of(d);
    return s != NULL && s->state == SOCKET_LISTENING;
}

static uint64_t readable_bytes(struct descriptor *d, bool count_bytes)
{
    int count = 0;
    if (d->kind == DESCRIPTOR_STREAM) {
        return 1;
    }
    if (is_listener(d)) {
        return 0; /* FIONREAD on a listener is an error, and guests take that for theirs */
    }
    if (!count_bytes || ioctl(d->fd, FIONREAD, &count) < 0) {
        return 1;
    }
    return count > 0 ? (uint64_t)count : 0;
}

/* What is cached says what was ready before the guest's last call; the call may have used it up
 * without finding out. A guest that asked for NONBLOCK then gets AGAIN. One that did not would be
 * parked in a call that poll has called ready, so for it the kernel is asked once more. */
static bool is_ready(struct descriptor *d, unsigned direction)
{
    if ((d->ready & direction) == 0) {
        return false;
    }
    struct guest_stream *stream = guest_stream_of(d);
    if (stream != NULL) {
        return guest_stream_is_ready(stream, direction);
    }
    if (d->always_ready || (d->fdflags & FDFLAG_NONBLOCK) != 0 || (d->ready & LOOP_ERROR) != 0) {
        return true;
    }
    struct pollfd asked = {.fd = d->fd, .events = direction == LOOP_READ ? POLLIN : POLLOUT};
    if (poll(&asked, 1, 0 /* timeout */) != 0) {
        return true;
    }
    descriptor_not_ready(d, direction);
    return false;
}

/* An error or a hang-up is readiness: the call that follows gets the errno. */
static bool report(struct descriptor *d, struct poll_result *ret_result)
{
    *ret_result = (struct poll_result){.hangup = (d->ready & LOOP_CLOSED) != 0};
    return true;
}

static bool report_bad(struct poll_result *ret_result)
{
    *ret_result = (struct poll_result){.error = -EBADF};
    return true;
}

/* Was this direction last looked at before the guest's previous poll? A second subscription in the
 * same poll is no news. */
static bool is_new_since(uint32_t looked_at, const struct guest *guest)
{
    return looked_at != guest->poll_seq - 1 && looked_at != guest->poll_seq;
}

bool guest_poll_read(struct guest *guest, uint32_t fd, bool count_bytes,
                     struct poll_result *ret_result)
{
    struct descriptor *d = fd_table_get(&guest->fds, fd);
    if (d == NULL) {
        return report_bad(ret_result);
    }
    bool is_new = is_new_since(d->read_poll, guest);
    bool has_news = guest->poll_mode == GUEST_POLL_LEVEL || is_new || d->read_news;
    d->read_poll = guest->poll_seq;
    if ((is_listener(d) && !has_news) || !is_ready(d, LOOP_READ)) {
        guest_wait_mark(guest, d, LOOP_READ);
        return false;
    }
    d->read_news = false;
    report(d, ret_result);
    ret_result->nbytes = readable_bytes(d, count_bytes);
    return true;
}

bool guest_poll_write(struct guest *guest, uint32_t fd, bool is_edge,
                      struct poll_result *ret_result)
{
    struct descriptor *d = fd_table_get(&guest->fds, fd);
    if (d == NULL) {
        return report_bad(ret_result);
    }
    bool is_new = is_new_since(d->write_poll, guest);
    bool is_paired = d->read_poll == guest->poll_seq;
    bool wants_edges = is_edge || guest->poll_mode == GUEST_POLL_AUTO;
    d->write_poll = guest->poll_seq;
    bool has_news = !wants_edges || !is_paired || is_new || d->write_news;
    if (!has_news || !is_ready(d, LOOP_WRITE)) {
        guest_wait_mark(guest, d, LOOP_WRITE);
        return false;
    }
    d->write_news = false;
    return report(d, ret_result);
}

bool guest_poll_is_stale(struct guest *guest)
{
    guest->hot_polls++;
    return guest->hot_polls >= POLLS_BEFORE_STALE;
}

void guest_poll_refreshed(struct guest *guest)
{
    guest->hot_polls = 0;
}
