/* A guest's file: regular files, character devices, pipes, and what stands on 0, 1 and 2.
 *
 * Our own descriptions of pipes and devices are non-blocking. A description shared with other
 * processes (a terminal, a pipe that could not be opened anew) must not be made so: the flag would
 * be theirs too. Such a file asks the kernel first whether the call would block. */
#ifndef HYTHE_GUEST_FILE_H
#define HYTHE_GUEST_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/descriptor.h"

struct guest;

enum file_io {
    FILE_OWN,    /* an own description: non-blocking, or a regular file */
    FILE_SHARED, /* one shared with other processes, of unknown blocking mode */
    FILE_SOCKET, /* a socket as stdio: each call says that it must not block */
};

struct guest_file {
    struct descriptor base; /* first */
    enum file_io io;
    bool read_only; /* no change of any kind: beneath a read-only preopen, or stdio for reading */
    bool is_terminal;
    bool is_seekable; /* has an offset and a size: a regular file or a block device */
};

/* What a file is made of. */
struct file_opening {
    int fd;           /* taken over on success */
    mode_t mode;      /* from stat */
    int access;       /* O_RDONLY, O_WRONLY or O_RDWR */
    uint16_t fdflags; /* enum guest_fdflags */
    enum file_io io;
    bool read_only;
};

/* Wrap an open descriptor. 0 or a negative errno. */
int guest_file_new(struct guest *guest, const struct file_opening *opening,
                   struct guest_file **ret_file);

/* Make a file of the host's own descriptor `host_fd`, which stays open and as it is. 0 or a
 * negative errno: -EBADF when the host was started with it closed. */
int guest_file_stdio(struct guest *guest, int host_fd, struct guest_file **ret_file);

/* Borrow the file behind a descriptor, or NULL when it is of another kind. */
struct guest_file *guest_file_of(struct descriptor *d);

/* The calls below return 0 or more, or a negative errno. */

/* Read or write at an offset; the file's own stays. Writing in append mode goes to the offset as
 * well, as POSIX has it and Linux does not. */
int64_t guest_file_pread(struct guest_file *f, const struct iovec *iov, int count, uint64_t offset);
int64_t guest_file_pwrite(struct guest_file *f, const struct iovec *iov, int count,
                          uint64_t offset);

/* Write at the end, wherever that is at this moment; the file's own offset stays. */
int64_t guest_file_append(struct guest_file *f, const struct iovec *iov, int count);

/* `whence` is the host's SEEK_*. */
int guest_file_seek(struct guest_file *f, int64_t offset, int whence, uint64_t *ret_offset);

/* `advice` counts as all versions of WASI do: normal, sequential, random, will need, don't need, no
 * reuse; -EINVAL past them. */
int guest_file_advise(struct guest_file *f, uint64_t offset, uint64_t len, uint32_t advice);

int guest_file_allocate(struct guest_file *f, uint64_t offset, uint64_t len);
int guest_file_set_size(struct guest_file *f, uint64_t size);

#endif
