/* For tests that sweep over allocations (alloc_sweep.h) and read TOML meanwhile: the crate that
 * reads it ends the process without memory, so only what its visitors allocate fails.
 *
 * There is nothing to call: the test's first comment names hythe_toml_read among its " * Wraps: ". */
#ifndef HYTHE_TESTS_LIB_TOML_SWEEP_H
#define HYTHE_TESTS_LIB_TOML_SWEEP_H

#include "config/toml.h"

/* Where the linker sends the calls. */
int32_t __wrap_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env);

#endif
