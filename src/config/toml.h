/* TOML as a tree of values that know where they stand in the text. Reading it is the crate's
 * (src/engine/rust/src/toml.rs), since Debian has no maintained TOML library for C. */
#ifndef HYTHE_CONFIG_TOML_H
#define HYTHE_CONFIG_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/serve.h"

enum toml_type {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_DATETIME,
    TOML_ERROR, /* only between the crate and toml.c */
};

/* One value. What a table or an array holds is a list in the order of the text. */
struct toml_value {
    enum toml_type type;
    struct serve_place place;
    struct serve_place key_place;
    const char *key;  /* NULL in an array; owned with the value */
    const char *text; /* as written: the string, the number in decimal, "true"; owned, too */
    struct toml_value *first; /* owned */
    struct toml_value *last;  /* borrowed: the last behind `first` */
    struct toml_value *next;  /* owned by the table or array */
    uint32_t count;
};

/* Told of something wrong in the text. */
typedef void toml_error_fn(void *env, struct serve_place place, const char *message);

/* Read a text. 0; -EINVAL after one or more calls of `on_error`; -ENOMEM. Texts of more than 1 MiB or
 * 100,000 values and such that nest deeper than 24 levels are wrong. Release `ret_root`, a table,
 * with toml_free. */
int toml_parse(const char *text, size_t len, toml_error_fn *on_error, void *env,
               struct toml_value **ret_root);

/* Make a value outside of any text, for what a command line says; place and key are empty. NULL
 * without memory. */
struct toml_value *toml_new_text(enum toml_type type, const char *text);

void toml_free(struct toml_value *value);

/* The value of that key in a table; NULL when it has none, or is none. */
const struct toml_value *toml_get(const struct toml_value *table, const char *key);

/* What a value is, with its article: "a string". */
const char *toml_type_name(enum toml_type type);

/* -- the crate's side ---------------------------------------------------------------------------- */

/* One value on its way; the comments are beside the Rust struct. */
struct toml_item {
    uint32_t type; /* enum toml_type */
    uint32_t depth;
    uint32_t line;
    uint32_t column;
    uint32_t key_line;
    uint32_t key_column;
    const char *key;
    size_t key_len;
    const char *text;
    size_t text_len;
};

typedef bool toml_visit_fn(void *env, const struct toml_item *item);

int32_t hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env);

#endif
