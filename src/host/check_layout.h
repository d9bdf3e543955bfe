/* How the report for people is laid out: a label, then words in lines of one width. Internal to
 * check*.c. */
#ifndef HYTHE_HOST_CHECK_LAYOUT_H
#define HYTHE_HOST_CHECK_LAYOUT_H

#include <stdio.h>

enum { LABEL_WIDTH = 12, TITLE_WIDTH = 24 };

void write_label(FILE *out, const char *label);

/* Columns filled with words: a word that does not fit begins the next line. */
struct columns {
    FILE *out;
    int indent;
    int at;
};

/* Columns behind a label, and behind a title and a number. */
struct columns columns_at_label(FILE *out);
struct columns columns_at_title(FILE *out);

/* Begin the next word of `len` bytes behind the separator `between`. */
void begin_word(struct columns *columns, const char *between, int len);

/* How long a name that a module chose may become, as a word. */
int shown_len(const char *name);

/* Write a sentence whose first line is already indented. */
void write_wrapped(FILE *out, const char *text, int indent);

#endif
