/* The options of `hythe serve`. Each stands for a key of hythe.toml, so that a value is read, and
 * refused, in one place; here they are only collected. */
#ifndef HYTHE_CONFIG_SERVE_OPTIONS_H
#define HYTHE_CONFIG_SERVE_OPTIONS_H

#include "config/options.h"

enum { SERVE_OPTION_COUNT = 46 };

extern const struct option serve_option_table[SERVE_OPTION_COUNT];

struct serve_options {
    struct string_list values[SERVE_OPTION_COUNT]; /* of each row; of a flag the key's value */
    bool check;
    const char *operand; /* the module or the file */
};

/* As run_options_parse. */
int serve_options_parse(int argc, char **argv, struct serve_options *options, struct error *err);
void serve_options_done(struct serve_options *options);

/* The key that a row stands for; NULL for --set and --check. */
const char *serve_option_key(size_t row);

/* Tell whether a row's values are whole assignments: KEY=VALUE. */
bool serve_option_is_assignment(size_t row);

#endif
