/* wasi:http/types, fields: each function, each error, and what a list may hold.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_trailers http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_guest.h"
#include "imports/wasi_http/fields.h"

enum { OK = -1 };

static int setup(void **state)
{
    *state = http_guest_new("GET", "/");
    return 0;
}

static int teardown(void **state)
{
    http_guest_free(*state);
    return 0;
}

/* What a result<_, header-error> says. */
static int answer(const struct http_guest *g)
{
    return g->results[0].number == 0 ? OK : (int)g->results[1].number;
}

static int append(struct http_guest *g, uint32_t fields, const char *name, const char *value)
{
    assert_int_equal(
        types_call(g, "[method]fields.append", NUMBER(fields), TEXT(name), TEXT(value)), 0);
    return answer(g);
}

static int set(struct http_guest *g, uint32_t fields, const char *name, size_t count,
               const char *const values[])
{
    union component_value items[16];
    for (size_t i = 0; i < count; i++) {
        items[i].bytes = span_of(values[i]);
    }
    assert_int_equal(
        types_call(g, "[method]fields.set", NUMBER(fields), TEXT(name), LIST(items, count)), 0);
    return answer(g);
}

#define SET(g, fields, name, ...)                                                                  \
    set((g), (fields), (name), ARRAY_COUNT(((const char *const[]){__VA_ARGS__})),                  \
        (const char *const[]){__VA_ARGS__})

static int delete (struct http_guest *g, uint32_t fields, const char *name)
{
    assert_int_equal(types_call(g, "[method]fields.delete", NUMBER(fields), TEXT(name)), 0);
    return answer(g);
}

static bool has(struct http_guest *g, uint32_t fields, const char *name)
{
    assert_int_equal(types_call(g, "[method]fields.has", NUMBER(fields), TEXT(name)), 0);
    return g->results[0].number != 0;
}

/* The values of a name, each followed by "|". */
static const char *get(struct http_guest *g, uint32_t fields, const char *name)
{
    static char text[1024];
    size_t len = 0;
    assert_int_equal(types_call(g, "[method]fields.get", NUMBER(fields), TEXT(name)), 0);
    text[0] = '\0';
    for (size_t i = 0; i < g->results[0].list.count; i++) {
        struct span value = g->results[0].list.items[i].bytes;
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s|", (int)value.len,
                                (const char *)value.data);
    }
    return text;
}

static void names_are_one_in_any_case(void **state)
{
    struct http_guest *g = *state;
    assert_int_equal(types_call(g, "[constructor]fields", NUMBER(0)), 0);
    uint32_t fields = (uint32_t)g->results[0].number;
    http_guest_expect_entries(g, fields, "");
    assert_string_equal(get(g, fields, "accept"), "");
    assert_int_equal(append(g, fields, "Accept", "a"), OK);
    assert_int_equal(append(g, fields, "X-Other", ""), OK);
    assert_int_equal(append(g, fields, "aCCEPT", "b"), OK);
    http_guest_expect_entries(g, fields, "accept: a\nx-other: \naccept: b\n");
    assert_string_equal(get(g, fields, "ACCEPT"), "a|b|");
    assert_string_equal(get(g, fields, "x-other"), "|");
    assert_true(has(g, fields, "Accept"));
    assert_false(has(g, fields, "accept-"));
    assert_false(has(g, fields, ""));
    assert_false(has(g, fields, "acc ept"));
    assert_string_equal(get(g, fields, "acc\xc3\xa9t"), "");
    assert_int_equal(SET(g, fields, "ACCEPT", "c", "d", "e"), OK);
    http_guest_expect_entries(g, fields, "x-other: \naccept: c\naccept: d\naccept: e\n");
    assert_int_equal(set(g, fields, "x-other", 0, NULL), OK);
    assert_false(has(g, fields, "x-other"));
    assert_int_equal(delete (g, fields, "Accept"), OK);
    assert_int_equal(delete (g, fields, "accept"), OK);
    http_guest_expect_entries(g, fields, "");
}

static void values_are_those_of_the_protocol(void **state)
{
    struct http_guest *g = *state;
    uint32_t fields = http_guest_fields(g, "");
    assert_int_equal(append(g, fields, "a", "tab\tand \x80\xff"), OK);
    assert_int_equal(append(g, fields, "a", " \tblanks \t"), OK);
    assert_string_equal(get(g, fields, "a"), "tab\tand \x80\xff|blanks|");
    static const char *const bad[] = {"a\r\nb: c", "a\nb", "a\rb", "\x01", "\x7f"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(append(g, fields, "b", bad[i]), HEADER_INVALID_SYNTAX);
        assert_int_equal(SET(g, fields, "a", "good", bad[i]), HEADER_INVALID_SYNTAX);
    }
    assert_int_equal(
        types_call(g, "[method]fields.append", NUMBER(fields), TEXT("b"), BYTES("a\0b", 3)), 0);
    assert_int_equal(answer(g), HEADER_INVALID_SYNTAX);
    assert_string_equal(get(g, fields, "a"), "tab\tand \x80\xff|blanks|");
    assert_false(has(g, fields, "b"));
}

static void names_that_are_none(void **state)
{
    struct http_guest *g = *state;
    static const char *const bad[] = {"",    " ",        "a b",   "a:", "a\r",
                                      "a\n", "\xc3\xa9", ":path", "(a)"};
    uint32_t fields = http_guest_fields(g, "");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        const union component_value entry[2] = {{.bytes = span_of(bad[i])},
                                                {.bytes = span_of("v")}};
        assert_int_equal(append(g, fields, bad[i], "v"), HEADER_INVALID_SYNTAX);
        assert_int_equal(SET(g, fields, bad[i], "v"), HEADER_INVALID_SYNTAX);
        assert_int_equal(delete (g, fields, bad[i]), HEADER_INVALID_SYNTAX);
        assert_int_equal(types_call(g, "[static]fields.from-list", LIST(entry, 1)), 0);
        assert_int_equal(answer(g), HEADER_INVALID_SYNTAX);
    }
    http_guest_expect_entries(g, fields, "");
}

static void names_that_are_the_hosts(void **state)
{
    struct http_guest *g = *state;
    static const char *const names[] = {
        "Connection",
        "keep-alive",
        "Proxy-Authenticate",
        "proxy-authorization",
        "proxy-connection",
        "TE",
        "trailer",
        "Transfer-Encoding",
        "upgrade",
        "Host",
        "http2-settings",
    };
    uint32_t fields = http_guest_fields(g, "");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const union component_value entries[4] = {{.bytes = span_of("a")},
                                                  {.bytes = span_of("b")},
                                                  {.bytes = span_of(names[i])},
                                                  {.bytes = span_of("v")}};
        assert_int_equal(append(g, fields, names[i], "v"), HEADER_FORBIDDEN);
        assert_int_equal(SET(g, fields, names[i], "v"), HEADER_FORBIDDEN);
        assert_int_equal(delete (g, fields, names[i]), HEADER_FORBIDDEN);
        assert_int_equal(types_call(g, "[static]fields.from-list", LIST(entries, 2)), 0);
        assert_int_equal(answer(g), HEADER_FORBIDDEN);
    }
    http_guest_expect_entries(g, fields, "");
}

static void a_length_is_one_number(void **state)
{
    struct http_guest *g = *state;
    static const char *const bad[] = {
        "", "-1", "+1", "1 2", "1,1", "0x1", "1.0", "12a5", "9223372036854775808"};
    uint32_t fields = http_guest_fields(g, "");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(append(g, fields, "Content-Length", bad[i]), HEADER_INVALID_SYNTAX);
        assert_int_equal(SET(g, fields, "content-length", bad[i]), HEADER_INVALID_SYNTAX);
    }
    assert_int_equal(append(g, fields, "Content-Length", "9223372036854775807"), OK);
    assert_int_equal(append(g, fields, "content-length", "9223372036854775807"),
                     HEADER_INVALID_SYNTAX);
    assert_int_equal(SET(g, fields, "content-length", "5", "5"), HEADER_INVALID_SYNTAX);
    assert_string_equal(get(g, fields, "content-length"), "9223372036854775807|");
    assert_int_equal(SET(g, fields, "content-length", "5"), OK);
    assert_string_equal(get(g, fields, "content-length"), "5|");
    static char noughts[FIELD_LIST_MAX];
    memset(noughts, '0', sizeof noughts - 1);
    assert_int_equal(SET(g, fields, "content-length", noughts), HEADER_FORBIDDEN);
    assert_string_equal(get(g, fields, "content-length"), "5|"); /* it is as it was */
    const union component_value entries[4] = {{.bytes = span_of("content-length")},
                                              {.bytes = span_of("5")},
                                              {.bytes = span_of("Content-Length")},
                                              {.bytes = span_of("5")}};
    assert_int_equal(types_call(g, "[static]fields.from-list", LIST(entries, 2)), 0);
    assert_int_equal(answer(g), HEADER_INVALID_SYNTAX);
}

/* Not a byte of them is looked at: they may be as long as the guest's memory. */
static void names_and_values_past_the_limit_are_forbidden(void **state)
{
    struct http_guest *g = *state;
    static char big[FIELD_LIST_MAX + 2];
    memset(big, '\r', sizeof big - 1);
    uint32_t fields = http_guest_fields(g, "");
    assert_int_equal(append(g, fields, "a", big), HEADER_FORBIDDEN);
    assert_int_equal(append(g, fields, big, "1"), HEADER_FORBIDDEN);
    assert_int_equal(SET(g, fields, "a", big), HEADER_FORBIDDEN);
    http_guest_expect_entries(g, fields, "");
}

static void a_view_cannot_be_changed_and_outlives_its_message(void **state)
{
    struct http_guest *g = *state;
    uint32_t response = http_guest_response(g, "a: 1\n");
    assert_int_equal(types_call(g, "[method]outgoing-response.headers", NUMBER(response)), 0);
    uint32_t view = (uint32_t)g->results[0].number;
    http_guest_drop(g, "outgoing-response", response);
    assert_int_equal(append(g, view, "b", "1"), HEADER_IMMUTABLE);
    assert_int_equal(SET(g, view, "a", "1"), HEADER_IMMUTABLE);
    assert_int_equal(delete (g, view, "a"), HEADER_IMMUTABLE);
    assert_int_equal(append(g, view, "b b", "1"), HEADER_INVALID_SYNTAX);
    http_guest_expect_entries(g, view, "a: 1\n");
    assert_int_equal(types_call(g, "[method]fields.clone", NUMBER(view)), 0);
    uint32_t copy = (uint32_t)g->results[0].number;
    assert_int_equal(types_call(g, "[constructor]outgoing-response", NUMBER(view)), 0);
    http_guest_drop(g, "outgoing-response", (uint32_t)g->results[0].number);
    assert_int_equal(append(g, copy, "b", "2"), OK);
    http_guest_expect_entries(g, copy, "a: 1\nb: 2\n");
    http_guest_drop(g, "fields", copy);
}

static void a_list_is_limited_and_a_set_replaces(void **state)
{
    struct http_guest *g = *state;
    static char big[(FIELD_LIST_MAX * 3) / 4];
    uint32_t fields = http_guest_fields(g, "");
    memset(big, 'v', sizeof big - 1);
    assert_int_equal(append(g, fields, "big", big), OK);
    assert_int_equal(append(g, fields, "big", big), HEADER_FORBIDDEN);
    for (unsigned i = 0; i < 200; i++) { /* what was replaced is given back */
        assert_int_equal(SET(g, fields, "big", big), OK);
        assert_int_equal(SET(g, fields, "big", "a", big, big), HEADER_FORBIDDEN);
        assert_true(g->f->guest.http_bytes < 6 * FIELD_LIST_MAX);
    }
    assert_int_equal(strlen(big), sizeof big - 1);
    assert_int_equal(types_call(g, "[method]fields.get", NUMBER(fields), TEXT("big")), 0);
    assert_int_equal(g->results[0].list.count, 1);
    assert_memory_equal(g->results[0].list.items[0].bytes.data, big, sizeof big - 1);
    assert_int_equal(delete (g, fields, "big"), OK);
    unsigned count = 0;
    while (append(g, fields, "n", "") == OK) {
        count++;
    }
    assert_int_equal(answer(g), HEADER_FORBIDDEN);
    assert_int_equal(count, FIELD_LIST_MAX / (FIELD_COST + 1));
    http_guest_drop(g, "fields", fields);
    assert_int_equal(g->f->guest.http_bytes, 0);
}

static void a_guest_has_so_much_in_all(void **state)
{
    struct http_guest *g = *state;
    static char big[FIELD_LIST_MAX / 2];
    uint32_t fields = http_guest_fields(g, "");
    memset(big, 'v', sizeof big - 1);
    assert_int_equal(append(g, fields, "big", big), OK);
    unsigned clones = 0;
    while (types_call(g, "[method]fields.clone", NUMBER(fields)) == 0) {
        clones++;
    }
    assert_in_range(clones, 400, 512);
    assert_true(g->f->guest.http_bytes <= GUEST_HTTP_BYTES_MAX);
    assert_non_null(strstr(fake_component_reason(g->f), "fields"));
}

/* Many small changes: the items stay what they are through each collection of what was removed. */
static void changes_leave_the_rest_alone(void **state)
{
    struct http_guest *g = *state;
    uint32_t fields = http_guest_fields(g, "first: 1\n");
    char name[16];
    char value[64];
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof name, "n%u", i % 20);
        (void)snprintf(value, sizeof value, "%u-%048u", i, i);
        assert_int_equal(SET(g, fields, name, value, value), OK);
    }
    assert_string_equal(get(g, fields, "first"), "1|");
    for (unsigned i = 2980; i < 3000; i++) {
        char both[140];
        (void)snprintf(name, sizeof name, "N%u", i % 20);
        (void)snprintf(both, sizeof both, "%u-%048u|%u-%048u|", i, i, i, i);
        assert_string_equal(get(g, fields, name), both);
    }
    assert_true(g->f->guest.http_bytes < 64 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_one_in_any_case, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_those_of_the_protocol, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_the_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_is_one_number, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_values_past_the_limit_are_forbidden, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_view_cannot_be_changed_and_outlives_its_message, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_list_is_limited_and_a_set_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_has_so_much_in_all, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_leave_the_rest_alone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
