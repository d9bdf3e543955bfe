/* Reading tar. See tar.h.
 *
 * tar_next reads blocks of 512 bytes. A header of a long name or of pax is taken in and waits for
 * the header it belongs to; that one becomes the entry. An archive ends with a block of zeros, or
 * where its bytes end between two entries, as some writers leave it. */
#include "oci/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/container.h"
#include "base/num.h"

/* Where the fields of a header are, and how long. */
enum {
    AT_NAME = 0,
    NAME_LEN = 100,
    AT_MODE = 100,
    AT_SIZE = 124,
    SIZE_LEN = 12,
    AT_CHECKSUM = 148,
    CHECKSUM_LEN = 8,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    PREFIX_LEN = 155,
    MODE_LEN = 8,
};

/* What extension headers said about the next entry. */
struct pending {
    char path[TAR_NAME_MAX];
    char link[TAR_NAME_MAX];
    bool has_path;
    bool has_link;
    bool has_size;
    uint64_t size;
};

struct tar {
    struct tar_options options;
    uint64_t offset; /* of the next byte to be read */
    uint64_t left;   /* bytes of the current entry, and what fills its last block */
    uint32_t count;
    bool is_ended;
    struct pending pending;
    struct tar_entry entry;
};

int tar_new(const struct tar_options *options, struct tar **ret_tar)
{
    struct tar *tar = calloc(1, sizeof *tar);
    if (tar == NULL) {
        return -ENOMEM;
    }
    tar->options = *options;
    *ret_tar = tar;
    return 0;
}

void tar_free(struct tar *tar)
{
    free(tar);
}

uint32_t tar_padding(uint64_t size)
{
    return (uint32_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

int tar_clean_path(const char *name, char path[TAR_NAME_MAX])
{
    size_t at = 0;
    while (*name != '\0') {
        size_t len = strcspn(name, "/");
        if (len == 2 && memcmp(name, "..", 2) == 0) {
            return -EPERM;
        }
        if (len > 0 && !(len == 1 && *name == '.')) {
            size_t gap = at > 0 ? 1 : 0;
            if (at + gap + len >= TAR_NAME_MAX) {
                return -ENAMETOOLONG;
            }
            if (gap > 0) {
                path[at++] = '/';
            }
            memcpy(path + at, name, len);
            at += len;
        }
        name += len;
        name += *name == '/' ? 1 : 0;
    }
    path[at] = '\0';
    return 0;
}

/* -- bytes ------------------------------------------------------------------------------------ */

/* Read `len` bytes; fewer only at the end. */
static int read_full(struct tar *tar, uint8_t *bytes, size_t len, size_t *ret_len,
                     struct error *err)
{
    size_t have = 0;
    while (have < len) {
        size_t got = 0;
        int r = tar->options.read(tar->options.context, bytes + have, len - have, &got, err);
        if (r < 0) {
            return r;
        }
        if (got == 0) {
            break;
        }
        have += got;
    }
    tar->offset += have;
    *ret_len = have;
    return 0;
}

static int fail_short(struct error *err)
{
    return error_set(err, -EBADMSG, "the tar is cut short");
}

static int skip(struct tar *tar, uint64_t len, struct error *err)
{
    uint8_t waste[16384];
    if (tar->options.skip != NULL && len > 0) {
        tar->offset += len;
        return tar->options.skip(tar->options.context, len, err);
    }
    while (len > 0) {
        size_t part = len < sizeof waste ? (size_t)len : sizeof waste;
        size_t got = 0;
        int r = read_full(tar, waste, part, &got, err);
        if (r < 0) {
            return r;
        }
        if (got < part) {
            return fail_short(err);
        }
        len -= part;
    }
    return 0;
}

/* -- headers ---------------------------------------------------------------------------------- */

/* Octal digits between blanks and NULs, or GNU's form: the first byte is 0x80, and what follows a
 * number of the highest byte first. */
static int read_number(const uint8_t *field, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    if ((field[0] & 0x80) != 0) {
        for (size_t i = 0; i < len; i++) {
            uint8_t byte = i == 0 ? field[0] & 0x7f : field[i];
            if (value >> 55 != 0) {
                return -ERANGE;
            }
            value = value << 8 | byte;
        }
        *ret_value = value;
        return 0;
    }
    size_t at = 0;
    while (at < len && field[at] == ' ') {
        at++;
    }
    for (; at < len && field[at] >= '0' && field[at] <= '7'; at++) {
        value = value << 3 | (uint64_t)(field[at] - '0'); /* at most 12 digits */
    }
    for (; at < len; at++) {
        if (field[at] != ' ' && field[at] != '\0') {
            return -EINVAL;
        }
    }
    *ret_value = value;
    return 0;
}

static bool has_checksum(const uint8_t block[TAR_BLOCK])
{
    uint64_t expected = 0;
    uint64_t sum = 0;
    if (read_number(block + AT_CHECKSUM, CHECKSUM_LEN, &expected) < 0) {
        return false;
    }
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool is_inside = i >= AT_CHECKSUM && i < AT_CHECKSUM + CHECKSUM_LEN;
        sum += is_inside ? ' ' : block[i];
    }
    return sum == expected;
}

static bool is_zero(const uint8_t block[TAR_BLOCK])
{
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

/* A field that need not end with a NUL. */
static size_t copy_field(char *to, const uint8_t *field, size_t len)
{
    size_t used = strnlen((const char *)field, len);
    memcpy(to, field, used);
    to[used] = '\0';
    return used;
}

/* The name as it stands in the header, its prefix before it. */
static void header_name(const uint8_t block[TAR_BLOCK], char name[PREFIX_LEN + 1 + NAME_LEN + 1])
{
    size_t at = 0;
    /* GNU's old header has other things where the prefix is; its magic ends with blanks. */
    bool has_prefix = memcmp(block + AT_MAGIC, "ustar\0", 6) == 0 && block[AT_PREFIX] != 0;
    if (has_prefix) {
        at = copy_field(name, block + AT_PREFIX, PREFIX_LEN);
        name[at++] = '/';
    }
    (void)copy_field(name + at, block + AT_NAME, NAME_LEN); /* its length is not needed */
}

static enum tar_kind kind_of(uint8_t type)
{
    switch (type) {
    case '0':
    case '\0':
    case '7': /* contiguous: a file like any other */
        return TAR_FILE;
    case '1':
        return TAR_HARDLINK;
    case '2':
        return TAR_SYMLINK;
    case '5':
        return TAR_DIRECTORY;
    default:
        return TAR_OTHER;
    }
}

/* -- extensions ------------------------------------------------------------------------------- */

static int copy_name(const char *what, struct span text, char to[TAR_NAME_MAX], struct error *err)
{
    if (text.len >= TAR_NAME_MAX) {
        return error_set(err, -ENAMETOOLONG, "the tar has a %s of %zu bytes, more than %d", what,
                         text.len, TAR_NAME_MAX - 1);
    }
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
        return error_set(err, -EBADMSG, "the tar has a %s with a NUL in it", what);
    }
    memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    return 0;
}

static int take_record(struct tar *tar, struct span key, struct span value, struct error *err)
{
    struct pending *pending = &tar->pending;
    if (key.len >= 11 && memcmp(key.data, "GNU.sparse.", 11) == 0) {
        return error_set(err, -EOPNOTSUPP, "the tar has a sparse file, which is not supported");
    }
    if (span_is(key, "path")) {
        pending->has_path = true;
        return copy_name("path", value, pending->path, err);
    }
    if (span_is(key, "linkpath")) {
        pending->has_link = true;
        return copy_name("link", value, pending->link, err);
    }
    if (span_is(key, "size")) {
        char digits[24] = "";
        if (value.len >= sizeof digits) {
            return error_set(err, -EBADMSG, "the tar has a size that is no number");
        }
        memcpy(digits, value.data, value.len);
        pending->has_size = true;
        if (num_parse_u64(digits, INT64_MAX, &pending->size) < 0) {
            return error_set(err, -EBADMSG, "the tar has a size that is no number");
        }
    }
    return 0;
}

/* Take one record of pax, "LEN KEY=VALUE\n", off the front. */
static int next_record(struct span *text, struct span *ret_key, struct span *ret_value)
{
    size_t len = 0;
    size_t at = 0;
    while (at < text->len && at < 8 && text->data[at] >= '0' && text->data[at] <= '9') {
        len = len * 10 + (size_t)(text->data[at] - '0');
        at++;
    }
    if (at == 0 || at >= text->len || text->data[at] != ' ' || len > text->len || len <= at + 2 ||
        text->data[len - 1] != '\n') {
        return -EBADMSG;
    }
    const uint8_t *key = text->data + at + 1;
    size_t rest = len - at - 2;
    const uint8_t *equals = memchr(key, '=', rest);
    if (equals == NULL) {
        return -EBADMSG;
    }
    size_t key_len = (size_t)(equals - key);
    *ret_key = (struct span){key, key_len};
    *ret_value = (struct span){equals + 1, rest - key_len - 1};
    *text = (struct span){text->data + len, text->len - len};
    return 0;
}

static int take_pax(struct tar *tar, struct span text, struct error *err)
{
    while (text.len > 0) {
        struct span key;
        struct span value;
        if (next_record(&text, &key, &value) < 0) {
            return error_set(err, -EBADMSG, "the tar has a pax header that cannot be read");
        }
        int r = take_record(tar, key, value, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int take_long_name(struct tar *tar, uint8_t type, struct span text, struct error *err)
{
    struct pending *pending = &tar->pending;
    if (text.len > 0 && text.data[text.len - 1] == '\0') {
        text.len--;
    }
    if (type == 'K') {
        pending->has_link = true;
        return copy_name("link", text, pending->link, err);
    }
    pending->has_path = true;
    return copy_name("path", text, pending->path, err);
}

/* Take in what an extension header says. */
static int take_extension(struct tar *tar, uint8_t type, uint64_t size, struct error *err)
{
    if (size > TAR_EXTENSION_MAX) {
        return error_set(err, -EBADMSG, "the tar has an extension header of %llu bytes",
                         (unsigned long long)size);
    }
    uint64_t padded = size + tar_padding(size);
    uint8_t *bytes = calloc(1, padded > 0 ? padded : 1);
    if (bytes == NULL) {
        return error_set(err, -ENOMEM, "out of memory for a tar's header");
    }
    size_t got = 0;
    int r = read_full(tar, bytes, padded, &got, err);
    struct span text = {bytes, size};
    if (r == 0 && got < padded) {
        r = fail_short(err);
    } else if (r == 0 && type == 'x') {
        r = take_pax(tar, text, err);
    } else if (r == 0 && type != 'g') { /* a global header says nothing that matters here */
        r = take_long_name(tar, type, text, err);
    }
    free(bytes);
    return r;
}

/* -- entries ---------------------------------------------------------------------------------- */

static int set_paths(struct tar *tar, const uint8_t block[TAR_BLOCK], struct error *err)
{
    struct tar_entry *entry = &tar->entry;
    const struct pending *pending = &tar->pending;
    char name[PREFIX_LEN + 1 + NAME_LEN + 1];
    char link[NAME_LEN + 1];
    header_name(block, name);
    (void)copy_field(link, block + AT_LINK, NAME_LEN); /* its length is not needed */
    const char *path = pending->has_path ? pending->path : name;
    const char *target = pending->has_link ? pending->link : link;
    size_t len = strlen(path);
    if (entry->kind == TAR_FILE && len > 0 && path[len - 1] == '/') {
        entry->kind = TAR_DIRECTORY; /* as tar of 1979 wrote them */
    }
    entry->link[0] = '\0';
    int r = tar_clean_path(path, entry->path);
    if (r == 0 && entry->kind == TAR_HARDLINK) {
        path = target;
        r = tar_clean_path(target, entry->link);
    } else if (r == 0 && entry->kind == TAR_SYMLINK) {
        memcpy(entry->link, target, strlen(target) + 1);
    }
    if (r < 0) {
        return error_set(err, r, "the tar has the path '%.200s', which %s", path,
                         r == -EPERM ? "leads out of the image" : "is too long");
    }
    return 0;
}

static int set_entry(struct tar *tar, const uint8_t block[TAR_BLOCK], uint64_t size,
                     struct error *err)
{
    struct tar_entry *entry = &tar->entry;
    uint64_t mode = 0;
    if (block[AT_TYPE] == 'S' || block[AT_TYPE] == 'M' || block[AT_TYPE] == 'V') {
        return error_set(err, -EOPNOTSUPP,
                         "the tar has an entry of GNU's kind '%c' (sparse or in volumes), which is "
                         "not supported",
                         block[AT_TYPE]);
    }
    if (read_number(block + AT_MODE, MODE_LEN, &mode) < 0) {
        return error_set(err, -EBADMSG, "the tar has a mode that is no number");
    }
    entry->kind = kind_of(block[AT_TYPE]);
    int r = set_paths(tar, block, err);
    if (r < 0) {
        return r;
    }
    if (tar->pending.has_size) {
        size = tar->pending.size;
    }
    if (size > INT64_MAX - tar->offset - TAR_BLOCK) {
        return error_set(err, -EBADMSG, "the tar has an entry larger than any file");
    }
    /* Links and directories may name a size and have no bytes, so says POSIX; others have them. */
    bool has_bytes = entry->kind == TAR_FILE || entry->kind == TAR_OTHER;
    entry->size = entry->kind == TAR_FILE ? size : 0;
    entry->offset = tar->offset;
    tar->left = has_bytes ? size + tar_padding(size) : 0;
    tar->pending = (struct pending){0};
    return 0;
}

/* Read one header: 1 with it and its size, 0 at the end. */
static int read_header(struct tar *tar, uint8_t block[TAR_BLOCK], uint64_t *ret_size,
                       struct error *err)
{
    size_t got = 0;
    int r = read_full(tar, block, TAR_BLOCK, &got, err);
    if (r < 0) {
        return r;
    }
    if (got == 0 || (got == TAR_BLOCK && is_zero(block))) {
        return 0;
    }
    if (got < TAR_BLOCK) {
        return fail_short(err);
    }
    if (!has_checksum(block)) {
        return error_set(err, -EBADMSG, "it is no tar, or a damaged one: a header's sum is wrong");
    }
    if (read_number(block + AT_SIZE, SIZE_LEN, ret_size) < 0) {
        return error_set(err, -EBADMSG, "the tar has a size that is no number");
    }
    if (++tar->count > tar->options.max_entries) {
        return error_set(err, -E2BIG, "the tar has more than %u entries", tar->options.max_entries);
    }
    return 1;
}

int tar_next(struct tar *tar, const struct tar_entry **ret_entry, struct error *err)
{
    uint8_t block[TAR_BLOCK];
    uint64_t size = 0;
    int r = tar->is_ended ? 0 : skip(tar, tar->left, err);
    tar->left = 0;
    while (r == 0 && !tar->is_ended) {
        r = read_header(tar, block, &size, err);
        if (r <= 0) {
            tar->is_ended = true;
            return r;
        }
        uint8_t type = block[AT_TYPE];
        if (type != 'x' && type != 'g' && type != 'L' && type != 'K') {
            r = set_entry(tar, block, size, err);
            *ret_entry = &tar->entry;
            return r < 0 ? r : 1;
        }
        r = take_extension(tar, type, size, err);
    }
    return r;
}
