/* wasi:keyvalue 0.2.0-draft, in memory: the store of guest->keyvalue, of which there is one bucket, "" or
 * "default". What it holds is gone with the process, and each worker process has its own. */
#ifndef HYTHE_IMPORTS_WASI_KEYVALUE_KEYVALUE_H
#define HYTHE_IMPORTS_WASI_KEYVALUE_KEYVALUE_H

#include "imports/component.h"

struct keyvalue;

extern const struct component_interface wasi_keyvalue_store;   /* bucket.c */
extern const struct component_interface wasi_keyvalue_atomics; /* bucket.c */
extern const struct component_interface wasi_keyvalue_batch;   /* batch.c */

/* For the files of this folder. */

/* The store behind the bucket that argument 0 names. */
struct keyvalue *keyvalue_of(const struct component_call *call);

/* Answer with the error other, and why: `why` is constant. */
int32_t keyvalue_other(struct component_call *call, const char *why);

/* Answer with result<_, error> for what keyvalue_set gave. */
int32_t keyvalue_answer(struct component_call *call, int r);

#endif
