/* What the dialect report says, in words and as JSON, and the diagnosis of `hythe run`.
 *
 * Names in a module are chosen by whoever built it: in text they are cut and freed of everything
 * that could steer a terminal. */
#ifndef HYTHE_HOST_CHECK_H
#define HYTHE_HOST_CHECK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/span.h"
#include "imports/dialect.h"

struct module;

enum { CHECK_TEXT_MAX = 16 << 20 };

/* Describe a compiled module; it must stay as long as the report. 0 or -ENOMEM. */
int check_describe(const struct module *module, struct dialect_report *ret_report);

/* Append the report on the file `path`: lines for people, or one JSON object without a line end.
 * 0, -ENOMEM or -EMSGSIZE. */
int check_text(const struct dialect_report *report, const char *path, struct buffer *out);
int check_json(const struct dialect_report *report, const char *path, struct buffer *out);

/* Append one paragraph that says why the module at `path` cannot be started so and what to do, without
 * the path before it and without a line end; nothing when it can. As above. */
int check_explain_unrunnable(const struct dialect_report *report, const char *path,
                             const struct dialect_start *start, struct buffer *out);

/* Tell whether `hythe check` reports success: it runs, if need be with --invoke. */
bool check_is_runnable(const struct dialect_report *report);

/* The diagnosis before a start. 0, or a negative errno with the paragraph and exit code 126 in
 * `err`. */
int check_runnable(const char *path, const struct module *module, const struct dialect_start *start,
                   struct error *err);

/* The same for a component that could not be linked although hythe has all its imports: `err` has the
 * engine's words, and gets ours around them. Gives its code. */
int check_explain_link(struct error *err);

/* Describe a component, binary or text, that the engine does not compile, if its imports or exports
 * tell why. The module is the caller's, and must stay as long as the report. 0, or a negative errno
 * when they do not tell. */
int check_scan(struct span bytes, struct module **ret_module, struct dialect_report *ret_report);

/* The diagnosis of such a component: set `err` anew, with exit code 126. False, and `err` as it was,
 * when there is none. */
bool check_explain_refusal(const char *path, struct span bytes, struct error *err);

#endif
