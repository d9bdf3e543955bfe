/* A guest with two directories, for tests of fd_* and path_*.
 *
 *     fd 3   "/in"    writable           TMP/in
 *     fd 4   "/ro"    read-only          TMP/ro    holds file ("read only") and sub/file ("deep")
 *            outside  not granted        TMP/out   holds secret ("secret")
 *
 * Use files_setup and files_teardown with cmocka_unit_test_setup_teardown. Paths for files_host_*
 * are beneath TMP. */
#ifndef HYTHE_TESTS_LIB_FAKE_FILES_H
#define HYTHE_TESTS_LIB_FAKE_FILES_H

#include "fake_call.h"
#include "guest/dir.h"

enum {
    FILES_IN = 3,
    FILES_RO = 4,

    /* Places in the guest's memory, far enough from each other for a path each. */
    FILES_IOV = 0x400,
    FILES_PATH = 0x1000,
    FILES_PATH2 = 0x3000,
    FILES_OUT = 0x5000,
    FILES_BUF = 0x8000,

    FILES_READ = 1 << WASI_RIGHT_FD_READ,
    FILES_WRITE = 1 << WASI_RIGHT_FD_WRITE,
    FILES_BOTH = FILES_READ | FILES_WRITE,
};

struct fake_files {
    struct fake_guest *f;
    char root[32]; /* TMP */
    int root_fd;
    struct dir_source preopens[4]; /* owned: outlive the guest, as the host's do */
    uint32_t preopen_count;
};

int files_setup(void **state);
int files_teardown(void **state);

/* Give the guest a directory of the host, which must get the number `expect`. */
void files_preopen(struct fake_files *x, const char *host_path, const char *guest_path,
                   bool read_only, uint32_t expect);

/* -- the host's side -------------------------------------------------------------------------- */

/* Make TMP with all that is in it, and, when the guest has gone, remove it. */
void files_host_begin(struct fake_files *x);
void files_host_end(struct fake_files *x);

/* Give a guest both of its directories. */
void files_host_grant(struct fake_files *x, struct guest *guest);

void files_host_write(const struct fake_files *x, const char *path, const char *text);
void files_host_assert(const struct fake_files *x, const char *path, const char *text);
void files_host_mkdir(const struct fake_files *x, const char *path);
void files_host_symlink(const struct fake_files *x, const char *target, const char *path);
bool files_host_exists(const struct fake_files *x, const char *path);

/* -- the guest's side ------------------------------------------------------------------------- */

/* path_open without following links. Returns the WASI errno. */
int32_t files_try_open(struct fake_files *x, uint32_t dir, const char *path, uint32_t oflags,
                       uint64_t rights, uint32_t fdflags, uint32_t *ret_fd);

/* The same, asserting success. Returns the new number. */
uint32_t files_open(struct fake_files *x, uint32_t dir, const char *path, uint32_t oflags,
                    uint64_t rights);

/* Call a path_* function of the form (fd, path, path_len). */
int32_t files_on_path(struct fake_files *x, const char *name, uint32_t dir, const char *path);

/* fd_write and fd_read with one buffer at FILES_BUF. The count is left at FILES_OUT. */
int32_t files_write(struct fake_files *x, uint32_t fd, const char *text);
int32_t files_read(struct fake_files *x, uint32_t fd, uint32_t len);

/* Put a host descriptor, which is taken over, into the table as a file of the guest's. */
uint32_t files_insert(struct fake_files *x, int host_fd, int access, int io);

/* Assert that every bad address in argument `pointer`, of which `size` bytes are used, answers
 * FAULT. `args` holds good ones and is put back. */
void files_assert_faults(struct fake_files *x, const struct func_table *table, const char *name,
                         int64_t *args, unsigned pointer, uint32_t size);

/* Assert BADF for numbers that stand for nothing, in argument 0. */
void files_assert_bad_fd(struct fake_files *x, const struct func_table *table, const char *name,
                         int64_t *args);

#endif
