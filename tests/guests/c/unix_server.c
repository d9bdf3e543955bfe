/*
 * Unix sockets under the explicit _v2 names (-DV2_EXPLICIT_NAMES), with blocking calls only.
 *
 *   unix_server listen PATH     answers one HTTP request per connection, for ever
 *   unix_server connect PATH    sends one GET and prints the answer
 *
 * The exit status is the WASI errno of the step that failed.
 */
#include "v2_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n"
                            "Connection: close\r\n\r\nHello over a socket";
static const char get[] = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

static void check(const char *step, int32_t r)
{
    if (r != 0) {
        printf("%s: errno %d\n", step, (int)r);
        fflush(stdout);
        exit(r);
    }
}

static uint32_t receive(int32_t fd, char *bytes, size_t size)
{
    struct v2_span span = {bytes, (uint32_t)size};
    uint32_t len = 0;
    uint32_t flags = 0;

    return v2_recv(fd, &span, 1, /*flags=*/0, &len, &flags) == 0 ? len : 0;
}

static void serve(int32_t listener)
{
    char bytes[4096];

    for (;;) {
        int32_t fd = -1;
        check("sock_accept_v2", v2_accept(listener, /*fdflags=*/0, &fd));
        size_t len = 0;
        uint32_t part;
        do {
            part = receive(fd, bytes + len, sizeof(bytes) - 1 - len);
            len += part;
            bytes[len] = '\0';
        } while (part > 0 && strstr(bytes, "\r\n\r\n") == NULL);
        if (part > 0) {
            (void)v2_send_all(fd, hello, sizeof(hello) - 1);
        }
        (void)v2_shutdown(fd, /*both=*/3);
        close(fd);
    }
}

static void ask(int32_t fd)
{
    char bytes[4096];
    uint32_t len;

    check("sock_send_v2", v2_send_all(fd, get, sizeof(get) - 1));
    while ((len = receive(fd, bytes, sizeof(bytes))) > 0) {
        fwrite(bytes, 1, len, stdout);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct v2_storage storage = {.family = V2_UNIX};
    struct v2_address address = {&storage, sizeof(storage)};
    int32_t fd = -1;

    if (argc != 3 || strlen(argv[2]) > V2_PATH_MAX) {
        fprintf(stderr, "usage: unix_server listen|connect PATH\n");
        return 2;
    }
    memcpy(storage.octets, argv[2], strlen(argv[2]) + 1);

    check("sock_open_v2", v2_open(V2_UNIX, V2_STREAM, &fd));
    if (strcmp(argv[1], "connect") == 0) {
        check("sock_connect_v2", v2_connect(fd, &address, /*port=*/0));
        ask(fd);
        return 0;
    }
    check("sock_bind_v2", v2_bind(fd, &address, /*port=*/0));
    check("sock_listen_v2", v2_listen(fd, 16));
    printf("listening on %s\n", argv[2]);
    fflush(stdout);
    serve(fd);
    return 0;
}
