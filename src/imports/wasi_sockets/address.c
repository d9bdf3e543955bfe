/* Addresses of wasi:sockets as slots: the case, then port and octets of IPv4, or port, flow-info,
 * segments and scope-id of IPv6; an ip-address has the octets or segments only. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "imports/wasi_sockets/sockets.h"

enum { CASE_V4 = 0, CASE_V6 = 1, OCTETS = 4, SEGMENTS = 8 };

static void read_v4(const union component_value *slots, struct net_address *ret_address)
{
    uint8_t octets[OCTETS];
    for (int i = 0; i < OCTETS; i++) {
        octets[i] = (uint8_t)slots[1 + i].number;
    }
    net_address_set_v4(ret_address, octets, (uint16_t)slots[0].number);
}

static void read_v6(const union component_value *slots, struct net_address *ret_address)
{
    uint8_t octets[2 * SEGMENTS];
    for (int i = 0; i < SEGMENTS; i++) {
        octets[2 * i] = (uint8_t)(slots[2 + i].number >> 8);
        octets[2 * i + 1] = (uint8_t)slots[2 + i].number;
    }
    net_address_set_v6(ret_address, octets, (uint16_t)slots[0].number);
    ret_address->u.v6.sin6_flowinfo = (uint32_t)slots[1].number;
    ret_address->u.v6.sin6_scope_id = (uint32_t)slots[2 + SEGMENTS].number;
}

void sockets_read_address(const union component_value *slots, struct net_address *ret_address)
{
    if (slots[0].number == CASE_V4) {
        read_v4(slots + 1, ret_address);
    } else {
        read_v6(slots + 1, ret_address);
    }
}

static void write_octets(union component_value *slots, const struct net_address *address)
{
    const uint8_t *octets = (const uint8_t *)&address->u.v4.sin_addr;
    for (int i = 0; i < OCTETS; i++) {
        slots[i].number = octets[i];
    }
}

static void write_segments(union component_value *slots, const struct net_address *address)
{
    const uint8_t *octets = address->u.v6.sin6_addr.s6_addr;
    for (int i = 0; i < SEGMENTS; i++) {
        slots[i].number = (uint64_t)octets[2 * i] << 8 | octets[2 * i + 1];
    }
}

void sockets_write_address(union component_value *slots, const struct net_address *address)
{
    slots[1].number = net_address_port(address);
    if (address->u.any.sa_family == AF_INET) {
        slots[0].number = CASE_V4;
        write_octets(slots + 2, address);
        return;
    }
    slots[0].number = CASE_V6;
    slots[2].number = address->u.v6.sin6_flowinfo;
    write_segments(slots + 3, address);
    slots[3 + SEGMENTS].number = address->u.v6.sin6_scope_id;
}

void sockets_write_ip(union component_value *slots, const struct net_address *address)
{
    if (address->u.any.sa_family == AF_INET) {
        slots[0].number = CASE_V4;
        write_octets(slots + 1, address);
    } else {
        slots[0].number = CASE_V6;
        write_segments(slots + 1, address);
    }
}

int32_t sockets_answer_address(struct component_call *call, int result,
                               const struct net_address *address)
{
    if (result < 0) {
        return sockets_answer(call, result);
    }
    sockets_write_address(&call->results[1], address);
    return 0;
}

/* -- judging ---------------------------------------------------------------------------------- */

/* ::a.b.c.d, a form of IPv4 addresses given up in 2006, which systems treat in various ways. */
static bool is_v4_compatible(const struct in6_addr *v6)
{
    return IN6_IS_ADDR_V4COMPAT(v6) && !IN6_IS_ADDR_UNSPECIFIED(v6) && !IN6_IS_ADDR_LOOPBACK(v6);
}

bool sockets_fits(const struct guest_socket *s, const struct net_address *address)
{
    if (address->u.any.sa_family != s->family) {
        return false;
    }
    const struct in6_addr *v6 = &address->u.v6.sin6_addr;
    return s->family == AF_INET || (!IN6_IS_ADDR_V4MAPPED(v6) && !is_v4_compatible(v6));
}

bool sockets_is_unicast(const struct net_address *address)
{
    if (address->u.any.sa_family == AF_INET6) {
        return !IN6_IS_ADDR_MULTICAST(&address->u.v6.sin6_addr);
    }
    uint32_t host = ntohl(address->u.v4.sin_addr.s_addr);
    return !IN_MULTICAST(host) && host != INADDR_BROADCAST;
}

bool sockets_is_remote(const struct net_address *address)
{
    if (net_address_port(address) == 0) {
        return false;
    }
    if (address->u.any.sa_family == AF_INET6) {
        return !IN6_IS_ADDR_UNSPECIFIED(&address->u.v6.sin6_addr);
    }
    return address->u.v4.sin_addr.s_addr != INADDR_ANY;
}

bool sockets_is_same(const struct net_address *a, const struct net_address *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family || net_address_port(a) != net_address_port(b)) {
        return false;
    }
    if (a->u.any.sa_family == AF_INET) {
        return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    }
    /* The kernel fills in the scope of a link's own address. */
    uint32_t scope_a = a->u.v6.sin6_scope_id;
    uint32_t scope_b = b->u.v6.sin6_scope_id;
    return IN6_ARE_ADDR_EQUAL(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr) &&
           (scope_a == scope_b || scope_a == 0 || scope_b == 0);
}
