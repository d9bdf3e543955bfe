/* Layers on top of each other: what a path is after whiteouts, links and replacements. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/rootfs.h"

static struct rootfs *new_rootfs(void)
{
    struct rootfs *rootfs = NULL;
    assert_int_equal(rootfs_new(&rootfs), 0);
    rootfs_next_layer(rootfs);
    return rootfs;
}

static int try_add(struct rootfs *rootfs, enum tar_kind kind, const char *path, const char *link,
                   uint64_t offset)
{
    static struct tar_entry entry; /* large */
    struct error err = {0};
    entry.kind = kind;
    entry.size = kind == TAR_FILE ? 1 : 0;
    entry.offset = offset;
    (void)snprintf(entry.path, sizeof entry.path, "%s", path);
    (void)snprintf(entry.link, sizeof entry.link, "%s", link);
    return rootfs_add(rootfs, &entry, &err);
}

static void file(struct rootfs *rootfs, const char *path, uint64_t offset)
{
    assert_int_equal(try_add(rootfs, TAR_FILE, path, "", offset), 0);
}

static void make(struct rootfs *rootfs, enum tar_kind kind, const char *path, const char *link)
{
    assert_int_equal(try_add(rootfs, kind, path, link, 0), 0);
}

static int find(struct rootfs *rootfs, const char *path)
{
    struct rootfs_file found;
    return rootfs_find(rootfs, path, &found);
}

/* The offset of a file that has to be there, in this layer. */
static uint64_t at(struct rootfs *rootfs, const char *path, uint32_t layer)
{
    struct rootfs_file found;
    assert_int_equal(rootfs_find(rootfs, path, &found), 0);
    assert_int_equal(found.layer, layer);
    return found.offset;
}

static void files_are_found_by_every_spelling(void **state)
{
    (void)state;
    struct rootfs *rootfs = new_rootfs();
    file(rootfs, "a/b/c", 7);
    assert_int_equal(at(rootfs, "/a/b/c", 0), 7);
    assert_int_equal(at(rootfs, "a//./b/../b/c", 0), 7);
    assert_int_equal(at(rootfs, "/../../a/b/c", 0), 7);
    assert_int_equal(find(rootfs, "/a/b"), -EISDIR);
    assert_int_equal(find(rootfs, "/"), -EISDIR);
    assert_int_equal(find(rootfs, ""), -EISDIR);
    assert_int_equal(find(rootfs, "/a/b/c/d"), -ENOENT);
    assert_int_equal(find(rootfs, "/a/b/c/"), 0); /* as the last slash says nothing here */
    assert_int_equal(find(rootfs, "/a/x"), -ENOENT);
    rootfs_free(rootfs);
}

static void a_whiteout_takes_away_what_is_below(void **state)
{
    (void)state;
    struct rootfs *rootfs = new_rootfs();
    file(rootfs, "d/a", 1);
    file(rootfs, "d/b", 2);
    file(rootfs, "e/f/g", 3);
    rootfs_next_layer(rootfs);
    file(rootfs, "d/.wh.a", 0);
    file(rootfs, ".wh.e", 0);
    file(rootfs, ".wh.never", 0);
    assert_int_equal(find(rootfs, "/d/a"), -ENOENT);
    assert_int_equal(at(rootfs, "/d/b", 0), 2);
    assert_int_equal(find(rootfs, "/e/f/g"), -ENOENT);
    assert_int_equal(find(rootfs, "/d/.wh.a"), -ENOENT);
    rootfs_next_layer(rootfs);
    file(rootfs, "e/new", 4);
    assert_int_equal(at(rootfs, "/e/new", 2), 4);
    assert_int_equal(find(rootfs, "/e/f/g"), -ENOENT); /* it does not come back */
    rootfs_free(rootfs);
}

static void a_whiteout_spares_its_own_layer(void **state)
{
    (void)state;
    struct rootfs *rootfs = new_rootfs();
    file(rootfs, "a", 1);
    rootfs_next_layer(rootfs);
    file(rootfs, "a", 2);
    file(rootfs, ".wh.a", 0);
    assert_int_equal(at(rootfs, "/a", 1), 2);
    rootfs_free(rootfs);
}

static void an_opaque_directory_hides_older_layers(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct rootfs *rootfs = new_rootfs();
        file(rootfs, "d/sub/old", 1);
        file(rootfs, "d/old", 2);
        file(rootfs, "other", 3);
        rootfs_next_layer(rootfs);
        if (order == 0) {
            file(rootfs, "d/.wh..wh..opq", 0);
        }
        make(rootfs, TAR_DIRECTORY, "d/sub", "");
        file(rootfs, "d/sub/new", 4);
        if (order == 1) {
            file(rootfs, "d/.wh..wh..opq", 0);
        }
        assert_int_equal(find(rootfs, "/d/old"), -ENOENT);
        assert_int_equal(find(rootfs, "/d/sub/old"), -ENOENT);
        assert_int_equal(at(rootfs, "/d/sub/new", 1), 4);
        assert_int_equal(at(rootfs, "/other", 0), 3);
        rootfs_next_layer(rootfs);
        file(rootfs, "d/sub/later", 5);
        assert_int_equal(at(rootfs, "/d/sub/later", 2), 5);
        assert_int_equal(find(rootfs, "/d/sub/old"), -ENOENT);
        rootfs_free(rootfs);
    }
}

static void a_file_in_the_place_of_a_directory_ends_it(void **state)
{
    (void)state;
    struct rootfs *rootfs = new_rootfs();
    file(rootfs, "a/b", 1);
    rootfs_next_layer(rootfs);
    file(rootfs, "a", 2);
    assert_int_equal(at(rootfs, "/a", 1), 2);
    assert_int_equal(find(rootfs, "/a/b"), -ENOENT);
    file(rootfs, "a/c", 3);
    assert_int_equal(at(rootfs, "/a/c", 1), 3);
    assert_int_equal(find(rootfs, "/a/b"), -ENOENT);
    rootfs_free(rootfs);
}

static void links_are_followed_within_the_image(void **state)
{
    (void)state;
    struct rootfs *rootfs = new_rootfs();
    file(rootfs, "usr/bin/app", 1);
    make(rootfs, TAR_SYMLINK, "bin", "usr/bin");
    make(rootfs, TAR_SYMLINK, "abs", "/bin/app");
    make(rootfs, TAR_SYMLINK, "usr/up", "../../../bin");
    make(rootfs, TAR_HARDLINK, "hard", "bin/app");
    make(rootfs, TAR_HARDLINK, "dangling", "none");
    make(rootfs, TAR_SYMLINK, "loop", "loop");
    make(rootfs, TAR_SYMLINK, "one", "two/x");
    make(rootfs, TAR_SYMLINK, "two", "one/x");
    make(rootfs, TAR_OTHER, "dev", "");
    assert_int_equal(at(rootfs, "/bin/app", 0), 1);
    assert_int_equal(at(rootfs, "/abs", 0), 1);
    assert_int_equal(at(rootfs, "/usr/up/app", 0), 1);
    assert_int_equal(at(rootfs, "/hard", 0), 1);
    assert_int_equal(find(rootfs, "/dangling"), -EINVAL);
    assert_int_equal(find(rootfs, "/loop"), -ELOOP);
    assert_int_equal(find(rootfs, "/one"), -ELOOP);
    assert_int_equal(find(rootfs, "/dev"), -EINVAL);
    struct rootfs_file found;
    assert_int_equal(rootfs_find(rootfs, "/usr/up/app", &found), 0);
    assert_string_equal(found.path, "/usr/bin/app");
    rootfs_free(rootfs);
}

static void depth_and_number_have_limits(void **state)
{
    (void)state;
    char path[2 * ROOTFS_DEPTH_MAX + 8];
    struct rootfs *rootfs = new_rootfs();
    for (size_t i = 0; i < ROOTFS_DEPTH_MAX + 1; i++) {
        memcpy(path + 2 * i, "d/", 3);
    }
    path[2 * ROOTFS_DEPTH_MAX + 1] = '\0';
    assert_int_equal(try_add(rootfs, TAR_FILE, path, "", 0), -E2BIG);
    assert_int_equal(find(rootfs, path), -ENOENT);
    int r = 0;
    uint32_t count = 0;
    while (r == 0 && count <= ROOTFS_NODES_MAX) {
        (void)snprintf(path, sizeof path, "%u", count++);
        r = try_add(rootfs, TAR_FILE, path, "", 0);
    }
    assert_int_equal(r, -E2BIG);
    assert_true(count <= ROOTFS_NODES_MAX);
    rootfs_free(rootfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_by_every_spelling),
        cmocka_unit_test(a_whiteout_takes_away_what_is_below),
        cmocka_unit_test(a_whiteout_spares_its_own_layer),
        cmocka_unit_test(an_opaque_directory_hides_older_layers),
        cmocka_unit_test(a_file_in_the_place_of_a_directory_ends_it),
        cmocka_unit_test(links_are_followed_within_the_image),
        cmocka_unit_test(depth_and_number_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
