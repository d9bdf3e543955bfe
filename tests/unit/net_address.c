/* Addresses as text and bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "net/address.h"

static void assert_round(const char *text, const char *printed)
{
    struct net_address address;
    struct error err = {0};
    char out[NET_ADDRESS_TEXT_MAX];
    if (net_address_parse(text, &address, &err) != 0) {
        fail_msg("%s: %s", text, err.text);
    }
    assert_string_equal(net_address_print(&address, out), printed);
    struct net_address again;
    assert_int_equal(net_address_parse(out, &again, &err), 0);
    assert_int_equal(again.len, address.len);
    assert_memory_equal(&again.u, &address.u, address.len);
}

static void parses_and_prints(void **state)
{
    (void)state;
    assert_round("127.0.0.1:8080", "127.0.0.1:8080");
    assert_round("localhost:80", "127.0.0.1:80");
    assert_round(":8080", "0.0.0.0:8080");
    assert_round("*:0", "0.0.0.0:0");
    assert_round("255.255.255.255:65535", "255.255.255.255:65535");
    assert_round("[::1]:80", "[::1]:80");
    assert_round("[::]:0", "[::]:0");
    assert_round("[2001:db8:0:0:0:0:0:1]:443", "[2001:db8::1]:443");
    assert_round("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1");
    assert_round("unix:/run/app.sock", "unix:/run/app.sock");
    assert_round("unix:a:b", "unix:a:b");
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:1 ",
        "127.0.0.1:0x10",
        "127.0.0.1:http",
        "127.0.0.1:99999999999999999999999",
        "127.0.0.1.1:80",
        "127.1:80",
        "0127.0.0.1:80",
        "256.0.0.1:80",
        "example.org:80",
        "::1:80",
        "::1",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "[]:80",
        "[:80",
        "[127.0.0.1]:80",
        "[fe80::1%lo]:80",
        "[::1]]:80",
        "unix:",
        "10.0.0.0/8:80",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct net_address address;
        struct error err = {0};
        if (net_address_parse(bad[i], &address, &err) != -EINVAL) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_non_null(strstr(err.text, bad[i]));
        assert_non_null(strstr(err.text, "HOST:PORT"));
        assert_int_equal(net_address_parse(bad[i], &address, /* err */ NULL), -EINVAL);
    }
}

static void refuses_long_texts(void **state)
{
    (void)state;
    struct net_address address;
    struct error err = {0};
    char text[8192];
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + sizeof text - 4, ":80", 4);
    assert_int_equal(net_address_parse(text, &address, &err), -EINVAL);
    text[0] = '[';
    assert_int_equal(net_address_parse(text, &address, &err), -EINVAL);
    memcpy(text, "unix:", 5);
    assert_int_equal(net_address_parse(text, &address, &err), -EINVAL);
    text[5 + 107] = '\0';
    assert_int_equal(net_address_parse(text, &address, &err), 0);
    text[5 + 107] = '1';
    text[5 + 108] = '\0';
    assert_int_equal(net_address_parse(text, &address, &err), -EINVAL);
    assert_non_null(strstr(err.text, "107"));
}

static void unix_paths(void **state)
{
    (void)state;
    struct net_address address;
    char out[NET_ADDRESS_TEXT_MAX];
    char path[200];
    memset(path, 'p', sizeof path);
    assert_int_equal(net_address_set_unix(&address, path, 108), -ENAMETOOLONG);
    assert_int_equal(net_address_set_unix(&address, path, sizeof path), -ENAMETOOLONG);
    assert_int_equal(net_address_set_unix(&address, path, 107), 0);
    assert_int_equal(address.u.any.sa_family, AF_UNIX);
    assert_int_equal(strlen(net_address_print(&address, out)), 5 + 107);
    assert_int_equal(net_address_port(&address), 0);
    /* A NUL ends the path: no abstract names. */
    assert_int_equal(net_address_set_unix(&address, "a\0b", 3), 0);
    assert_string_equal(net_address_print(&address, out), "unix:a");
    assert_int_equal(net_address_set_unix(&address, "\0b", 2), 0);
    assert_string_equal(net_address_print(&address, out), "unix:");
    /* The operator's terminal gets no control bytes. */
    assert_int_equal(net_address_set_unix(&address, "a\x1b[31m\n", 7), 0);
    assert_string_equal(net_address_print(&address, out), "unix:a?[31m?");
}

static void hosts_stand_alone(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"10.1.2.3:99", "10.1.2.3"},
                                          {"[2001:db8::1]:443", "2001:db8::1"},
                                          {"[::ffff:255.255.255.255]:1", "::ffff:255.255.255.255"},
                                          {"unix:a", ""}};
    struct net_address address;
    char out[NET_ADDRESS_HOST_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(net_address_parse(rows[i][0], &address, NULL), 0);
        assert_string_equal(net_address_print_host(&address, out), rows[i][1]);
    }
    address.len = 0;
    assert_string_equal(net_address_print_host(&address, out), "");
}

static void unmaps(void **state)
{
    (void)state;
    struct net_address address;
    char out[NET_ADDRESS_TEXT_MAX];
    assert_int_equal(net_address_parse("[::ffff:10.1.2.3]:99", &address, NULL), 0);
    net_address_unmap(&address);
    assert_string_equal(net_address_print(&address, out), "10.1.2.3:99");
    net_address_unmap(&address);
    assert_string_equal(net_address_print(&address, out), "10.1.2.3:99");
    assert_int_equal(net_address_parse("[::10.1.2.3]:99", &address, NULL), 0);
    net_address_unmap(&address);
    assert_int_equal(address.u.any.sa_family, AF_INET6);
    memset(&address, 0, sizeof address);
    net_address_unmap(&address);
    assert_int_equal(net_address_port(&address), 0);
    assert_string_equal(net_address_print(&address, out), "");
}

static void tells_addresses_from_names(void **state)
{
    (void)state;
    assert_true(net_address_is_numeric("127.0.0.1"));
    assert_true(net_address_is_numeric("::1"));
    assert_false(net_address_is_numeric("[::1]"));
    assert_false(net_address_is_numeric("127.0.0.1:80"));
    assert_false(net_address_is_numeric("127.1"));
    assert_false(net_address_is_numeric("localhost"));
    assert_false(net_address_is_numeric(""));
}

/* Whatever the bytes: an answer, and what is taken can be printed and read again. */
static void survives_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "[]:.*/0123456789abcdefux%-\x80\x01 localhstni";
    srand(7);
    for (int round = 0; round < 200000; round++) {
        char text[48];
        size_t len = (size_t)rand() % (sizeof text - 1);
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        }
        text[len] = '\0';
        if (round % 4 == 0 && len > 4) {
            memcpy(text + len - 3, ":80", 3);
        }
        struct net_address address;
        char out[NET_ADDRESS_TEXT_MAX];
        struct error err = {0};
        if (net_address_parse(text, &address, &err) == 0) {
            net_address_print(&address, out);
            assert_true(strchr(out, '?') != NULL || net_address_parse(out, &address, &err) == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_prints),          cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_long_texts),         cmocka_unit_test(unix_paths),
        cmocka_unit_test(hosts_stand_alone),          cmocka_unit_test(unmaps),
        cmocka_unit_test(tells_addresses_from_names), cmocka_unit_test(survives_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
