/* What asking the policy costs: a request and the address it is dialled at, against 100 rules of
 * which the last one allows it, or none. Prints "allowed NS" and "refused NS" of one request. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/policy.h"

enum { RULES = 100, ROUNDS = 200000, RUNS = 7 };

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* All kinds of rules: ranges, names below a name, strict origins. */
static void add_rules(struct policy *policy)
{
    for (unsigned i = 0; i < RULES; i++) {
        char rule[64];
        struct error err = {0};
        (void)snprintf(rule, sizeof rule,
                       i % 4 == 0   ? "10.%u.0.0/16"
                       : i % 4 == 1 ? "*.host%u.example.com"
                                    : "https://api%02u.example.com:443",
                       i);
        if (policy_allow_http(policy, rule, &err) < 0) {
            fprintf(stderr, "policy_check: %s\n", err.text);
            exit(1);
        }
    }
}

static struct net_address public_address(void)
{
    struct net_address address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(443)};
    inet_pton(AF_INET, "93.184.215.14", &in.sin_addr);
    memcpy(&address.u, &in, sizeof in);
    return address;
}

static double measure(struct policy *policy, const char *host, unsigned expected)
{
    const struct policy_request request = {"https", host, 443};
    const struct net_address address = public_address();
    double best = 1e9;
    for (unsigned run = 0; run < RUNS; run++) {
        unsigned allowed = 0;
        double begin = now_ns();
        for (unsigned i = 0; i < ROUNDS; i++) {
            allowed +=
                policy_may_request(policy, &request) && policy_may_dial(policy, &request, &address);
        }
        double spent = (now_ns() - begin) / ROUNDS;
        if (allowed != expected * ROUNDS) {
            fprintf(stderr, "policy_check: %s was allowed %u times\n", host, allowed);
            exit(1);
        }
        best = spent < best ? spent : best;
    }
    return best;
}

int main(void)
{
    struct policy policy;
    policy_init(&policy);
    add_rules(&policy);
    printf("allowed %.0f\n", measure(&policy, "api99.example.com", 1));
    printf("refused %.0f\n", measure(&policy, "api99.example.net", 0));
    policy_done(&policy);
    return 0;
}
