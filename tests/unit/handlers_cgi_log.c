/* Lines of a guest's stderr: whole, capped, and never another's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/container.h"
#include "handlers/cgi_log.h"

static void on_line(void *context, const char *line)
{
    assert_null(strchr(line, '\n'));
    assert_int_equal(buffer_printf(context, "%s\n", line), 0);
}

static void write_text(struct cgi_log *log, const char *text)
{
    cgi_log_write(log, span_of(text));
}

static void lines_come_whole(void **state)
{
    (void)state;
    struct buffer out;
    struct cgi_log log;
    buffer_init(&out, 1 << 20);
    cgi_log_init(&log, 1000, on_line, &out);
    write_text(&log, "one\ntw");
    assert_string_equal(buffer_text(&out), "one\n");
    write_text(&log, "o\r\n\n\nthree");
    assert_string_equal(buffer_text(&out), "one\ntwo\n");
    cgi_log_end(&log);
    assert_string_equal(buffer_text(&out), "one\ntwo\nthree\n");
    cgi_log_end(&log);
    assert_string_equal(buffer_text(&out), "one\ntwo\nthree\n");
    buffer_done(&out);
}

static void nothing_steers_or_forges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"a\033[2Jb", "a\\x1b[2Jb\n"},
        {"a\rhythe: forged", "a\\x0dhythe: forged\n"},
        {"tab\there", "tab\there\n"},
        {"\303\266 \342\202\254 \360\237\230\200", "\303\266 \342\202\254 \360\237\230\200\n"},
        {"\377\376", "\\xff\\xfe\n"},
        {"\303", "\\xc3\n"},
        {"\300\200", "\\xc0\\x80\n"},
        {"\355\240\200", "\\xed\\xa0\\x80\n"},
        {"\302\233[2J", "\\xc2\\x9b[2J\n"},
        {"\342\200\256evil", "\\xe2\\x80\\xaeevil\n"},
        {"\342\200\250next", "\\xe2\\x80\\xa8next\n"},
        {"\177", "\\x7f\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buffer out;
        struct cgi_log log;
        buffer_init(&out, 1 << 20);
        cgi_log_init(&log, 1000, on_line, &out);
        write_text(&log, rows[i].text);
        cgi_log_end(&log);
        assert_string_equal(buffer_text(&out), rows[i].want);
        buffer_done(&out);
    }
}

static void a_flood_is_cut(void **state)
{
    (void)state;
    struct buffer out;
    struct cgi_log log;
    char flood[8192];
    memset(flood, 'x', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    buffer_init(&out, 1 << 20);
    cgi_log_init(&log, 3000, on_line, &out);
    for (int i = 0; i < 1000; i++) {
        write_text(&log, flood);
    }
    cgi_log_end(&log);
    const char *text = buffer_text(&out);
    assert_true(out.len < 3200);
    const char *cut = strstr(text, "... cut");
    assert_non_null(cut);
    assert_null(strstr(cut + 1, "... cut"));
    assert_int_equal(strchr(text, '\n') - text, CGI_LOG_LINE_MAX);
    buffer_done(&out);
}

static void a_log_of_nothing(void **state)
{
    (void)state;
    struct buffer out;
    struct cgi_log log;
    buffer_init(&out, 1 << 20);
    cgi_log_init(&log, 0, on_line, &out);
    cgi_log_end(&log);
    assert_int_equal(out.len, 0);
    write_text(&log, "a\n");
    write_text(&log, "b\n");
    assert_string_equal(buffer_text(&out),
                        "... cut: it wrote more than is logged of one request (guest.stderr)\n");
    buffer_done(&out);
}

static void escapes_fit(void **state)
{
    (void)state;
    for (size_t max = 1; max < 40; max++) {
        char *line = malloc(max);
        assert_non_null(line);
        cgi_log_escape(span_of("\001\002\303\266\360\237\230\200abcdefg"), line, max);
        assert_true(strlen(line) < max);
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole), cmocka_unit_test(nothing_steers_or_forges),
        cmocka_unit_test(a_flood_is_cut),   cmocka_unit_test(a_log_of_nothing),
        cmocka_unit_test(escapes_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
