/* The kinds of values a key may have, and how each is read (serve_read_fn). */
#ifndef HYTHE_CONFIG_SERVE_VALUES_H
#define HYTHE_CONFIG_SERVE_VALUES_H

#include "config/serve_keys.h"

enum { SERVE_QUOTE_MAX = 64 };

/* A value's text for an error: cut, and without control characters. */
const char *serve_quote(const char *text, char quoted[SERVE_QUOTE_MAX]);

/* Replace an owned string. 0 or -ENOMEM. */
int serve_set_text(char **field, const char *text);

/* Append a zeroed item to an array. NULL without memory. */
void *serve_grow(void **items, uint32_t *count, size_t size);

/* Put the folder of the file before a relative path. NULL without memory; the caller frees it. */
char *serve_path(const struct serve_reader *reader, const char *path);

/* The value's string, or NULL after refusing it. */
const char *serve_string(struct serve_reader *reader, const struct serve_key *key,
                         const struct toml_value *value);

/* As serve_string, for one that is not empty. */
const char *serve_some_string(struct serve_reader *reader, const struct serve_key *key,
                              const struct toml_value *value);

/* Tell whether a text is free of control characters. */
bool serve_is_printable(const char *text);

/* Tell whether values are words of a command line: strings, whatever the key takes. */
bool serve_is_from_command_line(const struct serve_reader *reader);

/* Set a pair, replacing one of that name. 0 or -ENOMEM. */
int serve_pairs_set(struct serve_pairs *pairs, const char *name, const char *value);
int serve_pairs_add(struct serve_pairs *pairs, const char *name, const char *value);

/* Append a directory. 0 or -ENOMEM. */
int serve_dirs_add(struct serve_guest *guest, const char *host, const char *guest_name,
                   bool is_read_only);

/* Remove all directories. */
void serve_dirs_clear(struct serve_guest *guest);

serve_read_fn serve_read_text;    /* char *, not empty, printable */
serve_read_fn serve_read_any;     /* char *, may be empty */
serve_read_fn serve_read_path;    /* char *, anchored */
serve_read_fn serve_read_flag;    /* bool */
serve_read_fn serve_read_no_flag; /* bool, turned around */
serve_read_fn serve_read_u32;
serve_read_fn serve_read_u16;
serve_read_fn serve_read_size;      /* uint64_t, bytes */
serve_read_fn serve_read_size32;    /* uint32_t, bytes */
serve_read_fn serve_read_time;      /* uint64_t, nanoseconds */
serve_read_fn serve_read_seconds;   /* uint32_t, rounded up */
serve_read_fn serve_read_choice;    /* an enum */
serve_read_fn serve_read_list;      /* struct strings, no empty ones */
serve_read_fn serve_read_args;      /* struct strings */
serve_read_fn serve_read_dirs;      /* struct serve_guest */
serve_read_fn serve_read_env;       /* struct serve_pairs */
serve_read_fn serve_read_variables; /* likewise, and nothing is inherited from the environment */
serve_read_fn serve_read_headers;   /* struct serve_pairs */
serve_read_fn serve_read_mode;      /* uint32_t, octal */

#endif
