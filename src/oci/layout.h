/* An OCI image layout: a directory, or a tar of one. Blobs are found by their digest and verified
 * when they are read; nothing is ever unpacked. */
#ifndef HYTHE_OCI_LAYOUT_H
#define HYTHE_OCI_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    LAYOUT_JSON_MAX = 4 << 20,       /* bytes of an index, a manifest or a config */
    LAYOUT_BLOB_NAME_SIZE = 13 + 65, /* "blobs/sha256/", 64 digits, a NUL */
};

struct layout;

/* Bytes of an open file. */
struct blob {
    int fd; /* borrowed from the layout, or owned */
    bool is_owned;
    uint64_t offset;
    uint64_t size;
};

/* The name of the file that holds the blob of a valid digest. */
void layout_blob_name(const char *digest, char name[LAYOUT_BLOB_NAME_SIZE]);

/* Tell by its content whether a path is a layout: a directory with a file oci-layout, or a tar. */
bool layout_is_at(const char *path);

/* Open a layout. 0; -ENOENT when there is no such file; or a negative errno. */
int layout_open(const char *path, struct layout **ret_layout, struct error *err);

/* Close it. NULL is fine. */
void layout_close(struct layout *layout);

/* The path it was opened with. */
const char *layout_path(const struct layout *layout);

/* Find a blob. 0; -ENOENT without it; -EINVAL for what is no SHA-256 digest. */
int layout_find(const struct layout *layout, const char *digest, struct blob *ret_blob,
                struct error *err);

/* Close a blob. */
void blob_close(struct blob *blob);

/* Read some of a blob's bytes at `at`. 0 with `*ret_len` 0 at its end, or a negative errno. */
int blob_read(const struct blob *blob, uint64_t at, uint8_t *bytes, size_t len, size_t *ret_len);

/* Append index.json to `out`. 0 or a negative errno. */
int layout_read_index(const struct layout *layout, struct buffer *out, struct error *err);

/* Append a blob of `size` bytes to `out` when its digest is right. 0; -ENOENT without it; or a
 * negative errno. */
int layout_read_blob(const struct layout *layout, const char *digest, uint64_t size,
                     struct buffer *out, struct error *err);

#endif
