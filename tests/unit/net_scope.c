/* Which addresses are public. */
#include "net/scope.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

static struct net_address at(const char *text)
{
    struct net_address address;
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        net_address_set_v4(&address, octets, 80);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, octets), 1);
        net_address_set_v6(&address, octets, 80);
    }
    return address;
}

static void says_what_an_address_is(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *words;
    } rows[] = {
        {"127.0.0.1", "the loopback"},
        {"127.255.255.255", "the loopback"},
        {"10.1.2.3", "a private address"},
        {"172.16.0.1", "a private address"},
        {"172.31.255.255", "a private address"},
        {"192.168.0.1", "a private address"},
        {"100.64.0.1", "a private address"},
        {"100.127.255.255", "a private address"},
        {"100.100.100.200", "a cloud's metadata service"},
        {"169.254.169.254", "a cloud's metadata service"},
        {"168.63.129.16", "a cloud's metadata service"},
        {"192.0.0.192", "a cloud's metadata service"},
        {"169.254.0.1", "a link-local address"},
        {"0.0.0.0", "this machine or network"},
        {"0.1.2.3", "this machine or network"},
        {"192.0.2.1", "a reserved address"},
        {"198.18.0.1", "a reserved address"},
        {"198.19.255.255", "a reserved address"},
        {"198.51.100.1", "a reserved address"},
        {"203.0.113.1", "a reserved address"},
        {"224.0.0.1", "a multicast address"},
        {"239.255.255.255", "a multicast address"},
        {"240.0.0.1", "a reserved address"},
        {"255.255.255.255", "a reserved address"},
        {"::1", "the loopback"},
        {"::", "this machine"},
        {"::ffff:127.0.0.1", "the loopback"},
        {"::ffff:10.0.0.1", "a private address"},
        {"::127.0.0.1", "a reserved address"},
        {"64:ff9b::127.0.0.1", "the loopback"},
        {"64:ff9b::10.0.0.1", "a private address"},
        {"64:ff9b::169.254.169.254", "a cloud's metadata service"},
        {"64:ff9b:1::8.8.8.8", "a reserved address"},
        {"fd00:ec2::254", "a cloud's metadata service"},
        {"fc00::1", "a private address"},
        {"fdff::1", "a private address"},
        {"fe80::1", "a link-local address"},
        {"febf::1", "a link-local address"},
        {"fec0::1", "a private address"},
        {"ff02::1", "a multicast address"},
        {"2001:db8::1", "a reserved address"},
        {"2001::1", "a reserved address"},
        {"2001:2::1", "a reserved address"},
        {"2002:7f00:1::", "a reserved address"},
        {"3fff::1", "a reserved address"},
        {"100::1", "a reserved address"},
        {"5f00::1", "a reserved address"},
        {"4000::1", "a reserved address"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct net_address address = at(rows[i].address);
        const char *words = net_address_scope(&address);
        if (words == NULL || strcmp(words, rows[i].words) != 0) {
            fail_msg("%s is %s", rows[i].address, words != NULL ? words : "public");
        }
        assert_int_equal(net_address_is_loopback(&address),
                         strcmp(rows[i].words, "the loopback") == 0);
    }
}

static void leaves_the_internet_alone(void **state)
{
    (void)state;
    static const char *const public[] = {
        "1.1.1.1",          "8.8.8.8",         "9.255.255.255",        "11.0.0.0",
        "100.63.255.255",   "100.128.0.0",     "126.255.255.255",      "128.0.0.1",
        "169.253.255.255",  "169.255.0.0",     "172.15.255.255",       "172.32.0.0",
        "168.63.129.17",    "192.0.1.0",       "192.167.255.255",      "192.169.0.0",
        "198.17.255.255",   "198.20.0.0",      "223.255.255.255",      "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888", "2001:200::1",
        "2a00:1450::1",     "3ffe::1",
    };
    for (size_t i = 0; i < ARRAY_COUNT(public); i++) {
        struct net_address address = at(public[i]);
        if (net_address_scope(&address) != NULL) {
            fail_msg("%s is %s", public[i], net_address_scope(&address));
        }
        assert_false(net_address_is_loopback(&address));
    }
}

static void knows_no_other_families(void **state)
{
    (void)state;
    struct net_address address = {0};
    assert_non_null(net_address_scope(&address));
    assert_int_equal(net_address_set_unix(&address, "/x", 2), 0);
    assert_non_null(net_address_scope(&address));
    assert_false(net_address_is_loopback(&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_an_address_is),
        cmocka_unit_test(leaves_the_internet_alone),
        cmocka_unit_test(knows_no_other_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
