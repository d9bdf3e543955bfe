/* Small files, read and replaced as a whole. */
#ifndef HYTHE_OCI_FILE_H
#define HYTHE_OCI_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/span.h"

/* Append all that `fd` has to `out`. 0, or a negative errno; -EMSGSIZE past the buffer's maximum. */
int file_read(int fd, struct buffer *out);

/* The same for a regular file by its path. */
int file_read_path(const char *path, struct buffer *out);

/* Write all of `bytes`, or all of them at `at`. 0 or a negative errno. */
int file_write(int fd, struct span bytes);
int file_write_at(int fd, uint64_t at, struct span bytes);

/* Make a file of this mode, whatever the umask is, and with the owner of `like` if that is not NULL.
 * 0, or a negative errno, -EEXIST for a name that is taken; then there is no new file. */
int file_write_new(int dir_fd, const char *name, mode_t mode, const struct stat *like,
                   struct span bytes);

/* Put `bytes` in the place of the file `name` in the folder `dir_fd`, in one step and with the mode
 * and owner that it had, and keep what was there as `kept`. 0, or a negative errno; then `name` is
 * as it was. */
int file_replace(int dir_fd, const char *name, const char *kept, struct span bytes);

#endif
