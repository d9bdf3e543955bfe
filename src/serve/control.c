/* Messages between processes. See control.h. */
#include "serve/control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    int32_t kind;
    int32_t number;
};

union ancillary {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int control_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

static void attach(struct msghdr *message, union ancillary *space, int fd)
{
    message->msg_control = space->bytes;
    message->msg_controllen = sizeof space->bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

int control_send(int fd, enum control_kind kind, int number, const char *text, int passed_fd)
{
    struct head head = {.kind = (int32_t)kind, .number = number};
    union ancillary space = {{0}};
    char copy[CONTROL_TEXT_MAX];
    size_t len = text != NULL ? strnlen(text, CONTROL_TEXT_MAX) : 0;
    if (len > 0) {
        memcpy(copy, text, len);
    }
    struct iovec pieces[2] = {{&head, sizeof head}, {copy, len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    if (passed_fd >= 0) {
        attach(&message, &space, passed_fd);
    }
    ssize_t sent = 0;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* The one descriptor that came along, or -1. The space of one is room for two, because of its
 * alignment: what is too many is closed, so that nobody fills the receiver's table. */
static int detach(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fds[2] = {-1, -1};
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        return -1;
    }
    size_t len = header->cmsg_len - CMSG_LEN(0);
    memcpy(fds, CMSG_DATA(header), len < sizeof fds ? len : sizeof fds);
    if (fds[1] < 0) {
        return fds[0];
    }
    (void)close(fds[0]); /* not asked for */
    (void)close(fds[1]);
    return -1;
}

int control_receive(int fd, struct control_message *ret_message)
{
    struct head head;
    union ancillary space = {{0}};
    struct iovec pieces[2] = {{&head, sizeof head}, {ret_message->text, CONTROL_TEXT_MAX}};
    struct msghdr message = {.msg_iov = pieces,
                             .msg_iovlen = 2,
                             .msg_control = space.bytes,
                             .msg_controllen = sizeof space.bytes};
    ssize_t got = 0;
    do {
        got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    if (got == 0) {
        return 0;
    }
    int passed = detach(&message);
    if ((size_t)got < sizeof head) {
        if (passed >= 0) {
            (void)close(passed); /* of no use */
        }
        return -EPROTO;
    }
    ret_message->kind = (enum control_kind)head.kind;
    ret_message->number = head.number;
    ret_message->fd = passed;
    ret_message->text_len = (size_t)got - sizeof head;
    ret_message->text[ret_message->text_len] = '\0';
    return 1;
}
