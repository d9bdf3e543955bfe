/* Static files: names, conditions, ranges, codings, and what is not to be had.
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

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "handlers/files_internal.h"
#include "site_test.h"

#define MODIFIED "Sat, 02 Jan 2021 03:04:05 GMT"

enum { MODIFIED_AT = 1609556645 };

static void put(struct site_test *s, const char *name, const char *text)
{
    char *path = site_test_file(s, name, text);
    const struct timespec times[2] = {{MODIFIED_AT, 0}, {MODIFIED_AT, 7}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

static void put_folder(struct site_test *s, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static struct site_test *begin(struct serve_route **ret_route)
{
    struct site_test *s = site_test_begin();
    put_folder(s, "root");
    put_folder(s, "root/sub");
    put_folder(s, "root/empty");
    put_folder(s, "root/.well-known");
    put(s, "secret.txt", "secret");
    put(s, "root/a.txt", "0123456789");
    put(s, "root/index.html", "<p>root");
    put(s, "root/sub/index.html", "<p>sub");
    put(s, "root/a b.css", "css");
    put(s, "root/.hidden", "hidden");
    put(s, "root/.well-known/x", "known");
    put(s, "root/100%", "percent");
    put(s, "root/none", "");
    put(s, "root/app.js", "plain script");
    put(s, "root/app.js.br", "BR");
    put(s, "root/app.js.gz", "GZIP");
    struct serve_route *route = site_test_route(s, SERVE_FILES, "/f/...");
    assert_true(asprintf(&route->root, "%s/root", s->folder) > 0);
    *ret_route = route;
    return s;
}

static struct fake_transaction *ask(struct site_test *s, const char *method, const char *target,
                                    const char *const *headers)
{
    struct fake_transaction *t = fake_transaction_new(method, target);
    for (; headers != NULL && headers[0] != NULL; headers += 2) {
        fake_transaction_header(t, headers[0], headers[1]);
    }
    site_test_request(s, t);
    site_test_run(s, t);
    assert_false(t->is_broken);
    return t;
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *target;
        int status;
        const char *content; /* or the location of a redirect */
    } rows[] = {
        {"GET", "/f/a.txt", 200, "0123456789"},
        {"HEAD", "/f/a.txt", 200, ""},
        {"GET", "/f/", 200, "<p>root"},
        {"GET", "/f", 301, "/f/"},
        {"GET", "/f?q=1", 301, "/f/?q=1"},
        {"GET", "/f/sub", 301, "/f/sub/"},
        {"GET", "/f//sub", 301, "/f/sub/"},
        {"GET", "/f/sub/", 200, "<p>sub"},
        {"GET", "/f/empty/", 404, ""},
        {"GET", "/f/a.txt/", 404, ""},
        {"GET", "/f/a%20b.css", 200, "css"},
        {"GET", "/f/100%25", 200, "percent"},
        {"GET", "/f/none", 200, ""},
        {"GET", "/f/missing", 404, ""},
        {"GET", "/f/sub%2Findex.html", 404, ""},
        {"GET", "/f/%2e%2e/secret.txt", 404, ""}, /* to no route at all */
        {"GET", "/f/..%2fsecret.txt", 404, ""},
        {"GET", "/f/out/secret.txt", 404, ""},
        {"GET", "/f/link.txt", 404, ""},
        {"GET", "/f/.hidden", 404, ""},
        {"GET", "/f/sub/.hidden", 404, ""},
        {"GET", "/f/.well-known/x", 200, "known"},
        {"GET", "/f/sub/.well-known/x", 404, ""},
        {"GET", "/f/fifo", 404, ""},
        {"POST", "/f/a.txt", 405, ""},
        {"OPTIONS", "/f/a.txt", 204, ""},
        {"GET", "/f/%00", 400, ""},
        {"GET", "/f/%zz", 400, ""},
    };
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/root/out", s->folder);
    assert_int_equal(symlink("..", path), 0);
    (void)snprintf(path, sizeof path, "%s/root/link.txt", s->folder);
    assert_int_equal(symlink("../secret.txt", path), 0);
    (void)snprintf(path, sizeof path, "%s/root/fifo", s->folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    site_test_make(s);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake_transaction *t = ask(s, rows[i].method, rows[i].target, NULL);
        if (t->status != rows[i].status) {
            fail_msg("%s: %u", rows[i].target, t->status);
        }
        if (t->status == 301) {
            char want[128];
            (void)snprintf(want, sizeof want, "location: %s\n", rows[i].content);
            assert_string_equal(fake_transaction_head(t), want);
        } else {
            assert_string_equal(fake_transaction_content(t), rows[i].content);
        }
        if (t->status == 405) {
            assert_string_equal(fake_transaction_head(t), "allow: GET, HEAD\n");
        }
        site_test_done(s, t);
    }
    site_test_end(s);
}

/* Conditions and ranges. "E" in a value stands for the file's entity tag. */
static const struct file_row {
    const char *headers[8];
    int status;
    const char *content;
    const char *range; /* of Content-Range, or NULL */
} rows[] = {
    {{NULL}, 200, "0123456789", NULL},
    {{"if-none-match", "E"}, 304, "", NULL},
    {{"if-none-match", "W/E"}, 304, "", NULL},
    {{"if-none-match", "\"a,b\", E"}, 304, "", NULL},
    {{"if-none-match", "*"}, 304, "", NULL},
    {{"if-none-match", "\"x\""}, 200, "0123456789", NULL},
    {{"if-none-match", "\"x\"", "if-none-match", "E"}, 304, "", NULL},
    {{"if-none-match", "E x"}, 304, "", NULL},
    {{"if-none-match", "x E"}, 200, "0123456789", NULL},
    {{"if-none-match", ""}, 200, "0123456789", NULL},
    {{"if-none-match", "\"x\"", "if-modified-since", MODIFIED}, 200, "0123456789", NULL},
    {{"if-modified-since", MODIFIED}, 304, "", NULL},
    {{"if-modified-since", "Saturday, 02-Jan-21 03:04:05 GMT"}, 304, "", NULL},
    {{"if-modified-since", "Sat Jan  2 03:04:05 2021"}, 304, "", NULL},
    {{"if-modified-since", "Sat, 02 Jan 2021 03:04:04 GMT"}, 200, "0123456789", NULL},
    {{"if-modified-since", "yesterday"}, 200, "0123456789", NULL},
    {{"if-match", "E"}, 200, "0123456789", NULL},
    {{"if-match", "W/E"}, 412, "", NULL},
    {{"if-match", "*"}, 200, "0123456789", NULL},
    {{"if-match", "\"x\""}, 412, "", NULL},
    {{"if-match", "E", "if-unmodified-since", "Sat, 02 Jan 2021 03:04:04 GMT"},
     200,
     "0123456789",
     NULL},
    {{"if-unmodified-since", MODIFIED}, 200, "0123456789", NULL},
    {{"if-unmodified-since", "Sat, 02 Jan 2021 03:04:04 GMT"}, 412, "", NULL},
    {{"if-match", "E", "if-none-match", "E"}, 304, "", NULL},
    {{"range", "bytes=0-3"}, 206, "0123", "bytes 0-3/10"},
    {{"range", "BYTES=0-3"}, 206, "0123", "bytes 0-3/10"},
    {{"range", "bytes=8-"}, 206, "89", "bytes 8-9/10"},
    {{"range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
    {{"range", "bytes=-99"}, 206, "0123456789", "bytes 0-9/10"},
    {{"range", "bytes=5-99"}, 206, "56789", "bytes 5-9/10"},
    {{"range", "bytes=0-0"}, 206, "0", "bytes 0-0/10"},
    {{"range", "bytes=9-9"}, 206, "9", "bytes 9-9/10"},
    {{"range", "bytes=0-99999999999999999999999"}, 206, "0123456789", "bytes 0-9/10"},
    {{"range", "bytes=10-"}, 416, "", "bytes */10"},
    {{"range", "bytes=-0"}, 416, "", "bytes */10"},
    {{"range", "bytes=99999999999999999999-"}, 416, "", "bytes */10"},
    {{"range", "bytes=3-1"}, 200, "0123456789", NULL},
    {{"range", "bytes="}, 200, "0123456789", NULL},
    {{"range", "bytes=-"}, 200, "0123456789", NULL},
    {{"range", "bytes=a-b"}, 200, "0123456789", NULL},
    {{"range", "bytes=1-2-3"}, 200, "0123456789", NULL},
    {{"range", "lines=1-2"}, 200, "0123456789", NULL},
    {{"range", "bytes=0-9,0-9"}, 200, "0123456789", NULL}, /* twice the file */
    {{"range", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,9-9,9-9,9-9,9-9,9-9,9-9,9-9"},
     200,
     "0123456789",
     NULL},
    {{"range", "bytes=0-1,20-30"}, 206, "01", "bytes 0-1/10"},
    {{"range", "bytes=0-1", "if-range", "E"}, 206, "01", "bytes 0-1/10"},
    {{"range", "bytes=0-1", "if-range", "W/E"}, 200, "0123456789", NULL},
    {{"range", "bytes=0-1", "if-range", "\"x\""}, 200, "0123456789", NULL},
    {{"range", "bytes=0-1", "if-range", MODIFIED}, 206, "01", "bytes 0-1/10"},
    {{"range", "bytes=0-1", "if-range", "Sat, 02 Jan 2021 03:04:06 GMT"}, 200, "0123456789", NULL},
    {{"range", "bytes=0-1", "if-none-match", "E"}, 304, "", NULL},
    {{"range", "bytes=0-0,-1"},
     206,
     "--hythe-0123456789abcdef0123456789abcdef\r\n"
     "Content-Type: text/plain; charset=utf-8\r\n"
     "Content-Range: bytes 0-0/10\r\n\r\n0\r\n"
     "--hythe-0123456789abcdef0123456789abcdef\r\n"
     "Content-Type: text/plain; charset=utf-8\r\n"
     "Content-Range: bytes 9-9/10\r\n\r\n9\r\n"
     "--hythe-0123456789abcdef0123456789abcdef--\r\n",
     NULL},
};

static void find_tag(struct site_test *s, char *tag, size_t max)
{
    struct fake_transaction *t = ask(s, "GET", "/f/a.txt", NULL);
    const char *begin_of = strstr(fake_transaction_head(t), "etag: ");
    assert_non_null(begin_of);
    begin_of += 6;
    (void)snprintf(tag, max, "%.*s", (int)strcspn(begin_of, "\n"), begin_of);
    site_test_done(s, t);
}

static void conditions_and_ranges(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    char tag[64];
    site_test_make(s);
    find_tag(s, tag, sizeof tag);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char values[4][256];
        const char *headers[9] = {NULL};
        for (size_t j = 0; j < 8 && rows[i].headers[j] != NULL; j += 2) {
            const char *value = rows[i].headers[j + 1];
            const char *at = strchr(value, 'E');
            bool is_tag = at != NULL && strncmp(rows[i].headers[j], "if-", 3) == 0;
            (void)snprintf(values[j / 2], sizeof values[0], "%.*s%s%s",
                           is_tag ? (int)(at - value) : (int)strlen(value), value,
                           is_tag ? tag : "", is_tag ? at + 1 : "");
            headers[j] = rows[i].headers[j];
            headers[j + 1] = values[j / 2];
        }
        struct fake_transaction *t = ask(s, "GET", "/f/a.txt", headers);
        char want[64];
        const char *range = rows[i].range;
        (void)snprintf(want, sizeof want, "content-range: %s\n", range != NULL ? range : "");
        if (t->status != rows[i].status ||
            (strstr(fake_transaction_head(t), want) != NULL) != (range != NULL)) {
            fail_msg("row %zu: %u\n%s", i, t->status, fake_transaction_head(t));
        }
        assert_string_equal(fake_transaction_content(t), rows[i].content);
        if (t->length >= 0) {
            assert_int_equal(t->length, strlen(rows[i].content));
        }
        assert_non_null(strstr(fake_transaction_head(t), "last-modified: " MODIFIED "\n"));
        site_test_done(s, t);
    }
    site_test_end(s);
}

static void the_head_of_a_file(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    route->cache_control = strdup("max-age=60");
    site_test_make(s);
    char tag[64];
    char want[512];
    find_tag(s, tag, sizeof tag);
    struct fake_transaction *t = ask(s, "HEAD", "/f/a.txt", NULL);
    (void)snprintf(want, sizeof want,
                   "etag: %s\nlast-modified: " MODIFIED "\ncache-control: max-age=60\n"
                   "accept-ranges: bytes\nx-content-type-options: nosniff\n"
                   "content-type: text/plain; charset=utf-8\n",
                   tag);
    assert_string_equal(fake_transaction_head(t), want);
    assert_int_equal(t->length, 10);
    site_test_done(s, t);
    site_test_end(s);
}

static void codings(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        const char *content;
    } codings_of[] = {
        {NULL, "plain script"},
        {"gzip", "GZIP"},
        {"gzip, br", "BR"},
        {"GZIP;q=0.5", "GZIP"},
        {"br;q=0, gzip", "GZIP"},
        {"br;q=0.000, gzip; q=0", "plain script"},
        {"brotli, gz", "plain script"},
        {"identity", "plain script"},
    };
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    char tags[3][80] = {"", "", ""};
    route->precompressed = true;
    site_test_make(s);
    for (size_t i = 0; i < ARRAY_COUNT(codings_of); i++) {
        const char *headers[] = {"accept-encoding", codings_of[i].accept, NULL};
        struct fake_transaction *t =
            ask(s, "GET", "/f/app.js", codings_of[i].accept != NULL ? headers : NULL);
        const char *head = fake_transaction_head(t);
        assert_string_equal(fake_transaction_content(t), codings_of[i].content);
        assert_non_null(strstr(head, "vary: accept-encoding\n"));
        assert_non_null(strstr(head, "content-type: text/javascript; charset=utf-8\n"));
        assert_true((strstr(head, "content-encoding: br\n") != NULL) ==
                    (codings_of[i].content[0] == 'B'));
        assert_true((strstr(head, "content-encoding: gzip\n") != NULL) ==
                    (codings_of[i].content[0] == 'G'));
        if (i < 3) {
            (void)snprintf(tags[i], sizeof tags[i], "%.*s", (int)strcspn(head, "\n"), head);
        }
        site_test_done(s, t);
    }
    assert_string_not_equal(tags[0], tags[1]);
    assert_string_not_equal(tags[1], tags[2]);
    struct fake_transaction *t = ask(s, "GET", "/f/a.txt", NULL);
    assert_string_equal(fake_transaction_content(t), "0123456789");
    site_test_done(s, t);
    site_test_end(s);
}

static void a_fallback(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    route->fallback = strdup("index.html");
    site_test_make(s);
    static const char *const targets[] = {"/f/any/where", "/f/missing", "/f/.hidden", "/f/empty/"};
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        struct fake_transaction *t = ask(s, "GET", targets[i], NULL);
        assert_int_equal(t->status, 200);
        assert_string_equal(fake_transaction_content(t), "<p>root");
        site_test_done(s, t);
    }
    site_test_end(s);
}

enum { LARGE = 5 << 20 };

static char *put_large(struct site_test *s)
{
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    for (size_t i = 0; i < LARGE; i++) {
        text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
    }
    text[LARGE] = '\0';
    put(s, "root/large.bin", text);
    return text;
}

static void a_large_file_in_pieces(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    char *text = put_large(s);
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("GET", "/f/large.bin");
    t->room = 1000;
    site_test_request(s, t);
    assert_int_equal(t->content.len, 1000);
    while (!fake_transaction_is_over(t)) {
        fake_transaction_writable(t, 300000);
        site_test_turns(s, 3);
    }
    assert_true(t->is_ended);
    assert_int_equal(t->content.len, LARGE);
    assert_memory_equal(t->content.data, text, LARGE);
    assert_true(t->most <= 64 << 10);
    site_test_done(s, t);
    t = fake_transaction_new("GET", "/f/large.bin"); /* a fast peer is not all there is */
    site_test_request(s, t);
    assert_true(t->content.len < LARGE);
    site_test_run(s, t);
    assert_int_equal(t->content.len, LARGE);
    site_test_done(s, t);
    t = fake_transaction_new("GET", "/f/large.bin");
    fake_transaction_header(t, "range", "bytes=1000000-1999999,-5");
    site_test_request(s, t);
    site_test_run(s, t);
    assert_true(t->is_ended);
    assert_int_equal(t->content.len, t->length);
    site_test_done(s, t);
    free(text);
    site_test_end(s);
}

static void a_file_that_shrinks_and_a_peer_that_leaves(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    char path[256];
    free(put_large(s));
    site_test_make(s);
    struct fake_transaction *t = fake_transaction_new("GET", "/f/large.bin");
    t->room = 1000;
    site_test_request(s, t);
    fake_transaction_abort(t);
    site_test_done(s, t);
    t = fake_transaction_new("GET", "/f/large.bin");
    t->room = 1000;
    site_test_request(s, t);
    (void)snprintf(path, sizeof path, "%s/root/large.bin", s->folder);
    assert_int_equal(truncate(path, 70000), 0);
    fake_transaction_writable(t, SIZE_MAX);
    site_test_run(s, t);
    assert_true(t->is_broken);
    site_test_done(s, t);
    site_test_end(s);
}

static void an_exact_route_is_one_file(void **state)
{
    (void)state;
    struct serve_route *route = NULL;
    struct site_test *s = begin(&route);
    struct serve_route *exact = site_test_route(s, SERVE_FILES, "/deep/a.txt");
    exact->root = strdup(route->root);
    site_test_make(s);
    struct fake_transaction *t = ask(s, "GET", "/deep/a.txt", NULL);
    assert_string_equal(fake_transaction_content(t), "0123456789");
    site_test_done(s, t);
    site_test_end(s);
}

static void types_and_dates(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *type;
    } types[] = {
        {"a.html", "text/html; charset=utf-8"},
        {"A.HTML", "text/html; charset=utf-8"},
        {"a.b.wasm", "application/wasm"},
        {"x/7z.7z", "application/x-7z-compressed"},
        {"a.zst", "application/zstd"},
        {"html", "application/octet-stream"},
        {"a.", "application/octet-stream"},
        {"a.html/x", "application/octet-stream"},
        {"a.thisendingistoolong", "application/octet-stream"},
        {"", "application/octet-stream"},
        {"a.svg", "image/svg+xml"},
        {"a.mjs", "text/javascript; charset=utf-8"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        assert_string_equal(files_type_of(span_of(types[i].name)), types[i].type);
    }
    time_t when = 0;
    assert_true(files_parse_date(span_of(MODIFIED), &when));
    assert_int_equal(when, MODIFIED_AT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(conditions_and_ranges),
        cmocka_unit_test(the_head_of_a_file),
        cmocka_unit_test(codings),
        cmocka_unit_test(a_fallback),
        cmocka_unit_test(a_large_file_in_pieces),
        cmocka_unit_test(a_file_that_shrinks_and_a_peer_that_leaves),
        cmocka_unit_test(an_exact_route_is_one_file),
        cmocka_unit_test(types_and_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
