/* See fake_sockets.h. */
#include "fake_sockets.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loop/loop.h"

int fake_sockets_code(const struct fake_component *f, int32_t answer)
{
    assert_int_equal(answer, 0);
    if (f->results[0].number == 0) {
        return OK;
    }
    assert_int_equal(f->results[0].number, 1);
    return (int)f->results[1].number;
}

uint32_t fake_network(struct fake_component *f)
{
    assert_int_equal(
        fake_component_call(f, &wasi_sockets_instance_network, "instance-network", NULL, 0), 0);
    return (uint32_t)f->results[0].number;
}

static uint32_t family_number(int family)
{
    return family == AF_INET ? 0 : 1;
}

uint32_t fake_tcp(struct fake_component *f, int family)
{
    assert_int_equal(sockets_call(f, &wasi_sockets_tcp_create_socket, "create-tcp-socket",
                                  NUMBER(family_number(family))),
                     OK);
    return (uint32_t)f->results[1].number;
}

uint32_t fake_udp(struct fake_component *f, int family)
{
    assert_int_equal(sockets_call(f, &wasi_sockets_udp_create_socket, "create-udp-socket",
                                  NUMBER(family_number(family))),
                     OK);
    return (uint32_t)f->results[1].number;
}

static void drop(struct fake_component *f, const struct component_interface *interface,
                 const char *name, uint32_t rep)
{
    assert_int_equal(fake_component_drop(f, interface, name, rep), 0);
}

static void drop_network(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_sockets_network, "network", rep);
}

uint32_t fake_bound_tcp(struct fake_component *f)
{
    uint32_t network = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(network), LOOPBACK(0)), OK);
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    drop_network(f, network);
    return s;
}

uint32_t fake_bound_udp(struct fake_component *f, uint16_t *ret_port)
{
    uint32_t network = fake_network(f);
    uint32_t s = fake_udp(f, AF_INET);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(network), LOOPBACK(0)), OK);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), OK);
    drop_network(f, network);
    assert_int_equal(udp(f, "local-address", NUMBER(s)), OK);
    *ret_port = fake_result_port(f);
    return s;
}

uint32_t fake_listener(struct fake_component *f, uint16_t *ret_port)
{
    uint32_t s = fake_bound_tcp(f);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    *ret_port = fake_result_port(f);
    return s;
}

struct fake_connection fake_connect(struct fake_component *f, uint16_t port)
{
    uint32_t network = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(network), LOOPBACK(port)), OK);
    drop_network(f, network);
    fake_wait_tcp(f, s);
    assert_int_equal(tcp(f, "finish-connect", NUMBER(s)), OK);
    return (struct fake_connection){s, (uint32_t)f->results[1].number,
                                    (uint32_t)f->results[2].number};
}

struct fake_connection fake_accept(struct fake_component *f, uint32_t listener)
{
    int code = tcp(f, "accept", NUMBER(listener));
    while (code == SOCKETS_WOULD_BLOCK) {
        fake_wait_tcp(f, listener);
        code = tcp(f, "accept", NUMBER(listener));
    }
    assert_int_equal(code, OK);
    return (struct fake_connection){(uint32_t)f->results[1].number, (uint32_t)f->results[2].number,
                                    (uint32_t)f->results[3].number};
}

void fake_drop_connection(struct fake_component *f, const struct fake_connection *c)
{
    fake_drop_input(f, c->input);
    fake_drop_output(f, c->output);
    fake_drop_tcp(f, c->socket);
}

void fake_drop_tcp(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_sockets_tcp, "tcp-socket", rep);
}

void fake_drop_udp(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_sockets_udp, "udp-socket", rep);
}

void fake_drop_input(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_io_streams, "input-stream", rep);
}

void fake_drop_output(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_io_streams, "output-stream", rep);
}

void fake_drop_pollable(struct fake_component *f, uint32_t rep)
{
    drop(f, &wasi_io_poll, "pollable", rep);
}

/* -- waiting ---------------------------------------------------------------------------------- */

uint32_t fake_subscribe(struct fake_component *f, const struct component_interface *interface,
                        const char *name, uint32_t rep)
{
    assert_int_equal(component_fake_call(f, interface, name, NUMBER(rep)), 0);
    return (uint32_t)f->results[0].number;
}

void fake_block(struct fake_component *f, uint32_t pollable)
{
    assert_int_equal(
        component_fake_call(f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)), 0);
}

void fake_wait_tcp(struct fake_component *f, uint32_t rep)
{
    uint32_t pollable = fake_subscribe(f, &wasi_sockets_tcp, "[method]tcp-socket.subscribe", rep);
    fake_block(f, pollable);
    fake_drop_pollable(f, pollable);
}

void fake_turn(struct fake_component *f)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_turn(f->loop, 1), 0);
    }
}

/* -- streams ---------------------------------------------------------------------------------- */

static int read_by(struct fake_component *f, const char *name, uint32_t input,
                   struct span *ret_bytes)
{
    int code = sockets_call(f, &wasi_io_streams, name, NUMBER(input), NUMBER(IO_READ_MAX));
    if (code == OK) {
        *ret_bytes = f->results[1].bytes;
    }
    return code;
}

int fake_read(struct fake_component *f, uint32_t input, struct span *ret_bytes)
{
    return read_by(f, "[method]input-stream.read", input, ret_bytes);
}

int fake_blocking_read(struct fake_component *f, uint32_t input, struct span *ret_bytes)
{
    return read_by(f, "[method]input-stream.blocking-read", input, ret_bytes);
}

int fake_check_write(struct fake_component *f, uint32_t output, uint64_t *ret_permit)
{
    int code =
        sockets_call(f, &wasi_io_streams, "[method]output-stream.check-write", NUMBER(output));
    *ret_permit = code == OK ? f->results[1].number : 0;
    return code;
}

int fake_write(struct fake_component *f, uint32_t output, const void *bytes, size_t len)
{
    return sockets_call(f, &wasi_io_streams, "[method]output-stream.write", NUMBER(output),
                        BYTES(bytes, len));
}

int fake_blocking_write(struct fake_component *f, uint32_t output, const void *bytes, size_t len)
{
    return sockets_call(f, &wasi_io_streams, "[method]output-stream.blocking-write-and-flush",
                        NUMBER(output), BYTES(bytes, len));
}

int fake_flush(struct fake_component *f, uint32_t output)
{
    return sockets_call(f, &wasi_io_streams, "[method]output-stream.flush", NUMBER(output));
}

uint16_t fake_result_port(const struct fake_component *f)
{
    return (uint16_t)f->results[2].number;
}
