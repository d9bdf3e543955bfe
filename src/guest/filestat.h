/* What the kernel says of a file, in the terms guests know. */
#ifndef HYTHE_GUEST_FILESTAT_H
#define HYTHE_GUEST_FILESTAT_H

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* The enum guest_filetype of a stat's mode. Pipes have none: FILETYPE_UNKNOWN. */
uint8_t guest_filetype_from_mode(mode_t mode);

/* The enum guest_filetype of a directory entry's d_type. */
uint8_t guest_filetype_from_entry(uint8_t d_type);

/* Nanoseconds since 1970; 0 for what is before, UINT64_MAX for what does not fit. */
uint64_t guest_time_ns(const struct timespec *time);

#endif
