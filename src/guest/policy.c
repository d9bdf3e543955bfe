/* What a guest may reach. See policy.h.
 *
 * An address is judged in one normal form: an IPv6 one that wraps an IPv4 one is that IPv4 one,
 * and a connect to "any" (0.0.0.0, ::), which Linux takes for the loopback, is one to the
 * loopback. A rule by name never looks anything up: it allows the guest to, and the addresses that
 * came out of it are noted here and allowed on the rule's ports. */
#include "guest/policy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

enum {
    RULES_MAX = 1024,
    RESOLVED_MAX = 64, /* addresses of one name; the oldest is forgotten */
    NAME_MAX_LEN = 253,
};

enum rule_kind {
    RULE_ANY,   /* every internet address */
    RULE_RANGE, /* addresses that begin with `bits` bits of `octets` */
    RULE_NAME,  /* the addresses noted for `text` */
    RULE_UNIX,  /* the path `text`, or all below it when it ends in "/" */
};

struct policy_rule {
    enum rule_kind kind;
    uint16_t low_port;
    uint16_t high_port;
    int family;                /* RULE_RANGE: AF_INET or AF_INET6 */
    unsigned bits;             /* RULE_RANGE */
    uint8_t octets[16];        /* RULE_RANGE */
    char *text;                /* owned; a name in lower case without its last dot, or a path */
    struct net_address *noted; /* owned, RESOLVED_MAX of them or NULL; RULE_NAME */
    uint32_t noted_count;
    uint32_t noted_next; /* where the next one goes */
};

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof *policy);
}

static void rule_done(struct policy_rule *rule)
{
    free(rule->text);
    free(rule->noted);
}

static void rules_free(struct policy_rule *rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rule_done(&rules[i]);
    }
    free(rules);
}

void policy_done(struct policy *policy)
{
    rules_free(policy->listen, policy->listen_count);
    rules_free(policy->connect, policy->connect_count);
    policy_init(policy);
}

/* -- rules as text ---------------------------------------------------------------------------- */

static int parse_ports(const char *text, struct policy_rule *rule)
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

static bool is_name(const char *text)
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

/* Compare names as DNS does: no case, and a last dot changes nothing. */
static bool same_name(const char *rule, const char *name)
{
    size_t len = strlen(name);
    if (len > 0 && name[len - 1] == '.') {
        len--;
    }
    return strlen(rule) == len && strncasecmp(rule, name, len) == 0;
}

static int parse_bits(const char *text, unsigned max, unsigned *ret_bits)
{
    uint64_t bits = max;
    if (text != NULL && num_parse_u64(text, max, &bits) < 0) {
        return -EINVAL;
    }
    *ret_bits = (unsigned)bits;
    return 0;
}

/* "10.0.0.0/8", "::1", "fd00::/8". A prefix of a mapped address becomes the IPv4 one it means. */
static int parse_range(char *host, struct policy_rule *rule)
{
    char *slash = strchr(host, '/');
    if (slash != NULL) {
        *slash++ = '\0';
    }
    rule->kind = RULE_RANGE;
    if (inet_pton(AF_INET, host, rule->octets) == 1) {
        rule->family = AF_INET;
        return parse_bits(slash, 32, &rule->bits);
    }
    if (inet_pton(AF_INET6, host, rule->octets) != 1) {
        return -EINVAL;
    }
    rule->family = AF_INET6;
    int r = parse_bits(slash, 128, &rule->bits);
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (r == 0 && rule->bits >= 96 && memcmp(rule->octets, mapped, sizeof mapped) == 0) {
        rule->family = AF_INET;
        rule->bits -= 96;
        memmove(rule->octets, rule->octets + 12, 4);
    }
    return r;
}

static int parse_name(const char *host, struct policy_rule *rule, const char **ret_reason)
{
    if (!is_name(host)) {
        *ret_reason = "the host is no address, range or name";
        return -EINVAL;
    }
    rule->kind = RULE_NAME;
    rule->text = strdup(host);
    if (rule->text == NULL) {
        return -ENOMEM;
    }
    size_t len = strlen(rule->text);
    if (rule->text[len - 1] == '.') {
        rule->text[len - 1] = '\0';
    }
    return 0;
}

/* `host` is what stands before the port; it is changed. */
static int parse_host(char *host, struct policy_rule *rule, const char **ret_reason)
{
    size_t len = strlen(host);
    if (len == 0 || strcmp(host, "*") == 0) {
        rule->kind = RULE_ANY;
        return 0;
    }
    *ret_reason = "what stands in [] is no IPv6 address or range";
    if (host[0] == '[') {
        /* Both [fd00::]/8 and [fd00::/8] are written by people. */
        char *end = strchr(host, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != '/')) {
            return -EINVAL;
        }
        memmove(end, end + 1, strlen(end + 1) + 1);
        memmove(host, host + 1, len - 1);
        int r = parse_range(host, rule);
        return r == 0 && strchr(host, ':') == NULL ? -EINVAL : r;
    }
    if (strchr(host, ':') != NULL) {
        *ret_reason = "an IPv6 address stands in []";
        return -EINVAL;
    }
    if (strchr(host, '/') != NULL || strspn(host, "0123456789.") == len) {
        *ret_reason = "the host is no IPv4 address or range";
        return parse_range(host, rule);
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
    rule->text = strdup(path);
    return rule->text == NULL ? -ENOMEM : 0;
}

static int parse_rule(const char *text, struct policy_rule *rule, const char **ret_reason)
{
    if (strncmp(text, "unix:", strlen("unix:")) == 0) {
        return parse_unix(text + strlen("unix:"), rule, ret_reason);
    }
    const char *colon = strrchr(text, ':');
    if (colon == NULL || strchr(colon, ']') != NULL) {
        *ret_reason = "the port is missing";
        return -EINVAL;
    }
    if (parse_ports(colon + 1, rule) < 0) {
        *ret_reason = "the port is no number from 0 to 65535, no LOW-HIGH and no \"*\"";
        return -EINVAL;
    }
    char *host = strndup(text, (size_t)(colon - text));
    if (host == NULL) {
        return -ENOMEM;
    }
    int r = parse_host(host, rule, ret_reason);
    free(host);
    return r;
}

/* Append an empty rule, to be filled in place. */
static int append_rule(struct policy_rule **rules, uint32_t *count, struct policy_rule **ret_rule)
{
    if (*count >= RULES_MAX) {
        return -E2BIG;
    }
    struct policy_rule *more = realloc(*rules, (*count + 1) * sizeof *more);
    if (more == NULL) {
        return -ENOMEM;
    }
    *rules = more;
    *ret_rule = &more[*count];
    **ret_rule = (struct policy_rule){.kind = RULE_ANY};
    (*count)++;
    return 0;
}

static int note(struct policy_rule *rule, const struct net_address *address);

static int note_localhost(struct policy_rule *rule)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    struct net_address address;
    net_address_set_v4(&address, v4, 0);
    int r = note(rule, &address);
    if (r == 0) {
        net_address_set_v6(&address, v6, 0);
        r = note(rule, &address);
    }
    return r;
}

/* "Any" as a single address: who may listen on all addresses may listen on one of them ([::] takes
 * IPv4 connections, too), and a connect to it is one to the loopback. */
static void widen_any(struct policy_rule *rule, bool is_listen)
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

/* Fill a new rule from its text. On failure the caller takes it away again. */
static int fill_rule(struct policy_rule *rule, const char *text, bool is_listen,
                     const char **ret_reason)
{
    int r = parse_rule(text, rule, ret_reason);
    if (r < 0) {
        return r;
    }
    widen_any(rule, is_listen);
    if (rule->kind != RULE_NAME) {
        return 0;
    }
    if (strcasecmp(rule->text, "localhost") == 0) {
        return note_localhost(rule);
    }
    *ret_reason = "one listens on a numeric address or localhost";
    return is_listen ? -EINVAL : 0;
}

static int add_rule(struct policy_rule **rules, uint32_t *count, const char *text, bool is_listen,
                    struct error *err)
{
    const char *flag = is_listen ? "--allow-listen" : "--allow-connect";
    const char *reason = "";
    struct policy_rule *rule = NULL;
    int r = append_rule(rules, count, &rule);
    if (r == 0) {
        r = fill_rule(rule, text, is_listen, &reason);
        if (r == 0) {
            return 0;
        }
        rule_done(rule);
        (*count)--;
    }
    if (r != -EINVAL) {
        return error_set_errno(err, r, "%s %.200s", flag, text);
    }
    return error_set(err, r,
                     "%s \"%.200s\": %s; write ADDRESS:PORT, ADDRESS/BITS:PORT, [IPV6]:PORT, "
                     "%s*:PORT, :PORT or unix:PATH, where PORT is a number, LOW-HIGH or *",
                     flag, text, reason, is_listen ? "localhost:PORT, " : "NAME:PORT, ");
}

int policy_allow_listen(struct policy *policy, const char *rule, struct error *err)
{
    return add_rule(&policy->listen, &policy->listen_count, rule, /* is_listen */ true, err);
}

int policy_allow_connect(struct policy *policy, const char *rule, struct error *err)
{
    int r = add_rule(&policy->connect, &policy->connect_count, rule, /* is_listen */ false, err);
    if (r < 0) {
        return r;
    }
    enum rule_kind kind = policy->connect[policy->connect_count - 1].kind;
    policy->allow_resolve = policy->allow_resolve || kind == RULE_NAME || kind == RULE_ANY;
    return 0;
}

/* -- judging ---------------------------------------------------------------------------------- */

static const uint8_t *address_octets(const struct net_address *address)
{
    if (address->u.any.sa_family == AF_INET) {
        return (const uint8_t *)&address->u.v4.sin_addr;
    }
    return address->u.v6.sin6_addr.s6_addr;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool is_unspecified(const struct net_address *address)
{
    static const uint8_t zero[16];
    size_t len = address->u.any.sa_family == AF_INET ? 4 : 16;
    return memcmp(address_octets(address), zero, len) == 0;
}

static bool noted_matches(const struct policy_rule *rule, const struct net_address *address)
{
    unsigned bits = address->u.any.sa_family == AF_INET ? 32 : 128;
    for (uint32_t i = 0; i < rule->noted_count; i++) {
        const struct net_address *noted = &rule->noted[i];
        if (noted->u.any.sa_family == address->u.any.sa_family &&
            same_bits(address_octets(noted), address_octets(address), bits)) {
            return true;
        }
    }
    return false;
}

static bool path_matches(const char *rule, const char *path)
{
    size_t len = strlen(rule);
    if (rule[len - 1] != '/') {
        return strcmp(rule, path) == 0;
    }
    if (strncmp(rule, path, len) != 0 || path[len] == '\0') {
        return false;
    }
    /* Nothing may lead out of the folder again. */
    for (const char *part = path + len; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
            return false;
        }
    }
    return true;
}

static bool rule_matches(const struct policy_rule *rule, const struct net_address *address)
{
    if (address->u.any.sa_family == AF_UNIX) {
        return rule->kind == RULE_UNIX && path_matches(rule->text, address->u.local.sun_path);
    }
    uint16_t port = net_address_port(address);
    if (rule->kind == RULE_UNIX || port < rule->low_port || port > rule->high_port) {
        return false;
    }
    switch (rule->kind) {
    case RULE_ANY:
        return true;
    case RULE_RANGE:
        return rule->family == address->u.any.sa_family &&
               same_bits(rule->octets, address_octets(address), rule->bits);
    case RULE_NAME:
        return noted_matches(rule, address);
    case RULE_UNIX:
        break;
    }
    return false;
}

static bool any_matches(const struct policy_rule *rules, uint32_t count,
                        const struct net_address *address)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rule_matches(&rules[i], address)) {
            return true;
        }
    }
    return false;
}

static bool is_known_family(const struct net_address *address)
{
    int family = address->len > 0 ? address->u.any.sa_family : AF_UNSPEC;
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

bool policy_may_listen(const struct policy *policy, const struct net_address *address)
{
    if (!is_known_family(address) || policy->allow_all) {
        return policy->allow_all;
    }
    struct net_address plain = *address;
    net_address_unmap(&plain);
    return any_matches(policy->listen, policy->listen_count, &plain);
}

/* Linux connects "any" to the loopback. */
static void any_to_loopback(struct net_address *address)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    if (address->u.any.sa_family == AF_UNIX || !is_unspecified(address)) {
        return;
    }
    uint16_t port = net_address_port(address);
    if (address->u.any.sa_family == AF_INET) {
        net_address_set_v4(address, v4, port);
    } else {
        net_address_set_v6(address, v6, port);
    }
}

bool policy_may_connect(const struct policy *policy, const struct net_address *address)
{
    if (!is_known_family(address) || policy->allow_all) {
        return policy->allow_all;
    }
    struct net_address plain = *address;
    net_address_unmap(&plain);
    any_to_loopback(&plain);
    return any_matches(policy->connect, policy->connect_count, &plain);
}

bool policy_may_resolve(const struct policy *policy, const char *name)
{
    if (policy->allow_all) {
        return true;
    }
    for (uint32_t i = 0; i < policy->connect_count; i++) {
        const struct policy_rule *rule = &policy->connect[i];
        if (rule->kind == RULE_ANY || (rule->kind == RULE_NAME && same_name(rule->text, name))) {
            return true;
        }
    }
    return false;
}

bool policy_knows_unix(const struct policy *policy)
{
    bool knows = policy->allow_all;
    for (uint32_t i = 0; i < policy->listen_count && !knows; i++) {
        knows = policy->listen[i].kind == RULE_UNIX;
    }
    for (uint32_t i = 0; i < policy->connect_count && !knows; i++) {
        knows = policy->connect[i].kind == RULE_UNIX;
    }
    return knows;
}

/* -- names ------------------------------------------------------------------------------------ */

static int note(struct policy_rule *rule, const struct net_address *address)
{
    struct net_address plain = *address;
    net_address_unmap(&plain);
    if (noted_matches(rule, &plain)) {
        return 0;
    }
    if (rule->noted == NULL) {
        rule->noted = calloc(RESOLVED_MAX, sizeof *rule->noted);
        if (rule->noted == NULL) {
            return -ENOMEM;
        }
    }
    rule->noted[rule->noted_next] = plain;
    rule->noted_next = (rule->noted_next + 1) % RESOLVED_MAX;
    rule->noted_count += rule->noted_count < RESOLVED_MAX;
    return 0;
}

int policy_note_resolved(struct policy *policy, const char *name, const struct net_address *address)
{
    if (!is_known_family(address) || address->u.any.sa_family == AF_UNIX) {
        return 0;
    }
    for (uint32_t i = 0; i < policy->connect_count; i++) {
        struct policy_rule *rule = &policy->connect[i];
        if (rule->kind == RULE_NAME && same_name(rule->text, name)) {
            int r = note(rule, address);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}
