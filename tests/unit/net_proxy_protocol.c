/* The PROXY protocol: both versions, cut at every byte, and what is none of it. */
#include "net/proxy_protocol.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\x1f\x90\x01\xbb"
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"                                                   \
    "\xff\xff\0\x50"

/* On the heap, so that a read past the end is seen. */
static int64_t parse(const char *bytes, size_t len, struct proxy_preface *preface)
{
    uint8_t *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    memset(preface, 0xee, sizeof *preface);
    int64_t n = proxy_protocol_parse(copy, len, preface);
    free(copy);
    return n;
}

static void put(char *to, const char *text)
{
    while (*text != '\0') { /* which is not copied */
        *to++ = *text++;
    }
}

/* Whole, with what follows it, and cut at every byte. */
static void check(const char *bytes, size_t len, const char *source, const char *destination)
{
    struct proxy_preface preface;
    char text[NET_ADDRESS_TEXT_MAX];
    char *longer = malloc(len + 5);
    assert_non_null(longer);
    memcpy(longer, bytes, len);
    put(longer + len, "GET /");
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(parse(bytes, cut, &preface), 0);
    }
    for (size_t more = 0; more <= 5; more++) {
        assert_int_equal(parse(longer, len + more, &preface), len);
        assert_int_equal(preface.has_addresses, source != NULL);
        if (source != NULL) {
            assert_string_equal(net_address_print(&preface.source, text), source);
            assert_string_equal(net_address_print(&preface.destination, text), destination);
        }
    }
    free(longer);
}

#define CHECK(bytes, source, destination) check(bytes, sizeof(bytes) - 1, source, destination)

static void lines_are_read(void **state)
{
    static const char longest[] = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                                  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    static const char *const full = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    (void)state;
    CHECK("PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n", "192.0.2.1:8080", "198.51.100.2:443");
    CHECK("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255:65535",
          "255.255.255.255:0");
    CHECK("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1", "[::1]:2");
    assert_int_equal(sizeof longest - 1, 104);
    CHECK(longest, full, full);
    CHECK("PROXY UNKNOWN\r\n", NULL, NULL);
    CHECK("PROXY UNKNOWN ffff:: what ever  it says\r\n", NULL, NULL);
}

static void a_line_has_107_bytes_at_most(void **state)
{
    struct proxy_preface preface;
    char line[200];
    (void)state;
    memset(line, 'x', sizeof line);
    put(line, "PROXY UNKNOWN ");
    put(line + 105, "\r\n");
    check(line, 107, NULL, NULL);
    put(line + 105, "x\r\n");
    assert_int_equal(parse(line, 106, &preface), 0);
    assert_int_equal(parse(line, 107, &preface), -EPROTO);
    assert_int_equal(parse(line, 108, &preface), -EPROTO);
    memset(line + 105, 'x', 3);
    assert_int_equal(parse(line, 107, &preface), -EPROTO);
    assert_int_equal(parse(line, 200, &preface), -EPROTO);
}

static void lines_are_taken_strictly(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
        "PROXY TCP4 1.2.3.4\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 localhost 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
    };
    struct proxy_preface preface;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(parse(bad[i], strlen(bad[i]), &preface), -EPROTO);
    }
    assert_int_equal(parse("PROXY UNKNOWN\0\r\n", 16, &preface), -EPROTO);
    assert_int_equal(parse("G", 1, &preface), -EPROTO); /* told at the first byte */
    assert_int_equal(parse("PROXZ", 5, &preface), -EPROTO);
}

static void binary_ones_are_read(void **state)
{
    char unix_one[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/run/a";
    (void)state;
    CHECK(SIGNATURE "\x21\x11\x00\x0c" V4, "192.0.2.1:8080", "198.51.100.2:443");
    CHECK(SIGNATURE "\x21\x21\x00\x24" V6, "[2001:db8::1]:65535", "[2001:db8::2]:80");
    CHECK(SIGNATURE "\x21\x11\x00\x13" V4 "\x01\x00\x04http", "192.0.2.1:8080", "198.51.100.2:443");
    CHECK(SIGNATURE "\x20\x00\x00\x00", NULL, NULL);
    CHECK(SIGNATURE "\x20\x11\x00\x0c" V4, NULL, NULL); /* LOCAL: what it says is ignored */
    CHECK(SIGNATURE "\x20\xff\x00\x01?", NULL, NULL);
    CHECK(SIGNATURE "\x21\x00\x00\x00", NULL, NULL);
    CHECK(SIGNATURE "\x21\x00\x00\x03\x04\x00\x00", NULL, NULL);
    CHECK(SIGNATURE "\x21\x12\x00\x0c" V4, NULL, NULL);
    check(unix_one, sizeof unix_one, NULL, NULL);
}

static void binary_ones_are_taken_strictly(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {SIGNATURE "\x11", 13},             /* a version that is none */
        {SIGNATURE "\x22", 13},             /* a command that is none */
        {SIGNATURE "\x21\x13\x00\x0c", 16}, /* families that are none */
        {SIGNATURE "\x21\x41\x00\x0c", 16},
        {SIGNATURE "\x21\x10\x00\x0c", 16},
        {SIGNATURE "\x21\x11\x00\x0b", 16}, /* too short for its addresses */
        {SIGNATURE "\x21\x21\x00\x23", 16},
        {SIGNATURE "\x21\x31\x00\xd7", 16},
        {SIGNATURE "\x21\x11\x0f\xf1", 16}, /* a byte more than we take */
        {SIGNATURE "\x20\x00\xff\xff", 16},
        {"\r\n\r\n\1", 5},
    };
    struct proxy_preface preface;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(parse(bad[i].bytes, bad[i].len, &preface), -EPROTO);
        if (bad[i].len > 12) {
            assert_int_equal(parse(bad[i].bytes, 12, &preface), 0);
        }
    }
}

static void the_longest_is_taken(void **state)
{
    static char longest[PROXY_PROTOCOL_MAX] = SIGNATURE "\x21\x11\x0f\xf0" V4;
    (void)state;
    check(longest, sizeof longest, "192.0.2.1:8080", "198.51.100.2:443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(a_line_has_107_bytes_at_most),
        cmocka_unit_test(lines_are_taken_strictly),
        cmocka_unit_test(binary_ones_are_read),
        cmocka_unit_test(binary_ones_are_taken_strictly),
        cmocka_unit_test(the_longest_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
