/* A descriptor: what a guest's number stands for. Four kinds share the front part; each kind's
 * file embeds it first and owns the rest:
 *
 *     file.c    regular files, character devices, pipes, stdio
 *     dir.c     directories, preopened or opened
 *     socket.c  stream and datagram sockets, listeners
 *     stream.c  a handler's two functions in the place of a pipe
 *
 * Readiness is cached: `ready` holds what the kernel last said and nobody has since found untrue.
 * A call that gets EAGAIN clears its bit; the next edge sets it again and, if the guest waits for
 * it, wakes the guest. */
#ifndef HYTHE_GUEST_DESCRIPTOR_H
#define HYTHE_GUEST_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "loop/loop.h"

struct guest;
struct descriptor;

enum descriptor_kind {
    DESCRIPTOR_FILE,
    DESCRIPTOR_DIR,
    DESCRIPTOR_SOCKET,
    DESCRIPTOR_STREAM,
};

/* File types, with preview1's numbers (wasi_snapshot_preview1.witx, $filetype). */
enum guest_filetype {
    FILETYPE_UNKNOWN = 0,
    FILETYPE_BLOCK_DEVICE = 1,
    FILETYPE_CHARACTER_DEVICE = 2,
    FILETYPE_DIRECTORY = 3,
    FILETYPE_REGULAR_FILE = 4,
    FILETYPE_SOCKET_DGRAM = 5,
    FILETYPE_SOCKET_STREAM = 6,
    FILETYPE_SYMBOLIC_LINK = 7,
};

/* Descriptor flags, with preview1's bits ($fdflags). */
enum guest_fdflags {
    FDFLAG_APPEND = 1,
    FDFLAG_DSYNC = 2,
    FDFLAG_NONBLOCK = 4,
    FDFLAG_RSYNC = 8,
    FDFLAG_SYNC = 16,
    FDFLAG_ALL = 31,
};

/* All return 0 or more, or a negative errno; -EAGAIN means: wait for the matching readiness (a
 * guest that asked for NONBLOCK gets it as it is). */
struct descriptor_ops {
    int64_t (*read)(struct descriptor *d, const struct iovec *iov, int count);
    int64_t (*write)(struct descriptor *d, const struct iovec *iov, int count);
    int (*set_flags)(struct descriptor *d, uint16_t fdflags);
    /* Release what the kind owns and the memory; the last reference has gone. */
    void (*close)(struct descriptor *d);
};

struct descriptor {
    const struct descriptor_ops *ops;
    struct guest *guest; /* borrowed: whose table it is in */
    enum descriptor_kind kind;
    int fd;            /* the host's descriptor, owned; -1 in streams and closed ones */
    uint32_t refs;     /* the table's and those of calls under way */
    uint8_t filetype;  /* enum guest_filetype */
    uint16_t fdflags;  /* what the guest asked for, enum guest_fdflags */
    bool is_counted;   /* in guest->open_files, by descriptor_count */
    bool is_preopen;   /* a directory or listener given at the start */
    bool always_ready; /* of a kind the kernel cannot wait for: a regular file */
    bool is_readable;  /* opened for reading */
    bool is_writable;  /* opened for writing */
    struct loop_io io; /* stopped for always-ready ones */
    uint8_t ready;     /* LOOP_READ and others, as far as known */

    /* For poll.c: the number of the guest's poll that last looked at each direction, and the rest
     * of what adaptive write readiness needs. 0 means never. */
    uint32_t read_poll;
    uint32_t write_poll;
    uint8_t waits_for;  /* directions in which the guest is parked, if wait_poll is current */
    uint32_t wait_poll; /* the poll that set waits_for */
    bool read_news;     /* of a listener: an edge, or an accept, since FD_READ was reported */
    bool write_news;    /* an edge, or a send, since FD_WRITE was last reported */
};

/* Fill in the common part: one reference, nothing ready. Takes `fd` over. */
void descriptor_init(struct descriptor *d, struct guest *guest, enum descriptor_kind kind,
                     const struct descriptor_ops *ops, int fd);

/* Begin to watch it on the guest's loop; a kind that cannot be watched becomes always_ready.
 * 0 or a negative errno. */
int descriptor_watch(struct descriptor *d);

/* `events` have come, by the loop's edge or a stream's handler: note them and wake a guest that
 * waits for one. From a loop callback only. */
void descriptor_on_ready(struct descriptor *d, unsigned events);

struct descriptor *descriptor_ref(struct descriptor *d);

/* Count it among the guest's files outside its table, until it is closed. */
void descriptor_count(struct descriptor *d);

/* Drop a reference; with the last one the descriptor is closed. NULL is fine. */
void descriptor_unref(struct descriptor *d);

/* Note that a call found `direction` (LOOP_READ or LOOP_WRITE) not ready. */
void descriptor_not_ready(struct descriptor *d, unsigned direction);

#endif
