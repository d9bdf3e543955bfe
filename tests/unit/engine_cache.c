/* The cache of compiled code: hits, and every entry that must not be trusted. */
#include "engine/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/module.h"
#include "engine/seen.h"

enum { PATH_LEN = 512 };

static struct engine *engine;
static char root[64];
static char dir[96];
static char entry[PATH_LEN]; /* the path of the one entry */
static unsigned compilations;

static const char source[] = "(module (func (export \"f\") (result i32) i32.const 42))";

static int group_setup(void **state)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    (void)state;
    return engine_new(&options, &engine, &err);
}

static int group_teardown(void **state)
{
    (void)state;
    engine_free(engine);
    return 0;
}

static unsigned list(void)
{
    unsigned count = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] != '.') {
            count++;
            assert_true(snprintf(entry, sizeof entry, "%s/%s", dir, e->d_name) < PATH_LEN);
        }
    }
    closedir(d);
    return count;
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/hythe-cache-XXXXXX");
    assert_non_null(mkdtemp(root));
    (void)snprintf(dir, sizeof dir, "%s/a/b", root);
    return 0;
}

static void remove_below(const char *path)
{
    DIR *d = opendir(path);
    if (d == NULL) {
        (void)unlink(path);
        return;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char below[PATH_LEN];
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) < PATH_LEN) {
            remove_below(below);
        }
    }
    closedir(d);
    (void)rmdir(path);
}

static int teardown(void **state)
{
    (void)state;
    remove_below(root);
    return 0;
}

static void on_compile(void *context)
{
    (void)context;
    compilations++;
}

static int read_text(void *context, struct span *ret_bytes, struct error *err)
{
    (void)err; /* it is in memory */
    *ret_bytes = span_of(context);
    return 0;
}

static void hash_text(const char *text, uint8_t hash[CACHE_HASH_LEN])
{
    int fd = memfd_create("module", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(cache_hash_file(engine, fd, hash), 0);
    assert_int_equal(close(fd), 0);
}

static int load_from(const char *from, struct engine *with, const char *text,
                     struct module **ret_module, enum cache_result *ret_result)
{
    struct error err = {0};
    struct cache_request request = {.engine = with,
                                    .read = read_text,
                                    .dir = from,
                                    .on_compile = on_compile,
                                    .context = (char *)(uintptr_t)text};
    compilations = 0;
    hash_text(text, request.hash);
    return cache_load(&request, ret_module, ret_result, &err);
}

static enum cache_result load_with(struct engine *with, const char *text)
{
    struct module *module = NULL;
    enum cache_result result = CACHE_HIT;
    assert_int_equal(load_from(dir, with, text, &module, &result), 0);
    assert_non_null(module_find_export(module, "f"));
    /* Whoever waits is told of a compilation, and of nothing else. */
    assert_int_equal(compilations, result == CACHE_HIT ? 0 : 1);
    module_unref(module);
    return result;
}

static enum cache_result load(void)
{
    return load_with(engine, source);
}

static void the_second_load_is_a_hit(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1); /* no temporary file is left */
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(entry, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(load(), CACHE_HIT);
    assert_int_equal(load(), CACHE_HIT);
}

static void each_module_and_setting_has_its_entry(void **state)
{
    struct engine_options options = {.serial = true, .fuel = true};
    struct engine *other = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(engine_new(&options, &other, &err), 0);
    assert_true(engine_fingerprint(other) != engine_fingerprint(engine));
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(load_with(other, source), CACHE_STORED);
    assert_int_equal(load_with(engine, "(module (func (export \"f\")))"), CACHE_STORED);
    assert_int_equal(list(), 3);
    assert_int_equal(load_with(other, source), CACHE_HIT);
    assert_int_equal(load(), CACHE_HIT);
    engine_free(other);
}

/* What was hashed is not what is read: somebody replaced the file meanwhile. */
static void the_entry_is_of_the_bytes_that_were_compiled(void **state)
{
    struct module *module = NULL;
    struct error err = {0};
    enum cache_result result = CACHE_HIT;
    struct cache_request request = {
        .engine = engine, .read = read_text, .dir = dir, .context = (char *)(uintptr_t)source};
    (void)state;
    hash_text("(module)", request.hash);
    assert_int_equal(cache_load(&request, &module, &result, &err), 0);
    assert_int_equal(result, CACHE_STORED);
    module_unref(module);
    assert_int_equal(list(), 1);
    assert_int_equal(load(), CACHE_HIT);
}

static int fail_to_read(void *context, struct span *ret_bytes, struct error *err)
{
    (void)context;
    (void)ret_bytes;
    return error_set(err, -EIO, "it cannot be read");
}

static void what_cannot_be_read_is_told(void **state)
{
    struct module *module = NULL;
    struct error err = {0};
    const struct cache_request request = {.engine = engine, .read = fail_to_read, .dir = dir};
    (void)state;
    assert_int_equal(cache_load(&request, &module, NULL, &err), -EIO);
    assert_string_equal(err.text, "it cannot be read");
    assert_null(module);
    assert_int_equal(list(), 0);
}

static void no_directory_is_no_error(void **state)
{
    struct module *module = NULL;
    enum cache_result result = CACHE_HIT;
    (void)state;
    assert_int_equal(load_from(NULL, engine, source, &module, &result), 0);
    assert_int_equal(result, CACHE_UNSTORED);
    module_unref(module);
    assert_int_equal(load_from("/proc/no", engine, source, &module, NULL), 0);
    module_unref(module);
    assert_int_equal(load_from("/dev/null", engine, source, &module, &result), 0);
    assert_int_equal(result, CACHE_UNSTORED);
    module_unref(module);
}

static void what_is_no_module_leaves_no_entry(void **state)
{
    struct module *module = NULL;
    (void)state;
    assert_int_equal(load_from(dir, engine, "nonsense", &module, NULL), -ENOEXEC);
    assert_null(module);
    assert_int_equal(list(), 0);
}

/* One bit of the entry is changed, at many places; each time it is compiled and stored again. */
static void a_damaged_entry_is_rebuilt(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    assert_int_equal(stat(entry, &st), 0);
    for (off_t at = 0; at < st.st_size; at += at < st.st_size - 64 ? st.st_size / 23 + 1 : 5) {
        uint8_t byte = 0;
        int fd = open(entry, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        assert_int_equal(load(), CACHE_STORED);
    }
    assert_int_equal(load(), CACHE_HIT);
}

static void an_entry_cut_short_is_rebuilt(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    assert_int_equal(stat(entry, &st), 0);
    const off_t lens[] = {0, 1, 39, 40, 41, st.st_size / 2, st.st_size - 40, st.st_size - 1};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        assert_int_equal(truncate(entry, lens[i]), 0);
        assert_int_equal(load(), CACHE_STORED);
        assert_int_equal(load(), CACHE_HIT);
    }
}

static void an_entry_that_others_may_write_is_rebuilt(void **state)
{
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    assert_int_equal(chmod(entry, 0622), 0);
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(chmod(entry, 0660), 0);
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(load(), CACHE_HIT);
}

static void a_directory_that_others_may_write_is_not_used(void **state)
{
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(load(), CACHE_UNSTORED);
    assert_int_equal(chmod(dir, 0720), 0);
    assert_int_equal(load(), CACHE_UNSTORED);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(load(), CACHE_HIT);
}

static void a_foreign_owner_is_not_trusted(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    assert_int_equal(chown(entry, 12345, 12345), 0);
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(chown(dir, 12345, 12345), 0);
    assert_int_equal(load(), CACHE_UNSTORED);
}

/* What was seen is not read again: a wrong hash of it shows so. */
static void an_entry_that_was_seen_is_not_read(void **state)
{
    struct seen seen = {.count = 1};
    struct engine_options options = {.serial = true, .seen = &seen};
    struct engine *other = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(engine_new(&options, &other, &err), 0);
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    int fd = open(entry, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(seen_describe(fd, &seen.files[0]), 0);
    close(fd);
    seen.files[0].hashed -= 40; /* its trailer */
    assert_int_equal(load_with(other, source), CACHE_STORED);
    assert_int_equal(load_with(other, source), CACHE_HIT); /* the new entry is another file */
    engine_free(other);
}

static void a_link_in_the_entrys_place_is_not_followed(void **state)
{
    char moved[PATH_LEN];
    struct stat st;
    (void)state;
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(list(), 1);
    assert_true(snprintf(moved, sizeof moved, "%s/moved", root) < PATH_LEN);
    assert_int_equal(rename(entry, moved), 0);
    assert_int_equal(symlink(moved, entry), 0);
    assert_int_equal(load(), CACHE_STORED);
    assert_int_equal(lstat(entry, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

/* -- files of hythe compile ------------------------------------------------------------------- */

static void write_compiled(char path[PATH_LEN])
{
    struct module *module = NULL;
    struct error err = {0};
    assert_true(snprintf(path, PATH_LEN, "%s/out.cwasm", root) < PATH_LEN);
    assert_int_equal(module_compile(engine, span_of(source), &module, &err), 0);
    assert_int_equal(cache_write_file(module, path, &err), 0);
    module_unref(module);
}

static void a_written_file_maps_again(void **state)
{
    char path[PATH_LEN];
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    write_compiled(path);
    assert_int_equal(cache_map_file(engine, path, &module, &err), 0);
    assert_non_null(module_find_export(module, "f"));
    module_unref(module);
}

static int map(struct engine *with, const char *path, const char *words)
{
    struct module *module = NULL;
    struct error err = {0};
    int r = cache_map_file(with, path, &module, &err);
    assert_int_equal(err.code, r);
    assert_non_null(strstr(err.text, words));
    assert_null(module);
    return r;
}

static void a_file_that_cannot_be_trusted_is_refused(void **state)
{
    char path[PATH_LEN];
    struct engine_options options = {.serial = true, .fuel = true};
    struct engine *other = NULL;
    struct error err = {0};
    (void)state;
    write_compiled(path);
    assert_int_equal(engine_new(&options, &other, &err), 0);
    assert_int_equal(map(other, path, "another version or with other settings"), -ESTALE);
    engine_free(other);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(map(engine, path, "chmod go-w"), -EPERM);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(map(engine, path, "damaged"), -EBADMSG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(map(engine, path, "No such file"), -ENOENT);
    assert_int_equal(map(engine, root, "damaged"), -EBADMSG);
}

static void a_file_that_cannot_be_written_leaves_nothing(void **state)
{
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(module_compile(engine, span_of(source), &module, &err), 0);
    assert_int_equal(cache_write_file(module, "/proc/no/x", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/proc/no/x"));
    assert_int_equal(mkdir(dir, 0700), -1);
    (void)snprintf(dir, sizeof dir, "%s/d", root);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(cache_write_file(module, dir, &err), -EISDIR);
    assert_int_equal(rmdir(dir), 0); /* nothing lies in it */
    (void)snprintf(dir, sizeof dir, "%s", root);
    assert_int_equal(list(), 0); /* nor beside it */
    module_unref(module);
}

/* -- where ------------------------------------------------------------------------------------ */

static void the_default_directory_follows_the_environment(void **state)
{
    char text[64];
    (void)state;
    (void)setenv("XDG_CACHE_HOME", "/x", 1);
    (void)setenv("HOME", "/h", 1);
    assert_int_equal(cache_default_dir(text, sizeof text), 0);
    assert_string_equal(text, "/x/hythe/modules");
    (void)setenv("XDG_CACHE_HOME", "relative", 1);
    assert_int_equal(cache_default_dir(text, sizeof text), 0);
    assert_string_equal(text, "/h/.cache/hythe/modules");
    (void)unsetenv("XDG_CACHE_HOME");
    assert_int_equal(cache_default_dir(text, 23), -ENAMETOOLONG);
    assert_int_equal(cache_default_dir(text, 24), 0);
    (void)setenv("HOME", "", 1);
    assert_int_equal(cache_default_dir(text, sizeof text), -ENOENT);
    (void)unsetenv("HOME");
    assert_int_equal(cache_default_dir(text, sizeof text), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_second_load_is_a_hit),
        TEST(each_module_and_setting_has_its_entry),
        TEST(the_entry_is_of_the_bytes_that_were_compiled),
        TEST(what_cannot_be_read_is_told),
        TEST(no_directory_is_no_error),
        TEST(what_is_no_module_leaves_no_entry),
        TEST(a_damaged_entry_is_rebuilt),
        TEST(an_entry_cut_short_is_rebuilt),
        TEST(an_entry_that_others_may_write_is_rebuilt),
        TEST(a_directory_that_others_may_write_is_not_used),
        TEST(a_foreign_owner_is_not_trusted),
        TEST(an_entry_that_was_seen_is_not_read),
        TEST(a_link_in_the_entrys_place_is_not_followed),
        TEST(a_written_file_maps_again),
        TEST(a_file_that_cannot_be_trusted_is_refused),
        TEST(a_file_that_cannot_be_written_leaves_nothing),
        cmocka_unit_test(the_default_directory_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
