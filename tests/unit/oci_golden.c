/* config.json in, config.json out: each tests/cases/oci/NAME.json becomes NAME.out, byte for byte, or
 * stays as it is where there is no such file; NAME.error has the sentence where it is refused.
 * "@HOST@" stands for the host's folder. With GOLDEN_WRITE=1 the files are made anew: look at them. */
#include "oci/rewrite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/file.h"
#include "oci_bundle.h"

enum { CASES_MAX = 256, PATH_LEN_MAX = 512, TEXT_MAX = 1 << 20 };

static const char folder[] = TESTS_DIR "/cases/oci";

static void path_of(char path[PATH_LEN_MAX], const char *name, const char *ending)
{
    (void)snprintf(path, PATH_LEN_MAX, "%s/%s%s", folder, name, ending);
}

/* A case's file, or NULL. */
static char *read_case(const char *name, const char *ending)
{
    char path[PATH_LEN_MAX];
    struct buffer text;
    char *copy = NULL;
    path_of(path, name, ending);
    buffer_init(&text, TEXT_MAX);
    int r = file_read_path(path, &text);
    if (r == 0) {
        copy = strdup(buffer_text(&text));
    }
    buffer_done(&text);
    return copy;
}

static void write_case(const char *name, const char *ending, const char *text)
{
    char path[PATH_LEN_MAX];
    path_of(path, name, ending);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

/* Put "@HOST@" where the folder's path is. */
static char *without_host(const char *text, const char *host)
{
    struct buffer out;
    buffer_init(&out, TEXT_MAX);
    for (const char *at = strstr(text, host); at != NULL; at = strstr(text, host)) {
        assert_int_equal(buffer_printf(&out, "%.*s@HOST@", (int)(at - text), text), 0);
        text = at + strlen(host);
    }
    assert_int_equal(buffer_printf(&out, "%s", text), 0);
    char *copy = strdup(buffer_text(&out));
    buffer_done(&out);
    assert_non_null(copy);
    return copy;
}

static bool is_writing(void)
{
    return getenv("GOLDEN_WRITE") != NULL;
}

static void compare(const char *name, const char *input, const char *output, const char *error)
{
    if (is_writing()) {
        char path[PATH_LEN_MAX];
        path_of(path, name, ".out");
        (void)unlink(path);
        path_of(path, name, ".error");
        (void)unlink(path);
        if (error[0] != '\0') {
            write_case(name, ".error", error);
        } else if (strcmp(input, output) != 0) {
            write_case(name, ".out", output);
        }
        return;
    }
    char *expected = read_case(name, ".out");
    char *expected_error = read_case(name, ".error");
    print_message("%s\n", name);
    assert_string_equal(error, expected_error != NULL ? expected_error : "");
    assert_string_equal(output, expected != NULL ? expected : input);
    free(expected);
    free(expected_error);
}

static void check_case(const char *name)
{
    struct oci_bundle bundle;
    struct error err = {0};
    size_t len = 0;
    assert_true(oci_bundle_open(&bundle));
    char *input = read_case(name, ".json");
    assert_non_null(input);
    assert_true(oci_bundle_write(&bundle, "config.json", input, strlen(input)));
    const struct rewrite rewrite = {.bundle = bundle.path, .host = bundle.host};
    int r = rewrite_bundle(&rewrite, &err);
    char *text = oci_bundle_read(&bundle, "config.json", &len);
    assert_non_null(text);
    char *output = without_host(text, bundle.host);
    compare(name, input, output, err.text);
    assert_int_equal(r, err.code);
    /* The original is kept, and only where something has changed. */
    char *kept = oci_bundle_read(&bundle, "config.json.hythe", &len);
    if (strcmp(input, text) == 0) {
        assert_null(kept);
    } else {
        assert_string_equal(kept, input);
    }
    free(kept);
    free(output);
    free(text);
    free(input);
    oci_bundle_close(&bundle);
}

static void every_case_comes_out_as_it_stands_there(void **state)
{
    (void)state;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    int cases = 0;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char *ending = strstr(entries[i]->d_name, ".json");
        if (ending != NULL) {
            *ending = '\0';
            check_case(entries[i]->d_name);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(cases > 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_comes_out_as_it_stands_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
