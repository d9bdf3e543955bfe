/* Opening and inheriting listeners. See listener.h. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

enum { INHERITED_FIRST = 3 };

void listeners_done(struct listeners *listeners)
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        (void)close(listeners->fds[i]); /* a listener has nothing left to write */
    }
    listeners->count = 0;
}

static int set_options(int fd, int family)
{
    int one = 1;
    if (family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) {
        return -errno;
    }
    /* One address, one listener: [::] does not silently take IPv4's ports too. */
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) {
        return -errno;
    }
    return 0;
}

/* A Unix socket file that nobody listens on any more is in the way of a bind. */
static void remove_stale_unix(const struct net_address *address)
{
    struct stat st;
    const char *path = address->u.local.sun_path;
    if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &address->u.any, address->len) < 0 && errno == ECONNREFUSED) {
        (void)unlink(path); /* the bind that follows tells what matters */
    }
    (void)close(fd); /* nothing was written through it */
}

static int open_listener(const struct net_address *address, int *ret_fd)
{
    int family = address->u.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (family == AF_UNIX) {
        remove_stale_unix(address);
    }
    int r = set_options(fd, family);
    if (r == 0 && bind(fd, &address->u.any, address->len) < 0) {
        r = -errno;
    }
    if (r == 0 && listen(fd, LISTENER_BACKLOG) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)close(fd); /* nothing was written through it */
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* Say what can be done about a listener that cannot be opened. */
static int explain(int code, const char *address, struct error *err)
{
    switch (code) {
    case -EADDRINUSE:
        return error_set(err, code,
                         "cannot listen on %s: another program listens there already; stop it or "
                         "choose another port (port 0 takes a free one)",
                         address);
    case -EACCES:
        return error_set(err, code,
                         "cannot listen on %s: this user may not; ports below 1024 need root or "
                         "CAP_NET_BIND_SERVICE, so choose a higher one",
                         address);
    case -EADDRNOTAVAIL:
        return error_set(err, code, "cannot listen on %s: this machine has no such address",
                         address);
    default:
        return error_set_errno(err, code, "cannot listen on %s", address);
    }
}

int listeners_add(struct listeners *listeners, const char *address, struct error *err)
{
    struct net_address parsed;
    int fd = -1;
    if (listeners->count == LISTENER_MAX) {
        return error_set(err, -EMFILE, "more than %d listeners were asked for", LISTENER_MAX);
    }
    int r = net_address_parse(address, &parsed, err);
    if (r < 0) {
        (void)error_set_exit(err, 2);
        return r;
    }
    r = open_listener(&parsed, &fd);
    if (r < 0) {
        return explain(r, address, err);
    }
    listeners->fds[listeners->count] = fd;
    listeners->count++;
    return 0;
}

static bool is_for_us(uint64_t *ret_count)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    uint64_t value = 0;
    return pid != NULL && count != NULL && num_parse_u64(pid, INT32_MAX, &value) == 0 &&
           value == (uint64_t)getpid() && num_parse_u64(count, LISTENER_MAX, ret_count) == 0;
}

static int adopt(int fd)
{
    int accepts = 0;
    socklen_t len = sizeof accepts;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) < 0) {
        return -errno;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -errno;
    }
    return accepts ? 0 : -ENOTCONN;
}

int listeners_inherit(struct listeners *listeners, struct error *err)
{
    uint64_t count = 0;
    if (!is_for_us(&count)) {
        return 0;
    }
    (void)unsetenv("LISTEN_PID"); /* fails only for bad names */
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    for (uint64_t i = 0; i < count; i++) {
        int fd = INHERITED_FIRST + (int)i;
        int r = adopt(fd);
        if (r < 0) {
            return error_set_errno(err, r, "descriptor %d, passed by LISTEN_FDS, is no listener",
                                   fd);
        }
        listeners->fds[listeners->count] = fd;
        listeners->count++;
    }
    return 0;
}

int listeners_address(const struct listeners *listeners, uint32_t index,
                      struct net_address *ret_address)
{
    struct net_address address = {.len = sizeof address.u};
    if (getsockname(listeners->fds[index], &address.u.any, &address.len) < 0) {
        return -errno;
    }
    *ret_address = address;
    return 0;
}
