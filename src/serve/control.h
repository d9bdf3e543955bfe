/* What the master and its processes say to each other: short messages on a pair of sockets. */
#ifndef HYTHE_SERVE_CONTROL_H
#define HYTHE_SERVE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

enum { CONTROL_TEXT_MAX = 4096 };

enum control_kind {
    /* to the master */
    CONTROL_ROUTE = 1, /* the loader: the name of the next route */
    CONTROL_LINE,      /* the loader: a line of a guest's */
    CONTROL_READY,     /* all is loaded; the text says how the process is confined */
    CONTROL_FAILED,    /* it cannot be; `number` is the exit code, the text the reason */
    CONTROL_CLOSED,    /* the worker accepts no more */
    /* to a worker */
    CONTROL_GO,  /* accept */
    CONTROL_LOG, /* write the access log to this descriptor from now on */
};

struct control_message {
    enum control_kind kind;
    int number;
    int fd; /* owned by the receiver; -1: none */
    size_t text_len;
    char text[CONTROL_TEXT_MAX + 1]; /* with a NUL */
};

/* Make a pair. 0 or a negative errno. */
int control_pair(int ret_fds[2]);

/* Send; waits while the other end has too much to read. `passed_fd` stays the caller's, -1: none. A
 * text that is too long is cut. 0 or a negative errno. */
int control_send(int fd, enum control_kind kind, int number, const char *text, int passed_fd);

/* Receive without waiting. 1; 0 when the other end has gone; -EAGAIN when there is none; or another
 * negative errno. */
int control_receive(int fd, struct control_message *ret_message);

#endif
