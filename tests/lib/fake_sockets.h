/* A component's sockets without a component: wasi:sockets called by fake_component, on the loopback.
 * Whatever is not said to be checked fails the test. */
#ifndef HYTHE_TESTS_LIB_FAKE_SOCKETS_H
#define HYTHE_TESTS_LIB_FAKE_SOCKETS_H

#include "fake_component.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/sockets.h"

enum { OK = -1 /* in the place of an error-code */ };

/* ip-socket-address as arguments. */
#define V4(port, a, b, c, d) NUMBER(0), NUMBER(port), NUMBER(a), NUMBER(b), NUMBER(c), NUMBER(d)
#define LOOPBACK(port) V4(port, 127, 0, 0, 1)
#define V6(port, a, b, c, d, e, f_, g, h)                                                          \
    NUMBER(1), NUMBER(port), NUMBER(0), NUMBER(a), NUMBER(b), NUMBER(c), NUMBER(d), NUMBER(e),     \
        NUMBER(f_), NUMBER(g), NUMBER(h), NUMBER(0)

/* Call a function and give OK or the error-code it answered. */
#define tcp(f, name, ...)                                                                          \
    sockets_call(f, &wasi_sockets_tcp, "[method]tcp-socket." name, __VA_ARGS__)
#define udp(f, name, ...)                                                                          \
    sockets_call(f, &wasi_sockets_udp, "[method]udp-socket." name, __VA_ARGS__)
#define sockets_call(f, interface, name, ...)                                                      \
    fake_sockets_code((f), component_fake_call((f), (interface), (name), __VA_ARGS__))
int fake_sockets_code(const struct fake_component *f, int32_t answer);

struct fake_connection {
    uint32_t socket;
    uint32_t input;
    uint32_t output;
};

uint32_t fake_network(struct fake_component *f);
uint32_t fake_tcp(struct fake_component *f, int family);
uint32_t fake_udp(struct fake_component *f, int family);

/* Bound to 127.0.0.1, which must be allowed, and a port of the kernel's choice. */
uint32_t fake_bound_tcp(struct fake_component *f);
uint32_t fake_bound_udp(struct fake_component *f, uint16_t *ret_port);
uint32_t fake_listener(struct fake_component *f, uint16_t *ret_port);

struct fake_connection fake_connect(struct fake_component *f, uint16_t port);
struct fake_connection fake_accept(struct fake_component *f, uint32_t listener);
void fake_drop_connection(struct fake_component *f, const struct fake_connection *c);

void fake_drop_tcp(struct fake_component *f, uint32_t rep);
void fake_drop_udp(struct fake_component *f, uint32_t rep);
void fake_drop_input(struct fake_component *f, uint32_t rep);
void fake_drop_output(struct fake_component *f, uint32_t rep);
void fake_drop_pollable(struct fake_component *f, uint32_t rep);

/* Subscribe by that function of that resource: the pollable. */
uint32_t fake_subscribe(struct fake_component *f, const struct component_interface *interface,
                        const char *name, uint32_t rep);
void fake_block(struct fake_component *f, uint32_t pollable);

/* Wait until it is ready, by a pollable of its own. */
void fake_wait_tcp(struct fake_component *f, uint32_t rep);

/* Turn the loop without waiting, so that what the kernel knows is known. */
void fake_turn(struct fake_component *f);

/* Read what is there, without waiting: the bytes are good until the next call. OK, or 0 (failed) or 1
 * (closed). */
int fake_read(struct fake_component *f, uint32_t input, struct span *ret_bytes);
int fake_blocking_read(struct fake_component *f, uint32_t input, struct span *ret_bytes);
int fake_check_write(struct fake_component *f, uint32_t output, uint64_t *ret_permit);
int fake_write(struct fake_component *f, uint32_t output, const void *bytes, size_t len);
int fake_blocking_write(struct fake_component *f, uint32_t output, const void *bytes, size_t len);
int fake_flush(struct fake_component *f, uint32_t output);

/* The port of an answer that is ok(ip-socket-address). */
uint16_t fake_result_port(const struct fake_component *f);

#endif
