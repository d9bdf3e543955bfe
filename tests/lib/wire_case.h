/* Wire cases as data: tests/cases/FOLDER/ *.txt, bytes in and what must come of them.
 *
 *     # a comment
 *     -- what the case is about
 *     > GET / HTTP/1.1          these bytes and CRLF
 *     >> GE                     these bytes as they are
 *     = 400                     the outcome
 *     key value                 more that is expected; which keys there are, the test says
 *
 * Escapes in bytes and values: \r \n \t \\ \xHH, and \{TEXT*COUNT} for a repetition. */
#ifndef HYTHE_TESTS_LIB_WIRE_CASE_H
#define HYTHE_TESTS_LIB_WIRE_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { WIRE_KEYS_MAX = 64 };

struct wire_key {
    char *name; /* owned */
    struct buffer value;
    bool is_used;
};

struct wire_case {
    const char *file; /* borrowed while the case runs */
    unsigned line;
    char *name; /* owned */
    struct buffer input;
    struct wire_key outcome;
    struct wire_key keys[WIRE_KEYS_MAX];
    uint32_t key_count;
};

typedef void wire_case_fn(struct wire_case *c);

/* Call `run` for every case of the folder and return how many there were. Fails the test for a file
 * that is not well-formed, and for keys that `run` has not asked for. */
unsigned wire_cases_run(const char *folder, wire_case_fn *run);

/* The next key of that name that was not taken yet, as NUL-terminated text; or NULL. */
const struct buffer *wire_case_take(struct wire_case *c, const char *name);

/* The value of a key, or what holds without it. */
struct span wire_case_text(struct wire_case *c, const char *name, const char *otherwise);
uint64_t wire_case_number(struct wire_case *c, const char *name, uint64_t otherwise);
bool wire_case_yes(struct wire_case *c, const char *name, bool otherwise);

/* Fail with the case's place and name unless it `holds`; or unless both are the same. */
void wire_check(const struct wire_case *c, bool holds, const char *what);
void wire_check_number(const struct wire_case *c, const char *what, int64_t got, int64_t expected);
void wire_check_text(const struct wire_case *c, const char *what, struct span got,
                     struct span expected);

#endif
