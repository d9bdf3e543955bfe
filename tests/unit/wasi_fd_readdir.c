/* fd_readdir: exact bytes, every buffer size, cookies, and a directory that changes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"

enum { ALL = 0x7000 };

static int32_t readdir_at(struct fake_files *x, uint32_t fd, uint64_t cookie, uint32_t len)
{
    fake_fill(x->f, FILES_BUF, 0xcc, ALL);
    return fake_call(x->f, &preview1_file, "fd_readdir", fd, FILES_BUF, len, (int64_t)cookie,
                     FILES_OUT);
}

/* Read all at once into `bytes`. Returns the length. */
static uint32_t read_all(struct fake_files *x, uint32_t fd, uint8_t *bytes)
{
    assert_int_equal(readdir_at(x, fd, 0, ALL), 0);
    uint32_t used = fake_u32(x->f, FILES_OUT);
    assert_true(used < ALL);
    memcpy(bytes, x->f->memory + FILES_BUF, used);
    assert_int_equal(fake_u8(x->f, FILES_BUF + used), 0xcc);
    return used;
}

static uint32_t entry_len(const uint8_t *entry)
{
    return WASI_DIRENT_SIZE + load_u32(entry + WASI_DIRENT_NAMLEN);
}

/* Find an entry by name; its offset, or UINT32_MAX. */
static uint32_t find(const uint8_t *bytes, uint32_t used, const char *name)
{
    for (uint32_t at = 0; at < used; at += entry_len(bytes + at)) {
        struct span found = {bytes + at + WASI_DIRENT_SIZE,
                             load_u32(bytes + at + WASI_DIRENT_NAMLEN)};
        if (span_is(found, name)) {
            return at;
        }
    }
    return UINT32_MAX;
}

static void lists_everything_with_kinds(void **state)
{
    struct fake_files *x = *state;
    uint8_t bytes[ALL];
    const char *names[] = {".", "..", "file", "dir", "link", "pipe"};
    const uint8_t types[] = {3, 3, 4, 3, 7, 0};
    files_host_write(x, "in/file", "");
    files_host_mkdir(x, "in/dir");
    files_host_symlink(x, "file", "in/link");
    assert_int_equal(mkfifoat(x->root_fd, "in/pipe", 0666), 0);
    uint32_t used = read_all(x, FILES_IN, bytes);
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t at = find(bytes, used, names[i]);
        assert_true(at < used);
        assert_int_equal(bytes[at + WASI_DIRENT_TYPE], types[i]);
        assert_memory_equal(bytes + at + 21, "\0\0\0", 3);
        sum += entry_len(bytes + at);
    }
    assert_int_equal(sum, used); /* and nothing else */
    struct stat st;
    assert_int_equal(fstatat(x->root_fd, "in/file", &st, 0), 0);
    assert_int_equal(load_u64(bytes + find(bytes, used, "file") + WASI_DIRENT_INO), st.st_ino);
}

static void every_buffer_size_gets_the_beginning(void **state)
{
    struct fake_files *x = *state;
    uint8_t bytes[ALL];
    files_host_write(x, "in/a-name", "");
    files_host_write(x, "in/another-one", "");
    uint32_t used = read_all(x, FILES_IN, bytes);
    for (uint32_t len = 0; len <= used + 2; len++) {
        uint32_t expect = len < used ? len : used;
        assert_int_equal(readdir_at(x, FILES_IN, 0, len), 0);
        assert_int_equal(fake_u32(x->f, FILES_OUT), expect);
        fake_assert_bytes(x->f, FILES_BUF, bytes, expect);
        assert_int_equal(fake_u8(x->f, FILES_BUF + expect), 0xcc);
    }
}

/* As wasi-libc does: go on from the last whole entry until a call does not fill the buffer. */
static uint32_t count_in_steps(struct fake_files *x, uint32_t fd, uint32_t len, uint8_t *seen)
{
    uint64_t cookie = 0;
    uint32_t count = 0;
    for (;;) {
        assert_int_equal(readdir_at(x, fd, cookie, len), 0);
        uint32_t used = fake_u32(x->f, FILES_OUT);
        const uint8_t *bytes = x->f->memory + FILES_BUF;
        for (uint32_t at = 0; used - at >= WASI_DIRENT_SIZE;) {
            const uint8_t *entry = bytes + at;
            if (entry_len(entry) > used - at) {
                break;
            }
            if (entry[WASI_DIRENT_SIZE] == 'f') {
                seen[(entry[25] - '0') * 100 + (entry[26] - '0') * 10 + entry[27] - '0']++;
            }
            count++;
            cookie = load_u64(entry + WASI_DIRENT_NEXT);
            at += entry_len(entry);
        }
        if (used < len) {
            return count;
        }
    }
}

static void cookies_go_through_a_large_directory(void **state)
{
    enum { FILES = 500 };
    struct fake_files *x = *state;
    const uint32_t lens[] = {32, 60, 128, 333, 4096, ALL};
    for (int i = 0; i < FILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "in/f%03d", i);
        files_host_write(x, name, "");
    }
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint8_t seen[FILES] = {0};
        assert_int_equal(count_in_steps(x, FILES_IN, lens[i], seen), FILES + 2);
        for (int n = 0; n < FILES; n++) {
            assert_int_equal(seen[n], 1);
        }
    }
}

static void any_cookie_can_be_returned_to(void **state)
{
    struct fake_files *x = *state;
    uint8_t bytes[ALL];
    files_host_write(x, "in/one", "");
    files_host_write(x, "in/two", "");
    uint32_t used = read_all(x, FILES_IN, bytes);
    for (int round = 0; round < 2; round++) {
        for (uint32_t at = 0; at < used;) {
            uint64_t next = load_u64(bytes + at + WASI_DIRENT_NEXT);
            at += entry_len(bytes + at);
            assert_int_equal(readdir_at(x, FILES_IN, next, ALL), 0);
            assert_int_equal(fake_u32(x->f, FILES_OUT), used - at);
            fake_assert_bytes(x->f, FILES_BUF, bytes + at, used - at);
        }
    }
}

static void cookie_0_reads_anew(void **state)
{
    struct fake_files *x = *state;
    uint8_t bytes[ALL];
    uint32_t used = read_all(x, FILES_IN, bytes);
    assert_int_equal(find(bytes, used, "late"), UINT32_MAX);
    files_host_write(x, "in/late", "");
    used = read_all(x, FILES_IN, bytes);
    assert_true(find(bytes, used, "late") < used);
}

static void a_removed_directory_is_empty(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    uint32_t fd = files_open(x, FILES_IN, "dir", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(unlinkat(x->root_fd, "in/dir", AT_REMOVEDIR), 0);
    assert_int_equal(readdir_at(x, fd, 0, ALL), 0);
    assert_true(fake_u32(x->f, FILES_OUT) < ALL);
}

static void names_are_bytes(void **state)
{
    struct fake_files *x = *state;
    uint8_t bytes[ALL];
    files_host_write(x, "in/\xff\xfe no utf-8", "x");
    uint32_t used = read_all(x, FILES_IN, bytes);
    assert_true(find(bytes, used, "\xff\xfe no utf-8") < used);
    (void)files_open(x, FILES_IN, "\xff\xfe no utf-8", 0, FILES_READ); /* what is listed opens */
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    int64_t args[] = {FILES_IN, FILES_BUF, 64, 0, FILES_OUT};
    files_assert_faults(x, &preview1_file, "fd_readdir", args, 1, 64);
    files_assert_faults(x, &preview1_file, "fd_readdir", args, 4, 4);
    files_assert_bad_fd(x, &preview1_file, "fd_readdir", args);
    args[2] = UINT32_MAX;
    assert_int_equal(fake_call_row(x->f, &preview1_file, "fd_readdir", NULL, args), WASI_EFAULT);
    assert_int_equal(readdir_at(x, FILES_IN, UINT64_MAX, 64), WASI_EINVAL);
    assert_int_equal(readdir_at(x, FILES_IN, UINT64_C(1) << 63, 64), WASI_EINVAL);
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(readdir_at(x, fd, 0, 64), WASI_ENOTDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_everything_with_kinds),
        TEST(every_buffer_size_gets_the_beginning),
        TEST(cookies_go_through_a_large_directory),
        TEST(any_cookie_can_be_returned_to),
        TEST(cookie_0_reads_anew),
        TEST(a_removed_directory_is_empty),
        TEST(names_are_bytes),
        TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
