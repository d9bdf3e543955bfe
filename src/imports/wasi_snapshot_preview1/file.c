/* What a file is and holds beside its bytes: fd_filestat_*, fd_advise, fd_allocate, fd_sync,
 * fd_datasync, fd_readdir. */
#include <assert.h>
#include <errno.h>

#include "base/container.h"
#include "guest/dir.h"
#include "guest/file.h"
#include "guest/filestat.h"
#include "imports/wasi_snapshot_preview1/filestat.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

int call_file(const struct call *call, struct guest_file **ret_file)
{
    struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL || d->kind == DESCRIPTOR_DIR) {
        return -EBADF;
    }
    if (d->kind != DESCRIPTOR_FILE) {
        return -ESPIPE;
    }
    *ret_file = guest_file_of(d);
    return 0;
}

static int32_t fd_advise(struct call *call)
{
    struct guest_file *f = NULL;
    int r = call_file(call, &f);
    if (r == 0) {
        r = guest_file_advise(f, call_u64(call, 1), call_u64(call, 2), call_u32(call, 3));
    }
    return wasi_errno_from(r);
}

static int32_t fd_allocate(struct call *call)
{
    struct guest_file *f = NULL;
    int r = call_file(call, &f);
    if (r == 0) {
        r = guest_file_allocate(f, call_u64(call, 1), call_u64(call, 2));
    }
    return wasi_errno_from(r);
}

static int32_t fd_sync(struct call *call)
{
    const struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    return wasi_errno_from(guest_sync(d, /* only_data */ false));
}

static int32_t fd_datasync(struct call *call)
{
    const struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    return wasi_errno_from(guest_sync(d, /* only_data */ true));
}

static int32_t fd_filestat_get(struct call *call)
{
    const struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    if (d->kind == DESCRIPTOR_SOCKET || d->kind == DESCRIPTOR_STREAM) {
        /* The kernel's numbers for a socket say nothing, and it has none for a stream; the type
         * does. */
        uint8_t bytes[WASI_FILESTAT_SIZE] = {0};
        bytes[WASI_FILESTAT_FILETYPE] = d->filetype;
        return wasi_errno_from(call_write(call, call_u32(call, 1), bytes, sizeof bytes));
    }
    struct stat st;
    if (fstat(d->fd, &st) < 0) {
        return wasi_errno_from(-errno);
    }
    return wasi_errno_from(filestat_write(call, call_u32(call, 1), &st));
}

static int32_t fd_filestat_set_size(struct call *call)
{
    struct guest_file *f = NULL;
    int r = call_file(call, &f);
    if (r == 0) {
        r = guest_file_set_size(f, call_u64(call, 1));
    }
    return wasi_errno_from(r == -ESPIPE ? -EINVAL : r); /* ftruncate's word for it */
}

static int32_t fd_filestat_set_times(struct call *call)
{
    struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    struct timespec times[2];
    int r = filestat_times(call_u64(call, 1), call_u64(call, 2), call_u32(call, 3), times);
    return wasi_errno_from(r < 0 ? r : guest_set_times(d, times));
}

/* -- fd_readdir ------------------------------------------------------------------------------- */

/* The guest's buffer while it is filled. */
struct listing {
    uint8_t *room; /* borrowed from the guest, within this call */
    uint32_t len;
    uint32_t used;
};

static void listing_append(struct listing *listing, const void *bytes, uint32_t len)
{
    assert(listing->used <= listing->len);
    uint32_t free_len = listing->len - listing->used;
    uint32_t part = len < free_len ? len : free_len;
    if (part > 0) {
        memcpy(listing->room + listing->used, bytes, part);
    }
    listing->used += part;
}

/* The last entry is cut where the buffer ends: a full buffer is how the guest knows that there
 * may be more. */
static bool on_entry(void *context, const struct dir_entry *entry)
{
    struct listing *listing = context;
    uint8_t head[WASI_DIRENT_SIZE] = {0};
    store_u64(head + WASI_DIRENT_NEXT, entry->next);
    store_u64(head + WASI_DIRENT_INO, entry->ino);
    store_u32(head + WASI_DIRENT_NAMLEN, entry->name_len);
    head[WASI_DIRENT_TYPE] = entry->filetype;
    listing_append(listing, head, sizeof head);
    listing_append(listing, entry->name, entry->name_len);
    return listing->used < listing->len;
}

static int32_t fd_readdir(struct call *call)
{
    struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    struct guest_dir *dir = guest_dir_of(d);
    if (dir == NULL) {
        return WASI_ENOTDIR;
    }
    struct listing listing = {.len = call_u32(call, 2)};
    uint32_t ret_bufused = call_u32(call, 4);
    if (call_room(call, call_u32(call, 1), listing.len, &listing.room) < 0 ||
        !call_in_memory(call, ret_bufused, 4)) {
        return WASI_EFAULT;
    }
    int r = guest_dir_list(dir, call_u64(call, 3), on_entry, &listing);
    if (r == 0) {
        (void)call_write_u32(call, ret_bufused, listing.used); /* checked above */
    }
    return wasi_errno_from(r);
}

static const struct host_func rows[] = {
    {"fd_advise", "iIIi", "i", "fd offset len advice", fd_advise, NULL},
    {"fd_allocate", "iII", "i", "fd offset len", fd_allocate, NULL},
    {"fd_datasync", "i", "i", "fd", fd_datasync, NULL},
    {"fd_filestat_get", "ii", "i", "fd ret_filestat", fd_filestat_get, NULL},
    {"fd_filestat_set_size", "iI", "i", "fd size", fd_filestat_set_size, NULL},
    {"fd_filestat_set_times", "iIIi", "i", "fd atim mtim fst_flags", fd_filestat_set_times, NULL},
    {"fd_readdir", "iiiIi", "i", "fd buf buf_len cookie ret_bufused", fd_readdir, NULL},
    {"fd_sync", "i", "i", "fd", fd_sync, NULL},
};

const struct func_table preview1_file = {rows, ARRAY_COUNT(rows)};
