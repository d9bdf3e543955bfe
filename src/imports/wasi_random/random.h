/* wasi:random 0.2. The insecure kinds are of the same quality as the secure one: it costs little. */
#ifndef HYTHE_IMPORTS_WASI_RANDOM_RANDOM_H
#define HYTHE_IMPORTS_WASI_RANDOM_RANDOM_H

#include "imports/component.h"

enum { WASI_RANDOM_MAX = 1 << 20 /* bytes in one call, for which all others wait */ };

extern const struct component_interface wasi_random; /* random.c, as all */
extern const struct component_interface wasi_random_insecure;
extern const struct component_interface wasi_random_insecure_seed;

#endif
