/* See fake_files.h. */
#include "fake_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "guest/dir.h"
#include "guest/file.h"

static void preopen(struct fake_files *x, struct guest *guest, const char *host_path,
                    const char *guest_path, bool read_only, uint32_t expect)
{
    struct dir_source *source = &x->preopens[x->preopen_count];
    struct guest_dir *dir = NULL;
    struct error err = {0};
    uint32_t fd = 0;
    assert_in_range(x->preopen_count, 0, ARRAY_COUNT(x->preopens) - 1);
    assert_int_equal(dir_source_open(host_path, guest_path, read_only, source, &err), 0);
    x->preopen_count++;
    assert_int_equal(guest_dir_preopen_source(guest, source, &dir), 0);
    assert_int_equal(fd_table_insert(&guest->fds, &dir->base, 3, &fd), 0);
    assert_int_equal(fd, expect);
}

void files_preopen(struct fake_files *x, const char *host_path, const char *guest_path,
                   bool read_only, uint32_t expect)
{
    preopen(x, &x->f->guest, host_path, guest_path, read_only, expect);
}

void files_host_begin(struct fake_files *x)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the program has it */
    (void)snprintf(x->root, sizeof x->root, "/tmp/hythe-test-XXXXXX");
    assert_non_null(mkdtemp(x->root));
    x->root_fd = open(x->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(x->root_fd >= 0);
    files_host_mkdir(x, "in");
    files_host_mkdir(x, "ro");
    files_host_mkdir(x, "ro/sub");
    files_host_mkdir(x, "out");
    files_host_write(x, "ro/file", "read only");
    files_host_write(x, "ro/sub/file", "deep");
    files_host_write(x, "out/secret", "secret");
}

void files_host_grant(struct fake_files *x, struct guest *guest)
{
    char host[64];
    (void)snprintf(host, sizeof host, "%s/in", x->root);
    preopen(x, guest, host, "/in", false /* read_only */, FILES_IN);
    (void)snprintf(host, sizeof host, "%s/ro", x->root);
    preopen(x, guest, host, "/ro", true /* read_only */, FILES_RO);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void files_host_end(struct fake_files *x)
{
    for (uint32_t i = 0; i < x->preopen_count; i++) {
        dir_source_close(&x->preopens[i]);
    }
    close(x->root_fd);
    (void)nftw(x->root, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what stays is in /tmp */
}

int files_setup(void **state)
{
    struct fake_files *x = calloc(1, sizeof *x);
    assert_non_null(x);
    files_host_begin(x);
    x->f = fake_guest_new();
    files_host_grant(x, &x->f->guest);
    *state = x;
    return 0;
}

int files_teardown(void **state)
{
    struct fake_files *x = *state;
    fake_guest_free(x->f);
    files_host_end(x);
    free(x);
    return 0;
}

void files_host_write(const struct fake_files *x, const char *path, const char *text)
{
    int fd = openat(x->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void files_host_assert(const struct fake_files *x, const char *path, const char *text)
{
    char bytes[4096];
    int fd = openat(x->root_fd, path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

void files_host_mkdir(const struct fake_files *x, const char *path)
{
    assert_int_equal(mkdirat(x->root_fd, path, 0777), 0);
}

void files_host_symlink(const struct fake_files *x, const char *target, const char *path)
{
    assert_int_equal(symlinkat(target, x->root_fd, path), 0);
}

bool files_host_exists(const struct fake_files *x, const char *path)
{
    struct stat st;
    return fstatat(x->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int32_t files_try_open(struct fake_files *x, uint32_t dir, const char *path, uint32_t oflags,
                       uint64_t rights, uint32_t fdflags, uint32_t *ret_fd)
{
    uint32_t len = fake_text(x->f, FILES_PATH, path);
    int32_t e = fake_call(x->f, &preview1_path, "path_open", dir, 0, FILES_PATH, len, oflags,
                          (int64_t)rights, 0, fdflags, FILES_OUT);
    *ret_fd = fake_u32(x->f, FILES_OUT);
    return e;
}

uint32_t files_open(struct fake_files *x, uint32_t dir, const char *path, uint32_t oflags,
                    uint64_t rights)
{
    uint32_t fd = 0;
    assert_int_equal(files_try_open(x, dir, path, oflags, rights, 0, &fd), WASI_ESUCCESS);
    return fd;
}

int32_t files_on_path(struct fake_files *x, const char *name, uint32_t dir, const char *path)
{
    uint32_t len = fake_text(x->f, FILES_PATH, path);
    return fake_call(x->f, &preview1_path, name, dir, FILES_PATH, len);
}

int32_t files_write(struct fake_files *x, uint32_t fd, const char *text)
{
    fake_iov(x->f, FILES_IOV, FILES_BUF, fake_text(x->f, FILES_BUF, text));
    return fake_call(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 1, FILES_OUT);
}

int32_t files_read(struct fake_files *x, uint32_t fd, uint32_t len)
{
    fake_iov(x->f, FILES_IOV, FILES_BUF, len);
    return fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT);
}

uint32_t files_insert(struct fake_files *x, int host_fd, int access, int io)
{
    struct stat st;
    struct guest_file *file = NULL;
    uint32_t fd = 0;
    assert_int_equal(fstat(host_fd, &st), 0);
    struct file_opening opening = {
        .fd = host_fd, .mode = st.st_mode, .access = access, .io = (enum file_io)io};
    assert_int_equal(guest_file_new(&x->f->guest, &opening, &file), 0);
    assert_int_equal(fd_table_insert(&x->f->guest.fds, &file->base, 0, &fd), 0);
    return fd;
}

void files_assert_faults(struct fake_files *x, const struct func_table *table, const char *name,
                         int64_t *args, unsigned pointer, uint32_t size)
{
    const uint32_t addresses[] = {
        FAKE_MEMORY_LEN - size + 1,                   /* one byte too far */
        FAKE_MEMORY_LEN,                              /* just behind the end */
        UINT32_MAX - size + 1,                        /* ends at 2^32 less one */
        (uint32_t)(UINT64_C(0x100000000) - size / 2), /* wraps past 2^32 to the start */
        UINT32_MAX,
    };
    int64_t good = args[pointer];
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        args[pointer] = addresses[i];
        assert_int_equal(fake_call_row(x->f, table, name, NULL /* params */, args), WASI_EFAULT);
    }
    args[pointer] = good;
}

void files_assert_bad_fd(struct fake_files *x, const struct func_table *table, const char *name,
                         int64_t *args)
{
    const uint32_t numbers[] = {200, 0x7fffffff, 0x80000000, UINT32_MAX};
    int64_t good = args[0];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        args[0] = numbers[i];
        assert_int_equal(fake_call_row(x->f, table, name, NULL /* params */, args), WASI_EBADF);
    }
    args[0] = good;
}
