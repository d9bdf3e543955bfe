/* Writing tar. See tar_write.h. */
#include "oci/tar_write.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_LEN = 100,
    RECORD_MAX = TAR_NAME_MAX + 32,
};

/* The fields that hythe writes; the others are zeros. */
struct header {
    char name[NAME_LEN];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[NAME_LEN];
    char magic[6];
    char version[2];
    char rest[TAR_BLOCK - 265];
};

_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

static const uint64_t size_max = (UINT64_C(1) << 33) - 1; /* eleven octal digits */

static void octal(char *field, size_t len, uint64_t value)
{
    char text[24];
    int made = snprintf(text, sizeof text, "%0*llo", (int)len - 1, (unsigned long long)value);
    assert(made == (int)len - 1);
    memcpy(field, text, (size_t)made + 1);
}

static int append_block(struct buffer *out, char type, const char *name,
                        const struct tar_member *member)
{
    struct header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    size_t name_len = strnlen(name, NAME_LEN);
    memcpy(header.name, name, name_len);
    if (member->link != NULL) {
        memcpy(header.link, member->link, strnlen(member->link, NAME_LEN));
    }
    octal(header.mode, sizeof header.mode, member->mode);
    octal(header.uid, sizeof header.uid, 0);
    octal(header.gid, sizeof header.gid, 0);
    octal(header.size, sizeof header.size, member->size);
    octal(header.mtime, sizeof header.mtime, member->mtime_s);
    memset(header.checksum, ' ', sizeof header.checksum);
    unsigned sum = 0;
    const unsigned char *bytes = (const unsigned char *)&header;
    for (size_t i = 0; i < sizeof header; i++) {
        sum += bytes[i];
    }
    octal(header.checksum, sizeof header.checksum - 1, sum); /* six digits, NUL, blank */
    return buffer_append(out, (struct span){(const uint8_t *)&header, sizeof header});
}

/* Write the record "LEN KEY=VALUE\n", whose length counts its own digits. */
static int append_record(struct buffer *out, const char *key, const char *value)
{
    size_t rest = strlen(key) + strlen(value) + 3;
    size_t len = rest + 1;
    for (size_t power = 10; power <= len; power *= 10) {
        len++;
    }
    return buffer_printf(out, "%zu %s=%s\n", len, key, value);
}

static int append_pax(struct buffer *out, const struct tar_member *member)
{
    static const uint8_t zeros[TAR_BLOCK];
    struct buffer records;
    buffer_init(&records, 2 * (size_t)RECORD_MAX);
    int r = 0;
    if (strlen(member->path) > NAME_LEN) {
        r = append_record(&records, "path", member->path);
    }
    if (r == 0 && member->link != NULL && strlen(member->link) > NAME_LEN) {
        r = append_record(&records, "linkpath", member->link);
    }
    if (r == 0 && records.len > 0) {
        const struct tar_member pax = {.mode = 0644, .size = records.len};
        r = append_block(out, 'x', "././@PaxHeader", &pax);
    }
    if (r == 0) {
        r = buffer_append(out, buffer_span(&records));
    }
    if (r == 0) {
        r = buffer_append(out, (struct span){zeros, tar_padding(records.len)});
    }
    buffer_done(&records);
    return r;
}

int tar_write_header(struct buffer *out, const struct tar_member *member)
{
    char path[TAR_NAME_MAX + 1];
    struct tar_member plain = *member;
    char type = '0';
    if (member->size > size_max) {
        return -EFBIG;
    }
    if (plain.mtime_s > size_max) {
        plain.mtime_s = size_max;
    }
    int len =
        snprintf(path, sizeof path, "%s%s", member->path, member->kind == TAR_DIRECTORY ? "/" : "");
    if (len < 0 || (size_t)len >= sizeof path) {
        return -ENAMETOOLONG;
    }
    plain.path = path;
    if (member->kind == TAR_DIRECTORY) {
        type = '5';
    } else if (member->kind == TAR_SYMLINK) {
        type = '2';
    }
    int r = append_pax(out, &plain);
    return r < 0 ? r : append_block(out, type, path, &plain);
}
