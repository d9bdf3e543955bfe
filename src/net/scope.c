/* The special-purpose addresses of IANA's registries (RFC 6890 and its updates), and those at which
 * clouds answer with secrets. See scope.h. */
#include "net/scope.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"
#include "net/cidr.h"

static const char loopback[] = "the loopback";
static const char private_words[] = "a private address";
static const char link_local[] = "a link-local address";
static const char metadata[] = "a cloud's metadata service";
static const char reserved[] = "a reserved address";
static const char multicast[] = "a multicast address";

struct scope_row {
    uint8_t octets[16];
    uint8_t bits;
    const char *words;
};

/* The first row that matches has the word. */
static const struct scope_row v4_rows[] = {
    {{127}, 8, loopback},
    {{10}, 8, private_words},
    {{172, 16}, 12, private_words},
    {{192, 168}, 16, private_words},
    {{100, 100, 100, 200}, 32, metadata}, /* Alibaba */
    {{100, 64}, 10, private_words},       /* a carrier's */
    {{169, 254, 169, 254}, 32, metadata},
    {{169, 254}, 16, link_local},
    {{168, 63, 129, 16}, 32, metadata}, /* Azure; a public address by its number */
    {{192, 0, 0, 192}, 32, metadata},   /* Oracle */
    {{0}, 8, "this machine or network"},
    {{192, 0, 0}, 24, reserved},
    {{192, 0, 2}, 24, reserved}, /* documentation, as the next two but one */
    {{198, 18}, 15, reserved},   /* benchmarks */
    {{198, 51, 100}, 24, reserved},
    {{203, 0, 113}, 24, reserved},
    {{192, 88, 99}, 24, reserved}, /* 6to4 relays */
    {{224}, 4, multicast},
    {{240}, 4, reserved}, /* and broadcast */
};

static const struct scope_row v6_rows[] = {
    {{[15] = 1}, 128, loopback},
    {{[15] = 0}, 128, "this machine"},
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, metadata},
    {{0xfc}, 7, private_words},
    {{0xfe, 0x80}, 10, link_local},
    {{0xfe, 0xc0}, 10, private_words}, /* site-local, before fc00::/7 */
    {{0xff}, 8, multicast},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, reserved}, /* documentation */
    {{0x3f, 0xff, 0x00}, 20, reserved},       /* likewise */
    {{0x20, 0x01, 0x00}, 23, reserved},       /* Teredo, benchmarks, ORCHID */
    {{0x20, 0x02}, 16, reserved},             /* 6to4: an IPv4 network's inside by another name */
};

static const char *find(const uint8_t *octets, const struct scope_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (net_same_bits(octets, rows[i].octets, rows[i].bits)) {
            return rows[i].words;
        }
    }
    return NULL;
}

static const char *scope_v4(const uint8_t octets[4])
{
    return find(octets, v4_rows, ARRAY_COUNT(v4_rows));
}

static const char *scope_v6(const uint8_t octets[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    /* Networks without IPv4 reach all of it through this prefix (RFC 6052), so it is no more
     * special than what it carries. */
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(octets, mapped, sizeof mapped) == 0 || memcmp(octets, nat64, sizeof nat64) == 0) {
        return scope_v4(octets + 12);
    }
    const char *words = find(octets, v6_rows, ARRAY_COUNT(v6_rows));
    bool is_global = octets[0] >> 5 == 1; /* 2000::/3 is all that is given out */
    return words != NULL || is_global ? words : reserved;
}

const char *net_address_scope(const struct net_address *address)
{
    if (address->len > 0 && address->u.any.sa_family == AF_INET) {
        return scope_v4((const uint8_t *)&address->u.v4.sin_addr);
    }
    if (address->len > 0 && address->u.any.sa_family == AF_INET6) {
        return scope_v6(address->u.v6.sin6_addr.s6_addr);
    }
    return "on no network";
}

bool net_address_is_loopback(const struct net_address *address)
{
    return net_address_scope(address) == loopback;
}
