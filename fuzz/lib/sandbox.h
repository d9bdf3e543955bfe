/* A directory for a fuzzed guest, and the means to see that nothing around it was touched. */
#ifndef HYTHE_FUZZ_LIB_SANDBOX_H
#define HYTHE_FUZZ_LIB_SANDBOX_H

/* Make it, below /tmp: `inside` is what the guest gets, with a file, a directory, and links that
 * lead out in every way; beside it lies what no guest may see or change. Call once. */
void sandbox_make(void);

/* The path of `inside`, without links in it. */
const char *sandbox_inside(void);

/* Put `inside` back into its first state, and abort when anything beside it has changed. */
void sandbox_reset(void);

/* Abort unless `fd` lies inside. */
void sandbox_check(int fd);

#endif
