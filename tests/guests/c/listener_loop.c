/*
 * A server shaped like the first ASP.NET modules: it knows one listener, descriptor 3, and never
 * waits on it. Each turn it sleeps 10 ms, accepts at most one connection, and tries a read of
 * 1 MiB on every connection it has.
 *
 * What it asks of a host, and why it is worth a test of its own:
 * - accept must answer AGAIN at once when nobody waits; any other errno ends the program;
 * - the NONBLOCK flag of accept must reach the new connection, or one silent peer stops all;
 * - an answer is written with no wait in between: AGAIN is retried at once;
 * - a read of zero bytes closes, so a peer that shuts down its sending side gets no more answers.
 *
 * GET / greets; GET /bytes/N answers N bytes, for peers that read slowly or leave half-way.
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER_FD = 3, TICK_US = 10000, READ_LEN = 1 << 20, CHUNK_LEN = 1 << 16 };

struct connection {
    struct connection *next;
    int fd;
    struct http_reader reader;
};

static struct connection *connections;
static char input[READ_LEN];

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN) {
            return -errno;
        }
    }
    return 0;
}

static int answer_text(int fd, const char *status, const char *body, bool keep_alive)
{
    char text[512];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                       "Connection: %s\r\n\r\n%s",
                       status, strlen(body), keep_alive ? "keep-alive" : "close", body);

    return write_all(fd, text, (size_t)len);
}

static int answer_bytes(int fd, unsigned long count, bool keep_alive)
{
    static char chunk[CHUNK_LEN];
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                       "Content-Length: %lu\r\nConnection: %s\r\n\r\n",
                       count, keep_alive ? "keep-alive" : "close");
    int r = write_all(fd, head, (size_t)len);

    memset(chunk, 'x', sizeof(chunk));
    while (r == 0 && count > 0) {
        size_t part = count < sizeof(chunk) ? count : sizeof(chunk);
        r = write_all(fd, chunk, part);
        count -= part;
    }
    return r;
}

static int answer(int fd, const struct http_request *request)
{
    static const char bytes_prefix[] = "/bytes/";
    size_t prefix_len = sizeof(bytes_prefix) - 1;

    if (!request->is_get) {
        return answer_text(fd, "405 Method Not Allowed", "GET only\n", request->keep_alive);
    }
    if (strcmp(request->path, "/") == 0) {
        return answer_text(fd, "200 OK", "Hello from C\n", request->keep_alive);
    }
    if (strncmp(request->path, bytes_prefix, prefix_len) == 0) {
        unsigned long count = strtoul(request->path + prefix_len, NULL, 10);
        return answer_bytes(fd, count, request->keep_alive);
    }
    return answer_text(fd, "404 Not Found", "no such page\n", request->keep_alive);
}

/* False when the connection is to be closed. */
static bool serve_input(struct connection *c, const char *bytes, size_t len)
{
    struct http_request request;
    size_t used = 0;

    for (; len > 0; bytes += used, len -= used) {
        enum http_step step = http_feed(&c->reader, bytes, len, &used, &request);
        if (step == HTTP_BAD) {
            (void)answer_text(c->fd, "400 Bad Request", "not a request\n", /*keep_alive=*/false);
            return false;
        }
        if (step == HTTP_COMPLETE && (answer(c->fd, &request) < 0 || !request.keep_alive)) {
            return false;
        }
    }
    return true;
}

static bool connection_turn(struct connection *c)
{
    ssize_t n = read(c->fd, input, sizeof(input));

    if (n > 0) {
        return serve_input(c, input, (size_t)n);
    }
    if (n < 0 && errno == EAGAIN) {
        return true;
    }
    if (n < 0) {
        printf("connection %d: read failed with errno %d, closed\n", c->fd, errno);
        fflush(stdout);
    }
    return false;
}

static void accept_one(void)
{
    int fd = accept4(LISTENER_FD, NULL, NULL, SOCK_NONBLOCK);

    if (fd > 0) {
        struct connection *c = calloc(1, sizeof(*c));
        if (c == NULL) {
            close(fd);
            return;
        }
        c->fd = fd;
        c->next = connections;
        connections = c;
    } else if (errno != EAGAIN) {
        printf("fatal: accept failed with errno %d\n", errno);
        exit(1);
    }
}

int main(void)
{
    const char *url = getenv("ASPNETCORE_URLS");

    /* The address is only printed: the guest cannot know where the host listens. */
    printf("info: listener_loop\n      Now listening on: %s\n",
           url != NULL ? url : "http://localhost:5000");
    fflush(stdout);

    for (;;) {
        usleep(TICK_US);
        accept_one();
        for (struct connection **at = &connections; *at != NULL;) {
            struct connection *c = *at;
            if (connection_turn(c)) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            close(c->fd);
            free(c);
        }
    }
}
