/* What a header line may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/container.h"
#include "http/bytes.h"
#include "http/field.h"

/* The same, said in another way: which bytes belong to a class. */
static void the_tables_are_those_of_the_standards(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_upper = byte >= 'A' && byte <= 'Z';
        bool is_alnum = is_digit || is_upper || (byte >= 'a' && byte <= 'z');
        bool is_ascii = byte > 0 && byte < 0x80;
        bool is_token = is_alnum || (is_ascii && strchr("!#$%&'*+-.^_`|~", (int)byte) != NULL);
        unsigned expected = 0;
        expected |= is_token ? HTTP_TOKEN : 0U;
        expected |= byte == '\t' || (byte >= 0x20 && byte != 0x7f) ? HTTP_VALUE : 0U;
        expected |=
            byte > 0x20 && byte < 0x7f && strchr("#%?", (int)byte) == NULL ? HTTP_TARGET : 0U;
        expected |= is_alnum || (is_ascii && strchr("-_~", (int)byte) != NULL) ? HTTP_HOST : 0U;
        expected |= is_ascii && strchr("0123456789abcdefABCDEF", (int)byte) != NULL ? HTTP_HEX : 0U;
        expected |= is_digit ? HTTP_DIGIT : 0U;
        assert_int_equal(http_bytes[byte], expected);
        assert_int_equal(http_lower[byte], !is_token ? 0 : is_upper ? byte + 0x20 : byte);
    }
}

/* Each byte at each place of runs that are longer and shorter than a machine word. */
static void the_end_of_a_value_is_found_at_each_place(void **state)
{
    (void)state;
    uint8_t text[24];
    for (size_t len = 0; len <= sizeof text; len++) {
        memset(text, 'a', sizeof text);
        assert_ptr_equal(http_skip_value(text, text + len), text + len);
        for (size_t at = 0; at < len * 256; at++) {
            uint8_t byte = (uint8_t)(at % 256);
            memset(text, 'a', sizeof text);
            text[at / 256] = byte;
            size_t expected = (http_bytes[byte] & HTTP_VALUE) != 0 ? len : at / 256;
            assert_ptr_equal(http_skip_value(text, text + len), text + expected);
        }
    }
    memset(text, 0xff, sizeof text); /* bytes that a borrow could go wrong with */
    text[3] = '\t';
    text[9] = ' ';
    text[10] = 0x80;
    text[17] = 0x1f;
    text[18] = 0x7f;
    assert_ptr_equal(http_skip_value(text, text + sizeof text), text + 17);
    assert_ptr_equal(http_skip_value(text + 18, text + sizeof text), text + 18);
    assert_ptr_equal(http_skip_value(text + 19, text + sizeof text), text + sizeof text);
}

static void tokens(void **state)
{
    (void)state;
    assert_true(http_is_token(span_of("a")));
    assert_true(http_is_token(span_of("X-Y_z.0!")));
    assert_false(http_is_token(span_of("")));
    assert_false(http_is_token((struct span){0}));
    assert_false(http_is_token(span_of("a b")));
    assert_false(http_is_token(span_of("a:")));
    assert_false(http_is_token(span_of("\xc3\xbc")));
    assert_false(http_is_token((struct span){(const uint8_t *)"a\0b", 3}));
}

static void values(void **state)
{
    (void)state;
    assert_true(http_is_value(span_of("")));
    assert_true(http_is_value((struct span){0}));
    assert_true(http_is_value(span_of("a \t b")));
    assert_true(http_is_value(span_of("\xc3\xbc")));
    static const char *const bad[] = {" a",    "a ",   "\ta",        "a\t",
                                      " ",     "a\rb", "a\nb",       "a\r\nb: c",
                                      "a\x01", "\x7f", "12345678\n", "1234567\n8"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_false(http_is_value(span_of(bad[i])));
    }
    assert_false(http_is_value((struct span){(const uint8_t *)"a\0b", 3}));
}

static void blanks_are_trimmed(void **state)
{
    (void)state;
    assert_true(span_is(http_trim(span_of(" \t a b\t ")), "a b"));
    assert_true(span_is(http_trim(span_of("a")), "a"));
    assert_true(span_is(http_trim(span_of("\r\n")), "\r\n"));
    assert_int_equal(http_trim(span_of(" \t ")).len, 0);
    assert_int_equal(http_trim((struct span){0}).len, 0);
}

static void names_are_compared_without_case(void **state)
{
    (void)state;
    assert_true(http_is_name(span_of("Content-Length"), "content-length"));
    assert_true(http_is_name(span_of(""), ""));
    assert_false(http_is_name(span_of("content-lengt"), "content-length"));
    assert_false(http_is_name(span_of("content-lengthy"), "content-length"));
    assert_false(http_is_name(span_of("content_length"), "content-length"));
    assert_false(http_is_name(span_of("@"), "`")); /* 0x20 apart, and no letters */
    assert_false(http_is_name(span_of("["), "{"));
    assert_false(http_is_name(span_of("\xe2\x84\xaa"), "k")); /* the Kelvin sign */
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *elements; /* with "|" behind each */
    } cases[] = {
        {"", ""},
        {" , ,\t,", ""},
        {"a", "a|"},
        {" a , b,c ", "a|b|c|"},
        {",,a,,b,,", "a|b|"},
        {"a b;c=d, e", "a b;c=d|e|"},
        {"\"a,b\", c", "\"a,b\"|c|"},
        {"a=\"b\\\",c\",d", "a=\"b\\\",c\"|d|"},
        {"\"a,b", "\"a,b|"},
        {"\"a\\", "\"a\\|"},
        {"a\\,b", "a\\|b|"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buffer got;
        buffer_init(&got, 64);
        struct span rest = span_of(cases[i].text);
        struct span element;
        while (http_list_next(&rest, &element)) {
            assert_int_equal(buffer_append(&got, element), 0);
            assert_int_equal(buffer_append(&got, span_of("|")), 0);
        }
        assert_string_equal(buffer_text(&got), cases[i].elements);
        buffer_done(&got);
        assert_int_equal(rest.len, 0);
    }
    struct span none = {0};
    struct span element;
    assert_false(http_list_next(&none, &element));
}

/* Which of the rules a name falls under. */
enum { HOP = 1, FRAMING = 2, OURS = 4, NO_TRAILER = 8 };

static unsigned rules_of(const char *text)
{
    struct span name = span_of(text);
    return (http_is_hop_by_hop(name) ? HOP : 0U) | (http_is_framing(name) ? FRAMING : 0U) |
           (http_is_ours(name) ? OURS : 0U) | (http_is_forbidden_trailer(name) ? NO_TRAILER : 0U);
}

/* The same in capitals, and with every other letter one. */
static void expect_rules(const char *name, unsigned rules)
{
    char loud[64];
    char mixed[64];
    size_t len = strlen(name);
    assert_in_range(len, 0, sizeof loud - 1);
    for (size_t i = 0; i <= len; i++) {
        bool is_letter = name[i] >= 'a' && name[i] <= 'z';
        loud[i] = is_letter ? (char)(name[i] - 'a' + 'A') : name[i];
        mixed[i] = i % 2 == 0 ? loud[i] : name[i];
    }
    assert_int_equal(rules_of(name), rules);
    assert_int_equal(rules_of(loud), rules);
    assert_int_equal(rules_of(mixed), rules);
}

static void names_with_rules_of_their_own(void **state)
{
    (void)state;
    static const char *const hops[] = {"connection", "keep-alive", "proxy-connection",
                                       "te",         "upgrade",    "http2-settings"};
    static const char *const forbidden[] = {"host",
                                            "forwarded",
                                            "via",
                                            "x-forwarded-for",
                                            "x-forwarded-host",
                                            "x-forwarded-proto",
                                            "x-real-ip",
                                            "authorization",
                                            "cookie",
                                            "proxy-authenticate",
                                            "proxy-authorization",
                                            "set-cookie",
                                            "www-authenticate",
                                            "cache-control",
                                            "expect",
                                            "if-match",
                                            "if-modified-since",
                                            "if-none-match",
                                            "if-range",
                                            "if-unmodified-since",
                                            "max-forwards",
                                            "pragma",
                                            "range",
                                            "age",
                                            "expires",
                                            "location",
                                            "retry-after",
                                            "status",
                                            "vary",
                                            "warning",
                                            "content-disposition",
                                            "content-encoding",
                                            "content-language",
                                            "content-location",
                                            "content-range",
                                            "content-type"};
    static const char *const free_ones[] = {
        "",
        "a",
        "x-checksum",
        "server-timing",
        "etag",
        "content-digest",
        "authentication-info",
        "grpc-status",
        "trailers",
        "hos",
        "tf",
        "dates",
        "connectors",
        "transfer_encoding",
        "a-name-of-sixty-three-bytes-which-is-more-than-any-in-the-lists"};
    for (size_t i = 0; i < ARRAY_COUNT(hops); i++) {
        expect_rules(hops[i], HOP | OURS | NO_TRAILER);
    }
    expect_rules("transfer-encoding", HOP | FRAMING | OURS | NO_TRAILER);
    expect_rules("content-length", FRAMING | OURS | NO_TRAILER);
    expect_rules("trailer", FRAMING | NO_TRAILER);
    expect_rules("date", OURS | NO_TRAILER);
    expect_rules("server", OURS | NO_TRAILER);
    for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
        expect_rules(forbidden[i], NO_TRAILER);
    }
    for (size_t i = 0; i < ARRAY_COUNT(free_ones); i++) {
        expect_rules(free_ones[i], 0);
    }
    char whole[200];
    memset(whole, 'x', sizeof whole - 1); /* lengths beyond a word's bits */
    whole[sizeof whole - 1] = '\0';
    assert_int_equal(rules_of(whole), 0);
}

static void a_header_is_found(void **state)
{
    (void)state;
    struct http_header headers[3];
    static const char *const names[] = {"a", "bc", "bc"};
    for (size_t i = 0; i < 3; i++) {
        headers[i] = (struct http_header){span_of(names[i]), span_of("")};
    }
    assert_ptr_equal(http_find_header(headers, 3, "bc"), &headers[1]);
    assert_ptr_equal(http_find_header(headers, 3, "a"), &headers[0]);
    assert_null(http_find_header(headers, 3, "b"));
    assert_null(http_find_header(headers, 1, "bc"));
    assert_null(http_find_header(NULL, 0, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_those_of_the_standards),
        cmocka_unit_test(the_end_of_a_value_is_found_at_each_place),
        cmocka_unit_test(tokens),
        cmocka_unit_test(values),
        cmocka_unit_test(blanks_are_trimmed),
        cmocka_unit_test(names_are_compared_without_case),
        cmocka_unit_test(lists),
        cmocka_unit_test(names_with_rules_of_their_own),
        cmocka_unit_test(a_header_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
