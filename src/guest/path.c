/* The walk beneath a directory. See path.h. */
#include "guest/path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel answers EAGAIN when a rename somewhere on the system kept it from being sure about a
 * "..". Somebody who renames without pause must not keep us here. */
enum { WALK_TRIES = 64 };

int guest_path_copy(struct span bytes, char *ret_path)
{
    if (bytes.len == 0) {
        return -ENOENT;
    }
    if (memchr(bytes.data, '\0', bytes.len) != NULL) {
        return -EINVAL;
    }
    if (bytes.len >= GUEST_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(ret_path, bytes.data, bytes.len);
    ret_path[bytes.len] = '\0';
    return 0;
}

int guest_path_open(int dir, const char *path, int flags, mode_t mode)
{
    assert(dir >= 0);
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0; i < WALK_TRIES; i++) {
        int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0) {
            return fd;
        }
        if (errno == EXDEV) {
            return -EPERM; /* beneath is the only border we set: this is a way out */
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
    }
    return -EAGAIN;
}

/* Open all of a path that ends in "." or "..". */
static int open_itself(int dir, const char *path, struct path_end *ret_end)
{
    int fd = guest_path_open(dir, path, O_PATH | O_DIRECTORY, 0 /* mode */);
    if (fd < 0) {
        return fd;
    }
    *ret_end = (struct path_end){.parent = fd, .name = "."};
    return 0;
}

int path_end_open(int dir, const char *path, struct path_end *ret_end)
{
    if (path[0] == '/') {
        return -EPERM;
    }
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    struct span name = {(const uint8_t *)path + start, end - start};
    if (name.len == 0) {
        return -ENOENT;
    }
    if (name.len > NAME_MAX || start >= GUEST_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    if (span_is(name, ".") || span_is(name, "..")) {
        return open_itself(dir, path, ret_end);
    }
    struct path_end result = {
        .parent = dir, .is_borrowed = start == 0, .has_slash = path[end] == '/'};
    memcpy(result.name, name.data, name.len);
    if (start > 0) {
        char parent[GUEST_PATH_MAX];
        memcpy(parent, path, start);
        parent[start] = '\0';
        result.parent = guest_path_open(dir, parent, O_PATH | O_DIRECTORY, 0 /* mode */);
        if (result.parent < 0) {
            return result.parent;
        }
    }
    assert(strchr(result.name, '/') == NULL && result.name[0] != '\0');
    *ret_end = result;
    return 0;
}

void path_end_close(struct path_end *end)
{
    if (!end->is_borrowed && end->parent >= 0) {
        close(end->parent);
    }
    end->parent = -1;
}
