/* Another program in the place of this one, in the same process: its listeners, its workers and its
 * numbers go over. */
#ifndef HYTHE_SERVE_UPGRADE_H
#define HYTHE_SERVE_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "serve/board.h"
#include "serve/sockets.h"

enum { UPGRADE_PIDS_MAX = 16384, UPGRADE_PATH_MAX = 4096 };

/* What goes over. */
struct upgrade_state {
    struct board *board;     /* borrowed */
    struct sockets *sockets; /* borrowed */
    pid_t *pids;             /* owned: of processes that serve, and end when the next ones do */
    uint32_t pid_count;
};

/* Remember where the program lies, before another file takes its place. 0 or a negative errno. */
int upgrade_find_program(char path[UPGRADE_PATH_MAX]);

/* Is this process only to say whether the program can load what is configured? Forgets it. */
bool upgrade_is_check(void);

/* Become the program at `path` to do that check, with the arguments of this one. Returns only when
 * that fails, with a negative errno. */
int upgrade_check(const char *path);

/* Become the program at `path`. Returns only when that fails, with a negative errno and the reason
 * in `err`; then nothing has changed. */
int upgrade_become(const char *path, const struct upgrade_state *state, struct error *err);

/* Take over from the program before this one. 1; 0 when there was none; or a negative errno with the
 * reason in `err`. `state` has the board, which is made if none came that fits, and sockets; it is
 * given the processes. */
int upgrade_adopt(struct upgrade_state *state, struct error *err);

#endif
