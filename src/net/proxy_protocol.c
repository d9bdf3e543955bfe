/* What a load balancer says about its peer. See proxy_protocol.h.
 *
 * The caller asks again with more bytes until the answer is not 0; so what cannot become a preface
 * any more is told at once, and nothing is kept between two calls. */
#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/num.h"

enum {
    V1_MAX = 107, /* bytes of the longest line, with its CRLF */
    V2_HEAD = 16,
    V2_LOCAL = 0x20, /* version and command */
    V2_PROXY = 0x21,
    V2_UNSPEC = 0x00, /* family and protocol */
    V2_TCP4 = 0x11,
    V2_UDP4 = 0x12,
    V2_TCP6 = 0x21,
    V2_UDP6 = 0x22,
    V2_STREAM = 0x31, /* Unix sockets */
    V2_DATAGRAM = 0x32,
};

static const uint8_t v1_signature[6] = "PROXY ";
static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* -- version 1 -------------------------------------------------------------------------------- */

/* Cut the next word off a line, whose words have exactly one space between them. NULL when there is
 * none. */
static const char *next_word(char **line)
{
    char *word = *line;
    if (word == NULL || word[0] == '\0' || word[0] == ' ') {
        return NULL;
    }
    char *space = strchr(word, ' ');
    if (space != NULL) {
        *space++ = '\0';
    }
    *line = space;
    return word;
}

static int parse_address(int family, const char *host, const char *port,
                         struct net_address *ret_address)
{
    uint8_t octets[16];
    uint64_t number = 0;
    bool has_zero_before = port[0] == '0' && port[1] != '\0';
    if (has_zero_before || num_parse_u64(port, UINT16_MAX, &number) < 0 ||
        inet_pton(family, host, octets) != 1) {
        return -EPROTO;
    }
    if (family == AF_INET) {
        net_address_set_v4(ret_address, octets, (uint16_t)number);
    } else {
        net_address_set_v6(ret_address, octets, (uint16_t)number);
    }
    return 0;
}

/* `line` is what stands between "PROXY " and the CRLF; it is changed. */
static int parse_line(char *line, struct proxy_preface *ret_preface)
{
    struct proxy_preface preface = {.has_addresses = true};
    const char *protocol = next_word(&line);
    if (protocol == NULL) {
        return -EPROTO;
    }
    if (strcmp(protocol, "UNKNOWN") == 0) { /* whatever follows is to be ignored */
        *ret_preface = (struct proxy_preface){.has_addresses = false};
        return 0;
    }
    bool is_v4 = strcmp(protocol, "TCP4") == 0;
    if (!is_v4 && strcmp(protocol, "TCP6") != 0) {
        return -EPROTO;
    }
    int family = is_v4 ? AF_INET : AF_INET6;
    const char *source = next_word(&line);
    const char *destination = next_word(&line);
    const char *source_port = next_word(&line);
    const char *destination_port = next_word(&line);
    if (source == NULL || destination == NULL || source_port == NULL || destination_port == NULL ||
        line != NULL || parse_address(family, source, source_port, &preface.source) < 0 ||
        parse_address(family, destination, destination_port, &preface.destination) < 0) {
        return -EPROTO;
    }
    *ret_preface = preface;
    return 0;
}

static int64_t parse_v1(const uint8_t *data, size_t len, struct proxy_preface *ret_preface)
{
    char line[V1_MAX];
    size_t max = len < V1_MAX ? len : V1_MAX;
    size_t at = sizeof v1_signature;
    while (at < max && data[at] != '\r' && data[at] != '\n' && data[at] != '\0') {
        at++;
    }
    if (at + 1 >= max) {
        bool may_go_on = len < V1_MAX && (at == max || data[at] == '\r');
        return may_go_on ? 0 : -EPROTO;
    }
    if (data[at] != '\r' || data[at + 1] != '\n') {
        return -EPROTO;
    }
    size_t line_len = at - sizeof v1_signature;
    memcpy(line, data + sizeof v1_signature, line_len);
    line[line_len] = '\0';
    int r = parse_line(line, ret_preface);
    return r < 0 ? r : (int64_t)(at + 2);
}

/* -- version 2 -------------------------------------------------------------------------------- */

static uint16_t number_at(const uint8_t *data)
{
    return (uint16_t)(data[0] << 8 | data[1]);
}

/* The bytes of addresses that a family has; -EPROTO for a family that there is not. */
static int64_t addresses_len(uint8_t family)
{
    switch (family) {
    case V2_UNSPEC:
        return 0;
    case V2_TCP4:
    case V2_UDP4:
        return 12;
    case V2_TCP6:
    case V2_UDP6:
        return 36;
    case V2_STREAM:
    case V2_DATAGRAM:
        return 216;
    default:
        return -EPROTO;
    }
}

/* What is no TCP address says nothing about the peer of a stream that came over the network. */
static void take_addresses(uint8_t family, const uint8_t *data, struct proxy_preface *preface)
{
    if (family == V2_TCP4) {
        preface->has_addresses = true;
        net_address_set_v4(&preface->source, data, number_at(data + 8));
        net_address_set_v4(&preface->destination, data + 4, number_at(data + 10));
    } else if (family == V2_TCP6) {
        preface->has_addresses = true;
        net_address_set_v6(&preface->source, data, number_at(data + 32));
        net_address_set_v6(&preface->destination, data + 16, number_at(data + 34));
    }
}

/* What follows the addresses, up to `len`, are extensions; none of them is for us. */
static int64_t parse_v2(const uint8_t *data, size_t len, struct proxy_preface *ret_preface)
{
    struct proxy_preface preface = {.has_addresses = false};
    if (len > 12 && data[12] != V2_LOCAL && data[12] != V2_PROXY) {
        return -EPROTO;
    }
    if (len < V2_HEAD) {
        return 0;
    }
    bool is_local = data[12] == V2_LOCAL; /* its family and addresses are to be ignored */
    size_t rest = number_at(data + 14);
    int64_t addresses = is_local ? 0 : addresses_len(data[13]);
    if (addresses < 0 || rest < (size_t)addresses || V2_HEAD + rest > PROXY_PROTOCOL_MAX) {
        return -EPROTO;
    }
    if (len < V2_HEAD + rest) {
        return 0;
    }
    if (!is_local) {
        take_addresses(data[13], data + V2_HEAD, &preface);
    }
    *ret_preface = preface;
    return (int64_t)(V2_HEAD + rest);
}

/* -- both ------------------------------------------------------------------------------------- */

int64_t proxy_protocol_parse(const uint8_t *data, size_t len, struct proxy_preface *ret_preface)
{
    if (len == 0) {
        return 0;
    }
    bool is_v2 = data[0] == v2_signature[0];
    const uint8_t *signature = is_v2 ? v2_signature : v1_signature;
    size_t signature_len = is_v2 ? sizeof v2_signature : sizeof v1_signature;
    size_t common = len < signature_len ? len : signature_len;
    if (memcmp(data, signature, common) != 0) {
        return -EPROTO;
    }
    if (common < signature_len) {
        return 0;
    }
    return is_v2 ? parse_v2(data, len, ret_preface) : parse_v1(data, len, ret_preface);
}
