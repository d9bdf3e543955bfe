/* Socket addresses as text and as bytes. See address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

static const char grammar[] =
    "write HOST:PORT with a numeric HOST, \"localhost\" or \"*\", [IPV6]:PORT, :PORT or unix:PATH";

static int fail(struct error *err, const char *text, const char *reason)
{
    return error_set(err, -EINVAL, "address \"%.200s\": %s; %s", text, reason, grammar);
}

void net_address_set_v4(struct net_address *address, const uint8_t octets[4], uint16_t port)
{
    memset(address, 0, sizeof *address);
    address->u.v4.sin_family = AF_INET;
    address->u.v4.sin_port = htons(port);
    memcpy(&address->u.v4.sin_addr, octets, 4);
    address->len = sizeof address->u.v4;
}

void net_address_set_v6(struct net_address *address, const uint8_t octets[16], uint16_t port)
{
    memset(address, 0, sizeof *address);
    address->u.v6.sin6_family = AF_INET6;
    address->u.v6.sin6_port = htons(port);
    memcpy(&address->u.v6.sin6_addr, octets, 16);
    address->len = sizeof address->u.v6;
}

int net_address_set_unix(struct net_address *address, const char *path, size_t len)
{
    len = strnlen(path, len); /* no path has a NUL in it; Linux's abstract names are not for us */
    if (len >= sizeof address->u.local.sun_path) {
        return -ENAMETOOLONG;
    }
    memset(address, 0, sizeof *address);
    address->u.local.sun_family = AF_UNIX;
    memcpy(address->u.local.sun_path, path, len);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

bool net_address_is_numeric(const char *host)
{
    uint8_t octets[16];
    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

uint16_t net_address_port(const struct net_address *address)
{
    if (address->len > 0 && address->u.any.sa_family == AF_INET) {
        return ntohs(address->u.v4.sin_port);
    }
    if (address->len > 0 && address->u.any.sa_family == AF_INET6) {
        return ntohs(address->u.v6.sin6_port);
    }
    return 0;
}

void net_address_unmap(struct net_address *address)
{
    if (address->len == 0 || address->u.any.sa_family != AF_INET6 ||
        !IN6_IS_ADDR_V4MAPPED(&address->u.v6.sin6_addr)) {
        return;
    }
    uint16_t port = net_address_port(address);
    uint8_t octets[4];
    memcpy(octets, &address->u.v6.sin6_addr.s6_addr[12], sizeof octets);
    net_address_set_v4(address, octets, port);
}

/* -- text ------------------------------------------------------------------------------------- */

static int parse_host(const char *host, uint16_t port, struct net_address *ret_address)
{
    uint8_t octets[16] = {0};
    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        net_address_set_v4(ret_address, octets, port);
        return 0;
    }
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, octets) == 1) {
        net_address_set_v4(ret_address, octets, port);
        return 0;
    }
    return -EINVAL;
}

static int parse_unix(const char *text, struct net_address *ret_address, struct error *err)
{
    const char *path = text + strlen("unix:");
    if (path[0] == '\0') {
        return fail(err, text, "the path is missing");
    }
    if (net_address_set_unix(ret_address, path, strlen(path)) < 0) {
        return fail(err, text, "the path is longer than the 107 bytes a Unix socket can have");
    }
    return 0;
}

static int parse_v6(const char *text, size_t len, uint16_t port, struct net_address *ret_address,
                    struct error *err)
{
    char host[INET6_ADDRSTRLEN];
    uint8_t octets[16];
    if (len < 2 || text[len - 1] != ']' || len - 2 >= sizeof host) {
        return fail(err, text, "what stands in [] is no IPv6 address");
    }
    memcpy(host, text + 1, len - 2);
    host[len - 2] = '\0';
    if (inet_pton(AF_INET6, host, octets) != 1) {
        return fail(err, text, "what stands in [] is no IPv6 address");
    }
    net_address_set_v6(ret_address, octets, port);
    return 0;
}

int net_address_parse(const char *text, struct net_address *ret_address, struct error *err)
{
    if (strncmp(text, "unix:", strlen("unix:")) == 0) {
        return parse_unix(text, ret_address, err);
    }
    const char *colon = strrchr(text, ':');
    if (colon == NULL) {
        return fail(err, text, "the port is missing");
    }
    uint64_t port = 0;
    if (num_parse_u64(colon + 1, UINT16_MAX, &port) < 0) {
        return fail(err, text, "the port is no number from 0 to 65535");
    }
    size_t len = (size_t)(colon - text);
    if (text[0] == '[') {
        return parse_v6(text, len, (uint16_t)port, ret_address, err);
    }
    if (memchr(text, ':', len) != NULL) {
        return fail(err, text, "an IPv6 address stands in []");
    }
    char host[64];
    if (len >= sizeof host) {
        return fail(err, text, "the host is no numeric address");
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (parse_host(host, (uint16_t)port, ret_address) < 0) {
        return fail(err, text, "the host is no numeric address");
    }
    return 0;
}

/* A path comes from a guest or a peer and goes to the operator's terminal. */
static void print_unix(const struct net_address *address, char *text)
{
    size_t at = (size_t)snprintf(text, NET_ADDRESS_TEXT_MAX, "unix:");
    size_t max = sizeof address->u.local.sun_path;
    const char *path = address->u.local.sun_path;
    for (size_t i = 0; i < max && path[i] != '\0'; i++) {
        bool is_plain = (unsigned char)path[i] >= ' ' && path[i] != '\x7f';
        text[at++] = is_plain ? path[i] : '?';
    }
    text[at] = '\0';
}

_Static_assert(sizeof "unix:" + sizeof((struct sockaddr_un *)0)->sun_path <= NET_ADDRESS_TEXT_MAX,
               "the longest path fits");

const char *net_address_print_host(const struct net_address *address, char *text)
{
    text[0] = '\0';
    if (address->len == 0) {
        return text;
    }
    if (address->u.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &address->u.v4.sin_addr, text, NET_ADDRESS_HOST_MAX); /* fits */
    } else if (address->u.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->u.v6.sin6_addr, text, NET_ADDRESS_HOST_MAX); /* fits */
    }
    return text;
}

const char *net_address_print(const struct net_address *address, char *text)
{
    char host[NET_ADDRESS_HOST_MAX];
    text[0] = '\0';
    if (address->len > 0 && address->u.any.sa_family == AF_UNIX) {
        print_unix(address, text);
    } else if (net_address_print_host(address, host)[0] != '\0') {
        bool is_v6 = address->u.any.sa_family == AF_INET6;
        (void)snprintf(text, NET_ADDRESS_TEXT_MAX, is_v6 ? "[%s]:%u" : "%s:%u", host,
                       net_address_port(address)); /* fits */
    }
    return text;
}
