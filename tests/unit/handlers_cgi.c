/* CGI guests behind a site, on the real engine: what they read and write, and how they end.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/container.h"
#include "site_test.h"

enum { WAT_MAX = 64 << 10 };

/* A guest that writes `output` to stdout in one call and then does `rest`. */
static const char writer[] =
    "(module"
    " (import \"wasi_snapshot_preview1\" \"fd_write\""
    "  (func $write (param i32 i32 i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"fd_read\""
    "  (func $read (param i32 i32 i32 i32) (result i32)))"
    " (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    " (memory (export \"memory\") 4)"
    " (data (i32.const 1024) \"%s\")"
    " (func $put (param $fd i32) (param $at i32) (param $len i32) (result i32)"
    "  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $len))"
    "  (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))"
    " (func $get (param $at i32) (param $len i32) (result i32)"
    "  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $len))"
    "  (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"
    " (func (export \"_start\") (local $n i32)"
    "  (drop (call $put (i32.const 1) (i32.const 1024) (i32.const %zu)))"
    "  %s))";

/* As a string of the text format; gives the number of bytes. */
static size_t quote(const char *text, char *quoted, size_t max)
{
    size_t len = strlen(text);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        assert_true(at + 4 < max);
        at += (size_t)snprintf(quoted + at, max - at, "\\%02x", (unsigned char)text[i]);
    }
    quoted[at] = '\0';
    return len;
}

static struct site_test *begin(const char *output, const char *rest, struct serve_route **ret_route)
{
    static char quoted[WAT_MAX];
    static char wat[WAT_MAX * 2];
    struct site_test *s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_CGI, "/app/...");
    size_t len = quote(output, quoted, sizeof quoted);
    (void)snprintf(wat, sizeof wat, writer, quoted, len, rest);
    route->module = site_test_file(s, "app.wat", wat);
    *ret_route = route;
    return s;
}

static void a_hello(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("Content-Type: text/plain\n\nhello", "", &route);
    site_test_make(s);
    for (int i = 0; i < 20; i++) {
        struct fake_transaction *t = site_test_get(s, "/app/x");
        assert_true(t->is_ended);
        assert_int_equal(t->status, 200);
        assert_string_equal(fake_transaction_head(t), "Content-Type: text/plain\n");
        assert_string_equal(fake_transaction_content(t), "hello");
        assert_int_equal(t->length, HTTP_LENGTH_UNKNOWN);
        const struct notes *notes = notes_of(fake_transaction(t));
        assert_int_equal(notes->end, NOTES_EXITED);
        assert_string_equal(notes->name, "/app/...");
        assert_int_equal(notes->route, 0);
        assert_int_equal(notes->memory, 4 << 16);
        assert_true(notes->cpu_ns > 0);
        assert_int_equal(site_route_running(s->site, 0), 0);
        site_test_done(s, t);
    }
    assert_string_equal(site_test_log(s), "");
    site_test_end(s);
}

/* How a guest ends, and what becomes of its request. */
static const struct ending_row {
    const char *output;
    const char *rest;
    int status;
    bool is_broken; /* the response is broken off */
    enum notes_end end;
    const char *log; /* a part of it, or NULL: nothing */
} endings[] = {
    {"X: 1\n\nabc", "(call $exit (i32.const 0))", 200, false, NOTES_EXITED, NULL},
    {"X: 1\n\nabc", "(call $exit (i32.const 3))", 200, false, NOTES_EXIT_CODE, "exit code 3"},
    {"", "", 502, false, NOTES_NO_HEAD, "before its response's head"},
    {"X: 1\n", "", 502, false, NOTES_NO_HEAD, "before its response's head"},
    {"X: 1\n", "(call $exit (i32.const 3))", 502, false, NOTES_NO_HEAD, "exit code 3"},
    {"hello\n\n", "", 502, false, NOTES_BAD_HEAD, "no colon"},
    {"\nhello", "", 502, false, NOTES_BAD_HEAD, "no header"},
    {"X: a\rSet-Cookie: b\n\n", "", 502, false, NOTES_BAD_HEAD, "control character"},
    {"Status: 1000\n\n", "", 502, false, NOTES_BAD_HEAD, "three digits"},
    {"hello\n\n", "(loop $l (br $l))", 502, false, NOTES_BAD_HEAD, "no colon"},
    {"", "unreachable", 500, false, NOTES_TRAPPED, "the guest trapped"},
    {"X: 1\n\nabc", "unreachable", 200, true, NOTES_TRAPPED, "the guest trapped"},
    {"", "(drop (memory.grow (i32.const 60000))) unreachable", 500, false, NOTES_MEMORY,
     "wanted more memory"},
    {"", "(loop $l (br $l))", 504, false, NOTES_CPU, "CPU time"},
    {"X: 1\n\nabc", "(loop $l (br $l))", 200, true, NOTES_CPU, "CPU time"},
    {"Content-Length: 9\n\nabc", "", 200, true, NOTES_EXITED, NULL},
    {"Content-Length: 3\n\nabc", "", 200, false, NOTES_EXITED, NULL},
    {"Content-Length: 2\n\nabc",
     "(if (i32.ne (call $put (i32.const 1) (i32.const 1024) (i32.const 1)) (i32.const 22))"
     " (then unreachable))",
     200, false, NOTES_EXITED, "more than its Content-Length"},
    {"", "(drop (call $get (i32.const 2048) (i32.const 16)))", 502, false, NOTES_NO_HEAD, "head"},
};

static void endings_of_guests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        const struct ending_row *row = &endings[i];
        struct serve_route *route = NULL;
        struct site_test *s = begin(row->output, row->rest, &route);
        route->guest.cpu_ns = 50000000;
        site_test_make(s);
        struct fake_transaction *t = site_test_get(s, "/app");
        const struct notes *notes = notes_of(fake_transaction(t));
        if (t->status != row->status || t->is_broken != row->is_broken || notes->end != row->end) {
            fail_msg("row %zu: status %u, broken %d, %s; log: %s", i, t->status, t->is_broken,
                     notes_end_text(notes->end), site_test_log(s));
        }
        const char *log = site_test_log(s);
        assert_true(row->log == NULL ? log[0] == '\0' : strstr(log, row->log) != NULL);
        assert_int_equal(site_route_running(s->site, 0), 0);
        site_test_done(s, t);
        site_test_end(s);
    }
}

static void a_guest_that_waits_for_ever(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("", "(drop (call $get (i32.const 2048) (i32.const 16)))", &route);
    route->guest.wall_ns = 50000000;
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("POST", "/app");
    fake_transaction_body(t, "never", /* is_length_known */ true);
    t->body_ready = 0;
    site_test_request(s, t);
    site_test_run(s, t);
    assert_int_equal(t->status, 504);
    assert_int_equal(notes_of(fake_transaction(t))->end, NOTES_WALL);
    site_test_done(s, t);
    site_test_end(s);
}

static const char echo[] = "(loop $more"
                           " (drop (call $get (i32.const 4096) (i32.const 65536)))"
                           " (local.set $n (i32.load (i32.const 8)))"
                           " (if (local.get $n) (then"
                           "  (drop (call $put (i32.const 1) (i32.const 4096) (local.get $n)))"
                           "  (br $more))))";

static void a_body_goes_through_as_it_comes(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("Content-Type: a/b\n\n", echo, &route);
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("POST", "/app");
    fake_transaction_body(t, "one two three", /* is_length_known */ false);
    t->body_ready = 0;
    site_test_request(s, t);
    site_test_turns(s, 4);
    assert_int_equal(t->status, 200); /* the head is there while nothing has been read */
    assert_string_equal(fake_transaction_content(t), "");
    assert_true(t->wants_read);
    t->body_ready = 4;
    fake_transaction_readable(t);
    site_test_turns(s, 4);
    assert_string_equal(fake_transaction_content(t), "one ");
    t->body_ready = t->body.len;
    fake_transaction_readable(t);
    site_test_run(s, t);
    assert_true(t->is_ended);
    assert_string_equal(fake_transaction_content(t), "one two three");
    site_test_done(s, t);
    site_test_end(s);
}

static void a_peer_that_does_not_read_stops_the_guest(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("Content-Type: a/b\n\n",
                                "(loop $more"
                                " (drop (call $put (i32.const 1) (i32.const 4096)"
                                "  (i32.const 65536))) (br $more))",
                                &route);
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("GET", "/app");
    t->room = 100000;
    site_test_request(s, t);
    site_test_turns(s, 20);
    assert_true(t->wants_write);
    assert_int_equal(t->content.len, 100000);
    fake_transaction_writable(t, 50000);
    site_test_turns(s, 20);
    assert_int_equal(t->content.len, 150000);
    assert_true(t->most <= 65536); /* straight from the guest: nothing was put together */
    fake_transaction_abort(t);
    assert_int_equal(notes_of(fake_transaction(t))->end, NOTES_CANCELLED);
    assert_int_equal(site_route_running(s->site, 0), 0);
    site_test_done(s, t);
    site_test_turns(s, 2);
    site_test_end(s);
}

static void bodies_that_are_too_large(void **state)
{
    (void)state;
    static const struct {
        bool is_length_known;
        const char *output;
        int status;
        const char *content;
    } rows[] = {
        {true, "", 413, ""},
        {false, "", 413, ""},
        {false, "X: 1\n\n", 200, "a lon"}, /* the guest sees its read fail, and ends */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct serve_route *route = NULL;
        struct site_test *s =
            begin(rows[i].output,
                  "(loop $more"
                  " (br_if 1 (call $get (i32.const 4096) (i32.const 5)))"
                  " (drop (call $put (i32.const 1) (i32.const 4096) (i32.load (i32.const 8))))"
                  " (br_if $more (i32.load (i32.const 8))))",
                  &route);
        route->body_max = 8;
        site_test_make(s);
        struct fake_transaction *t = fake_transaction_new("POST", "/app");
        fake_transaction_body(t, "a long body", rows[i].is_length_known);
        site_test_request(s, t);
        site_test_run(s, t);
        assert_int_equal(t->status, rows[i].status);
        if (rows[i].status == 413) {
            assert_int_equal(notes_of(fake_transaction(t))->end, NOTES_TOO_LARGE);
        } else {
            assert_true(t->is_ended);
            assert_int_equal(notes_of(fake_transaction(t))->end, NOTES_EXITED);
        }
        assert_string_equal(fake_transaction_content(t), rows[i].content);
        site_test_done(s, t);
        site_test_end(s);
    }
}

static void as_many_as_the_route_may_have(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("X: 1\n\n", echo, &route);
    route->concurrency = 2;
    route->retry_after_s = 7;
    site_test_make(s);
    struct fake_transaction *ts[3];
    for (int i = 0; i < 3; i++) {
        ts[i] = fake_transaction_new("POST", "/app");
        fake_transaction_body(ts[i], "x", /* is_length_known */ true);
        ts[i]->body_ready = 0;
        site_test_request(s, ts[i]);
    }
    assert_int_equal(ts[2]->status, 503);
    assert_int_equal(ts[2]->retry_after_s, 7);
    assert_int_equal(notes_of(fake_transaction(ts[2]))->end, NOTES_BUSY);
    assert_int_equal(site_route_running(s->site, 0), 2);
    site_test_turns(s, 4);
    fake_transaction_abort(ts[0]);
    struct fake_transaction *another = fake_transaction_new("GET", "/app");
    site_test_request(s, another);
    assert_int_equal(another->status, 0); /* there is room again */
    site_test_run(s, another);
    assert_int_equal(another->status, 200);
    fake_transaction_abort(ts[1]);
    for (int i = 0; i < 3; i++) {
        site_test_done(s, ts[i]);
    }
    site_test_done(s, another);
    site_test_end(s);
}

static void stderr_is_the_operators(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(
        "Content-Type: a/b\n\nforged\nline\033[2J",
        "(drop (call $put (i32.const 2) (i32.const 1043) (i32.const 15)))"
        "(local.set $n (i32.const 100))"
        "(loop $more (drop (call $put (i32.const 2) (i32.const 4096) (i32.const 1000)))"
        " (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $more (local.get $n)))",
        &route);
    site_test_make(s);
    struct fake_transaction *t = site_test_get(s, "/app");
    assert_int_equal(t->status, 200);
    const char *log = site_test_log(s);
    assert_true(strncmp(log, "/app/...: forged\n/app/...: line\\x1b[2J", 38) == 0);
    assert_non_null(strstr(log, "/app/...: ... cut: "));
    assert_true(strlen(log) < 4096 * 5);
    site_test_done(s, t);
    site_test_end(s);
}

static void a_site_leaves_with_its_last_request(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("X: 1\n\n", echo, &route);
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("POST", "/app");
    fake_transaction_body(t, "hi", /* is_length_known */ true);
    t->body_ready = 0;
    site_test_request(s, t);
    site_test_turns(s, 4);
    site_free(s->site);
    assert_int_equal(s->freed, 0);
    t->body_ready = 2;
    fake_transaction_readable(t);
    site_test_run(s, t);
    assert_string_equal(fake_transaction_content(t), "hi");
    assert_int_equal(s->freed, 0);
    host_ticker_stop(&s->ticker);
    site_on_done(fake_transaction(t));
    assert_int_equal(s->freed, 1);
    fake_transaction_free(t);
    s->site = NULL;
    s->freed = 0;
    site_test_end(s);
}

static void headers_of_the_route(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("x-frame-options: ALLOW\nSet-Cookie: a=1\nX: 1\n\n", "", &route);
    route->headers.items = calloc(2, sizeof *route->headers.items);
    assert_non_null(route->headers.items);
    route->headers.items[0] = (struct serve_pair){strdup("X-Frame-Options"), strdup("DENY")};
    route->headers.items[1] = (struct serve_pair){strdup("Set-Cookie"), strdup("b=2")};
    route->headers.count = 2;
    site_test_make(s);
    struct fake_transaction *t = site_test_get(s, "/app");
    assert_string_equal(fake_transaction_head(t),
                        "Set-Cookie: a=1\nX: 1\nX-Frame-Options: DENY\nSet-Cookie: b=2\n");
    site_test_done(s, t);
    site_test_end(s);
}

static void a_request_that_cannot_be_told(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin("X: 1\n\n", "", &route);
    char *huge = malloc(2 << 20);
    assert_non_null(huge);
    memset(huge, 'x', (2 << 20) - 1);
    huge[(2 << 20) - 1] = '\0';
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("GET", "/app");
    fake_transaction_header(t, "x", huge);
    site_test_request(s, t);
    assert_int_equal(t->status, 431);
    site_test_done(s, t);
    free(huge);
    site_test_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello),
        cmocka_unit_test(endings_of_guests),
        cmocka_unit_test(a_guest_that_waits_for_ever),
        cmocka_unit_test(a_body_goes_through_as_it_comes),
        cmocka_unit_test(a_peer_that_does_not_read_stops_the_guest),
        cmocka_unit_test(bodies_that_are_too_large),
        cmocka_unit_test(as_many_as_the_route_may_have),
        cmocka_unit_test(stderr_is_the_operators),
        cmocka_unit_test(a_site_leaves_with_its_last_request),
        cmocka_unit_test(headers_of_the_route),
        cmocka_unit_test(a_request_that_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, site_test_setup, NULL);
}
