/* Listeners, limits, timeouts and the end. See server.h. */
#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "http/address_counts.h"
#include "http/date.h"
#include "http/internal.h"
#include "net/tls.h"

enum {
    ACCEPTS_A_TURN = 64,
    FIN_GRACE_MS = 1000,  /* a peer that sends no more may still be reading */
    LINGER_MS = 2000,     /* for it to read the last answer */
    DRAIN_QUIET_MS = 500, /* for a request that was on its way when the drain began */
    DRAIN_AGAIN_MS = 50,
    LOOKED_AT_MAX = 16,
    ACCEPT_RETRY_MS = 100,
    EMFILE_REPORT_S = 10,
};

static const uint64_t ms_ns = 1000000;

/* -- deadlines -------------------------------------------------------------------------------- */

static void on_connection_due(struct deadline_queue *queue, struct deadline *deadline)
{
    struct http_connection *c = container_of(deadline, struct http_connection, deadline);
    struct http_server *server = c->server;
    if (queue == &server->linger || c->protocol == NULL) {
        if (queue == &server->handshake) {
            server->counts.timed_out[0]++;
        }
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        return;
    }
    c->protocol->on_deadline(c, queue);
}

static void on_body_due(struct deadline_queue *queue, struct deadline *deadline)
{
    (void)queue; /* it has one meaning */
    struct http_transaction *t = container_of(deadline, struct http_transaction, body_deadline);
    t->connection->server->counts.timed_out[2]++;
    t->connection->protocol->on_body_deadline(t->connection, t);
}

static void init_deadlines(struct http_server *server)
{
    const struct http_timeouts *timeouts = &server->options.timeouts;
    struct loop *loop = server->loop;
    deadline_queue_init(&server->handshake, loop, timeouts->tls_ns, on_connection_due);
    deadline_queue_init(&server->head, loop, timeouts->header_ns, on_connection_due);
    deadline_queue_init(&server->body, loop, timeouts->body_ns, on_body_due);
    deadline_queue_init(&server->write, loop, timeouts->write_ns, on_connection_due);
    deadline_queue_init(&server->idle, loop, timeouts->idle_ns, on_connection_due);
    deadline_queue_init(&server->fin, loop, FIN_GRACE_MS * ms_ns, on_connection_due);
    deadline_queue_init(&server->linger, loop, LINGER_MS * ms_ns, on_connection_due);
}

static void done_deadlines(struct http_server *server)
{
    deadline_queue_done(&server->handshake);
    deadline_queue_done(&server->head);
    deadline_queue_done(&server->body);
    deadline_queue_done(&server->write);
    deadline_queue_done(&server->idle);
    deadline_queue_done(&server->fin);
    deadline_queue_done(&server->linger);
}

/* -- the lines that every response has -------------------------------------------------------- */

static void print_date_block(struct http_server *server, time_t now)
{
    const char *name = server->options.server_name;
    char date[HTTP_DATE_MAX];
    http_date_print(now, date);
    int len = snprintf(server->date_block, sizeof server->date_block, "%s%.40s%sDate: %s\r\n",
                       name != NULL ? "Server: " : "", name != NULL ? name : "",
                       name != NULL ? "\r\n" : "", date);
    server->date_block_len = (size_t)len; /* always fits */
}

struct span server_date_block(struct http_server *server)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* cannot fail for this clock */
    if (now.tv_sec != server->date_second) {
        server->date_second = now.tv_sec;
        print_date_block(server, now.tv_sec);
    }
    return (struct span){(const uint8_t *)server->date_block, server->date_block_len};
}

/* -- accepting -------------------------------------------------------------------------------- */

/* The one that has waited longest and has no request under way; NULL when there is none among the
 * first few. */
static struct http_connection *oldest_in(struct deadline_queue *queue)
{
    struct list *node = queue->waiting.next;
    for (int i = 0; i < LOOKED_AT_MAX && node != &queue->waiting; i++, node = node->next) {
        struct http_connection *c = container_of(node, struct http_connection, deadline.node);
        if (c->phase != PHASE_ACTIVE) {
            return c;
        }
    }
    return NULL;
}

/* Close the connection that is missed least: longest lingering, idle, in its head, in its handshake.
 * Those with a request under way stay. */
static bool make_room(struct http_server *server)
{
    struct deadline_queue *const queues[] = {&server->linger, &server->idle, &server->head,
                                             &server->handshake};
    for (size_t i = 0; i < ARRAY_COUNT(queues); i++) {
        struct http_connection *c = oldest_in(queues[i]);
        if (c != NULL) {
            server->counts.gave_way++;
            http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
            return true;
        }
    }
    return false;
}

static void report_emfile(struct http_server *server, int error)
{
    uint64_t now = loop_clock_ns();
    if (server->options.on_report != NULL &&
        (server->last_emfile_ns == 0 ||
         now - server->last_emfile_ns > EMFILE_REPORT_S * 1000 * ms_ns)) {
        char line[160];
        (void)snprintf(line, sizeof line,
                       "a new connection cannot be accepted: %s; raise the limit of open files "
                       "(ulimit -n), or lower limits.connections",
                       strerror(error)); /* too long is cut */
        server->last_emfile_ns = now;
        server->options.on_report(server->options.context, line);
    }
}

static void on_accept_retry(struct loop_timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, accept_retry);
    for (struct list *node = server->listeners.next; node != &server->listeners;
         node = node->next) {
        struct http_listener *listener = container_of(node, struct http_listener, node);
        loop_defer(server->loop, &listener->more);
    }
}

/* Take one connection. 0, -EAGAIN when there is none, or another negative errno. */
static int accept_one(struct http_listener *listener)
{
    struct http_server *server = listener->server;
    struct net_address peer = {.len = sizeof peer.u};
    int fd = accept4(listener->options.fd, &peer.u.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    server->counts.accepted++;
    int r = http_connection_open(server, listener, fd, &peer);
    /* Nobody gives way to a peer that is not let in (connections_per_address). When all others are
     * at work it is the new one itself that goes, and has to come again. */
    if (server->connection_count > server->options.limits.connections) {
        (void)make_room(server);
    }
    return r == -ENOMEM ? 0 : r; /* the socket has been closed; others may come through */
}

static bool is_out_of_descriptors(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM;
}

/* Does somebody wait to be accepted? Without descriptors accept fails before it looks. */
static bool is_awaited(const struct http_listener *listener)
{
    struct pollfd waiting = {.fd = listener->options.fd, .events = POLLIN};
    return poll(&waiting, 1, 0 /* timeout */) > 0;
}

/* Somebody else who has the listener has shut it down, or the like: asking again at once would give
 * the same. */
static bool is_no_listener(int r)
{
    return r == -EINVAL || r == -EBADF || r == -ENOTSOCK;
}

static void accept_later(struct http_server *server)
{
    (void)loop_timer_start(server->loop, &server->accept_retry,
                           loop_clock_ns() + ACCEPT_RETRY_MS * ms_ns,
                           on_accept_retry); /* without memory: at the next edge */
}

static void accept_some(struct http_listener *listener)
{
    struct http_server *server = listener->server;
    bool has_made_room = false;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int r = accept_one(listener);
        if (r == -EAGAIN) {
            return;
        }
        bool is_out = is_out_of_descriptors(r);
        if (is_out && !is_awaited(listener)) {
            return;
        }
        if (is_out) {
            report_emfile(server, -r);
        }
        /* Where one place made did not help, the next would not either. */
        if (is_no_listener(r) || (is_out && (has_made_room || !make_room(server)))) {
            accept_later(server);
            return;
        }
        has_made_room = is_out;
        /* Other errors are the peer's, who has gone again, or a network's: the next one. */
    }
    loop_defer(server->loop, &listener->more);
}

static void on_listener_ready(struct loop_io *io, unsigned events)
{
    (void)events;
    accept_some(container_of(io, struct http_listener, io));
}

static void on_more(struct loop_deferred *deferred)
{
    accept_some(container_of(deferred, struct http_listener, more));
}

int http_server_listen(struct http_server *server, const struct http_listener_options *options,
                       struct error *err)
{
    int r = options->offers_h2 ? h2_prepare(server, err) : 0;
    if (r < 0) {
        return r;
    }
    struct http_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL) {
        return error_set_errno(err, -ENOMEM, "listening");
    }
    listener->server = server;
    listener->options = *options;
    loop_deferred_init(&listener->more, on_more);
    r = loop_io_start(server->loop, &listener->io, options->fd, on_listener_ready);
    if (r < 0) {
        free(listener);
        return error_set_errno(err, r, "listening");
    }
    if (options->tls != NULL) {
        tls_context_ref(options->tls);
    }
    list_append(&server->listeners, &listener->node);
    return 0;
}

static void stop_accepting(struct http_server *server)
{
    loop_timer_stop(&server->accept_retry);
    for (struct list *node = server->listeners.next; node != &server->listeners;
         node = node->next) {
        struct http_listener *listener = container_of(node, struct http_listener, node);
        loop_io_stop(&listener->io);
        loop_deferred_cancel(&listener->more);
    }
}

/* -- its life --------------------------------------------------------------------------------- */

int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct error *err)
{
    assert(options->limits.connections > 0 && options->limits.head_max > 0);
    assert(options->limits.header_max > 0 && options->limits.target_max > 0);
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return error_set_errno(err, -ENOMEM, "making the HTTP server");
    }
    server->options = *options;
    server->loop = options->loop;
    list_init(&server->listeners);
    list_init(&server->connections);
    list_init(&server->spares);
    init_deadlines(server);
    if (getrandom(server->id_state, sizeof server->id_state, 0) !=
        (ssize_t)sizeof server->id_state) {
        server->id_state[0] = loop_clock_ns(); /* ids are no secret */
    }
    server->id_state[1] |= 1; /* the generator's state may be anything but 0 */
    if (options->limits.connections_per_address > 0) {
        int r = address_counts_new(options->limits.connections_per_address, &server->addresses);
        if (r < 0) {
            http_server_free(server);
            return error_set_errno(err, r, "making the HTTP server");
        }
    }
    *ret_server = server;
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    stop_accepting(server);
    server->on_drained = NULL;
    while (!list_empty(&server->connections)) {
        http_connection_close(container_of(server->connections.next, struct http_connection, node),
                              true /* reset */, HTTP_DRAINED);
    }
    while (!list_empty(&server->listeners)) {
        struct http_listener *listener =
            container_of(server->listeners.next, struct http_listener, node);
        list_remove(&listener->node);
        tls_context_unref(listener->options.tls);
        free(listener);
    }
    loop_timer_stop(&server->drain_quiet);
    if (server->is_draining) {
        loop_deferred_cancel(&server->drained);
    }
    done_deadlines(server);
    h1_free_spares(server);
    h2_release(server);
    address_counts_free(server->addresses);
    free(server);
}

bool server_is_last(const struct http_server *server, const struct http_connection *c)
{
    uint32_t max = server->options.limits.requests_per_connection;
    return server->is_draining || (max != 0 && c->requests >= max);
}

static void on_drained(struct loop_deferred *deferred)
{
    struct http_server *server = container_of(deferred, struct http_server, drained);
    if (server->on_drained != NULL) {
        server->on_drained(server->options.context);
    }
}

void server_connection_gone(struct http_server *server)
{
    if (server->is_draining && list_empty(&server->connections)) {
        loop_timer_stop(&server->drain_quiet);
        loop_defer(server->loop, &server->drained);
    }
}

/* Those that have not sent a request in all this time will not miss the connection. */
static void on_drain_quiet(struct loop_timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, drain_quiet);
    uint64_t now = loop_clock_ns();
    struct list *node = server->connections.next;
    while (node != &server->connections) {
        struct http_connection *c = container_of(node, struct http_connection, node);
        node = node->next;
        bool is_quiet =
            c->deadline.queue == NULL || now - c->deadline.since_ns >= DRAIN_QUIET_MS * ms_ns;
        if (c->phase == PHASE_IDLE && is_quiet) {
            http_connection_close(c, false /* reset */, HTTP_DRAINED);
        }
    }
    if (!list_empty(&server->connections)) {
        (void)loop_timer_start(server->loop, &server->drain_quiet, now + DRAIN_AGAIN_MS * ms_ns,
                               on_drain_quiet);
    }
}

void http_server_drain(struct http_server *server, void (*on_drained_fn)(void *context))
{
    assert(!server->is_draining);
    server->is_draining = true;
    server->on_drained = on_drained_fn;
    loop_deferred_init(&server->drained, on_drained);
    stop_accepting(server);
    struct list *node = server->connections.next;
    while (node != &server->connections) {
        struct http_connection *c = container_of(node, struct http_connection, node);
        node = node->next;
        if (c->protocol != NULL) {
            c->protocol->drain(c);
        }
    }
    (void)loop_timer_start(server->loop, &server->drain_quiet,
                           loop_clock_ns() + DRAIN_QUIET_MS * ms_ns, on_drain_quiet);
    server_connection_gone(server);
}

void http_server_count(const struct http_server *server, struct http_counts *ret_counts)
{
    *ret_counts = server->counts;
    ret_counts->handshaking = server->phase_count[PHASE_HANDSHAKE];
    ret_counts->reading_head = server->phase_count[PHASE_HEAD];
    ret_counts->active = server->phase_count[PHASE_ACTIVE];
    ret_counts->idle = server->phase_count[PHASE_IDLE];
}
