/* What a guest may reach. See policy.h; rules for HTTP are in policy_http.c.
 *
 * An address is judged in one normal form: an IPv6 one that wraps an IPv4 one is that IPv4 one,
 * and a connect to "any" (0.0.0.0, ::), which Linux takes for the loopback, is one to the
 * loopback. A rule by name never looks anything up: it allows the guest to, and the public
 * addresses that came out of it are noted and allowed on the rule's ports. Others are noted only
 * for a rule with ",private", so that no name server decides what of this network is reached. */
#include "guest/policy.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "guest/policy_rule.h"
#include "net/scope.h"

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof *policy);
}

void policy_done(struct policy *policy)
{
    policy_rules_done(&policy->listen);
    policy_rules_done(&policy->connect);
    policy_rules_done(&policy->http);
    policy_init(policy);
}

static int add_rule(struct policy_rules *rules, const char *text, bool is_listen, struct error *err)
{
    const char *flag = is_listen ? "--allow-listen" : "--allow-connect";
    const char *reason = "";
    struct policy_rule *rule = NULL;
    int r = policy_rules_append(rules, text, &rule);
    if (r == 0) {
        r = policy_rule_parse(rule, text, is_listen, &reason);
        if (r == 0) {
            return 0;
        }
        policy_rules_drop(rules);
    }
    if (r != -EINVAL) {
        return error_set_errno(err, r, "%s %.200s", flag, text);
    }
    return error_set(err, r,
                     "%s \"%.200s\": %s; write ADDRESS:PORT, ADDRESS/BITS:PORT, [IPV6]:PORT, "
                     "%s*:PORT, :PORT or unix:PATH, where PORT is a number, LOW-HIGH or *",
                     flag, text, reason,
                     is_listen ? "localhost:PORT, " : "NAME:PORT, NAME:PORT,private, ");
}

int policy_allow_listen(struct policy *policy, const char *rule, struct error *err)
{
    return add_rule(&policy->listen, rule, /* is_listen */ true, err);
}

int policy_allow_connect(struct policy *policy, const char *rule, struct error *err)
{
    int r = add_rule(&policy->connect, rule, /* is_listen */ false, err);
    if (r < 0) {
        return r;
    }
    enum policy_rule_kind kind = policy->connect.items[policy->connect.count - 1].kind;
    policy->allow_resolve = policy->allow_resolve || kind == RULE_NAME || kind == RULE_ANY;
    return 0;
}

/* Rules by name note addresses, so each guest has its own. */
static bool has_names(const struct policy_rules *rules)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rules->items[i].kind == RULE_NAME) {
            return true;
        }
    }
    return false;
}

static struct policy_rules shared(const struct policy_rules *rules)
{
    return (struct policy_rules){rules->items, rules->count, .is_shared = true};
}

int policy_share(struct policy *policy, const struct policy *with)
{
    policy->allow_all = with->allow_all;
    policy->is_dry_run = with->is_dry_run;
    policy->allow_resolve = with->allow_resolve;
    policy->listen = shared(&with->listen);
    policy->http = shared(&with->http);
    if (!has_names(&with->connect)) {
        policy->connect = shared(&with->connect);
        return 0;
    }
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < with->connect.count; i++) {
        r = policy_allow_connect(policy, with->connect.items[i].source, NULL);
    }
    return r;
}

/* -- judging ---------------------------------------------------------------------------------- */

/* Compare names as DNS does: no case, and a last dot changes nothing. */
static bool same_name(const struct policy_rule *rule, const char *name)
{
    size_t len = strlen(name);
    if (len > 0 && name[len - 1] == '.') {
        len--;
    }
    return rule->text_len == len && strncasecmp(rule->text, name, len) == 0;
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
    if (rule->kind == RULE_UNIX || !policy_rule_has_port(rule, net_address_port(address))) {
        return false;
    }
    switch (rule->kind) {
    case RULE_ANY:
        return true;
    case RULE_RANGE:
        return policy_rule_has_address(rule, address);
    case RULE_NAME:
        return policy_rule_has_noted(rule, address);
    case RULE_SUBDOMAINS:
    case RULE_UNIX:
        break;
    }
    return false;
}

static bool any_matches(struct policy_rules *rules, const struct net_address *address)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rule_matches(&rules->items[i], address)) {
            rules->items[i].hits++;
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

bool policy_may_listen(struct policy *policy, const struct net_address *address)
{
    if (!is_known_family(address) || policy->allow_all) {
        return policy->allow_all;
    }
    struct net_address plain = *address;
    net_address_unmap(&plain);
    return any_matches(&policy->listen, &plain);
}

bool policy_may_connect(struct policy *policy, const struct net_address *address)
{
    if (!is_known_family(address) || policy->allow_all) {
        return policy->allow_all;
    }
    struct net_address plain = *address;
    policy_normalise(&plain);
    return any_matches(&policy->connect, &plain);
}

bool policy_may_resolve(const struct policy *policy, const char *name)
{
    if (policy->allow_all) {
        return true;
    }
    for (uint32_t i = 0; i < policy->connect.count; i++) {
        const struct policy_rule *rule = &policy->connect.items[i];
        if (rule->kind == RULE_ANY || (rule->kind == RULE_NAME && same_name(rule, name))) {
            return true;
        }
    }
    return false;
}

static bool has_unix(const struct policy_rules *rules)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rules->items[i].kind == RULE_UNIX) {
            return true;
        }
    }
    return false;
}

bool policy_knows_unix(const struct policy *policy)
{
    return policy->allow_all || policy->is_dry_run || has_unix(&policy->listen) ||
           has_unix(&policy->connect);
}

bool policy_grants_http(const struct policy *policy)
{
    return policy->allow_all || policy->is_dry_run || policy->http.count > 0;
}

int policy_note_resolved(struct policy *policy, const char *name, const struct net_address *address)
{
    if (!is_known_family(address) || address->u.any.sa_family == AF_UNIX) {
        return 0;
    }
    bool is_public = net_address_scope(address) == NULL;
    for (uint32_t i = 0; i < policy->connect.count; i++) {
        struct policy_rule *rule = &policy->connect.items[i];
        if (rule->kind == RULE_NAME && (is_public || rule->is_private) && same_name(rule, name)) {
            int r = policy_rule_note(rule, address);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* -- counting --------------------------------------------------------------------------------- */

bool policy_count(const struct policy *policy, uint32_t index, struct policy_count *ret_count)
{
    const struct {
        const char *flag;
        const struct policy_rules *rules;
    } lists[] = {
        {"--allow-listen", &policy->listen},
        {"--allow-connect", &policy->connect},
        {"--allow-http", &policy->http},
    };
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        if (index < lists[i].rules->count) {
            const struct policy_rule *rule = &lists[i].rules->items[index];
            *ret_count = (struct policy_count){lists[i].flag, rule->source, rule->hits};
            return true;
        }
        index -= lists[i].rules->count;
    }
    return false;
}
