/* The host's texts as a component's strings. Those must be UTF-8, which arguments, variables and
 * settings need not be: what is not becomes U+FFFD. */
#ifndef HYTHE_IMPORTS_WASI_CLI_TEXTS_H
#define HYTHE_IMPORTS_WASI_CLI_TEXTS_H

#include <stdbool.h>

#include "imports/component.h"

/* Texts, one after another. `next` gives false behind the last; the caller begins anew with a copy. */
struct texts {
    bool (*next)(struct texts *texts, struct span *ret_text);
    const void *at;
    size_t left; /* bytes or items, as `next` counts */
};

/* Texts that stand NUL-terminated in a row, and those of a list. */
struct buffer;
struct strings;
struct texts texts_of_buffer(const struct buffer *buffer);
struct texts texts_of_strings(const struct strings *strings);

/* Cut "name=value" in two: without "=", all is the name. */
void text_split(struct span text, struct span *ret_name, struct span *ret_value);

/* Answer in results[slot] with one string, with a list<string>, or with a list<tuple<string, string>>
 * of "name=value". What is UTF-8 is borrowed as it is, and must last until the guest's next call. 0, or
 * CALL_TRAP without memory. */
int32_t text_answer(struct component_call *call, unsigned slot, struct span text);
int32_t texts_answer(struct component_call *call, unsigned slot, struct texts texts, bool as_pairs);

#endif
