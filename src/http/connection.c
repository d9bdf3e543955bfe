/* A connection from accept to close: what comes before HTTP, and what comes after.
 *
 * Happy path: PROXY preface where the listener expects one -> TLS handshake where it has a
 * certificate -> h1.c or h2.c -> close, or linger and close.
 *
 * Failure modes: no preface, no handshake, too slow: closed without a word, since no HTTP has been
 * spoken yet. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "http/address_counts.h"
#include "http/internal.h"
#include "net/proxy_protocol.h"
#include "net/tls.h"

enum {
    LINGER_BYTES = 16 << 10, /* with LINGER_READS: a turn */
    LINGER_READS = 16,
    UNSENT_MAX = 128 << 10, /* bytes that the kernel takes from us before it can send them */
};

static void on_stream_ready(struct loop_io *io, unsigned events);
static void throw_away(struct http_connection *c);

/* -- phases ----------------------------------------------------------------------------------- */

void http_connection_set_phase(struct http_connection *c, enum http_phase phase)
{
    c->server->phase_count[c->phase]--;
    c->phase = (uint8_t)phase;
    c->server->phase_count[phase]++;
}

void http_connection_enter(struct http_connection *c, enum http_phase phase,
                           struct deadline_queue *queue, uint64_t now_ns)
{
    http_connection_set_phase(c, phase);
    if (queue == NULL) {
        deadline_stop(&c->deadline);
    } else {
        (void)deadline_start(queue, &c->deadline, now_ns); /* without memory: a little late */
    }
}

static void on_turn(struct loop_deferred *deferred)
{
    struct http_connection *c = container_of(deferred, struct http_connection, turn);
    if (c->phase == PHASE_LINGER) {
        throw_away(c);
        return;
    }
    if (c->is_doomed || c->protocol == NULL) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return;
    }
    c->protocol->on_turn(c);
}

void http_connection_defer(struct http_connection *c)
{
    loop_defer(c->server->loop, &c->turn);
}

void http_connection_doom(struct http_connection *c)
{
    c->is_doomed = true;
    http_connection_defer(c);
}

/* -- the end ---------------------------------------------------------------------------------- */

void http_connection_close(struct http_connection *c, bool reset, enum http_outcome outcome)
{
    struct http_server *server = c->server;
    if (c->protocol != NULL) {
        c->protocol->close(c, outcome);
    }
    deadline_stop(&c->deadline);
    loop_deferred_cancel(&c->turn);
    if (!reset && c->stream.tls != NULL && c->phase != PHASE_HANDSHAKE &&
        c->phase != PHASE_LINGER) {
        net_stream_shutdown(&c->stream); /* TLS wants a goodbye */
    }
    net_stream_close(&c->stream, reset);
    list_remove(&c->node);
    server->phase_count[c->phase]--;
    server->connection_count--;
    if (c->is_counted) {
        address_counts_remove(server->addresses, &c->peer);
    }
    free(c);
    server_connection_gone(server);
}

/* Throw away what comes, a part of it in each turn, until the peer ends or the deadline does. */
static void throw_away(struct http_connection *c)
{
    uint8_t scratch[LINGER_BYTES];
    for (int i = 0; i < LINGER_READS; i++) {
        ssize_t got = recv(c->stream.fd, scratch, sizeof scratch, 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
            return;
        }
    }
    http_connection_defer(c);
}

void http_connection_linger(struct http_connection *c)
{
    c->protocol = NULL;
    c->state = NULL;
    net_stream_shutdown(&c->stream);
    http_connection_enter(c, PHASE_LINGER, &c->server->linger, loop_clock_ns());
    throw_away(c);
}

/* -- before HTTP ------------------------------------------------------------------------------ */

static void speak(struct http_connection *c)
{
    if (c->stream.tls != NULL && tls_session_is_h2(c->stream.tls)) {
        h2_open(c, (struct span){0});
    } else {
        h1_open(c, (struct span){0});
    }
}

/* Go on with the handshake; may close the connection. */
static void shake_hands(struct http_connection *c)
{
    int r = tls_session_handshake(c->stream.tls);
    if (r == 0) {
        speak(c);
    } else if (r != -EAGAIN) {
        c->server->counts.tls_failures++;
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
    }
}

/* Take the preface that is there, and nothing behind it. 0, -EAGAIN or another negative errno. */
static int take_preface(struct http_connection *c)
{
    uint8_t data[PROXY_PROTOCOL_MAX];
    struct proxy_preface preface = {0};
    ssize_t got = recv(c->stream.fd, data, sizeof data, MSG_PEEK);
    if (got <= 0) {
        return got == 0 ? -ECONNRESET : -errno;
    }
    int64_t len = proxy_protocol_parse(data, (size_t)got, &preface);
    if (len <= 0) {
        return len == 0 ? -EAGAIN : (int)len;
    }
    if (recv(c->stream.fd, data, (size_t)len, 0) != (ssize_t)len) {
        return -EPROTO; /* what has been seen cannot go */
    }
    if (preface.has_addresses) {
        c->peer = preface.source;
        c->local = preface.destination;
    }
    return 0;
}

static int begin_tls(struct http_connection *c)
{
    struct tls_context *tls = c->listener->options.tls;
    return tls != NULL ? tls_session_new(tls, c->stream.fd, &c->stream.tls) : 0;
}

/* Count the peer, who is known by now. */
static bool admit(struct http_connection *c)
{
    struct http_server *server = c->server;
    if (server->addresses == NULL) {
        return true;
    }
    c->is_counted = address_counts_add(server->addresses, &c->peer);
    if (!c->is_counted) {
        server->counts.refused_address++;
    }
    return c->is_counted;
}

static void go_on(struct http_connection *c)
{
    if (c->needs_preface) {
        int r = take_preface(c);
        if (r == -EAGAIN) {
            return;
        }
        if (r < 0 || !admit(c) || begin_tls(c) < 0) {
            http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
            return;
        }
        c->needs_preface = false;
        c->stream.is_readable = true;
    }
    if (c->stream.tls != NULL) {
        shake_hands(c);
    } else {
        speak(c);
    }
}

static void on_stream_ready(struct loop_io *io, unsigned events)
{
    struct net_stream *stream = container_of(io, struct net_stream, io);
    struct http_connection *c = container_of(stream, struct http_connection, stream);
    net_stream_note(stream, events);
    if (c->protocol != NULL) {
        c->protocol->on_ready(c, events);
    } else if (c->phase == PHASE_LINGER) {
        if ((events & LOOP_CLOSED) != 0) {
            http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        } else {
            throw_away(c);
        }
    } else {
        go_on(c);
    }
}

/* The kernel's own limit lets a peer that does not read have megabytes of a guest's output, all of
 * them written in one go while others wait. What is under way is not counted, so it slows nobody. A
 * Unix socket has neither option. */
static void set_options(int fd)
{
    int on = 1;
    int unsent = UNSENT_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);               /* see above */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent); /* likewise */
}

int http_connection_open(struct http_server *server, const struct http_listener *listener, int fd,
                         const struct net_address *peer)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)close(fd); /* nothing has been said on it */
        return -ENOMEM;
    }
    c->server = server;
    c->listener = listener;
    c->peer = *peer;
    c->local.len = sizeof c->local.u;
    if (getsockname(fd, &c->local.u.any, &c->local.len) < 0) {
        c->local.len = 0;
    }
    set_options(fd);
    net_stream_init(&c->stream, fd);
    loop_deferred_init(&c->turn, on_turn);
    list_append(&server->connections, &c->node);
    server->connection_count++;
    c->phase = PHASE_HANDSHAKE;
    server->phase_count[PHASE_HANDSHAKE]++;
    c->needs_preface = listener->options.sends_proxy != NULL &&
                       listener->options.sends_proxy(listener->options.proxy_context, peer);
    int r = loop_io_start(server->loop, &c->stream.io, fd, on_stream_ready);
    if (r == 0 && !c->needs_preface) {
        r = admit(c) ? begin_tls(c) : -EACCES;
    }
    if (r < 0) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return r == -EACCES ? 0 : r;
    }
    if (c->needs_preface || c->stream.tls != NULL) {
        http_connection_enter(c, PHASE_HANDSHAKE, &server->handshake, loop_clock_ns());
    } else {
        speak(c);
    }
    return 0;
}
