/* WasmEdge's sock_getaddrinfo: the chain in guest memory, byte for byte. */
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
#include "fake_call.h"
#include "fake_dns.h"
#include "imports/wasmedge_sockets/wasmedge.h"
#include "net/names.h"

enum {
    NODE = 64,
    SERVICE = 400,
    HINTS = 512,
    HEAD = 600,
    COUNT = 604,
    ENTRIES = 1024,   /* 28 bytes each */
    ENTRY_STEP = 256, /* entry, sockaddr at 32, data at 64, name at 128 */
    MARK = 0xcc,
    LAST = FAKE_MEMORY_LEN,
};

struct fixture {
    struct fake_guest *f;
    struct fake_dns *dns;
};

static int make(void **state)
{
    static struct fixture x;
    x.f = fake_guest_new();
    x.f->max_wait_ms = 10000;
    x.f->guest.policy.allow_all = true;
    x.dns = fake_dns_new(x.f->loop);
    assert_int_equal(names_new(x.f->loop, &x.f->guest.names), 0);
    assert_int_equal(names_set_servers(x.f->guest.names, fake_dns_address(x.dns)), 0);
    *state = &x;
    return 0;
}

static int done(void **state)
{
    struct fixture *x = *state;
    fake_dns_free(x->dns);
    fake_guest_free(x->f);
    return 0;
}

static uint32_t entry(uint32_t index)
{
    return ENTRIES + index * ENTRY_STEP;
}

/* A chain of `count` entries as Rust's library makes it. */
static void put_chain(struct fake_guest *f, uint32_t count)
{
    fake_fill(f, ENTRIES, MARK, 16 * ENTRY_STEP);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = entry(i);
        fake_put_u32(f, at + 12, at + 32);  /* ai_addr */
        fake_put_u32(f, at + 16, at + 128); /* ai_canonname */
        fake_put_u32(f, at + 20, 30);       /* ai_canonname_len */
        fake_put_u32(f, at + 24, i + 1 < count ? entry(i + 1) : 0);
        fake_put_u32(f, at + 32 + 4, 14);      /* sa_data_len */
        fake_put_u32(f, at + 32 + 8, at + 64); /* sa_data */
    }
    fake_put_u32(f, HEAD, entry(0));
    fake_put_u32(f, COUNT, 0xcccccccc);
}

static void put_hints(struct fake_guest *f, unsigned flags, unsigned family, unsigned type,
                      unsigned protocol)
{
    uint8_t raw[28] = {(uint8_t)flags, (uint8_t)(flags >> 8), (uint8_t)family, (uint8_t)type,
                       (uint8_t)protocol};
    fake_put(f, HINTS, raw, sizeof raw);
}

static int32_t ask(struct fake_guest *f, const char *node, const char *service, uint32_t max)
{
    uint32_t node_len = node != NULL ? fake_text(f, NODE, node) : 0;
    uint32_t service_len = service != NULL ? fake_text(f, SERVICE, service) : 0;
    return fake_call(f, &wasmedge_addrinfo, "sock_getaddrinfo", NODE, node_len, SERVICE,
                     service_len, HINTS, HEAD, max, COUNT);
}

/* -- results ---------------------------------------------------------------------------------- */

static void a_numeric_address(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 2);
    put_hints(f, 0, 1, 2, 1);
    assert_int_equal(ask(f, "192.0.2.1", "8080", 2), WASI_ESUCCESS);
    assert_int_equal(f->waits, 1);
    fake_assert_bytes(f, COUNT, "\1\0\0\0", 4);
    static const uint8_t first[] = {
        0,  0, 1, 2, 1, 0, 0, 0, /* flags, family, type, protocol */
        16, 0, 0, 0,             /* addrlen */
    };
    fake_assert_bytes(f, entry(0), first, sizeof first);
    assert_int_equal(fake_u32(f, entry(0) + 12), entry(0) + 32);
    assert_int_equal(fake_u32(f, entry(0) + 16), entry(0) + 128);
    assert_int_equal(fake_u32(f, entry(0) + 20), 30);
    assert_int_equal(fake_u32(f, entry(0) + 24), entry(1)); /* the chain is not cut */
    assert_int_equal(fake_u8(f, entry(0) + 32), 1);
    assert_int_equal(fake_u32(f, entry(0) + 36), 14);
    static const uint8_t data[15] = {0x1f, 0x90, 192, 0, 2, 1, [14] = MARK};
    fake_assert_bytes(f, entry(0) + 64, data, sizeof data);
    assert_int_equal(fake_u8(f, entry(0) + 128), MARK); /* no name was asked for */
    /* What is behind the last result keeps its content. */
    fake_assert_bytes(f, entry(1), "\xcc\xcc\xcc\xcc", 4);
    assert_int_equal(fake_u32(f, entry(1) + 36), 14);
}

static void lengths_may_count_the_nul(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 1);
    put_hints(f, 0, 0, 0, 0);
    fake_put(f, NODE, "192.0.2.1\0\0\0", 12);
    fake_put(f, SERVICE, "80\0", 3);
    assert_int_equal(fake_call(f, &wasmedge_addrinfo, "sock_getaddrinfo", NODE, 12, SERVICE, 3,
                               HINTS, HEAD, 1, COUNT),
                     WASI_ESUCCESS);
    fake_assert_bytes(f, entry(0) + 64, "\0\x50\xc0\0\2\1", 6);
    fake_assert_bytes(f, entry(0) + 2, "\1\2\1", 3); /* ANY becomes a TCP stream */
}

static void ipv6_where_the_dialect_reads_it(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 1);
    put_hints(f, 0, 2, 1, 0);
    assert_int_equal(ask(f, "2001:db8::1", "443", 1), WASI_ESUCCESS);
    static const uint8_t wasmedge[27] = {1,    0xbb, 0,    0,    0,        0,
                                         0x20, 1,    0x0d, 0xb8, [21] = 1, [26] = MARK};
    fake_assert_bytes(f, entry(0) + 64, wasmedge, sizeof wasmedge);
    fake_assert_bytes(f, entry(0) + 2, "\2\1\2\0\0\0\x1c\0\0\0", 10);
    assert_int_equal(fake_u8(f, entry(0) + 32), 2);
    assert_int_equal(fake_u32(f, entry(0) + 36), 26);
    f->guest.dialect_flags = DIALECT_V6_AT_2;
    put_chain(f, 1);
    assert_int_equal(ask(f, "2001:db8::1", "443", 1), WASI_ESUCCESS);
    static const uint8_t go[27] = {1, 0xbb, 0x20, 1, 0x0d, 0xb8, [17] = 1, [26] = MARK};
    fake_assert_bytes(f, entry(0) + 64, go, sizeof go);
}

static void several_results_ipv4_first(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 8);
    put_hints(f, 2, 0, 2, 1); /* with the canonical name */
    assert_int_equal(ask(f, "two.test", "80", 8), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 3);
    assert_int_equal(fake_u8(f, entry(0) + 2), 1);
    assert_int_equal(fake_u8(f, entry(1) + 2), 1);
    assert_int_equal(fake_u8(f, entry(2) + 2), 2);
    assert_int_equal(fake_u8(f, entry(1) + 64 + 5), 2);
    fake_assert_bytes(f, entry(0) + 128, "two.test\0\xcc", 10);
    assert_int_equal(fake_u32(f, entry(0) + 20), 8);
    assert_int_equal(fake_u8(f, entry(1) + 128), MARK);
    /* Fewer than there are: the first ones. */
    put_chain(f, 8);
    assert_int_equal(ask(f, "two.test", "80", 2), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 2);
    assert_int_equal(fake_u8(f, entry(2) + 2), MARK);
    /* The chain is shorter than it was said to be. */
    put_chain(f, 1);
    assert_int_equal(ask(f, "two.test", "80", 8), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 1);
}

static void canonical_names_are_cut(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 1);
    put_hints(f, 2, 2, 2, 0);
    /* A numeric address is its own name; this one is longer than 29. */
    assert_int_equal(ask(f, "2001:0db8:0000:0000:0000:0000:0000:0001", NULL, 1), WASI_ESUCCESS);
    fake_assert_bytes(f, entry(0) + 128, "2001:0db8:0000:0000:0000:0000\0\xcc", 31);
    assert_int_equal(fake_u32(f, entry(0) + 20), 29);
    put_chain(f, 1);
    fake_put_u32(f, entry(0) + 20, 5);
    assert_int_equal(ask(f, "2001:0db8:0000:0000:0000:0000:0000:0001", NULL, 1), WASI_ESUCCESS);
    fake_assert_bytes(f, entry(0) + 128, "2001\0\xcc", 6);
    put_chain(f, 1);
    fake_put_u32(f, entry(0) + 16, 0); /* no room for a name at all */
    assert_int_equal(ask(f, "2001:db8::1", NULL, 1), WASI_ESUCCESS);
}

static void missing_rooms_are_skipped(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_hints(f, 0, 1, 2, 0);
    put_chain(f, 1);
    fake_put_u32(f, entry(0) + 12, 0);
    fake_fill(f, 0, MARK, 32);
    assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ESUCCESS);
    assert_int_equal(fake_u8(f, 0), MARK);
    put_chain(f, 1);
    fake_put_u32(f, entry(0) + 40, 0);
    assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ESUCCESS);
    assert_int_equal(fake_u8(f, 0), MARK);
    fake_put_u32(f, HEAD, 0);
    assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 0);
}

/* -- errors ----------------------------------------------------------------------------------- */

static void bad_questions(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_chain(f, 1);
    put_hints(f, 0, 1, 2, 1);
    assert_int_equal(ask(f, NULL, NULL, 1), WASI_EAINONAME);
    assert_int_equal(ask(f, "\0", NULL, 1), WASI_EAINONAME);
    assert_int_equal(ask(f, "192.0.2.1", NULL, 0), WASI_EAIMEMORY);
    assert_int_equal(ask(f, "192.0.2.1", "99999", 1), WASI_EAISERVICE);
    assert_int_equal(ask(f, "nobody.test", "80", 1), WASI_EAINONAME);
    assert_int_equal(ask(f, "2001:db8::1", "80", 1), WASI_EAIADDRFAMILY);
    put_hints(f, 4, 1, 2, 1);
    assert_int_equal(ask(f, "one.test", "80", 1), WASI_EAINONAME);
    static const unsigned flags[] = {128, 0x8000, 0xffff};
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        put_hints(f, flags[i], 1, 2, 1);
        assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_EAIBADFLAG);
    }
    put_hints(f, 127 - 4, 1, 2, 1);
    assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ESUCCESS);
    for (unsigned bad = 3; bad <= 255; bad += 84) {
        put_hints(f, 0, bad, 2, 1);
        assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_EAIFAMILY);
        put_hints(f, 0, 1, bad, 1);
        assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ENOSYS);
        put_hints(f, 0, 1, 2, bad);
        assert_int_equal(ask(f, "192.0.2.1", NULL, 1), WASI_ENOSYS);
    }
    fake_fill(f, NODE, 'a', 300);
    put_hints(f, 0, 1, 2, 1);
    assert_int_equal(fake_call(f, &wasmedge_addrinfo, "sock_getaddrinfo", NODE, 300, SERVICE, 0,
                               HINTS, HEAD, 1, COUNT),
                     WASI_EAINONAME);
    assert_int_equal(fake_call(f, &wasmedge_addrinfo, "sock_getaddrinfo", NODE, 3, NODE, 100, HINTS,
                               HEAD, 1, COUNT),
                     WASI_EAISERVICE);
}

static int32_t ask_raw(struct fake_guest *f, const uint32_t args[8])
{
    return fake_call(f, &wasmedge_addrinfo, "sock_getaddrinfo", args[0], args[1], args[2], args[3],
                     args[4], args[5], args[6], args[7]);
}

static void bad_pointers(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    static const uint32_t far[] = {LAST - 1, LAST, 0xfffffffe};
    put_hints(f, 2, 1, 2, 1);
    fake_text(f, NODE, "192.0.2.1");
    fake_text(f, SERVICE, "80");
    static const unsigned pointers[] = {0, 2, 4, 5, 7};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        for (size_t p = 0; p < ARRAY_COUNT(pointers); p++) {
            uint32_t args[8] = {NODE, 9, SERVICE, 2, HINTS, HEAD, 1, COUNT};
            put_chain(f, 1);
            args[pointers[p]] = far[i];
            int32_t e = ask_raw(f, args);
            /* Two bytes of service do stand at LAST - 2 .. but not one further. */
            assert_int_equal(e, WASI_EFAULT);
        }
        static const uint32_t inner[] = {12, 16, 40};
        for (size_t p = 0; p < ARRAY_COUNT(inner); p++) {
            const uint32_t args[8] = {NODE, 9, SERVICE, 2, HINTS, HEAD, 1, COUNT};
            put_chain(f, 1);
            fake_put_u32(f, entry(0) + inner[p], far[i]);
            assert_int_equal(ask_raw(f, args), WASI_EFAULT);
        }
        put_chain(f, 2);
        fake_put_u32(f, HEAD, far[i]);
        const uint32_t args[8] = {NODE, 9, SERVICE, 2, HINTS, HEAD, 1, COUNT};
        assert_int_equal(ask_raw(f, args), WASI_EFAULT);
    }
    const uint32_t lengths[8] = {NODE, 0xffffffff, SERVICE, 2, HINTS, HEAD, 1, COUNT};
    assert_int_equal(ask_raw(f, lengths), WASI_EFAULT);
    const uint32_t no_hints[8] = {NODE, 9, SERVICE, 2, 0, HEAD, 1, COUNT};
    put_chain(f, 1);
    assert_int_equal(ask_raw(f, no_hints), WASI_ESUCCESS);
}

/* A chain that bites its tail ends with the results. */
static void a_chain_in_a_circle(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_hints(f, 0, 0, 2, 1);
    put_chain(f, 1);
    fake_put_u32(f, entry(0) + 24, entry(0));
    assert_int_equal(ask(f, "two.test", "80", 0xffffffff), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 3);
}

/* -- the policy ------------------------------------------------------------------------------- */

static void names_need_a_grant(void **state)
{
    struct fixture *x = *state;
    struct fake_guest *f = x->f;
    f->guest.policy.allow_all = false;
    put_hints(f, 0, 1, 2, 1);
    put_chain(f, 1);
    assert_int_equal(ask(f, "one.test", "443", 1), WASI_EACCES);
    assert_string_equal(f->report, "refused: look up one.test; to allow it: "
                                   "--allow-connect one.test:443");
    assert_int_equal(ask(f, "one.test", NULL, 1), WASI_EACCES);
    assert_string_equal(f->report, "refused: look up one.test; to allow it: "
                                   "--allow-connect one.test:*");
    unsigned reports = f->reports;
    assert_int_equal(ask(f, "one.test\n", NULL, 1), WASI_EACCES); /* quoted nowhere */
    assert_int_equal(f->reports, reports);
    assert_int_equal(fake_dns_count(x->dns), 0);
    assert_int_equal(ask(f, "192.0.2.1", "443", 1), WASI_ESUCCESS); /* no look-up */

    assert_int_equal(policy_allow_connect(&f->guest.policy, "one.test:443,private", NULL), 0);
    struct net_address address;
    assert_int_equal(net_address_parse("192.0.2.1:443", &address, NULL), 0);
    assert_false(policy_may_connect(&f->guest.policy, &address));
    assert_int_equal(ask(f, "one.test", "443", 1), WASI_ESUCCESS);
    assert_true(policy_may_connect(&f->guest.policy, &address));
    assert_int_equal(ask(f, "two.test", "443", 1), WASI_EACCES);
}

/* The guest ends while it waits: the query goes with it. */
static void the_guest_ends_while_it_waits(void **state)
{
    struct fake_guest *f = ((struct fixture *)*state)->f;
    put_hints(f, 0, 1, 2, 1);
    put_chain(f, 1);
    uint32_t len = fake_text(f, NODE, "silent.test");
    assert_int_equal(fake_begin(f, &wasmedge_addrinfo, "sock_getaddrinfo", NODE, len, SERVICE, 0,
                                HINTS, HEAD, 1, COUNT),
                     CALL_WAIT);
    assert_int_equal(loop_turn(f->loop, 10), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_numeric_address),
        TEST(lengths_may_count_the_nul),
        TEST(ipv6_where_the_dialect_reads_it),
        TEST(several_results_ipv4_first),
        TEST(canonical_names_are_cut),
        TEST(missing_rooms_are_skipped),
        TEST(bad_questions),
        TEST(bad_pointers),
        TEST(a_chain_in_a_circle),
        TEST(names_need_a_grant),
        TEST(the_guest_ends_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
