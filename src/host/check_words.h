/* The sentences and names that text and JSON share. Internal to check*.c. */
#ifndef HYTHE_HOST_CHECK_WORDS_H
#define HYTHE_HOST_CHECK_WORDS_H

#include <stdio.h>

#include "base/buffer.h"
#include "imports/dialect.h"

enum { DIALECT_KEYS_MAX = SOURCE_COUNT + 4 };

/* Sentences are written to a stream in memory, whose one error is asked for at the end. */
struct memory_stream {
    FILE *out;
    char *text; /* owned, valid once closed */
    size_t len;
};

int memory_stream_open(struct memory_stream *stream);

/* Append what was written to `out`. 0, -ENOMEM or -EMSGSIZE. */
int memory_stream_close(struct memory_stream *stream, struct buffer *out);

/* Write a name that a module chose. */
void write_name(FILE *out, const char *name);

/* Write a function, with its type if wanted. */
void write_function(FILE *out, const struct module_import *import, bool with_type);

/* For `hythe check`: any way to start it will do. */
extern const struct dialect_start check_any_start;

/* The ways in which a module that can run may be started, the first one first. Gives their number. */
enum { CHECK_STARTS_MAX = 2 };
unsigned check_starts(const struct dialect_report *report,
                      struct dialect_start ret_starts[CHECK_STARTS_MAX]);

/* Write the command that starts the module so. */
void write_command(FILE *out, const struct dialect_report *report, const char *path,
                   const struct dialect_start *start);

/* Write the paragraph of check_explain_unrunnable. */
void write_problem(FILE *out, const struct dialect_report *report, const char *path,
                   const struct dialect_start *start);

/* Says that imports have other types than hythe's; ": " and the engine's words for it follow. */
extern const char types_problem[];

/* Write the lines that are a component's own: releases, kind, exports, imports. */
void write_component(FILE *out, const struct dialect_report *report);

/* What a component can do, as words or as keys for machines. Gives their number. */
enum { CHECK_ABILITIES_MAX = 8 };
unsigned ability_names(unsigned abilities, bool as_keys,
                       const char *ret_names[CHECK_ABILITIES_MAX]);

/* The dialects of a report, as titles or as keys for machines. Gives their number. */
unsigned dialect_names(const struct dialect_report *report, bool as_keys,
                       const char *ret_names[DIALECT_KEYS_MAX]);

const char *role_words(enum dialect_role role);
const char *role_key(enum dialect_role role);
const char *entry_key(enum dialect_entry entry);

#endif
