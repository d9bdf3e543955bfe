/* Allocations that fail: for tests that do a thing once for each allocation in it.
 *
 *     alloc_sweep_begin(n);
 *     ... what is to go without memory, and nothing of the test's own
 *     bool has_failed = alloc_sweep_end() == 0;
 *
 * The test's first comment has the line " * Wraps: malloc calloc realloc", with strdup and strndup
 * where they are to fail as well. */
#ifndef HYTHE_TESTS_LIB_ALLOC_SWEEP_H
#define HYTHE_TESTS_LIB_ALLOC_SWEEP_H

/* The `left`-th allocation from now on fails, and no other; 0: none. */
void alloc_sweep_begin(unsigned left);

/* None fails any more. Gives what is left of the number, to go on with; 0: one has failed. */
unsigned alloc_sweep_end(void);

#endif
