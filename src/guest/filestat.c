/* Kinds and times of files. See filestat.h. */
#include "guest/filestat.h"

#include <dirent.h>

#include "guest/descriptor.h"

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
