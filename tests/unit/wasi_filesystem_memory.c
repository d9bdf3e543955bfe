/* wasi:filesystem when memory is short: each allocation of hythe's own fails once. The guest gets
 * insufficient-memory, or in get-directories a trap; nothing is lost, and the next try works.
 *
 * Wraps: malloc calloc realloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "component_files.h"
#include "imports/wasi_io/io.h"

enum { TRIES_MAX = 50, ARGS_MAX = 6 };

/* Begin a call by hand: the fake's own copies of arguments do not count. */
static int32_t begin(struct component_files *x, const struct component_interface *interface,
                     const char *name, const union component_value *args, unsigned *left)
{
    const struct component_func *func = NULL;
    for (size_t i = 0; i < interface->func_count; i++) {
        func = strcmp(interface->funcs[i].name, name) == 0 ? &interface->funcs[i] : func;
    }
    assert_non_null(func);
    memset(x->f->results, 0, sizeof x->f->results);
    struct component_call call = {.func = func,
                                  .args = args,
                                  .results = x->f->results,
                                  .guest = &x->f->guest,
                                  .instance = x->f->instance};
    alloc_sweep_begin(*left);
    int32_t answer = func->begin(&call);
    *left = alloc_sweep_end();
    return answer;
}

/* Call it with the first, the second, ... allocation failing, until none fails any more. Each time it
 * says so, and holds nothing; returns how many there were. */
static unsigned sweep(struct component_files *x, const char *name,
                      const union component_value *args)
{
    for (unsigned n = 1; n < TRIES_MAX; n++) {
        buffer_done(&x->f->guest.scratch);
        unsigned open = cfiles_count_open();
        uint32_t files = x->f->guest.open_files;
        uint32_t resources = x->f->guest.resources.count;
        unsigned left = n;
        int32_t answer = begin(x, &wasi_filesystem_types, name, args, &left);
        bool has_failed = left == 0;
        assert_int_equal(answer, 0);
        if (!has_failed) {
            assert_int_equal(x->f->results[0].number, 0);
            return n - 1;
        }
        assert_int_equal(x->f->results[0].number, 1);
        assert_int_equal(x->f->results[1].number, FS_INSUFFICIENT_MEMORY);
        assert_int_equal(cfiles_count_open(), open);
        assert_int_equal(x->f->guest.open_files, files);
        assert_int_equal(x->f->guest.resources.count, resources);
    }
    fail_msg("%s allocates without end", name);
    return 0;
}

static union component_value number(uint64_t value)
{
    return (union component_value){.number = value};
}

static union component_value text(const char *value)
{
    return (union component_value){.bytes = span_of(value)};
}

/* Fill the table of resources up to its capacity, so that the next one makes it grow. */
static void fill_table(struct component_files *x)
{
    const struct resource_table *table = &x->f->guest.resources;
    while (table->free_count > 0 || table->used < table->cap) {
        (void)cfiles_open(x, x->ro, "file", 0, FS_READ);
    }
}

static void what_makes_resources(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    const struct {
        const char *name;
        union component_value args[ARGS_MAX];
        unsigned least;
    } cases[] = {
        {"[method]descriptor.open-at",
         {number(x->in), number(0), text("file"), number(0), number(FS_READ)},
         4},
        {"[method]descriptor.open-at",
         {number(x->in), number(0), text("."), number(0), number(FS_READ)},
         4},
        {"[method]descriptor.read-via-stream", {number(file), number(0)}, 4},
        {"[method]descriptor.write-via-stream", {number(file), number(0)}, 4},
        {"[method]descriptor.append-via-stream", {number(file)}, 4},
        {"[method]descriptor.read-directory", {number(x->in)}, 4},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fill_table(x);
        assert_true(sweep(x, cases[i].name, cases[i].args) >= cases[i].least);
    }
}

static void what_answers_with_bytes(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    files_host_symlink(&x->host, "file", "in/link");
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_READ);
    const union component_value read[] = {number(file), number(10), number(0)};
    assert_int_equal(sweep(x, "[method]descriptor.read", read), 1);
    cfiles_assert_bytes(x, "abc");
    const union component_value link[] = {number(x->in), text("link")};
    assert_int_equal(sweep(x, "[method]descriptor.readlink-at", link), 1);
    cfiles_assert_bytes(x, "file");
    assert_int_equal(CFILES(x, "read-directory", NUMBER(x->in)), FS_OK);
    const union component_value stream[] = {number(cfiles_number(x))};
    assert_int_equal(sweep(x, "[method]directory-entry-stream.read-directory-entry", stream), 1);
    assert_int_equal(x->f->results[1].number, 1);
}

static void get_directories_traps(void **state)
{
    struct component_files *x = *state;
    for (unsigned n = 1; n < TRIES_MAX; n++) {
        buffer_done(&x->f->guest.scratch);
        unsigned left = n;
        int32_t answer = begin(x, &wasi_filesystem_preopens, "get-directories", NULL, &left);
        bool has_failed = left == 0;
        if (!has_failed) {
            assert_int_equal(answer, 0);
            assert_int_equal(x->f->results[0].list.count, 2);
            assert_true(n > 3);
            return;
        }
        assert_int_equal(answer, CALL_TRAP);
        assert_int_equal(x->f->guest.open_files, 0);
    }
    fail_msg("get-directories allocates without end");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_makes_resources),
        TEST(what_answers_with_bytes),
        TEST(get_directories_traps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
