/* fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static void stat_fd(struct fake_files *x, uint32_t fd)
{
    fake_fill(x->f, FILES_OUT, 0xcc, 32);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_fdstat_get", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT + 24), UINT64_C(0xcccccccccccccccc));
}

static int32_t set_flags(struct fake_files *x, uint32_t fd, uint32_t flags)
{
    return fake_call(x->f, &preview1_fd, "fd_fdstat_set_flags", fd, flags);
}

static void a_directory_has_these_bytes(void **state)
{
    struct fake_files *x = *state;
    stat_fd(x, FILES_RO);
    fake_assert_bytes(x->f, FILES_OUT,
                      "\x03\0\0\0\0\0\0\0"
                      "\x19\xfe\xbf\x07\0\0\0\0"
                      "\xff\xff\xff\x0f\0\0\0\0",
                      24);
}

static void a_file_has_these_bytes(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    stat_fd(x, fd);
    fake_assert_bytes(x->f, FILES_OUT, "\x04\0\0\0\0\0\0\0\xbf\0\xa0\x08\0\0\0\0\0\0\0\0\0\0\0\0",
                      24);
    assert_int_equal(files_try_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_BOTH,
                                    FDFLAG_APPEND | FDFLAG_NONBLOCK, &fd),
                     0);
    stat_fd(x, fd);
    fake_assert_bytes(x->f, FILES_OUT,
                      "\x04\0\x05\0\0\0\0\0\xff\x01\xe0\x08\0\0\0\0\0\0\0\0\0\0\0\0", 24);
}

static uint64_t rights_of(struct fake_files *x, uint32_t fd)
{
    stat_fd(x, fd);
    return fake_u64(x->f, FILES_OUT + WASI_FDSTAT_RIGHTS);
}

/* wasi-libc's isatty: a character device that can neither seek nor tell. */
static bool is_a_tty(struct fake_files *x, uint32_t fd)
{
    uint64_t seek = 1u << WASI_RIGHT_FD_SEEK | 1u << WASI_RIGHT_FD_TELL;
    return (rights_of(x, fd) & seek) == 0 && fake_u8(x->f, FILES_OUT) == 2;
}

static void only_a_terminal_is_one(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_true(is_a_tty(x, files_insert(x, slave, O_RDWR, FILE_OWN)));
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_false(is_a_tty(x, files_insert(x, null, O_RDWR, FILE_OWN)));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDONLY, FILE_OWN);
    assert_false(is_a_tty(x, fd));
    assert_int_equal(fake_u8(x->f, FILES_OUT), FILETYPE_UNKNOWN);
    close(ends[1]);
    close(master);
}

static void append_can_be_switched(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abc");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(set_flags(x, fd, FDFLAG_APPEND), 0);
    stat_fd(x, fd);
    assert_int_equal(fake_u16(x->f, FILES_OUT + 2), FDFLAG_APPEND);
    assert_int_equal(files_write(x, fd, "d"), 0);
    files_host_assert(x, "in/file", "abcd");
    assert_int_equal(set_flags(x, fd, FDFLAG_NONBLOCK), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_seek", fd, 0, 0, FILES_OUT), 0);
    assert_int_equal(files_write(x, fd, "X"), 0);
    files_host_assert(x, "in/file", "Xbcd");
}

static void other_flags_only_as_they_are(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = 0;
    assert_int_equal(
        files_try_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE, FDFLAG_SYNC, &fd), 0);
    assert_int_equal(set_flags(x, fd, FDFLAG_SYNC | FDFLAG_NONBLOCK), 0);
    assert_int_equal(set_flags(x, fd, FDFLAG_NONBLOCK), WASI_EINVAL);
    assert_int_equal(set_flags(x, fd, FDFLAG_SYNC | FDFLAG_DSYNC), WASI_EINVAL);
    assert_int_equal(set_flags(x, fd, FDFLAG_SYNC | 32), WASI_EINVAL);
    assert_int_equal(set_flags(x, fd, UINT32_MAX), WASI_EINVAL);
    assert_int_equal(set_flags(x, fd, 0x10000 | FDFLAG_SYNC), WASI_EINVAL);
    stat_fd(x, fd);
    assert_int_equal(fake_u16(x->f, FILES_OUT + 2), FDFLAG_SYNC | FDFLAG_NONBLOCK);
    assert_int_equal(set_flags(x, FILES_IN, FDFLAG_NONBLOCK), 0);
    assert_int_equal(set_flags(x, FILES_IN, FDFLAG_APPEND), WASI_EINVAL);
}

static void a_shared_description_keeps_its_flags(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDONLY, FILE_SHARED);
    assert_int_equal(set_flags(x, fd, FDFLAG_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(set_flags(x, fd, FDFLAG_APPEND), WASI_EINVAL);
    close(ends[1]);
}

static void rights_are_taken_and_ignored(void **state)
{
    struct fake_files *x = *state;
    uint64_t before = rights_of(x, FILES_IN);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_fdstat_set_rights", FILES_IN, 0, 0), 0);
    assert_int_equal(rights_of(x, FILES_IN), before);
    int64_t args[] = {FILES_IN, -1, -1};
    files_assert_bad_fd(x, &preview1_fd, "fd_fdstat_set_rights", args);
}

static void checks_every_pointer(void **state)
{
    struct fake_files *x = *state;
    int64_t args[] = {FILES_IN, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_fdstat_get", args, 1, WASI_FDSTAT_SIZE);
    files_assert_bad_fd(x, &preview1_fd, "fd_fdstat_get", args);
    args[1] = 0;
    files_assert_bad_fd(x, &preview1_fd, "fd_fdstat_set_flags", args);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_directory_has_these_bytes),  TEST(a_file_has_these_bytes),
        TEST(only_a_terminal_is_one),       TEST(append_can_be_switched),
        TEST(other_flags_only_as_they_are), TEST(a_shared_description_keeps_its_flags),
        TEST(rights_are_taken_and_ignored), TEST(checks_every_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
