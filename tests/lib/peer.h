/* The other side of a guest's sockets: plain, blocking ones of the test, on the loopback only. */
#ifndef HYTHE_TESTS_LIB_PEER_H
#define HYTHE_TESTS_LIB_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/guest.h"
#include "guest/socket.h"

/* 127.0.0.1 or ::1 and a port; 0 lets the kernel choose. */
struct net_address peer_v4(uint16_t port);
struct net_address peer_v6(uint16_t port);

/* Does this machine have ::1? */
int peer_has_v6(void);

/* A listener on 127.0.0.1. Returns its descriptor. */
int peer_listen(uint16_t *ret_port);

/* Connect to 127.0.0.1. Returns the descriptor. */
int peer_connect(uint16_t port);

/* A bound datagram socket on 127.0.0.1. */
int peer_datagram(uint16_t *ret_port);

/* A connected pair over TCP: the guest's socket and the test's descriptor. */
struct guest_socket *peer_pair(struct guest *guest, int *ret_fd);

/* Read exactly `len` bytes, or fail the test. */
void peer_read(int fd, void *to, size_t len);

/* Bytes that wait to be read, after a moment for the kernel. */
int peer_pending(int fd);

/* Fail the test unless the next read gives the end (0) or, with `error`, that errno. */
void peer_expect_end(int fd, int error);

/* Reset the connection and close. */
void peer_reset(int fd);

/* Turn the loop until `d` has one of `events` ready; fails the test after five seconds. */
void peer_wait_ready(struct guest *guest, struct descriptor *d, unsigned events);

/* Turn the loop a few times without waiting long. */
void peer_turn(struct guest *guest);

#endif
