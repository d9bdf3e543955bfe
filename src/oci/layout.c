/* OCI layouts. See layout.h.
 *
 * Of an archive a table is made when it is opened: which blob lies where. A directory's blobs are
 * opened one by one, below its own descriptor and never through a symbolic link. */
#include "oci/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/tar.h"

enum { MEMBERS_MAX = 1 << 16 };

static const char blobs_folder[] = "blobs/sha256/";

/* A file of an archive that a layout may have. */
struct member {
    char name[LAYOUT_BLOB_NAME_SIZE]; /* the others are shorter */
    uint64_t offset;
    uint64_t size;
};

struct layout {
    char *path; /* owned */
    int fd;     /* owned: the directory or the archive */
    bool is_archive;
    struct member *members; /* owned: of an archive */
    size_t member_count;
};

/* Where the scan of an archive is. */
struct scan {
    int fd;
    uint64_t at;
    uint64_t size;
};

void layout_blob_name(const char *digest, char name[LAYOUT_BLOB_NAME_SIZE])
{
    (void)snprintf(name, LAYOUT_BLOB_NAME_SIZE, "%s%s", blobs_folder,
                   digest + DIGEST_PREFIX_LEN); /* always fits */
}

bool layout_is_at(const char *path)
{
    uint8_t block[TAR_BLOCK];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    bool is_layout = false;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        is_layout = faccessat(fd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    } else if (S_ISREG(st.st_mode)) {
        ssize_t n = pread(fd, block, sizeof block, 0);
        is_layout = n == TAR_BLOCK && memcmp(block + 257, "ustar", 5) == 0;
    }
    (void)close(fd); /* was only read */
    return is_layout;
}

/* -- opening ---------------------------------------------------------------------------------- */

static int scan_read(void *context, uint8_t *bytes, size_t len, size_t *ret_len, struct error *err)
{
    struct scan *scan = context;
    ssize_t n = pread(scan->fd, bytes, len, (off_t)scan->at);
    if (n < 0) {
        return error_set_errno(err, -errno, "reading the archive");
    }
    scan->at += (uint64_t)n;
    *ret_len = (size_t)n;
    return 0;
}

static int scan_skip(void *context, uint64_t len, struct error *err)
{
    struct scan *scan = context;
    /* Padding may lack at the very end; bytes may not. */
    if (scan->at > scan->size || len > scan->size - scan->at) {
        return error_set(err, -EBADMSG, "the tar is cut short");
    }
    scan->at += len;
    return 0;
}

static bool is_wanted(const struct tar_entry *entry)
{
    size_t folder_len = sizeof blobs_folder - 1;
    if (entry->kind != TAR_FILE) {
        return false;
    }
    return strcmp(entry->path, "index.json") == 0 || strcmp(entry->path, "oci-layout") == 0 ||
           strcmp(entry->path, "manifest.json") == 0 ||
           (strncmp(entry->path, blobs_folder, folder_len) == 0 &&
            strlen(entry->path) == folder_len + 64);
}

static int add_member(struct layout *layout, const struct tar_entry *entry, size_t *cap)
{
    if (layout->member_count == *cap) {
        size_t more = *cap == 0 ? 16 : *cap * 2;
        struct member *members = realloc(layout->members, more * sizeof *members);
        if (members == NULL) {
            return -ENOMEM;
        }
        layout->members = members;
        *cap = more;
    }
    struct member *member = &layout->members[layout->member_count++];
    *member = (struct member){.offset = entry->offset, .size = entry->size};
    memcpy(member->name, entry->path, strlen(entry->path) + 1);
    return 0;
}

static int scan_archive(struct layout *layout, uint64_t size, struct error *err)
{
    struct scan scan = {.fd = layout->fd, .size = size};
    const struct tar_options options = {
        .read = scan_read, .skip = scan_skip, .context = &scan, .max_entries = MEMBERS_MAX};
    struct tar *tar = NULL;
    const struct tar_entry *entry = NULL;
    size_t cap = 0;
    int r = tar_new(&options, &tar);
    while (r >= 0) {
        r = tar_next(tar, &entry, err);
        if (r <= 0) {
            break;
        }
        if (entry->size > size || entry->offset > size - entry->size) {
            r = error_set(err, -EBADMSG, "the tar is cut short");
        } else if (is_wanted(entry)) {
            r = add_member(layout, entry, &cap);
        }
    }
    tar_free(tar);
    if (r == -ENOMEM) {
        (void)error_set(err, r, "out of memory for the archive's table");
    }
    return r;
}

static int check_gzip(int fd, struct error *err)
{
    uint8_t magic[2];
    if (pread(fd, magic, sizeof magic, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
        return error_set(err, -EBADMSG, "it is packed with gzip; unpack it first: gunzip FILE");
    }
    return 0;
}

static int open_archive(struct layout *layout, uint64_t size, struct error *err)
{
    int r = check_gzip(layout->fd, err);
    if (r == 0) {
        r = scan_archive(layout, size, err);
    }
    return r;
}

static int open_at(struct layout *layout, struct error *err)
{
    struct stat st;
    layout->fd = open(layout->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (layout->fd < 0 || fstat(layout->fd, &st) < 0) {
        int code = -errno;
        if (code == -ENOENT || code == -ENOTDIR) {
            return error_set(err, code, "there is no such file or directory");
        }
        return error_set_errno(err, code, "it cannot be read");
    }
    if (S_ISDIR(st.st_mode)) {
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, -EINVAL, "it is neither a directory nor a regular file");
    }
    layout->is_archive = true;
    return open_archive(layout, (uint64_t)st.st_size, err);
}

int layout_open(const char *path, struct layout **ret_layout, struct error *err)
{
    struct layout *layout = calloc(1, sizeof *layout);
    int r = -ENOMEM;
    if (layout == NULL) {
        goto fail;
    }
    layout->fd = -1;
    layout->path = strdup(path);
    if (layout->path == NULL) {
        goto fail;
    }
    r = open_at(layout, err);
    if (r < 0) {
        (void)error_wrap(err, "%s", path);
        goto fail;
    }
    *ret_layout = layout;
    return 0;
fail:
    if (r == -ENOMEM) {
        (void)error_set(err, r, "%s: out of memory", path);
    }
    layout_close(layout);
    return r;
}

void layout_close(struct layout *layout)
{
    if (layout == NULL) {
        return;
    }
    if (layout->fd >= 0) {
        (void)close(layout->fd); /* was only read */
    }
    free(layout->members);
    free(layout->path);
    free(layout);
}

const char *layout_path(const struct layout *layout)
{
    return layout->path;
}

/* -- blobs ------------------------------------------------------------------------------------ */

static int find_member(const struct layout *layout, const char *name, struct blob *ret_blob)
{
    for (size_t i = layout->member_count; i > 0; i--) { /* of two the later one, as tar has it */
        const struct member *member = &layout->members[i - 1];
        if (strcmp(member->name, name) == 0) {
            *ret_blob =
                (struct blob){.fd = layout->fd, .offset = member->offset, .size = member->size};
            return 0;
        }
    }
    return -ENOENT;
}

/* The folders of a layout are opened one by one, so that none of them is followed elsewhere. */
static int open_below(int dir, const char *name)
{
    char part[LAYOUT_BLOB_NAME_SIZE];
    int at = dir;
    while (true) {
        size_t len = strcspn(name, "/");
        bool is_last = name[len] == '\0';
        (void)snprintf(part, sizeof part, "%.*s", (int)len, name); /* names are ours: they fit */
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (is_last ? 0 : O_DIRECTORY);
        int fd = openat(at, part, flags);
        int code = fd < 0 ? -errno : fd;
        if (at != dir) {
            (void)close(at); /* was only a step */
        }
        if (code < 0 || is_last) {
            return code;
        }
        at = fd;
        name += len + 1;
    }
}

static int find_file(const struct layout *layout, const char *name, struct blob *ret_blob)
{
    struct stat st;
    if (layout->is_archive) {
        return find_member(layout, name, ret_blob);
    }
    int fd = open_below(layout->fd, name);
    if (fd < 0) {
        return fd;
    }
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(st.st_mode)) {
        r = -EINVAL;
    }
    if (r < 0) {
        (void)close(fd); /* was only looked at */
        return r;
    }
    *ret_blob = (struct blob){.fd = fd, .is_owned = true, .size = (uint64_t)st.st_size};
    return 0;
}

int layout_find(const struct layout *layout, const char *digest, struct blob *ret_blob,
                struct error *err)
{
    char name[LAYOUT_BLOB_NAME_SIZE];
    if (!digest_is_valid(digest)) {
        return error_set(err, -EINVAL, "'%.100s' is no SHA-256 digest", digest);
    }
    layout_blob_name(digest, name);
    int r = find_file(layout, name, ret_blob);
    if (r == -ENOENT) {
        return error_set(err, r, "the blob %s is not there", digest);
    }
    return r < 0 ? error_set_errno(err, r, "the blob %s cannot be opened", digest) : 0;
}

void blob_close(struct blob *blob)
{
    if (blob->is_owned) {
        (void)close(blob->fd); /* was only read */
    }
    *blob = (struct blob){.fd = -1};
}

int blob_read(const struct blob *blob, uint64_t at, uint8_t *bytes, size_t len, size_t *ret_len)
{
    if (at >= blob->size) {
        *ret_len = 0;
        return 0;
    }
    uint64_t left = blob->size - at;
    ssize_t n = pread(blob->fd, bytes, left < len ? (size_t)left : len, (off_t)(blob->offset + at));
    if (n < 0) {
        return -errno;
    }
    *ret_len = (size_t)n;
    return 0;
}

static int read_all(const struct blob *blob, struct buffer *out, struct error *err)
{
    if (blob->size > LAYOUT_JSON_MAX) {
        return error_set(err, -EMSGSIZE, "it has %llu bytes, more than %d",
                         (unsigned long long)blob->size, (int)LAYOUT_JSON_MAX);
    }
    int r = buffer_reserve(out, (size_t)blob->size);
    uint64_t at = 0;
    while (r == 0 && at < blob->size) {
        size_t got = 0;
        r = blob_read(blob, at, out->data + out->len, (size_t)(blob->size - at), &got);
        if (r == 0 && got == 0) {
            return error_set(err, -EBADMSG, "it is cut short");
        }
        out->len += got;
        at += got;
    }
    return r < 0 ? error_set_errno(err, r, "it cannot be read") : 0;
}

static int explain_no_index(const struct layout *layout, int code, struct error *err)
{
    struct blob blob;
    if (code != -ENOENT) {
        return error_set_errno(err, code, "%s: its index.json cannot be read", layout->path);
    }
    if (find_file(layout, "manifest.json", &blob) == 0) {
        blob_close(&blob);
        return error_set(
            err, -ENOTSUP,
            "%s: it has Docker's old form, without index.json; convert it: skopeo copy "
            "docker-archive:FILE oci-archive:NEW",
            layout->path);
    }
    return error_set(err, -ENOTSUP, "%s: it is no OCI image: it has no index.json", layout->path);
}

int layout_read_index(const struct layout *layout, struct buffer *out, struct error *err)
{
    struct blob blob;
    int r = find_file(layout, "index.json", &blob);
    if (r < 0) {
        return explain_no_index(layout, r, err);
    }
    r = read_all(&blob, out, err);
    blob_close(&blob);
    return r < 0 ? error_wrap(err, "%s: index.json", layout->path) : 0;
}

int layout_read_blob(const struct layout *layout, const char *digest, uint64_t size,
                     struct buffer *out, struct error *err)
{
    struct blob blob = {.fd = -1};
    char actual[DIGEST_TEXT_SIZE];
    size_t begin = out->len;
    int r = layout_find(layout, digest, &blob, err);
    if (r < 0) {
        return r;
    }
    if (blob.size != size) {
        r = error_set(err, -EBADMSG, "the blob %s has %llu bytes, and its descriptor says %llu",
                      digest, (unsigned long long)blob.size, (unsigned long long)size);
    } else {
        r = read_all(&blob, out, err);
    }
    blob_close(&blob);
    if (r == 0) {
        const uint8_t *data = out->data != NULL ? out->data + begin : NULL;
        r = digest_of((struct span){data, out->len - begin}, actual, err);
    }
    if (r == 0 && strcmp(actual, digest) != 0) {
        r = error_set(err, -EBADMSG, "the blob %s is damaged: its digest is %s", digest, actual);
    }
    return r;
}
