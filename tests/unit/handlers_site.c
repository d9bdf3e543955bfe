/* Sites: how a request finds its route, answers from the configuration, and what is refused while a
 * site is made.
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

static void add_text(struct site_test *s, const char *pattern, const char *body)
{
    struct serve_route *route = site_test_route(s, SERVE_TEXT, pattern);
    route->body = strdup(body);
}

static void check(struct site_test *s, const char *target, int status, const char *content)
{
    struct fake_transaction *t = site_test_get(s, target);
    if (t->status != status || strcmp(fake_transaction_content(t), content) != 0) {
        fail_msg("%s: %u %s", target, t->status, fake_transaction_content(t));
    }
    site_test_done(s, t);
}

static void routes_are_not_reached_around(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    add_text(s, "/...", "public");
    add_text(s, "/admin/...", "admin");
    add_text(s, "other.example/...", "other");
    add_text(s, "example.org/named", "named");
    add_text(s, "/a b", "blank");
    site_test_make(s);
    check(s, "/", 200, "public");
    check(s, "/admin", 200, "admin");
    check(s, "/%61dmin/x", 200, "admin");
    check(s, "//admin/x", 200, "admin");
    check(s, "/x/../admin", 200, "admin");
    check(s, "/admin/%2e%2e/x", 200, "public");
    check(s, "/admin%2Fx", 200, "public");
    check(s, "/named", 200, "named");
    check(s, "/a%20b", 200, "blank");
    check(s, "/%00", 400, "");
    check(s, "/%", 400, "");
    struct fake_transaction *t = fake_transaction_new("OPTIONS", "*");
    site_test_request(s, t);
    assert_int_equal(t->status, 204);
    assert_int_equal(notes_of(fake_transaction(t))->route, NOTES_NO_ROUTE);
    site_test_done(s, t);
    t = fake_transaction_new("GET", "*");
    site_test_request(s, t);
    assert_int_equal(t->status, 400);
    site_test_done(s, t);
    assert_null(site_engine(s->site)); /* nothing here needs one */
    site_test_end(s);
}

static void no_such_route(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    add_text(s, "/a", "a");
    site_test_make(s);
    struct fake_transaction *t = site_test_get(s, "/b");
    assert_int_equal(t->status, 404);
    assert_true(t->is_page);
    const struct notes *notes = notes_of(fake_transaction(t));
    assert_int_equal(notes->route, NOTES_NO_ROUTE);
    assert_string_equal(notes->name, "-");
    assert_string_equal(notes_end_text(notes->end), "none");
    site_test_done(s, t);
    t = fake_transaction_new("GET", "/refused/by/the/front");
    site_on_done(fake_transaction(t));
    fake_transaction_free(t);
    site_test_end(s);
}

static void texts(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_TEXT, "/robots.txt");
    route->body = strdup("User-agent: *\n");
    route = site_test_route(s, SERVE_TEXT, "/gone");
    route->status = 410;
    route->type = strdup("text/html");
    site_test_make(s);
    struct fake_transaction *t = site_test_get(s, "/robots.txt");
    assert_int_equal(t->status, 200);
    assert_string_equal(fake_transaction_head(t), "content-type: text/plain; charset=utf-8\n");
    assert_string_equal(fake_transaction_content(t), "User-agent: *\n");
    site_test_done(s, t);
    t = site_test_get(s, "/gone");
    assert_int_equal(t->status, 410);
    assert_string_equal(fake_transaction_head(t), "content-type: text/html\n");
    site_test_done(s, t);
    site_test_end(s);
}

static void redirects(void **state)
{
    (void)state;
    static const struct {
        const char *to;
        uint16_t status;
        const char *target;
        const char *location;
    } rows[] = {
        {"https://b.example/", 301, "/r/x?y", "https://b.example/"},
        {"https://b.example${path}?${query}", 0, "/r/x?y=1&z", "https://b.example/r/x?y=1&z"},
        {"https://b.example${path}?${query}", 0, "/r/x", "https://b.example/r/x"},
        {"/new${path}", 302, "/r/%0d%0aSet-Cookie:x", "/new/r/%0D%0ASet-Cookie:x"},
        {"${path}", 302, "/r//evil.example/", "/r/evil.example/"},
        {"/a$b{c}$", 307, "/r", "/a$b{c}$"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct site_test *s = site_test_begin();
        struct serve_route *route = site_test_route(s, SERVE_REDIRECT, "/r/...");
        char want[256];
        route->to = strdup(rows[i].to);
        route->status = rows[i].status;
        site_test_make(s);
        struct fake_transaction *t = site_test_get(s, rows[i].target);
        (void)snprintf(want, sizeof want, "location: %s\n", rows[i].location);
        assert_string_equal(fake_transaction_head(t), want);
        assert_int_equal(t->status, rows[i].status != 0 ? rows[i].status : 308);
        site_test_done(s, t);
        site_test_end(s);
    }
}

/* -- what is refused -------------------------------------------------------------------------- */

#define COMMAND "(module (memory (export \"memory\") 1) (func (export \"_start\")))"
#define ACCEPTS                                                                                    \
    "(module (import \"wasi_snapshot_preview1\" \"sock_accept\" (func (param i32 i32 i32) "        \
    "(result i32))) (memory (export \"memory\") 1) (func (export \"_start\")))"
#define OPENS                                                                                      \
    "(module (import \"wasi_snapshot_preview1\" \"sock_open\" (func (param i32 i32 i32) "          \
    "(result i32)))"                                                                               \
    " (import \"wasi_snapshot_preview1\" \"sock_bind\" (func (param i32 i32 i32) (result i32)))"   \
    " (import \"wasi_snapshot_preview1\" \"sock_listen\" (func (param i32 i32) (result i32)))"     \
    " (memory (export \"memory\") 1) (func (export \"_start\")))"

static const struct refusal_row {
    enum serve_kind kind;
    const char *module;
    const char *entry;
    uint32_t reuse;
    const char *want; /* a part of the error; NULL: taken */
} refusals[] = {
    {SERVE_AUTO, COMMAND, NULL, 1, NULL},
    {SERVE_CGI, COMMAND, NULL, 1, NULL},
    {SERVE_CGI, COMMAND, "_start", 0, NULL},
    {SERVE_CGI, COMMAND, NULL, 2, "reuse = 2"},
    {SERVE_CGI, COMMAND, "other", 1, "other"},
    {SERVE_CGI, "(module (func (export \"_initialize\")) (func (export \"f\")))", NULL, 1,
     "_start"},
    {SERVE_AUTO, ACCEPTS, NULL, 1, "run it with: hythe run --tcplisten 127.0.0.1:8080 /tmp/"},
    {SERVE_CGI, ACCEPTS, NULL, 1, NULL},
    {SERVE_WAGI, ACCEPTS, NULL, 1, NULL},
    {SERVE_AUTO, OPENS, NULL, 1, "run it with: hythe run --allow-listen :8080 /tmp/"},
    {SERVE_WAGI, OPENS, NULL, 1, "opens its own listening sockets"},
    {SERVE_CGI, OPENS, NULL, 1, NULL},
    {SERVE_WASI_HTTP, COMMAND, NULL, 1, "is for components"},
    {SERVE_CGI, "no module", NULL, 1, "no WebAssembly"},
    {SERVE_CGI, "(module (import \"a\" \"b\" (func)) (func (export \"_start\")))", NULL, 1, "b"},
};

static void modules_that_are_no_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        const struct refusal_row *row = &refusals[i];
        struct site_test *s = site_test_begin();
        struct serve_route *route = site_test_route(s, row->kind, "/app/...");
        route->module = site_test_file(s, "m.wat", row->module);
        route->entry = row->entry != NULL ? strdup(row->entry) : NULL;
        route->reuse = row->reuse;
        int r = site_test_try(s);
        if ((r < 0) != (row->want != NULL) ||
            (r < 0 && (strstr(s->err.text, row->want) == NULL ||
                       strncmp(s->err.text, "hythe.toml:1:1: route /app/...: ", 32) != 0))) {
            fail_msg("row %zu: %d %s", i, r, s->err.text);
        }
        assert_true(r == 0 || s->err.exit != 0);
        site_test_end(s);
    }
}

static void routes_that_make_no_sense(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    add_text(s, "/a/...", "1");
    add_text(s, "/%61/...", "2");
    assert_int_equal(site_test_try(s), -EEXIST);
    assert_string_equal(s->err.text,
                        "hythe.toml:2:1: route /%61/...: its host and path are those of "
                        "route /a/... (line 1); remove one of them");
    site_test_end(s);

    s = site_test_begin();
    add_text(s, "/a%", "1");
    assert_int_equal(site_test_try(s), -EINVAL);
    assert_non_null(strstr(s->err.text, "is no path"));
    site_test_end(s);

    s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_FILES, "/...");
    route->root = strdup("/nonexistent/folder");
    assert_int_equal(site_test_try(s), -ENOENT);
    assert_non_null(strstr(s->err.text, "/nonexistent/folder"));
    site_test_end(s);

    static const char *const targets[] = {"", "/a b", "/a\nb", "/${nothing}"};
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        s = site_test_begin();
        route = site_test_route(s, SERVE_REDIRECT, "/...");
        route->to = strdup(targets[i]);
        assert_int_equal(site_test_try(s), -EINVAL);
        site_test_end(s);
    }

    s = site_test_begin();
    route = site_test_route(s, SERVE_CGI, "/...");
    route->module = strdup("/nonexistent.wasm");
    assert_true(site_test_try(s) < 0);
    assert_int_equal(s->err.exit, 127);
    site_test_end(s);
}

/* -- WAGI's _routes --------------------------------------------------------------------------- */

/* Writes what `name` says, with one fd_write for each. */
#define WAGI_BEGIN                                                                                 \
    "(module (import \"wasi_snapshot_preview1\" \"fd_write\""                                      \
    "  (func $write (param i32 i32 i32 i32) (result i32)))"                                        \
    " (memory (export \"memory\") 1)"                                                              \
    " (func $put (param $at i32) (param $len i32)"                                                 \
    "  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $len))"       \
    "  (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"              \
    " (data (i32.const 100) \"X: 1\\n\\nmain\")"                                                   \
    " (data (i32.const 200) \"X: 1\\n\\nhello\")"                                                  \
    " (func (export \"_start\") (call $put (i32.const 100) (i32.const 10)))"                       \
    " (func (export \"hello\") (call $put (i32.const 200) (i32.const 11)))"

static struct site_test *begin_wagi(const char *routes, size_t len)
{
    struct site_test *s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_WAGI, "/example");
    char wat[8192];
    (void)snprintf(wat, sizeof wat,
                   WAGI_BEGIN " (data (i32.const 300) \"%s\")"
                              " (func (export \"_routes\") (call $put (i32.const 300)"
                              " (i32.const %zu))))",
                   routes, len);
    route->module = site_test_file(s, "wagi.wat", wat);
    return s;
}

static void a_module_names_its_routes(void **state)
{
    (void)state;
    static const char text[] = "/hello hello\\0d\\0a\\0a/more/...   hello\\0a/main _start";
    struct site_test *s = begin_wagi(text, sizeof text - 1 - 8);
    site_test_make(s);
    assert_int_equal(site_route_count(s->site), 4);
    assert_string_equal(site_route_name(s->site, 2), "/example/more/...");
    check(s, "/example", 200, "main");
    check(s, "/example/hello", 200, "hello");
    check(s, "/example/more", 200, "hello");
    check(s, "/example/more/and/more", 200, "hello");
    check(s, "/example/main", 200, "main");
    check(s, "/example/other", 404, "");
    check(s, "/hello", 404, "");
    site_test_end(s);
}

static void modules_that_name_them_badly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"/hello nothing", "nothing"},
        {"/hello", "/hello"},
        {"hello hello", "/PATH FUNCTION"},
        {"/hello hello hello", "/PATH FUNCTION"},
        {"/%zz hello", "is no path"},
        {"/a hello\\0a/a hello", "remove one of them"},
        {"/../other hello", "not beneath"},
        {"/%2e%2e/other/... hello", "not beneath"},
        {"/../example2 hello", "not beneath"},
        {"/a\\1b hello", "\\x1b"},
        {"/a\\ff hello", "\\xff"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t len = strlen(rows[i].text) - (strchr(rows[i].text, '\\') != NULL ? 2 : 0);
        struct site_test *s = begin_wagi(rows[i].text, len);
        assert_true(site_test_try(s) < 0);
        if (strstr(s->err.text, rows[i].want) == NULL) {
            fail_msg("%s: %s", rows[i].text, s->err.text);
        }
        site_test_end(s);
    }
    struct site_test *s = site_test_begin();
    struct serve_route *route = site_test_route(s, SERVE_WAGI, "/example");
    route->module =
        site_test_file(s, "wagi.wat", WAGI_BEGIN "(func (export \"_routes\") (loop $l (br $l))))");
    assert_true(site_test_try(s) < 0);
    assert_non_null(strstr(s->err.text, "its _routes failed"));
    site_test_end(s);
}

/* -- the rest --------------------------------------------------------------------------------- */

static void routes_share_a_program(void **state)
{
    (void)state;
    struct site_test *s = site_test_begin();
    for (int i = 0; i < 3; i++) {
        char pattern[32];
        (void)snprintf(pattern, sizeof pattern, "/%d/...", i);
        struct serve_route *route = site_test_route(s, SERVE_CGI, pattern);
        route->module = site_test_file(s, "m.wat", COMMAND);
    }
    s->routes[2].guest.env.items = calloc(1, sizeof *s->routes[2].guest.env.items);
    assert_non_null(s->routes[2].guest.env.items);
    s->routes[2].guest.env.items[0] = (struct serve_pair){strdup("A"), strdup("b")};
    s->routes[2].guest.env.count = 1;
    s->routes[1].concurrency = 5;
    s->routes[1].body_max = 1 << 20;
    site_test_make(s);
    for (int i = 0; i < 3; i++) {
        char target[32];
        (void)snprintf(target, sizeof target, "/%d/x", i);
        check(s, target, 502, "");
    }
    struct buffer out;
    buffer_init(&out, 1 << 20);
    assert_int_equal(site_describe(s->site, &out), 0);
    char want[1024];
    const char *module = s->routes[0].module;
    (void)snprintf(want, sizeof want,
                   "host  path    kind  what%*s  limits\n"
                   "*     /0/...  cgi   %s  memory 16 MiB, cpu 1 s, wall 2 s\n"
                   "*     /1/...  cgi   %s  memory 16 MiB, cpu 1 s, wall 2 s, body 1 MiB, "
                   "concurrency 5\n"
                   "*     /2/...  cgi   %s  memory 16 MiB, cpu 1 s, wall 2 s\n",
                   (int)strlen(module) - 4, "", module, module, module);
    assert_string_equal(buffer_text(&out), want);
    buffer_done(&out);
    site_test_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_not_reached_around),
        cmocka_unit_test(no_such_route),
        cmocka_unit_test(texts),
        cmocka_unit_test(redirects),
        cmocka_unit_test(modules_that_are_no_commands),
        cmocka_unit_test(routes_that_make_no_sense),
        cmocka_unit_test(a_module_names_its_routes),
        cmocka_unit_test(modules_that_name_them_badly),
        cmocka_unit_test(routes_share_a_program),
    };
    return cmocka_run_group_tests(tests, site_test_setup, NULL);
}
