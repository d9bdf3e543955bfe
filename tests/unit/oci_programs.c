/* hythe-runc and the launcher, with runtimes and shims that are shell scripts: what they are called
 * with, that nobody calls himself, and what is said where. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/file.h"
#include "oci_bundle.h"

enum { TEXT_MAX = 64 << 10, PATH_LEN = OCI_BUNDLE_PATH_MAX + 64, WORDS_MAX = 16 };

/* Writes its name, its arguments and one variable; `start` answers as a shim does. */
static const char script[] = "#!/bin/sh\n"
                             "printf '%s' \"$0\"\n"
                             "for word in \"$@\"; do printf ' [%s]' \"$word\"; done\n"
                             "echo; echo \"first on PATH: ${PATH%%:*}\"\n";

/* What a program left behind. */
struct outcome {
    int exit_code;
    struct buffer out;
    struct buffer err;
};

struct place {
    struct oci_bundle bundle;
    char tools[PATH_LEN]; /* the folder with the scripts */
    struct outcome outcome;
};

static void write_script(const struct place *place, const char *name)
{
    char path[PATH_LEN + 64];
    (void)snprintf(path, sizeof path, "tools/%s", name);
    assert_true(oci_bundle_write(&place->bundle, path, script, strlen(script)));
    (void)snprintf(path, sizeof path, "%s/%s", place->tools, name);
    assert_int_equal(chmod(path, 0755), 0);
}

static void set_variable(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_variable(const char *name, const char *format, ...)
{
    char value[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(value, sizeof value, format, args);
    va_end(args);
    assert_int_equal(setenv(name, value, /* overwrite */ 1), 0);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    assert_true(oci_bundle_open(&place->bundle));
    (void)snprintf(place->tools, sizeof place->tools, "%s/tools", place->bundle.path);
    write_script(place, "runc");
    write_script(place, "containerd-shim-runc-v2");
    set_variable("PATH", "%s:/usr/bin:/bin", place->tools);
    set_variable("HYTHE_RUNC_HOST", "%s", place->bundle.host);
    set_variable("HYTHE_RUNC_CACHE", "%s", "none");
    set_variable("HYTHE_RUNC_CONF", "%s/conf", place->bundle.path);
    assert_true(oci_bundle_write(&place->bundle, "conf", "", 0));
    assert_int_equal(unsetenv("HYTHE_RUNC_REAL") | unsetenv("HYTHE_RUNC_SHIM"), 0);
    assert_int_equal(unsetenv("HYTHE_RUNC_DEPTH") | unsetenv("LISTEN_FDS"), 0);
    buffer_init(&place->outcome.out, TEXT_MAX);
    buffer_init(&place->outcome.err, TEXT_MAX);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    oci_bundle_close(&place->bundle);
    buffer_done(&place->outcome.out);
    buffer_done(&place->outcome.err);
    free(place);
    return 0;
}

/* Read what a program has written to an unlinked file. */
static void collect(int fd, struct buffer *text)
{
    text->len = 0;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(file_read(fd, text), 0);
    assert_non_null(buffer_text(text));
    assert_int_equal(close(fd), 0);
}

static void run(struct place *place, const char *program, const char *const *words)
{
    char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t)program};
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < WORDS_MAX);
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    int out = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int err = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(out >= 0 && err >= 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool is_ready = dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 &&
                        chdir(place->bundle.path) == 0;
        if (is_ready) {
            (void)execv(program, argv);
        }
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    place->outcome.exit_code = WEXITSTATUS(status);
    collect(out, &place->outcome.out);
    collect(err, &place->outcome.err);
}

#define RUN(place, program, ...) run(place, program, (const char *const[]){__VA_ARGS__, NULL})

static const char *out_of(struct place *place)
{
    return (const char *)place->outcome.out.data;
}

static const char *err_of(struct place *place)
{
    return (const char *)place->outcome.err.data;
}

/* The real runtime got these words, and nothing else was said. */
static void expect_call(struct place *place, const char *words)
{
    char expected[4096];
    (void)snprintf(expected, sizeof expected, "%s/runc%s\nfirst on PATH: %s\n", place->tools, words,
                   place->tools);
    assert_string_equal(err_of(place), "");
    assert_string_equal(out_of(place), expected);
    assert_int_equal(place->outcome.exit_code, 0);
}

static const char config[] = "{\"process\":{\"args\":[\"/app.wasm\"],\"cwd\":\"/\"},"
                             "\"root\":{\"path\":\"rootfs\"}}";

static void write_config(const struct place *place, const char *text)
{
    assert_true(oci_bundle_write(&place->bundle, "config.json", text, strlen(text)));
}

static bool is_wrapped(const struct place *place)
{
    size_t len = 0;
    char *text = oci_bundle_read(&place->bundle, "config.json", &len);
    bool is_ours = text != NULL && strstr(text, "/.hythe/ld.so") != NULL;
    free(text);
    return is_ours;
}

static void passes_words_on_as_they_are(void **state)
{
    struct place *place = *state;
    RUN(place, OCI_RUNC, "--root", "/x y", "kill", "--all", "id", "");
    expect_call(place, " [--root] [/x y] [kill] [--all] [id] []");
    RUN(place, OCI_RUNC, "--version");
    expect_call(place, " [--version]");
    RUN(place, OCI_RUNC, "features");
    expect_call(place, " [features]");
}

static void rewrites_the_bundle_at_create(void **state)
{
    struct place *place = *state;
    write_config(place, config);
    RUN(place, OCI_RUNC, "--log-format", "json", "create", "--bundle", place->bundle.path, "id");
    assert_true(is_wrapped(place));
    assert_int_equal(place->outcome.exit_code, 0);
    assert_string_equal(err_of(place), "");
}

static void takes_the_working_folder_for_the_bundle(void **state)
{
    struct place *place = *state;
    write_config(place, config);
    RUN(place, OCI_RUNC, "run", "id");
    expect_call(place, " [run] [id]");
    assert_true(is_wrapped(place));
}

static void rewrites_nothing_at_other_commands(void **state)
{
    struct place *place = *state;
    write_config(place, config);
    RUN(place, OCI_RUNC, "start", "--bundle", place->bundle.path, "create");
    assert_false(is_wrapped(place));
}

static void leaves_a_bundle_that_is_not_there_to_the_real_one(void **state)
{
    struct place *place = *state;
    RUN(place, OCI_RUNC, "create", "-b", "/nowhere", "id");
    expect_call(place, " [create] [-b] [/nowhere] [id]");
}

static void takes_cruns_other_file(void **state)
{
    struct place *place = *state;
    write_config(place, config);
    assert_true(oci_bundle_write(&place->bundle, "other/c.json", config, strlen(config)));
    RUN(place, OCI_RUNC, "run", "--config", "other/c.json", "id");
    assert_false(is_wrapped(place));
    size_t len = 0;
    char *kept = oci_bundle_read(&place->bundle, "other/c.json.hythe", &len);
    assert_string_equal(kept, config);
    free(kept);
}

static void finds_the_real_one_behind_itself(void **state)
{
    struct place *place = *state;
    char first[PATH_LEN + 16];
    char link[PATH_LEN + 32];
    (void)snprintf(first, sizeof first, "%s/first", place->bundle.path);
    (void)snprintf(link, sizeof link, "%s/runc", first);
    assert_int_equal(mkdir(first, 0755), 0);
    assert_int_equal(symlink(OCI_RUNC, link), 0);
    set_variable("PATH", "%s:%s:relative::/usr/bin:/bin", first, place->tools);
    RUN(place, link, "state", "id");
    assert_string_equal(err_of(place), "");
    assert_non_null(strstr(out_of(place), "tools/runc [state] [id]\n"));
}

static void takes_crun_where_there_is_no_runc(void **state)
{
    struct place *place = *state;
    char path[PATH_LEN + 16];
    (void)snprintf(path, sizeof path, "%s/runc", place->tools);
    assert_int_equal(unlink(path), 0);
    write_script(place, "crun");
    set_variable("PATH", "%s", place->tools);
    RUN(place, OCI_RUNC, "state", "id");
    assert_non_null(strstr(out_of(place), "tools/crun [state] [id]\n"));
}

static void takes_the_one_that_is_configured(void **state)
{
    struct place *place = *state;
    char text[PATH_LEN + 32];
    write_script(place, "other");
    (void)snprintf(text, sizeof text, "real = %s/other\n", place->tools);
    assert_true(oci_bundle_write(&place->bundle, "conf", text, strlen(text)));
    RUN(place, OCI_RUNC, "state", "id");
    assert_non_null(strstr(out_of(place), "tools/other [state] [id]\n"));
    set_variable("HYTHE_RUNC_REAL", "%s/runc", place->tools);
    RUN(place, OCI_RUNC, "state", "id");
    assert_non_null(strstr(out_of(place), "tools/runc [state] [id]\n"));
}

static void expect_failure(struct place *place, const char *words)
{
    assert_int_equal(place->outcome.exit_code, 1);
    assert_string_equal(out_of(place), "");
    assert_non_null(strstr(err_of(place), words));
    assert_ptr_equal(strstr(err_of(place), "hythe-runc: "), err_of(place));
    assert_ptr_equal(strchr(err_of(place), '\n'), strrchr(err_of(place), '\n'));
}

static void never_calls_itself(void **state)
{
    struct place *place = *state;
    set_variable("HYTHE_RUNC_REAL", "%s", OCI_RUNC);
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "is this program itself");
    assert_int_equal(unsetenv("HYTHE_RUNC_REAL"), 0);
    set_variable("PATH", "%s", "/nowhere");
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "no runc but this program is on PATH");
}

/* A script that calls hythe-runc again cannot be told by its file. */
static void never_calls_itself_through_a_script(void **state)
{
    struct place *place = *state;
    static const char again[] = "#!/bin/sh\nexec " OCI_RUNC " \"$@\"\n";
    assert_true(oci_bundle_write(&place->bundle, "tools/runc", again, strlen(again)));
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "called by itself");
}

static void says_what_is_wrong_in_the_log(void **state)
{
    struct place *place = *state;
    size_t len = 0;
    write_config(place, "{\"process\":{\"args\":[\"/app.wasm\"],\"cwd\":\"/\",\"env\":"
                        "[\"HYTHE_COMMAND=x\"]},\"root\":{\"path\":\"rootfs\"}}");
    RUN(place, OCI_RUNC, "--log", "log", "--log-format", "json", "create", "id");
    expect_failure(place, "io.hythe.command is \"x\"");
    char *log = oci_bundle_read(&place->bundle, "log", &len);
    assert_ptr_equal(
        strstr(log, "{\"level\":\"error\",\"msg\":\"io.hythe.command is \\\"x\\\"; it can be"),
        log);
    free(log);
    assert_false(is_wrapped(place));
}

static void misses_the_hosts_folder_only_where_it_is_needed(void **state)
{
    struct place *place = *state;
    set_variable("HYTHE_RUNC_HOST", "%s", "/nowhere");
    write_config(place, config);
    RUN(place, OCI_RUNC, "create", "id");
    expect_failure(place, "/nowhere: the folder with the host");
    assert_false(is_wrapped(place));
    write_config(place, "{\"process\":{\"args\":[\"/bin/tool\"],\"cwd\":\"/\"},"
                        "\"root\":{\"path\":\"rootfs\"}}");
    RUN(place, OCI_RUNC, "create", "id");
    expect_call(place, " [create] [id]");
}

static void refuses_settings_that_make_no_sense(void **state)
{
    struct place *place = *state;
    assert_true(oci_bundle_write(&place->bundle, "conf", "reel = /x\n", 10));
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "conf:1: the keys are real, shim, host and cache");
    set_variable("HYTHE_RUNC_CONF", "%s", "/nowhere/conf");
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "reading /nowhere/conf");
    set_variable("HYTHE_RUNC_CONF", "%s/conf", place->bundle.path);
    assert_true(oci_bundle_write(&place->bundle, "conf", "", 0));
    set_variable("HYTHE_RUNC_REAL", "%s", "runc");
    RUN(place, OCI_RUNC, "state", "id");
    expect_failure(place, "HYTHE_RUNC_REAL=runc: it must be an absolute path");
}

/* -- the launcher ----------------------------------------------------------------------------- */

static void the_launcher_becomes_the_stock_shim(void **state)
{
    struct place *place = *state;
    char runc[PATH_LEN];
    RUN(place, OCI_SHIM, "-namespace", "ns", "-address", "/a", "-id", "i", "start");
    assert_int_equal(place->outcome.exit_code, 0);
    assert_string_equal(err_of(place), "");
    assert_non_null(strstr(out_of(place), "/containerd-shim-runc-v2 [-namespace] [ns] [-address] "
                                          "[/a] [-id] [i] [start]\n"));
    /* First on its PATH lies hythe-runc, under the name of runc. */
    const char *folder = strstr(out_of(place), "first on PATH: ");
    assert_non_null(folder);
    folder += strlen("first on PATH: ");
    (void)snprintf(runc, sizeof runc, "%.*s/runc", (int)strcspn(folder, "\n"), folder);
    struct stat st;
    struct stat ours;
    assert_int_equal(stat(runc, &st) | stat(OCI_RUNC, &ours), 0);
    assert_int_equal(st.st_ino, ours.st_ino);
}

static void the_launcher_is_silent_on_stderr_when_it_fails(void **state)
{
    struct place *place = *state;
    set_variable("PATH", "%s", "/nowhere");
    RUN(place, OCI_SHIM, "-id", "i", "start");
    assert_int_equal(place->outcome.exit_code, 1);
    assert_string_equal(err_of(place), "");
    assert_non_null(strstr(out_of(place), "no containerd-shim-runc-v2 but this program is on"));
}

static void the_launcher_says_who_it_is(void **state)
{
    struct place *place = *state;
    static const uint8_t info[] = "\x0a\x16io.containerd.hythe.v1\x12\x07\x0a\x05";
    set_variable("PATH", "%s", "/nowhere");
    RUN(place, OCI_SHIM, "-v");
    assert_int_equal(place->outcome.exit_code, 0);
    assert_non_null(strstr(out_of(place), "Version: 0."));
    RUN(place, OCI_SHIM, "-info");
    assert_int_equal(place->outcome.exit_code, 0);
    assert_int_equal(place->outcome.out.len, sizeof info - 1 + 5);
    assert_memory_equal(place->outcome.out.data, info, sizeof info - 1);
    assert_string_equal(err_of(place), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_words_on_as_they_are),
        TEST(rewrites_the_bundle_at_create),
        TEST(takes_the_working_folder_for_the_bundle),
        TEST(rewrites_nothing_at_other_commands),
        TEST(leaves_a_bundle_that_is_not_there_to_the_real_one),
        TEST(takes_cruns_other_file),
        TEST(finds_the_real_one_behind_itself),
        TEST(takes_crun_where_there_is_no_runc),
        TEST(takes_the_one_that_is_configured),
        TEST(never_calls_itself),
        TEST(never_calls_itself_through_a_script),
        TEST(says_what_is_wrong_in_the_log),
        TEST(misses_the_hosts_folder_only_where_it_is_needed),
        TEST(refuses_settings_that_make_no_sense),
        TEST(the_launcher_becomes_the_stock_shim),
        TEST(the_launcher_is_silent_on_stderr_when_it_fails),
        TEST(the_launcher_says_who_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
