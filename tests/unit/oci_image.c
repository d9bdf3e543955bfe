/* Images: built byte for byte as the golden files have them, and read again whole. */
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

#include "base/buffer.h"
#include "oci/build.h"
#include "oci/inspect.h"
#include "oci/program.h"
#include "oci/reference.h"

static const char module_bytes[] = "\0asm\1\0\0";

struct fixture {
    char folder[64];
    char module[96];
    char archive[96];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/hythe-image-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->module, sizeof fixture->module, "%s/app.wasm", fixture->folder);
    (void)snprintf(fixture->archive, sizeof fixture->archive, "%s/app.tar", fixture->folder);
    int fd = open(fixture->module, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, module_bytes, sizeof module_bytes), 8);
    assert_int_equal(close(fd), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->archive); /* not every test makes it */
    assert_int_equal(unlink(fixture->module), 0);
    assert_int_equal(rmdir(fixture->folder), 0); /* nothing else may be left */
    free(fixture);
    return 0;
}

static struct buffer read_file(const char *path)
{
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = 1;
    while (n > 0) {
        assert_int_equal(buffer_reserve(&bytes, 4096), 0);
        n = read(fd, bytes.data + bytes.len, 4096);
        assert_true(n >= 0);
        bytes.len += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
    return bytes;
}

static void compare_with_golden(const struct fixture *fixture, const struct image_options *options,
                                const char *name)
{
    char path[512];
    struct build_result result;
    struct error err = {0};
    assert_int_equal(build_image(options, &result, &err), 0);
    (void)snprintf(path, sizeof path, "%s/cases/image/%s", TESTS_DIR, name);
    if (getenv("HYTHE_GOLDEN") != NULL) {
        (void)rename(fixture->archive, path); /* made anew, to be looked at and committed */
        return;
    }
    struct buffer made = read_file(fixture->archive);
    struct buffer golden = read_file(path);
    assert_int_equal(made.len, golden.len);
    assert_memory_equal(made.data, golden.data, golden.len);
    buffer_done(&made);
    buffer_done(&golden);
}

static void the_simplest_image_is_golden(void **state)
{
    struct fixture *fixture = *state;
    const struct image_options options = {
        .operand = fixture->module, .tag = "app:1", .output = fixture->archive};
    compare_with_golden(fixture, &options, "simple.tar");
}

static void an_image_with_everything_is_golden(void **state)
{
    struct fixture *fixture = *state;
    static const char *platforms[] = {"linux/amd64,linux/arm64"};
    static const char *entrypoint[] = {"/bin/app", "-x"};
    static const char *cmd[] = {"run"};
    static const char *env[] = {"A=1", "B=\"\\\n"};
    static const char *ports[] = {"80", "53/udp"};
    static const char *pairs[] = {"z=1", "a=2", "z=3"};
    const struct image_options options = {
        .operand = fixture->module,
        .tag = "ghcr.io/me/app",
        .output = fixture->archive,
        .user = "65532:65532",
        .index = {platforms, 1},
        .entrypoint = {entrypoint, 2},
        .cmd = {cmd, 1},
        .env = {env, 2},
        .ports = {ports, 2},
        .annotations = {pairs, 3},
        .labels = {pairs, 3},
        .docker_archive = true,
        .epoch_s = 1700000000,
        .has_epoch = true,
    };
    compare_with_golden(fixture, &options, "everything.tar");
}

static off_t module_size(const struct program *program)
{
    struct stat st;
    assert_int_equal(fstat(program->fd, &st), 0);
    return st.st_size;
}

static void what_is_built_is_read(void **state)
{
    struct fixture *fixture = *state;
    static const char *env[] = {"A=1"};
    static const char *cmd[] = {"one"};
    const struct image_options options = {.operand = fixture->module,
                                          .tag = "app:1",
                                          .output = fixture->archive,
                                          .env = {env, 1},
                                          .cmd = {cmd, 1}};
    struct build_result result;
    struct program *program = NULL;
    struct error err = {0};
    char bytes[16];
    assert_int_equal(build_image(&options, &result, &err), 0);
    assert_true(program_is_image(fixture->archive));
    assert_false(program_is_image(fixture->module));
    assert_int_equal(program_open(fixture->archive, &program, &err), 0);
    assert_int_equal(module_size(program), 8);
    assert_string_equal(program->entry, "/app.wasm");
    assert_string_equal(program->argv0, "/app.wasm");
    assert_string_equal(program->platform, "wasi/wasm");
    assert_string_equal(program->image, "docker.io/library/app:1");
    assert_int_equal(program->args.count, 1);
    assert_int_equal(program->entrypoint_arg_count, 0);
    assert_string_equal(program->env.items[0], "A=1");
    int fd = open(program->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, module_bytes, 8);
    assert_int_equal(close(fd), 0);
    assert_int_equal(write(program->fd, "x", 1), -1); /* it is sealed */
    program_free(program);
}

/* Any change of any byte is noticed, or changes nothing that is run. */
static void every_changed_byte_is_noticed_or_harmless(void **state)
{
    struct fixture *fixture = *state;
    const struct image_options options = {
        .operand = fixture->module, .tag = "app:1", .output = fixture->archive};
    struct build_result result;
    struct error err = {0};
    assert_int_equal(build_image(&options, &result, &err), 0);
    struct buffer whole = read_file(fixture->archive);
    int fd = open(fixture->archive, O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < whole.len; i++) {
        uint8_t changed = whole.data[i] ^ 0x21;
        struct program *program = NULL;
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
        if (program_open(fixture->archive, &program, &err) == 0) {
            assert_int_equal(module_size(program), 8);
            program_free(program);
        } else {
            assert_true(err.text[0] != '\0' && err.exit != 0);
        }
        assert_int_equal(pwrite(fd, &whole.data[i], 1, (off_t)i), 1);
    }
    assert_int_equal(close(fd), 0);
    buffer_done(&whole);
}

static void names_are_made_complete_or_refused(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"app", "docker.io/library/app:latest"},
        {"me/app:1", "docker.io/me/app:1"},
        {"localhost:5000/app", "localhost:5000/app:latest"},
        {"Example.org/a-b_c__d.e:V1.0-x", "Example.org/a-b_c__d.e:V1.0-x"},
        {"a/b/c/d", "docker.io/a/b/c/d:latest"},
    };
    static const char *const bad[] = {
        "",       ":",      "a:",     "/a",   "a/",     "A",     "a b",  "-a",     "a-",
        "a___b",  "a..b",   "a.-b",   "a:-x", "a:x y",  "a@b",   "a/:x", "x.y:/a", "x.y:1x/a",
        "[::1/a", "-x.y/a", "x..y/a", "x.y/", "x.y//a", "a:b/c", "é",    "a\n",    "x.y/A",
    };
    struct reference reference;
    struct error err = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(reference_parse(good[i][0], &reference, &err), 0);
        assert_string_equal(reference.full, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct error){0};
        int r = reference_parse(bad[i], &reference, &err);
        if (r == 0) {
            fail_msg("'%s' was taken for %s", bad[i], reference.full);
        }
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_simplest_image_is_golden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_with_everything_is_golden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_built_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed_or_harmless, set_up,
                                        tear_down),
        cmocka_unit_test(names_are_made_complete_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
