/* fd_seek and fd_tell: 64-bit offsets, whence, and kinds without an offset. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static int32_t seek(struct fake_files *x, uint32_t fd, int64_t offset, uint32_t whence)
{
    return fake_call(x->f, &preview1_fd, "fd_seek", fd, offset, whence, FILES_OUT);
}

static void moves_and_tells(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(seek(x, fd, 5, WASI_WHENCE_SET), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT), 5);
    assert_int_equal(seek(x, fd, -2, WASI_WHENCE_CUR), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT), 3);
    assert_int_equal(seek(x, fd, -1, WASI_WHENCE_END), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT), 8);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_tell", fd, FILES_BUF), 0);
    fake_assert_bytes(x->f, FILES_BUF, "\x08\0\0\0\0\0\0\0\0", 9);
}

static void has_64_bits(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_BOTH);
    assert_int_equal(seek(x, fd, INT64_C(0x500000000), WASI_WHENCE_SET), 0);
    assert_int_equal(files_write(x, fd, "far"), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_tell", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT), INT64_C(0x500000003));
}

static void refuses_bad_arguments(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(seek(x, fd, -1, WASI_WHENCE_SET), WASI_EINVAL);
    assert_int_equal(seek(x, fd, INT64_MIN, WASI_WHENCE_CUR), WASI_EINVAL);
    assert_int_equal(seek(x, fd, 0, 3), WASI_EINVAL);
    assert_int_equal(seek(x, fd, 0, UINT32_MAX), WASI_EINVAL);
    int64_t args[] = {fd, 1, WASI_WHENCE_SET, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_seek", args, 3, 8);
    files_assert_bad_fd(x, &preview1_fd, "fd_seek", args);
    int64_t tell[] = {fd, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_tell", tell, 1, 8);
    files_assert_bad_fd(x, &preview1_fd, "fd_tell", tell);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_tell", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT), 0); /* none of these has moved it */
}

static void refuses_the_wrong_kind(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDONLY, FILE_OWN);
    assert_int_equal(seek(x, fd, 0, WASI_WHENCE_CUR), WASI_ESPIPE);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_tell", fd, FILES_OUT), WASI_ESPIPE);
    assert_int_equal(seek(x, FILES_IN, 0, WASI_WHENCE_CUR), WASI_EBADF);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_tell", FILES_IN, FILES_OUT), WASI_EBADF);
    close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moves_and_tells),
        TEST(has_64_bits),
        TEST(refuses_bad_arguments),
        TEST(refuses_the_wrong_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
