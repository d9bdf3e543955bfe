/* wasi:clocks 0.2. */
#ifndef HYTHE_IMPORTS_WASI_CLOCKS_CLOCKS_H
#define HYTHE_IMPORTS_WASI_CLOCKS_CLOCKS_H

#include "imports/component.h"

extern const struct component_interface wasi_clocks_monotonic_clock; /* monotonic_clock.c */
extern const struct component_interface wasi_clocks_wall_clock;      /* wall_clock.c */

#endif
