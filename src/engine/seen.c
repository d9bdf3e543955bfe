/* Files that were read a moment ago. See seen.h. */
#include "engine/seen.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int seen_describe(int fd, struct seen_file *ret_file)
{
    struct stat st;
    struct timespec now;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    *ret_file = (struct seen_file){.device = (uint64_t)st.st_dev,
                                   .inode = (uint64_t)st.st_ino,
                                   .size = (uint64_t)st.st_size,
                                   .changed_s = st.st_ctim.tv_sec,
                                   .changed_ns = st.st_ctim.tv_nsec,
                                   .is_regular = S_ISREG(st.st_mode),
                                   .hashed = (uint64_t)st.st_size,
                                   .is_settled = now.tv_sec - st.st_ctim.tv_sec > SEEN_MIN_AGE_S};
    return 0;
}

static bool is_same(const struct seen_file *a, const struct seen_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_s == b->changed_s && a->changed_ns == b->changed_ns && a->hashed == b->hashed;
}

bool seen_find(const struct seen *seen, struct seen_file *file)
{
    for (uint32_t i = 0; seen != NULL && i < seen->count && i < SEEN_FILES_MAX; i++) {
        if (is_same(&seen->files[i], file)) {
            memcpy(file->hash, seen->files[i].hash, CACHE_HASH_LEN);
            return true;
        }
    }
    return false;
}

void seen_add(struct seen *seen, const struct seen_file *file)
{
    if (seen != NULL && seen->count < SEEN_FILES_MAX && file->is_settled) {
        seen->files[seen->count++] = *file;
    }
}
