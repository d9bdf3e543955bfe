#include "sockets.h"

#include <string.h>

const char *socket_error_name(socket_error err)
{
    static const char *const names[] = {
        "unknown",
        "access-denied",
        "not-supported",
        "invalid-argument",
        "out-of-memory",
        "timeout",
        "concurrency-conflict",
        "not-in-progress",
        "would-block",
        "invalid-state",
        "new-socket-limit",
        "address-not-bindable",
        "address-in-use",
        "remote-unreachable",
        "connection-refused",
        "connection-reset",
        "connection-aborted",
        "datagram-too-large",
        "name-unresolvable",
        "temporary-resolver-failure",
        "permanent-resolver-failure",
    };
    return err < sizeof(names) / sizeof(names[0]) ? names[err] : "not a code";
}

bool step(struct text *text, const char *name, bool good, socket_error err)
{
    text_add(text, "%s %s\n", name, good ? "ok" : socket_error_name(err));
    return good;
}

bool step_number(struct text *text, const char *name, bool good, uint64_t number, socket_error err)
{
    if (!good) {
        return step(text, name, false, err);
    }
    text_add(text, "%s ok %llu\n", name, (unsigned long long)number);
    return true;
}

bool address_parse(const char *chars, address *ret_address)
{
    uint64_t parts[5] = {0};
    for (size_t i = 0; i < 5; i++) {
        if (*chars < '0' || *chars > '9') {
            return false;
        }
        parts[i] = number_at(&chars, 0);
        if (i < 4 && *chars++ != (i < 3 ? '.' : ':')) {
            return false;
        }
    }
    *ret_address = (address){.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4,
                             .val = {.ipv4 = {(uint16_t)parts[4],
                                              {(uint8_t)parts[0], (uint8_t)parts[1],
                                               (uint8_t)parts[2], (uint8_t)parts[3]}}}};
    return true;
}

address address_loopback(uint16_t port)
{
    return (address){.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4,
                     .val = {.ipv4 = {port, {127, 0, 0, 1}}}};
}

address address_loopback_6(uint16_t port)
{
    return (address){.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV6,
                     .val = {.ipv6 = {.port = port, .address = {0, 0, 0, 0, 0, 0, 0, 1}}}};
}

uint16_t address_port(const address *address)
{
    return address->tag == WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4 ? address->val.ipv4.port
                                                                       : address->val.ipv6.port;
}

void address_print(const address *address, struct text *text)
{
    if (address->tag == WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4) {
        wasi_sockets_network_ipv4_address_t it = address->val.ipv4.address;
        text_add(text, "%u.%u.%u.%u:%u", (unsigned)it.f0, (unsigned)it.f1, (unsigned)it.f2,
                 (unsigned)it.f3, (unsigned)address->val.ipv4.port);
    } else {
        wasi_sockets_network_ipv6_address_t it = address->val.ipv6.address;
        text_add(text, "[%x:%x:%x:%x:%x:%x:%x:%x]:%u", (unsigned)it.f0, (unsigned)it.f1,
                 (unsigned)it.f2, (unsigned)it.f3, (unsigned)it.f4, (unsigned)it.f5,
                 (unsigned)it.f6, (unsigned)it.f7, (unsigned)address->val.ipv6.port);
    }
}

void tcp_wait(tcp socket)
{
    wait_on(wasi_sockets_tcp_method_tcp_socket_subscribe(socket));
}

bool tcp_listen(struct text *text, tcp socket, network net, address at)
{
    socket_error err = 0;
    return step(text, "start-bind",
                wasi_sockets_tcp_method_tcp_socket_start_bind(socket, net, &at, &err), err) &&
           step(text, "finish-bind", wasi_sockets_tcp_method_tcp_socket_finish_bind(socket, &err),
                err) &&
           step(text, "start-listen", wasi_sockets_tcp_method_tcp_socket_start_listen(socket, &err),
                err) &&
           step(text, "finish-listen",
                wasi_sockets_tcp_method_tcp_socket_finish_listen(socket, &err), err);
}

bool tcp_connect(struct text *text, tcp socket, network net, address to, streams *ret_streams)
{
    socket_error err = 0;
    if (!step(text, "start-connect",
              wasi_sockets_tcp_method_tcp_socket_start_connect(socket, net, &to, &err), err)) {
        return false;
    }
    bool good = false;
    for (;;) {
        tcp_wait(socket);
        good = wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, ret_streams, &err);
        if (good || err != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            return step(text, "finish-connect", good, err);
        }
    }
}

bool tcp_accept(struct text *text, tcp socket, accepted *ret_accepted)
{
    socket_error err = 0;
    for (;;) {
        bool good = wasi_sockets_tcp_method_tcp_socket_accept(socket, ret_accepted, &err);
        if (good || err != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            return step(text, "accept", good, err);
        }
        tcp_wait(socket);
    }
}

bool udp_bind(struct text *text, udp socket, network net, address at)
{
    socket_error err = 0;
    return step(text, "udp-start-bind",
                wasi_sockets_udp_method_udp_socket_start_bind(socket, net, &at, &err), err) &&
           step(text, "udp-finish-bind",
                wasi_sockets_udp_method_udp_socket_finish_bind(socket, &err), err);
}

void read_to_end(own_input stream, struct text *text)
{
    world_list_u8_t bytes;
    stream_error err;
    while (wasi_io_streams_method_input_stream_blocking_read(
        wasi_io_streams_borrow_input_stream(stream), 65536, &bytes, &err)) {
        text_add_bytes(text, bytes.ptr, bytes.len);
        world_list_u8_free(&bytes);
    }
    if (err.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
        text_add(text, "(failed)");
        wasi_io_streams_stream_error_free(&err);
    }
}
