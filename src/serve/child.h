/* A process of the master's: forked, talked to, watched. */
#ifndef HYTHE_SERVE_CHILD_H
#define HYTHE_SERVE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "serve/control.h"

enum { CHILD_KEEP_MAX = 80 };

struct child;

struct child_options {
    /* What the process does; returns its exit code. `control_fd` is its end of the line. */
    int (*run)(void *context, int control_fd);
    void *context;
    const int *keep; /* descriptors beside 0 to 2 that stay open in it */
    uint32_t keep_count;
    void (*on_message)(struct child *child, struct control_message *message);
    /* It has ended; `status` is as from waitpid. All of its messages have been told. */
    void (*on_end)(struct child *child, int status);
};

struct child {
    struct loop *loop; /* borrowed */
    pid_t pid;         /* 0 while none runs */
    struct loop_child watch;
    struct loop_io control; /* on the master's end, owned */
    uint64_t started_ns;
    void (*on_message)(struct child *child, struct control_message *message);
    void (*on_end)(struct child *child, int status);
};

/* Fork. The parent must have one thread. 0 or a negative errno. */
int child_start(struct child *child, struct loop *loop, const struct child_options *options);

/* Watch a process that is a child already, of the program that was here before. 0 or a negative
 * errno. */
int child_adopt(struct child *child, struct loop *loop, pid_t pid,
                void (*on_end)(struct child *child, int status));

/* Say something to it. 0 or a negative errno. */
int child_send(struct child *child, enum control_kind kind, int passed_fd);

/* Send a signal, if it runs. */
void child_signal(const struct child *child, int signo);

/* Kill it, wait for its end, and forget it; on_end is not called. Harmless when none runs. */
void child_kill(struct child *child);

/* Words for how it ended: "exit code 3", "signal 9". `text` takes 32 bytes. Returns text. */
const char *child_status_text(int status, char text[32]);

/* In the child, after a change of its user, which has undone it: ask to be ended with the master
 * once more. */
void child_follow_parent(void);

#endif
