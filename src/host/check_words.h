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

/* Write the command that runs the module. */
void write_command(FILE *out, const struct dialect_report *report, const char *path);

/* Write the paragraph of check_explain_unrunnable. */
void write_problem(FILE *out, const struct dialect_report *report, const char *invoke);

/* The dialects of a report, as titles or as keys for machines. Gives their number. */
unsigned dialect_names(const struct dialect_report *report, bool as_keys,
                       const char *ret_names[DIALECT_KEYS_MAX]);

const char *role_words(enum dialect_role role);
const char *role_key(enum dialect_role role);
const char *entry_key(enum dialect_entry entry);

#endif
