/*
 * A client on the second socket generation under the plain names.
 *
 *   v2_client tcp ADDRESS PORT [PATH]    connects without blocking, prints the answer to a GET
 * answer v2_client udp ADDRESS PORT [TEXT]    sends one datagram and prints what comes back, and
 * from whom
 *
 * It prints a line per step, so that a test can say where a refusal happened. The exit status is
 * the WASI errno of the first step that failed.
 */
#include "v2_common.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_WAIT_MS = 5000, ETIMEDOUT_WASI = 73 };

static void check(const char *step, int32_t r)
{
    if (r != 0) {
        printf("%s: errno %d\n", step, (int)r);
        fflush(stdout);
        exit(r);
    }
}

static void print_end(const char *name, const struct v2_storage *storage, uint32_t port)
{
    char text[V2_TEXT_LEN];

    v2_address_print(storage, port, text);
    printf("%s %s\n", name, text);
}

static void wait_for(int32_t fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};

    if (poll(&one, 1, ANSWER_WAIT_MS) == 0) {
        check("poll", ETIMEDOUT_WASI);
    }
}

/* Connects the way an event loop does: begin, wait until writable, ask how it went. */
static int32_t connect_to(const struct v2_address *address, uint32_t port)
{
    int32_t fd = -1;
    int32_t error = 0;
    uint32_t error_len = sizeof(error);

    check("sock_open", v2_open(address->storage->family, V2_STREAM, &fd));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    int32_t r = v2_connect(fd, address, port);
    if (r == V2_EINPROGRESS) {
        wait_for(fd, POLLOUT);
        check("sock_getsockopt", v2_getsockopt(fd, V2_SOL_SOCKET, V2_SO_ERROR, &error, &error_len));
        r = error;
    }
    check("sock_connect", r);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static int tcp(const struct v2_address *address, uint32_t port, const char *path)
{
    struct v2_storage end = {0};
    struct v2_address end_address = {&end, sizeof(end)};
    uint32_t end_port = 0;
    char bytes[4096];
    uint32_t len = 0;
    uint32_t flags = 0;

    int32_t fd = connect_to(address, port);
    check("sock_getpeeraddr", v2_getpeeraddr(fd, &end_address, &end_port));
    print_end("peer", &end, end_port);
    check("sock_getlocaladdr", v2_getlocaladdr(fd, &end_address, &end_port));
    print_end("local", &end, end_port);

    int text_len = snprintf(bytes, sizeof(bytes),
                            "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", path);
    check("sock_send", v2_send_all(fd, bytes, (size_t)text_len));
    check("sock_shutdown", v2_shutdown(fd, /*sending=*/2));
    for (;;) {
        struct v2_span span = {bytes, sizeof(bytes)};
        check("sock_recv", v2_recv(fd, &span, 1, /*flags=*/0, &len, &flags));
        if (len == 0) {
            break;
        }
        fwrite(bytes, 1, len, stdout);
    }
    close(fd);
    return 0;
}

static int udp(const struct v2_address *address, uint32_t port, const char *text)
{
    struct v2_storage from = {0};
    struct v2_address from_address = {&from, sizeof(from)};
    static char bytes[65536]; /* More than a guest's stack should hold. */
    struct v2_const_span output = {text, (uint32_t)strlen(text)};
    struct v2_span input = {bytes, sizeof(bytes)};
    uint32_t from_port = 0;
    uint32_t len = 0;
    uint32_t flags = 0;
    int32_t fd = -1;

    check("sock_open", v2_open(address->storage->family, V2_DGRAM, &fd));
    check("sock_send_to", v2_send_to(fd, &output, 1, address, port, /*flags=*/0, &len));
    printf("sent %u\n", (unsigned)len);
    wait_for(fd, POLLIN);
    check("sock_recv_from",
          v2_recv_from(fd, &input, 1, &from_address, /*flags=*/0, &from_port, &len, &flags));
    print_end("from", &from, from_port);
    printf("received %.*s\n", (int)len, bytes);
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct v2_storage storage;
    struct v2_address address = {&storage, sizeof(storage)};

    if (argc < 4 || !v2_address_parse(argv[2], &storage)) {
        fprintf(stderr, "usage: v2_client tcp|udp ADDRESS PORT [PATH|TEXT]\n");
        return 2;
    }
    uint32_t port = (uint32_t)strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "udp") == 0) {
        return udp(&address, port, argc > 4 ? argv[4] : "hello");
    }
    return tcp(&address, port, argc > 4 ? argv[4] : "/");
}
