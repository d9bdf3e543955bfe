/* Kinds and times of files. See filestat.h. */
#include "guest/filestat.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "guest/descriptor.h"
#include "guest/dir.h"
#include "guest/file.h"

uint8_t guest_filetype_from_mode(mode_t mode)
{
    return guest_filetype_from_entry((uint8_t)IFTODT(mode));
}

uint8_t guest_filetype_from_entry(uint8_t d_type)
{
    switch (d_type) {
    case DT_BLK:
        return FILETYPE_BLOCK_DEVICE;
    case DT_CHR:
        return FILETYPE_CHARACTER_DEVICE;
    case DT_DIR:
        return FILETYPE_DIRECTORY;
    case DT_REG:
        return FILETYPE_REGULAR_FILE;
    case DT_SOCK:
        return FILETYPE_SOCKET_STREAM; /* a name in a directory does not say which kind */
    case DT_LNK:
        return FILETYPE_SYMBOLIC_LINK;
    default:
        return FILETYPE_UNKNOWN;
    }
}

uint64_t guest_time_ns(const struct timespec *time)
{
    enum { SECOND_NS = 1000000000 };
    if (time->tv_sec < 0) {
        return 0;
    }
    uint64_t seconds = (uint64_t)time->tv_sec;
    uint64_t rest = (uint64_t)time->tv_nsec;
    return seconds > (UINT64_MAX - rest) / SECOND_NS ? UINT64_MAX : seconds * SECOND_NS + rest;
}

bool guest_is_read_only(struct descriptor *d)
{
    const struct guest_dir *dir = guest_dir_of(d);
    const struct guest_file *file = guest_file_of(d);
    return (dir != NULL && dir->read_only) || (file != NULL && file->read_only);
}

int guest_set_times(struct descriptor *d, const struct timespec times[2])
{
    if (d->kind == DESCRIPTOR_SOCKET || d->kind == DESCRIPTOR_STREAM) {
        return -EINVAL;
    }
    if (guest_is_read_only(d)) {
        return -EROFS;
    }
    return futimens(d->fd, times) < 0 ? -errno : 0;
}

int guest_sync(const struct descriptor *d, bool only_data)
{
    if (d->kind == DESCRIPTOR_STREAM) {
        return -EINVAL; /* as a pipe */
    }
    int r = only_data ? fdatasync(d->fd) : fsync(d->fd);
    return r < 0 ? -errno : 0;
}
