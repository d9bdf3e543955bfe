/* The descriptor table: lowest number first, limits, renumbering in every combination. */
#include "guest/fd_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"
#include "guest/descriptor.h"

enum { MANY = 200 };

struct probe {
    struct descriptor base;
    unsigned closes;
};

static void on_close(struct descriptor *d)
{
    container_of(d, struct probe, base)->closes++;
}

static const struct descriptor_ops ops = {.close = on_close};
static struct probe probes[MANY];

static int setup(void **state)
{
    static struct fd_table table;
    fd_table_init(&table, 100);
    for (size_t i = 0; i < MANY; i++) {
        probes[i] = (struct probe){.closes = 0};
        descriptor_init(&probes[i].base, NULL, DESCRIPTOR_FILE, &ops, -1);
    }
    *state = &table;
    return 0;
}

static int teardown(void **state)
{
    fd_table_done(*state);
    return 0;
}

static uint32_t insert(struct fd_table *table, size_t probe, uint32_t from)
{
    uint32_t fd = 12345;
    assert_int_equal(fd_table_insert(table, &probes[probe].base, from, &fd), 0);
    assert_ptr_equal(fd_table_get(table, fd), &probes[probe].base);
    return fd;
}

static void fill(struct fd_table *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(insert(table, i, 0), i);
    }
}

static void close_fd(struct fd_table *table, uint32_t fd)
{
    struct descriptor *d = fd_table_take(table, fd);
    assert_non_null(d);
    descriptor_unref(d);
}

static void an_empty_table_has_nothing(void **state)
{
    assert_null(fd_table_get(*state, 0));
    assert_null(fd_table_get(*state, UINT32_MAX));
    assert_null(fd_table_take(*state, 0));
    assert_null(fd_table_take(*state, UINT32_MAX));
    assert_int_equal(fd_table_renumber(*state, 0, 0), -EBADF);
}

static void the_lowest_free_number_is_given(void **state)
{
    fill(*state, 20);
    close_fd(*state, 17);
    close_fd(*state, 3);
    close_fd(*state, 9);
    assert_int_equal(insert(*state, 20, 0), 3);
    assert_int_equal(insert(*state, 21, 0), 9);
    assert_int_equal(insert(*state, 22, 0), 17);
    assert_int_equal(insert(*state, 23, 0), 20);
}

static void numbers_below_from_stay_free(void **state)
{
    assert_int_equal(insert(*state, 0, 3), 3);
    assert_int_equal(insert(*state, 1, 3), 4);
    assert_int_equal(insert(*state, 2, 0), 0);
    assert_int_equal(insert(*state, 3, 3), 5);
    assert_int_equal(insert(*state, 4, 0), 1);
    assert_int_equal(insert(*state, 5, 40), 40);
    assert_int_equal(insert(*state, 6, 0), 2);
    assert_int_equal(insert(*state, 7, 0), 6);
}

static void the_limit_is_kept(void **state)
{
    struct fd_table *table = *state;
    uint32_t fd = 77;
    fill(table, 100);
    assert_int_equal(fd_table_insert(table, &probes[100].base, 0, &fd), -EMFILE);
    assert_int_equal(fd, 77);
    assert_int_equal(probes[100].base.refs, 1); /* the caller's still */
    close_fd(table, 99);
    assert_int_equal(fd_table_insert(table, &probes[100].base, 100, &fd), -EMFILE);
    assert_int_equal(fd_table_insert(table, &probes[100].base, UINT32_MAX, &fd), -EMFILE);
    assert_int_equal(insert(table, 100, 99), 99);
    assert_int_equal(table->count, 100);
}

static void a_small_limit_is_kept_too(void **state)
{
    struct fd_table *table = *state;
    uint32_t fd = 0;
    table->max = 2;
    fill(table, 2);
    assert_int_equal(fd_table_insert(table, &probes[2].base, 0, &fd), -EMFILE);
}

static void renumber_closes_the_target(void **state)
{
    fill(*state, 6);
    assert_int_equal(fd_table_renumber(*state, 5, 2), 0);
    assert_int_equal(probes[2].closes, 1);
    assert_ptr_equal(fd_table_get(*state, 2), &probes[5].base);
    assert_null(fd_table_get(*state, 5));
    assert_int_equal(probes[5].base.refs, 1);
    assert_int_equal(insert(*state, 6, 0), 5);
    assert_int_equal(insert(*state, 7, 0), 6);
}

static void renumber_upwards_frees_the_lower(void **state)
{
    fill(*state, 6);
    assert_int_equal(fd_table_renumber(*state, 1, 4), 0);
    assert_int_equal(probes[4].closes, 1);
    assert_ptr_equal(fd_table_get(*state, 4), &probes[1].base);
    assert_int_equal(insert(*state, 6, 0), 1);
    assert_int_equal(insert(*state, 7, 0), 6);
}

static void renumber_to_itself_changes_nothing(void **state)
{
    fill(*state, 3);
    assert_int_equal(fd_table_renumber(*state, 1, 1), 0);
    assert_int_equal(probes[1].closes, 0);
    assert_ptr_equal(fd_table_get(*state, 1), &probes[1].base);
}

static void renumber_wants_both_open(void **state)
{
    fill(*state, 3);
    assert_int_equal(fd_table_renumber(*state, 0, 3), -EBADF);
    assert_int_equal(fd_table_renumber(*state, 3, 0), -EBADF);
    assert_int_equal(fd_table_renumber(*state, 3, 3), -EBADF);
    assert_int_equal(fd_table_renumber(*state, UINT32_MAX, 0), -EBADF);
    assert_int_equal(fd_table_renumber(*state, 0, UINT32_MAX), -EBADF);
    assert_int_equal(probes[0].closes, 0);
}

static uint32_t lowest_free(const struct fd_table *table)
{
    uint32_t fd = 0;
    while (fd_table_get(table, fd) != NULL) {
        fd++;
    }
    return fd;
}

/* A probe that is in no table: its last reference has gone, or it never had a place. */
static size_t free_probe(const struct fd_table *table)
{
    bool used[MANY] = {false};
    size_t probe = 0;
    for (uint32_t fd = 0; fd < table->max; fd++) {
        struct descriptor *d = fd_table_get(table, fd);
        if (d != NULL) {
            used[container_of(d, struct probe, base) - probes] = true;
        }
    }
    while (used[probe]) {
        probe++;
    }
    probes[probe].base.refs = 1;
    return probe;
}

/* Whatever is done to the table, the lowest free number is what a plain search finds. */
static void a_long_random_life_keeps_the_order(void **state)
{
    struct fd_table *table = *state;
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t lowest = lowest_free(table);
        if (lowest >= 64 || seed >> 30 == 0) {
            descriptor_unref(fd_table_take(table, seed >> 8 & 63));
        } else if (seed >> 30 == 1) {
            (void)fd_table_renumber(table, seed >> 8 & 63, seed >> 16 & 63);
        } else {
            assert_int_equal(insert(table, free_probe(table), 0), lowest);
        }
    }
}

static void done_drops_every_reference(void **state)
{
    struct fd_table *table = *state;
    fill(table, 40);
    (void)descriptor_ref(&probes[7].base);
    fd_table_done(table);
    assert_int_equal(table->count, 0);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(probes[i].closes, i == 7 ? 0 : 1);
    }
    descriptor_unref(&probes[7].base);
    assert_int_equal(probes[7].closes, 1);
    assert_int_equal(insert(table, 41, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_table_has_nothing),       TEST(the_lowest_free_number_is_given),
        TEST(numbers_below_from_stay_free),     TEST(the_limit_is_kept),
        TEST(a_small_limit_is_kept_too),        TEST(renumber_closes_the_target),
        TEST(renumber_upwards_frees_the_lower), TEST(renumber_to_itself_changes_nothing),
        TEST(renumber_wants_both_open),         TEST(a_long_random_life_keeps_the_order),
        TEST(done_drops_every_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
