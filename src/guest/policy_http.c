/* Rules for HTTP: --allow-http PATTERN. See policy.h.
 *
 *   PATTERN  insecure:allow-all        every host, as the original host of
 *                                      wasi_experimental_http spelled it
 *            SCHEME://HOST[/...]       that host, whatever scheme, port and path: the original's
 *                                      list of URLs
 *            SCHEME://HOST:PORT        a strict origin: scheme, host and port are compared
 *            HOST                      that host, whatever scheme and port
 *            HOST:PORT                 whatever scheme
 *   HOST     NAME, *.NAME, IPV4, [IPV6], IPV4/BITS or [IPV6/BITS] (without a scheme), and * with
 *            a scheme and a port
 *   PORT     a number, LOW-HIGH or *
 *
 * and ",private" behind it.
 *
 * An address in a rule grants that address. A rule with a name, or for every host, grants only
 * public addresses, whatever the name server says, unless it is marked ",private", or another rule
 * grants the address; "localhost" stands for the loopback by definition. A name is never granted by
 * an address: it would have to be looked up first, and looking up is a way out by itself. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guest/policy.h"
#include "guest/policy_rule.h"
#include "net/scope.h"

static const char grammar[] =
    "write https://HOST (whatever scheme and port), https://HOST:PORT (exactly these), HOST, "
    "HOST:PORT or insecure:allow-all, where HOST is NAME, *.NAME, an IPv4 address, [IPV6] or, "
    "without a scheme, ADDRESS/BITS, and PORT is a number, LOW-HIGH or *; \",private\" behind it "
    "lets a name stand for a private address";

/* -- patterns --------------------------------------------------------------------------------- */

/* A pattern taken apart in place. */
struct pattern {
    const char *scheme; /* constant; NULL without one */
    char *host;
    const char *port; /* NULL without one */
    const char *path; /* what stands behind, or "" */
};

static bool is_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7f || c == '\\' || c == '@' || c == '%') {
            return false;
        }
    }
    return true;
}

/* Take "SCHEME://" off the front. */
static int split_scheme(char **text, struct pattern *pattern, const char **ret_reason)
{
    static const char *const schemes[] = {"http", "https"};
    char *end = strstr(*text, "://");
    if (end == NULL) {
        return 0;
    }
    *end = '\0';
    for (size_t i = 0; i < 2; i++) {
        if (strcasecmp(*text, schemes[i]) == 0) {
            pattern->scheme = schemes[i];
            *text = end + 3;
            return 0;
        }
    }
    *ret_reason = "the scheme is neither http nor https";
    return -EINVAL;
}

/* Find the colon before the port; NULL without one. IPv6 addresses have colons of their own. */
static char *find_port(char *authority)
{
    char *end = authority[0] == '[' ? strchr(authority, ']') : authority;
    return end != NULL ? strrchr(end, ':') : NULL;
}

static int split_authority(char *text, struct pattern *pattern, const char **ret_reason)
{
    pattern->path = "";
    size_t len = strcspn(text, "/?#");
    /* Without a scheme a slash can only begin a range's bits. */
    if (pattern->scheme != NULL && text[len] != '\0') {
        pattern->path = text + len + 1;
        bool is_bare = text[len] == '/' && *pattern->path == '\0';
        text[len] = '\0';
        bool is_range = strspn(pattern->path, "0123456789:") == strlen(pattern->path) && !is_bare;
        if (is_range && (text[0] == '[' || strspn(text, "0123456789.") == len)) {
            *ret_reason = "a range stands without a scheme";
            return -EINVAL;
        }
        if (find_port(text) != NULL && !is_bare) {
            *ret_reason = "paths are not compared, so a strict origin has none";
            return -EINVAL;
        }
    }
    pattern->host = text;
    char *colon = find_port(text);
    if (colon != NULL) {
        *colon = '\0';
        pattern->port = colon + 1;
    }
    return 0;
}

/* Would a URL parser take it for an IPv4 address in one of its odd spellings? "127.1", "0x7f.1" */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot != NULL ? dot + 1 : host;
    size_t len = strlen(label);
    if (len > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
        return strspn(label + 2, "0123456789abcdefABCDEF") == len - 2;
    }
    return len > 0 && strspn(label, "0123456789") == len;
}

static int set_name(struct policy_rule *rule, char *name, const char **ret_reason)
{
    *ret_reason = "the host is no address, range or name";
    if (!policy_is_name(name) || strstr(name, "..") != NULL || ends_in_number(name)) {
        return -EINVAL;
    }
    for (char *at = name; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return policy_rule_set_text(rule, name);
}

static int set_host(struct policy_rule *rule, const struct pattern *pattern,
                    const char **ret_reason)
{
    char *host = pattern->host;
    if (strcmp(host, "*") == 0) {
        rule->kind = RULE_ANY;
        *ret_reason = "\"*\" alone needs a scheme and a port, as https://*:443; for every host "
                      "there is insecure:allow-all";
        return pattern->scheme != NULL && pattern->port != NULL ? 0 : -EINVAL;
    }
    if (host[0] == '[') {
        *ret_reason = "what stands in [] is no IPv6 address or range";
        return policy_rule_parse_brackets(rule, host);
    }
    if (strchr(host, ':') != NULL) {
        *ret_reason = "an IPv6 address stands in []";
        return -EINVAL;
    }
    if (strchr(host, '/') != NULL || strspn(host, "0123456789.") == strlen(host)) {
        *ret_reason = "the host is no IPv4 address or range";
        return policy_rule_parse_range(rule, host);
    }
    bool is_wild = strncmp(host, "*.", 2) == 0;
    rule->kind = is_wild ? RULE_SUBDOMAINS : RULE_NAME;
    return set_name(rule, is_wild ? host + 2 : host, ret_reason);
}

/* `text` is changed. */
static int parse(struct policy_rule *rule, char *text, const char **ret_reason)
{
    static const char mark[] = ",private";
    struct pattern pattern = {0};
    size_t len = strlen(text);
    if (len >= sizeof mark && strcmp(text + len - strlen(mark), mark) == 0) {
        rule->is_private = true;
        text[len - strlen(mark)] = '\0';
    }
    rule->high_port = UINT16_MAX;
    if (strcmp(text, "insecure:allow-all") == 0) {
        rule->kind = RULE_ANY;
        return 0;
    }
    if (!is_clean(text)) {
        *ret_reason = "it has characters that no host has; names of other letters are written in "
                      "punycode, and there is no user";
        return -EINVAL;
    }
    int r = split_scheme(&text, &pattern, ret_reason);
    if (r == 0) {
        r = split_authority(text, &pattern, ret_reason);
    }
    if (r < 0) {
        return r;
    }
    if (pattern.port != NULL && policy_rule_parse_ports(rule, pattern.port) < 0) {
        *ret_reason = "the port is no number from 0 to 65535, no LOW-HIGH and no \"*\"";
        return -EINVAL;
    }
    rule->scheme = pattern.port != NULL ? pattern.scheme : NULL;
    r = set_host(rule, &pattern, ret_reason);
    policy_rule_widen_any(rule, /* is_listen */ false);
    return r;
}

int policy_allow_http(struct policy *policy, const char *pattern, struct error *err)
{
    const char *reason = "";
    struct policy_rule *rule = NULL;
    char *copy = strdup(pattern);
    int r = copy == NULL ? -ENOMEM : policy_rules_append(&policy->http, pattern, &rule);
    if (r == 0) {
        r = parse(rule, copy, &reason);
        if (r < 0) {
            policy_rules_drop(&policy->http);
        }
    }
    free(copy);
    if (r == -EINVAL) {
        return error_set(err, r, "--allow-http \"%.200s\": %s; %s", pattern, reason, grammar);
    }
    return r < 0 ? error_set_errno(err, r, "--allow-http %.200s", pattern) : 0;
}

/* -- judging ---------------------------------------------------------------------------------- */

/* A request with what is asked of it again and again. */
struct judged {
    const struct policy_request *request;
    size_t host_len;
    bool is_numeric;
    struct net_address address; /* numeric: the host */
};

static void judged_init(struct judged *judged, const struct policy_request *request)
{
    uint8_t octets[16];
    *judged = (struct judged){.request = request, .host_len = strlen(request->host)};
    if (inet_pton(AF_INET, request->host, octets) == 1) {
        net_address_set_v4(&judged->address, octets, request->port);
        judged->is_numeric = true;
    } else if (inet_pton(AF_INET6, request->host, octets) == 1) {
        net_address_set_v6(&judged->address, octets, request->port);
        judged->is_numeric = true;
    }
    if (judged->is_numeric) {
        policy_normalise(&judged->address);
    }
}

static bool has_scheme_and_port(const struct policy_rule *rule,
                                const struct policy_request *request)
{
    return policy_rule_has_port(rule, request->port) &&
           (rule->scheme == NULL || strcmp(rule->scheme, request->scheme) == 0);
}

/* Does the rule speak of this name? */
static bool has_name(const struct policy_rule *rule, const struct judged *judged)
{
    const char *host = judged->request->host;
    size_t len = judged->host_len;
    switch (rule->kind) {
    case RULE_ANY:
        return true;
    case RULE_NAME:
        return !judged->is_numeric && len == rule->text_len && memcmp(host, rule->text, len) == 0;
    case RULE_SUBDOMAINS:
        return !judged->is_numeric && len > rule->text_len + 1 &&
               host[len - rule->text_len - 1] == '.' &&
               memcmp(host + len - rule->text_len, rule->text, rule->text_len) == 0;
    case RULE_RANGE:
    case RULE_UNIX:
        break;
    }
    return false;
}

/* May a rule that speaks of the request's host lead to this address? */
static bool leads_to(const struct policy_rule *rule, const struct net_address *address,
                     const char *scope)
{
    return scope == NULL || rule->is_private ||
           (rule->kind == RULE_NAME && policy_is_localhost(rule->text) &&
            net_address_is_loopback(address));
}

/* Find the rule that allows this request, to be dialled at `address` if that is known. A numeric
 * host is its own address. */
static struct policy_rule *find_rule(const struct policy *policy, const struct judged *judged,
                                     const struct net_address *address)
{
    const char *scope = address != NULL ? net_address_scope(address) : NULL;
    struct policy_rule *named = NULL;
    struct policy_rule *granting = NULL;
    for (uint32_t i = 0; i < policy->http.count; i++) {
        struct policy_rule *rule = &policy->http.items[i];
        if (has_name(rule, judged)) { /* most rules end here, by the length of the name */
            if (!has_scheme_and_port(rule, judged->request)) {
                continue;
            }
            if (address == NULL || leads_to(rule, address, scope)) {
                return rule;
            }
            named = rule;
        } else if (address != NULL && rule->kind == RULE_RANGE &&
                   has_scheme_and_port(rule, judged->request) &&
                   policy_rule_has_address(rule, address)) {
            granting = rule;
        }
    }
    return judged->is_numeric || named != NULL ? granting : NULL;
}

bool policy_may_request(struct policy *policy, const struct policy_request *request)
{
    struct judged judged;
    if (policy->allow_all) {
        return true;
    }
    judged_init(&judged, request);
    struct policy_rule *rule =
        find_rule(policy, &judged, judged.is_numeric ? &judged.address : NULL);
    if (rule == NULL) {
        return false;
    }
    rule->hits++;
    return true;
}

bool policy_may_dial(const struct policy *policy, const struct policy_request *request,
                     const struct net_address *address)
{
    struct judged judged;
    int family = address->len > 0 ? address->u.any.sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6) {
        return false;
    }
    if (policy->allow_all) {
        return true;
    }
    struct net_address plain = *address;
    policy_normalise(&plain);
    judged_init(&judged, request);
    return find_rule(policy, &judged, &plain) != NULL;
}
