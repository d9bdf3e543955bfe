/* fd_pread: at an offset, the file's own untouched. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static int32_t pread_at(struct fake_files *x, uint32_t fd, uint64_t offset, uint32_t len)
{
    fake_iov(x->f, FILES_IOV, FILES_BUF, len);
    return fake_call(x->f, &preview1_fd, "fd_pread", fd, FILES_IOV, 1, (int64_t)offset, FILES_OUT);
}

static void reads_at_an_offset(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abcdefgh");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    assert_int_equal(pread_at(x, fd, 5, 8), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 3);
    fake_assert_bytes(x->f, FILES_BUF, "fgh", 3);
    assert_int_equal(pread_at(x, fd, 1000, 8), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 0);
    assert_int_equal(files_read(x, fd, 2), 0); /* the offset has not moved */
    fake_assert_bytes(x->f, FILES_BUF, "ab", 2);
}

static void refuses_offsets_past_63_bits(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(pread_at(x, fd, UINT64_MAX, 1), WASI_EINVAL);
    assert_int_equal(pread_at(x, fd, UINT64_C(1) << 63, 1), WASI_EINVAL);
    assert_int_equal(pread_at(x, fd, UINT64_C(1) << 40, 1), 0);
}

static void refuses_the_wrong_kind(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDONLY, FILE_OWN);
    assert_int_equal(pread_at(x, fd, 0, 1), WASI_ESPIPE);
    assert_int_equal(pread_at(x, FILES_IN, 0, 1), WASI_EBADF);
    fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    assert_int_equal(pread_at(x, fd, 0, 1), WASI_EBADF);
    close(ends[1]);
}

static void checks_every_pointer(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 4);
    int64_t args[] = {fd, FILES_IOV, 1, 0, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_pread", args, 1, 8);
    files_assert_faults(x, &preview1_fd, "fd_pread", args, 4, 4);
    files_assert_bad_fd(x, &preview1_fd, "fd_pread", args);
    args[2] = 1u << 31;
    assert_int_equal(fake_call_row(x->f, &preview1_fd, "fd_pread", NULL, args), WASI_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_at_an_offset),
        TEST(refuses_offsets_past_63_bits),
        TEST(refuses_the_wrong_kind),
        TEST(checks_every_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
