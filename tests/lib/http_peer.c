/* See http_peer.h. */
#include "http_peer.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

enum {
    ROUTES_MAX = 64,
    REQUESTS_MAX = 256,
    CONNECTIONS_MAX = 512,
    REQUEST_LEN_MAX = 128 << 10,
    URL_LEN = 512,
    FLOOD_LEN = 16 << 10,
};

struct route {
    const char *path;
    const char *answer;
    size_t len;
    enum http_peer_mode mode;
    bool has_steps;
};

struct connection {
    struct http_peer *peer;
    pthread_t thread;
    int fd;
};

struct http_peer {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    sem_t steps;
    bool is_over;
    struct route routes[ROUTES_MAX];
    unsigned route_count;
    char *requests[REQUESTS_MAX];
    unsigned request_count;
    struct connection connections[CONNECTIONS_MAX];
    unsigned connection_count;
    uint64_t sent;
    char url[URL_LEN];
};

/* -- a connection's thread -------------------------------------------------------------------- */

static bool send_all(struct connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        len -= (size_t)sent;
        pthread_mutex_lock(&c->peer->lock);
        c->peer->sent += (uint64_t)sent;
        pthread_mutex_unlock(&c->peer->lock);
    }
    return true;
}

static size_t body_len_of(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at != NULL ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Read one request; NULL at the end of the connection. Nothing is pipelined to us. */
static char *read_request(struct connection *c)
{
    char *text = calloc(1, REQUEST_LEN_MAX + 1);
    size_t len = 0;
    size_t want = 0;
    while (text != NULL && (want == 0 || len < want)) {
        ssize_t got = recv(c->fd, text + len, REQUEST_LEN_MAX - len, 0);
        if (got <= 0) {
            free(text);
            return NULL;
        }
        len += (size_t)got;
        const char *end = strstr(text, "\r\n\r\n");
        if (want == 0 && end != NULL) {
            want = (size_t)(end - text) + 4 + body_len_of(text);
        }
    }
    return text;
}

/* Keep it for the test; false when there is no room for more. */
static bool note_request(struct http_peer *peer, char *text)
{
    pthread_mutex_lock(&peer->lock);
    bool has_room = peer->request_count < REQUESTS_MAX;
    if (has_room) {
        peer->requests[peer->request_count] = text;
        peer->request_count++;
    }
    pthread_mutex_unlock(&peer->lock);
    return has_room;
}

static struct route find_route(struct http_peer *peer, const char *request)
{
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    const char *path = strchr(request, ' ');
    size_t len = path != NULL ? strcspn(path + 1, " ") : 0;
    for (unsigned i = 0; path != NULL && i < peer->route_count; i++) {
        const char *candidate = peer->routes[i].path;
        if (strlen(candidate) == len && memcmp(candidate, path + 1, len) == 0) {
            return peer->routes[i];
        }
    }
    return (struct route){missing, missing, sizeof missing - 1, HTTP_PEER_KEEP, false};
}

static bool send_steps(struct connection *c, const struct route *route)
{
    const char *at = route->answer;
    const char *end = at + route->len;
    while (at < end) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        if (!send_all(c, at, (size_t)((stop != NULL ? stop : end) - at))) {
            return false;
        }
        if (stop != NULL) {
            (void)sem_wait(&c->peer->steps);
        }
        at = stop != NULL ? stop + 1 : end;
    }
    return true;
}

static void flood(struct connection *c, const struct route *route)
{
    char bytes[FLOOD_LEN];
    memset(bytes, route->answer[route->len - 1], sizeof bytes);
    while (send_all(c, bytes, sizeof bytes)) {
    }
}

/* Wait until the other side closes or the test ends. */
static void hang(struct connection *c)
{
    char byte;
    while (recv(c->fd, &byte, 1, 0) > 0) {
    }
}

/* Answer one request; false when the connection is over. */
static bool answer(struct connection *c, const char *request)
{
    struct route route = find_route(c->peer, request);
    bool ok = route.has_steps ? send_steps(c, &route) : send_all(c, route.answer, route.len);
    if (ok && route.mode == HTTP_PEER_FLOOD) {
        flood(c, &route);
    }
    while (ok && route.mode == HTTP_PEER_REPEAT) {
        ok = send_all(c, route.answer, route.len);
    }
    if (ok && route.mode == HTTP_PEER_HANG) {
        hang(c);
    }
    return ok && route.mode == HTTP_PEER_KEEP;
}

static void *serve(void *data)
{
    struct connection *c = data;
    bool goes_on = true;
    while (goes_on) {
        char *request = read_request(c);
        if (request == NULL) {
            break;
        }
        bool is_noted = note_request(c->peer, request);
        goes_on = answer(c, request);
        if (!is_noted) {
            free(request);
        }
    }
    (void)shutdown(c->fd, SHUT_RDWR); /* closed by http_peer_free, which may also shut it down */
    return NULL;
}

static void *accept_all(void *data)
{
    struct http_peer *peer = data;
    for (;;) {
        int fd = accept(peer->listener, NULL, NULL);
        pthread_mutex_lock(&peer->lock);
        bool ends = fd < 0 || peer->is_over || peer->connection_count == CONNECTIONS_MAX;
        if (!ends) {
            struct connection *c = &peer->connections[peer->connection_count];
            *c = (struct connection){.peer = peer, .fd = fd};
            ends = pthread_create(&c->thread, NULL, serve, c) != 0;
            peer->connection_count += ends ? 0 : 1;
        }
        pthread_mutex_unlock(&peer->lock);
        if (ends) {
            if (fd >= 0) {
                (void)close(fd);
            }
            return NULL;
        }
    }
}

/* -- the test's side -------------------------------------------------------------------------- */

struct http_peer *http_peer_new(void)
{
    struct http_peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    peer->listener = peer_listen(&peer->port);
    assert_int_equal(listen(peer->listener, 64), 0);
    assert_int_equal(pthread_mutex_init(&peer->lock, NULL), 0);
    assert_int_equal(sem_init(&peer->steps, 0, 0), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, accept_all, peer), 0);
    return peer;
}

void http_peer_free(struct http_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->is_over = true;
    pthread_mutex_unlock(&peer->lock);
    (void)shutdown(peer->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(peer->thread, NULL), 0);
    for (unsigned i = 0; i < peer->connection_count; i++) {
        (void)shutdown(peer->connections[i].fd, SHUT_RDWR);
        for (unsigned step = 0; step < ROUTES_MAX; step++) {
            (void)sem_post(&peer->steps);
        }
        assert_int_equal(pthread_join(peer->connections[i].thread, NULL), 0);
        (void)close(peer->connections[i].fd);
    }
    (void)close(peer->listener);
    for (unsigned i = 0; i < peer->request_count; i++) {
        free(peer->requests[i]);
    }
    (void)sem_destroy(&peer->steps);
    (void)pthread_mutex_destroy(&peer->lock);
    free(peer);
}

uint16_t http_peer_port(const struct http_peer *peer)
{
    return peer->port;
}

const char *http_peer_url(struct http_peer *peer, const char *path)
{
    (void)snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%u%s", peer->port, path);
    return peer->url;
}

static void add_route(struct http_peer *peer, struct route route)
{
    pthread_mutex_lock(&peer->lock);
    assert_true(peer->route_count < ROUTES_MAX);
    peer->routes[peer->route_count] = route;
    peer->route_count++;
    pthread_mutex_unlock(&peer->lock);
}

void http_peer_route(struct http_peer *peer, const char *path, const char *answer_text)
{
    http_peer_route_as(peer, HTTP_PEER_KEEP, path, answer_text);
}

void http_peer_route_as(struct http_peer *peer, enum http_peer_mode mode, const char *path,
                        const char *answer_text)
{
    add_route(peer, (struct route){path, answer_text, strlen(answer_text), mode, false});
}

void http_peer_route_steps(struct http_peer *peer, const char *path, const void *bytes, size_t len)
{
    add_route(peer, (struct route){path, bytes, len, HTTP_PEER_KEEP, true});
}

void http_peer_go(struct http_peer *peer)
{
    assert_int_equal(sem_post(&peer->steps), 0);
}

unsigned http_peer_count(struct http_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    unsigned count = peer->request_count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

unsigned http_peer_connections(struct http_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    unsigned count = peer->connection_count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

const char *http_peer_request(struct http_peer *peer, unsigned n)
{
    pthread_mutex_lock(&peer->lock);
    const char *request = n < peer->request_count ? peer->requests[n] : NULL;
    pthread_mutex_unlock(&peer->lock);
    assert_non_null(request);
    return request;
}

uint64_t http_peer_sent(struct http_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    uint64_t sent = peer->sent;
    pthread_mutex_unlock(&peer->lock);
    return sent;
}
