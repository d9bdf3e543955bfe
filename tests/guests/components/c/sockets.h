#ifndef GUESTS_SOCKETS_H
#define GUESTS_SOCKETS_H

/* wasi:sockets under shorter names, and steps that tell how they went. */

#include "io.h"

typedef wasi_sockets_network_error_code_t socket_error;
typedef wasi_sockets_network_ip_socket_address_t address;
typedef wasi_sockets_tcp_own_tcp_socket_t own_tcp;
typedef wasi_sockets_tcp_borrow_tcp_socket_t tcp;
typedef wasi_sockets_udp_own_udp_socket_t own_udp;
typedef wasi_sockets_udp_borrow_udp_socket_t udp;
typedef wasi_sockets_network_borrow_network_t network;
typedef wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
typedef wasi_sockets_tcp_tuple3_own_tcp_socket_own_input_stream_own_output_stream_t accepted;
typedef wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t
    datagrams;

const char *socket_error_name(socket_error err);
/* "NAME ok" or "NAME CODE". */
bool step(struct text *text, const char *name, bool good, socket_error err);
bool step_number(struct text *text, const char *name, bool good, uint64_t number, socket_error err);

/* A.B.C.D:PORT. False if it is none of that form. */
bool address_parse(const char *chars, address *ret_address);
address address_loopback(uint16_t port);
address address_loopback_6(uint16_t port);
uint16_t address_port(const address *address);
void address_print(const address *address, struct text *text);

/* Waits for what the socket has begun. */
void tcp_wait(tcp socket);
/* start-bind and finish-bind, start-listen and finish-listen, each a step. */
bool tcp_listen(struct text *text, tcp socket, network net, address at);
/* start-connect and finish-connect, each a step. */
bool tcp_connect(struct text *text, tcp socket, network net, address to, streams *ret_streams);
/* Waits for a connection. */
bool tcp_accept(struct text *text, tcp socket, accepted *ret_accepted);
bool udp_bind(struct text *text, udp socket, network net, address at);
/* Reads to the end and adds it. */
void read_to_end(own_input stream, struct text *text);

#endif
