/* The master's listening sockets. A reload keeps those whose address stays. */
#ifndef HYTHE_SERVE_SOCKETS_H
#define HYTHE_SERVE_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"
#include "net/listener.h"

struct serve_socket {
    struct list node;
    char *address;        /* owned: as configured */
    struct listeners one; /* owned; empty once it is closed */
    uint32_t users;       /* generations */
    uint32_t generation;  /* the last one that took it, so that none takes it twice */
    bool is_inherited;    /* from systemd: stays, and is used, whatever the configuration says */
};

struct sockets {
    struct list all; /* of struct serve_socket */
};

void sockets_init(struct sockets *sockets);

/* Close all, and remove the files of Unix sockets that nobody listens on. */
void sockets_done(struct sockets *sockets);

/* Find or open the socket for an address; a Unix socket that is made gets these permissions (0: as
 * umask has it). 0, or a negative errno with the reason in `err`. */
int sockets_take(struct sockets *sockets, const char *address, mode_t mode, uint32_t generation,
                 struct serve_socket **ret_socket, struct error *err);

/* A generation does not use it any more. NULL is fine. */
void sockets_release(struct serve_socket *socket);

/* Take what systemd has passed. 0, or a negative errno with the reason in `err`. */
int sockets_inherit(struct sockets *sockets, struct error *err);

/* Take over one from the program that was here before. 0 or a negative errno; then it is closed. */
int sockets_adopt(struct sockets *sockets, const char *address, int fd, bool is_inherited);

/* Close those that were taken over and that no generation has taken. */
void sockets_drop_unused(struct sockets *sockets);

int sockets_fd(const struct serve_socket *socket);

/* Its address with the real port, as "127.0.0.1:8080". `text` takes NET_ADDRESS_TEXT_MAX bytes. */
const char *sockets_text(const struct serve_socket *socket, char *text);

#endif
