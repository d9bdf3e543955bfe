/* Both ends of the broker. See broker.h. */
#include "net/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct shared_socket {
    struct broker_request asked; /* with what was asked for, so that port 0 is found again */
    int fd;                      /* owned */
};

struct broker {
    struct shared_socket sockets[BROKER_SOCKETS_MAX];
    uint32_t count;
};

int broker_new(struct broker **ret_broker)
{
    *ret_broker = calloc(1, sizeof **ret_broker);
    return *ret_broker == NULL ? -ENOMEM : 0;
}

void broker_free(struct broker *broker)
{
    if (broker == NULL) {
        return;
    }
    for (uint32_t i = 0; i < broker->count; i++) {
        (void)close(broker->sockets[i].fd); /* nothing was written through it */
    }
    free(broker);
}

static bool is_same(const struct broker_request *a, const struct broker_request *b)
{
    return a->type == b->type && a->nth == b->nth && a->v6_only == b->v6_only &&
           a->address_len == b->address_len &&
           memcmp(&a->address, &b->address, a->address_len) == 0;
}

static int bind_new(const struct broker_request *request, int *ret_fd)
{
    int on = 1;
    const struct sockaddr *address = (const struct sockaddr *)&request->address;
    int fd = socket(request->address.ss_family, request->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = 0;
    if (request->reuse_address && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) {
        r = -errno;
    }
    if (r == 0 && request->v6_only &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) {
        r = -errno;
    }
    if (r == 0 && bind(fd, address, request->address_len) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)close(fd); /* nothing was written through it */
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* Find or make the socket for a request; the broker keeps it. Descriptor or negative errno. */
static int provide(struct broker *broker, const struct broker_request *request)
{
    int fd = -1;
    for (uint32_t i = 0; i < broker->count; i++) {
        if (is_same(&broker->sockets[i].asked, request)) {
            return broker->sockets[i].fd;
        }
    }
    if (broker->count == BROKER_SOCKETS_MAX) {
        return -ENFILE;
    }
    int r = bind_new(request, &fd);
    if (r < 0) {
        return r;
    }
    broker->sockets[broker->count] = (struct shared_socket){*request, fd};
    broker->count++;
    return fd;
}

/* Send a result, and a descriptor when there is one. */
static int send_answer(int to, int32_t result, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {&result, sizeof result};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static bool is_sound(const struct broker_request *request)
{
    int family = request->address.ss_family;
    bool family_ok = family == AF_INET || family == AF_INET6 || family == AF_UNIX;
    bool type_ok = request->type == SOCK_STREAM || request->type == SOCK_DGRAM;
    return family_ok && type_ok && request->address_len >= sizeof(sa_family_t) &&
           request->address_len <= sizeof request->address;
}

int broker_serve(struct broker *broker, int fd)
{
    struct broker_request request;
    ssize_t got = recv(fd, &request, sizeof request, MSG_DONTWAIT);
    if (got <= 0) {
        return got == 0 ? -EPIPE : -errno;
    }
    if (got != (ssize_t)sizeof request || !is_sound(&request)) {
        return -EPROTO;
    }
    int shared = provide(broker, &request);
    return send_answer(fd, shared < 0 ? shared : 0, shared);
}

static int take_descriptor(struct msghdr *message, int *ret_fd)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof *ret_fd)) {
        return -EPROTO;
    }
    memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    return 0;
}

static int receive_answer(int from, int *ret_fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    int32_t result = 0;
    struct iovec iov = {&result, sizeof result};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = 0;
    do {
        got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof result) {
        return got < 0 ? -errno : -EPIPE;
    }
    if (result < 0) {
        return result;
    }
    /* The kernel drops a descriptor for which there is no room. */
    return (message.msg_flags & MSG_CTRUNC) != 0 ? -EMFILE : take_descriptor(&message, ret_fd);
}

int broker_bind(int fd, const struct broker_wish *wish, int *ret_fd)
{
    struct broker_request request = {
        .type = wish->type,
        .reuse_address = wish->reuse_address,
        .v6_only = wish->v6_only,
        .nth = wish->nth,
        .address_len = wish->address->len,
    };
    memcpy(&request.address, &wish->address->u, wish->address->len);
    if (send(fd, &request, sizeof request, MSG_NOSIGNAL) < 0) {
        return -errno;
    }
    return receive_answer(fd, ret_fd);
}
