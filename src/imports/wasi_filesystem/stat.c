/* What is known of a file beside its bytes: stat, set-times, metadata-hash, each by descriptor and by
 * path. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "guest/dir.h"
#include "guest/filestat.h"
#include "imports/wasi_filesystem/filesystem.h"

enum { SECOND_NS = 1000000000 };

static int stat_self(const struct component_call *call, struct stat *ret_stat)
{
    return fstat(fs_self(call, 0)->d->fd, ret_stat) < 0 ? -errno : 0;
}

/* Of functions with self, path-flags and path. */
static int stat_place(const struct component_call *call, struct stat *ret_stat)
{
    struct fs_place place;
    bool follow = (component_u32(call, 1) & FS_SYMLINK_FOLLOW) != 0;
    int r = fs_take_place(call, 0, 2, &place);
    return r < 0 ? r : guest_dir_stat(place.dir, place.path, follow, ret_stat);
}

/* -- stat ------------------------------------------------------------------------------------- */

/* An option<datetime> of three slots: none for what was before 1970. */
static void put_time(union component_value *slots, const struct timespec *time)
{
    if (time->tv_sec >= 0) {
        slots[0].number = 1;
        slots[1].number = (uint64_t)time->tv_sec;
        slots[2].number = (uint64_t)time->tv_nsec;
    }
}

static int32_t answer_stat(struct component_call *call, int r, const struct stat *st)
{
    if (r < 0) {
        return fs_answer(call, r);
    }
    union component_value *slots = call->results + 1;
    slots[0].number = fs_type_from((uint8_t)IFTODT(st->st_mode));
    slots[1].number = st->st_nlink;
    slots[2].number = (uint64_t)st->st_size;
    put_time(slots + 3, &st->st_atim);
    put_time(slots + 6, &st->st_mtim);
    put_time(slots + 9, &st->st_ctim);
    return 0;
}

int32_t fs_stat(struct component_call *call)
{
    struct stat st = {0};
    int r = stat_self(call, &st);
    return answer_stat(call, r, &st);
}

int32_t fs_stat_at(struct component_call *call)
{
    struct stat st = {0};
    int r = stat_place(call, &st);
    return answer_stat(call, r, &st);
}

/* -- set-times -------------------------------------------------------------------------------- */

/* A new-timestamp of three slots. 0, -EINVAL for no time, or -EOVERFLOW. */
static int take_time(const union component_value *slots, struct timespec *ret_time)
{
    enum { NO_CHANGE, NOW, TIMESTAMP };
    uint64_t seconds = slots[1].number;
    uint64_t ns = slots[2].number;
    switch (slots[0].number) {
    case NO_CHANGE:
        *ret_time = (struct timespec){.tv_nsec = UTIME_OMIT};
        return 0;
    case NOW:
        *ret_time = (struct timespec){.tv_nsec = UTIME_NOW};
        return 0;
    case TIMESTAMP:
        break;
    default:
        return -EINVAL;
    }
    if (ns >= SECOND_NS) {
        return -EINVAL;
    }
    if (seconds > INT64_MAX) {
        return -EOVERFLOW;
    }
    *ret_time = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)ns};
    return 0;
}

/* Both of them, from the argument on that stands at `first`. */
static int take_times(const struct component_call *call, unsigned first,
                      struct timespec ret_times[2])
{
    int r = take_time(call->args + first, &ret_times[0]);
    return r < 0 ? r : take_time(call->args + first + 3, &ret_times[1]);
}

int32_t fs_set_times(struct component_call *call)
{
    struct timespec times[2];
    int r = take_times(call, 1, times);
    return fs_answer(call, r < 0 ? r : guest_set_times(fs_self(call, 0)->d, times));
}

int32_t fs_set_times_at(struct component_call *call)
{
    struct fs_place place;
    struct timespec times[2];
    bool follow = (component_u32(call, 1) & FS_SYMLINK_FOLLOW) != 0;
    int r = fs_take_place(call, 0, 2, &place);
    if (r == 0) {
        r = take_times(call, 3, times);
    }
    if (r == 0) {
        r = guest_dir_set_times(place.dir, place.path, follow, times);
    }
    return fs_answer(call, r);
}

/* -- metadata-hash ---------------------------------------------------------------------------- */

/* A mixing of 64 bits that loses none of them (the finalizer of MurmurHash3). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

/* Of what the object is, not of what it holds: C libraries have it as the inode number. On one device
 * no two objects share a half. Nothing secret goes in, so that a guest may keep it from one instance
 * to the next. */
static int32_t answer_hash(struct component_call *call, int r, const struct stat *st)
{
    if (r < 0) {
        return fs_answer(call, r);
    }
    uint64_t device = mix(st->st_dev + UINT64_C(0x9e3779b97f4a7c15));
    call->results[1].number = mix(st->st_ino ^ device);
    call->results[2].number = mix(mix(st->st_ino + UINT64_C(0x2545f4914f6cdd1d)) + device);
    return 0;
}

int32_t fs_metadata_hash(struct component_call *call)
{
    struct stat st = {0};
    int r = stat_self(call, &st);
    return answer_hash(call, r, &st);
}

int32_t fs_metadata_hash_at(struct component_call *call)
{
    struct stat st = {0};
    int r = stat_place(call, &st);
    return answer_hash(call, r, &st);
}
