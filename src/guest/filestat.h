/* What the kernel says of a file, in the terms guests know, and what is done to an open one of any
 * kind beside its bytes. */
#ifndef HYTHE_GUEST_FILESTAT_H
#define HYTHE_GUEST_FILESTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct descriptor;

/* The enum guest_filetype of a stat's mode. Pipes have none: FILETYPE_UNKNOWN. */
uint8_t guest_filetype_from_mode(mode_t mode);

/* The enum guest_filetype of a directory entry's d_type. */
uint8_t guest_filetype_from_entry(uint8_t d_type);

/* Nanoseconds since 1970; 0 for what is before, UINT64_MAX for what does not fit. */
uint64_t guest_time_ns(const struct timespec *time);

/* Is it beneath a read-only preopen, or otherwise not to be changed? */
bool guest_is_read_only(struct descriptor *d);

/* Set an open file's or directory's times, as utimensat has them. 0 or a negative errno: -EROFS, and
 * -EINVAL for what is no file. */
int guest_set_times(struct descriptor *d, const struct timespec times[2]);

/* Have the kernel write it out: all of it, or what reading it back needs. 0 or a negative errno. */
int guest_sync(const struct descriptor *d, bool only_data);

#endif
