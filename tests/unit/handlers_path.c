/* Paths in one form: no spelling reaches around a route. */
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
#include "handlers/path.h"

static void every_spelling_has_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"/%61dmin", "/admin"},
        {"/%41", "/A"},
        {"/admin/../x", "/x"},
        {"/admin/%2e%2e/x", "/x"},
        {"/admin/%2E./x", "/x"},
        {"/admin/./x", "/admin/x"},
        {"/admin/.", "/admin/"},
        {"/admin/..", "/"},
        {"/a/b/..", "/a/"},
        {"/a/b/../", "/a/"},
        {"/..", "/"},
        {"/../../etc/passwd", "/etc/passwd"},
        {"/.", "/"},
        {"//admin", "/admin"},
        {"/a//b///c", "/a/b/c"},
        {"///", "/"},
        {"/a/.../b", "/a/.../b"},
        {"/.hidden", "/.hidden"},
        {"/a..b/..c/d..", "/a..b/..c/d.."},
        {"/a%2fb", "/a%2Fb"},
        {"/a%2Fb", "/a%2Fb"},
        {"/..%2f..%2fetc", "/..%2F..%2Fetc"},
        {"/a/%2e%2e%2fetc", "/a/..%2Fetc"},
        {"/100%25", "/100%25"},
        {"/%252e%252e/x", "/%252e%252e/x"},
        {"/%252F", "/%252F"},
        {"/a%20b", "/a b"},
        {"/%C3%B6", "/\303\266"},
        {"/%0d%0aX:1", "/\r\nX:1"},
        {"/a;b=c", "/a;b=c"},
        {"/a%5c..%5cb", "/a\\..\\b"},
        {"/%00", NULL},
        {"/a%0", NULL},
        {"/a%", NULL},
        {"/a%zz", NULL},
        {"/a%-1", NULL},
        {"*", NULL},
        {"", NULL},
        {"a/b", NULL},
        {"%2Fa", NULL},
    };
    struct buffer scratch;
    buffer_init(&scratch, 4096);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct span path = {0};
        int r = path_canonical(span_of(rows[i].raw), &scratch, &path);
        if (rows[i].want == NULL) {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_int_equal(r, 0);
        if (!span_is(path, rows[i].want)) {
            fail_msg("%s became %.*s and not %s", rows[i].raw, (int)path.len, path.data,
                     rows[i].want);
        }
        /* A second time changes nothing but what has been decoded to look like an escape, which
         * the form has none of. */
        if (strchr(rows[i].want, '%') == NULL) {
            struct buffer other;
            buffer_init(&other, 4096);
            struct span again = {0};
            assert_int_equal(path_canonical(path, &other, &again), 0);
            assert_true(span_is(again, rows[i].want));
            buffer_done(&other);
        }
    }
    buffer_done(&scratch);
}

static void a_plain_path_is_not_copied(void **state)
{
    (void)state;
    struct buffer scratch;
    struct span path;
    struct span raw = span_of("/a/b.c/d-e_f~g");
    buffer_init(&scratch, 4096);
    assert_int_equal(path_canonical(raw, &scratch, &path), 0);
    assert_ptr_equal(path.data, raw.data);
    assert_null(scratch.data);
    buffer_done(&scratch);
}

static void too_long_for_its_room(void **state)
{
    (void)state;
    struct buffer scratch;
    struct span path;
    buffer_init(&scratch, 8);
    assert_int_equal(path_canonical(span_of("/%61aaaaaaaaaaaaaaa"), &scratch, &path), -EMSGSIZE);
    buffer_done(&scratch);
}

static void escapes_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *encoded;
        const char *plain;
    } rows[] = {
        {"/a b", "/a%20b", "/a b"},     {"/\r\nX: 1", "/%0D%0AX:%201", "/\r\nX: 1"},
        {"/a%2Fb", "/a%2Fb", "/a%2Fb"}, {"/100%25", "/100%25", "/100%"},
        {"/%252F", "/%252F", "/%2F"},   {"/\303\266?#\"", "/%C3%B6%3F%23%22", "/\303\266?#\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t text[128];
        struct span path = span_of(rows[i].path);
        size_t len = (size_t)(path_encode(text, path) - text);
        assert_true(len <= path.len * 3);
        assert_true(span_is((struct span){text, len}, rows[i].encoded));
        len = (size_t)(path_plain(text, path) - text);
        assert_true(len <= path.len);
        assert_true(span_is((struct span){text, len}, rows[i].plain));
    }
}

static void words_are_decoded(void **state)
{
    (void)state;
    uint8_t text[32];
    assert_int_equal(path_decode_word(text, span_of("a+b%2Fc%25")), 6);
    assert_memory_equal(text, "a b/c%", 6);
    assert_int_equal(path_decode_word(text, span_of("%00")), -EINVAL);
    assert_int_equal(path_decode_word(text, span_of("%4")), -EINVAL);
    assert_int_equal(path_decode_word(text, span_of("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_has_one_form), cmocka_unit_test(a_plain_path_is_not_copied),
        cmocka_unit_test(too_long_for_its_room),       cmocka_unit_test(escapes_come_back),
        cmocka_unit_test(words_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
