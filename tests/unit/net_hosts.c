/* Names with given addresses. */
#include "net/hosts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

static void finds_names_as_dns_does(void **state)
{
    (void)state;
    struct hosts hosts = {0};
    char text[NET_ADDRESS_TEXT_MAX];
    uint32_t at = 0;
    assert_int_equal(hosts_add(&hosts, "One.test=127.0.0.1", NULL), 0);
    assert_int_equal(hosts_add(&hosts, "two.test.=::1", NULL), 0);
    assert_int_equal(hosts_add(&hosts, "one.test=[fd00::1]", NULL), 0);

    const struct host_entry *entry = hosts_next(&hosts, "one.TEST.", &at);
    assert_non_null(entry);
    assert_string_equal(net_address_print(&entry->address, text), "127.0.0.1:0");
    entry = hosts_next(&hosts, "one.TEST.", &at);
    assert_non_null(entry);
    assert_string_equal(net_address_print(&entry->address, text), "[fd00::1]:0");
    assert_null(hosts_next(&hosts, "one.TEST.", &at));

    static const char *const others[] = {"one.tes", "one.test2", "a.one.test",
                                         "",        ".",         "one.test.."};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        at = 0;
        assert_null(hosts_next(&hosts, others[i], &at));
    }
    at = 0;
    assert_non_null(hosts_next(&hosts, "two.test", &at));
    hosts_done(&hosts);
    assert_int_equal(hosts.count, 0);
}

static void quotes_a_bad_entry(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "a",
        "a=",         "=1.2.3.4",
        ".=1.2.3.4",  "a=b",
        "a=1.2.3",    "a=1.2.3.4:80",
        "a=[1.2.3.4", "a=[]",
        "a=[::1",     "a=::1%lo",
        "a= 1.2.3.4", "a=11111111111111111111111111111111111111111111111111111111"};
    struct hosts hosts = {0};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct error err = {0};
        assert_int_equal(hosts_add(&hosts, bad[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, bad[i]));
        assert_non_null(strstr(err.text, "NAME=ADDRESS"));
    }
    assert_int_equal(hosts.count, 0);
    hosts_done(&hosts);
}

static void has_a_limit(void **state)
{
    (void)state;
    struct hosts hosts = {0};
    int r = 0;
    for (int i = 0; r == 0 && i < 5000; i++) {
        r = hosts_add(&hosts, "a=1.2.3.4", NULL);
    }
    assert_int_equal(r, -E2BIG);
    assert_int_equal(hosts.count, 1024);
    hosts_done(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_as_dns_does),
        cmocka_unit_test(quotes_a_bad_entry),
        cmocka_unit_test(has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
