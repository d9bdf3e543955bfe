/* Heads of CGI responses: what is sent, and what never is. */
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
#include "handlers/cgi_head.h"

struct head_row {
    const char *output;
    int status;       /* 0: refused */
    const char *want; /* the headers as "name=value|...", or a part of the reason */
    int length;       /* -1: unknown */
    const char *rest; /* what is left behind the head */
};

static const struct head_row rows[] = {
    {"Content-Type: text/plain\n\nhi", 200, "Content-Type=text/plain|", -1, "hi"},
    {"Content-Type: text/plain\r\n\r\nhi", 200, "Content-Type=text/plain|", -1, "hi"},
    {"content-type:text/plain\r\n\nhi", 200, "content-type=text/plain|", -1, "hi"},
    {"Content-Type: text/plain\n\r\nhi", 200, "Content-Type=text/plain|", -1, "hi"},
    {"X: 1\nStatus: 404 Not Found\nContent-Type: a/b\n\n", 404, "X=1|Content-Type=a/b|", -1, ""},
    {"Status: 201\n\n", 201, "", -1, ""},
    {"status:204 \n\n", 204, "", -1, ""},
    {"Location: /there\n\n", 302, "Location=/there|", -1, ""},
    {"Location: https://a.example/\n\n", 302, "Location=https://a.example/|", -1, ""},
    {"Location: /there\nStatus: 301 Moved\n\n", 301, "Location=/there|", -1, ""},
    {"Status: 200\nLocation: /there\n\n", 200, "Location=/there|", -1, ""},
    {"X-Own: 1\n\nbody", 200, "X-Own=1|", -1, "body"},
    {"Content-Length: 5\nContent-Type: a/b\n\nhello", 200, "Content-Type=a/b|", 5, "hello"},
    {"Set-Cookie: a=1\nSet-Cookie: b=2\n\n", 200, "Set-Cookie=a=1|Set-Cookie=b=2|", -1, ""},
    {"X:\t  a b \t\n\n", 200, "X=a b|", -1, ""},
    {"X: \303\266\n\n", 200, "X=\303\266|", -1, ""},
    {"HTTP/1.1 404 Not Found\r\nX: 1\r\n\r\n", 404, "X=1|", -1, ""},
    {"HTTP/1.0 200 OK\n\n", 200, "", -1, ""},
    /* Framing and hop-by-hop are the front's. */
    {"Transfer-Encoding: chunked\nX: 1\n\n", 200, "X=1|", -1, ""},
    {"Connection: close, x-hop\nX-Hop: 1\nX: 2\nKeep-Alive: 5\n\n", 200, "X=2|", -1, ""},
    {"X-Hop: 1\nUpgrade: h2c\nTE: x\nTrailer: y\nProxy-Connection: z\nConnection: X-HOP\nX: 2\n\n",
     200, "X=2|", -1, ""},
    /* What is none. */
    {"\n", 0, "no header", -1, ""},
    {"\r\nhello", 0, "no header", -1, "hello"},
    {"hello\n\n", 0, "no colon", -1, ""},
    {"<html>\n\n", 0, "no colon", -1, ""},
    {"X: 1\n continued\n\n", 0, "blank", -1, ""},
    {"\tX: 1\n\n", 0, "blank", -1, ""},
    {"X : 1\n\n", 0, "name", -1, ""},
    {": 1\n\n", 0, "name", -1, ""},
    {"X\303\266: 1\n\n", 0, "name", -1, ""},
    {"X(y): 1\n\n", 0, "name", -1, ""},
    {"X: a\rb\n\n", 0, "value", -1, ""},
    {"X: a\r\r\n\n", 0, "value", -1, ""},
    {"X: a\001b\n\n", 0, "value", -1, ""},
    {"X: a\177\n\n", 0, "value", -1, ""},
    {"Location: /a\rSet-Cookie: b\n\n", 0, "value", -1, ""},
    {"Status: 99\n\n", 0, "Status", -1, ""},
    {"Status: 099\n\n", 0, "200 to 599", -1, ""},
    {"Status: 100 Continue\n\n", 0, "200 to 599", -1, ""},
    {"Status: 101\n\n", 0, "200 to 599", -1, ""},
    {"Status: 600\n\n", 0, "200 to 599", -1, ""},
    {"Status: 1000\n\n", 0, "Status", -1, ""},
    {"Status: abc\n\n", 0, "Status", -1, ""},
    {"Status: 200OK\n\n", 0, "Status", -1, ""},
    {"Status:\n\n", 0, "Status", -1, ""},
    {"Status: -20\n\n", 0, "Status", -1, ""},
    {"Status: 200\rX: y\n\n", 0, "value", -1, ""},
    {"Status: 200\nStatus: 200\n\n", 0, "more than one Status", -1, ""},
    {"HTTP/1.1 200 OK\nStatus: 404\n\n", 0, "more than one Status", -1, ""},
    {"HTTP/1.1 20 OK\n\n", 0, "Status", -1, ""},
    {"X: 1\nHTTP/1.1 200 OK\n\n", 0, "no colon", -1, ""},
    {"Location: /a\nLocation: /b\n\n", 0, "more than one Location", -1, ""},
    {"Content-Length: 5\nContent-Length: 5\n\n", 0, "more than one Content-Length", -1, ""},
    {"Content-Length: +5\n\n", 0, "no number", -1, ""},
    {"Content-Length: -5\n\n", 0, "no number", -1, ""},
    {"Content-Length: 0x5\n\n", 0, "no number", -1, ""},
    {"Content-Length:\n\n", 0, "no number", -1, ""},
    {"Content-Length: 5, 5\n\n", 0, "no number", -1, ""},
    {"Content-Length: 99999999999999999999\n\n", 0, "too large", -1, ""},
};

static void print_answer(const struct cgi_answer *answer, char *text, size_t len)
{
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        at += (size_t)snprintf(text + at, len - at, "%.*s=%.*s|", (int)header->name.len,
                               (const char *)header->name.data, (int)header->value.len,
                               (const char *)header->value.data);
        assert_true(at < len);
    }
}

static void check_row(const struct head_row *row, const struct cgi_head *head)
{
    struct cgi_answer answer;
    char text[1024];
    int r = cgi_head_parse(head, &answer);
    if (row->status == 0) {
        if (r != -EBADMSG || strstr(answer.why, row->want) == NULL) {
            fail_msg("\"%s\": %d, %s", row->output, r, r < 0 ? answer.why : "taken");
        }
        return;
    }
    if (r < 0) {
        fail_msg("\"%s\": refused: %s", row->output, answer.why);
    }
    print_answer(&answer, text, sizeof text);
    assert_string_equal(text, row->want);
    assert_int_equal(answer.status, row->status);
    assert_int_equal(answer.length, row->length);
}

static void heads_in_one_piece(void **state)
{
    (void)state;
    struct cgi_head head;
    cgi_head_init(&head);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t used = 0;
        assert_int_equal(cgi_head_feed(&head, span_of(rows[i].output), &used), 1);
        assert_string_equal(rows[i].output + used, rows[i].rest);
        check_row(&rows[i], &head);
        cgi_head_reset(&head);
    }
    cgi_head_done(&head);
}

static void heads_in_two_pieces_at_every_byte(void **state)
{
    (void)state;
    struct cgi_head head;
    cgi_head_init(&head);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t len = strlen(rows[i].output) - strlen(rows[i].rest);
        for (size_t cut = 1; cut < len; cut++) {
            struct span all = span_of(rows[i].output);
            size_t used = 0;
            assert_int_equal(cgi_head_feed(&head, (struct span){all.data, cut}, &used), 0);
            assert_int_equal(used, cut);
            assert_int_equal(
                cgi_head_feed(&head, (struct span){all.data + cut, all.len - cut}, &used), 1);
            assert_int_equal(cut + used, len);
            check_row(&rows[i], &head);
            cgi_head_reset(&head);
        }
    }
    cgi_head_done(&head);
}

static void a_value_with_a_nul(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "X: a\0b\nY: 1\n\n";
    struct cgi_head head;
    struct cgi_answer answer;
    size_t used = 0;
    cgi_head_init(&head);
    assert_int_equal(cgi_head_feed(&head, (struct span){bytes, sizeof bytes - 1}, &used), 1);
    assert_int_equal(cgi_head_parse(&head, &answer), -EBADMSG);
    cgi_head_done(&head);
}

static void a_head_has_an_end(void **state)
{
    (void)state;
    struct cgi_head head;
    size_t used = 0;
    int r = 0;
    unsigned fed = 0;
    cgi_head_init(&head);
    for (; r == 0 && fed < 1 << 20; fed += 10) {
        r = cgi_head_feed(&head, span_of("xxxxxxxxxx"), &used);
    }
    assert_int_equal(r, -EMSGSIZE);
    assert_in_range(fed, CGI_HEAD_MAX - 20, CGI_HEAD_MAX + 20);
    cgi_head_reset(&head);
    assert_true(head.text.cap <= 4096); /* a large one is not kept */
    cgi_head_done(&head);
}

static void headers_are_counted(void **state)
{
    (void)state;
    for (int count = CGI_HEADERS_MAX; count <= CGI_HEADERS_MAX + 1; count++) {
        struct cgi_head head;
        struct cgi_answer answer;
        size_t used = 0;
        cgi_head_init(&head);
        for (int i = 0; i < count; i++) {
            assert_int_equal(cgi_head_feed(&head, span_of("X: 1\n"), &used), 0);
        }
        assert_int_equal(cgi_head_feed(&head, span_of("\n"), &used), 1);
        assert_int_equal(cgi_head_parse(&head, &answer), count > CGI_HEADERS_MAX ? -EBADMSG : 0);
        cgi_head_done(&head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_in_one_piece),  cmocka_unit_test(heads_in_two_pieces_at_every_byte),
        cmocka_unit_test(a_value_with_a_nul),  cmocka_unit_test(a_head_has_an_end),
        cmocka_unit_test(headers_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
