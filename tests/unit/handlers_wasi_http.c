/* Components behind a site, on the real engine: how they end, and what becomes of their instances.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail http_transaction_trailers http_transaction_flush */
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
#include "site_test.h"

enum { WAT_MAX = 32 << 10, MANY = 300 };

/* A component that is called with $req and $out and does `body`. Its functions: $begin makes a response
 * of that status in $resp and its body in $content; $set sets the outparam; $finish ends the body;
 * $refuse sets an error-code. $n counts the calls of this instance. */
static const char types[] =
    "(component"
    " (import \"wasi:http/types@0.2.0\" (instance $t"
    "  (export \"fields\" (type $fields (sub resource)))"
    "  (export \"incoming-request\" (type $req (sub resource)))"
    "  (export \"outgoing-response\" (type $resp (sub resource)))"
    "  (export \"outgoing-body\" (type $body (sub resource)))"
    "  (export \"response-outparam\" (type $out (sub resource)))"
    "  (type $dns (record (field \"rcode\" (option string)) (field \"info-code\" (option u16))))"
    "  (export \"DNS-error-payload\" (type $dns-payload (eq $dns)))"
    "  (type $tls (record (field \"alert-id\" (option u8)) (field \"alert-message\" (option "
    "string))))"
    "  (export \"TLS-alert-received-payload\" (type $tls-payload (eq $tls)))"
    "  (type $size (record (field \"field-name\" (option string)) (field \"field-size\" (option "
    "u32))))"
    "  (export \"field-size-payload\" (type $size-payload (eq $size)))"
    "  (type $error (variant"
    "   (case \"DNS-timeout\") (case \"DNS-error\" $dns-payload) (case \"destination-not-found\")"
    "   (case \"destination-unavailable\") (case \"destination-IP-prohibited\")"
    "   (case \"destination-IP-unroutable\") (case \"connection-refused\")"
    "   (case \"connection-terminated\") (case \"connection-timeout\")"
    "   (case \"connection-read-timeout\") (case \"connection-write-timeout\")"
    "   (case \"connection-limit-reached\") (case \"TLS-protocol-error\")"
    "   (case \"TLS-certificate-error\") (case \"TLS-alert-received\" $tls-payload)"
    "   (case \"HTTP-request-denied\") (case \"HTTP-request-length-required\")"
    "   (case \"HTTP-request-body-size\" (option u64)) (case \"HTTP-request-method-invalid\")"
    "   (case \"HTTP-request-URI-invalid\") (case \"HTTP-request-URI-too-long\")"
    "   (case \"HTTP-request-header-section-size\" (option u32))"
    "   (case \"HTTP-request-header-size\" (option $size-payload))"
    "   (case \"HTTP-request-trailer-section-size\" (option u32))"
    "   (case \"HTTP-request-trailer-size\" $size-payload) (case \"HTTP-response-incomplete\")"
    "   (case \"HTTP-response-header-section-size\" (option u32))"
    "   (case \"HTTP-response-header-size\" $size-payload)"
    "   (case \"HTTP-response-body-size\" (option u64))"
    "   (case \"HTTP-response-trailer-section-size\" (option u32))"
    "   (case \"HTTP-response-trailer-size\" $size-payload)"
    "   (case \"HTTP-response-transfer-coding\" (option string))"
    "   (case \"HTTP-response-content-coding\" (option string)) (case \"HTTP-response-timeout\")"
    "   (case \"HTTP-upgrade-failed\") (case \"HTTP-protocol-error\") (case \"loop-detected\")"
    "   (case \"configuration-error\") (case \"internal-error\" (option string))))"
    "  (export \"error-code\" (type $code (eq $error)))"
    "  (export \"[constructor]fields\" (func (result (own $fields))))"
    "  (export \"[constructor]outgoing-response\""
    "   (func (param \"headers\" (own $fields)) (result (own $resp))))"
    "  (export \"[method]outgoing-response.set-status-code\""
    "   (func (param \"self\" (borrow $resp)) (param \"status-code\" u16) (result (result))))"
    "  (export \"[method]outgoing-response.body\""
    "   (func (param \"self\" (borrow $resp)) (result (result (own $body)))))"
    "  (export \"[static]outgoing-body.finish\""
    "   (func (param \"this\" (own $body)) (param \"trailers\" (option (own $fields)))"
    "    (result (result (error $code)))))"
    "  (export \"[static]response-outparam.set\""
    "   (func (param \"param\" (own $out))"
    "    (param \"response\" (result (own $resp) (error $code)))))))";

static const char core[] =
    " (alias export $t \"incoming-request\" (type $req))"
    " (alias export $t \"response-outparam\" (type $out))"
    " (core module $lib (memory (export \"memory\") 1)"
    "  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))"
    " (core instance $lib (instantiate $lib))"
    " (core func $fields (canon lower (func $t \"[constructor]fields\")))"
    " (core func $new (canon lower (func $t \"[constructor]outgoing-response\")))"
    " (core func $status (canon lower (func $t \"[method]outgoing-response.set-status-code\")))"
    " (core func $content (canon lower (func $t \"[method]outgoing-response.body\")"
    "  (memory (core memory $lib \"memory\"))))"
    " (core func $end (canon lower (func $t \"[static]outgoing-body.finish\")"
    "  (memory (core memory $lib \"memory\")) (realloc (core func $lib \"realloc\"))))"
    " (core func $answer (canon lower (func $t \"[static]response-outparam.set\")"
    "  (memory (core memory $lib \"memory\")) (realloc (core func $lib \"realloc\"))))"
    " (core module $main"
    "  (import \"\" \"fields\" (func $fields (result i32)))"
    "  (import \"\" \"new\" (func $new (param i32) (result i32)))"
    "  (import \"\" \"status\" (func $status (param i32 i32) (result i32)))"
    "  (import \"\" \"content\" (func $content (param i32 i32)))"
    "  (import \"\" \"end\" (func $end (param i32 i32 i32 i32)))"
    "  (import \"\" \"answer\""
    "   (func $answer (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))"
    "  (import \"lib\" \"memory\" (memory 1))"
    "  (memory $own 0)"
    "  (global $n (mut i32) (i32.const 0))"
    "  (global $resp (mut i32) (i32.const 0))"
    "  (global $body (mut i32) (i32.const 0))"
    "  (func $begin (param $code i32)"
    "   (global.set $resp (call $new (call $fields)))"
    "   (drop (call $status (global.get $resp) (local.get $code)))"
    "   (call $content (global.get $resp) (i32.const 64))"
    "   (global.set $body (i32.load (i32.const 68))))"
    "  (func $set (param $out i32)"
    "   (call $answer (local.get $out) (i32.const 0) (global.get $resp) (i32.const 0)"
    "    (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"
    "  (func $refuse (param $out i32) (param $code i32)"
    "   (call $answer (local.get $out) (i32.const 1) (local.get $code) (i32.const 0)"
    "    (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"
    "  (func $finish"
    "   (call $end (global.get $body) (i32.const 0) (i32.const 0) (i32.const 128)))"
    "  (func (export \"handle\") (param $req i32) (param $out i32)"
    "   (global.set $n (i32.add (global.get $n) (i32.const 1)))"
    "   %s))"
    " (core instance $main (instantiate $main (with \"lib\" (instance $lib))"
    "  (with \"\" (instance (export \"fields\" (func $fields)) (export \"new\" (func $new))"
    "   (export \"status\" (func $status)) (export \"content\" (func $content))"
    "   (export \"end\" (func $end)) (export \"answer\" (func $answer))))))"
    " (func $handle (param \"request\" (own $req)) (param \"response-out\" (own $out))"
    "  (canon lift (core func $main \"handle\")))"
    " (instance $handler (export \"handle\" (func $handle)))"
    " (export \"wasi:http/incoming-handler@0.2.0\" (instance $handler)))";

#define ANSWER "(call $begin (i32.const 200)) (call $set (local.get $out)) (call $finish)"
#define COUNT                                                                                      \
    "(call $begin (i32.add (i32.const 200) (global.get $n))) (call $set (local.get $out))"         \
    "(call $finish)"
#define FOREVER "(loop $l (br $l))"

static struct serve_route *add(struct site_test *s, const char *pattern, const char *body)
{
    char *wat = malloc(WAT_MAX);
    char name[32];
    assert_non_null(wat);
    struct serve_route *route = site_test_route(s, SERVE_AUTO, pattern);
    int len = snprintf(wat, WAT_MAX, "%s", types);
    len += snprintf(wat + len, WAT_MAX - (size_t)len, core, body);
    assert_true(len < WAT_MAX);
    (void)snprintf(name, sizeof name, "%u.wat", s->config.route_count);
    route->module = site_test_file(s, name, wat);
    route->reuse = 1;
    route->reuse_idle_ns = UINT64_C(10000000000);
    free(wat);
    return route;
}

/* A request to the end of its transaction; gives the status. */
static int ask(struct site_test *s, const char *path)
{
    struct fake_transaction *t = site_test_get(s, path);
    int status = t->is_broken ? -t->status : t->status;
    site_test_done(s, t);
    return status;
}

/* How a guest ends, and what becomes of its request. */
static const struct ending_row {
    const char *body;
    int status;
    bool is_broken; /* the response is broken off */
    enum notes_end end;
    const char *log; /* a part of it, or NULL: nothing; "" when the time decides */
} endings[] = {
    {ANSWER, 200, false, NOTES_EXITED, NULL},
    {"", 500, false, NOTES_NO_HEAD, "without a response"},
    {"unreachable", 500, false, NOTES_TRAPPED, "the guest trapped"},
    {"(call $begin (i32.const 200)) unreachable", 500, false, NOTES_TRAPPED, "trapped"},
    {"(call $begin (i32.const 200)) (call $set (local.get $out)) unreachable", 200, true,
     NOTES_TRAPPED, "trapped"},
    {"(call $begin (i32.const 200)) (call $set (local.get $out))", 200, true, NOTES_INCOMPLETE,
     "before its response's body was finished"},
    {ANSWER " unreachable", 200, false, NOTES_EXITED, "the guest trapped"},
    {ANSWER FOREVER, 200, false, NOTES_EXITED, ""},
    {FOREVER, 504, false, NOTES_CPU, "CPU time"},
    {"(drop (memory.grow $own (i32.const 60000))) unreachable", 500, false, NOTES_MEMORY,
     "wanted more memory"},
    {"(call $refuse (local.get $out) (i32.const 33))", 504, false, NOTES_REFUSED,
     "HTTP-response-timeout"},
    {"(call $refuse (local.get $out) (i32.const 6)) unreachable", 500, false, NOTES_TRAPPED,
     "connection-refused"},
    {"(call $refuse (local.get $out) (i32.const 15)) " FOREVER, 403, false, NOTES_REFUSED,
     "HTTP-request-denied"},
};

static void endings_of_guests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        const struct ending_row *row = &endings[i];
        struct site_test *s = site_test_begin();
        struct serve_route *route = add(s, "/app/...", row->body);
        route->guest.cpu_ns = 50000000;
        site_test_make(s);
        struct fake_transaction *t = site_test_get(s, "/app");
        const struct notes *notes = notes_of(fake_transaction(t));
        if (t->status != row->status || t->is_broken != row->is_broken || notes->end != row->end) {
            fail_msg("row %zu: status %u, broken %d, %s; log: %s", i, t->status, t->is_broken,
                     notes_end_text(notes->end), site_test_log(s));
        }
        assert_true(notes->cpu_ns > 0);
        site_test_turns(s, 5);
        if (row->log != NULL && strstr(site_test_log(s), row->log) == NULL) {
            fail_msg("row %zu: log: %s", i, site_test_log(s));
        }
        assert_true(row->log != NULL || site_test_log(s)[0] == '\0');
        site_test_done(s, t);
        site_test_end(s); /* with the guest behind its answer, where it goes on */
    }
}

static void instances_are_used_again(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    struct serve_route *route = add(s, "/app", COUNT);
    route->reuse = 3;
    site_test_make(s);
    static const int statuses[] = {201, 202, 203, 201, 202, 203, 201};
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        assert_int_equal(ask(s, "/app"), statuses[i]);
        site_test_turns(s, 2);
        assert_int_equal(site_route_running(s->site, 0), 0);
    }
    site_test_end(s); /* one waits */
}

/* One that failed is never used again, and a fresh one each is the default. */
static void instances_that_are_not(void **state)
{
    static const char *const bodies[] = {
        COUNT " unreachable",
        "(call $refuse (local.get $out) (i32.add (i32.const 5) (global.get $n)))",
        "(call $begin (i32.add (i32.const 200) (global.get $n))) (call $set (local.get $out))",
    };
    (void)state;
    for (size_t i = 0; i <= ARRAY_COUNT(bodies); i++) {
        struct site_test *s = site_test_begin();
        struct serve_route *route = add(s, "/app", i < ARRAY_COUNT(bodies) ? bodies[i] : COUNT);
        route->reuse = i < ARRAY_COUNT(bodies) ? 1000 : 1;
        site_test_make(s);
        int first = ask(s, "/app");
        site_test_turns(s, 3);
        for (int j = 0; j < 5; j++) {
            assert_int_equal(ask(s, "/app"), first);
            site_test_turns(s, 3);
        }
        site_test_end(s);
    }
}

static void instances_wait_for_so_long(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    struct serve_route *route = add(s, "/app", COUNT);
    route->reuse = 1000;
    route->reuse_idle_ns = 30000000;
    site_test_make(s);
    assert_int_equal(ask(s, "/app"), 201);
    uint64_t end_ns = loop_clock_ns() + 300000000;
    while (loop_clock_ns() < end_ns) {
        assert_int_equal(loop_turn(s->loop, 10), 0);
    }
    assert_int_equal(ask(s, "/app"), 201);
    site_test_end(s);
}

/* The pool has places for 8: those that wait make room for whoever needs one. */
static void instances_that_wait_give_way(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    char path[16];
    for (int i = 0; i < 12; i++) {
        (void)snprintf(path, sizeof path, "/%d", i);
        add(s, path, COUNT)->reuse = 1000;
    }
    site_test_make(s);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 12; i++) {
            (void)snprintf(path, sizeof path, "/%d", i);
            assert_int_equal(ask(s, path), 201);
            site_test_turns(s, 1);
        }
    }
    assert_string_equal(site_test_log(s), "");
    site_test_end(s);
}

static void clients_that_leave(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    (void)add(s, "/app", FOREVER);
    site_test_make(s);
    for (int turns = 0; turns < 4; turns++) {
        struct fake_transaction *t = fake_transaction_new("GET", "/app");
        site_test_request(s, t);
        site_test_turns(s, turns);
        assert_int_equal(site_route_running(s->site, 0), 1);
        fake_transaction_abort(t);
        assert_int_equal(site_route_running(s->site, 0), 0);
        assert_int_equal(notes_of(fake_transaction(t))->end, NOTES_CANCELLED);
        site_test_done(s, t);
    }
    site_test_end(s);
}

static void no_more_than_allowed_at_a_time(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    add(s, "/app", ANSWER)->concurrency = 1;
    site_test_make(s);
    struct fake_transaction *first = fake_transaction_new("GET", "/app");
    site_test_request(s, first);
    assert_int_equal(ask(s, "/app"), 503);
    site_test_run(s, first);
    assert_int_equal(first->status, 200);
    site_test_done(s, first);
    site_test_turns(s, 2);
    assert_int_equal(ask(s, "/app"), 200);
    site_test_end(s);
}

static void many_requests(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    (void)add(s, "/fresh", ANSWER);
    add(s, "/again", ANSWER)->reuse = 7;
    (void)add(s, "/fail", "unreachable");
    site_test_make(s);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ask(s, "/fresh"), 200);
        assert_int_equal(ask(s, "/again"), 200);
        assert_int_equal(ask(s, "/fail"), 500);
    }
    site_test_end(s);
}

static void routes_that_cannot_be(void **state)
{
    static const struct {
        enum serve_kind kind;
        const char *entry;
        const char *error;
    } rows[] = {
        {SERVE_CGI, NULL, "is a component"},
        {SERVE_WAGI, NULL, "is a component"},
        {SERVE_AUTO, "_start", "component"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct site_test *s = site_test_begin();
        struct serve_route *route = add(s, "/app", ANSWER);
        route->kind = rows[i].kind;
        route->entry = rows[i].entry != NULL ? strdup(rows[i].entry) : NULL;
        assert_true(site_test_try(s) < 0);
        if (strstr(s->err.text, rows[i].error) == NULL) {
            fail_msg("row %zu: %s", i, s->err.text);
        }
        site_test_end(s);
    }
    struct site_test *s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_AUTO, "/app");
    route->module = site_test_file(s, "a.wat", "(component)");
    assert_true(site_test_try(s) < 0);
    assert_non_null(strstr(s->err.text, "component"));
    site_test_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings_of_guests),
        cmocka_unit_test(instances_are_used_again),
        cmocka_unit_test(instances_that_are_not),
        cmocka_unit_test(instances_wait_for_so_long),
        cmocka_unit_test(instances_that_wait_give_way),
        cmocka_unit_test(clients_that_leave),
        cmocka_unit_test(no_more_than_allowed_at_a_time),
        cmocka_unit_test(many_requests),
        cmocka_unit_test(routes_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, site_test_setup, NULL);
}
