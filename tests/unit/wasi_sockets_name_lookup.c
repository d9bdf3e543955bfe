/* wasi:sockets/ip-name-lookup: addresses, names of every form, several lookups at once, failures, the
 * policy, and streams that are dropped too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_dns.h"
#include "fake_sockets.h"
#include "net/names.h"

struct fixture {
    struct fake_component *f;
    struct fake_dns *dns;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    x->f = fake_component_new();
    x->f->max_wait_ms = 10000;
    x->f->guest.policy.allow_all = true;
    x->dns = fake_dns_new(x->f->loop);
    assert_int_equal(names_new(x->f->loop, &x->f->guest.names), 0);
    assert_int_equal(names_set_servers(x->f->guest.names, fake_dns_address(x->dns)), 0);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    fake_dns_free(x->dns);
    fake_component_free(x->f);
    free(x);
    return 0;
}

static int begin(struct fake_component *f, const char *name)
{
    return sockets_call(f, &wasi_sockets_ip_name_lookup, "resolve-addresses",
                        NUMBER(fake_network(f)), TEXT(name));
}

static uint32_t begun(struct fake_component *f, const char *name)
{
    assert_int_equal(begin(f, name), OK);
    return (uint32_t)f->results[1].number;
}

static int next(struct fake_component *f, uint32_t stream)
{
    return sockets_call(f, &wasi_sockets_ip_name_lookup,
                        "[method]resolve-address-stream.resolve-next-address", NUMBER(stream));
}

static uint32_t subscribe(struct fake_component *f, uint32_t stream)
{
    return fake_subscribe(f, &wasi_sockets_ip_name_lookup,
                          "[method]resolve-address-stream.subscribe", stream);
}

static void drop(struct fake_component *f, uint32_t stream)
{
    assert_int_equal(
        fake_component_drop(f, &wasi_sockets_ip_name_lookup, "resolve-address-stream", stream), 0);
}

/* Wait, then what the first call says. */
static int answer(struct fake_component *f, uint32_t stream)
{
    uint32_t pollable = subscribe(f, stream);
    fake_block(f, pollable);
    fake_drop_pollable(f, pollable);
    return next(f, stream);
}

static void expect_v4(struct fake_component *f, int a, int b, int c, int d)
{
    const int slots[] = {0, 1, 0, a, b, c, d};
    for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
        assert_int_equal(f->results[i].number, slots[i]);
    }
}

static void expect_v6(struct fake_component *f, int first, int second, int last)
{
    const int slots[] = {0, 1, 1, first, second, 0, 0, 0, 0, 0, last};
    for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
        assert_int_equal(f->results[i].number, slots[i]);
    }
}

static void expect_none(struct fake_component *f, uint32_t stream)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next(f, stream), OK);
        assert_int_equal(f->results[1].number, 0);
    }
}

/* -- addresses -------------------------------------------------------------------------------- */

static void addresses_are_answered_as_they_are(void **state)
{
    struct fixture *x = *state;
    x->f->guest.policy.allow_all = false; /* nobody is asked */
    uint32_t stream = begun(x->f, "192.0.2.1");
    assert_true(fake_is_ready(x->f, subscribe(x->f, stream)));
    assert_int_equal(next(x->f, stream), OK);
    expect_v4(x->f, 192, 0, 2, 1);
    expect_none(x->f, stream);
    assert_int_equal(next(x->f, begun(x->f, "2001:db8::6")), OK);
    expect_v6(x->f, 0x2001, 0xdb8, 6);
    assert_int_equal(next(x->f, begun(x->f, "[::1]")), OK);
    expect_v6(x->f, 0, 0, 1);
    assert_int_equal(next(x->f, begun(x->f, "::ffff:192.0.2.7")), OK);
    expect_v4(x->f, 192, 0, 2, 7); /* never in the form of an IPv6 one */
    assert_int_equal(next(x->f, begun(x->f, "0.0.0.0")), OK);
    expect_v4(x->f, 0, 0, 0, 0);
    assert_int_equal(fake_dns_count(x->dns), 0);
}

static void what_is_no_name(void **state)
{
    static const char *const names[] = {
        "",
        " ",
        "a b",
        "a.b<&>",
        "127.0.0.1:80",
        "[::]:80",
        "[1.2.3.4]",
        "[::1",
        "http://a.b/",
        "a..b",
        ".",
        "a..",
        ".a",
        "user@host",
        "a/b",
        "%61",
        "a\tb",
        "a\x7f",
        "1.2.3",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "1.2.3.4.5",
        "a.0x1F",
        "1.2.3.256",
        "fe80::1%eth0",
        "::1.",
        "01.2.3.4",
        "\xc3\xa4 b",
    };
    struct fixture *x = *state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        int code = begin(x->f, names[i]);
        if (code != SOCKETS_INVALID_ARGUMENT) {
            fail_msg("\"%s\" gives %d", names[i], code);
        }
    }
    assert_int_equal(sockets_call(x->f, &wasi_sockets_ip_name_lookup, "resolve-addresses",
                                  NUMBER(fake_network(x->f)), BYTES("a\0b", 3)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(fake_dns_count(x->dns), 0);
}

static void the_longest_names(void **state)
{
    struct fixture *x = *state;
    char name[300];
    memset(name, 'a', sizeof name);
    name[63] = '.';
    name[127] = '.';
    name[191] = '.';
    name[253] = '\0';
    assert_int_equal(answer(x->f, begun(x->f, name)), SOCKETS_NAME_UNRESOLVABLE);
    name[253] = '.'; /* the root's */
    name[254] = '\0';
    assert_int_equal(answer(x->f, begun(x->f, name)), SOCKETS_NAME_UNRESOLVABLE);
    name[253] = 'a';
    assert_int_equal(begin(x->f, name), SOCKETS_INVALID_ARGUMENT);
    name[64] = '\0';
    name[63] = 'a';
    assert_int_equal(begin(x->f, name), SOCKETS_INVALID_ARGUMENT); /* a label of 64 */
}

/* -- names ------------------------------------------------------------------------------------ */

static void a_name_of_several_addresses(void **state)
{
    struct fixture *x = *state;
    uint32_t stream = begun(x->f, "Two.Test");
    assert_int_equal(next(x->f, stream), SOCKETS_WOULD_BLOCK);
    uint32_t pollable = subscribe(x->f, stream);
    assert_false(fake_is_ready(x->f, pollable));
    assert_int_equal(answer(x->f, stream), OK);
    expect_v4(x->f, 192, 0, 2, 1);
    assert_true(fake_is_ready(x->f, pollable));
    assert_int_equal(next(x->f, stream), OK);
    expect_v4(x->f, 192, 0, 2, 2);
    assert_int_equal(next(x->f, stream), OK);
    expect_v6(x->f, 0x2001, 0xdb8, 1);
    expect_none(x->f, stream);
}

static void names_of_each_form(void **state)
{
    static const char *const names[] = {"one.test", "ONE.TEST", "one.test.", "alias.test"};
    struct fixture *x = *state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(answer(x->f, begun(x->f, names[i])), OK);
        expect_v4(x->f, 192, 0, 2, 1);
    }
    assert_int_equal(answer(x->f, begun(x->f, "_dash-.x_y.test")), SOCKETS_NAME_UNRESOLVABLE);
}

static void names_in_unicode(void **state)
{
    struct fixture *x = *state;
    int code = begin(x->f, "m\xc3\xbcnchen.test");
    if (code == SOCKETS_NOT_SUPPORTED) {
        skip(); /* no libidn2 here */
    }
    assert_int_equal(code, OK);
    assert_int_equal(answer(x->f, (uint32_t)x->f->results[1].number), SOCKETS_NAME_UNRESOLVABLE);
    assert_int_equal(answer(x->f, begun(x->f, "\xef\xbd\x8fne.test")), OK); /* a full-width o */
    expect_v4(x->f, 192, 0, 2, 1);
    /* Digits in disguise are an address, and judged as one. */
    assert_int_equal(next(x->f, begun(x->f, "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1")), OK);
    expect_v4(x->f, 127, 0, 0, 1);
    assert_int_equal(begin(x->f, "a\xef\xbc\x8f"
                                 "b.test"),
                     SOCKETS_INVALID_ARGUMENT); /* a slash */
}

static void failures(void **state)
{
    struct fixture *x = *state;
    uint32_t stream = begun(x->f, "nobody.test");
    assert_int_equal(answer(x->f, stream), SOCKETS_NAME_UNRESOLVABLE);
    assert_int_equal(next(x->f, stream), SOCKETS_NAME_UNRESOLVABLE);
    assert_int_equal(answer(x->f, begun(x->f, "broken.test")), SOCKETS_TEMPORARY_RESOLVER_FAILURE);
}

static void several_at_once(void **state)
{
    struct fixture *x = *state;
    uint32_t streams[8];
    uint32_t pollables[8];
    for (size_t i = 0; i < ARRAY_COUNT(streams); i++) {
        streams[i] = begun(x->f, i % 2 == 0 ? "one.test" : "six.test");
        pollables[i] = subscribe(x->f, streams[i]);
    }
    drop(x->f, streams[7]); /* before its answer */
    assert_true(fake_is_ready(x->f, pollables[7]));
    for (size_t i = 0; i < 7; i++) {
        fake_block(x->f, pollables[i]);
        assert_int_equal(next(x->f, streams[i]), OK);
        if (i % 2 == 0) {
            expect_v4(x->f, 192, 0, 2, 1);
        } else {
            expect_v6(x->f, 0x2001, 0xdb8, 6);
        }
    }
}

static void lookups_are_limited(void **state)
{
    struct fixture *x = *state;
    uint32_t first = begun(x->f, "silent.test");
    for (int i = 1; i < SOCKETS_LOOKUPS_MAX; i++) {
        (void)begun(x->f, "silent.test");
        fake_turn(x->f); /* let the server's buffer not run over */
    }
    assert_int_equal(begin(x->f, "one.test"), SOCKETS_TEMPORARY_RESOLVER_FAILURE);
    assert_int_equal(next(x->f, begun(x->f, "192.0.2.1")), OK); /* asks nobody */
    drop(x->f, first);
    assert_int_equal(answer(x->f, begun(x->f, "one.test")), OK);
    /* The others end with the guest. */
}

/* -- the policy ------------------------------------------------------------------------------- */

static void names_are_denied_by_default(void **state)
{
    struct fixture *x = *state;
    x->f->guest.policy.allow_all = false;
    assert_int_equal(begin(x->f, "one.test"), SOCKETS_ACCESS_DENIED);
    assert_string_equal(x->f->report,
                        "refused: look up one.test; to allow it: --allow-connect one.test:*");
    assert_int_equal(fake_dns_count(x->dns), 0);
}

static void connects_by_name(struct fake_component *f, const char *rule, int expected)
{
    struct error err;
    uint32_t network = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(policy_allow_connect(&f->guest.policy, rule, &err), 0);
    assert_int_equal(answer(f, begun(f, "local.test")), OK);
    expect_v4(f, 127, 0, 0, 1);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(network), LOOPBACK(9)), expected);
}

/* A name that stands for an address of this network opens no way to it, unless the rule says so. */
static void an_allowed_name_does_not_lead_inside(void **state)
{
    struct fixture *x = *state;
    struct error err;
    x->f->guest.policy.allow_all = false;
    assert_int_equal(names_add_host(x->f->guest.names, "local.test=127.0.0.1", &err), 0);
    connects_by_name(x->f, "local.test:9", SOCKETS_ACCESS_DENIED);
    connects_by_name(x->f, "local.test:9,private", OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_are_answered_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_names, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_of_several_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_each_form, setup, teardown),
        cmocka_unit_test_setup_teardown(names_in_unicode, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(several_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lookups_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_denied_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(an_allowed_name_does_not_lead_inside, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
