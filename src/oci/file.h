/* Small files, read and replaced as a whole. */
#ifndef HYTHE_OCI_FILE_H
#define HYTHE_OCI_FILE_H

#include "base/buffer.h"
#include "base/span.h"

/* Append all that `fd` has to `out`. 0, or a negative errno; -EMSGSIZE past the buffer's maximum. */
int file_read(int fd, struct buffer *out);

/* The same for a regular file by its path. */
int file_read_path(const char *path, struct buffer *out);

/* Write all of `bytes`. 0 or a negative errno. */
int file_write(int fd, struct span bytes);

/* Put `bytes` in the place of the file `name` in the folder `dir_fd`, in one step and with the mode
 * and owner that it had, and keep what was there as `kept`. 0, or a negative errno; then `name` is
 * as it was. */
int file_replace(int dir_fd, const char *name, const char *kept, struct span bytes);

#endif
