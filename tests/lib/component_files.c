/* See component_files.h. */
#include "component_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/dir.h"

static void add_preopen(struct component_files *x, struct dir_source *source, const char *name,
                        bool read_only)
{
    char host[64];
    char guest[64];
    struct guest_dir *dir = NULL;
    struct error err = {0};
    uint32_t fd = 0;
    (void)snprintf(host, sizeof host, "%s/%s", x->host.root, name);
    (void)snprintf(guest, sizeof guest, "/%s", name);
    assert_int_equal(dir_source_open(host, guest, read_only, source, &err), 0);
    assert_int_equal(guest_dir_preopen_source(&x->f->guest, source, &dir), 0);
    assert_int_equal(fd_table_insert(&x->f->guest.fds, &dir->base, 3, &fd), 0);
}

int cfiles_setup(void **state)
{
    struct component_files *x = calloc(1, sizeof *x);
    assert_non_null(x);
    struct fake_files *host = &x->host;
    (void)signal(SIGPIPE, SIG_IGN); /* as the program has it */
    (void)snprintf(host->root, sizeof host->root, "/tmp/hythe-test-XXXXXX");
    assert_non_null(mkdtemp(host->root));
    host->root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(host->root_fd >= 0);
    files_host_mkdir(host, "in");
    files_host_mkdir(host, "ro");
    files_host_mkdir(host, "ro/sub");
    files_host_mkdir(host, "out");
    files_host_write(host, "ro/file", "read only");
    files_host_write(host, "ro/sub/file", "deep");
    files_host_write(host, "out/secret", "secret");
    x->f = fake_component_new();
    add_preopen(x, &x->sources[0], "in", false /* read_only */);
    add_preopen(x, &x->sources[1], "ro", true /* read_only */);
    assert_int_equal(
        fake_component_call(x->f, &wasi_filesystem_preopens, "get-directories", NULL /* args */, 0),
        0);
    struct component_list list = x->f->results[0].list;
    assert_int_equal(list.count, 2);
    x->in = (uint32_t)list.items[0].number;
    x->ro = (uint32_t)list.items[2].number;
    *state = x;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int cfiles_teardown(void **state)
{
    struct component_files *x = *state;
    fake_component_free(x->f);
    dir_source_close(&x->sources[0]);
    dir_source_close(&x->sources[1]);
    close(x->host.root_fd);
    (void)nftw(x->host.root, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what stays is in /tmp */
    free(x);
    return 0;
}

int cfiles_result(const struct component_files *x, int32_t answer)
{
    assert_int_equal(answer, 0);
    assert_in_range(x->f->results[0].number, 0, 1);
    if (x->f->results[0].number == 0) {
        return FS_OK;
    }
    assert_in_range(x->f->results[1].number, 0, FS_ERRORS - 1);
    return (int)x->f->results[1].number;
}

uint64_t cfiles_number(const struct component_files *x)
{
    assert_int_equal(x->f->results[0].number, 0);
    return x->f->results[1].number;
}

int cfiles_try_open(struct component_files *x, uint32_t dir, const char *path, unsigned open_flags,
                    unsigned flags)
{
    return CFILES(x, "open-at", NUMBER(dir), NUMBER(0), TEXT(path), NUMBER(open_flags),
                  NUMBER(flags));
}

uint32_t cfiles_open(struct component_files *x, uint32_t dir, const char *path, unsigned open_flags,
                     unsigned flags)
{
    assert_int_equal(cfiles_try_open(x, dir, path, open_flags, flags), FS_OK);
    return (uint32_t)cfiles_number(x);
}

int cfiles_on_path(struct component_files *x, const char *name, uint32_t dir, const char *path)
{
    char full[64];
    (void)snprintf(full, sizeof full, "[method]descriptor.%s", name);
    return cfiles_result(
        x, component_fake_call(x->f, &wasi_filesystem_types, full, NUMBER(dir), TEXT(path)));
}

void cfiles_assert_bytes(const struct component_files *x, const char *text)
{
    struct span bytes = x->f->results[1].bytes;
    assert_int_equal(x->f->results[0].number, 0);
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data != NULL ? (const char *)bytes.data : "", text, bytes.len);
}

void cfiles_drop(struct component_files *x, const char *resource, uint32_t rep)
{
    assert_int_equal(fake_component_drop(x->f, &wasi_filesystem_types, resource, rep), 0);
}

unsigned cfiles_count_open(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    return count;
}
