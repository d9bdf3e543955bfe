/* Compiling on the host, with a compiler that is a shell script: who it is, where it may write, and
 * what is taken of what it leaves. Only root can become nobody; others skip this. */
#include "oci/precompile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci_bundle.h"

enum { PATH_LEN = OCI_BUNDLE_PATH_MAX + 64 };

struct place {
    struct oci_bundle bundle;
    char cache[PATH_LEN];
    struct precompile job;
    int module_fd;
};

/* The host's program: it is called with the loader's words, then compile -o OUTPUT INPUT. */
static void set_compiler(const struct place *place, const char *body)
{
    char text[1024];
    char path[PATH_LEN];
    int len = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    assert_true(oci_bundle_write(&place->bundle, "host/ld.so", text, (size_t)len));
    (void)snprintf(path, sizeof path, "%s/ld.so", place->bundle.host);
    assert_int_equal(chmod(path, 0755), 0);
}

static int set_up(void **state)
{
    char path[PATH_LEN];
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    assert_true(oci_bundle_open(&place->bundle));
    assert_int_equal(chmod(place->bundle.path, 0755), 0);
    assert_true(oci_bundle_write(&place->bundle, "host/hythe", "1", 1));
    (void)snprintf(place->cache, sizeof place->cache, "%s/a/cache", place->bundle.path);
    place->job = (struct precompile){.host = place->bundle.host, .folder = place->cache};
    (void)snprintf(path, sizeof path, "%s/rootfs/app.wasm", place->bundle.path);
    place->module_fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(place->module_fd >= 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)close(place->module_fd);
    oci_bundle_close(&place->bundle);
    free(place);
    return 0;
}

static int compile(struct place *place, char path[PRECOMPILE_PATH_MAX])
{
    return precompile_get(&place->job, place->module_fd, path);
}

/* What the entry `path` holds; the caller frees it. */
static char *read_entry(const struct place *place, const char *path)
{
    size_t len = 0;
    char *text = oci_bundle_read(&place->bundle, path + strlen(place->bundle.path) + 1, &len);
    assert_non_null(text);
    return text;
}

/* Nothing is left of the work. */
static void expect_clean(const struct place *place)
{
    char path[PATH_LEN + 64];
    struct stat st;
    assert_int_equal(stat(place->cache, &st), 0);
    assert_int_equal(st.st_nlink, 2); /* no folder within */
    (void)snprintf(path, sizeof path, "%s/fresh-%d", place->cache, (int)getpid());
    assert_int_equal(access(path, F_OK), -1);
}

static void compiles_as_nobody_in_a_folder_of_its_own(void **state)
{
    struct place *place = *state;
    char path[PRECOMPILE_PATH_MAX];
    struct stat st;
    set_compiler(place, "exec >module.cwasm; id -u; id -g; id -G; shift 5; echo \"$@\"\n"
                        "ulimit -c; ulimit -t; grep NoNewPrivs /proc/self/status\n"
                        "ls; env | grep -c .; touch ../x 2>/dev/null && echo out; true");
    assert_int_equal(compile(place, path), 0);
    char *text = read_entry(place, path);
    char expected[1024];
    (void)snprintf(expected, sizeof expected,
                   "65534\n65534\n65534\n%s/hythe compile -o module.cwasm module.wasm\n"
                   "0\n120\nNoNewPrivs:\t1\nmodule.cwasm\nmodule.wasm\n3\n",
                   place->bundle.host);
    assert_string_equal(text, expected);
    free(text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
    assert_int_equal(st.st_uid, 0);
    expect_clean(place);
}

static void compiles_once_for_each_module_and_program(void **state)
{
    struct place *place = *state;
    char first[PRECOMPILE_PATH_MAX];
    char second[PRECOMPILE_PATH_MAX];
    set_compiler(place, "cat module.wasm module.wasm >module.cwasm");
    assert_int_equal(compile(place, first), 0);
    set_compiler(place, "exit 1"); /* it is not asked again */
    assert_int_equal(compile(place, second), 0);
    assert_string_equal(first, second);
    assert_true(oci_bundle_write(&place->bundle, "host/hythe", "22", 2));
    assert_int_equal(compile(place, second), -ENOEXEC);
    set_compiler(place, "echo other >module.cwasm");
    assert_int_equal(compile(place, second), 0);
    assert_string_not_equal(first, second);
    assert_true(oci_bundle_write(&place->bundle, "rootfs/app.wasm", "another", 7));
    assert_int_equal(compile(place, first), 0);
    assert_string_not_equal(first, second);
    expect_clean(place);
}

static void takes_nothing_but_a_file_of_the_compilers(void **state)
{
    static const char *const bodies[] = {
        "exit 1",
        "true",
        "echo half >module.cwasm; exit 1",
        "echo half >module.cwasm; kill -9 $$",
        "ln -s /etc/passwd module.cwasm",
        "ln -s ../../rootfs/app.wasm module.cwasm",
        "mkfifo module.cwasm",
        "mkdir -p module.cwasm/a/b; echo x >module.cwasm/a/f",
    };
    struct place *place = *state;
    char path[PRECOMPILE_PATH_MAX];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        set_compiler(place, bodies[i]);
        assert_true(compile(place, path) < 0);
        expect_clean(place);
    }
    set_compiler(place, "echo good >module.cwasm");
    assert_int_equal(compile(place, path), 0);
    char *text = read_entry(place, path);
    assert_string_equal(text, "good\n");
    free(text);
}

static void uses_no_folder_or_entry_that_others_could_write(void **state)
{
    struct place *place = *state;
    char path[PRECOMPILE_PATH_MAX];
    char again[PRECOMPILE_PATH_MAX];
    set_compiler(place, "echo good >module.cwasm");
    assert_int_equal(compile(place, path), 0);
    assert_int_equal(chmod(path, 0666), 0);
    set_compiler(place, "echo anew >module.cwasm");
    assert_int_equal(compile(place, again), 0);
    assert_string_equal(path, again);
    char *text = read_entry(place, path);
    assert_string_equal(text, "anew\n");
    free(text);
    assert_int_equal(chmod(place->cache, 0777), 0);
    assert_int_equal(compile(place, path), -EPERM);
    assert_int_equal(chmod(place->cache, 0755) | chown(place->cache, 1, 0), 0);
    assert_int_equal(compile(place, path), -EPERM);
}

static void does_without_a_program(void **state)
{
    struct place *place = *state;
    char path[PRECOMPILE_PATH_MAX];
    place->job.host = "/nowhere";
    assert_int_equal(compile(place, path), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compiles_as_nobody_in_a_folder_of_its_own),
        TEST(compiles_once_for_each_module_and_program),
        TEST(takes_nothing_but_a_file_of_the_compilers),
        TEST(uses_no_folder_or_entry_that_others_could_write),
        TEST(does_without_a_program),
    };
    if (geteuid() != 0) {
        (void)puts("skipped: needs root, to become nobody");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
