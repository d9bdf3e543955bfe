/* $filestat and $timestamp arguments, for fd_filestat_* and path_filestat_*. */
#ifndef HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_FILESTAT_H
#define HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_FILESTAT_H

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/call.h"

/* Write a $filestat. 0 or -EFAULT. */
int filestat_write(struct call *call, uint32_t address, const struct stat *st);

/* Translate to what utimensat takes. 0, or -EINVAL for unknown flags and for a time that is to be
 * both given and now. */
int filestat_times(uint64_t atim, uint64_t mtim, uint32_t fst_flags, struct timespec ret_times[2]);

#endif
