/* The keys of a configuration file: one row per key drives reading, errors, the nearest name for a
 * mistyped one, serve_config_set, and the check that hythe.toml(5) is complete. */
#ifndef HYTHE_CONFIG_SERVE_KEYS_H
#define HYTHE_CONFIG_SERVE_KEYS_H

#include <stddef.h>

#include "base/buffer.h"
#include "config/serve.h"
#include "config/toml.h"

/* A configuration being filled. */
struct serve_reader {
    struct serve_config *config;
    const char *file;    /* named in errors, anchors relative paths; NULL: the command line */
    struct buffer lines; /* what is wrong, one line each */
    uint32_t wrong_count;
};

struct serve_key;

/* Read a value into its field. 0; -EINVAL after serve_refuse; -ENOMEM. Values of a command line are
 * strings, whatever the key takes, and lists are added to. */
typedef int serve_read_fn(struct serve_reader *reader, const struct serve_key *key,
                          const struct toml_value *value, void *field);

struct serve_key {
    const char *name; /* "header" */
    const char *path; /* "timeouts.header" */
    serve_read_fn *read;
    size_t field; /* offset in the table's struct */
    uint64_t min; /* of numbers, sizes and, in nanoseconds, times */
    uint64_t max;
    const char *const *choices; /* of serve_read_choice: the names of an enum, NULL behind them */
};

/* Read one table of a list of tables. */
typedef int serve_item_fn(struct serve_reader *reader, const struct toml_value *item);

struct serve_table {
    const char *name; /* "" is the file's top, "tls.certificates" is within tls */
    const struct serve_key *keys;
    size_t key_count;
    size_t field;             /* where its struct is in the configuration; not of lists */
    serve_item_fn *read_item; /* of a list of tables, or NULL */
};

enum serve_table_id {
    SERVE_TABLE_TOP,
    SERVE_TABLE_LISTENER,
    SERVE_TABLE_TLS,
    SERVE_TABLE_CERTIFICATES,
    SERVE_TABLE_TIMEOUTS,
    SERVE_TABLE_LIMITS,
    SERVE_TABLE_LOG,
    SERVE_TABLE_CACHE,
    SERVE_TABLE_GUEST,
    SERVE_TABLE_ROUTE,
    SERVE_TABLE_MODULE,
    SERVE_TABLE_COUNT,
};

const struct serve_table *serve_table(enum serve_table_id id);

/* The table of that name, or NULL. */
const struct serve_table *serve_table_find(const char *name);

/* The row of that name, or NULL. */
const struct serve_key *serve_key_find(const struct serve_table *table, const char *name);

/* Note what is wrong. -EINVAL, or -ENOMEM when there is no memory even for that. */
int serve_refuse(struct serve_reader *reader, struct serve_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Turn what was noted into an error, and release it. `r` is the result so far; -EINVAL if anything
 * was noted. */
int serve_reader_end(struct serve_reader *reader, int r, struct error *err);

/* Where the keys of a table go. */
struct serve_target {
    const struct serve_table *table;
    void *base;
    const struct serve_table *more; /* a second table whose keys may stand here, or NULL */
    void *more_base;
    uint64_t *more_given; /* bits of those that do */
};

/* Read a table's values, and refuse unknown keys; tables within it that serve_table knows are left
 * out. 0 or -ENOMEM; the rest is noted. */
int serve_read_keys(struct serve_reader *reader, const struct serve_target *target,
                    const struct toml_value *table);

/* Refuse a key that no row has. As serve_refuse. */
int serve_refuse_key(struct serve_reader *reader, const struct serve_target *target,
                     const struct toml_value *value);

/* Read a whole text. */
int serve_read_root(struct serve_reader *reader, const struct toml_value *root);

serve_item_fn serve_read_listener;
serve_item_fn serve_read_certificate;
serve_item_fn serve_read_route;
serve_item_fn serve_read_module; /* of WAGI */

#endif
