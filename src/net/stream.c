/* Connected sockets, plain or inside TLS. See stream.h.
 *
 * An edge tells of everything that came before it, so a read that gives less than was asked for has
 * emptied the socket, and what comes later has an edge of its own. The one exception is the peer's
 * end: when the edge has told of it already, it waits behind the bytes without another. */
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls.h"

void net_stream_init(struct net_stream *stream, int fd)
{
    *stream = (struct net_stream){.fd = fd, .io = {.fd = fd}};
}

void net_stream_note(struct net_stream *stream, unsigned events)
{
    if ((events & (LOOP_READ | LOOP_HANGUP | LOOP_ERROR | LOOP_CLOSED)) != 0) {
        stream->is_readable = true;
    }
    if ((events & (LOOP_HANGUP | LOOP_ERROR | LOOP_CLOSED)) != 0) {
        stream->is_ending = true;
    }
    if ((events & (LOOP_WRITE | LOOP_ERROR | LOOP_CLOSED)) != 0) {
        stream->is_writable = true;
    }
}

/* -- reading ---------------------------------------------------------------------------------- */

static int64_t read_plain(struct net_stream *stream, uint8_t *to, size_t len)
{
    ssize_t n = 0;
    do {
        n = recv(stream->fd, to, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    if (n > 0 && (size_t)n < len && !stream->is_ending) {
        stream->is_readable = false;
    }
    return n;
}

static int64_t read_tls(struct net_stream *stream, uint8_t *to, size_t len)
{
    int64_t n = tls_session_read(stream->tls, to, len);
    if (n > 0 && !stream->is_ending && tls_session_has_drained(stream->tls)) {
        stream->is_readable = false;
    }
    return n;
}

int64_t net_stream_read(struct net_stream *stream, uint8_t *to, size_t len)
{
    assert(len > 0);
    int64_t n = stream->tls != NULL ? read_tls(stream, to, len) : read_plain(stream, to, len);
    if (n == -EAGAIN) {
        stream->is_readable = false;
    }
    return n;
}

bool net_stream_has_pending(const struct net_stream *stream)
{
    return stream->tls != NULL && tls_session_has_pending(stream->tls);
}

/* -- writing ---------------------------------------------------------------------------------- */

static int64_t write_plain(const struct net_stream *stream, const struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iovlen = (size_t)count};
    /* Only recvmsg(), whose struct it is too, would change what they point at. */
    memcpy(&message.msg_iov, &pieces, sizeof pieces);
    ssize_t n = 0;
    do {
        n = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == ECONNRESET ? -EPIPE : -errno;
    }
    return n;
}

static size_t sum(const struct iovec *pieces, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        total += pieces[i].iov_len;
    }
    return total;
}

int64_t net_stream_write(struct net_stream *stream, const struct iovec *pieces, int count)
{
    assert(count > 0 && count <= NET_STREAM_PIECES_MAX);
    int64_t n = stream->tls != NULL ? tls_session_write(stream->tls, pieces, count)
                                    : write_plain(stream, pieces, count);
    /* What the socket took in part it would take no more of now. */
    if (n == -EAGAIN || (n >= 0 && (size_t)n < sum(pieces, count))) {
        stream->is_writable = false;
    }
    return n;
}

/* -- the end ---------------------------------------------------------------------------------- */

void net_stream_shutdown(struct net_stream *stream)
{
    if (stream->tls != NULL) {
        tls_session_shutdown(stream->tls);
    }
    (void)shutdown(stream->fd, SHUT_WR); /* fails only when the peer has gone */
}

void net_stream_close(struct net_stream *stream, bool reset)
{
    if (stream->fd < 0) {
        return;
    }
    loop_io_stop(&stream->io);
    tls_session_free(stream->tls);
    stream->tls = NULL;
    if (reset) {
        struct linger none = {.l_onoff = 1, .l_linger = 0};
        /* Unix sockets know no reset; their peer sees an end. */
        (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    (void)close(stream->fd); /* what could not be sent is the peer's loss */
    stream->fd = -1;
}
