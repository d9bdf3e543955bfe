/*
 * A small HTTP server around poll(), for WasmEdge's first socket generation and for Linux.
 *
 * The benchmark runs both builds of this one file against each other, so everything that is not
 * the listener's birth is shared: libc's poll, recv, send and fcntl exist on both sides. Only
 * opening a listener and accepting differ, and they are all the #ifdef below.
 *
 * PORT chooses the port (8080 if unset, 0 for any free one).
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __wasi__
#include "dialect_v1.h"

static int listener_open(uint32_t port, uint32_t *ret_port)
{
    uint8_t octets[16] = {0};
    struct v1_address address = {octets, 4};
    uint32_t type = 0;
    int32_t on = 1;
    int32_t fd = -1;

    int32_t r = v1_open(V1_INET4, V1_STREAM, &fd);
    if (r == 0) {
        r = v1_setsockopt(fd, V1_SOL_SOCKET, V1_SO_REUSEADDR, &on, sizeof(on));
    }
    if (r == 0) {
        r = v1_bind(fd, &address, port);
    }
    if (r == 0) {
        r = v1_listen(fd, 1024);
    }
    address.len = sizeof(octets);
    if (r == 0) {
        r = v1_getlocaladdr(fd, &address, &type, ret_port);
    }
    errno = r;
    return r == 0 ? fd : -1;
}

static int connection_accept(int listener)
{
    int32_t fd = -1;

    errno = v1_accept(listener, &fd);
    return errno == 0 ? fd : -1;
}

#else
#include <netinet/in.h>

static int listener_open(uint32_t port, uint32_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int connection_accept(int listener)
{
    return accept(listener, NULL, NULL);
}
#endif

/* A peer is not read again before its answers have left, so OUTPUT_MAX is one read's answers. */
enum { INPUT_LEN = 2048, OUTPUT_MAX = 16384, FIRST_CAPACITY = 64 };

static const char hello_keep[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                 "Content-Length: 13\r\n\r\nHello from C\n";
static const char hello_close[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                  "Content-Length: 13\r\nConnection: close\r\n\r\nHello from C\n";
static const char not_found[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
                                "Connection: close\r\n\r\n";
static const char bad_request[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
                                  "Connection: close\r\n\r\n";

struct connection {
    struct http_reader reader;
    size_t output_len;
    bool closing; /* close as soon as the output has left */
    char output[OUTPUT_MAX];
};

/* Slot 0 of both arrays is the listener's; slot i of one belongs to slot i of the other. */
static struct pollfd *polls;
static struct connection **connections;
static size_t count;
static size_t capacity;

static bool slots_grow(void)
{
    if (count < capacity) {
        return true;
    }
    size_t wanted = capacity == 0 ? FIRST_CAPACITY : 2 * capacity;
    struct pollfd *new_polls = realloc(polls, wanted * sizeof(*polls));
    if (new_polls == NULL) {
        return false;
    }
    polls = new_polls;
    struct connection **new_connections =
        realloc(connections, wanted * sizeof(struct connection *));
    if (new_connections == NULL) {
        return false;
    }
    connections = new_connections;
    capacity = wanted;
    return true;
}

static bool slot_add(int fd, struct connection *c)
{
    if (!slots_grow()) {
        return false;
    }
    polls[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    connections[count] = c;
    count++;
    return true;
}

static void slot_remove(size_t i)
{
    close(polls[i].fd);
    free(connections[i]);
    count--;
    polls[i] = polls[count];
    connections[i] = connections[count];
}

static int nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void accept_all(void)
{
    for (;;) {
        int fd = connection_accept(polls[0].fd);
        if (fd < 0) {
            /* Nobody waits, or no descriptor is free: the next poll asks again. */
            return;
        }
        struct connection *c = calloc(1, sizeof(*c));
        if (c == NULL || nonblocking(fd) < 0 || !slot_add(fd, c)) {
            free(c);
            close(fd);
        }
    }
}

static void put(struct connection *c, const char *text, size_t len)
{
    memcpy(c->output + c->output_len, text, len);
    c->output_len += len;
}

static void answer(struct connection *c, const struct http_request *request)
{
    if (!request->is_get || strcmp(request->path, "/") != 0) {
        put(c, not_found, sizeof(not_found) - 1);
        c->closing = true;
    } else if (request->keep_alive) {
        put(c, hello_keep, sizeof(hello_keep) - 1);
    } else {
        put(c, hello_close, sizeof(hello_close) - 1);
        c->closing = true;
    }
}

/* False when the connection is finished. */
static bool flush(int fd, struct connection *c)
{
    while (c->output_len > 0) {
        ssize_t n = send(fd, c->output, c->output_len, 0);
        if (n < 0) {
            return errno == EAGAIN;
        }
        c->output_len -= (size_t)n;
        memmove(c->output, c->output + n, c->output_len);
    }
    return !c->closing;
}

/*
 * One read's worth of input. A request has at least 18 bytes and an answer at most 100, so the
 * answers to a full read fit; the check is there for the day one of the numbers changes.
 */
static bool serve_input(struct connection *c, const char *bytes, size_t len)
{
    struct http_request request;
    size_t used = 0;

    for (; len > 0 && !c->closing; bytes += used, len -= used) {
        enum http_step step = http_feed(&c->reader, bytes, len, &used, &request);
        if (c->output_len + sizeof(hello_close) > OUTPUT_MAX) {
            return false;
        }
        if (step == HTTP_BAD) {
            put(c, bad_request, sizeof(bad_request) - 1);
            c->closing = true;
        } else if (step == HTTP_COMPLETE) {
            answer(c, &request);
        }
    }
    return true;
}

static bool turn(int fd, struct connection *c)
{
    char input[INPUT_LEN];

    if (c->output_len > 0) {
        return flush(fd, c);
    }
    ssize_t n = recv(fd, input, sizeof(input), 0);
    if (n < 0) {
        return errno == EAGAIN;
    }
    return n > 0 && serve_input(c, input, (size_t)n) && flush(fd, c);
}

static void serve_ready(void)
{
    /* Downwards, because a slot that is removed is filled from the end. */
    for (size_t i = count - 1; i > 0; i--) {
        if (polls[i].revents == 0) {
            continue;
        }
        if (!turn(polls[i].fd, connections[i])) {
            slot_remove(i);
            continue;
        }
        polls[i].events = connections[i]->output_len > 0 ? POLLOUT : POLLIN;
    }
    if (polls[0].revents != 0) {
        accept_all();
    }
}

int main(void)
{
    const char *text = getenv("PORT");
    uint32_t port = text == NULL ? 8080 : (uint32_t)strtoul(text, NULL, 10);
    int listener = listener_open(port, &port);

    if (listener < 0 || nonblocking(listener) < 0 || !slot_add(listener, NULL)) {
        fprintf(stderr, "cannot listen on port %u: %s\n", (unsigned)port, strerror(errno));
        return 1;
    }
    printf("listening on 0.0.0.0:%u\n", (unsigned)port);
    fflush(stdout);

    for (;;) {
        if (poll(polls, count, -1) < 0 && errno != EINTR) {
            fprintf(stderr, "poll: %s\n", strerror(errno));
            return 1;
        }
        serve_ready();
    }
}
