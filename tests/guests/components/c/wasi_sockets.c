/*
 * Every function of wasi:sockets on the loopback, both ends in one guest: one line a step, "STEP ok",
 * with a value where there is one to be sure of, or "STEP CODE".
 *
 *   wasi_sockets                  tcp, then udp, then errors, then names
 *   wasi_sockets serve A.B.C.D:P N   echoes N connections, one after the other, by splice
 *   wasi_sockets connect A.B.C.D:P TEXT   sends TEXT, prints what comes back
 *   wasi_sockets udp A.B.C.D:P TEXT       the same by one datagram
 *   wasi_sockets lookup NAME              its addresses, a line each
 */
#include "sockets.h"

#include <stdlib.h>
#include <string.h>

static own_tcp tcp_new(struct text *text, const char *name, uint8_t family)
{
    own_tcp socket = {-1};
    socket_error err = 0;
    step(text, name, wasi_sockets_tcp_create_socket_create_tcp_socket(family, &socket, &err), err);
    return socket;
}

static own_udp udp_new(struct text *text, const char *name, uint8_t family)
{
    own_udp socket = {-1};
    socket_error err = 0;
    step(text, name, wasi_sockets_udp_create_socket_create_udp_socket(family, &socket, &err), err);
    return socket;
}

static uint16_t local_port(tcp socket)
{
    address at;
    socket_error err = 0;
    return wasi_sockets_tcp_method_tcp_socket_local_address(socket, &at, &err) ? address_port(&at)
                                                                               : 0;
}

/* --- tcp ------------------------------------------------------------------------------------------ */

static void tcp_keep_alive(struct text *text, tcp it)
{
    socket_error err = 0;
    bool enabled = true;
    uint64_t ns = 0;
    uint32_t count = 0;
    bool good = wasi_sockets_tcp_method_tcp_socket_keep_alive_enabled(it, &enabled, &err);
    step_number(text, "keep-alive-enabled", good, enabled, err);
    step(text, "set-keep-alive-enabled",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_enabled(it, true, &err), err);
    good = wasi_sockets_tcp_method_tcp_socket_keep_alive_enabled(it, &enabled, &err);
    step_number(text, "keep-alive-enabled-back", good, enabled, err);
    step(text, "set-keep-alive-idle-time",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_idle_time(it, UINT64_C(60000000000),
                                                                     &err),
         err);
    good = wasi_sockets_tcp_method_tcp_socket_keep_alive_idle_time(it, &ns, &err);
    step_number(text, "keep-alive-idle-time", good, ns, err);
    step(text, "set-keep-alive-idle-time-0",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_idle_time(it, 0, &err), err);
    step(text, "set-keep-alive-interval",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_interval(it, UINT64_C(5000000000), &err),
         err);
    good = wasi_sockets_tcp_method_tcp_socket_keep_alive_interval(it, &ns, &err);
    step_number(text, "keep-alive-interval", good, ns, err);
    step(text, "set-keep-alive-count",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_count(it, 4, &err), err);
    good = wasi_sockets_tcp_method_tcp_socket_keep_alive_count(it, &count, &err);
    step_number(text, "keep-alive-count", good, count, err);
    step(text, "set-keep-alive-count-0",
         wasi_sockets_tcp_method_tcp_socket_set_keep_alive_count(it, 0, &err), err);
}

static void tcp_options(struct text *text, tcp it)
{
    socket_error err = 0;
    uint8_t limit = 0;
    uint64_t size = 0;
    text_add(text, "address-family %u\n",
             (unsigned)wasi_sockets_tcp_method_tcp_socket_address_family(it));
    text_add(text, "is-listening %u\n",
             (unsigned)wasi_sockets_tcp_method_tcp_socket_is_listening(it));
    step(text, "set-listen-backlog-size",
         wasi_sockets_tcp_method_tcp_socket_set_listen_backlog_size(it, 16, &err), err);
    step(text, "set-listen-backlog-size-0",
         wasi_sockets_tcp_method_tcp_socket_set_listen_backlog_size(it, 0, &err), err);
    step(text, "set-hop-limit", wasi_sockets_tcp_method_tcp_socket_set_hop_limit(it, 42, &err),
         err);
    bool good = wasi_sockets_tcp_method_tcp_socket_hop_limit(it, &limit, &err);
    step_number(text, "hop-limit", good, limit, err);
    step(text, "set-hop-limit-0", wasi_sockets_tcp_method_tcp_socket_set_hop_limit(it, 0, &err),
         err);
    step(text, "set-receive-buffer-size",
         wasi_sockets_tcp_method_tcp_socket_set_receive_buffer_size(it, 65536, &err), err);
    good = wasi_sockets_tcp_method_tcp_socket_receive_buffer_size(it, &size, &err);
    step_number(text, "receive-buffer-size", good, size >= 65536, err);
    step(text, "set-receive-buffer-size-0",
         wasi_sockets_tcp_method_tcp_socket_set_receive_buffer_size(it, 0, &err), err);
    step(text, "set-send-buffer-size",
         wasi_sockets_tcp_method_tcp_socket_set_send_buffer_size(it, 65536, &err), err);
    good = wasi_sockets_tcp_method_tcp_socket_send_buffer_size(it, &size, &err);
    step_number(text, "send-buffer-size", good, size >= 65536, err);
    tcp_keep_alive(text, it);
}

/* What is asked too early, or twice, on a socket that is neither bound nor connected. */
static void tcp_states(struct text *text, tcp it)
{
    socket_error err = 0;
    address at;
    streams none;
    accepted nobody;
    step(text, "local-address-unbound",
         wasi_sockets_tcp_method_tcp_socket_local_address(it, &at, &err), err);
    step(text, "remote-address-unbound",
         wasi_sockets_tcp_method_tcp_socket_remote_address(it, &at, &err), err);
    step(text, "finish-bind-unbegun", wasi_sockets_tcp_method_tcp_socket_finish_bind(it, &err),
         err);
    step(text, "finish-connect-unbegun",
         wasi_sockets_tcp_method_tcp_socket_finish_connect(it, &none, &err), err);
    step(text, "finish-listen-unbegun", wasi_sockets_tcp_method_tcp_socket_finish_listen(it, &err),
         err);
    step(text, "start-listen-unbound", wasi_sockets_tcp_method_tcp_socket_start_listen(it, &err),
         err);
    step(text, "accept-unbound", wasi_sockets_tcp_method_tcp_socket_accept(it, &nobody, &err), err);
    step(text, "shutdown-unbound",
         wasi_sockets_tcp_method_tcp_socket_shutdown(it, WASI_SOCKETS_TCP_SHUTDOWN_TYPE_BOTH, &err),
         err);
}

static void tell_end(struct text *text, const char *name, bool good, const address *at,
                     socket_error err)
{
    if (!good) {
        step(text, name, false, err);
        return;
    }
    struct text printed = {0};
    address_print(at, &printed);
    char *port = strrchr(printed.bytes, ':');
    *port = '\0';
    text_add(text, "%s ok %s %s\n", name, printed.bytes,
             address_port(at) != 0 ? "some port" : "no port");
    text_free(&printed);
}

static void talk(struct text *text, const streams *client, accepted *server)
{
    socket_error err = 0;
    stream_error broken;
    tcp it = wasi_sockets_tcp_borrow_tcp_socket(server->f0);
    struct text got = {0};
    address at;

    bool good = wasi_sockets_tcp_method_tcp_socket_remote_address(it, &at, &err);
    tell_end(text, "accepted-remote", good, &at, err);
    good = wasi_sockets_tcp_method_tcp_socket_local_address(it, &at, &err);
    tell_end(text, "accepted-local", good, &at, err);
    text_check(text, "send",
               write_all(client->f1, "ping", 4, &broken) && flush_all(client->f1, &broken));
    text_check(text, "answer",
               write_all(server->f2, "pong", 4, &broken) && flush_all(server->f2, &broken));
    step(text, "shutdown-send",
         wasi_sockets_tcp_method_tcp_socket_shutdown(it, WASI_SOCKETS_TCP_SHUTDOWN_TYPE_SEND, &err),
         err);
    read_to_end(client->f0, &got);
    text_add(text, "client-got %s\n", got.len > 0 ? got.bytes : "nothing");
    text_free(&got);
    world_list_u8_t bytes;
    if (wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(server->f1), 100, &bytes, &broken)) {
        text_add(text, "server-got %.*s\n", (int)bytes.len, (const char *)bytes.ptr);
        world_list_u8_free(&bytes);
    }
    good = write_all(server->f2, "late", 4, &broken) && flush_all(server->f2, &broken);
    text_add(text, "write-after-shutdown %s\n", good ? "ok" : "refused");
    if (!good) {
        wasi_io_streams_stream_error_free(&broken);
    }
}

static void tcp_drop(own_tcp socket, own_input in, own_output out)
{
    wasi_io_streams_input_stream_drop_own(in);
    wasi_io_streams_output_stream_drop_own(out);
    wasi_sockets_tcp_tcp_socket_drop_own(socket);
}

static void tour_tcp(struct text *text, network net)
{
    streams client_streams;
    accepted server;
    socket_error err = 0;
    own_tcp listener = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    own_tcp client =
        tcp_new(text, "create-tcp-client", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    tcp listening = wasi_sockets_tcp_borrow_tcp_socket(listener);
    tcp it = wasi_sockets_tcp_borrow_tcp_socket(client);
    address at = address_loopback_6(0);
    tcp_options(text, listening);
    tcp_states(text, it);
    step(text, "bind-other-family",
         wasi_sockets_tcp_method_tcp_socket_start_bind(it, net, &at, &err), err);
    if (!tcp_listen(text, listening, net, address_loopback(0))) {
        wasi_sockets_tcp_tcp_socket_drop_own(client);
        wasi_sockets_tcp_tcp_socket_drop_own(listener);
        return;
    }
    text_add(text, "is-listening %u\n",
             (unsigned)wasi_sockets_tcp_method_tcp_socket_is_listening(listening));
    step(text, "listen-twice", wasi_sockets_tcp_method_tcp_socket_start_listen(listening, &err),
         err);
    step(text, "accept-nobody", wasi_sockets_tcp_method_tcp_socket_accept(listening, &server, &err),
         err);
    if (tcp_connect(text, it, net, address_loopback(local_port(listening)), &client_streams)) {
        at = address_loopback(local_port(listening));
        step(text, "connect-twice",
             wasi_sockets_tcp_method_tcp_socket_start_connect(it, net, &at, &err), err);
        if (tcp_accept(text, listening, &server)) {
            talk(text, &client_streams, &server);
            tcp_drop(server.f0, server.f1, server.f2);
        }
        wasi_io_streams_input_stream_drop_own(client_streams.f0);
        wasi_io_streams_output_stream_drop_own(client_streams.f1);
    }
    wasi_sockets_tcp_tcp_socket_drop_own(client);
    wasi_sockets_tcp_tcp_socket_drop_own(listener);
}

static void tour_tcp_6(struct text *text, network net)
{
    streams client_streams;
    accepted server;
    text_add(text, "over IPv6\n");
    own_tcp listener = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV6);
    own_tcp client =
        tcp_new(text, "create-tcp-client", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV6);
    tcp listening = wasi_sockets_tcp_borrow_tcp_socket(listener);
    tcp it = wasi_sockets_tcp_borrow_tcp_socket(client);
    if (tcp_listen(text, listening, net, address_loopback_6(0)) &&
        tcp_connect(text, it, net, address_loopback_6(local_port(listening)), &client_streams)) {
        if (tcp_accept(text, listening, &server)) {
            talk(text, &client_streams, &server);
            tcp_drop(server.f0, server.f1, server.f2);
        }
        wasi_io_streams_input_stream_drop_own(client_streams.f0);
        wasi_io_streams_output_stream_drop_own(client_streams.f1);
    }
    wasi_sockets_tcp_tcp_socket_drop_own(client);
    wasi_sockets_tcp_tcp_socket_drop_own(listener);
}

static void tour_tcp_errors(struct text *text, network net)
{
    streams none;
    socket_error err = 0;
    own_tcp one = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    own_tcp two = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    tcp first = wasi_sockets_tcp_borrow_tcp_socket(one);
    tcp second = wasi_sockets_tcp_borrow_tcp_socket(two);
    address at = address_loopback(0);
    if (tcp_listen(text, first, net, address_loopback(0))) {
        at = address_loopback(local_port(first));
        bool begun = wasi_sockets_tcp_method_tcp_socket_start_bind(second, net, &at, &err);
        step(text, "bind-in-use",
             begun && wasi_sockets_tcp_method_tcp_socket_finish_bind(second, &err), err);
    }
    wasi_sockets_tcp_tcp_socket_drop_own(one);
    wasi_sockets_tcp_tcp_socket_drop_own(two);

    /* The port was just ours, and nobody listens there any more. */
    one = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    first = wasi_sockets_tcp_borrow_tcp_socket(one);
    if (tcp_connect(text, first, net, at, &none)) {
        tcp_drop(one, none.f0, none.f1);
        return;
    }
    at = address_loopback(0);
    step(text, "connect-port-0",
         wasi_sockets_tcp_method_tcp_socket_start_connect(first, net, &at, &err), err);
    wasi_sockets_tcp_tcp_socket_drop_own(one);
}

/* --- udp ------------------------------------------------------------------------------------------ */

static void udp_options(struct text *text, udp it)
{
    socket_error err = 0;
    uint8_t limit = 0;
    uint64_t size = 0;
    address at;
    text_add(text, "udp-address-family %u\n",
             (unsigned)wasi_sockets_udp_method_udp_socket_address_family(it));
    step(text, "udp-local-address-unbound",
         wasi_sockets_udp_method_udp_socket_local_address(it, &at, &err), err);
    step(text, "udp-remote-address-unbound",
         wasi_sockets_udp_method_udp_socket_remote_address(it, &at, &err), err);
    step(text, "udp-finish-bind-unbegun", wasi_sockets_udp_method_udp_socket_finish_bind(it, &err),
         err);
    step(text, "set-unicast-hop-limit",
         wasi_sockets_udp_method_udp_socket_set_unicast_hop_limit(it, 42, &err), err);
    bool good = wasi_sockets_udp_method_udp_socket_unicast_hop_limit(it, &limit, &err);
    step_number(text, "unicast-hop-limit", good, limit, err);
    step(text, "set-unicast-hop-limit-0",
         wasi_sockets_udp_method_udp_socket_set_unicast_hop_limit(it, 0, &err), err);
    step(text, "udp-set-receive-buffer-size",
         wasi_sockets_udp_method_udp_socket_set_receive_buffer_size(it, 65536, &err), err);
    good = wasi_sockets_udp_method_udp_socket_receive_buffer_size(it, &size, &err);
    step_number(text, "udp-receive-buffer-size", good, size >= 65536, err);
    step(text, "udp-set-send-buffer-size",
         wasi_sockets_udp_method_udp_socket_set_send_buffer_size(it, 65536, &err), err);
    good = wasi_sockets_udp_method_udp_socket_send_buffer_size(it, &size, &err);
    step_number(text, "udp-send-buffer-size", good, size >= 65536, err);
}

/* Waits for a permit and sends `count` datagrams of `chars`. */
static bool udp_send(struct text *text, const char *name, const datagrams *it, const char *chars,
                     const address *to, size_t count)
{
    socket_error err = 0;
    uint64_t permit = 0;
    uint64_t sent = 0;
    wasi_sockets_udp_borrow_outgoing_datagram_stream_t out =
        wasi_sockets_udp_borrow_outgoing_datagram_stream(it->f1);
    wasi_sockets_udp_outgoing_datagram_t list[4];
    for (size_t i = 0; i < count; i++) {
        list[i] = (wasi_sockets_udp_outgoing_datagram_t){
            .data = {(uint8_t *)(uintptr_t)chars, strlen(chars)},
            .remote_address = {.is_some = to != NULL},
        };
        if (to != NULL) {
            list[i].remote_address.val = *to;
        }
    }
    wasi_sockets_udp_list_outgoing_datagram_t all = {list, count};
    wait_on(wasi_sockets_udp_method_outgoing_datagram_stream_subscribe(out));
    if (!wasi_sockets_udp_method_outgoing_datagram_stream_check_send(out, &permit, &err) ||
        permit < count) {
        return step(text, "check-send", false, err);
    }
    bool good = wasi_sockets_udp_method_outgoing_datagram_stream_send(out, &all, &sent, &err);
    return step_number(text, name, good, sent, err);
}

static void udp_receive(struct text *text, const char *name, const datagrams *it, uint64_t max)
{
    socket_error err = 0;
    wasi_sockets_udp_list_incoming_datagram_t list;
    wasi_sockets_udp_borrow_incoming_datagram_stream_t in =
        wasi_sockets_udp_borrow_incoming_datagram_stream(it->f0);
    if (max > 0) {
        wait_on(wasi_sockets_udp_method_incoming_datagram_stream_subscribe(in));
    }
    if (!wasi_sockets_udp_method_incoming_datagram_stream_receive(in, max, &list, &err)) {
        step(text, name, false, err);
        return;
    }
    text_add(text, "%s ok %zu", name, list.len);
    for (size_t i = 0; i < list.len; i++) {
        text_add(text, " %.*s", (int)list.ptr[i].data.len, (const char *)list.ptr[i].data.ptr);
    }
    text_add(text, "\n");
    wasi_sockets_udp_list_incoming_datagram_free(&list);
}

static void datagrams_drop(datagrams *it)
{
    wasi_sockets_udp_incoming_datagram_stream_drop_own(it->f0);
    wasi_sockets_udp_outgoing_datagram_stream_drop_own(it->f1);
}

static bool udp_stream(struct text *text, const char *name, udp socket, address *to,
                       datagrams *ret_datagrams)
{
    socket_error err = 0;
    return step(text, name,
                wasi_sockets_udp_method_udp_socket_stream(socket, to, ret_datagrams, &err), err);
}

static void udp_exchange(struct text *text, udp server, udp client)
{
    socket_error err = 0;
    address there;
    address here;
    datagrams served;
    datagrams asked;
    if (!wasi_sockets_udp_method_udp_socket_local_address(server, &there, &err) ||
        !wasi_sockets_udp_method_udp_socket_local_address(client, &here, &err) ||
        !udp_stream(text, "stream", server, NULL, &served)) {
        return;
    }
    if (udp_stream(text, "stream-unconnected", client, NULL, &asked)) {
        udp_send(text, "send-nowhere", &asked, "lost", NULL, 1);
        udp_send(text, "send-to", &asked, "one", &there, 1);
        udp_receive(text, "receive", &served, 10);
        udp_receive(text, "receive-0", &served, 0);
        datagrams_drop(&asked);
    }
    if (udp_stream(text, "stream-connected", client, &there, &asked)) {
        bool good = wasi_sockets_udp_method_udp_socket_remote_address(client, &here, &err);
        tell_end(text, "udp-remote-address", good, &here, err);
        udp_send(text, "send", &asked, "two", NULL, 2);
        udp_receive(text, "receive-1", &served, 1);
        udp_receive(text, "receive-next", &served, 1);
        there.val.ipv4.port++;
        udp_send(text, "send-elsewhere", &asked, "three", &there, 1);
        datagrams_drop(&asked);
    }
    char *large = must_alloc(70001);
    memset(large, 'l', 70000);
    large[70000] = '\0';
    there.val.ipv4.port--;
    if (udp_stream(text, "stream-again", client, NULL, &asked)) {
        udp_send(text, "send-large", &asked, large, &there, 1);
        datagrams_drop(&asked);
    }
    free(large);
    datagrams_drop(&served);
}

static void tour_udp(struct text *text, network net)
{
    own_udp one = udp_new(text, "create-udp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    own_udp two = udp_new(text, "create-udp-client", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    udp server = wasi_sockets_udp_borrow_udp_socket(one);
    udp client = wasi_sockets_udp_borrow_udp_socket(two);
    socket_error err = 0;
    address at;
    udp_options(text, server);
    if (udp_bind(text, server, net, address_loopback(0)) &&
        udp_bind(text, client, net, address_loopback(0))) {
        bool good = wasi_sockets_udp_method_udp_socket_local_address(server, &at, &err);
        tell_end(text, "udp-local-address", good, &at, err);
        wait_on(wasi_sockets_udp_method_udp_socket_subscribe(server));
        udp_exchange(text, server, client);
    }
    wasi_sockets_udp_udp_socket_drop_own(one);
    wasi_sockets_udp_udp_socket_drop_own(two);
}

/* --- names ---------------------------------------------------------------------------------------- */

static void lookup(struct text *text, network net, const char *name)
{
    socket_error err = 0;
    world_string_t string = string_of(name);
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t stream;
    wasi_sockets_ip_name_lookup_option_ip_address_t found = {0};
    text_add(text, "lookup \"%s\"", name);
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(net, &string, &stream, &err)) {
        text_add(text, " %s\n", socket_error_name(err));
        return;
    }
    wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t it =
        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(stream);
    for (;;) {
        wait_on(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(it));
        if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(
                it, &found, &err)) {
            text_add(text, " %s", socket_error_name(err));
            break;
        }
        if (!found.is_some) {
            break;
        }
        address at = {.tag = found.val.tag};
        if (found.val.tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
            at.val.ipv4.address = found.val.val.ipv4;
        } else {
            at.val.ipv6.address = found.val.val.ipv6;
        }
        text_add(text, " ");
        address_print(&at, text);
    }
    text_add(text, "\n");
    wasi_sockets_ip_name_lookup_resolve_address_stream_drop_own(stream);
}

/* --- the other commands --------------------------------------------------------------------------- */

static void serve(struct text *text, network net, address at, uint64_t count)
{
    struct text head = {0};
    accepted it;
    address bound;
    socket_error err = 0;
    stream_error broken;
    uint64_t moved = 0;
    own_tcp socket = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    tcp listener = wasi_sockets_tcp_borrow_tcp_socket(socket);
    if (!tcp_listen(text, listener, net, at) ||
        !wasi_sockets_tcp_method_tcp_socket_local_address(listener, &bound, &err)) {
        return;
    }
    text_add(&head, "listening on ");
    address_print(&bound, &head);
    text_add(&head, "\n");
    print_text(&head);
    text_free(&head);
    while (count-- > 0 && tcp_accept(text, listener, &it)) {
        while (wasi_io_streams_method_output_stream_blocking_splice(
            wasi_io_streams_borrow_output_stream(it.f2), wasi_io_streams_borrow_input_stream(it.f1),
            65536, &moved, &broken)) {
        }
        wasi_io_streams_stream_error_free(&broken);
        if (!flush_all(it.f2, &broken)) {
            wasi_io_streams_stream_error_free(&broken);
        }
        tcp_drop(it.f0, it.f1, it.f2);
    }
    wasi_sockets_tcp_tcp_socket_drop_own(socket);
}

static void client(struct text *text, network net, address to, const char *chars)
{
    streams both;
    stream_error broken;
    socket_error err = 0;
    own_tcp socket = tcp_new(text, "create-tcp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    tcp it = wasi_sockets_tcp_borrow_tcp_socket(socket);
    if (tcp_connect(text, it, net, to, &both)) {
        text_check(text, "send",
                   write_all(both.f1, chars, strlen(chars), &broken) &&
                       flush_all(both.f1, &broken));
        step(text, "shutdown-send",
             wasi_sockets_tcp_method_tcp_socket_shutdown(it, WASI_SOCKETS_TCP_SHUTDOWN_TYPE_SEND,
                                                         &err),
             err);
        text_add(text, "got ");
        read_to_end(both.f0, text);
        text_add(text, "\n");
        wasi_io_streams_input_stream_drop_own(both.f0);
        wasi_io_streams_output_stream_drop_own(both.f1);
    }
    wasi_sockets_tcp_tcp_socket_drop_own(socket);
}

static void udp_client(struct text *text, network net, address to, const char *chars)
{
    datagrams both;
    address any = {.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4};
    own_udp socket = udp_new(text, "create-udp", WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4);
    udp it = wasi_sockets_udp_borrow_udp_socket(socket);
    if (udp_bind(text, it, net, any) && udp_stream(text, "stream", it, &to, &both)) {
        if (udp_send(text, "send", &both, chars, NULL, 1)) {
            udp_receive(text, "receive", &both, 1);
        }
        datagrams_drop(&both);
    }
    wasi_sockets_udp_udp_socket_drop_own(socket);
}

static void tour(struct text *text, network net)
{
    tour_tcp(text, net);
    tour_tcp_6(text, net);
    tour_tcp_errors(text, net);
    tour_udp(text, net);
    lookup(text, net, "127.0.0.1");
    lookup(text, net, "::1");
    lookup(text, net, "localhost");
    lookup(text, net, "");
    lookup(text, net, "not a name");
}

static char *argument_of(const world_list_string_t *list, size_t i)
{
    return copy_of(i < list->len ? list->ptr[i] : (world_string_t){0});
}

bool exports_wasi_cli_run_run(void)
{
    struct text text = {0};
    world_list_string_t arguments;
    wasi_cli_environment_get_arguments(&arguments);
    char *what = argument_of(&arguments, 1);
    char *where = argument_of(&arguments, 2);
    char *more = argument_of(&arguments, 3);
    world_list_string_free(&arguments);

    wasi_sockets_network_own_network_t own = wasi_sockets_instance_network_instance_network();
    network net = wasi_sockets_network_borrow_network(own);
    address at = address_loopback(0);
    if (strcmp(what, "lookup") == 0) {
        lookup(&text, net, where);
    } else if (*where != '\0' && !address_parse(where, &at)) {
        text_add(&text, "not an address: %s\n", where);
    } else if (strcmp(what, "serve") == 0) {
        const char *count = more;
        serve(&text, net, at, number_at(&count, 1));
    } else if (strcmp(what, "connect") == 0) {
        client(&text, net, at, more);
    } else if (strcmp(what, "udp") == 0) {
        udp_client(&text, net, at, more);
    } else {
        tour(&text, net);
    }
    wasi_sockets_network_network_drop_own(own);
    print_text(&text);
    text_free(&text);
    free(what);
    free(where);
    free(more);
    return true;
}
