/* Command lines, read from tables: one row per option drives parsing, the help text, the nearest
 * name for a mistyped one, and the check that the manual is complete. */
#ifndef HYTHE_CONFIG_COMMAND_LINE_H
#define HYTHE_CONFIG_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Read an option's value into its field; `value` is NULL for an option without one. 0 or a
 * negative errno, with the reason in `err` when it is not plain lack of memory. */
typedef int option_parse_fn(const char *value, void *field, struct error *err);

struct option {
    const char *name;        /* long name without its dashes */
    const char *alias;       /* a second long name, or NULL */
    char letter;             /* short name, or 0 */
    const char *placeholder; /* stands for its value in help; NULL: it takes none */
    bool is_repeatable;
    const char *section; /* heading in help; rows of a section stand together */
    const char *help;    /* one or more sentences */
    option_parse_fn *parse;
    const char *key; /* what it sets of a file; "": its value says that; NULL: nothing */
    size_t field;    /* offset in the command's struct */
};

struct command {
    const char *name;
    const char *operands; /* behind the options in the usage line */
    const char *summary;  /* one line without a full stop */
    const char *about;    /* a paragraph for help */
    const char *examples; /* lines, each with its line end */
    const struct option *options;
    size_t option_count;
    int operand_min;
    int operand_max;     /* INT_MAX for any number */
    bool is_guest_after; /* what follows the first operand belongs to the guest */
};

enum { COMMAND_LINE_HELP = 1 };

/* The words that are no options; borrowed from argv. */
struct operands {
    char **items;
    int count;
};

/* Read the options into `fields`, the command's struct; argv[0] is the command's own name. Options
 * may stand between operands, but not where these are a guest's; argv is reordered for that. 0;
 * COMMAND_LINE_HELP when the line asks for help; or a negative errno and `err` with exit code 2. */
int command_line_parse(const struct command *command, int argc, char **argv, void *fields,
                       struct operands *ret_operands, struct error *err);

/* Write the command's help. */
void command_line_help(const struct command *command, FILE *out);

/* The name among `count` that somebody who typed `typed` most likely meant, or NULL. */
const char *command_line_nearest(const char *typed, const char *const *names, size_t count);

#endif
