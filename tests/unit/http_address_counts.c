/* Connections by address: who shares a count, the limit, and no memory.
 *
 * Wraps: calloc */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http/address_counts.h"

enum { MANY = 20000 };

void *__real_calloc(size_t count, size_t len);
void *__wrap_calloc(size_t count, size_t len);

static bool has_no_memory;

void *__wrap_calloc(size_t count, size_t len)
{
    return has_no_memory ? NULL : __real_calloc(count, len);
}

static struct net_address v4(uint32_t number, uint16_t port)
{
    struct net_address address = {0};
    const uint8_t octets[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                               (uint8_t)(number >> 8), (uint8_t)number};
    net_address_set_v4(&address, octets, port);
    return address;
}

static struct net_address v6(const char *text)
{
    struct net_address address = {0};
    struct error err = {0};
    assert_int_equal(net_address_parse(text, &address, &err), 0);
    return address;
}

static void test_limit(void **state)
{
    (void)state;
    struct address_counts *counts = NULL;
    assert_int_equal(address_counts_new(2, &counts), 0);
    struct net_address a = v4(0x7f000001, 1);
    struct net_address same = v4(0x7f000001, 2);
    struct net_address other = v4(0x7f000002, 1);
    assert_true(address_counts_add(counts, &a));
    assert_true(address_counts_add(counts, &same)); /* the port is no matter */
    assert_false(address_counts_add(counts, &a));
    assert_false(address_counts_add(counts, &same));
    assert_true(address_counts_add(counts, &other));
    address_counts_remove(counts, &same);
    assert_true(address_counts_add(counts, &a));
    assert_false(address_counts_add(counts, &a));
    for (int i = 0; i < 2; i++) {
        address_counts_remove(counts, &a);
    }
    address_counts_remove(counts, &a); /* one too many is no harm */
    address_counts_remove(counts, &other);
    assert_true(address_counts_add(counts, &a));
    address_counts_free(counts); /* with what is counted */
}

/* By /64; and what is an IPv4 address in an IPv6 one is that. */
static void test_v6(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_same;
    } rows[] = {
        {"[2001:db8::1]:1", "[2001:db8::2]:1", true},
        {"[2001:db8::1]:1", "[2001:db8::ffff:ffff:ffff:ffff]:9", true},
        {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
        {"[::ffff:192.0.2.1]:1", "192.0.2.1:1", true},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
        {"[c000:201::1]:1", "192.0.2.1:1", false}, /* the same bytes, another family */
        {"[::]:1", "0.0.0.0:1", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct address_counts *counts = NULL;
        struct net_address a = v6(rows[i].a);
        struct net_address b = v6(rows[i].b);
        assert_int_equal(address_counts_new(1, &counts), 0);
        assert_true(address_counts_add(counts, &a));
        assert_int_equal(address_counts_add(counts, &b), !rows[i].is_same);
        address_counts_free(counts);
    }
}

static void test_unix(void **state)
{
    (void)state;
    struct address_counts *counts = NULL;
    struct net_address local = {0};
    assert_int_equal(net_address_set_unix(&local, "/a", 2), 0);
    assert_int_equal(address_counts_new(1, &counts), 0);
    for (int i = 0; i < 5; i++) {
        assert_true(address_counts_add(counts, &local));
    }
    struct net_address none = {0};
    assert_true(address_counts_add(counts, &none));
    address_counts_remove(counts, &local);
    address_counts_free(counts);
}

/* More addresses than buckets: each has its own count, and nothing is left when all have gone. */
static void test_many(void **state)
{
    (void)state;
    struct address_counts *counts = NULL;
    assert_int_equal(address_counts_new(1, &counts), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        struct net_address a = v4(0x0a000000 + i * 7, 1);
        assert_true(address_counts_add(counts, &a));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct net_address a = v4(0x0a000000 + i * 7, 1);
        assert_false(address_counts_add(counts, &a));
        address_counts_remove(counts, &a);
        assert_true(address_counts_add(counts, &a));
        address_counts_remove(counts, &a);
    }
    address_counts_free(counts);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct address_counts *counts = NULL;
    struct net_address a = v4(0x7f000001, 1);
    struct net_address b = v4(0x7f000002, 1);
    has_no_memory = true;
    assert_int_equal(address_counts_new(1, &counts), -ENOMEM);
    has_no_memory = false;
    assert_null(counts);
    assert_int_equal(address_counts_new(2, &counts), 0);
    assert_true(address_counts_add(counts, &a));
    has_no_memory = true;
    assert_false(address_counts_add(counts, &b));
    assert_true(address_counts_add(counts, &a)); /* it is counted already */
    address_counts_remove(counts, &b);
    has_no_memory = false;
    assert_true(address_counts_add(counts, &b));
    address_counts_free(counts);
    address_counts_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit), cmocka_unit_test(test_v6),        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_many),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
