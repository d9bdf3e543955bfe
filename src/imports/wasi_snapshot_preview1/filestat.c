/* See filestat.h. */
#include "imports/wasi_snapshot_preview1/filestat.h"

#include <errno.h>

#include "guest/filestat.h"
#include "imports/wasi_snapshot_preview1/abi.h"

int filestat_write(struct call *call, uint32_t address, const struct stat *st)
{
    uint8_t bytes[WASI_FILESTAT_SIZE] = {0};
    store_u64(bytes + WASI_FILESTAT_DEV, st->st_dev);
    store_u64(bytes + WASI_FILESTAT_INO, st->st_ino);
    bytes[WASI_FILESTAT_FILETYPE] = guest_filetype_from_mode(st->st_mode);
    store_u64(bytes + WASI_FILESTAT_NLINK, st->st_nlink);
    store_u64(bytes + WASI_FILESTAT_FILESIZE, (uint64_t)st->st_size);
    store_u64(bytes + WASI_FILESTAT_ATIM, guest_time_ns(&st->st_atim));
    store_u64(bytes + WASI_FILESTAT_MTIM, guest_time_ns(&st->st_mtim));
    store_u64(bytes + WASI_FILESTAT_CTIM, guest_time_ns(&st->st_ctim));
    return call_write(call, address, bytes, sizeof bytes);
}

static struct timespec time_of(uint64_t ns, bool given, bool now)
{
    enum { SECOND_NS = 1000000000 };
    if (now) {
        return (struct timespec){.tv_nsec = UTIME_NOW};
    }
    if (!given) {
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    }
    return (struct timespec){.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
}

int filestat_times(uint64_t atim, uint64_t mtim, uint32_t fst_flags, struct timespec ret_times[2])
{
    bool has_atim = (fst_flags & WASI_FST_ATIM) != 0;
    bool has_mtim = (fst_flags & WASI_FST_MTIM) != 0;
    bool atim_now = (fst_flags & WASI_FST_ATIM_NOW) != 0;
    bool mtim_now = (fst_flags & WASI_FST_MTIM_NOW) != 0;
    if (fst_flags > WASI_FST_ALL || (has_atim && atim_now) || (has_mtim && mtim_now)) {
        return -EINVAL;
    }
    ret_times[0] = time_of(atim, has_atim, atim_now);
    ret_times[1] = time_of(mtim, has_mtim, mtim_now);
    return 0;
}
