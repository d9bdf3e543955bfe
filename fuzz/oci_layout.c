/* Image archives: index, manifests, configurations and layers of anybody's making. Digests would
 * stop nearly every change, so the input is a list of documents, separated by 0xff, from which an
 * archive is made with digests that are right: "@N" in a document stands for the digest of the N-th
 * one before it, and the last one is index.json. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "oci/digest.h"
#include "oci/inspect.h"
#include "oci/program.h"
#include "oci/tar_write.h"

enum { DOCUMENTS_MAX = 16, ARCHIVE_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct documents {
    char digests[DOCUMENTS_MAX][DIGEST_TEXT_SIZE];
    size_t sizes[DOCUMENTS_MAX];
    size_t count;
};

/* Replace "@N" by a digest and "#N" by a size. */
static int expand(struct span text, const struct documents *before, struct buffer *out)
{
    int r = 0;
    for (size_t i = 0; i < text.len && r == 0; i++) {
        size_t back = i + 1 < text.len ? (size_t)(text.data[i + 1] - '0') : SIZE_MAX;
        bool is_known = back >= 1 && back <= before->count && back <= 9;
        if (text.data[i] == '@' && is_known) {
            r = buffer_append(out, span_of(before->digests[before->count - back]));
            i++;
        } else if (text.data[i] == '#' && is_known) {
            r = buffer_printf(out, "%zu", before->sizes[before->count - back]);
            i++;
        } else {
            r = buffer_append(out, (struct span){text.data + i, 1});
        }
    }
    return r;
}

static int append(struct buffer *archive, const char *name, struct span bytes)
{
    static const uint8_t zeros[TAR_BLOCK];
    const struct tar_member member = {
        .kind = TAR_FILE, .path = name, .mode = 0644, .size = bytes.len};
    int r = tar_write_header(archive, &member);
    r = r < 0 ? r : buffer_append(archive, bytes);
    return r < 0 ? r : buffer_append(archive, (struct span){zeros, tar_padding(bytes.len)});
}

static int add_document(struct buffer *archive, struct span text, struct documents *documents,
                        bool is_last)
{
    char name[DIGEST_TEXT_SIZE + 16] = "index.json";
    struct buffer out;
    struct error err = {0};
    buffer_init(&out, ARCHIVE_MAX);
    int r = expand(text, documents, &out);
    char *digest = documents->digests[documents->count];
    r = r < 0 ? r : digest_of(buffer_span(&out), digest, &err);
    if (r == 0 && !is_last) {
        (void)snprintf(name, sizeof name, "blobs/sha256/%s", digest + DIGEST_PREFIX_LEN);
    }
    r = r < 0 ? r : append(archive, name, buffer_span(&out));
    documents->sizes[documents->count++] = out.len;
    buffer_done(&out);
    return r;
}

static int make_archive(const uint8_t *data, size_t len, struct buffer *archive)
{
    struct documents documents = {0};
    int r = 0;
    bool is_last = false;
    while (r == 0 && !is_last) {
        const uint8_t *end = memchr(data, 0xff, len);
        size_t part = end != NULL ? (size_t)(end - data) : len;
        is_last = end == NULL || documents.count + 1 == DOCUMENTS_MAX;
        r = add_document(archive, (struct span){data, part}, &documents, is_last);
        data += part + (end != NULL ? 1 : 0);
        len -= part + (end != NULL ? 1 : 0);
    }
    return r;
}

static void describe(const struct layout *layout, const struct images *images)
{
    struct program *program = NULL;
    struct error err = {0};
    char *text = NULL;
    (void)inspect_verify(layout, images, &err); /* nearly all are wrong somewhere */
    if (inspect_text(layout, images, &text) == 0) {
        free(text);
    }
    int r = program_choose(layout, images, /* tag */ NULL, &program, &err);
    assert(r == 0 || err.text[0] != '\0');
    if (inspect_json(layout, images, program, /* check */ NULL, &text) == 0) {
        free(text);
    }
    program_free(program);
}

static void look(const char *path)
{
    struct layout *layout = NULL;
    struct images images = {0};
    struct error err = {0};
    if (layout_open(path, &layout, &err) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    if (images_read(layout, &images, &err) == 0) {
        describe(layout, &images);
        images_done(&images);
    } else {
        assert(err.text[0] != '\0');
    }
    layout_close(layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buffer archive;
    char path[32];
    buffer_init(&archive, ARCHIVE_MAX);
    int fd = memfd_create("archive", MFD_CLOEXEC);
    if (fd >= 0 && make_archive(data, len, &archive) == 0 &&
        write(fd, archive.data, archive.len) == (ssize_t)archive.len) {
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        look(path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    buffer_done(&archive);
    return 0;
}
