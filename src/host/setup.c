/* Giving a guest what it was granted. See setup.h. */
#include "host/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/module.h"
#include "guest/dir.h"
#include "guest/file.h"
#include "guest/guest.h"
#include "guest/socket.h"
#include "host/config.h"
#include "host/instance.h"
#include "net/names.h"

enum { FIRST_LISTENER_FD = 3 };

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
                                   i + FIRST_LISTENER_FD);
        }
    }
    return 0;
}

static int give_dirs(struct guest *guest, const struct hythe_guest_config *config,
                     struct error *err)
{
    for (size_t i = 0; i < config->dir_count; i++) {
        const struct dir_grant *grant = &config->dirs[i];
        struct guest_dir *dir = NULL;
        int r = guest_dir_preopen(guest, grant->host, grant->guest, grant->read_only, &dir, err);
        if (r < 0) {
            return r;
        }
        r = insert(guest, &dir->base);
        if (r < 0) {
            return error_set_errno(err, r, "giving the guest the directory %s", grant->host);
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
    for (size_t i = 0; r == 0 && i < config->env.count; i++) {
        r = guest_add_env(guest, config->env.items[i]);
    }
    if (r == 0 && options->listeners->count > 0 && !has_env(&config->env, "LISTEN_FDS")) {
        char entry[32];
        (void)snprintf(entry, sizeof entry, "LISTEN_FDS=%u", options->listeners->count);
        r = guest_add_env(guest, entry);
    }
    return r < 0 ? error_set_errno(err, r, "giving the guest its arguments and environment") : 0;
}

static int give_policy(struct guest *guest, const struct hythe_guest_config *config,
                       struct error *err)
{
    guest->policy.allow_all = config->allow_net;
    guest->policy.is_dry_run = config->policy_dry_run;
    int r = 0;
    for (size_t i = 0; r == 0 && i < config->allow_listen.count; i++) {
        r = policy_allow_listen(&guest->policy, config->allow_listen.items[i], err);
    }
    for (size_t i = 0; r == 0 && i < config->allow_connect.count; i++) {
        r = policy_allow_connect(&guest->policy, config->allow_connect.items[i], err);
    }
    for (size_t i = 0; r == 0 && i < config->allow_http.count; i++) {
        r = policy_allow_http(&guest->policy, config->allow_http.items[i], err);
    }
    return r;
}

/* Give names their addresses; the resolver is made now only if there are any. */
static int give_hosts(struct guest *guest, const struct hythe_guest_config *config,
                      struct error *err)
{
    struct names *names = NULL;
    if (config->hosts.count == 0) {
        return 0;
    }
    int r = guest_names(guest, &names);
    if (r < 0) {
        return error_set_errno(err, r, "making the resolver");
    }
    for (size_t i = 0; r == 0 && i < config->hosts.count; i++) {
        r = names_add_host(names, config->hosts.items[i], err);
    }
    return r;
}

static bool imports_name(const struct module *module, const char *name, const char *params)
{
    for (uint32_t i = 0; i < module_import_count(module); i++) {
        const struct module_import *import = module_import(module, i);
        if (strcmp(import->name, name) == 0 &&
            (params == NULL || strcmp(import->params, params) == 0)) {
            return true;
        }
    }
    return false;
}

/* What the dialect decides, unless the configuration does: guests that open their own sockets have
 * a runtime that expects edges. */
static void choose_dialect(struct guest *guest, const struct host_instance_options *options)
{
    bool has_sockets = imports_name(options->module, "sock_open", NULL);
    switch (options->config->poll_mode) {
    case HYTHE_POLL_LEVEL:
        guest->poll_mode = GUEST_POLL_LEVEL;
        break;
    case HYTHE_POLL_AUTO:
        guest->poll_mode = GUEST_POLL_AUTO;
        break;
    case HYTHE_POLL_DEFAULT:
        guest->poll_mode = has_sockets ? GUEST_POLL_AUTO : GUEST_POLL_LEVEL;
        break;
    }
    /* Go's net package for this dialect, told by its 3-parameter form, reads an IPv6 answer of
     * sock_getaddrinfo from another place than the others. */
    if (imports_name(options->module, "sock_getlocaladdr", "iii")) {
        guest->dialect_flags |= DIALECT_V6_AT_2;
    }
}

int setup_guest(struct guest *guest, const struct host_instance_options *options, struct error *err)
{
    const struct hythe_guest_config *config = options->config;
    guest->fds.max = config->max_fds;
    guest->strict_prestat = config->strict_prestat;
    guest->broker_fd = options->broker_fd;
    choose_dialect(guest, options);
    int r = give_policy(guest, config, err);
    if (r == 0) {
        r = give_hosts(guest, config, err);
    }
    if (r == 0) {
        r = give_stdio(guest, err);
    }
    if (r == 0) {
        r = give_listeners(guest, options->listeners, err);
    }
    if (r == 0) {
        r = give_dirs(guest, config, err);
    }
    if (r == 0) {
        r = give_texts(guest, options, err);
    }
    return r;
}
