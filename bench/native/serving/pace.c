/* A client with a constant rate: each of its connections sends a request at fixed times, evenly
 * spread over all of them, whether or not the answer before has come. Latency counts from the time
 * at which a request was due, so a server that stalls cannot hide it.
 *
 *     pace PORT PATH REQUESTS_PER_SECOND CONNECTIONS SECONDS
 *
 * prints "COUNT P50 P99 P999 MAX", in microseconds. It spins: it has a processor of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 256, ANSWER_MAX = 16 << 10 };

struct peer {
    int fd;
    uint64_t due_ns;   /* of the next request */
    uint64_t asked_ns; /* when the one under way was due; 0: none is */
    char answer[ANSWER_MAX];
    size_t len;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "pace: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail("connecting");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Is the whole answer there? All have a Content-Length. */
static int is_complete(struct peer *peer)
{
    peer->answer[peer->len] = '\0';
    const char *end = strstr(peer->answer, "\r\n\r\n");
    const char *length = strcasestr(peer->answer, "\r\ncontent-length:");
    if (end == NULL || length == NULL || length > end) {
        return 0;
    }
    size_t total = (size_t)(end + 4 - peer->answer) + strtoul(length + 17, NULL, 10);
    return peer->len >= total;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct peer peers[PEERS_MAX];
    char request[1024];
    if (argc != 6 || atoi(argv[4]) < 1 || atoi(argv[4]) > PEERS_MAX) {
        return 2;
    }
    size_t count = (size_t)atoi(argv[4]);
    double rate = atof(argv[3]);
    uint64_t gap_ns = (uint64_t)(1e9 * (double)count / rate);
    size_t room = (size_t)(rate * atof(argv[5]) * 1.2) + 1000;
    uint32_t *took_us = malloc(room * sizeof *took_us);
    int request_len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n",
                               argv[2]);
    size_t done = 0;
    if (took_us == NULL) {
        fail("making room");
    }
    for (size_t i = 0; i < count; i++) {
        peers[i].fd = dial((uint16_t)atoi(argv[1]));
    }
    uint64_t begin_ns = now_ns();
    for (size_t i = 0; i < count; i++) {
        peers[i].due_ns = begin_ns + gap_ns * i / count;
    }
    uint64_t end_ns = begin_ns + (uint64_t)(1e9 * atof(argv[5]));
    for (size_t i = 0; now_ns() < end_ns && done < room; i = (i + 1) % count) {
        struct peer *peer = &peers[i];
        if (peer->asked_ns == 0 && now_ns() >= peer->due_ns) {
            if (send(peer->fd, request, (size_t)request_len, MSG_NOSIGNAL) != request_len) {
                fail("sending");
            }
            peer->asked_ns = peer->due_ns;
            peer->due_ns += gap_ns;
            peer->len = 0;
        }
        if (peer->asked_ns == 0) {
            continue;
        }
        ssize_t got = recv(peer->fd, peer->answer + peer->len, ANSWER_MAX - 1 - peer->len,
                           MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            fail("receiving");
        }
        peer->len += got > 0 ? (size_t)got : 0;
        if (got > 0 && is_complete(peer)) {
            if (strncmp(peer->answer, "HTTP/1.1 200 ", 13) != 0) {
                fail("an answer that is not 200");
            }
            took_us[done++] = (uint32_t)((now_ns() - peer->asked_ns) / 1000);
            peer->asked_ns = 0;
        }
    }
    if (done == 0) {
        fail("no answer");
    }
    qsort(took_us, done, sizeof *took_us, by_size);
    printf("%zu %u %u %u %u\n", done, took_us[done / 2], took_us[done * 99 / 100],
           took_us[done * 999 / 1000], took_us[done - 1]);
    free(took_us);
    return 0;
}
