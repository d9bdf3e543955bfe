/* Sending on a stream: small sends of a guest leave together. See socket.h for the rule.
 *
 * The bytes of one socket are in one of three places, in this order of age: with the kernel; in
 * `held` and draining, because the kernel had no room; in `held` and kept back, waiting for the
 * guest's next host call. A socket is draining or keeping back, never both, and the guest's `held`
 * names the one that keeps back.
 *
 *   1. send appends to `held` and answers at once
 *   2. the guest's next other call runs guest_flush: one sendmsg, and `held` goes to the spare
 *   3. if the kernel took only a part, the socket is draining: LOOP_WRITE counts as not ready
 *      until an edge has let the rest out (guest_socket_on_writable)
 *   4. closed while draining, it joins guest->lingering and goes when the rest is out */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "guest/guest.h"
#include "guest/socket.h"

enum { SEND_IOV_MAX = 1024 }; /* what sendmsg takes, UIO_MAXIOV */

static void on_linger_ready(struct loop_io *io, unsigned events);

/* -- the buffer ------------------------------------------------------------------------------- */

static void release_buffer(struct guest_socket *s)
{
    struct guest *guest = s->base.guest;
    s->held.len = 0;
    if (guest->spare.cap == 0) {
        guest->spare = s->held;
        buffer_init(&s->held, SOCKET_HOLD_MAX);
    } else {
        buffer_done(&s->held);
    }
    s->is_draining = false;
    if (guest->held == s) {
        guest->held = NULL;
    }
}

static int append(struct guest_socket *s, const struct iovec *iov, int count, size_t len)
{
    struct guest *guest = s->base.guest;
    if (s->held.cap == 0 && guest->spare.cap > 0) {
        s->held = guest->spare;
        buffer_init(&guest->spare, SOCKET_HOLD_MAX);
    }
    int r = buffer_reserve(&s->held, len);
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < count; i++) {
        /* Cannot fail: there is room for all of them. */
        (void)buffer_append(&s->held, (struct span){iov[i].iov_base, iov[i].iov_len});
    }
    return 0;
}

/* -- to the kernel ---------------------------------------------------------------------------- */

static ssize_t send_iov(const struct guest_socket *s, struct iovec *iov, size_t count)
{
    const struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = sendmsg(s->base.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* Bytes of `held` stay: they go out when there is room. */
static void begin_draining(struct guest_socket *s, size_t sent)
{
    buffer_consume(&s->held, sent);
    s->is_draining = true;
    descriptor_not_ready(&s->base, LOOP_WRITE);
    if (s->base.guest->held == s) {
        s->base.guest->held = NULL;
    }
}

/* The error comes out of the next call, so the guest must find both directions ready. */
static void fail_later(struct guest_socket *s, int error)
{
    release_buffer(s);
    s->pending_error = error;
    s->base.ready |= LOOP_READ | LOOP_WRITE | LOOP_ERROR;
    s->base.write_news = true;
}

void guest_socket_flush(struct guest_socket *s)
{
    if (s->held.len == 0) {
        return;
    }
    struct iovec iov = {.iov_base = s->held.data, .iov_len = s->held.len};
    ssize_t sent = send_iov(s, &iov, 1);
    if (sent == -EAGAIN) {
        begin_draining(s, 0);
    } else if (sent < 0) {
        fail_later(s, (int)sent);
    } else if ((size_t)sent < s->held.len) {
        begin_draining(s, (size_t)sent);
    } else {
        bool was_draining = s->is_draining;
        release_buffer(s);
        if (was_draining && s->is_shut_write) {
            /* The guest's shutdown waited for these bytes; who could hear of an error is gone. */
            (void)shutdown(s->base.fd, SHUT_WR);
        }
    }
}

/* The guest's own bytes behind what is held, in one call. */
static int64_t send_through(struct guest_socket *s, const struct iovec *iov, int count, size_t len)
{
    struct iovec all[SEND_IOV_MAX];
    size_t used = 0;
    size_t total = 0;
    if (s->held.len > 0) {
        all[used++] = (struct iovec){.iov_base = s->held.data, .iov_len = s->held.len};
        total = s->held.len;
    }
    for (int i = 0; i < count && used < SEND_IOV_MAX; i++) {
        all[used++] = iov[i];
        total += iov[i].iov_len;
    }
    ssize_t sent = send_iov(s, all, used);
    size_t held = s->held.len;
    if (sent < 0 && sent != -EAGAIN) {
        release_buffer(s);
        return sent;
    }
    size_t gone = sent < 0 ? 0 : (size_t)sent;
    if (gone < held) {
        begin_draining(s, gone);
        return -EAGAIN;
    }
    release_buffer(s);
    s->base.write_news = true;
    if (gone < total) {
        descriptor_not_ready(&s->base, LOOP_WRITE);
    }
    return gone == held && len > 0 ? -EAGAIN : (int64_t)(gone - held);
}

/* Connecting streams and datagrams: nothing is ever kept back. */
static int64_t send_directly(struct guest_socket *s, const struct iovec *iov, int count)
{
    struct iovec all[SEND_IOV_MAX];
    size_t used = (size_t)count < SEND_IOV_MAX ? (size_t)count : SEND_IOV_MAX;
    memcpy(all, iov, used * sizeof *iov);
    ssize_t sent = send_iov(s, all, used);
    if (sent == -EAGAIN) {
        descriptor_not_ready(&s->base, LOOP_WRITE);
    }
    if (sent >= 0 && s->state == SOCKET_CONNECTING) {
        s->state = SOCKET_OPEN;
    }
    return sent;
}

static size_t iov_len(const struct iovec *iov, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

int64_t guest_socket_send(struct guest_socket *s, const struct iovec *iov, int count)
{
    struct guest *guest = s->base.guest;
    if (guest->held != s) {
        guest_flush(guest);
    }
    if (s->pending_error < 0) {
        return guest_socket_take_error(s);
    }
    if (s->type != SOCK_STREAM || s->state != SOCKET_OPEN) {
        return send_directly(s, iov, count);
    }
    if (s->is_shut_write) {
        return -EPIPE;
    }
    if (s->is_draining) {
        guest_socket_flush(s); /* a guest that polls nothing and tries again must get on, too */
        if (s->is_draining) {
            return -EAGAIN;
        }
        if (s->pending_error < 0) {
            return guest_socket_take_error(s);
        }
    }
    size_t len = iov_len(iov, count);
    if (len == 0) {
        return 0;
    }
    if (len > SOCKET_HOLD_MAX - s->held.len || append(s, iov, count, len) < 0) {
        return send_through(s, iov, count, len);
    }
    guest->held = s;
    s->base.write_news = true;
    return (int64_t)len;
}

int64_t guest_socket_room(struct guest_socket *s)
{
    /* What is draining goes on by its edge: thousands of pollables may ask at once. */
    if (!s->is_draining && s->held.len == SOCKET_HOLD_MAX) {
        guest_socket_flush(s);
    }
    if (s->pending_error < 0) {
        return s->pending_error;
    }
    if (s->is_shut_write) {
        return -EPIPE;
    }
    return s->is_draining ? 0 : (int64_t)(SOCKET_HOLD_MAX - s->held.len);
}

void guest_socket_on_writable(struct descriptor *d)
{
    struct guest_socket *s = container_of(d, struct guest_socket, base);
    if (s->is_draining) {
        guest_socket_flush(s);
    }
}

/* -- the end ---------------------------------------------------------------------------------- */

int guest_socket_shutdown(struct guest_socket *s, int how)
{
    guest_flush(s->base.guest);
    if (s->pending_error < 0) {
        return guest_socket_take_error(s);
    }
    bool ends_writing = how == SHUT_WR || how == SHUT_RDWR;
    if (s->is_draining && ends_writing) {
        s->is_shut_write = true; /* the kernel hears of it behind the last byte */
        if (how == SHUT_WR) {
            return 0;
        }
        how = SHUT_RD;
    }
    if (shutdown(s->base.fd, how) < 0) {
        return -errno;
    }
    s->is_shut_write = s->is_shut_write || ends_writing;
    return 0;
}

static void end_lingering(struct guest_socket *s)
{
    list_remove(&s->node);
    s->base.guest->lingering_count--;
    guest_socket_free(s);
}

static void on_linger_ready(struct loop_io *io, unsigned events)
{
    struct guest_socket *s = container_of(io, struct guest_socket, base.io);
    if ((events & (LOOP_WRITE | LOOP_ERROR)) != 0) {
        guest_socket_flush(s);
        if (!s->is_draining) {
            end_lingering(s);
        }
    }
}

bool guest_socket_outlives_close(struct guest_socket *s)
{
    struct guest *guest = s->base.guest;
    guest_socket_flush(s);
    if (!s->is_draining) {
        return false;
    }
    if (guest->lingering_count >= SOCKET_LINGERING_MAX) {
        end_lingering(container_of(guest->lingering.next, struct guest_socket, node));
    }
    s->base.io.on_ready = on_linger_ready; /* no guest waits for it any more */
    list_append(&guest->lingering, &s->node);
    guest->lingering_count++;
    return true;
}

/* Let each lingering socket that has room send. */
static void flush_lingering(struct guest *guest, struct pollfd *polls, uint32_t count)
{
    struct list *node = guest->lingering.next;
    for (uint32_t i = 0; i < count; i++) {
        struct guest_socket *s = container_of(node, struct guest_socket, node);
        node = node->next;
        if (polls[i].revents != 0) {
            guest_socket_flush(s);
            if (!s->is_draining) {
                end_lingering(s);
            }
        }
    }
}

static uint32_t list_lingering(struct guest *guest, struct pollfd *polls)
{
    uint32_t count = 0;
    for (struct list *node = guest->lingering.next; node != &guest->lingering; node = node->next) {
        struct guest_socket *s = container_of(node, struct guest_socket, node);
        polls[count++] = (struct pollfd){.fd = s->base.fd, .events = POLLOUT};
    }
    assert(count == guest->lingering_count);
    return count;
}

void guest_socket_linger(struct guest *guest, int max_ms)
{
    uint64_t deadline_ns = loop_clock_ns() + (uint64_t)(max_ms > 0 ? max_ms : 0) * 1000000U;
    struct pollfd *polls = NULL;
    if (guest->lingering_count > 0) {
        polls = calloc(guest->lingering_count, sizeof *polls);
    }
    while (polls != NULL && guest->lingering_count > 0) {
        uint64_t now_ns = loop_clock_ns();
        if (now_ns >= deadline_ns) {
            break;
        }
        uint32_t count = list_lingering(guest, polls);
        int wait_ms = (int)((deadline_ns - now_ns + 999999U) / 1000000U);
        if (poll(polls, count, wait_ms) > 0) {
            flush_lingering(guest, polls, count);
        }
    }
    free(polls);
    while (!list_empty(&guest->lingering)) {
        end_lingering(container_of(guest->lingering.next, struct guest_socket, node));
    }
}
