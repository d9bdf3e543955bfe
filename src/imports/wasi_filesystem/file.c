/* Bytes of a file at an offset, its size, and what the kernel is told about it. */
#include <errno.h>

#include "guest/file.h"
#include "guest/filestat.h"
#include "imports/wasi_filesystem/filesystem.h"
#include "imports/wasi_io/io.h"

enum { WRITE_MAX = 4 << 20 };

int32_t fs_read(struct component_call *call)
{
    struct guest_file *f = NULL;
    int r = fs_file(call, 0, &f);
    if (r < 0) {
        return fs_answer(call, r);
    }
    uint64_t len = component_u64(call, 1);
    struct iovec iov = {.iov_len = len < IO_READ_MAX ? (size_t)len : IO_READ_MAX};
    iov.iov_base = component_scratch(call, iov.iov_len);
    if (iov.iov_base == NULL && iov.iov_len > 0) {
        return fs_answer(call, -ENOMEM);
    }
    int64_t n = guest_file_pread(f, &iov, 1, component_u64(call, 2));
    if (n < 0) {
        return fs_answer(call, n);
    }
    call->results[1].bytes = (struct span){iov.iov_base, (size_t)n};
    call->results[2].number =
        n == 0 ? 1 : 0; /* the end; for a length of 0 the reference's answer */
    return 0;
}

/* Fewer bytes than were given may be written; with all of a guest's memory the others would wait. */
int32_t fs_write(struct component_call *call)
{
    struct guest_file *f = NULL;
    struct span bytes = component_bytes(call, 1);
    size_t len = bytes.len < WRITE_MAX ? bytes.len : WRITE_MAX;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = len};
    int64_t n = fs_file(call, 0, &f);
    if (n == 0) {
        n = fs_check_writable(f);
    }
    if (n == 0) {
        n = guest_file_pwrite(f, &iov, 1, component_u64(call, 2));
    }
    return n < 0 ? fs_answer(call, n) : component_ok(call, (uint64_t)n);
}

int32_t fs_advise(struct component_call *call)
{
    struct guest_file *f = NULL;
    int r = fs_file(call, 0, &f);
    if (r == 0) {
        r = guest_file_advise(f, component_u64(call, 1), component_u64(call, 2),
                              component_u32(call, 3));
    }
    return fs_answer(call, r);
}

int32_t fs_set_size(struct component_call *call)
{
    struct guest_file *f = NULL;
    int r = fs_file(call, 0, &f);
    if (r == 0) {
        r = guest_file_set_size(f, component_u64(call, 1));
    }
    return fs_answer(call, r);
}

/* "Succeeds with no effect if the file descriptor is not opened for writing." */
static int32_t sync_self(struct component_call *call, bool only_data)
{
    struct descriptor *d = fs_self(call, 0)->d;
    bool may_have_written = d->kind == DESCRIPTOR_DIR || d->is_writable;
    if (!may_have_written || guest_is_read_only(d)) {
        return fs_answer(call, 0);
    }
    return fs_answer(call, guest_sync(d, only_data));
}

int32_t fs_sync(struct component_call *call)
{
    return sync_self(call, /* only_data */ false);
}

int32_t fs_sync_data(struct component_call *call)
{
    return sync_self(call, /* only_data */ true);
}
