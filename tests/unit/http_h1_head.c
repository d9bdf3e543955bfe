/* The head of an HTTP/1 request: every case of tests/cases/h1_head, in one piece and in every cut.
 *
 * Outcomes: "ok", "more", or a status. Before an "ok" the keys stand for these:
 *     method GET, target /, path /, query (none), authority a, scheme (none), minor 1,
 *     header NAME: VALUE (each one left, in order), body none | length N | chunked,
 *     keep-alive yes, continue no, h2c no, has-length no
 * and always: head-max 4096, target-max 1024, header-max 20, left (bytes behind the head),
 * known-at (how many bytes it takes to know the outcome). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/h1_head.h"
#include "wire_case.h"

enum { HEADERS_MAX = 64, CASES_MIN = 150 };

/* What find and parse made of some bytes. */
struct outcome {
    int64_t found;   /* what h1_head_find said */
    int status;      /* of parse, when something was found */
    size_t known_at; /* bytes that were there when find said it */
    uint8_t *data;   /* owned: the copy that was parsed */
    struct h1_head head;
    struct http_header headers[HEADERS_MAX];
};

static uint8_t *copy_of(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1); /* exact, so that a read past its end is seen */
    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

static int64_t find_in_copy(struct h1_scan *scan, struct span bytes, const struct h1_limits *limits)
{
    uint8_t *copy = copy_of(bytes.data, bytes.len);
    int64_t found = h1_head_find(scan, copy, bytes.len, limits);
    free(copy);
    return found;
}

/* Give the bytes in pieces: up to `cut`, then `step` more at a time. */
static void take_pieces(struct span input, size_t cut, size_t step, const struct h1_limits *limits,
                        struct outcome *ret)
{
    struct h1_scan scan = {0};
    size_t len = cut;
    *ret = (struct outcome){0};
    for (;;) {
        ret->found = find_in_copy(&scan, (struct span){input.data, len}, limits);
        ret->known_at = len;
        if (ret->found != 0 || len == input.len) {
            break;
        }
        len = input.len - len < step ? input.len : len + step;
    }
    if (ret->found > 0) {
        assert_true((size_t)ret->found <= len);
        ret->data = copy_of(input.data, (size_t)ret->found);
        ret->status =
            h1_head_parse(ret->data, (size_t)ret->found, limits, ret->headers, &ret->head);
    }
}

static void check_headers(struct wire_case *c, const struct h1_head *head)
{
    uint32_t count = 0;
    for (;; count++) {
        const struct buffer *line = wire_case_take(c, "header");
        if (line == NULL) {
            break;
        }
        wire_check(c, count < head->header_count, (const char *)line->data);
        struct span text = buffer_span(line);
        const uint8_t *colon = memchr(text.data, ':', text.len);
        assert_non_null(colon);
        struct span value = {colon + 1, text.len - (size_t)(colon + 1 - text.data)};
        wire_check_text(c, "name", head->headers[count].name,
                        (struct span){text.data, (size_t)(colon - text.data)});
        wire_check_text(c, "value", head->headers[count].value, http_trim(value));
    }
    wire_check_number(c, "the number of headers", head->header_count, count);
}

static void check_body(struct wire_case *c, const struct h1_head *head)
{
    static const char *const kinds[] = {"none", "length", "chunked"};
    struct span text = wire_case_text(c, "body", "none");
    uint64_t length = 0;
    if (text.len > 7 && memcmp(text.data, "length ", 7) == 0) {
        length = strtoull((const char *)text.data + 7, NULL, 10);
        text.len = 6;
    }
    wire_check_text(c, "body", span_of(kinds[head->body]), text);
    wire_check_number(c, "content_length", (int64_t)head->content_length, (int64_t)length);
    bool has_length = wire_case_yes(c, "has-length", head->body == H1_BODY_LENGTH);
    wire_check(c, head->has_length == has_length, "has_length");
}

static void check_head(struct wire_case *c, const struct h1_head *head)
{
    wire_check_text(c, "method", head->method, wire_case_text(c, "method", "GET"));
    wire_check_text(c, "target", head->target, wire_case_text(c, "target", "/"));
    wire_check_text(c, "path", head->path, wire_case_text(c, "path", "/"));
    const struct buffer *query = wire_case_take(c, "query");
    wire_check(c, head->has_query == (query != NULL), "has_query");
    wire_check_text(c, "query", head->query, query == NULL ? (struct span){0} : buffer_span(query));
    wire_check_text(c, "authority", head->authority, wire_case_text(c, "authority", "a"));
    wire_check_text(c, "scheme", head->scheme, wire_case_text(c, "scheme", ""));
    wire_check_number(c, "minor", head->minor, (int64_t)wire_case_number(c, "minor", 1));
    wire_check(c, head->keep_alive == wire_case_yes(c, "keep-alive", true), "keep_alive");
    wire_check(c, head->expects_continue == wire_case_yes(c, "continue", false), "continue");
    wire_check(c, head->is_h2c_upgrade == wire_case_yes(c, "h2c", false), "is_h2c_upgrade");
    check_body(c, head);
    check_headers(c, head);
}

static void check_outcome(struct wire_case *c, const struct outcome *got)
{
    const char *expected = c->outcome.name;
    if (strcmp(expected, "more") == 0) {
        wire_check_number(c, "found", got->found, 0);
        return;
    }
    wire_check(c, got->found != 0, "is still waiting for more");
    int64_t status = got->found < 0 ? -got->found : got->status;
    bool is_ok = strcmp(expected, "ok") == 0;
    wire_check_number(c, "status", status, is_ok ? 0 : strtoll(expected, NULL, 10));
    if (got->found > 0) {
        size_t left = c->input.len - (size_t)got->found;
        struct span rest = {c->input.data + got->found, left};
        wire_check_text(c, "left", rest, wire_case_text(c, "left", ""));
    }
    if (is_ok) {
        check_head(c, &got->head);
    }
}

static void run_case(struct wire_case *c)
{
    struct h1_limits limits = {
        .head_max = (uint32_t)wire_case_number(c, "head-max", 4096),
        .target_max = (uint32_t)wire_case_number(c, "target-max", 1024),
        .header_max = (uint32_t)wire_case_number(c, "header-max", 20),
    };
    struct span input = buffer_span(&c->input);
    struct outcome whole;
    struct outcome cut;
    take_pieces(input, input.len, 1, &limits, &whole);
    check_outcome(c, &whole);

    take_pieces(input, 0, 1, &limits, &cut); /* byte by byte */
    wire_check_number(c, "found in pieces", cut.found, whole.found);
    wire_check_number(c, "status in pieces", cut.status, whole.status);
    wire_check_number(c, "known_at", (int64_t)cut.known_at,
                      (int64_t)wire_case_number(c, "known-at", cut.known_at));
    free(cut.data);
    for (size_t i = 1; i < input.len; i++) { /* in two */
        take_pieces(input, i, input.len, &limits, &cut);
        wire_check_number(c, "found in two pieces", cut.found, whole.found);
        wire_check_number(c, "status in two pieces", cut.status, whole.status);
        free(cut.data);
    }
    free(whole.data);
}

static void every_case(void **state)
{
    (void)state;
    unsigned count = wire_cases_run("h1_head", run_case);
    print_message("%u cases\n", count);
    assert_true(count >= CASES_MIN);
}

static void every_byte_in_every_place(void **state)
{
    (void)state;
    /* The byte replaces the "@"; `allowed` besides letters, digits and what is given. */
    static const struct {
        const char *text;
        const char *allowed;
        bool allows_high; /* 0x80 to 0xff */
    } places[] = {
        {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "!#$%&'*+-.^_`|~", false},
        {"GET /@ HTTP/1.1\r\nHost: a\r\n\r\n", "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~", false},
        {"GET /?@ HTTP/1.1\r\nHost: a\r\n\r\n", "!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~", false},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "-._~", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nA@: b\r\n\r\n", "!#$%&'*+-.^_`|~:", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: x@y\r\n\r\n", "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
         true},
    };
    struct h1_limits limits = {.head_max = 4096, .target_max = 1024, .header_max = 20};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        size_t len = strlen(places[i].text);
        size_t at = strcspn(places[i].text, "@");
        for (unsigned byte = 0; byte < 256; byte++) {
            struct outcome got;
            bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                            (byte >= 'a' && byte <= 'z');
            bool is_allowed = is_alnum || (byte >= 0x80 && places[i].allows_high) ||
                              (byte != 0 && byte < 0x80 && strchr(places[i].allowed, (int)byte));
            uint8_t *text = copy_of((const uint8_t *)places[i].text, len);
            text[at] = (uint8_t)byte;
            take_pieces((struct span){text, len}, len, 1, &limits, &got);
            bool is_taken = got.found == (int64_t)len && got.status == 0;
            if (is_taken != is_allowed || (!is_taken && got.found >= 0 && got.status != 400)) {
                print_error("place %zu, byte 0x%02x\n", i, byte);
                fail();
            }
            free(got.data);
            free(text);
        }
    }
}

static void authorities(void **state)
{
    (void)state;
    static const char *const good[] = {"a",
                                       "A.Example",
                                       "a.",
                                       "a-b_c~d.example",
                                       "xn--bcher-kva.example",
                                       "127.0.0.1",
                                       "1",
                                       "a:0",
                                       "a:80",
                                       "a:65535",
                                       "a:00080",
                                       "[::1]",
                                       "[::1]:443",
                                       "[::ffff:192.0.2.1]:80",
                                       "[2001:DB8:0:0:0:0:0:1]",
                                       "999.999.999.999"};
    static const char *const bad[] = {"",
                                      ":80",
                                      ".",
                                      "..",
                                      ".a",
                                      "a..b",
                                      "a:",
                                      "a:65536",
                                      "a:080808",
                                      "a:000080",
                                      "a:8x",
                                      "a:-1",
                                      "a:+1",
                                      "a: 80",
                                      "a:80:80",
                                      "a b",
                                      "a@b",
                                      "u:p@b",
                                      "a/b",
                                      "a\\b",
                                      "a,b",
                                      "a;b",
                                      "a%2eb",
                                      "a#b",
                                      "a?b",
                                      "[",
                                      "]",
                                      "[]",
                                      "[::1",
                                      "::1",
                                      "[::1]a",
                                      "[::1]:",
                                      "[::1]:x",
                                      "[::1%eth0]",
                                      "[::1%25eth0]",
                                      "[1.2.3.4]",
                                      "[v1.a]",
                                      "[::g]",
                                      "[[::1]]",
                                      "*",
                                      "\xc3\xbc.example",
                                      "a[::1]",
                                      "[1:2:3:4:5:6:7:8:9]",
                                      "[0000:0000:0000:0000:0000:ffff:192.168.100.228.0]"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!h1_is_authority(span_of(good[i]))) {
            print_error("%s is refused\n", good[i]);
            fail();
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (h1_is_authority(span_of(bad[i]))) {
            print_error("%s is taken\n", bad[i]);
            fail();
        }
    }
    char long_name[257];
    memset(long_name, 'a', sizeof long_name);
    assert_true(h1_is_authority((struct span){(const uint8_t *)long_name, 255}));
    assert_false(h1_is_authority((struct span){(const uint8_t *)long_name, 256}));
    static const char with_nul[] = "[::1\0]";
    assert_false(h1_is_authority((struct span){(const uint8_t *)with_nul, 6}));
}

static void targets_are_split(void **state)
{
    (void)state;
    struct span path;
    struct span query;
    bool has_query = true;
    assert_true(h1_split_target(span_of("/a/b"), &path, &query, &has_query));
    assert_true(span_is(path, "/a/b") && span_is(query, "") && !has_query);
    assert_true(h1_split_target(span_of("/?"), &path, &query, &has_query));
    assert_true(span_is(path, "/") && span_is(query, "") && has_query);
    assert_true(h1_split_target(span_of("/a?b?c=%20"), &path, &query, &has_query));
    assert_true(span_is(path, "/a") && span_is(query, "b?c=%20") && has_query);
    assert_false(h1_split_target(span_of(""), &path, &query, &has_query));
    assert_false(h1_split_target(span_of("a"), &path, &query, &has_query));
    assert_false(h1_split_target(span_of("*"), &path, &query, &has_query));
    assert_false(h1_split_target(span_of("/%2"), &path, &query, &has_query));
    assert_false(
        h1_split_target((struct span){(const uint8_t *)"/%20", 3}, &path, &query, &has_query));
}

/* Parse stands on its own: what find would refuse is refused there too. */
static void parse_trusts_nobody(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\r\n",
                                      "G",
                                      "GET / HTTP/1.1",
                                      "GET / HTTP/1.1\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\r\n\r",
                                      "GET / HTTP/1.1\r\nHost: a\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore",
                                      "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
                                      "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                      "GET / HTTP/1.1\nHost: a\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\r\n\n\n",
                                      "GET / HTTP/1.1\r\nHost: a\r",
                                      "GET / HTTP/1.1\r\nHost: a\r?B: c\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\x01\nB: c\r\n\r\n"};
    struct h1_limits limits = {.head_max = 4096, .target_max = 1024, .header_max = 20};
    struct http_header headers[20];
    struct h1_head head = {.minor = 7};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t *data = copy_of((const uint8_t *)bad[i], strlen(bad[i]));
        assert_int_equal(h1_head_parse(data, strlen(bad[i]), &limits, headers, &head), 400);
        free(data);
    }
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    uint8_t *data = copy_of((const uint8_t *)text, sizeof text - 1);
    limits.header_max = 1;
    assert_int_equal(h1_head_parse(data, sizeof text - 1, &limits, headers, &head), 431);
    limits.header_max = 2;
    limits.head_max = sizeof text - 2;
    assert_int_equal(h1_head_parse(data, sizeof text - 1, &limits, headers, &head), 431);
    assert_int_equal(head.minor, 7); /* untouched */
    limits.head_max = sizeof text - 1;
    assert_int_equal(h1_head_parse(data, sizeof text - 1, &limits, headers, &head), 0);
    assert_int_equal(head.header_count, 1);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),          cmocka_unit_test(every_byte_in_every_place),
        cmocka_unit_test(authorities),         cmocka_unit_test(targets_are_split),
        cmocka_unit_test(parse_trusts_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
