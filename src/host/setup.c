/* Giving a guest what is the process's. See setup.h. */
#include "host/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/guest.h"
#include "guest/socket.h"
#include "host/config.h"
#include "host/instance.h"

static int insert(struct guest *guest, struct descriptor *d)
{
    uint32_t fd = 0;
    int r = fd_table_insert(&guest->fds, d, 0, &fd);
    if (r < 0) {
        descriptor_unref(d);
    }
    return r;
}

/* Stand-in for a descriptor that hythe was started without. */
static int give_null(struct guest *guest, struct guest_file **ret_file)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = guest_file_stdio(guest, fd, ret_file);
    (void)close(fd); /* the guest has its own */
    return r;
}

static int give_stdio(struct guest *guest, struct error *err)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct guest_file *file = NULL;
        int r = guest_file_stdio(guest, fd, &file);
        if (r == -EBADF) {
            r = give_null(guest, &file);
        }
        if (r == 0) {
            r = insert(guest, &file->base);
        }
        if (r < 0) {
            return error_set_errno(err, r, "giving the guest descriptor %d", fd);
        }
    }
    return 0;
}

static int give_listener(struct guest *guest, int host_fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    struct guest_socket *socket = NULL;
    if (getsockname(host_fd, (struct sockaddr *)&address, &len) < 0) {
        return -errno;
    }
    int fd = fcntl(host_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = guest_socket_wrap(guest, fd, address.ss_family, SOCK_STREAM, SOCKET_LISTENING, &socket);
    if (r < 0) {
        (void)close(fd); /* a listener has nothing left to write */
        return r;
    }
    socket->base.is_preopen = true;
    socket->base.fdflags = FDFLAG_NONBLOCK;
    return insert(guest, &socket->base);
}

static int give_listeners(struct guest *guest, const struct listeners *listeners, struct error *err)
{
    for (uint32_t i = 0; i < listeners->count; i++) {
        int r = give_listener(guest, listeners->fds[i]);
        if (r < 0) {
            return error_set_errno(err, r, "giving the guest its listener %u",
                                   i + SETUP_FIRST_LISTENER);
        }
    }
    return 0;
}

static bool has_env(const struct strings *env, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], key, len) == 0 && env->items[i][len] == '=') {
            return true;
        }
    }
    return false;
}

static int give_texts(struct guest *guest, const struct host_instance_options *options,
                      struct error *err)
{
    const struct hythe_guest_config *config = options->config;
    int r = guest_add_arg(guest, options->name);
    for (size_t i = 0; r == 0 && i < config->args.count && config->invoke == NULL; i++) {
        r = guest_add_arg(guest, config->args.items[i]);
    }
    if (r == 0 && options->listeners->count > 0 && !has_env(&config->env, "LISTEN_FDS")) {
        char entry[32];
        (void)snprintf(entry, sizeof entry, "LISTEN_FDS=%u", options->listeners->count);
        r = guest_add_env(guest, entry);
    }
    return r < 0 ? error_set_errno(err, r, "giving the guest its arguments and environment") : 0;
}

int setup_guest(struct guest *guest, const struct host_instance_options *options, struct error *err)
{
    guest->broker_fd = options->broker_fd;
    int r = give_stdio(guest, err);
    if (r == 0) {
        r = give_listeners(guest, options->listeners, err);
    }
    if (r == 0) {
        r = give_texts(guest, options, err);
    }
    return r;
}
