/*
 * A server on the second socket generation under the plain names: a host that decides by name
 * alone gives it the first generation's functions, and it does not link.
 *
 * On PORT (8080 if unset, 0 for any free one) it answers HTTP over TCP with both ends of the
 * connection as the host reports them, and sends every UDP datagram back to where it came from.
 * BIND chooses the address (0.0.0.0 if unset); an IPv6 address makes it an IPv6 server.
 */
#include "http.h"
#include "v2_common.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TCP_SLOT = 0, UDP_SLOT = 1, FIRST_CONNECTION = 2, SLOT_COUNT = 66 };

static struct pollfd polls[SLOT_COUNT];
static struct http_reader readers[SLOT_COUNT];
static nfds_t count;

static void fail(const char *what, int32_t r)
{
    if (r != 0) {
        fprintf(stderr, "%s: errno %d\n", what, (int)r);
        exit(1);
    }
}

static void slot_add(int32_t fd)
{
    memset(&readers[count], 0, sizeof(readers[count]));
    polls[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    count++;
}

static void slot_remove(nfds_t i)
{
    (void)v2_shutdown(polls[i].fd, /*both=*/3); /* The peer may have reset it already. */
    close(polls[i].fd);
    count--;
    polls[i] = polls[count];
    readers[i] = readers[count];
}

static int32_t socket_bound(int32_t type, struct v2_storage *storage, uint32_t port)
{
    struct v2_address address = {storage, sizeof(*storage)};
    int32_t on = 1;
    int32_t fd = -1;

    fail("sock_open", v2_open(storage->family, type, &fd));
    fail("sock_setsockopt", v2_setsockopt(fd, V2_SOL_SOCKET, V2_SO_REUSEADDR, &on, sizeof(on)));
    fail("sock_bind", v2_bind(fd, &address, port));
    return fd;
}

static void open_both(struct v2_storage *storage, uint32_t port)
{
    struct v2_storage bound = {0};
    struct v2_address address = {&bound, sizeof(bound)};
    char text[V2_TEXT_LEN];

    int32_t tcp = socket_bound(V2_STREAM, storage, port);
    fail("sock_listen", v2_listen(tcp, 128));
    fail("sock_getlocaladdr", v2_getlocaladdr(tcp, &address, &port));
    slot_add(tcp);
    /* The datagrams use the port that the listener was given. */
    slot_add(socket_bound(V2_DGRAM, storage, port));

    v2_address_print(&bound, port, text);
    printf("listening on %s\n", text);
    fflush(stdout);
}

static void accept_one(void)
{
    int32_t fd = -1;
    int32_t r = v2_accept(polls[TCP_SLOT].fd, V2_NONBLOCK, &fd);

    if (r == V2_EAGAIN) {
        return;
    }
    fail("sock_accept", r);
    if (count == SLOT_COUNT) {
        close(fd);
        return;
    }
    slot_add(fd);
}

static void echo_datagram(void)
{
    static char bytes[65536];
    struct v2_storage from = {0};
    struct v2_address address = {&from, sizeof(from)};
    struct v2_span input = {bytes, sizeof(bytes)};
    uint32_t port = 0;
    uint32_t len = 0;
    uint32_t flags = 0;

    int32_t r =
        v2_recv_from(polls[UDP_SLOT].fd, &input, 1, &address, /*flags=*/0, &port, &len, &flags);
    if (r != 0) {
        return;
    }
    struct v2_const_span output = {bytes, len};
    (void)v2_send_to(polls[UDP_SLOT].fd, &output, 1, &address, port, /*flags=*/0, &len);
}

static bool answer(int32_t fd, bool keep_alive)
{
    struct v2_storage storage = {0};
    struct v2_address address = {&storage, sizeof(storage)};
    char peer[V2_TEXT_LEN];
    char local[V2_TEXT_LEN];
    char body[256];
    char text[512];
    uint32_t port = 0;

    if (v2_getpeeraddr(fd, &address, &port) != 0) {
        return false;
    }
    v2_address_print(&storage, port, peer);
    if (v2_getlocaladdr(fd, &address, &port) != 0) {
        return false;
    }
    v2_address_print(&storage, port, local);
    int body_len = snprintf(body, sizeof(body), "Hello from v2\npeer %s\nlocal %s\n", peer, local);
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                       "Connection: %s\r\n\r\n%s",
                       body_len, keep_alive ? "keep-alive" : "close", body);
    return v2_send_all(fd, text, (size_t)len) == 0;
}

static bool turn(nfds_t i)
{
    char bytes[2048];
    struct v2_span span = {bytes, sizeof(bytes)};
    uint32_t len = 0;
    uint32_t flags = 0;
    struct http_request request;
    size_t used = 0;

    int32_t r = v2_recv(polls[i].fd, &span, 1, /*flags=*/0, &len, &flags);
    if (r != 0 || len == 0) {
        return r == V2_EAGAIN;
    }
    for (size_t at = 0; at < len; at += used) {
        enum http_step step = http_feed(&readers[i], bytes + at, len - at, &used, &request);
        if (step == HTTP_BAD) {
            return false;
        }
        if (step == HTTP_COMPLETE &&
            (!answer(polls[i].fd, request.keep_alive) || !request.keep_alive)) {
            return false;
        }
    }
    return true;
}

int main(void)
{
    const char *bind_text = getenv("BIND");
    const char *port_text = getenv("PORT");
    struct v2_storage storage;

    if (!v2_address_parse(bind_text != NULL ? bind_text : "0.0.0.0", &storage)) {
        fprintf(stderr, "BIND is not an address: %s\n", bind_text);
        return 2;
    }
    open_both(&storage, port_text != NULL ? (uint32_t)strtoul(port_text, NULL, 10) : 8080);

    while (poll(polls, count, -1) >= 0) {
        for (nfds_t i = count - 1; i >= FIRST_CONNECTION; i--) {
            if (polls[i].revents != 0 && !turn(i)) {
                slot_remove(i);
            }
        }
        if (polls[UDP_SLOT].revents != 0) {
            echo_datagram();
        }
        if (polls[TCP_SLOT].revents != 0) {
            accept_one();
        }
    }
    return 1;
}
