/* What nginx proxies to in the benchmark: an HTTP/1.1 server that sends each request's body back as
 * it comes. One thread, one connection at a time per turn of poll(); it has a processor of its own
 * and is not what is measured. It trusts its one client. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS_MAX = 256, HEAD_MAX = 16 << 10, PIECE = 256 << 10 };

struct peer {
    char head[HEAD_MAX];
    size_t head_len;
    size_t left; /* bytes of the body still to come */
};

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        perror("listening");
        exit(1);
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static int send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return -1;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return 0;
}

/* Answer the head that is complete, and what of the body came with it. */
static int answer(int fd, struct peer *peer, const char *body)
{
    char head[128];
    const char *length = strcasestr(peer->head, "\ncontent-length:");
    size_t total = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    size_t have = peer->head_len - (size_t)(body - peer->head);
    int len = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", total);
    if (send_all(fd, head, (size_t)len) < 0 || send_all(fd, body, have) < 0) {
        return -1;
    }
    peer->left = total - have;
    peer->head_len = 0;
    return 0;
}

static int serve(int fd, struct peer *peer)
{
    static char piece[PIECE];
    if (peer->left > 0) {
        ssize_t got = recv(fd, piece, peer->left < PIECE ? peer->left : PIECE, 0);
        if (got <= 0) {
            return -1;
        }
        peer->left -= (size_t)got;
        return send_all(fd, piece, (size_t)got);
    }
    ssize_t got = recv(fd, peer->head + peer->head_len, HEAD_MAX - 1 - peer->head_len, 0);
    if (got <= 0) {
        return -1;
    }
    peer->head_len += (size_t)got;
    peer->head[peer->head_len] = '\0';
    const char *end = strstr(peer->head, "\r\n\r\n");
    return end != NULL ? answer(fd, peer, end + 4) : 0;
}

int main(void)
{
    static struct peer peers[PEERS_MAX];
    struct pollfd fds[PEERS_MAX] = {{.fd = listen_on_loopback(), .events = POLLIN}};
    nfds_t count = 1;
    while (poll(fds, count, -1) > 0) {
        for (nfds_t i = count - 1; i >= 1; i--) {
            if (fds[i].revents != 0 && serve(fds[i].fd, &peers[i]) < 0) {
                (void)close(fds[i].fd);
                count--;
                fds[i] = fds[count];
                peers[i] = peers[count];
            }
        }
        if (fds[0].revents != 0 && count < PEERS_MAX) {
            int on = 1;
            int fd = accept(fds[0].fd, NULL, NULL);
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
            peers[count] = (struct peer){.left = 0};
            count++;
        }
    }
    return 1;
}
