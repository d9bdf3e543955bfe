/* The front on the wire: every case of tests/cases/h1_wire, at once, in two pieces for every cut,
 * and byte by byte. The paths are those of tests/lib/front.h.
 *
 * Outcomes: "open", "closed" with an orderly end, or "reset". Keys, in the order of the bytes:
 *     < LINE             this line and CRLF, "Date: *" and "Request *" for what changes
 *     << BYTES           these bytes
 *     ok TEXT            a response 200 with nothing but Date, a length and TEXT
 *     oks N TEXT         N of them
 *     ok-close TEXT      the same with Connection: close
 *     page N             the front's page in plain text, with Connection: close
 *     page-open N        the same without
 * and anywhere:
 *     fin yes            the client sends no more behind these bytes, and says so
 *     whole yes          only at once: the framing of the response depends on the pieces
 *     last N             the server's limit of requests per connection, (none)
 *     outcome NAME       of the last request: answered, (any), failed, refused, left */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/container.h"
#include "front.h"
#include "wire_case.h"

enum { CASES_MIN = 100, CUTS_MAX = 150, BYTES_MAX = 1500, EXPECTED_MAX = 1 << 20, END_MS = 1500 };

static const struct {
    unsigned status;
    const char *title;
    const char *advice;
} pages[] = {
    {400, "Bad Request", "The request is not valid HTTP.\n"},
    {404, "Not Found", "Nothing is served at this address.\n"},
    {413, "Content Too Large", "The request's body is larger than this server takes.\n"},
    {414, "URI Too Long", "The address is longer than this server takes.\n"},
    {417, "Expectation Failed", ""},
    {431, "Request Header Fields Too Large",
     "The request's headers are larger than this server takes.\n"},
    {500, "Internal Server Error", "The program behind this address failed.\n"},
    {501, "Not Implemented", ""},
    {502, "Bad Gateway", "The program behind this address gave no valid answer.\n"},
    {505, "HTTP Version Not Supported", ""},
};

/* -- what is expected ------------------------------------------------------------------------- */

static void expect(struct buffer *to, const char *text)
{
    assert_int_equal(buffer_append(to, span_of(text)), 0);
}

static void expect_ok(struct buffer *to, const char *text, const char *connection)
{
    assert_int_equal(buffer_printf(to,
                                   "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Length: %zu\r\n%s\r\n%s",
                                   strlen(text), connection, text),
                     0);
}

static bool expect_page(struct buffer *to, unsigned status, const char *connection)
{
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
        if (pages[i].status == status) {
            char head[128];
            (void)snprintf(head, sizeof head, "%u %s", status, pages[i].title); /* fits */
            size_t len = strlen(head) + 1 + strlen(pages[i].advice) + 8 + 32 + 1;
            assert_int_equal(
                buffer_printf(
                    to,
                    "HTTP/1.1 %s\r\nDate: *\r\ncontent-type: text/plain; charset=utf-8\r\n"
                    "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
                    "Content-Length: %zu\r\n%s\r\n%s\n%sRequest *\n",
                    head, len, connection, head, pages[i].advice),
                0);
            return true;
        }
    }
    return false;
}

static void expect_keys(struct wire_case *c, struct buffer *to)
{
    static const char close_line[] = "Connection: close\r\n";
    for (uint32_t i = 0; i < c->key_count; i++) {
        struct wire_key *key = &c->keys[i];
        const char *value = (const char *)key->value.data;
        if (strcmp(key->name, "<") == 0 || strcmp(key->name, "<<") == 0) {
            assert_int_equal(buffer_append(to, buffer_span(&key->value)), 0);
            expect(to, key->name[1] == '\0' ? "\r\n" : "");
        } else if (strcmp(key->name, "ok") == 0 || strcmp(key->name, "ok-close") == 0) {
            expect_ok(to, value, key->name[2] == '\0' ? "" : close_line);
        } else if (strcmp(key->name, "oks") == 0) {
            char *text = NULL;
            for (unsigned long left = strtoul(value, &text, 10); left > 0; left--) {
                expect_ok(to, text + 1, "");
            }
        } else if (strcmp(key->name, "page") == 0 || strcmp(key->name, "page-open") == 0) {
            unsigned status = (unsigned)strtoul(value, NULL, 10);
            wire_check(c, expect_page(to, status, key->name[4] == '\0' ? close_line : ""),
                       "no such page");
        } else {
            continue;
        }
        key->is_used = true;
    }
}

/* -- what has come ---------------------------------------------------------------------------- */

/* Put "*" in the place of `len` bytes behind each `prefix`. */
static void mask(struct buffer *text, const char *prefix, size_t len)
{
    size_t at = 0;
    while (at + strlen(prefix) + len <= text->len) {
        uint8_t *found = memmem(text->data + at, text->len - at, prefix, strlen(prefix));
        if (found == NULL) {
            return;
        }
        size_t star = (size_t)(found - text->data) + strlen(prefix);
        if (star + len > text->len) {
            return;
        }
        text->data[star] = '*';
        memmove(text->data + star + 1, text->data + star + len, text->len - star - len);
        text->len -= len - 1;
        at = star + 1;
    }
}

static struct buffer masked(const struct front_client *client)
{
    struct buffer text;
    buffer_init(&text, EXPECTED_MAX * 4);
    assert_int_equal(buffer_append(&text, buffer_span(&client->got)), 0);
    if (text.len > 0) {
        mask(&text, "\r\nDate: ", strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
        mask(&text, "\nRequest ", 32);
        mask(&text, "\"request\":\"", 32);
        mask(&text, "<small>Request ", 32);
    }
    return text;
}

static const char *end_of(const struct front_client *client)
{
    if (client->error != 0) {
        return "reset";
    }
    return client->has_ended ? "closed" : "open";
}

/* -- running a case --------------------------------------------------------------------------- */

struct setting {
    struct wire_case *c;
    struct front *front;
    struct buffer expected;
    bool sends_fin;
    size_t expected_len; /* on the wire, where nothing is masked */
};

static void take(struct setting *s, struct front_client *client, size_t cut, size_t step)
{
    bool may_stay = strcmp(s->c->outcome.name, "open") == 0;
    wire_check(s->c, front_await(s->front, client, s->expected_len), "too little has come");
    if (may_stay) {
        for (int i = 0; i < 3; i++) {
            front_turn(s->front, 0);
        }
        front_receive(client);
    } else {
        wire_check(s->c, front_await_end(s->front, client, END_MS), "no end has come");
    }
    struct buffer text = masked(client);
    char what[64];
    (void)snprintf(what, sizeof what, "what came (cut %zu, step %zu)", cut, step); /* fits */
    wire_check_text(s->c, what, buffer_span(&text), buffer_span(&s->expected));
    wire_check_text(s->c, "the end", span_of(end_of(client)), span_of(s->c->outcome.name));
    buffer_done(&text);
}

/* Send up to `cut`, then `step` bytes at a time, with a turn or two between. */
static void run_in_pieces(struct setting *s, size_t cut, size_t step)
{
    struct front_client client;
    const struct buffer *input = &s->c->input;
    front_connect(s->front, &client);
    size_t from = 0;
    size_t to = cut < input->len ? cut : input->len;
    for (;;) {
        (void)front_send(s->front, &client, input->data + from, to - from); /* it may have ended */
        if (to == input->len) {
            break;
        }
        front_turn(s->front, 0);
        front_turn(s->front, 0);
        front_receive(&client);
        from = to;
        to = input->len - to < step ? input->len : to + step;
    }
    if (s->sends_fin) {
        (void)shutdown(client.fd, SHUT_WR); /* it may have ended */
    }
    take(s, &client, cut, step);
    front_disconnect(&client);
    front_turn(s->front, 0);
}

/* Every masked piece is longer on the wire. */
static size_t wire_len(const struct buffer *expected)
{
    struct front_client as_client = {.got = *expected};
    return expected->len + front_count(&as_client, "\r\nDate: *") * (29 - 1) +
           front_count(&as_client, "\nRequest *") * (32 - 1) +
           front_count(&as_client, "\"request\":\"*") * (32 - 1) +
           front_count(&as_client, "<small>Request *") * (32 - 1);
}

static void check_outcome(struct setting *s)
{
    static const char *const names[] = {"answered", "failed", "refused", "left"};
    struct span name = wire_case_text(s->c, "outcome", "any");
    if (!span_is(name, "any")) {
        wire_check_text(s->c, "the outcome", span_of(names[s->front->last.outcome]), name);
    }
}

static void run_cut(struct setting *s)
{
    size_t len = s->c->input.len;
    for (size_t cut = 1; cut < len; cut += len / CUTS_MAX + 1) {
        run_in_pieces(s, cut, len);
    }
    if (len <= BYTES_MAX) {
        run_in_pieces(s, 1, 1);
    }
}

static void run_case(struct wire_case *c)
{
    struct front front;
    struct http_counts counts;
    struct http_server_options options = front_options();
    options.limits.requests_per_connection = (uint32_t)wire_case_number(c, "last", 0);
    struct setting s = {.c = c, .front = &front};
    buffer_init(&s.expected, EXPECTED_MAX);
    s.sends_fin = wire_case_yes(c, "fin", false);
    expect_keys(c, &s.expected);
    s.expected_len = wire_len(&s.expected);
    front_open(&front, &options);
    run_in_pieces(&s, c->input.len, 1);
    check_outcome(&s);
    if (!wire_case_yes(c, "whole", false)) {
        run_cut(&s);
    }
    for (int i = 0; i < 3; i++) {
        front_turn(&front, 0);
    }
    http_server_count(front.server, &counts);
    wire_check_number(c, "requests left over", counts.requests, 0);
    wire_check_number(c, "active connections left over", counts.active, 0);
    front_close(&front);
    buffer_done(&s.expected);
}

static void test_cases(void **state)
{
    (void)state;
    assert_true(wire_cases_run("h1_wire", run_case) >= CASES_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
