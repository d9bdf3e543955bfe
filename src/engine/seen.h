/* Files that were read through and hashed a moment ago: the loader of hythe serve has read each module
 * and its compiled code, and the workers that start after it need not read them again.
 *
 * A file is known by its device, inode, size and time of change. The steps of that time are coarse,
 * so a file is noted only when it had not been changed for SEEN_MIN_AGE_S before it was read. */
#ifndef HYTHE_ENGINE_SEEN_H
#define HYTHE_ENGINE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/cache.h"

enum { SEEN_FILES_MAX = 64, SEEN_MIN_AGE_S = 1 };

struct seen_file {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t changed_s;
    int64_t changed_ns;
    uint64_t hashed; /* bytes from its beginning whose hash this is */
    uint8_t hash[CACHE_HASH_LEN];
    bool is_regular;
    bool is_settled; /* whoever writes to it from now on gives it a later time */
};

/* Plain memory without pointers, so that processes can share or copy it. All zero: none. */
struct seen {
    uint32_t count;
    struct seen_file files[SEEN_FILES_MAX];
};

/* Describe an open file, all of it `hashed`; before it is read. 0 or a negative errno. */
int seen_describe(int fd, struct seen_file *ret_file);

/* Is the hash known of the file that is described so? It is put into `file`. `seen` may be NULL. */
bool seen_find(const struct seen *seen, struct seen_file *file);

/* Note a file with its hash. Nothing happens where there is no more room, where the file has just
 * been changed, and where `seen` is NULL. */
void seen_add(struct seen *seen, const struct seen_file *file);

#endif
