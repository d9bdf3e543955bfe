/* Rules of --allow-http, one a line, and questions to the policy they make. A line "?HOST PORT
 * ADDRESS" is a question: may that host be asked, and that address dialled for it? Without a rule
 * that speaks of addresses, or says ",private", no address of this network may ever be dialled. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "guest/policy.h"
#include "input.h"
#include "net/scope.h"

/* Could the rule grant an address that is no public one? */
static bool may_grant_inside(const char *rule)
{
    const char *scheme = strstr(rule, "://");
    const char *host = scheme != NULL ? scheme + 3 : rule;
    return isdigit((unsigned char)host[0]) || host[0] == '[' ||
           strncasecmp(host, "localhost", strlen("localhost")) == 0 ||
           strstr(rule, ",private") != NULL;
}

static bool is_numeric(const char *host)
{
    uint8_t octets[16];
    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

static bool set_address(struct net_address *address, const char *text)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        net_address_set_v4(address, octets, 0);
        return true;
    }
    if (inet_pton(AF_INET6, text, octets) == 1) {
        net_address_set_v6(address, octets, 0);
        return true;
    }
    return false;
}

static void ask(struct policy *policy, char *question, bool grants_inside)
{
    struct net_address address;
    uint64_t port = 443;
    const char *host = strsep(&question, " ");
    const char *port_text = strsep(&question, " ");
    if (port_text != NULL) {
        (void)num_parse_u64(port_text, UINT16_MAX, &port); /* else it stays as it is */
    }
    for (int i = 0; i < 2; i++) {
        const struct policy_request request = {i == 0 ? "http" : "https", host, (uint16_t)port};
        bool may_request = policy_may_request(policy, &request);
        must(policy->http.count > 0 || !may_request);
        if (question == NULL || !set_address(&address, question)) {
            continue;
        }
        bool may_dial = policy_may_dial(policy, &request, &address);
        must(!may_dial || may_request || is_numeric(host));
        must(!may_dial || grants_inside || net_address_scope(&address) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct policy policy;
    struct policy_count count;
    bool grants_inside = false;
    char *text = input_text(&in);
    char *rest = text;
    if (text == NULL) {
        return 0;
    }
    policy_init(&policy);
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        struct error err = {0};
        if (line[0] == '?') {
            ask(&policy, line + 1, grants_inside);
            continue;
        }
        grants_inside = grants_inside || may_grant_inside(line);
        int r = policy_allow_http(&policy, line, &err);
        must(r == 0 || err.text[0] != '\0');
    }
    for (uint32_t i = 0; policy_count(&policy, i, &count); i++) {
        must(strcmp(count.flag, "--allow-http") == 0);
    }
    policy_done(&policy);
    free(text);
    return 0;
}
