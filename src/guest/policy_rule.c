/* Rules of a policy: from their text, and what they match. See policy_rule.h. */
#include "guest/policy_rule.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "net/cidr.h"

enum {
    RULES_MAX = 1024,
    RESOLVED_MAX = 64, /* addresses of one name; the oldest is forgotten */
    NAME_MAX_LEN = 253,
};

static const uint8_t v4_loopback[4] = {127, 0, 0, 1};
static const uint8_t v6_loopback[16] = {[15] = 1};

/* -- lists ------------------------------------------------------------------------------------ */

static void rule_done(struct policy_rule *rule)
{
    free(rule->source);
    free(rule->text);
    free(rule->noted);
}

int policy_rules_append(struct policy_rules *rules, const char *source,
                        struct policy_rule **ret_rule)
{
    assert(!rules->is_shared);
    if (rules->count >= RULES_MAX) {
        return -E2BIG;
    }
    struct policy_rule *more = realloc(rules->items, (rules->count + 1) * sizeof *more);
    if (more == NULL) {
        return -ENOMEM;
    }
    rules->items = more;
    char *copy = strdup(source);
    if (copy == NULL) {
        return -ENOMEM;
    }
    *ret_rule = &more[rules->count];
    **ret_rule = (struct policy_rule){.kind = RULE_ANY, .source = copy};
    rules->count++;
    return 0;
}

void policy_rules_drop(struct policy_rules *rules)
{
    rules->count--;
    rule_done(&rules->items[rules->count]);
}

void policy_rules_done(struct policy_rules *rules)
{
    for (uint32_t i = 0; i < rules->count && !rules->is_shared; i++) {
        rule_done(&rules->items[i]);
    }
    if (!rules->is_shared) {
        free(rules->items);
    }
    *rules = (struct policy_rules){0};
}

/* -- parts ------------------------------------------------------------------------------------ */

int policy_rule_parse_ports(struct policy_rule *rule, const char *text)
{
    uint64_t low = 0;
    uint64_t high = UINT16_MAX;
    if (strcmp(text, "*") != 0) {
        char first[8];
        size_t len = strcspn(text, "-");
        if (len >= sizeof first) {
            return -EINVAL;
        }
        memcpy(first, text, len);
        first[len] = '\0';
        if (num_parse_u64(first, UINT16_MAX, &low) < 0) {
            return -EINVAL;
        }
        high = low;
        if (text[len] == '-' && num_parse_u64(text + len + 1, UINT16_MAX, &high) < 0) {
            return -EINVAL;
        }
    }
    rule->low_port = (uint16_t)low;
    rule->high_port = (uint16_t)high;
    return low <= high ? 0 : -EINVAL;
}

bool policy_is_name(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > NAME_MAX_LEN || !isalnum((unsigned char)text[0])) {
        return false;
    }
    bool has_letter = false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!isalnum(c) && c != '-' && c != '_' && c != '.') {
            return false;
        }
        has_letter = has_letter || isalpha(c);
    }
    return has_letter; /* digits and dots alone are a number that was mistyped */
}

bool policy_is_localhost(const char *name)
{
    return strcasecmp(name, "localhost") == 0;
}

int policy_rule_parse_range(struct policy_rule *rule, const char *text)
{
    struct net_cidr cidr;
    rule->kind = RULE_RANGE;
    int r = net_cidr_parse(text, &cidr);
    if (r == 0) {
        rule->family = cidr.family;
        rule->bits = cidr.bits;
        memcpy(rule->octets, cidr.octets, sizeof rule->octets);
    }
    return r;
}

/* Both [fd00::]/8 and [fd00::/8] are written by people. */
int policy_rule_parse_brackets(struct policy_rule *rule, char *text)
{
    char *end = strchr(text, ']');
    if (text[0] != '[' || end == NULL || (end[1] != '\0' && end[1] != '/')) {
        return -EINVAL;
    }
    memmove(end, end + 1, strlen(end + 1) + 1);
    text++;
    bool is_v6 = strchr(text, ':') != NULL;
    return is_v6 ? policy_rule_parse_range(rule, text) : -EINVAL;
}

int policy_rule_set_text(struct policy_rule *rule, const char *text)
{
    rule->text = strdup(text);
    if (rule->text == NULL) {
        return -ENOMEM;
    }
    rule->text_len = strlen(text);
    return 0;
}

/* -- rules for listening and connecting ------------------------------------------------------- */

static int parse_name(const char *host, struct policy_rule *rule, const char **ret_reason)
{
    if (!policy_is_name(host)) {
        *ret_reason = "the host is no address, range or name";
        return -EINVAL;
    }
    rule->kind = RULE_NAME;
    int r = policy_rule_set_text(rule, host);
    if (r == 0 && rule->text[rule->text_len - 1] == '.') {
        rule->text_len--;
        rule->text[rule->text_len] = '\0';
    }
    return r;
}

/* `host` is what stands before the port; it is changed. */
static int parse_host(char *host, struct policy_rule *rule, const char **ret_reason)
{
    size_t len = strlen(host);
    if (len == 0 || strcmp(host, "*") == 0) {
        rule->kind = RULE_ANY;
        return 0;
    }
    if (host[0] == '[') {
        *ret_reason = "what stands in [] is no IPv6 address or range";
        return policy_rule_parse_brackets(rule, host);
    }
    if (strchr(host, ':') != NULL) {
        *ret_reason = "an IPv6 address stands in []";
        return -EINVAL;
    }
    if (strchr(host, '/') != NULL || strspn(host, "0123456789.") == len) {
        *ret_reason = "the host is no IPv4 address or range";
        return policy_rule_parse_range(rule, host);
    }
    return parse_name(host, rule, ret_reason);
}

static int parse_unix(const char *path, struct policy_rule *rule, const char **ret_reason)
{
    if (path[0] == '\0') {
        *ret_reason = "the path is missing";
        return -EINVAL;
    }
    rule->kind = RULE_UNIX;
    return policy_rule_set_text(rule, path);
}

/* `text` is changed. */
static int parse_internet(char *text, struct policy_rule *rule, const char **ret_reason)
{
    char *comma = strchr(text, ',');
    if (comma != NULL && strcmp(comma, ",private") == 0) {
        rule->is_private = true;
        *comma = '\0';
    }
    char *colon = strrchr(text, ':');
    if (colon == NULL || strchr(colon, ']') != NULL) {
        *ret_reason = "the port is missing";
        return -EINVAL;
    }
    if (policy_rule_parse_ports(rule, colon + 1) < 0) {
        *ret_reason = "the port is no number from 0 to 65535, no LOW-HIGH and no \"*\"";
        return -EINVAL;
    }
    *colon = '\0';
    return parse_host(text, rule, ret_reason);
}

static int parse_rule(const char *text, struct policy_rule *rule, const char **ret_reason)
{
    if (strncmp(text, "unix:", strlen("unix:")) == 0) {
        return parse_unix(text + strlen("unix:"), rule, ret_reason);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    int r = parse_internet(copy, rule, ret_reason);
    free(copy);
    return r;
}

void policy_rule_widen_any(struct policy_rule *rule, bool is_listen)
{
    static const uint8_t zero[16];
    bool is_v4 = rule->family == AF_INET;
    if (rule->kind != RULE_RANGE || rule->bits != (is_v4 ? 32 : 128) ||
        memcmp(rule->octets, zero, is_v4 ? 4 : 16) != 0) {
        return;
    }
    if (!is_listen) {
        rule->octets[0] = is_v4 ? 127 : 0;
        rule->octets[is_v4 ? 3 : 15] = 1;
    } else if (is_v4) {
        rule->bits = 0;
    } else {
        rule->kind = RULE_ANY;
    }
}

static int note_localhost(struct policy_rule *rule)
{
    struct net_address address;
    net_address_set_v4(&address, v4_loopback, 0);
    int r = policy_rule_note(rule, &address);
    if (r == 0) {
        net_address_set_v6(&address, v6_loopback, 0);
        r = policy_rule_note(rule, &address);
    }
    return r;
}

int policy_rule_parse(struct policy_rule *rule, const char *text, bool is_listen,
                      const char **ret_reason)
{
    int r = parse_rule(text, rule, ret_reason);
    if (r < 0) {
        return r;
    }
    policy_rule_widen_any(rule, is_listen);
    if (is_listen && rule->is_private) {
        *ret_reason = "\",private\" is for connecting to a name";
        return -EINVAL;
    }
    if (rule->kind != RULE_NAME) {
        return 0;
    }
    if (policy_is_localhost(rule->text)) {
        return note_localhost(rule);
    }
    *ret_reason = "one listens on a numeric address or localhost";
    return is_listen ? -EINVAL : 0;
}

/* -- matching --------------------------------------------------------------------------------- */

static const uint8_t *address_octets(const struct net_address *address)
{
    if (address->u.any.sa_family == AF_INET) {
        return (const uint8_t *)&address->u.v4.sin_addr;
    }
    return address->u.v6.sin6_addr.s6_addr;
}

bool policy_rule_has_address(const struct policy_rule *rule, const struct net_address *address)
{
    return rule->family == address->u.any.sa_family &&
           net_same_bits(rule->octets, address_octets(address), rule->bits);
}

bool policy_rule_has_port(const struct policy_rule *rule, uint16_t port)
{
    return port >= rule->low_port && port <= rule->high_port;
}

bool policy_rule_has_noted(const struct policy_rule *rule, const struct net_address *address)
{
    unsigned bits = address->u.any.sa_family == AF_INET ? 32 : 128;
    for (uint32_t i = 0; i < rule->noted_count; i++) {
        const struct net_address *noted = &rule->noted[i];
        if (noted->u.any.sa_family == address->u.any.sa_family &&
            net_same_bits(address_octets(noted), address_octets(address), bits)) {
            return true;
        }
    }
    return false;
}

int policy_rule_note(struct policy_rule *rule, const struct net_address *address)
{
    struct net_address plain = *address;
    net_address_unmap(&plain);
    if (policy_rule_has_noted(rule, &plain)) {
        return 0;
    }
    if (rule->noted_count == RESOLVED_MAX) {
        rule->noted[rule->noted_next] = plain;
        rule->noted_next = (rule->noted_next + 1) % RESOLVED_MAX;
        return 0;
    }
    struct net_address *more = realloc(rule->noted, (rule->noted_count + 1) * sizeof *more);
    if (more == NULL) {
        return -ENOMEM;
    }
    more[rule->noted_count] = plain;
    rule->noted = more;
    rule->noted_count++;
    return 0;
}

void policy_normalise(struct net_address *address)
{
    static const uint8_t zero[16];
    net_address_unmap(address);
    if (address->u.any.sa_family == AF_UNIX ||
        !net_same_bits(address_octets(address), zero,
                       address->u.any.sa_family == AF_INET ? 32 : 128)) {
        return;
    }
    uint16_t port = net_address_port(address);
    if (address->u.any.sa_family == AF_INET) {
        net_address_set_v4(address, v4_loopback, port);
    } else {
        net_address_set_v6(address, v6_loopback, port);
    }
}
