/* Writing an image's files. See build_output.h. */
#include "oci/build_output.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/file.h"
#include "oci/layout.h"
#include "oci/tar_write.h"

enum { WALK_DESCRIPTORS = 16 };

static const char layer_name[] = "blobs/sha256/layer";

/* -- beginning -------------------------------------------------------------------------------- */

/* What is in the way: nothing, something that may be replaced, or something that must stay. */
static int check_place(const struct build_output *output, struct error *err)
{
    struct stat st;
    if (lstat(output->path, &st) < 0) {
        return errno == ENOENT ? 0 : error_set_errno(err, -errno, "%s", output->path);
    }
    if (!output->is_forced) {
        return error_set(err, -EEXIST, "%s: it is there already; --force replaces it",
                         output->path);
    }
    bool is_file = S_ISREG(st.st_mode);
    bool is_layout = S_ISDIR(st.st_mode) && layout_is_at(output->path);
    if (output->is_archive ? !is_file : !is_layout) {
        return error_set(err, -EEXIST,
                         "%s: it is there already and no image %s; it is not replaced",
                         output->path, output->is_archive ? "archive" : "layout");
    }
    return 0;
}

static int make_layout_dir(struct build_output *output)
{
    if (mkdtemp(output->temporary) == NULL) {
        return -errno;
    }
    output->is_made = true;
    output->fd = open(output->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (output->fd < 0 || fchmod(output->fd, 0755) < 0 || mkdirat(output->fd, "blobs", 0755) < 0 ||
        mkdirat(output->fd, "blobs/sha256", 0755) < 0) {
        return -errno;
    }
    return 0;
}

static int make_archive(struct build_output *output)
{
    output->fd = mkostemp(output->temporary, O_CLOEXEC);
    if (output->fd < 0) {
        return -errno;
    }
    output->is_made = true;
    return fchmod(output->fd, 0644) < 0 ? -errno : 0;
}

int build_output_open(struct build_output *output, struct error *err)
{
    size_t len = strlen(output->path);
    while (len > 1 && output->path[len - 1] == '/') {
        len--;
    }
    int made = snprintf(output->temporary, sizeof output->temporary, "%.*s.XXXXXX", (int)len,
                        output->path);
    if (made < 0 || (size_t)made >= sizeof output->temporary) {
        return error_set(err, -ENAMETOOLONG, "%s: the path is too long", output->path);
    }
    int r = check_place(output, err);
    if (r < 0) {
        return r;
    }
    r = output->is_archive ? make_archive(output) : make_layout_dir(output);
    return r < 0 ? error_set_errno(err, r, "%s: it cannot be made there", output->path) : 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    (void)remove(path); /* what stays is told by the directory, which then stays too */
    return 0;
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, WALK_DESCRIPTORS,
               FTW_DEPTH | FTW_PHYS); /* nobody waits for it */
}

void build_output_done(struct build_output *output)
{
    if (output->fd >= 0) {
        (void)close(output->fd); /* committed and synced, or thrown away */
    }
    if (output->layer_fd >= 0) {
        (void)close(output->layer_fd); /* thrown away */
    }
    if (output->is_made && output->is_archive) {
        (void)unlink(output->temporary); /* thrown away */
    } else if (output->is_made) {
        remove_tree(output->temporary);
    }
}

/* -- files ------------------------------------------------------------------------------------ */

int build_output_begin_layer(struct build_output *output, struct build_layer *layer,
                             struct error *err)
{
    layer->mtime_s = output->mtime_s;
    if (output->is_archive) {
        layer->fd = output->fd;
        layer->offset = TAR_BLOCK; /* its header is written when its digest is known */
        return 0;
    }
    output->layer_fd =
        openat(output->fd, layer_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    layer->fd = output->layer_fd;
    layer->offset = 0;
    return output->layer_fd < 0 ? error_set_errno(err, -errno, "%s: the layer", output->path) : 0;
}

static int append_header(struct build_output *output, const char *name, uint64_t size, uint64_t at)
{
    struct buffer header;
    const struct tar_member member = {
        .kind = TAR_FILE, .path = name, .mode = 0644, .size = size, .mtime_s = output->mtime_s};
    buffer_init(&header, TAR_BLOCK);
    int r = tar_write_header(&header, &member);
    if (r == 0) {
        r = file_write_at(output->fd, at, buffer_span(&header));
    }
    buffer_done(&header);
    return r;
}

static int end_archive_layer(struct build_output *output, const char *name, uint64_t size)
{
    static const uint8_t zeros[TAR_BLOCK];
    int r = append_header(output, name, size, /* at */ 0);
    if (r == 0) {
        r = file_write_at(output->fd, TAR_BLOCK + size, (struct span){zeros, tar_padding(size)});
    }
    output->at = TAR_BLOCK + size + tar_padding(size);
    return r;
}

int build_output_end_layer(struct build_output *output, const struct build_layer *layer,
                           struct error *err)
{
    char name[LAYOUT_BLOB_NAME_SIZE];
    int r = 0;
    layout_blob_name(layer->blob.digest, name);
    if (output->is_archive) {
        r = end_archive_layer(output, name, layer->blob.size);
    } else if (renameat(output->fd, layer_name, output->fd, name) < 0 ||
               fsync(output->layer_fd) < 0) {
        r = -errno;
    }
    return r < 0 ? error_set_errno(err, r, "%s: writing the layer", output->path) : 0;
}

static int put_member(struct build_output *output, const char *name, struct span bytes)
{
    static const uint8_t zeros[TAR_BLOCK];
    int r = append_header(output, name, bytes.len, output->at);
    if (r == 0) {
        r = file_write_at(output->fd, output->at + TAR_BLOCK, bytes);
    }
    uint64_t end = output->at + TAR_BLOCK + bytes.len;
    if (r == 0) {
        r = file_write_at(output->fd, end, (struct span){zeros, tar_padding(bytes.len)});
    }
    output->at = end + tar_padding(bytes.len);
    return r;
}

static int put_file(struct build_output *output, const char *name, struct span bytes)
{
    int fd = openat(output->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return -errno;
    }
    int r = file_write(fd, bytes);
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    return r;
}

int build_output_put(struct build_output *output, const char *name, struct span bytes,
                     struct error *err)
{
    int r = output->is_archive ? put_member(output, name, bytes) : put_file(output, name, bytes);
    return r < 0 ? error_set_errno(err, r, "%s: writing %s", output->path, name) : 0;
}

/* -- the end ---------------------------------------------------------------------------------- */

/* Rename without replacing, also where the file system cannot do that at once. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }
    struct stat st;
    if (lstat(to, &st) == 0) {
        return -EEXIST;
    }
    return rename(from, to) < 0 ? -errno : 0;
}

static int put_in_place(struct build_output *output)
{
    int r = rename_new(output->temporary, output->path);
    if (r != -EEXIST || !output->is_forced) {
        output->is_made = r < 0;
        return r;
    }
    if (output->is_archive) {
        r = rename(output->temporary, output->path) < 0 ? -errno : 0;
        output->is_made = r < 0;
        return r;
    }
    /* What was there gets the temporary name and is removed under it. */
    return renameat2(AT_FDCWD, output->temporary, AT_FDCWD, output->path, RENAME_EXCHANGE) < 0
               ? -errno
               : 0;
}

int build_output_commit(struct build_output *output, struct error *err)
{
    static const uint8_t zeros[TAR_END_SIZE];
    int r = 0;
    if (output->is_archive) {
        r = file_write_at(output->fd, output->at, (struct span){zeros, sizeof zeros});
    }
    if (r == 0 && fsync(output->fd) < 0) {
        r = -errno;
    }
    if (r == 0) {
        r = put_in_place(output);
    }
    if (r == -EEXIST) {
        return error_set(err, r, "%s: it is there already; --force replaces it", output->path);
    }
    return r < 0 ? error_set_errno(err, r, "%s: putting it in its place", output->path) : 0;
}
