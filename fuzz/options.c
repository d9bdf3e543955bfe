/* Command lines: words separated by NUL bytes, the first byte chooses the command. Whatever comes
 * in, parsing ends with a result or with one line of words and exit code 2. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

enum { WORDS_MAX = 64, BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_result(int r, const struct error *err)
{
    if (r < 0) {
        assert(err->exit == 2);
        assert(err->text[0] != '\0');
    } else {
        assert(r == 0 || r == COMMAND_LINE_HELP);
    }
}

static void parse(uint8_t choice, int argc, char **argv)
{
    struct error err = {0};
    if (choice % 3 == 0) {
        struct run_options options;
        int r = run_options_parse(argc, argv, &options, &err);
        check_result(r, &err);
        assert(r != 0 || options.module != NULL);
        run_options_done(&options);
    } else if (choice % 3 == 1) {
        struct check_options options;
        int r = check_options_parse(argc, argv, &options, &err);
        check_result(r, &err);
        assert(r != 0 || options.module_count > 0);
    } else {
        struct compile_options options;
        int r = compile_options_parse(argc, argv, &options, &err);
        check_result(r, &err);
        assert(r != 0 || options.module != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *argv[WORDS_MAX + 1] = {0};
    char text[BYTES_MAX + 1];
    int argc = 0;
    if (len == 0 || len > BYTES_MAX) {
        return 0;
    }
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    static char name[] = "command";
    argv[argc++] = name;
    for (size_t at = 0; at < len - 1 && argc < WORDS_MAX; at += strlen(text + at) + 1) {
        argv[argc++] = text + at;
    }
    parse(data[0], argc, argv);
    const char *nearest = options_nearest_command(argc > 1 ? argv[1] : "");
    assert(nearest == NULL || options_find_command(nearest) != NULL);
    return 0;
}
