/* Ranges of addresses. */
#include "net/cidr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

/* Is `address`, as net_address_parse reads it, in `range`? */
static bool has(const char *range, const char *address)
{
    struct net_cidr cidr;
    struct net_address parsed;
    assert_int_equal(net_cidr_parse(range, &cidr), 0);
    assert_int_equal(net_address_parse(address, &parsed, NULL), 0);
    return net_cidr_has(&cidr, &parsed);
}

static void ranges_hold_what_begins_like_them(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255:1"));
    assert_false(has("10.0.0.0/8", "11.0.0.0:1"));
    assert_true(has("192.0.2.128/25", "192.0.2.200:1"));
    assert_false(has("192.0.2.128/25", "192.0.2.127:1"));
    assert_true(has("192.0.2.200/25", "192.0.2.129:1")); /* bits past the prefix do not count */
    assert_true(has("192.0.2.1", "192.0.2.1:1"));
    assert_false(has("192.0.2.1", "192.0.2.2:1"));
    assert_true(has("0.0.0.0/0", "255.1.2.3:1"));
    assert_true(has("fd00::/8", "[fdff::1]:1"));
    assert_false(has("fd00::/8", "[fe00::1]:1"));
    assert_true(has("::/0", "[2001:db8::1]:1"));
    assert_true(has("2001:db8::1", "[2001:db8::1]:1"));
    assert_false(has("2001:db8::/127", "[2001:db8::2]:1"));
}

static void families_are_apart_and_mapped_ones_are_ipv4(void **state)
{
    (void)state;
    assert_false(has("0.0.0.0/0", "[::1]:1"));
    assert_false(has("::/0", "127.0.0.1:1"));
    assert_false(has("::/0", "[::ffff:127.0.0.1]:1"));
    assert_true(has("127.0.0.0/8", "[::ffff:127.0.0.1]:1"));
    assert_true(has("::ffff:127.0.0.0/104", "127.9.9.9:1"));
    assert_true(has("::ffff:1.2.3.4", "1.2.3.4:1"));
    assert_false(has("0.0.0.0/0", "unix:/run/s"));
    assert_false(has("::/0", "unix:/run/s"));
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0/8",
        "::/129",
        "::1/x",
        "10.0.0.0/8/8",
        "localhost",
        "10.0.0.0:80",
        "[::1]",
        "fe80::1%lo",
        " 10.0.0.1",
        "10.0.0.1 ",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/1"};
    struct net_cidr cidr;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(net_cidr_parse(bad[i], &cidr), -EINVAL);
    }
}

static void no_address_is_in_no_range(void **state)
{
    struct net_cidr cidr;
    struct net_address none = {.len = 0};
    (void)state;
    assert_int_equal(net_cidr_parse("0.0.0.0/0", &cidr), 0);
    assert_false(net_cidr_has(&cidr, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_hold_what_begins_like_them),
        cmocka_unit_test(families_are_apart_and_mapped_ones_are_ipv4),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(no_address_is_in_no_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
