/* wasi_experimental_http: header texts, in and out. */
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
#include "http_env.h"
#include "http_peer.h"
#include "imports/wasi_experimental_http/http.h"

static int parse(const char *text, size_t len, bool is_json, struct ehttp_headers *headers)
{
    struct span span = {(const uint8_t *)text, len};
    return is_json ? ehttp_headers_parse_json(span, headers)
                   : ehttp_headers_parse_lines(span, headers);
}

/* "name=value" for each, with | between. */
static void assert_parsed(const char *text, bool is_json, const char *expected)
{
    char all[4096] = "";
    size_t len = 0;
    struct ehttp_headers headers;
    char *exact = malloc(strlen(text) + (text[0] == '\0' ? 1 : 0));
    assert_non_null(exact); /* of its size: the address sanitizer sees a byte too many */
    memcpy(exact, text, strlen(text));
    assert_int_equal(parse(exact, strlen(text), is_json, &headers), 0);
    for (uint32_t i = 0; i < headers.count; i++) {
        const struct http_header *h = &headers.items[i];
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%.*s=%.*s", i > 0 ? "|" : "",
                                (int)h->name.len, (const char *)h->name.data, (int)h->value.len,
                                (const char *)h->value.data);
    }
    assert_string_equal(all, expected);
    ehttp_headers_done(&headers);
    free(exact);
}

static void assert_refused(const char *text, bool is_json)
{
    struct ehttp_headers headers;
    assert_int_equal(parse(text, strlen(text), is_json, &headers), -EINVAL);
    ehttp_headers_done(&headers);
}

static void lines(void **state)
{
    (void)state;
    assert_parsed("", false, "");
    assert_parsed("a:b\n", false, "a=b");
    assert_parsed("a:b", false, "a=b");
    assert_parsed("Content-Type: text/plain", false, "Content-Type=text/plain"); /* C */
    assert_parsed("A: b\r\nC: d\r\n", false, "A=b|C=d");                         /* TinyGo */
    assert_parsed("A: b\r\nC: d", false, "A=b|C=d");
    assert_parsed("a:b\r", false, "a=b");
    assert_parsed("\n\r\n\na:b\n\n", false, "a=b");
    assert_parsed("a:b:c\n", false, "a=b:c");
    assert_parsed("a: \t b c \t\n", false, "a=b c");
    assert_parsed("a:\n", false, "a=");
    assert_parsed("a:  \n", false, "a=");
    assert_parsed(":v\n", false, "=v"); /* the client refuses the name */
    assert_parsed("a:b\na:c\nA:d\n", false, "a=b|a=c|A=d");
    assert_parsed("custom-header:custom-value\ncustom-header2:custom-value2\n", false,
                  "custom-header=custom-value|custom-header2=custom-value2");
}

static void lines_without_a_colon(void **state)
{
    (void)state;
    assert_refused("a", false);
    assert_refused("a:b\nc\n", false);
    assert_refused(" \n", false);
    assert_refused("a:b\n\r\r\n", false);
}

static void no_more_than_so_many(void **state)
{
    (void)state;
    static char text[(EHTTP_HEADERS_MAX + 1) * 4 + 1];
    struct ehttp_headers headers;
    for (unsigned i = 0; i <= EHTTP_HEADERS_MAX; i++) {
        memcpy(text + (size_t)i * 4, "a:b\n", 4);
    }
    assert_int_equal(parse(text, EHTTP_HEADERS_MAX * 4, false, &headers), 0);
    assert_int_equal(headers.count, EHTTP_HEADERS_MAX);
    ehttp_headers_done(&headers);
    assert_int_equal(parse(text, (EHTTP_HEADERS_MAX + 1) * 4, false, &headers), -EINVAL);
    ehttp_headers_done(&headers);
}

static void json(void **state)
{
    (void)state;
    assert_parsed("{}", true, "");
    assert_parsed("{\"a\":\"b\"}", true, "a=b");
    assert_parsed(" { \"a\" : \"b\" , \"c\" : \"\" } ", true, "a=b|c=");
    assert_parsed("{\"a\":\"b\",\"A\":\"c\"}", true, "A=c");
    assert_parsed("{\"a\":\"\\\"\\\\\\u00e4\"}", true, "a=\"\\\xc3\xa4");
}

static void json_that_is_no_flat_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "null",
                                        "[]",
                                        "\"a\"",
                                        "{\"a\":1}",
                                        "{\"a\":null}",
                                        "{\"a\":[]}",
                                        "{\"a\":{}}",
                                        "{\"a\"}",
                                        "{a:1}",
                                        "a:b\n",
                                        "{\"a\":\"b\"",
                                        "{\"a\":\"\\u12\"}"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        assert_refused(texts[i], true);
    }
    char *deep = malloc(100000);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    struct ehttp_headers headers;
    assert_int_equal(parse(deep, 100000, true, &headers), -EINVAL);
    ehttp_headers_done(&headers);
    free(deep);
    deep = calloc(1, EHTTP_JSON_MAX + 1);
    assert_non_null(deep);
    memset(deep, ' ', EHTTP_JSON_MAX + 1);
    memcpy(deep, "{}", 2);
    assert_int_equal(parse(deep, EHTTP_JSON_MAX + 1, true, &headers), -EINVAL);
    free(deep);
}

/* -- out -------------------------------------------------------------------------------------- */

#define H(name, value)                                                                             \
    {                                                                                              \
        {(const uint8_t *)(name), sizeof(name) - 1},                                               \
        {                                                                                          \
            (const uint8_t *)(value), sizeof(value) - 1                                            \
        }                                                                                          \
    }

static int encode(struct http_header *items, uint32_t count, enum ehttp_encoding encoding,
                  char text[1024])
{
    struct buffer out;
    struct ehttp_headers headers = {.items = items, .count = count};
    buffer_init(&out, 1023);
    int r = ehttp_headers_encode(&headers, encoding, &out);
    (void)snprintf(text, 1024, "%.*s", (int)out.len, (const char *)out.data);
    buffer_done(&out);
    return r;
}

static void encoded_lines(void **state)
{
    (void)state;
    char text[1024];
    struct http_header items[] = {H("b", "1"),       H("a", "2"), H("b", "3"),
                                  H("date", "x: y"), H("a", ""),  H("b", "\xc3\xa4")};
    assert_int_equal(encode(items, ARRAY_COUNT(items), EHTTP_LINES, text), 0);
    assert_string_equal(text, "b:1\nb:3\nb:\xc3\xa4\na:2\na:\ndate:x: y\n");
    assert_int_equal(encode(items, 2, EHTTP_CRLF_LINES, text), 0);
    assert_string_equal(text, "b:1\r\na:2\r\n");
    assert_int_equal(encode(items, 0, EHTTP_LINES, text), 0);
    assert_string_equal(text, "");
}

static void encoded_json(void **state)
{
    (void)state;
    char text[1024];
    struct http_header items[] = {H("b", "1"), H("a", "2"), H("b", "3"), H("ab", "\"\\\t"),
                                  H("a", "")};
    assert_int_equal(encode(items, ARRAY_COUNT(items), EHTTP_JSON, text), 0);
    assert_string_equal(text, "{\"a\":\"\",\"ab\":\"\\\"\\\\\\t\",\"b\":\"3\"}");
    assert_int_equal(encode(items, 0, EHTTP_JSON, text), 0);
    assert_string_equal(text, "{}");
}

static void what_no_encoding_holds(void **state)
{
    (void)state;
    char text[1024];
    struct http_header bad[] = {
        H("a", "\xff"),     H("a", "b\tc"),     H("a", "\x7f"),         H("a", "\x01"),
        H("a(", "b"),       H("a b{", "c"),     H("a\x01", "b"),        H("\xff", "b"),
        H("a@", "b"),       H("a", "\xc0\x80"), H("a", "\xed\xa0\x80"), H("a", "\xf4\x90\x80\x80"),
        H("a", "\xe2\x82"), H("a", "\0")};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(encode(&bad[i], 1, EHTTP_LINES, text), -EILSEQ);
    }
    struct http_header latin[] = {H("a", "\xe4"), H("a", "\xc3\xa4"), H("a", "\x7f"), H("a", "\n")};
    for (size_t i = 0; i < ARRAY_COUNT(latin); i++) {
        assert_int_equal(encode(&latin[i], 1, EHTTP_JSON, text), -EILSEQ);
    }
    struct http_header large[600];
    for (size_t i = 0; i < ARRAY_COUNT(large); i++) {
        large[i] = (struct http_header)H("aa", "b");
    }
    assert_int_equal(encode(large, ARRAY_COUNT(large), EHTTP_LINES, text), -EMSGSIZE);
}

static void many_headers_take_no_time(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct http_header *items = calloc(COUNT, sizeof *items);
    char(*names)[16] = calloc(COUNT, sizeof *names);
    struct buffer out;
    assert_non_null(items);
    assert_non_null(names);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%u", i / 2);
        items[i] = (struct http_header){span_of(names[i]), span_of("v")};
    }
    buffer_init(&out, SIZE_MAX);
    struct ehttp_headers headers = {.items = items, .count = COUNT};
    assert_int_equal(ehttp_headers_encode(&headers, EHTTP_LINES, &out), 0);
    assert_memory_equal(out.data, "n0:v\nn0:v\nn1:v\n", 15);
    buffer_done(&out);
    free(names);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(lines_without_a_colon),
        cmocka_unit_test(no_more_than_so_many),
        cmocka_unit_test(json),
        cmocka_unit_test(json_that_is_no_flat_object),
        cmocka_unit_test(encoded_lines),
        cmocka_unit_test(encoded_json),
        cmocka_unit_test(what_no_encoding_holds),
        cmocka_unit_test(many_headers_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
