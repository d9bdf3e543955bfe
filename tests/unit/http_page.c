/* The front's own pages: their form by Accept, what they hold, and what they may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "front.h"
#include "http/internal.h"

static struct front front;

static int open_front(void **state)
{
    (void)state;
    struct http_server_options options = front_options();
    options.server_name = "hythe";
    front_open(&front, &options);
    return 0;
}

static int close_front(void **state)
{
    (void)state;
    front_close(&front);
    return 0;
}

static void ask(struct front_client *client, unsigned status, const char *accept)
{
    char request[512];
    (void)snprintf(request, sizeof request, "GET /fail/%u HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n",
                   status, accept != NULL ? "Accept: " : "", accept != NULL ? accept : "",
                   accept != NULL ? "\r\n" : "");
    front_connect(&front, client);
    assert_true(front_send_text(&front, client, request));
    assert_true(front_await(&front, client, 20));
}

static void test_form(void **state)
{
    static const struct {
        const char *accept;
        const char *type;
    } rows[] = {
        {NULL, "text/plain; charset=utf-8"},
        {"", "text/plain; charset=utf-8"},
        {"*/*", "text/plain; charset=utf-8"},
        {"image/png", "text/plain; charset=utf-8"},
        {"text/html", "text/html; charset=utf-8"},
        {"TEXT/HTML", "text/html; charset=utf-8"},
        {"text/html;q=0.9", "text/html; charset=utf-8"},
        {"application/xhtml+xml , text/plain", "text/html; charset=utf-8"},
        {"application/json", "application/json"},
        {"application/problem+json", "application/json"},
        {"text/plain, application/json ; q=1", "application/json"},
        {"application/json, text/html", "application/json"},
        {"text/html, application/json", "text/html; charset=utf-8"},
        {"text/htmlx", "text/plain; charset=utf-8"},
        {",,;,", "text/plain; charset=utf-8"},
        {"\"text/html\"", "text/plain; charset=utf-8"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct front_client client;
        char line[128];
        ask(&client, 404, rows[i].accept);
        (void)snprintf(line, sizeof line, "\r\ncontent-type: %s\r\n", rows[i].type);
        assert_true(front_has(&client, line));
        front_disconnect(&client);
    }
}

/* What is behind the head is as long as it says, whole, and has the id. */
static void check_body(const struct front_client *client, unsigned status, const char *end)
{
    const uint8_t *got = client->got.data;
    const uint8_t *body = memmem(got, client->got.len, "\r\n\r\n", 4);
    const uint8_t *length = memmem(got, client->got.len, "Content-Length: ", 16);
    char text[16];
    assert_non_null(body);
    assert_non_null(length);
    size_t len = client->got.len - (size_t)(body + 4 - got);
    int digits = snprintf(text, sizeof text, "%zu\r\n", len);
    assert_memory_equal(length + 16, text, (size_t)digits);
    assert_true(len > strlen(end));
    assert_memory_equal(body + 4 + len - strlen(end), end, strlen(end));
    (void)snprintf(text, sizeof text, "%u", status);
    assert_non_null(memmem(body, len, text, 3));
    assert_true(front_has(client, "\r\nServer: hythe\r\n"));
    assert_true(front_has(client, "\r\ncache-control: no-store\r\n"));
    assert_true(front_has(client, "\r\nx-content-type-options: nosniff\r\n"));
}

static void test_every_status(void **state)
{
    static const char *const accepts[] = {NULL, "text/html", "application/json"};
    static const char *const ends[] = {"\n", "</small></p></html>\n", "\"}\n"};
    (void)state;
    for (unsigned status = 400; status < 600; status++) {
        for (size_t i = 0; i < 3; i++) {
            struct front_client client;
            if (status % 10 > 8 && i > 0) {
                continue; /* those without words are alike */
            }
            ask(&client, status, accepts[i]);
            check_body(&client, status, ends[i]);
            front_disconnect(&client);
        }
    }
}

/* Two requests, two ids. */
static void test_id(void **state)
{
    (void)state;
    struct front_client a;
    struct front_client b;
    ask(&a, 404, NULL);
    ask(&b, 404, NULL);
    const uint8_t *of_a = memmem(a.got.data, a.got.len, "Request ", 8);
    const uint8_t *of_b = memmem(b.got.data, b.got.len, "Request ", 8);
    assert_non_null(of_a);
    assert_non_null(of_b);
    assert_memory_not_equal(of_a, of_b, 8 + 32);
    assert_int_equal(strspn((const char *)of_a + 8, "0123456789abcdef") >= 32, 1);
    front_disconnect(&a);
    front_disconnect(&b);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(status_text(200), "OK");
    assert_string_equal(status_text(404), "Not Found");
    assert_string_equal(status_text(507), "Insufficient Storage");
    assert_string_equal(status_text(299), "");
    assert_string_equal(status_text(0), "");
    assert_string_equal(status_text(65535), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_every_status),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, open_front, close_front);
}
