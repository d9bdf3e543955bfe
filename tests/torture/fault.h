/* Failing allocations and system calls, on purpose and one at a time.
 *
 * The rooms' objects are linked under other names for the functions that can fail (the list is
 * `symbols`): what they call is fault_malloc, fault_socket and so on, here. Nobody else is touched:
 * the engine, libc, the sanitizers and the test itself call the real ones.
 *
 * A whole program is armed by its environment: HYTHE_FAULT=memory:N or system:N fails the N-th
 * call of that kind, and then leaves its name in a file at HYTHE_FAULT_MARK. HYTHE_FAULT_FORK=K has
 * the K-th process that the program forks count and fail in its place. What a forked process holds
 * at its end and cannot reach any more, the sanitizer tells. */
#ifndef HYTHE_TESTS_TORTURE_FAULT_H
#define HYTHE_TESTS_TORTURE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind { FAULT_NONE, FAULT_MEMORY, FAULT_SYSTEM };

/* Have the n-th call of a kind from now on fail, n from 1 on. */
void fault_arm(enum fault_kind kind, uint64_t n);

/* No more faults. Returns whether there was one. */
bool fault_disarm(void);

/* Blocks that the rooms have allocated and not released. */
int64_t fault_live_blocks(void);

/* The name of the call that failed, or "none". */
const char *fault_name(void);

#endif
