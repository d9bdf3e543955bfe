/* What a guest may reach: rules, and what they match. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "guest/policy.h"

static struct net_address at(const char *text)
{
    struct net_address address;
    struct error err = {0};
    if (net_address_parse(text, &address, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return address;
}

static bool listens(const char *rule, const char *address)
{
    struct policy policy;
    struct error err = {0};
    policy_init(&policy);
    if (policy_allow_listen(&policy, rule, &err) != 0) {
        fail_msg("%s", err.text);
    }
    struct net_address to = at(address);
    bool may = policy_may_listen(&policy, &to);
    assert_false(policy_may_connect(&policy, &to));
    policy_done(&policy);
    return may;
}

static bool connects(const char *rule, const char *address)
{
    struct policy policy;
    struct error err = {0};
    policy_init(&policy);
    if (policy_allow_connect(&policy, rule, &err) != 0) {
        fail_msg("%s", err.text);
    }
    struct net_address to = at(address);
    bool may = policy_may_connect(&policy, &to);
    assert_false(policy_may_listen(&policy, &to));
    policy_done(&policy);
    return may;
}

static void denies_by_default(void **state)
{
    (void)state;
    struct policy policy;
    policy_init(&policy);
    struct net_address addresses[] = {at("127.0.0.1:80"), at("[::1]:80"), at("unix:/run/a"),
                                      at("0.0.0.0:0")};
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        assert_false(policy_may_listen(&policy, &addresses[i]));
        assert_false(policy_may_connect(&policy, &addresses[i]));
    }
    assert_false(policy_may_resolve(&policy, "localhost"));
    assert_false(policy_knows_unix(&policy));
    policy.allow_all = true;
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        assert_true(policy_may_listen(&policy, &addresses[i]));
        assert_true(policy_may_connect(&policy, &addresses[i]));
    }
    assert_true(policy_may_resolve(&policy, "example.org"));
    assert_true(policy_knows_unix(&policy));
    policy_done(&policy);
}

static void matches_ports(void **state)
{
    (void)state;
    assert_true(listens("127.0.0.1:8080", "127.0.0.1:8080"));
    assert_false(listens("127.0.0.1:8080", "127.0.0.1:8081"));
    assert_false(listens("127.0.0.1:8080", "127.0.0.2:8080"));
    assert_false(listens("127.0.0.1:8080", "127.0.0.1:0"));
    assert_true(listens("127.0.0.1:0", "127.0.0.1:0"));
    assert_false(listens("127.0.0.1:0", "127.0.0.1:80"));
    assert_true(listens("127.0.0.1:*", "127.0.0.1:0"));
    assert_true(listens("127.0.0.1:*", "127.0.0.1:65535"));
    assert_true(listens("127.0.0.1:8000-8100", "127.0.0.1:8000"));
    assert_true(listens("127.0.0.1:8000-8100", "127.0.0.1:8100"));
    assert_false(listens("127.0.0.1:8000-8100", "127.0.0.1:7999"));
    assert_false(listens("127.0.0.1:8000-8100", "127.0.0.1:8101"));
}

static void matches_any_address(void **state)
{
    (void)state;
    static const char *const rules[] = {":8080", "*:8080"};
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        assert_true(listens(rules[i], "0.0.0.0:8080"));
        assert_true(listens(rules[i], "10.0.0.1:8080"));
        assert_true(listens(rules[i], "[::]:8080"));
        assert_false(listens(rules[i], "0.0.0.0:80"));
        assert_false(listens(rules[i], "unix:/run/a"));
        assert_true(connects(rules[i], "10.0.0.1:8080"));
    }
    assert_true(listens("*:*", "[2001:db8::1]:9"));
    assert_false(listens("*:*", "unix:/run/a"));
    /* To listen on all addresses is more than on one of them. */
    assert_true(listens("0.0.0.0:80", "127.0.0.1:80"));
    assert_false(listens("0.0.0.0:80", "[::]:80"));
    assert_true(listens("[::]:80", "0.0.0.0:80"));
    assert_true(listens("[::]:80", "[::1]:80"));
}

static void matches_ranges(void **state)
{
    (void)state;
    assert_true(connects("10.0.0.0/8:443", "10.255.0.1:443"));
    assert_false(connects("10.0.0.0/8:443", "11.0.0.1:443"));
    assert_true(connects("10.0.0.0/15:443", "10.1.0.1:443"));
    assert_false(connects("10.0.0.0/15:443", "10.2.0.1:443"));
    assert_true(connects("0.0.0.0/0:443", "8.8.8.8:443"));
    assert_false(connects("0.0.0.0/0:443", "[::1]:443"));
    assert_true(connects("[::/0]:443", "[2001:db8::1]:443"));
    assert_false(connects("[::/0]:443", "1.2.3.4:443"));
    assert_true(connects("[fd00::/8]:443", "[fd12::1]:443"));
    assert_true(connects("[fd00::]/8:443", "[fd12::1]:443"));
    assert_false(connects("[fd00::/8]:443", "[fe12::1]:443"));
    assert_true(connects("[::1]:443", "[::1]:443"));
    assert_false(connects("[::1]:443", "[::2]:443"));
    assert_true(connects("1.2.3.4/32:1", "1.2.3.4:1"));
    assert_false(connects("1.2.3.4/32:1", "1.2.3.5:1"));
}

/* An IPv6 address that wraps an IPv4 one is no way around a rule, or into one. */
static void judges_mapped_addresses_as_v4(void **state)
{
    (void)state;
    assert_true(connects("127.0.0.1:80", "[::ffff:127.0.0.1]:80"));
    assert_false(connects("[::/0]:80", "[::ffff:127.0.0.1]:80"));
    assert_true(connects("[::ffff:10.0.0.0/104]:80", "10.9.9.9:80"));
    assert_true(listens("127.0.0.1:80", "[::ffff:127.0.0.1]:80"));
}

static void judges_any_as_loopback_in_connect(void **state)
{
    (void)state;
    assert_true(connects("127.0.0.1:80", "0.0.0.0:80"));
    assert_true(connects("[::1]:80", "[::]:80"));
    assert_false(connects("10.0.0.0/8:80", "0.0.0.0:80"));
    assert_false(connects("127.0.0.2:80", "0.0.0.0:80"));
    assert_true(connects("0.0.0.0:80", "0.0.0.0:80"));
    assert_true(connects("0.0.0.0:80", "127.0.0.1:80"));
    assert_false(connects("0.0.0.0:80", "10.0.0.1:80"));
    assert_true(connects("[::]:80", "[::1]:80"));
}

static void matches_unix_paths(void **state)
{
    (void)state;
    assert_true(listens("unix:/run/a", "unix:/run/a"));
    assert_false(listens("unix:/run/a", "unix:/run/ab"));
    assert_false(listens("unix:/run/a", "unix:/run/a/b"));
    assert_true(listens("unix:/run/app/", "unix:/run/app/b"));
    assert_true(listens("unix:/run/app/", "unix:/run/app/b/..c"));
    assert_false(listens("unix:/run/app/", "unix:/run/app/"));
    assert_false(listens("unix:/run/app/", "unix:/run/apple"));
    assert_false(listens("unix:/run/app/", "unix:/run/app/../x"));
    assert_false(listens("unix:/run/app/", "unix:/run/app/b/../../x"));
    assert_false(listens("unix:/run/app/", "unix:/run/app/b/.."));
    assert_true(connects("unix:/run/app/", "unix:/run/app/b"));
    struct policy policy;
    policy_init(&policy);
    assert_int_equal(policy_allow_connect(&policy, "1.2.3.4:5", NULL), 0);
    assert_false(policy_knows_unix(&policy));
    assert_int_equal(policy_allow_connect(&policy, "unix:/x", NULL), 0);
    assert_true(policy_knows_unix(&policy));
    policy_done(&policy);
}

static void knows_localhost(void **state)
{
    (void)state;
    assert_true(listens("localhost:80", "127.0.0.1:80"));
    assert_true(listens("localhost:80", "[::1]:80"));
    assert_false(listens("localhost:80", "127.0.0.2:80"));
    assert_true(connects("LocalHost:80", "[::1]:80"));
}

static void allows_what_a_name_became(void **state)
{
    (void)state;
    struct policy policy;
    policy_init(&policy);
    assert_int_equal(policy_allow_connect(&policy, "Example.org.:443", NULL), 0);
    assert_true(policy.allow_resolve);
    assert_true(policy_may_resolve(&policy, "example.org"));
    assert_true(policy_may_resolve(&policy, "EXAMPLE.ORG."));
    assert_false(policy_may_resolve(&policy, "www.example.org"));
    assert_false(policy_may_resolve(&policy, "example.org.."));
    assert_false(policy_may_resolve(&policy, "."));
    assert_false(policy_may_resolve(&policy, ""));

    struct net_address v4 = at("9.9.9.1:0");
    struct net_address right = at("9.9.9.1:443");
    struct net_address other_port = at("9.9.9.1:80");
    assert_false(policy_may_connect(&policy, &right));
    assert_int_equal(policy_note_resolved(&policy, "other.org", &v4), 0);
    assert_false(policy_may_connect(&policy, &right));
    assert_int_equal(policy_note_resolved(&policy, "example.org.", &v4), 0);
    assert_true(policy_may_connect(&policy, &right));
    assert_false(policy_may_connect(&policy, &other_port));
    struct net_address mapped = at("[::ffff:9.9.9.9]:0");
    struct net_address plain = at("9.9.9.9:443");
    assert_int_equal(policy_note_resolved(&policy, "example.org", &mapped), 0);
    assert_true(policy_may_connect(&policy, &plain));
    policy_done(&policy);
}

/* A name server cannot make the list grow without end. */
static void forgets_the_oldest_address_of_a_name(void **state)
{
    (void)state;
    struct policy policy;
    policy_init(&policy);
    assert_int_equal(policy_allow_connect(&policy, "example.org:443", NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t octets[4] = {9, 9, 9, (uint8_t)i};
        struct net_address address;
        net_address_set_v4(&address, octets, 0);
        assert_int_equal(policy_note_resolved(&policy, "example.org", &address), 0);
        assert_int_equal(policy_note_resolved(&policy, "example.org", &address), 0);
    }
    struct net_address newest = at("9.9.9.199:443");
    struct net_address oldest = at("9.9.9.0:443");
    assert_true(policy_may_connect(&policy, &newest));
    assert_false(policy_may_connect(&policy, &oldest));
    policy_done(&policy);
}

/* What a name server says opens no way into this network. */
static void a_name_reaches_public_addresses_only(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "10.0.0.1:443",        "127.0.0.1:443",         "169.254.169.254:443",    "[::1]:443",
        "[fd00:ec2::254]:443", "[::ffff:10.0.0.1]:443", "[64:ff9b::10.0.0.1]:443"};
    for (size_t i = 0; i < ARRAY_COUNT(inside); i++) {
        struct net_address address = at(inside[i]);
        struct policy policy;
        policy_init(&policy);
        assert_int_equal(policy_allow_connect(&policy, "one.test:443", NULL), 0);
        assert_int_equal(policy_note_resolved(&policy, "one.test", &address), 0);
        assert_false(policy_may_connect(&policy, &address));
        assert_int_equal(policy_allow_connect(&policy, "two.test:443,private", NULL), 0);
        assert_int_equal(policy_note_resolved(&policy, "two.test", &address), 0);
        assert_true(policy_may_connect(&policy, &address));
        policy_done(&policy);
    }
    struct policy policy;
    struct error err = {0};
    policy_init(&policy);
    assert_int_equal(policy_allow_listen(&policy, ":80,private", &err), -EINVAL);
    assert_int_equal(policy_allow_connect(&policy, "one.test:80,privat", &err), -EINVAL);
    assert_int_equal(policy_allow_connect(&policy, "one.test,private:80", &err), -EINVAL);
    policy_done(&policy);
}

static void quotes_a_bad_rule(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:9-8",
        "127.0.0.1:1-",
        "127.0.0.1:-1",
        "127.0.0.1:1-99999",
        "10.0.0.0/33:1",
        "10.0.0.0/:1",
        "10.0.0/8:1",
        "10.0.0.0/x:1",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[::1]x:80",
        "[::1/129]:80",
        "[::1/8]/8:80",
        "[10.0.0.1]:80",
        "[]:80",
        "unix:",
        "a b:80",
        "*.example.org:1",
        "-x:80",
        "1.2.3:80",
        "999.1.1.1:80",
        "a/b:80",
        "**:80",
        "127.0.0.1:http",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        for (int is_listen = 0; is_listen < 2; is_listen++) {
            struct policy policy;
            struct error err = {0};
            policy_init(&policy);
            int r = is_listen ? policy_allow_listen(&policy, bad[i], &err)
                              : policy_allow_connect(&policy, bad[i], &err);
            if (r != -EINVAL) {
                fail_msg("taken: %s", bad[i]);
            }
            assert_non_null(strstr(err.text, bad[i]));
            assert_non_null(strstr(err.text, is_listen ? "--allow-listen" : "--allow-connect"));
            assert_non_null(strstr(err.text, "ADDRESS:PORT"));
            assert_int_equal(policy.listen.count + policy.connect.count, 0);
            policy_done(&policy);
        }
    }
    struct policy policy;
    struct error err = {0};
    policy_init(&policy);
    assert_int_equal(policy_allow_listen(&policy, "example.org:80", &err), -EINVAL);
    assert_non_null(strstr(err.text, "numeric"));
    policy_done(&policy);
}

static void limits_the_number_of_rules(void **state)
{
    (void)state;
    struct policy policy;
    struct error err = {0};
    policy_init(&policy);
    int r = 0;
    int count = 0;
    while (r == 0 && count < 5000) {
        r = policy_allow_listen(&policy, "unix:/x", &err);
        count++;
    }
    assert_int_equal(r, -E2BIG);
    assert_int_equal(count, 1025);
    policy_done(&policy);
}

static void survives_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "[]:.*/-0123456789abcdefxun\x80 localhst";
    struct net_address probe = at("10.0.0.1:80");
    srand(11);
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
        (void)policy_allow_listen(&policy, text, &err);
        (void)policy_allow_connect(&policy, text, &err);
        (void)policy_may_listen(&policy, &probe);
        (void)policy_may_connect(&policy, &probe);
        policy_done(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denies_by_default),
        cmocka_unit_test(matches_ports),
        cmocka_unit_test(matches_any_address),
        cmocka_unit_test(matches_ranges),
        cmocka_unit_test(judges_mapped_addresses_as_v4),
        cmocka_unit_test(judges_any_as_loopback_in_connect),
        cmocka_unit_test(matches_unix_paths),
        cmocka_unit_test(knows_localhost),
        cmocka_unit_test(allows_what_a_name_became),
        cmocka_unit_test(forgets_the_oldest_address_of_a_name),
        cmocka_unit_test(a_name_reaches_public_addresses_only),
        cmocka_unit_test(quotes_a_bad_rule),
        cmocka_unit_test(limits_the_number_of_rules),
        cmocka_unit_test(survives_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
