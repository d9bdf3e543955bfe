/* Opening and inheriting listeners. See listener.h. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
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

/* The file of a Unix socket's address. 0 or a negative errno. */
static int identify(const struct net_address *address, struct listener_file *ret_file)
{
    struct stat st;
    if (address->u.any.sa_family != AF_UNIX) {
        return -ENOTSOCK;
    }
    if (stat(address->u.local.sun_path, &st) < 0) {
        return -errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return -ENOTSOCK;
    }
    *ret_file = (struct listener_file){.device = st.st_dev, .inode = st.st_ino};
    return 0;
}

/* Add an open listener, whose place has been checked. */
static void append(struct listeners *listeners, int fd)
{
    struct net_address address = {.len = 0};
    uint32_t index = listeners->count;
    listeners->fds[index] = fd;
    listeners->files[index] = (struct listener_file){0};
    listeners->count++;
    if (listeners_address(listeners, index, &address) == 0) {
        (void)identify(&address, &listeners->files[index]); /* most have none */
    }
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

/* Does nobody listen on a Unix socket's file any more? */
static bool is_stale(const struct net_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool is_refused = connect(fd, &address->u.any, address->len) < 0 && errno == ECONNREFUSED;
    (void)close(fd); /* nothing was written through it */
    return is_refused;
}

/* What a program that crashed has left is in the way of a bind. */
static void remove_stale_unix(const struct net_address *address)
{
    struct listener_file file;
    if (identify(address, &file) == 0 && is_stale(address)) {
        (void)unlink(address->u.local.sun_path); /* the bind that follows tells what matters */
    }
}

void listeners_done_and_remove(struct listeners *listeners)
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        struct listener_file *ours = &listeners->files[i];
        struct listener_file file = {0};
        struct net_address address = {.len = 0};
        int r = listeners_address(listeners, i, &address);
        (void)close(listeners->fds[i]); /* a listener has nothing left to write */
        if (r == 0 && identify(&address, &file) == 0 && file.inode == ours->inode &&
            file.device == ours->device && is_stale(&address)) {
            (void)unlink(address.u.local.sun_path); /* nobody is left to be told */
        }
    }
    listeners->count = 0;
}

/* Whose permissions are its umask's. */
enum { MODE_UNSET = -1 };

/* A symbolic link that somebody has put there instead is not followed. */
static int set_mode(const struct net_address *address, int mode)
{
    if (mode == MODE_UNSET || address->u.any.sa_family != AF_UNIX) {
        return 0;
    }
    const char *path = address->u.local.sun_path;
    return fchmodat(AT_FDCWD, path, (mode_t)mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int open_listener(const struct net_address *address, int mode, int *ret_fd)
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
    if (r == 0) {
        r = set_mode(address, mode); /* nobody can connect yet */
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

static int explain_unix(int code, const char *address, struct error *err)
{
    switch (code) {
    case -EADDRINUSE:
        return error_set(err, code,
                         "cannot listen on %s: another program listens there already, or the file "
                         "is no socket; stop the program, remove the file or choose another path",
                         address);
    case -EACCES:
        return error_set(err, code,
                         "cannot listen on %s: this user may not make a file there; choose another "
                         "directory or change its permissions",
                         address);
    case -ENOENT:
        return error_set(err, code,
                         "cannot listen on %s: there is no such directory; make it first", address);
    default:
        return error_set_errno(err, code, "cannot listen on %s", address);
    }
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

static int add(struct listeners *listeners, const char *address, int mode, struct error *err)
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
    r = open_listener(&parsed, mode, &fd);
    if (r < 0) {
        bool is_unix = parsed.u.any.sa_family == AF_UNIX;
        return is_unix ? explain_unix(r, address, err) : explain(r, address, err);
    }
    append(listeners, fd);
    return 0;
}

int listeners_add(struct listeners *listeners, const char *address, struct error *err)
{
    return add(listeners, address, MODE_UNSET, err);
}

int listeners_add_with_mode(struct listeners *listeners, const char *address, mode_t mode,
                            struct error *err)
{
    return add(listeners, address, (int)(mode & 07777), err);
}

/* -- inherited -------------------------------------------------------------------------------- */

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
        if (listeners->count == LISTENER_MAX) {
            return error_set(err, -EMFILE, "more than %d listeners were passed", LISTENER_MAX);
        }
        int r = adopt(fd);
        if (r < 0) {
            return error_set_errno(err, r, "descriptor %d, passed by LISTEN_FDS, is no listener",
                                   fd);
        }
        append(listeners, fd);
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
