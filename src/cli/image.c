/* hythe image build|inspect: images for container engines, made and looked at without one. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/module.h"
#include "config/image_options.h"
#include "hythe.h"
#include "oci/build.h"
#include "oci/inspect.h"

enum { EXIT_CODE_CANNOT_RUN = 126 };

/* -- build ------------------------------------------------------------------------------------ */

static int fail(const struct error *err)
{
    log_line("%s", err->text);
    return err->exit != 0 ? err->exit : EXIT_CODE_FAILED;
}

static int build(const struct image_options *options)
{
    struct build_result result;
    struct error err = {0};
    if (build_image(options, &result, &err) < 0) {
        return fail(&err);
    }
    (void)printf("%s\n%s, %llu bytes, in %s\n", result.name, result.digest,
                 (unsigned long long)result.size, options->output);
    return cli_flush();
}

/* -- inspect ---------------------------------------------------------------------------------- */

/* What is looked at, and what hythe would run of it. */
struct inspection {
    struct layout *layout; /* owned */
    struct images images;
    struct program *program;  /* owned; NULL when hythe can run none */
    struct error why_not;     /* then */
    char *check;              /* owned: what hythe_check says of the module; NULL if it fails */
    hythe_error *check_error; /* owned: then */
    struct cli_module module; /* borrows the program */
};

static int look(struct inspection *inspection, const char *name, bool is_json, struct error *err)
{
    const char *tag = NULL;
    int r = program_open_layout(name, &inspection->layout, &tag, err);
    if (r == 0) {
        r = images_read(inspection->layout, &inspection->images, err);
    }
    if (r == 0) {
        r = inspect_verify(inspection->layout, &inspection->images, err);
    }
    if (r < 0 || program_choose(inspection->layout, &inspection->images, tag, &inspection->program,
                                &inspection->why_not) < 0) {
        return r;
    }
    inspection->module = (struct cli_module){name, inspection->program->path, inspection->program};
    char *text = NULL;
    if (hythe_check(inspection->program->path, is_json, &text, &inspection->check_error) >= 0) {
        inspection->check = cli_module_renamed(&inspection->module, text, is_json);
        free(text);
    }
    return 0;
}

static int print_json(const struct inspection *inspection)
{
    char *text = NULL;
    if (inspect_json(inspection->layout, &inspection->images, inspection->program,
                     inspection->check, &text) < 0) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    (void)printf("%s\n", text);
    free(text);
    return cli_flush();
}

static int print_text(struct inspection *inspection)
{
    char *text = NULL;
    char *chosen = NULL;
    int r = inspect_text(inspection->layout, &inspection->images, &text);
    if (r == 0 && inspection->program != NULL) {
        r = inspect_program_text(inspection->program, &chosen);
    }
    if (r < 0) {
        free(text);
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    (void)fputs(text, stdout);
    if (chosen != NULL) {
        (void)printf("\nhythe takes %s\n%s", chosen,
                     inspection->check != NULL ? inspection->check : "");
    }
    free(text);
    free(chosen);
    int flushed = cli_flush();
    if (inspection->program == NULL) {
        log_line("hythe cannot run it: %s", inspection->why_not.text);
    } else if (inspection->check_error != NULL) {
        (void)cli_module_fail(&inspection->module, /* option */ NULL, inspection->check_error);
        inspection->check_error = NULL;
    }
    return flushed;
}

static int inspect(const struct image_options *options)
{
    struct inspection *inspection = calloc(1, sizeof *inspection);
    struct error err = {0};
    if (inspection == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    int exit_code = 0;
    if (look(inspection, options->operand, options->json, &err) < 0) {
        err.exit = err.exit != 0 ? err.exit : EXIT_CODE_CANNOT_RUN;
        exit_code = fail(&err);
    } else {
        exit_code = options->json ? print_json(inspection) : print_text(inspection);
    }
    free(inspection->check);
    hythe_error_free(inspection->check_error);
    program_free(inspection->program);
    images_done(&inspection->images);
    layout_close(inspection->layout);
    free(inspection);
    return exit_code;
}

int cli_image(int argc, char **argv)
{
    struct image_options options;
    struct error err = {0};
    int r = image_options_parse(argc, argv, &options, &err);
    int exit_code = 0;
    if (r < 0) {
        exit_code = cli_fail_usage(&err);
    } else if (r == COMMAND_LINE_HELP) {
        exit_code = cli_command_help("image");
    } else {
        exit_code = options.verb == IMAGE_BUILD ? build(&options) : inspect(&options);
    }
    image_options_done(&options);
    return exit_code;
}
