/* The sub-commands of the program: one function per file, each gets its own words (argv[0] is its
 * name) and gives the exit code. They use config, base and the public API, nothing else. */
#ifndef HYTHE_CLI_COMMANDS_H
#define HYTHE_CLI_COMMANDS_H

#include "base/error.h"
#include "hythe/error.h"

enum {
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_FAILED = 1,
};

int cli_run(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_compile(int argc, char **argv);
int cli_image(int argc, char **argv);
int cli_install(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_help(int argc, char **argv);

/* Write the overview of all commands to stdout; the exit code. */
int cli_overview(void);

/* Write the help of the command `name`, which exists, to stdout; the exit code. */
int cli_command_help(const char *name);

/* Write what is buffered for stdout; the exit code: a reader that has gone is a failure. */
int cli_flush(void);

/* Tell the operator what is wrong with the command line; the exit code. */
int cli_fail_usage(const struct error *err);

/* Tell the operator what went wrong, and in which `option` if it is not NULL, and release the
 * error; the exit code. */
int cli_fail(const char *option, hythe_error *error);

#endif
