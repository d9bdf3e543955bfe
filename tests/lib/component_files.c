/* See component_files.h. */
#include "component_files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

int cfiles_setup(void **state)
{
    struct component_files *x = calloc(1, sizeof *x);
    assert_non_null(x);
    files_host_begin(&x->host);
    x->f = fake_component_new();
    files_host_grant(&x->host, &x->f->guest);
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

int cfiles_teardown(void **state)
{
    struct component_files *x = *state;
    fake_component_free(x->f);
    files_host_end(&x->host);
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
