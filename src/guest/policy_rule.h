/* One rule of a policy, for guest/policy*.c only. */
#ifndef HYTHE_GUEST_POLICY_RULE_H
#define HYTHE_GUEST_POLICY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/policy.h"

enum policy_rule_kind {
    RULE_ANY,        /* every internet address; in a rule for HTTP every host */
    RULE_RANGE,      /* addresses that begin with `bits` bits of `octets` */
    RULE_NAME,       /* the name `text`, or the addresses noted for it */
    RULE_SUBDOMAINS, /* every name that ends in "." and `text`; for HTTP only */
    RULE_UNIX,       /* the path `text`, or all below it when it ends in "/" */
};

struct policy_rule {
    enum policy_rule_kind kind;
    char *source;       /* owned: as the operator wrote it */
    const char *scheme; /* constant; for HTTP: "http" or "https", or NULL for both */
    bool is_private;    /* the name may stand for an address that is no public one */
    uint16_t low_port;
    uint16_t high_port;
    int family;         /* RULE_RANGE: AF_INET or AF_INET6 */
    unsigned bits;      /* RULE_RANGE */
    uint8_t octets[16]; /* RULE_RANGE */
    char *text;         /* owned; a name in lower case, or a path */
    size_t text_len;
    struct net_address *noted; /* owned; RULE_NAME */
    uint32_t noted_count;
    uint32_t noted_next; /* where the next one goes when there is no more room */
    uint64_t hits;
};

/* Append an empty rule, to be filled in place. 0, -E2BIG or -ENOMEM. */
int policy_rules_append(struct policy_rules *rules, const char *source,
                        struct policy_rule **ret_rule);

/* Take the last rule away again. */
void policy_rules_drop(struct policy_rules *rules);

void policy_rules_done(struct policy_rules *rules);

/* Read "80", "8000-8100" or "*". 0 or -EINVAL. */
int policy_rule_parse_ports(struct policy_rule *rule, const char *text);

/* Read "10.0.0.0/8", "::1", "fd00::/8". 0 or -EINVAL. */
int policy_rule_parse_range(struct policy_rule *rule, const char *text);

/* Read what stands in [], with its brackets, and perhaps /BITS behind it; `text` is changed. 0 or
 * -EINVAL. */
int policy_rule_parse_brackets(struct policy_rule *rule, char *text);

/* Keep a name or a path. 0 or -ENOMEM. */
int policy_rule_set_text(struct policy_rule *rule, const char *text);

/* "Any" as a single address: who may listen on all addresses may listen on one of them ([::] takes
 * IPv4 connections, too), and a connect to it is one to the loopback. */
void policy_rule_widen_any(struct policy_rule *rule, bool is_listen);

/* Read a rule for listening or connecting. 0, -ENOMEM, or -EINVAL with the reason. */
int policy_rule_parse(struct policy_rule *rule, const char *text, bool is_listen,
                      const char **ret_reason);

/* Could it be a host's name? Letters, digits, "-", "_" and ".", and not only digits and dots. */
bool policy_is_name(const char *text);

/* Does this RULE_RANGE hold the address, which is in normal form? */
bool policy_rule_has_address(const struct policy_rule *rule, const struct net_address *address);

/* Does the port fit? */
bool policy_rule_has_port(const struct policy_rule *rule, uint16_t port);

/* Note an address for a RULE_NAME. 0 or -ENOMEM. */
int policy_rule_note(struct policy_rule *rule, const struct net_address *address);
bool policy_rule_has_noted(const struct policy_rule *rule, const struct net_address *address);

/* Bring an address to dial into its normal form: an IPv6 one that wraps an IPv4 one is that, and
 * "any", which Linux takes for the loopback, is the loopback. */
void policy_normalise(struct net_address *address);

/* Is the name "localhost"? It stands for the loopback by definition (RFC 6761). */
bool policy_is_localhost(const char *name);

#endif
