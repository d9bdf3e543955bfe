/* Tar archives: read to the end or refused with words, each path within the root, and the table of
 * names that layers make of them answers for any path. A byte 0xff between archives begins a layer. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "oci/rootfs.h"
#include "oci/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int read_span(void *context, uint8_t *bytes, size_t len, size_t *ret_len, struct error *err)
{
    (void)err; /* memory does not fail */
    struct span *left = context;
    size_t part = left->len < len ? left->len : len;
    if (part > 0) {
        memcpy(bytes, left->data, part);
    }
    *left = (struct span){left->data + part, left->len - part};
    *ret_len = part;
    return 0;
}

static void check_path(const char *path)
{
    assert(path[0] != '/');
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        assert(len > 0);
        assert(!(len == 1 && path[0] == '.'));
        assert(!(len == 2 && memcmp(path, "..", 2) == 0));
        path += len;
        assert(*path == '\0' || path[1] != '\0');
        path += *path == '/' ? 1 : 0;
    }
}

static void check_entry(struct rootfs *rootfs, const struct tar_entry *entry)
{
    struct rootfs_file file;
    struct error err = {0};
    check_path(entry->path);
    if (entry->kind == TAR_HARDLINK) {
        check_path(entry->link);
    }
    if (rootfs_add(rootfs, entry, &err) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    (void)rootfs_find(rootfs, entry->path, &file); /* whatever it says, it ends */
    (void)rootfs_find(rootfs, entry->link, &file);
}

static void read_layer(struct rootfs *rootfs, struct span bytes)
{
    const struct tar_options options = {.read = read_span, .context = &bytes, .max_entries = 64};
    const struct tar_entry *entry = NULL;
    struct error err = {0};
    struct tar *tar = NULL;
    if (tar_new(&options, &tar) < 0) {
        return;
    }
    rootfs_next_layer(rootfs);
    int r = tar_next(tar, &entry, &err);
    while (r > 0) {
        check_entry(rootfs, entry);
        r = tar_next(tar, &entry, &err);
    }
    assert(r == 0 || err.text[0] != '\0');
    tar_free(tar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rootfs *rootfs = NULL;
    if (rootfs_new(&rootfs) < 0) {
        return 0;
    }
    while (len > 0) {
        const uint8_t *end = memchr(data, 0xff, len);
        size_t part = end != NULL ? (size_t)(end - data) : len;
        read_layer(rootfs, (struct span){data, part});
        size_t used = part + (end != NULL ? 1 : 0);
        data += used;
        len -= used;
    }
    rootfs_free(rootfs);
    return 0;
}
