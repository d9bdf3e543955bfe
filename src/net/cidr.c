/* Ranges of addresses. See cidr.h. */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/num.h"

enum { MAPPED_BITS = 96 };

static int parse_bits(const char *text, unsigned max, unsigned *ret_bits)
{
    uint64_t bits = max;
    if (text != NULL && num_parse_u64(text, max, &bits) < 0) {
        return -EINVAL;
    }
    *ret_bits = (unsigned)bits;
    return 0;
}

static void unmap(struct net_cidr *cidr)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (cidr->bits >= MAPPED_BITS && memcmp(cidr->octets, mapped, sizeof mapped) == 0) {
        cidr->family = AF_INET;
        cidr->bits -= MAPPED_BITS;
        memmove(cidr->octets, cidr->octets + sizeof mapped, 4);
    }
}

int net_cidr_parse(const char *text, struct net_cidr *ret_cidr)
{
    char host[INET6_ADDRSTRLEN];
    struct net_cidr cidr = {.family = AF_INET};
    size_t len = strcspn(text, "/");
    const char *bits = text[len] == '/' ? text + len + 1 : NULL;
    if (len >= sizeof host) {
        return -EINVAL;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    int r = -EINVAL;
    if (inet_pton(AF_INET, host, cidr.octets) == 1) {
        r = parse_bits(bits, 32, &cidr.bits);
    } else if (inet_pton(AF_INET6, host, cidr.octets) == 1) {
        cidr.family = AF_INET6;
        r = parse_bits(bits, 128, &cidr.bits);
    }
    if (r < 0) {
        return r;
    }
    unmap(&cidr);
    *ret_cidr = cidr;
    return 0;
}

bool net_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool net_cidr_has(const struct net_cidr *cidr, const struct net_address *address)
{
    struct net_address plain = *address;
    net_address_unmap(&plain);
    if (plain.len == 0 || plain.u.any.sa_family != cidr->family) {
        return false;
    }
    const uint8_t *octets = cidr->family == AF_INET ? (const uint8_t *)&plain.u.v4.sin_addr
                                                    : plain.u.v6.sin6_addr.s6_addr;
    return net_same_bits(cidr->octets, octets, cidr->bits);
}
