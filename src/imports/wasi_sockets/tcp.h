/* A tcp-socket, for the files of wasi:sockets/tcp only: tcp.c has its life, tcp_options.c its options,
 * tcp_stream.c the two streams of its connection. */
#ifndef HYTHE_IMPORTS_WASI_SOCKETS_TCP_H
#define HYTHE_IMPORTS_WASI_SOCKETS_TCP_H

#include "imports/wasi_sockets/sockets.h"

struct input_stream;
struct output_stream;

/* As the specification names them. */
enum tcp_state {
    TCP_UNBOUND,
    TCP_BIND_IN_PROGRESS,
    TCP_BOUND,
    TCP_LISTEN_IN_PROGRESS,
    TCP_LISTENING,
    TCP_CONNECT_IN_PROGRESS,
    TCP_CONNECTED,
    TCP_CLOSED, /* to connect or to listen has failed */
};

struct tcp_socket {
    struct resource base;
    struct guest_socket *s; /* a reference; NULL once the guest has no use for it */
    enum tcp_state state;
    uint32_t users; /* the guest's handle and the streams: with the last the connection closes */
    int backlog;    /* to listen with */
    int connect_result; /* -EINPROGRESS, or what finish-connect has to say */
    int write_error;    /* what sending has failed with, or 0 */
    bool is_shut_read;  /* the guest has ended its receiving side */
};

extern const struct resource_kind tcp_socket_kind;

/* One user less. */
void tcp_release(struct tcp_socket *tcp);

/* Make the streams of a connection, each a user. 0 or -ENOMEM. */
int tcp_streams_new(struct tcp_socket *tcp, struct input_stream **ret_input,
                    struct output_stream **ret_output);

/* Move an error of what was sent to where the output stream finds it. */
void tcp_note_error(struct tcp_socket *tcp);

/* Functions of the interface that stand in tcp_options.c. */
component_fn tcp_address_family;
component_fn tcp_set_listen_backlog_size;
component_fn tcp_keep_alive_enabled;
component_fn tcp_set_keep_alive_enabled;
component_fn tcp_keep_alive_idle_time;
component_fn tcp_set_keep_alive_idle_time;
component_fn tcp_keep_alive_interval;
component_fn tcp_set_keep_alive_interval;
component_fn tcp_keep_alive_count;
component_fn tcp_set_keep_alive_count;
component_fn tcp_hop_limit;
component_fn tcp_set_hop_limit;
component_fn tcp_receive_buffer_size;
component_fn tcp_set_receive_buffer_size;
component_fn tcp_send_buffer_size;
component_fn tcp_set_send_buffer_size;

#endif
