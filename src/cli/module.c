/* Modules of images. See module.h.
 *
 * The module of an image lies in memory and has a path of /proc, which means nothing to people: in
 * what they read the image's name stands in its place. */
#include "cli/module.h"
#include "cli/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

bool cli_module_is_name(const char *name)
{
    return text_has_ending(name, ".wasm") || text_has_ending(name, ".wat") ||
           text_has_ending(name, ".cwasm");
}

int cli_module_open(const char *name, bool is_image, struct cli_module *ret_module)
{
    struct cli_module module = {.name = name, .path = name};
    struct error err = {0};
    if (!is_image && !program_is_image(name)) {
        *ret_module = module;
        return 0;
    }
    if (program_open(name, &module.program, &err) < 0) {
        log_line("%s", err.text);
        return err.exit != 0 ? err.exit : EXIT_CODE_FAILED;
    }
    module.path = module.program->path;
    *ret_module = module;
    return 0;
}

void cli_module_close(struct cli_module *module)
{
    program_free(module->program);
    *module = (struct cli_module){0};
}

/* Does a shell take the name as one word, as it is? */
static bool is_plain_word(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("_-./:=,@%+", *p) == NULL) {
            return false;
        }
    }
    return true;
}

/* Write the name for a shell: between quotes, where it needs them. */
static void write_word(FILE *out, const char *name)
{
    if (is_plain_word(name)) {
        (void)fputs(name, out);
        return;
    }
    (void)fputc('\'', out);
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '\'') {
            (void)fputs("'\\''", out);
        } else {
            (void)fputc((unsigned char)*p < ' ' ? '?' : *p, out);
        }
    }
    (void)fputc('\'', out);
}

static void write_json(FILE *out, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ') {
            (void)fprintf(out, "\\u%04x", (unsigned)*p);
        } else if (*p == '"' || *p == '\\') {
            (void)fprintf(out, "\\%c", *p);
        } else {
            (void)fputc(*p, out);
        }
    }
}

char *cli_module_renamed(const struct cli_module *module, const char *text, bool is_json)
{
    char *result = NULL;
    size_t result_len = 0;
    if (module->program == NULL) {
        return strdup(text);
    }
    FILE *out = open_memstream(&result, &result_len);
    if (out == NULL) {
        return NULL;
    }
    size_t path_len = strlen(module->path);
    const char *found = strstr(text, module->path);
    while (found != NULL) {
        (void)fwrite(text, 1, (size_t)(found - text), out);
        text = found + path_len;
        if (isdigit((unsigned char)*text)) {
            (void)fputs(module->path, out); /* a longer number: another descriptor's */
        } else if (is_json) {
            write_json(out, module->name);
        } else {
            write_word(out, module->name);
        }
        found = strstr(text, module->path);
    }
    (void)fputs(text, out);
    return fclose(out) == 0 ? result : NULL;
}

int cli_module_fail(const struct cli_module *module, const char *option, hythe_error *error)
{
    if (module->program == NULL) {
        return cli_fail(option, error);
    }
    int exit_code = hythe_error_exit(error);
    char *text = cli_module_renamed(module, hythe_error_text(error), /* is_json */ false);
    const char *words = text != NULL ? text : hythe_error_text(error);
    if (option != NULL) {
        log_line("option --%s: %s", option, words);
    } else {
        log_line("%s", words);
    }
    free(text);
    hythe_error_free(error);
    return exit_code;
}
