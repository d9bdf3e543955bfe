/* Files that were seen: known while nothing about them has changed, and not a moment longer. */
#include "engine/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static int fd = -1;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/hythe-seen-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

static struct seen_file describe(void)
{
    struct seen_file file;
    assert_int_equal(seen_describe(fd, &file), 0);
    return file;
}

/* The file as it would be had nobody touched it for long, with a hash of its own. */
static struct seen_file settled(uint8_t first)
{
    struct seen_file file = describe();
    file.is_settled = true;
    file.hash[0] = first;
    return file;
}

static void test_what_was_noted_is_found(void **state)
{
    struct seen seen = {0};
    struct seen_file file = settled(7);
    (void)state;
    seen_add(&seen, &file);
    struct seen_file again = describe();
    assert_int_equal(again.hashed, 10);
    assert_true(seen_find(&seen, &again));
    assert_int_equal(again.hash[0], 7);
}

static void test_a_file_that_has_just_changed_is_not_noted(void **state)
{
    struct seen seen = {0};
    struct seen_file file = describe();
    (void)state;
    assert_false(file.is_settled);
    seen_add(&seen, &file);
    assert_int_equal(seen.count, 0);
}

static void test_an_old_file_is_settled(void **state)
{
    struct seen_file file;
    int old = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat st;
    (void)state;
    assert_int_equal(fstat(old, &st), 0);
    assert_int_equal(seen_describe(old, &file), 0);
    assert_int_equal(file.size, st.st_size);
    assert_int_equal(file.is_settled, time(NULL) - st.st_ctime > SEEN_MIN_AGE_S);
    (void)close(old);
}

static void test_a_file_that_was_changed_is_unknown(void **state)
{
    struct seen seen = {0};
    struct seen_file file = settled(7);
    (void)state;
    file.changed_ns ^= 1; /* the time it had before the last change */
    seen_add(&seen, &file);
    struct seen_file again = describe();
    assert_false(seen_find(&seen, &again));

    file = settled(7);
    seen_add(&seen, &file);
    assert_int_equal(write(fd, "+", 1), 1);
    again = describe();
    assert_false(seen_find(&seen, &again));
}

static void test_each_part_of_a_description_counts(void **state)
{
    struct seen seen = {0};
    struct seen_file file = settled(7);
    (void)state;
    seen_add(&seen, &file);
    struct seen_file others[6] = {file, file, file, file, file, file};
    others[0].device++;
    others[1].inode++;
    others[2].size++;
    others[3].changed_s++;
    others[4].changed_ns++;
    others[5].hashed--;
    for (size_t i = 0; i < 6; i++) {
        assert_false(seen_find(&seen, &others[i]));
    }
    assert_true(seen_find(&seen, &file));
}

static void test_more_files_than_there_is_room_for_are_not_noted(void **state)
{
    struct seen seen = {0};
    (void)state;
    for (uint64_t i = 0; i <= SEEN_FILES_MAX; i++) {
        struct seen_file file = {.inode = i + 1, .is_settled = true};
        seen_add(&seen, &file);
    }
    assert_int_equal(seen.count, SEEN_FILES_MAX);
    struct seen_file last = {.inode = SEEN_FILES_MAX};
    struct seen_file beyond = {.inode = SEEN_FILES_MAX + 1};
    assert_true(seen_find(&seen, &last));
    assert_false(seen_find(&seen, &beyond));
}

static void test_a_count_that_is_too_large_reads_nothing_beyond(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct seen_file file = {.inode = 1};
    (void)state;
    seen->count = UINT32_MAX;
    assert_false(seen_find(seen, &file));
    seen_add(seen, &file);
    assert_int_equal(seen->count, UINT32_MAX);
    free(seen);
}

static void test_without_a_place_nothing_is_known(void **state)
{
    struct seen_file file = settled(7);
    (void)state;
    seen_add(NULL, &file);
    assert_false(seen_find(NULL, &file));
    assert_int_equal(seen_describe(-1, &file), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_noted_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_has_just_changed_is_not_noted, setup,
                                        teardown),
        cmocka_unit_test(test_an_old_file_is_settled),
        cmocka_unit_test_setup_teardown(test_a_file_that_was_changed_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_part_of_a_description_counts, setup, teardown),
        cmocka_unit_test(test_more_files_than_there_is_room_for_are_not_noted),
        cmocka_unit_test(test_a_count_that_is_too_large_reads_nothing_beyond),
        cmocka_unit_test_setup_teardown(test_without_a_place_nothing_is_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
