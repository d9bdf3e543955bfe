/* Writing a layer. See build_layer.h.
 *
 * Directories are read through descriptors, one below the other, and their names are sorted by their
 * bytes. A symbolic link stays what it is when it leads to a place within the directory; what is
 * neither file, directory nor link is refused. */
#include "oci/build_layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "oci/file.h"
#include "oci/tar_write.h"

enum {
    DEPTH_MAX = 64,
    ENTRIES_MAX = 1 << 17,
    COPY_SIZE = 64 << 10,
};

/* A layer being written. */
struct writer {
    struct build_layer *layer;
    struct digest *digest; /* owned */
    struct error *err;
    uint32_t count;
    char path[TAR_NAME_MAX]; /* of what is being written, in the image */
};

static int write_dir(struct writer *writer, int dir, int depth);

static int put(struct writer *writer, struct span bytes)
{
    struct build_layer *layer = writer->layer;
    int r = digest_update(writer->digest, bytes);
    if (r == 0) {
        r = file_write_at(layer->fd, layer->offset + layer->blob.size, bytes);
    }
    layer->blob.size += bytes.len;
    return r < 0 ? error_set_errno(writer->err, r, "writing the layer") : 0;
}

static int put_zeros(struct writer *writer, size_t len)
{
    static const uint8_t zeros[TAR_END_SIZE];
    return put(writer, (struct span){zeros, len});
}

static int put_header(struct writer *writer, const struct tar_member *member)
{
    struct buffer header;
    buffer_init(&header, 64 << 10);
    int r = tar_write_header(&header, member);
    if (r < 0) {
        (void)error_set_errno(writer->err, r, "/%s", member->path);
    } else {
        r = put(writer, buffer_span(&header));
    }
    buffer_done(&header);
    return r;
}

/* Copy exactly `size` bytes: the header says so already. */
static int copy_bytes(struct writer *writer, int fd, uint64_t size)
{
    uint8_t *bytes = malloc(COPY_SIZE);
    int r = bytes == NULL ? error_set(writer->err, -ENOMEM, "out of memory for copying") : 0;
    while (r == 0 && size > 0) {
        ssize_t n = read(fd, bytes, size < COPY_SIZE ? (size_t)size : COPY_SIZE);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            r = n < 0
                    ? error_set_errno(writer->err, -errno, "/%s: reading it", writer->path)
                    : error_set(writer->err, -EAGAIN,
                                "/%s: it was cut short while it was read; try again", writer->path);
            break;
        }
        r = put(writer, (struct span){bytes, (size_t)n});
        size -= (uint64_t)n;
    }
    free(bytes);
    return r;
}

/* Write an open file: its mode is 755 when its owner may run it, else 644. */
static int put_file(struct writer *writer, int fd, const struct stat *st)
{
    const struct tar_member member = {.kind = TAR_FILE,
                                      .path = writer->path,
                                      .mode = (st->st_mode & S_IXUSR) != 0 ? 0755 : 0644,
                                      .size = (uint64_t)st->st_size,
                                      .mtime_s = writer->layer->mtime_s};
    int r = put_header(writer, &member);
    if (r == 0) {
        r = copy_bytes(writer, fd, member.size);
    }
    return r < 0 ? r : put_zeros(writer, tar_padding(member.size));
}

/* -- directories ------------------------------------------------------------------------------ */

/* Does a link lead to a place below the root, seen from the directory that holds it? */
static bool stays_inside(const char *path, const char *target)
{
    long depth = 0;
    for (const char *p = path; *p != '\0'; p++) {
        depth += *p == '/' ? 1 : 0;
    }
    if (target[0] == '/' || target[0] == '\0') {
        return false;
    }
    while (*target != '\0') {
        size_t len = strcspn(target, "/");
        if (len == 2 && memcmp(target, "..", 2) == 0) {
            depth--;
        } else if (len > 0 && !(len == 1 && target[0] == '.')) {
            depth++;
        }
        if (depth < 0) {
            return false;
        }
        target += len;
        target += *target == '/' ? 1 : 0;
    }
    return true;
}

static int put_link(struct writer *writer, int dir, const char *name)
{
    char target[TAR_NAME_MAX];
    ssize_t len = readlinkat(dir, name, target, sizeof target - 1);
    if (len < 0) {
        return error_set_errno(writer->err, -errno, "/%s: reading the link", writer->path);
    }
    target[len] = '\0';
    if (!stays_inside(writer->path, target)) {
        return error_set(writer->err, -EPERM,
                         "/%s: it is a link to '%s', which is outside; in an image a link has to "
                         "be relative and to stay inside",
                         writer->path, target);
    }
    const struct tar_member member = {.kind = TAR_SYMLINK,
                                      .path = writer->path,
                                      .link = target,
                                      .mode = 0777,
                                      .mtime_s = writer->layer->mtime_s};
    return put_header(writer, &member);
}

static int put_dir(struct writer *writer, int fd, int depth)
{
    const struct tar_member member = {.kind = TAR_DIRECTORY,
                                      .path = writer->path,
                                      .mode = 0755,
                                      .mtime_s = writer->layer->mtime_s};
    int r = put_header(writer, &member);
    return r < 0 ? r : write_dir(writer, fd, depth + 1);
}

static int put_opened(struct writer *writer, int dir, const char *name, int depth)
{
    struct stat st = {0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
    if (r < 0) {
        (void)error_set_errno(writer->err, r, "/%s: opening it", writer->path);
    } else if (S_ISDIR(st.st_mode)) {
        r = put_dir(writer, fd, depth);
    } else if (S_ISREG(st.st_mode)) {
        r = put_file(writer, fd, &st);
    } else {
        r = error_set(writer->err, -EINVAL, "/%s: it changed while it was read", writer->path);
    }
    if (fd >= 0) {
        (void)close(fd); /* was only read */
    }
    return r;
}

static int put_entry(struct writer *writer, int dir, const char *name, int depth)
{
    struct stat st;
    if (++writer->count > ENTRIES_MAX) {
        return error_set(writer->err, -E2BIG, "the directory has more than %d files",
                         (int)ENTRIES_MAX);
    }
    if (strncmp(name, ".wh.", 4) == 0) {
        return error_set(writer->err, -EINVAL,
                         "/%s: a name that begins with .wh. means a removed file in a layer",
                         writer->path);
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return error_set_errno(writer->err, -errno, "/%s: looking at it", writer->path);
    }
    if (S_ISLNK(st.st_mode)) {
        return put_link(writer, dir, name);
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return error_set(writer->err, -EINVAL,
                         "/%s: it is neither a file, nor a directory, nor a link; it has no place "
                         "in an image",
                         writer->path);
    }
    return put_opened(writer, dir, name, depth);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *one = a;
    const char *const *other = b;
    return strcmp(*one, *other);
}

static int list_names(int dir, struct strings *names)
{
    int fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        int code = -errno;
        if (fd >= 0) {
            (void)close(fd); /* was not used */
        }
        return code;
    }
    int r = 0;
    const struct dirent *entry = NULL;
    errno = 0;
    while (r == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            r = names->count < ENTRIES_MAX ? strings_add(names, entry->d_name) : -E2BIG;
        }
    }
    if (r == 0 && entry == NULL && errno != 0) {
        r = -errno;
    }
    (void)closedir(stream); /* was only read */
    return r;
}

static int write_names(struct writer *writer, int dir, const struct strings *names, int depth)
{
    size_t len = strlen(writer->path);
    int r = 0;
    for (size_t i = 0; i < names->count && r == 0; i++) {
        int made = snprintf(writer->path + len, sizeof writer->path - len, "%s%s",
                            len > 0 ? "/" : "", names->items[i]);
        if (made < 0 || (size_t)made >= sizeof writer->path - len) {
            r = error_set(writer->err, -ENAMETOOLONG, "/%.200s...: the path is too long",
                          writer->path);
        } else {
            r = put_entry(writer, dir, names->items[i], depth);
        }
        writer->path[len] = '\0';
    }
    return r;
}

static int write_dir(struct writer *writer, int dir, int depth)
{
    struct strings names = {0};
    if (depth > DEPTH_MAX) {
        return error_set(writer->err, -E2BIG, "/%.200s: directories are nested more than %d deep",
                         writer->path, (int)DEPTH_MAX);
    }
    int r = list_names(dir, &names);
    if (r < 0) {
        (void)error_set_errno(writer->err, r, "/%s: reading the directory", writer->path);
    } else if (names.count > 0) {
        qsort(names.items, names.count, sizeof *names.items, compare_names);
        r = write_names(writer, dir, &names, depth);
    }
    strings_done(&names);
    return r;
}

/* -- the whole -------------------------------------------------------------------------------- */

static int finish(struct writer *writer, int code)
{
    if (code == 0) {
        code = put_zeros(writer, TAR_END_SIZE);
    }
    if (code == 0 && digest_finish(writer->digest, writer->layer->blob.digest) < 0) {
        code = error_set(writer->err, -EIO, "computing the layer's digest");
    }
    digest_free(writer->digest);
    return code;
}

int build_layer_of_file(struct build_layer *layer, const char *path, const char *name,
                        struct error *err)
{
    struct writer writer = {.layer = layer, .err = err};
    struct stat st;
    layer->blob.size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int code = error_set_errno(err, -errno, "%s: opening it", path);
        if (fd >= 0) {
            (void)close(fd); /* was only looked at */
        }
        return code;
    }
    (void)snprintf(writer.path, sizeof writer.path, "%s", name); /* a file's name is shorter */
    int r = digest_new(&writer.digest, err);
    if (r == 0) {
        r = finish(&writer, put_file(&writer, fd, &st));
    }
    (void)close(fd); /* was only read */
    return r;
}

int build_layer_of_dir(struct build_layer *layer, const char *path, struct error *err)
{
    struct writer writer = {.layer = layer, .err = err};
    layer->blob.size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) {
        return error_set_errno(err, -errno, "%s: opening it", path);
    }
    int r = digest_new(&writer.digest, err);
    if (r == 0) {
        r = finish(&writer, write_dir(&writer, fd, /* depth */ 0));
    }
    (void)close(fd); /* was only read */
    return r < 0 ? error_wrap(err, "%s", path) : 0;
}
