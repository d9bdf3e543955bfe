/* Tar: what is written is read, and what nobody should write is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/tar.h"
#include "oci/tar_write.h"

enum { ARCHIVE_MAX = 1 << 20 };

/* An archive in memory, handed out in odd pieces. */
struct archive {
    struct buffer bytes;
    size_t at;
};

static int read_archive(void *context, uint8_t *bytes, size_t len, size_t *ret_len,
                        struct error *err)
{
    (void)err; /* memory does not fail */
    struct archive *archive = context;
    size_t left = archive->bytes.len - archive->at;
    size_t part = len < left ? len : left;
    part = part > 77 ? 77 : part;
    if (part > 0) {
        memcpy(bytes, archive->bytes.data + archive->at, part);
    }
    archive->at += part;
    *ret_len = part;
    return 0;
}

static void add_zeros(struct archive *archive, size_t len)
{
    static const uint8_t zeros[TAR_END_SIZE];
    assert_int_equal(buffer_append(&archive->bytes, (struct span){zeros, len}), 0);
}

static void add(struct archive *archive, const struct tar_member *member, const char *text)
{
    assert_int_equal(tar_write_header(&archive->bytes, member), 0);
    assert_int_equal(buffer_append(&archive->bytes, span_of(text)), 0);
    add_zeros(archive, tar_padding(strlen(text)));
}

static void add_file(struct archive *archive, const char *path, const char *text)
{
    const struct tar_member member = {
        .kind = TAR_FILE, .path = path, .mode = 0644, .size = strlen(text)};
    add(archive, &member, text);
}

/* Make the sum of the header at `at` right again. */
static void seal(struct archive *archive, size_t at)
{
    uint8_t *header = archive->bytes.data + at;
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += header[i];
    }
    char text[8];
    (void)snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + 148, text, 7);
}

static void begin(struct archive *archive)
{
    *archive = (struct archive){0};
    buffer_init(&archive->bytes, ARCHIVE_MAX);
}

static struct tar *open_archive(struct archive *archive)
{
    const struct tar_options options = {
        .read = read_archive, .context = archive, .max_entries = 16};
    struct tar *tar = NULL;
    assert_int_equal(tar_new(&options, &tar), 0);
    return tar;
}

/* Read all entries; the result of the last call and its words. */
static int read_all(struct archive *archive, struct error *err)
{
    struct tar *tar = open_archive(archive);
    const struct tar_entry *entry = NULL;
    int r = 1;
    while (r > 0) {
        r = tar_next(tar, &entry, err);
    }
    if (r == 0) {
        assert_int_equal(tar_next(tar, &entry, err), 0); /* the end stays the end */
    }
    tar_free(tar);
    buffer_done(&archive->bytes);
    return r;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct archive archive;
    char long_path[301];
    char long_link[201];
    memset(long_path, 'p', 300);
    memset(long_link, 'l', 200);
    memset(long_path + 99, '/', 1);
    long_path[300] = '\0';
    long_link[200] = '\0';
    begin(&archive);
    add_file(&archive, "a", "bytes");
    const struct tar_member dir = {.kind = TAR_DIRECTORY, .path = "d", .mode = 0755};
    add(&archive, &dir, "");
    const struct tar_member link = {
        .kind = TAR_SYMLINK, .path = long_path, .link = long_link, .mode = 0777};
    add(&archive, &link, "");
    add_file(&archive, "/./e//f", "");
    add_zeros(&archive, TAR_END_SIZE);

    struct tar *tar = open_archive(&archive);
    const struct tar_entry *entry = NULL;
    assert_int_equal(tar_next(tar, &entry, NULL), 1);
    assert_string_equal(entry->path, "a");
    assert_int_equal(entry->kind, TAR_FILE);
    assert_int_equal(entry->size, 5);
    assert_int_equal(entry->offset, 512);
    assert_memory_equal(archive.bytes.data + entry->offset, "bytes\0", 6);
    assert_int_equal(tar_next(tar, &entry, NULL), 1);
    assert_string_equal(entry->path, "d");
    assert_int_equal(entry->kind, TAR_DIRECTORY);
    assert_int_equal(tar_next(tar, &entry, NULL), 1);
    assert_string_equal(entry->path, long_path);
    assert_string_equal(entry->link, long_link);
    assert_int_equal(entry->kind, TAR_SYMLINK);
    assert_int_equal(tar_next(tar, &entry, NULL), 1);
    assert_string_equal(entry->path, "e/f");
    assert_int_equal(tar_next(tar, &entry, NULL), 0);
    tar_free(tar);
    buffer_done(&archive.bytes);
}

static void headers_are_written_byte_for_byte(void **state)
{
    (void)state;
    struct archive archive;
    begin(&archive);
    const struct tar_member member = {
        .kind = TAR_FILE, .path = "app.wasm", .mode = 0644, .size = 8, .mtime_s = 1};
    assert_int_equal(tar_write_header(&archive.bytes, &member), 0);
    assert_int_equal(archive.bytes.len, 512);
    const char *header = (const char *)archive.bytes.data;
    assert_string_equal(header, "app.wasm");
    assert_string_equal(header + 100, "0000644");
    assert_string_equal(header + 108, "0000000");
    assert_string_equal(header + 124, "00000000010");
    assert_string_equal(header + 136, "00000000001");
    assert_memory_equal(header + 148, "007406\0 ", 8);
    assert_int_equal(header[156], '0');
    assert_memory_equal(header + 257,
                        "ustar\0"
                        "00",
                        8);
    buffer_done(&archive.bytes);
}

static void an_archive_may_end_without_zeros(void **state)
{
    (void)state;
    struct archive archive;
    struct error err = {0};
    begin(&archive);
    add_file(&archive, "a", "b");
    assert_int_equal(read_all(&archive, &err), 0);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < 1024; cut++) {
        struct archive archive;
        struct error err = {0};
        begin(&archive);
        add_file(&archive, "a", "bytes");
        archive.bytes.len -= cut;
        if (archive.bytes.len % TAR_BLOCK == 0 && archive.bytes.len == 0) {
            buffer_done(&archive.bytes);
            continue;
        }
        assert_int_equal(read_all(&archive, &err), -EBADMSG);
        assert_string_equal(err.text, "the tar is cut short");
    }
}

static void every_flipped_bit_of_a_header_is_noticed(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < TAR_BLOCK * 8; bit++) {
        struct archive archive;
        struct error err = {0};
        begin(&archive);
        add_file(&archive, "a", "bytes");
        archive.bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        int r = read_all(&archive, &err);
        /* A bit of the sum's own padding says nothing. */
        assert_true(r == -EBADMSG || (r == 0 && bit / 8 >= 148 && bit / 8 < 156));
    }
}

/* What happens to a header with `len` bytes changed at `at`. */
static int patched(size_t at, const char *bytes, size_t len, struct error *err)
{
    struct archive archive;
    begin(&archive);
    add_file(&archive, "name", "bytes");
    memcpy(archive.bytes.data + at, bytes, len);
    seal(&archive, 0);
    return read_all(&archive, err);
}

static void paths_stay_inside(void **state)
{
    (void)state;
    static const char *const paths[] = {"..", "../a", "a/..", "a/../b", "/..", "./../a"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct error err = {0};
        assert_int_equal(patched(0, paths[i], strlen(paths[i]) + 1, &err), -EPERM);
        assert_non_null(strstr(err.text, "leads out of the image"));
    }
    struct error err = {0};
    assert_int_equal(patched(0, "...", 4, &err), 0);
    assert_int_equal(patched(0, "a..b", 5, &err), 0);
    /* A hard link's target is a path; a symbolic link's is not looked at here. */
    assert_int_equal(patched(156, "1../x", 6, &err), -EPERM);
    assert_int_equal(patched(156, "2../x", 6, &err), -EBADMSG); /* its bytes are no header */
}

static void numbers_are_checked(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(patched(124, "\x80\0\0\0\0\0\0\0\0\0\0\5", 12, &err), 0);
    assert_int_equal(patched(124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, &err),
                     -EBADMSG);
    assert_int_equal(patched(124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, &err),
                     -EBADMSG);
    assert_int_equal(patched(124, "0000000000x", 12, &err), -EBADMSG);
    assert_int_equal(patched(124, "77777777777", 12, &err), -EBADMSG);
    assert_int_equal(patched(100, "abcdefg", 8, &err), -EBADMSG);
    assert_int_equal(patched(156, "S", 1, &err), -EOPNOTSUPP);
    assert_int_equal(patched(156, "M", 1, &err), -EOPNOTSUPP);
}

/* What happens to a pax header with these records before a file. */
static int with_pax(const char *records, struct error *err)
{
    struct archive archive;
    begin(&archive);
    add_file(&archive, "pax", records);
    archive.bytes.data[156] = 'x';
    seal(&archive, 0);
    add_file(&archive, "name", "bytes");
    return read_all(&archive, err);
}

static void pax_records_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "x",
        "5 a=",
        "0 a=b\n",
        "99 path=a\n",
        "6 a=b\n\n",
        "11path=abc\n",
        "6 ab\n\n",
        "-6 a=b\n",
        "999999999999 a=b\n",
        "12 size=1x\n",
        "9 size=\n",
        "33 size=9999999999999999999999999\n",
    };
    struct error err = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(with_pax(wrong[i], &err), -EBADMSG);
    }
    assert_int_equal(with_pax("", &err), 0);
    assert_int_equal(with_pax("6 a=b\n10 size=5\n", &err), 0);
    assert_int_equal(with_pax("11 path=../\n", &err), -EBADMSG); /* one byte too many */
    assert_int_equal(with_pax("12 path=../\n", &err), -EPERM);
    assert_int_equal(with_pax("22 GNU.sparse.major=1\n", &err), -EOPNOTSUPP);
}

static void long_names_have_an_end(void **state)
{
    (void)state;
    struct archive archive;
    struct error err = {0};
    char *name = malloc(TAR_NAME_MAX + 1);
    assert_non_null(name);
    for (int len = TAR_NAME_MAX - 1; len <= TAR_NAME_MAX; len++) {
        memset(name, 'n', (size_t)len);
        name[len] = '\0';
        begin(&archive);
        add_file(&archive, "././@LongLink", name);
        archive.bytes.data[156] = 'L';
        seal(&archive, 0);
        add_file(&archive, "name", "bytes");
        assert_int_equal(read_all(&archive, &err), len < TAR_NAME_MAX ? 0 : -ENAMETOOLONG);
    }
    free(name);
}

static void entries_are_counted(void **state)
{
    (void)state;
    struct archive archive;
    struct error err = {0};
    begin(&archive);
    for (int i = 0; i < 17; i++) {
        add_file(&archive, "a", "");
    }
    assert_int_equal(read_all(&archive, &err), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(headers_are_written_byte_for_byte),
        cmocka_unit_test(an_archive_may_end_without_zeros),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_flipped_bit_of_a_header_is_noticed),
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(pax_records_are_checked),
        cmocka_unit_test(long_names_have_an_end),
        cmocka_unit_test(entries_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
