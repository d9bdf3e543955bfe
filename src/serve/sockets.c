/* Sockets that outlive the generations that use them. See sockets.h. */
#include "serve/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "net/address.h"

void sockets_init(struct sockets *sockets)
{
    list_init(&sockets->all);
}

static void socket_free(struct serve_socket *socket)
{
    list_remove(&socket->node);
    listeners_done_and_remove(&socket->one);
    free(socket->address);
    free(socket);
}

void sockets_done(struct sockets *sockets)
{
    struct list *node = sockets->all.next;
    while (node != &sockets->all) {
        struct serve_socket *socket = container_of(node, struct serve_socket, node);
        node = node->next;
        socket_free(socket);
    }
}

/* One without a listener yet. NULL without memory. */
static struct serve_socket *socket_new(struct sockets *sockets, const char *address)
{
    struct serve_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    list_init(&socket->node);
    socket->address = strdup(address);
    if (socket->address == NULL) {
        socket_free(socket);
        return NULL;
    }
    list_append(&sockets->all, &socket->node);
    return socket;
}

static struct serve_socket *find(const struct sockets *sockets, const char *address,
                                 uint32_t generation)
{
    for (struct list *node = sockets->all.next; node != &sockets->all; node = node->next) {
        struct serve_socket *socket = container_of(node, struct serve_socket, node);
        if (socket->generation != generation && strcmp(socket->address, address) == 0) {
            return socket;
        }
    }
    return NULL;
}

static struct serve_socket *take(struct serve_socket *socket, uint32_t generation)
{
    socket->users++;
    socket->generation = generation;
    return socket;
}

int sockets_take(struct sockets *sockets, const char *address, mode_t mode, uint32_t generation,
                 struct serve_socket **ret_socket, struct error *err)
{
    struct serve_socket *socket = find(sockets, address, generation);
    if (socket == NULL) {
        socket = socket_new(sockets, address);
        if (socket == NULL) {
            return error_set_errno(err, -ENOMEM, "listening on %s", address);
        }
        int r = mode != 0 ? listeners_add_with_mode(&socket->one, address, mode, err)
                          : listeners_add(&socket->one, address, err);
        if (r < 0) {
            socket_free(socket);
            return r;
        }
    }
    *ret_socket = take(socket, generation);
    return 0;
}

void sockets_release(struct serve_socket *socket)
{
    if (socket != NULL && --socket->users == 0) {
        socket_free(socket);
    }
}

/* Remember the address of what is there by its own words. */
static int keep_one(struct sockets *sockets, struct listeners *from, const char *address)
{
    struct serve_socket *socket = socket_new(sockets, address);
    if (socket == NULL) {
        return -ENOMEM;
    }
    socket->one.fds[0] = from->fds[0];
    socket->one.files[0] = from->files[0];
    socket->one.count = 1;
    from->count--;
    memmove(from->fds, from->fds + 1, from->count * sizeof *from->fds);
    memmove(from->files, from->files + 1, from->count * sizeof *from->files);
    return 0;
}

/* As a configuration writes it. */
static const char *address_text(const struct net_address *address, char *text)
{
    if (address->u.any.sa_family == AF_UNIX) {
        size_t len = strnlen(address->u.local.sun_path, NET_ADDRESS_TEXT_MAX - 6);
        memcpy(text, "unix:", 5);
        memcpy(text + 5, address->u.local.sun_path, len);
        text[5 + len] = '\0';
        return text;
    }
    return net_address_print(address, text);
}

void sockets_drop_unused(struct sockets *sockets)
{
    struct list *node = sockets->all.next;
    while (node != &sockets->all) {
        struct serve_socket *socket = container_of(node, struct serve_socket, node);
        node = node->next;
        if (socket->users == 0) {
            socket_free(socket);
        }
    }
}

static void keep(struct serve_socket *socket)
{
    socket->is_inherited = true;
    socket->users = 1; /* we */
}

int sockets_inherit(struct sockets *sockets, struct error *err)
{
    struct listeners passed = {.count = 0};
    int r = listeners_inherit(&passed, err);
    while (r == 0 && passed.count > 0) {
        struct net_address address;
        char text[NET_ADDRESS_TEXT_MAX];
        r = listeners_address(&passed, 0, &address);
        if (r == 0) {
            r = keep_one(sockets, &passed, address_text(&address, text));
        }
        if (r < 0) {
            (void)error_set_errno(err, r, "taking over a listener of LISTEN_FDS");
        } else {
            keep(container_of(sockets->all.prev, struct serve_socket, node));
        }
    }
    listeners_done(&passed);
    return r;
}

int sockets_adopt(struct sockets *sockets, const char *address, int fd, bool is_inherited)
{
    struct listeners passed = {.fds = {fd}, .count = 1};
    struct net_address real;
    struct stat st;
    int r = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0) {
        r = listeners_address(&passed, 0, &real);
    }
    if (r == 0 && real.u.any.sa_family == AF_UNIX && stat(real.u.local.sun_path, &st) == 0) {
        passed.files[0] = (struct listener_file){.device = st.st_dev, .inode = st.st_ino};
    }
    if (r == 0) {
        r = keep_one(sockets, &passed, address);
    }
    if (r == 0 && is_inherited) {
        keep(container_of(sockets->all.prev, struct serve_socket, node));
    }
    listeners_done(&passed);
    return r;
}

int sockets_fd(const struct serve_socket *socket)
{
    return socket->one.fds[0];
}

const char *sockets_text(const struct serve_socket *socket, char *text)
{
    struct net_address address = {.len = 0};
    if (socket->one.count == 0 || listeners_address(&socket->one, 0, &address) < 0) {
        (void)memcpy(text, "?", 2); /* it is closed */
        return text;
    }
    return address_text(&address, text);
}
