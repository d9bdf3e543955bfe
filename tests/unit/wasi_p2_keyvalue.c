/* wasi:keyvalue: store, atomics and batch, their limits, and what guests of one program share. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_component.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_keyvalue/store.h"

enum { NO_SUCH_STORE, ACCESS_DENIED, OTHER };

struct bench {
    struct fake_component *f;
    struct keyvalue *kv;
    uint32_t bucket;
};

static uint32_t open_bucket(struct fake_component *f, const char *name)
{
    assert_int_equal(component_fake_call(f, &wasi_keyvalue_store, "open", TEXT(name)), 0);
    assert_int_equal(f->results[0].number, 0);
    return (uint32_t)f->results[1].number;
}

static int make(void **state, size_t bytes, size_t keys)
{
    const struct keyvalue_limits limits = {.bytes = bytes, .keys = keys};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->f = fake_component_new();
    b->kv = keyvalue_new(&limits);
    assert_non_null(b->kv);
    b->f->guest.keyvalue = b->kv;
    b->bucket = open_bucket(b->f, "");
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return make(state, KEYVALUE_BYTES_DEFAULT, KEYVALUE_KEYS_DEFAULT);
}

static int setup_small(void **state)
{
    return make(state, 1000, 3);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    fake_component_free(b->f);
    keyvalue_free(b->kv);
    free(b);
    return 0;
}

#define call_bucket(b, name, ...)                                                                  \
    component_fake_call((b)->f, &wasi_keyvalue_store, "[method]bucket." name, NUMBER((b)->bucket), \
                        __VA_ARGS__)

static void set(struct bench *b, const char *key, const char *value)
{
    assert_int_equal(call_bucket(b, "set", TEXT(key), TEXT(value)), 0);
    assert_int_equal(b->f->results[0].number, 0);
}

static void remove_key(struct bench *b, const char *key)
{
    assert_int_equal(call_bucket(b, "delete", TEXT(key)), 0);
    assert_int_equal(b->f->results[0].number, 0);
}

/* NULL: there is none. */
static void expect_stored(struct bench *b, const char *key, const char *value)
{
    assert_int_equal(call_bucket(b, "get", TEXT(key)), 0);
    assert_int_equal(b->f->results[0].number, 0);
    assert_int_equal(b->f->results[1].number, value != NULL ? 1 : 0);
    if (value != NULL) {
        assert_true(span_is(b->f->results[2].bytes, value));
    }
    assert_int_equal(call_bucket(b, "exists", TEXT(key)), 0);
    assert_int_equal(b->f->results[0].number, 0);
    assert_int_equal(b->f->results[1].number, value != NULL ? 1 : 0);
}

static void expect_other(const struct fake_component *f, const char *why)
{
    assert_int_equal(f->results[0].number, 1);
    assert_int_equal(f->results[1].number, OTHER);
    assert_true(span_is(f->results[2].bytes, why));
}

/* -- store ------------------------------------------------------------------------------------ */

static void only_the_default_store_is_there(void **state)
{
    struct bench *b = *state;
    uint32_t other = open_bucket(b->f, "default");
    set(b, "k", "v");
    b->bucket = other;
    expect_stored(b, "k", "v");
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_store, "open", TEXT("redis")), 0);
    assert_int_equal(b->f->results[0].number, 1);
    assert_int_equal(b->f->results[1].number, NO_SUCH_STORE);
    b->f->guest.keyvalue = NULL;
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_store, "open", TEXT("")), 0);
    assert_int_equal(b->f->results[0].number, 1);
    assert_int_equal(b->f->results[1].number, ACCESS_DENIED);
}

static void what_is_set_is_got_until_it_is_deleted(void **state)
{
    struct bench *b = *state;
    expect_stored(b, "k", NULL);
    remove_key(b, "k");
    set(b, "k", "one");
    set(b, "", "the empty key");
    set(b, "ka", "");
    expect_stored(b, "k", "one");
    expect_stored(b, "", "the empty key");
    expect_stored(b, "ka", "");
    set(b, "k", "two");
    expect_stored(b, "k", "two");
    remove_key(b, "k");
    expect_stored(b, "k", NULL);
    expect_stored(b, "ka", "");
    remove_key(b, "");
    expect_stored(b, "", NULL);
}

/* The store may change while the guest takes the answer over: it is no view into the store. */
static void an_answer_is_a_copy(void **state)
{
    struct bench *b = *state;
    set(b, "k", "value");
    assert_int_equal(call_bucket(b, "get", TEXT("k")), 0);
    keyvalue_delete(b->kv, span_of("k"));
    assert_true(span_is(b->f->results[2].bytes, "value"));
}

static void guests_share_a_store(void **state)
{
    struct bench *b = *state;
    struct bench other = {.f = fake_component_new(), .kv = b->kv};
    other.f->guest.keyvalue = b->kv;
    other.bucket = open_bucket(other.f, "");
    set(b, "k", "v");
    expect_stored(&other, "k", "v");
    remove_key(&other, "k");
    expect_stored(b, "k", NULL);
    set(&other, "left", "behind");
    fake_component_free(other.f);
    expect_stored(b, "left", "behind");
}

static void limits_are_errors_that_change_nothing(void **state)
{
    struct bench *b = *state;
    static char big[2000];
    memset(big, 'x', sizeof big - 1);
    set(b, "a", "1");
    assert_int_equal(call_bucket(b, "set", TEXT("a"), TEXT(big)), 0);
    expect_other(b->f, "the store is full");
    expect_stored(b, "a", "1");
    assert_int_equal(call_bucket(b, "set", TEXT("new"), TEXT(big)), 0);
    expect_other(b->f, "the store is full");
    assert_int_equal(call_bucket(b, "set", TEXT(big), TEXT("")), 0);
    expect_other(b->f, "the store is full");
    set(b, "b", "2");
    set(b, "c", "3");
    assert_int_equal(call_bucket(b, "set", TEXT("d"), TEXT("")), 0);
    expect_other(b->f, "the store is full");
    set(b, "c", "4");
    remove_key(b, "a");
    set(b, "d", "5");
    expect_stored(b, "c", "4");
    expect_stored(b, "d", "5");
}

/* What was given back can be had again, to the byte, however often. */
static void a_value_that_nobody_could_get_is_not_set(void **state)
{
    struct bench *b = *state;
    enum { MAX = 16 << 20 };
    uint8_t *value = calloc(1, MAX + 1);
    assert_non_null(value);
    set(b, "k", "v");
    assert_int_equal(call_bucket(b, "set", TEXT("k"), BYTES(value, MAX + 1)), 0);
    expect_other(b->f, "the value is too large");
    expect_stored(b, "k", "v");
    assert_int_equal(call_bucket(b, "set", TEXT("k"), BYTES(value, MAX)), 0);
    assert_int_equal(b->f->results[0].number, 0);
    assert_int_equal(call_bucket(b, "get", TEXT("k")), 0);
    assert_int_equal(b->f->results[2].bytes.len, MAX);
    free(value);
}

static void bytes_are_counted_truly(void **state)
{
    struct bench *b = *state;
    static char big[500];
    memset(big, 'x', sizeof big - 1);
    for (int i = 0; i < 1000; i++) {
        set(b, i % 2 == 0 ? "b" : "a", "");
        set(b, i % 2 == 0 ? "a" : "b", big);
        if (i % 3 == 0) {
            remove_key(b, "a");
        }
    }
}

/* -- list-keys -------------------------------------------------------------------------------- */

/* One page into `keys`, a character each, from key 'a' on. Gives the cursor, 0 at the end. */
static uint64_t list_page(struct bench *b, bool has_cursor, uint64_t cursor)
{
    assert_int_equal(call_bucket(b, "list-keys", NUMBER(has_cursor), NUMBER(cursor)), 0);
    assert_int_equal(b->f->results[0].number, 0);
    return b->f->results[2].number != 0 ? b->f->results[3].number : 0;
}

static void an_empty_store_has_no_keys(void **state)
{
    struct bench *b = *state;
    assert_int_equal(list_page(b, false, 0), 0);
    assert_int_equal(b->f->results[1].list.count, 0);
    assert_int_equal(list_page(b, true, UINT64_MAX), 0);
    assert_int_equal(b->f->results[1].list.count, 0);
}

static void keys_come_page_by_page_while_they_change(void **state)
{
    struct bench *b = *state;
    enum { KEYS = 2500 };
    static bool seen[KEYS];
    char key[32];
    uint64_t cursor = 0;
    unsigned pages = 0;
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        set(b, key, "v");
    }
    do {
        cursor = list_page(b, pages > 0, cursor);
        struct component_list list = b->f->results[1].list;
        assert_true(list.count > 0 && list.count <= 1000);
        for (size_t i = 0; i < list.count; i++) {
            struct span name = list.items[i].bytes;
            uint64_t number = 0;
            for (size_t j = 0; j < name.len; j++) {
                number = number * 10 + (uint64_t)(name.data[j] - '0');
            }
            assert_true(number < KEYS && !seen[number]);
            seen[number] = true;
            keyvalue_delete(b->kv, name); /* the cursor stays good */
        }
        pages++;
    } while (cursor != 0);
    assert_int_equal(pages, 3);
    for (int i = 0; i < KEYS; i++) {
        assert_true(seen[i]);
    }
}

static void a_long_key_has_a_page_of_its_own(void **state)
{
    struct bench *b = *state;
    static char big[200000];
    memset(big, 'k', sizeof big - 1);
    set(b, "a", "");
    set(b, big, "");
    set(b, "b", "");
    uint64_t cursor = list_page(b, false, 0);
    assert_int_equal(b->f->results[1].list.count, 1);
    cursor = list_page(b, true, cursor);
    assert_int_equal(b->f->results[1].list.count, 1);
    assert_true(span_is(b->f->results[1].list.items[0].bytes, big));
    assert_int_equal(list_page(b, true, cursor), 0);
    assert_int_equal(b->f->results[1].list.count, 1);
    assert_true(span_is(b->f->results[1].list.items[0].bytes, "b"));
}

/* -- atomics ---------------------------------------------------------------------------------- */

static void increment(struct bench *b, const char *key, uint64_t delta)
{
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_atomics, "increment",
                                         NUMBER(b->bucket), TEXT(key), NUMBER(delta)),
                     0);
}

static void a_number_is_counted_up(void **state)
{
    struct bench *b = *state;
    increment(b, "n", 5);
    assert_int_equal(b->f->results[0].number, 0);
    assert_int_equal(b->f->results[1].number, 5);
    expect_stored(b, "n", "5");
    increment(b, "n", UINT64_MAX - 5);
    assert_int_equal(b->f->results[1].number, UINT64_MAX);
    expect_stored(b, "n", "18446744073709551615");
    increment(b, "n", 0);
    assert_int_equal(b->f->results[0].number, 0);
    increment(b, "n", 1);
    expect_other(b->f, "the sum does not fit in 64 bits");
    expect_stored(b, "n", "18446744073709551615");
}

static void what_is_no_number_is_not_counted(void **state)
{
    struct bench *b = *state;
    static const char *const values[] = {
        "", "x", "1x", " 1", "-1", "+1", "18446744073709551616", "000000000000000000000000"};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        set(b, "n", values[i]);
        increment(b, "n", 1);
        expect_other(b->f, "the value is not a number");
        expect_stored(b, "n", values[i]);
    }
    assert_int_equal(call_bucket(b, "set", TEXT("n"), BYTES("1\0", 2)), 0);
    increment(b, "n", 1);
    expect_other(b->f, "the value is not a number");
}

/* -- batch ------------------------------------------------------------------------------------ */

static void many_are_set_got_and_deleted(void **state)
{
    struct bench *b = *state;
    union component_value pairs[] = {{.bytes = span_of("a")}, {.bytes = span_of("1")},
                                     {.bytes = span_of("b")}, {.bytes = span_of("")},
                                     {.bytes = span_of("a")}, {.bytes = span_of("3")}};
    union component_value keys[] = {
        {.bytes = span_of("a")}, {.bytes = span_of("x")}, {.bytes = span_of("b")}};
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, "set-many", NUMBER(b->bucket),
                                         LIST(pairs, 3)),
                     0);
    assert_int_equal(b->f->results[0].number, 0);
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, "get-many", NUMBER(b->bucket),
                                         LIST(keys, 3)),
                     0);
    assert_int_equal(b->f->results[0].number, 0);
    const struct component_list *list = &b->f->results[1].list;
    assert_int_equal(list->count, 3);
    assert_int_equal(list->items[0].number, 1);
    assert_true(span_is(list->items[1].bytes, "a"));
    assert_true(span_is(list->items[2].bytes, "3"));
    assert_int_equal(list->items[3].number, 0);
    assert_int_equal(list->items[6].number, 1);
    assert_true(span_is(list->items[7].bytes, "b"));
    assert_true(span_is(list->items[8].bytes, ""));
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, "delete-many",
                                         NUMBER(b->bucket), LIST(keys, 2)),
                     0);
    assert_int_equal(b->f->results[0].number, 0);
    expect_stored(b, "a", NULL);
    expect_stored(b, "b", "");
}

static void nothing_is_many_too(void **state)
{
    struct bench *b = *state;
    static const char *const names[] = {"get-many", "set-many", "delete-many"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, names[i],
                                             NUMBER(b->bucket), LIST(NULL, 0)),
                         0);
        assert_int_equal(b->f->results[0].number, 0);
    }
}

static void too_much_for_one_answer_is_an_error(void **state)
{
    struct bench *b = *state;
    enum { BIG = 2 << 20, TIMES = 10 };
    char *big = calloc(1, BIG + 1);
    union component_value keys[TIMES];
    assert_non_null(big);
    memset(big, 'x', BIG);
    set(b, "k", big);
    for (int i = 0; i < TIMES; i++) {
        keys[i].bytes = span_of("k");
    }
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, "get-many", NUMBER(b->bucket),
                                         LIST(keys, TIMES)),
                     0);
    expect_other(b->f, "the values are too large for one answer");
    free(big);
}

static void more_keys_than_one_call_may_have_are_an_error(void **state)
{
    struct bench *b = *state;
    enum { MAX = 4096 };
    static const char *const names[] = {"set-many", "get-many", "delete-many"};
    union component_value *keys = calloc((MAX + 1) * 2, sizeof *keys);
    assert_non_null(keys);
    for (size_t i = 0; i < (MAX + 1) * 2; i++) {
        keys[i].bytes = span_of("k");
    }
    set(b, "k", "v");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, names[i],
                                             NUMBER(b->bucket), LIST(keys, MAX + 1)),
                         0);
        expect_other(b->f, "more than 4096 keys in one call");
        expect_stored(b, "k", "v");
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, names[i],
                                             NUMBER(b->bucket), LIST(keys, MAX)),
                         0);
        assert_int_equal(b->f->results[0].number, 0);
    }
    expect_stored(b, "k", NULL);
    free(keys);
}

static void a_batch_stops_at_the_limit(void **state)
{
    struct bench *b = *state;
    union component_value pairs[8];
    for (int i = 0; i < 4; i++) {
        static const char names[] = "a\0b\0c\0d";
        pairs[i * 2].bytes = span_of(names + (ptrdiff_t)i * 2);
        pairs[i * 2 + 1].bytes = span_of("v");
    }
    assert_int_equal(component_fake_call(b->f, &wasi_keyvalue_batch, "set-many", NUMBER(b->bucket),
                                         LIST(pairs, 4)),
                     0);
    expect_other(b->f, "the store is full");
    expect_stored(b, "c", "v");
    expect_stored(b, "d", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_default_store_is_there),
        TEST(what_is_set_is_got_until_it_is_deleted),
        TEST(an_answer_is_a_copy),
        TEST(guests_share_a_store),
        TEST_SMALL(limits_are_errors_that_change_nothing),
        TEST(a_value_that_nobody_could_get_is_not_set),
        TEST_SMALL(bytes_are_counted_truly),
        TEST(an_empty_store_has_no_keys),
        TEST(keys_come_page_by_page_while_they_change),
        TEST(a_long_key_has_a_page_of_its_own),
        TEST(a_number_is_counted_up),
        TEST(what_is_no_number_is_not_counted),
        TEST(many_are_set_got_and_deleted),
        TEST(nothing_is_many_too),
        TEST(too_much_for_one_answer_is_an_error),
        TEST(more_keys_than_one_call_may_have_are_an_error),
        TEST_SMALL(a_batch_stops_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
