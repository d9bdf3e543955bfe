/* libcurl's multi interface on the loop. See pool.h.
 *
 * Happy path:
 *   1. pool_add gives libcurl a transfer; it wants a timer (on_curl_timer) and sockets watched
 *      (on_curl_socket)
 *   2. their events go back to it: act; in there it calls the exchanges with heads and bytes
 *   3. behind each event those that have ended are told so: deliver_ends
 *   4. pool_remove; when the last one is gone the pool waits a while and then rests: it closes its
 *      connections and gives libcurl's tables back, 29 KB
 *
 * Guests of one program are strangers to each other all the same, since each may serve another
 * client. Two things follow:
 *   - A connection has one exchange at a time, with HTTP/2 as well. What arrives for a stream that is
 *     held back is kept by libcurl while it reads the others, up to a window of 32 MiB; the only one
 *     is held back in the kernel.
 *   - One whose exchange was given up before its end is closed, with HTTP/2 as well, and not left to
 *     the next guest in whatever state it is.
 *
 * Failure modes: none of libcurl's reaches the pool; each ends the exchange that it belongs to. */
#include "http/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "http/exchange.h"

/* One descriptor of libcurl's. It closes it; we only watch. */
struct pool_socket {
    struct list node; /* among the pool's */
    struct loop_io io;
    struct http_pool *pool; /* borrowed */
};

/* -- libcurl's calls -------------------------------------------------------------------------- */

static void deliver_ends(struct http_pool *pool)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = pool->curl.multi_info_read(pool->multi, &left)) != NULL) {
        char *exchange = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            pool->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange) ==
                CURLE_OK) {
            exchange_on_done((struct http_exchange *)(void *)exchange, code);
        }
    }
}

static void act(struct http_pool *pool, curl_socket_t fd, int events)
{
    int running = 0;
    (void)pool->curl.multi_socket_action(pool->multi, fd, events, &running);
    deliver_ends(pool); /* every failure shows as the end of an exchange */
}

static void on_socket_ready(struct loop_io *io, unsigned events)
{
    struct pool_socket *socket = container_of(io, struct pool_socket, io);
    int curl_events = ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
                      ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
                      ((events & LOOP_ERROR) != 0 ? CURL_CSELECT_ERR : 0);
    act(socket->pool, io->fd, curl_events);
}

static void socket_free(struct pool_socket *socket)
{
    loop_io_stop(&socket->io);
    list_remove(&socket->node);
    free(socket);
}

static struct pool_socket *socket_new(struct http_pool *pool, curl_socket_t fd)
{
    struct pool_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    socket->pool = pool;
    list_append(&pool->sockets, &socket->node);
    (void)pool->curl.multi_assign(pool->multi, fd, socket); /* fd is known to it: it asks */
    return socket;
}

static int watch(struct http_pool *pool, struct pool_socket *socket, curl_socket_t fd, int what)
{
    unsigned events = ((what & CURL_POLL_IN) != 0 ? (unsigned)LOOP_READ : 0) |
                      ((what & CURL_POLL_OUT) != 0 ? (unsigned)LOOP_WRITE : 0);
    return loop_io_start_level(pool->loop, &socket->io, fd, events, on_socket_ready);
}

static struct http_exchange *exchange_of(struct http_pool *pool, CURL *easy)
{
    char *exchange = NULL;
    (void)pool->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &exchange); /* then it is NULL */
    return (struct http_exchange *)(void *)exchange;
}

/* A failure must not reach libcurl: it would be the end of the multi handle, not of the transfer. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct http_pool *pool = data;
    struct pool_socket *socket = socket_data;
    struct http_exchange *exchange = exchange_of(pool, easy);
    if (exchange != NULL) {
        exchange_on_watch(exchange, fd, what != CURL_POLL_REMOVE && (what & CURL_POLL_IN) != 0);
    }
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            (void)pool->curl.multi_assign(pool->multi, fd, NULL);
            socket_free(socket);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = socket_new(pool, fd);
    }
    if ((socket == NULL || watch(pool, socket, fd, what) < 0) && exchange != NULL) {
        exchange_fail(exchange, HTTP_NO_MEMORY);
    }
    return 0;
}

static void on_timer_due(struct loop_timer *timer)
{
    struct http_pool *pool = container_of(timer, struct http_pool, timer);
    act(pool, CURL_SOCKET_TIMEOUT, 0);
}

/* Start the timer; without memory for that, try again until there is. */
static void on_retry(struct loop_deferred *deferred)
{
    struct http_pool *pool = container_of(deferred, struct http_pool, retry);
    struct loop *loop = pool->loop;
    if (loop_timer_start(loop, &pool->timer, pool->due_ns, on_timer_due) < 0) {
        loop_defer(loop, &pool->retry);
    }
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct http_pool *pool = data;
    (void)multi;
    loop_deferred_cancel(&pool->retry);
    if (timeout_ms < 0) {
        loop_timer_stop(&pool->timer);
        return 0;
    }
    pool->due_ns = loop_clock_ns() + (uint64_t)timeout_ms * 1000000;
    on_retry(&pool->retry);
    return 0;
}

/* -- its life --------------------------------------------------------------------------------- */

static bool wake_up(struct http_pool *pool)
{
    const struct curl_library *curl = &pool->curl;
    if (pool->multi != NULL) {
        return true;
    }
    pool->multi = curl->multi_init();
    if (pool->multi == NULL) {
        return false;
    }
    /* None of these fails for a multi handle that exists. */
    (void)curl->multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl->multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl->multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl->multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    (void)curl->multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return true;
}

static void rest(struct http_pool *pool)
{
    assert(pool->running == 0);
    while (pool->spare_count > 0) {
        pool->spare_count--;
        pool->curl.easy_cleanup(pool->spares[pool->spare_count]);
    }
    if (pool->multi != NULL) {
        (void)pool->curl.multi_cleanup(pool->multi); /* nothing is added to it any more */
        pool->multi = NULL;
    }
    for (struct list *node = pool->sockets.next; node != &pool->sockets;) {
        struct pool_socket *socket = container_of(node, struct pool_socket, node);
        node = node->next;
        socket_free(socket);
    }
    loop_timer_stop(&pool->timer);
    loop_deferred_cancel(&pool->retry);
}

static void on_rest(struct loop_timer *timer)
{
    rest(container_of(timer, struct http_pool, rest));
}

int http_pool_new(struct loop *loop, bool reaches_out, struct http_pool **ret_pool,
                  struct error *err)
{
    struct http_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return error_set_errno(err, -ENOMEM, "making the HTTP client");
    }
    pool->loop = loop;
    list_init(&pool->sockets);
    loop_deferred_init(&pool->retry, on_retry);
    int r = reaches_out ? curl_library_open(&pool->curl, err) : 0;
    if (r < 0) {
        http_pool_free(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

void http_pool_free(struct http_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    rest(pool);
    loop_timer_stop(&pool->rest);
    curl_library_close(&pool->curl);
    free(pool);
}

/* -- exchanges -------------------------------------------------------------------------------- */

CURL *pool_take_handle(struct http_pool *pool)
{
    if (pool->spare_count == 0) {
        return pool->curl.easy_init();
    }
    pool->spare_count--;
    return pool->spares[pool->spare_count];
}

void pool_drop_handle(struct http_pool *pool, CURL *easy)
{
    pool->curl.easy_cleanup(easy);
}

void pool_give_handle(struct http_pool *pool, CURL *easy)
{
    if (pool->spare_count == POOL_SPARES_MAX) {
        pool_drop_handle(pool, easy);
        return;
    }
    pool->curl.easy_reset(easy);
    pool->spares[pool->spare_count] = easy;
    pool->spare_count++;
}

/* libcurl's limit counts the connections that are in use, too. */
static void count(struct http_pool *pool, uint32_t running)
{
    pool->running = running;
    (void)pool->curl.multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS,
                                  (long)POOL_IDLE_MAX + (long)running);
}

bool pool_add(struct http_pool *pool, CURL *easy)
{
    if (!wake_up(pool)) {
        return false;
    }
    count(pool, pool->running + 1);
    if (pool->curl.multi_add_handle(pool->multi, easy) != CURLM_OK) {
        count(pool, pool->running - 1);
        return false;
    }
    loop_timer_stop(&pool->rest);
    return true;
}

void pool_remove(struct http_pool *pool, CURL *easy)
{
    assert(pool->running > 0);
    /* Of no effect on a transfer that has ended: its connection is back already. */
    (void)pool->curl.easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    (void)pool->curl.multi_remove_handle(pool->multi, easy); /* it is there */
    count(pool, pool->running - 1);
    if (pool->running == 0) {
        /* Without memory for that the connections stay until an exchange comes and ends. */
        (void)loop_timer_start(pool->loop, &pool->rest,
                               loop_clock_ns() + POOL_IDLE_S * 1000000000ULL, on_rest);
    }
}
