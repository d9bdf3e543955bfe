/* Rules for HTTP: which patterns are taken, what they match, which addresses they lead to. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/container.h"
#include "guest/policy.h"

/* A request as text: "https://host:443"; a host with colons stands without brackets. */
static struct policy_request request_of(const char *text, char host[128])
{
    struct policy_request request = {0};
    const char *begin = strstr(text, "://");
    assert_non_null(begin);
    request.scheme = begin - text == 5 ? "https" : "http";
    begin += 3;
    const char *colon = strrchr(begin, ':');
    assert_non_null(colon);
    (void)snprintf(host, 128, "%.*s", (int)(colon - begin), begin);
    request.host = host;
    request.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    return request;
}

static struct net_address at(const char *text)
{
    struct net_address address;
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        net_address_set_v4(&address, octets, 0);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, octets), 1);
        net_address_set_v6(&address, octets, 0);
    }
    return address;
}

/* Several rules, with blanks between. */
static void allow(struct policy *policy, const char *rules)
{
    char text[512];
    char *rest = text;
    (void)snprintf(text, sizeof text, "%s", rules);
    policy_init(policy);
    for (char *rule = strsep(&rest, " "); rule != NULL; rule = strsep(&rest, " ")) {
        struct error err = {0};
        if (policy_allow_http(policy, rule, &err) != 0) {
            fail_msg("%s", err.text);
        }
    }
}

static bool requests(const char *rules, const char *target)
{
    struct policy policy;
    char host[128];
    struct policy_request request = request_of(target, host);
    allow(&policy, rules);
    bool may = policy_may_request(&policy, &request);
    policy_done(&policy);
    return may;
}

static bool dials(const char *rules, const char *target, const char *address)
{
    struct policy policy;
    char host[128];
    struct policy_request request = request_of(target, host);
    struct net_address to = at(address);
    allow(&policy, rules);
    bool may = policy_may_dial(&policy, &request, &to);
    assert_true(!may || policy_may_request(&policy, &request));
    policy_done(&policy);
    return may;
}

static void denies_by_default(void **state)
{
    (void)state;
    struct policy policy;
    char host[128];
    struct policy_request request = request_of("https://example.org:443", host);
    struct net_address public = at("8.8.8.8");
    struct net_address inside = at("10.0.0.1");
    policy_init(&policy);
    assert_false(policy_may_request(&policy, &request));
    assert_false(policy_may_dial(&policy, &request, &public));
    policy.allow_all = true;
    assert_true(policy_may_request(&policy, &request));
    assert_true(policy_may_dial(&policy, &request, &public));
    assert_true(policy_may_dial(&policy, &request, &inside));
    struct net_address local;
    assert_int_equal(net_address_set_unix(&local, "/x", 2), 0);
    assert_false(policy_may_dial(&policy, &request, &local));
    policy_done(&policy);
}

/* wasi-experimental-http-wasmtime 0.10.0, src/lib.rs, its own cases. */
static void takes_upstreams_lists(void **state)
{
    (void)state;
    static const char list[] = "https://api.brigade.sh https://example.com http://192.168.0.1";
    static const char all[] =
        "https://api.brigade.sh https://example.com http://192.168.0.1 insecure:allow-all";
    assert_true(requests(list, "https://api.brigade.sh:443"));
    assert_true(requests(list, "https://example.com:443"));
    assert_true(requests(list, "http://192.168.0.1:80"));
    assert_false(requests(list, "https://test.brigade.sh:443"));
    assert_true(requests(all, "https://api.brigade.sh:443"));
    assert_true(requests(all, "https://example.com:443"));
    assert_true(requests(all, "http://192.168.0.1:80"));
    assert_true(requests(all, "https://test.brigade.sh:443"));
    /* Neither scheme nor port nor path are compared. */
    assert_true(requests("https://example.com", "http://example.com:9999"));
    assert_true(requests("https://example.com/some/path?a=b#c", "http://example.com:9999"));
    assert_true(requests("HTTPS://Example.COM/", "https://example.com:443"));
    /* A trailing dot makes another host. */
    assert_false(requests("https://example.com", "https://example.com.:443"));
    assert_true(requests("https://example.com.", "https://example.com.:443"));
    assert_false(requests("https://example.com.", "https://example.com:443"));
    assert_false(requests("https://example.com", "https://www.example.com:443"));
    assert_true(requests("http://[::1]", "https://::1:8443"));
}

static void compares_strict_origins_whole(void **state)
{
    (void)state;
    assert_true(requests("https://api.example.com:443", "https://api.example.com:443"));
    assert_true(requests("https://api.example.com:443/", "https://api.example.com:443"));
    assert_false(requests("https://api.example.com:443", "http://api.example.com:443"));
    assert_false(requests("https://api.example.com:443", "https://api.example.com:444"));
    assert_false(requests("http://api.example.com:80", "https://api.example.com:80"));
    assert_true(requests("https://api.example.com:*", "https://api.example.com:9"));
    assert_false(requests("https://api.example.com:*", "http://api.example.com:80"));
    assert_true(requests("http://a.example:8000-8010", "http://a.example:8010"));
    assert_false(requests("http://a.example:8000-8010", "http://a.example:8011"));
    assert_true(requests("http://127.0.0.1:8080", "http://127.0.0.1:8080"));
    assert_false(requests("http://127.0.0.1:8080", "http://127.0.0.1:8081"));
    assert_true(requests("http://[::1]:8080", "http://::1:8080"));
    assert_false(requests("http://[::1]:8080", "http://::2:8080"));
    assert_true(requests("https://*:443", "https://whatever.example:443"));
    assert_false(requests("https://*:443", "http://whatever.example:443"));
    assert_false(requests("https://*:443", "https://10.0.0.1:443"));
    assert_true(requests("https://*:443,private", "https://10.0.0.1:443"));
}

static void takes_hosts_without_a_scheme(void **state)
{
    (void)state;
    assert_true(requests("example.com", "http://example.com:80"));
    assert_true(requests("example.com", "https://example.com:8443"));
    assert_true(requests("example.com:8443", "https://example.com:8443"));
    assert_true(requests("example.com:8443", "http://example.com:8443"));
    assert_false(requests("example.com:8443", "https://example.com:443"));
    assert_true(requests("localhost:3000", "http://localhost:3000"));
    assert_true(requests("[fd00::1]:80", "http://fd00::1:80"));
}

static void knows_subdomains(void **state)
{
    (void)state;
    static const char rule[] = "*.example.com";
    assert_true(requests(rule, "https://www.example.com:443"));
    assert_true(requests(rule, "https://a.b.example.com:443"));
    assert_false(requests(rule, "https://example.com:443"));
    assert_false(requests(rule, "https://aexample.com:443"));
    assert_false(requests(rule, "https://.example.com:443"));
    assert_false(requests(rule, "https://example.com.evil:443"));
    assert_false(requests(rule, "https://www.example.com.evil:443"));
    assert_false(requests(rule, "https://www.example.com.:443"));
    assert_true(requests("http://*.example.com:8080", "http://a.example.com:8080"));
    assert_false(requests("http://*.example.com:8080", "https://a.example.com:8080"));
    assert_false(requests("http://*.example.com:8080", "http://a.example.com:80"));
}

static void knows_ranges(void **state)
{
    (void)state;
    assert_true(requests("10.0.0.0/8", "http://10.255.0.1:81"));
    assert_false(requests("10.0.0.0/8", "http://11.0.0.1:81"));
    assert_true(requests("10.0.0.0/8:8080", "http://10.1.1.1:8080"));
    assert_false(requests("10.0.0.0/8:8080", "http://10.1.1.1:80"));
    assert_true(requests("[fd00::/8]:443", "https://fd12::1:443"));
    assert_true(requests("[fd00::]/8", "https://fd12::1:443"));
    assert_false(requests("[fd00::/8]", "https://fe80::1:443"));
    /* Names need a rule of their own. */
    assert_false(requests("0.0.0.0/0", "https://example.org:443"));
}

/* All spellings of an address are one. */
static void judges_addresses_in_one_form(void **state)
{
    (void)state;
    assert_true(requests("http://127.0.0.1:80", "http://::ffff:127.0.0.1:80"));
    assert_true(requests("http://[::ffff:127.0.0.1]:80", "http://127.0.0.1:80"));
    assert_true(requests("http://127.0.0.1:80", "http://0.0.0.0:80"));
    assert_true(requests("http://0.0.0.0:80", "http://127.0.0.1:80"));
    assert_true(requests("http://[::]:80", "http://::1:80"));
    assert_false(requests("insecure:allow-all", "http://0.0.0.0:80"));
    assert_false(requests("insecure:allow-all", "http://:::80"));
    assert_false(requests("insecure:allow-all", "http://::ffff:10.0.0.1:80"));
    assert_false(requests("insecure:allow-all", "http://64:ff9b::10.0.0.1:80"));
    assert_false(requests("insecure:allow-all", "http://::127.0.0.1:80"));
    assert_true(requests("insecure:allow-all", "http://8.8.8.8:80"));
    assert_true(requests("insecure:allow-all,private", "http://0.0.0.0:80"));
}

/* peers.md 6c, 34: where an allowed name leads is not the name server's to decide. */
static void a_name_leads_to_public_addresses_only(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "127.0.0.1",        "::1",           "10.0.0.1",        "172.16.0.1",    "192.168.1.1",
        "169.254.169.254",  "fd00:ec2::254", "100.64.0.1",      "0.0.0.0",       "::",
        "::ffff:127.0.0.1", "::127.0.0.1",   "64:ff9b::7f00:1", "fe80::1",       "64:ff9b:1::1",
        "224.0.0.1",        "ff02::1",       "255.255.255.255", "192.0.2.1",     "198.18.0.1",
        "2001:db8::1",      "2002:7f00:1::", "::ffff:10.1.1.1", "168.63.129.16",
    };
    static const char *const rules[] = {"https://a.example",     "a.example",
                                        "https://a.example:443", "*.example",
                                        "insecure:allow-all",    "https://*:443"};
    for (size_t rule = 0; rule < ARRAY_COUNT(rules); rule++) {
        char marked[64];
        (void)snprintf(marked, sizeof marked, "%s,private", rules[rule]);
        for (size_t i = 0; i < ARRAY_COUNT(inside); i++) {
            if (dials(rules[rule], "https://a.example:443", inside[i])) {
                fail_msg("%s leads to %s", rules[rule], inside[i]);
            }
            assert_true(dials(marked, "https://a.example:443", inside[i]));
        }
        assert_true(dials(rules[rule], "https://a.example:443", "93.184.215.14"));
        assert_true(dials(rules[rule], "https://a.example:443", "2606:4700::1111"));
        assert_true(dials(rules[rule], "https://a.example:443", "64:ff9b::808:808"));
        assert_false(dials(rules[rule], "https://a.other:443", "93.184.215.14") &&
                     strchr(rules[rule], 'x') != NULL && rules[rule][0] != 'i');
    }
}

static void an_address_rule_grants_the_address(void **state)
{
    (void)state;
    assert_true(dials("a.example 10.0.0.0/8", "http://a.example:80", "10.1.2.3"));
    assert_true(dials("10.0.0.0/8 a.example", "http://a.example:80", "10.1.2.3"));
    assert_false(dials("a.example 10.0.0.0/8", "http://a.example:80", "11.1.2.3") &&
                 dials("a.example 10.0.0.0/8", "http://a.example:80", "192.168.0.1"));
    assert_false(dials("a.example 10.0.0.0/8:81", "http://a.example:80", "10.1.2.3"));
    assert_true(dials("a.example http://127.0.0.1:80", "http://a.example:80", "127.0.0.1"));
    assert_false(dials("a.example https://127.0.0.1:80", "http://a.example:80", "127.0.0.1"));
    /* But it grants no name. */
    assert_false(dials("10.0.0.0/8", "http://a.example:80", "10.1.2.3"));
    /* A numeric host is judged by where it leads as well. */
    assert_true(dials("http://127.0.0.1:80", "http://127.0.0.1:80", "127.0.0.1"));
    assert_false(dials("http://127.0.0.1:80", "http://127.0.0.1:80", "10.0.0.1"));
}

static void localhost_is_the_loopback(void **state)
{
    (void)state;
    assert_true(dials("http://localhost:80", "http://localhost:80", "127.0.0.1"));
    assert_true(dials("http://LocalHost:80", "http://localhost:80", "::1"));
    assert_false(dials("http://localhost:80", "http://localhost:80", "10.0.0.1"));
    assert_false(dials("insecure:allow-all", "http://localhost:80", "127.0.0.1"));
}

static void quotes_a_bad_pattern(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ",private",
        "https://",
        "https:///",
        "https://:443",
        "ftp://example.com",
        "htps://example.com",
        "https//example.com",
        "https:example.com",
        "insecure:allow-al",
        "Insecure:Allow-All",
        "insecure:allow-all,privat",
        "*",
        "*:80",
        "https://*",
        "https://*/",
        "*.",
        "*.*.example.com",
        "www.*.com",
        "*example.com",
        "*.10.0.0.1",
        "https://user@example.com",
        "https://user:word@example.com:443",
        "https://example.com\\evil",
        "https://exa mple.com",
        "https://ex\xc3\xa4mple.com",
        "https://example%2ecom",
        "https://example.com:",
        "https://example.com:http",
        "https://example.com:65536",
        "https://example.com:9-8",
        "https://example.com:443/path",
        "https://example.com:443?x",
        "http://10.0.0.0/8",
        "http://10.0.0.0/8:80",
        "http://[fd00::]/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0/8",
        "example.com/8",
        "example.com/",
        "1.2.3",
        "127.1",
        "0x7f.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://0177.0.0.1:80",
        "a.0x1",
        "a.1",
        "::1",
        "http://::1:80",
        "[::1",
        "[::1]x",
        "[127.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "-a.example",
        "a..example",
        "a,b",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct policy policy;
        struct error err = {0};
        policy_init(&policy);
        if (policy_allow_http(&policy, bad[i], &err) != -EINVAL) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_non_null(strstr(err.text, bad[i]));
        assert_non_null(strstr(err.text, "--allow-http"));
        assert_non_null(strstr(err.text, "https://HOST:PORT"));
        assert_int_equal(policy.http.count, 0);
        policy_done(&policy);
    }
}

static void counts_what_each_rule_allows(void **state)
{
    (void)state;
    struct policy policy;
    struct policy_count count;
    char host[128];
    struct policy_request one = request_of("https://one.example:443", host);
    allow(&policy, "two.example https://one.example:443");
    assert_int_equal(policy_allow_connect(&policy, "1.2.3.4:5", NULL), 0);
    assert_int_equal(policy_allow_listen(&policy, ":80", NULL), 0);
    assert_true(policy_may_request(&policy, &one));
    assert_true(policy_may_request(&policy, &one));
    assert_true(policy_count(&policy, 0, &count));
    assert_string_equal(count.flag, "--allow-listen");
    assert_string_equal(count.rule, ":80");
    assert_int_equal(count.hits, 0);
    assert_true(policy_count(&policy, 1, &count));
    assert_string_equal(count.flag, "--allow-connect");
    assert_true(policy_count(&policy, 2, &count));
    assert_string_equal(count.rule, "two.example");
    assert_int_equal(count.hits, 0);
    assert_true(policy_count(&policy, 3, &count));
    assert_string_equal(count.flag, "--allow-http");
    assert_string_equal(count.rule, "https://one.example:443");
    assert_int_equal(count.hits, 2);
    assert_false(policy_count(&policy, 4, &count));
    policy_done(&policy);
}

static void survives_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "[]:.*/-0127fxhtps:/@,%\x80 example,private?#";
    char host[128];
    struct policy_request request = request_of("https://a.example:443", host);
    struct net_address inside = at("10.0.0.1");
    srand(13);
    for (int round = 0; round < 100000; round++) {
        char text[40];
        size_t len = (size_t)rand() % (sizeof text - 1);
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        }
        text[len] = '\0';
        struct policy policy;
        struct error err = {0};
        policy_init(&policy);
        (void)policy_allow_http(&policy, text, &err);
        (void)policy_may_request(&policy, &request);
        (void)policy_may_dial(&policy, &request, &inside);
        policy_done(&policy);
    }
}

/* Printed and not asserted: the issue asks for a microsecond, a test machine gives none. */
static void prints_its_cost(void **state)
{
    (void)state;
    enum { RULES = 100, ROUNDS = 20000 };
    struct policy policy;
    char host[128];
    struct policy_request request = request_of("https://api99.example.com:443", host);
    struct net_address address = at("93.184.215.14");
    struct timespec begin;
    struct timespec end;
    policy_init(&policy);
    for (unsigned i = 0; i < RULES; i++) {
        char rule[64];
        (void)snprintf(rule, sizeof rule,
                       i % 4 == 0   ? "10.%u.0.0/16"
                       : i % 4 == 1 ? "*.host%u.example.com"
                                    : "https://api%02u.example.com:443",
                       i);
        assert_int_equal(policy_allow_http(&policy, rule, NULL), 0);
    }
    unsigned allowed = 0;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &begin), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        allowed += policy_may_request(&policy, &request);
        allowed += policy_may_dial(&policy, &request, &address);
    }
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &end), 0);
    assert_int_equal(allowed, 2 * ROUNDS);
    double ns = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
    print_message("a request and its address against %d rules: %.0f ns\n", RULES, ns / ROUNDS);
    policy_done(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denies_by_default),
        cmocka_unit_test(takes_upstreams_lists),
        cmocka_unit_test(compares_strict_origins_whole),
        cmocka_unit_test(takes_hosts_without_a_scheme),
        cmocka_unit_test(knows_subdomains),
        cmocka_unit_test(knows_ranges),
        cmocka_unit_test(judges_addresses_in_one_form),
        cmocka_unit_test(a_name_leads_to_public_addresses_only),
        cmocka_unit_test(an_address_rule_grants_the_address),
        cmocka_unit_test(localhost_is_the_loopback),
        cmocka_unit_test(quotes_a_bad_pattern),
        cmocka_unit_test(counts_what_each_rule_allows),
        cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test(prints_its_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
