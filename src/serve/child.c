/* Processes of the master's. See child.h.
 *
 * A forked process has the master's descriptors, among them its epoll set, which both would share:
 * all but those it needs are closed, and nothing of the master's loop is touched. */
#include "serve/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"

enum { MESSAGES_A_TURN = 64 }; /* one that never stops talking keeps nobody from the others */

static void on_control(struct loop_io *io, unsigned events);
static void on_exit_of_child(struct loop_child *watch, int status);

/* -- in the child ----------------------------------------------------------------------------- */

static int compare_fds(const void *a, const void *b)
{
    const int *left = a;
    const int *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* Close all but 0 to 2 and those. */
static void keep_only(int *fds, uint32_t count)
{
    int next = 3;
    qsort(fds, count, sizeof *fds, compare_fds);
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] > next) {
            (void)close_range((unsigned)next, (unsigned)fds[i] - 1, 0); /* kernel 5.9 has it */
        }
        next = fds[i] >= next ? fds[i] + 1 : next;
    }
    (void)close_range((unsigned)next, ~0U, 0);
}

void child_follow_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* cannot fail for a valid signal */
}

static void set_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGQUIT};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;
    /* A terminal sends its signals to all; what they mean is for the master to say. */
    for (size_t i = 0; i < ARRAY_COUNT(ignored); i++) {
        (void)sigaction(ignored[i], &ignore, NULL); /* the numbers are valid */
    }
    (void)sigemptyset(&none); /* cannot fail on an own set */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const struct child_options *options, int control_fd, pid_t parent)
{
    int keep[CHILD_KEEP_MAX + 1];
    assert(options->keep_count <= CHILD_KEEP_MAX);
    if (options->keep_count > 0) {
        memcpy(keep, options->keep, options->keep_count * sizeof *keep);
    }
    keep[options->keep_count] = control_fd;
    keep_only(keep, options->keep_count + 1);
    child_follow_parent();
    if (getppid() != parent) {
        return 1; /* the master ended meanwhile */
    }
    set_signals();
    return options->run(options->context, control_fd);
}

/* -- in the master ---------------------------------------------------------------------------- */

static void close_control(struct child *child)
{
    if (child->control.loop != NULL) {
        int fd = child->control.fd;
        loop_io_stop(&child->control);
        (void)close(fd); /* the other end has gone, or will see it */
    }
}

int child_start(struct child *child, struct loop *loop, const struct child_options *options)
{
    int pair[2];
    pid_t parent = getpid();
    int r = control_pair(pair);
    if (r < 0) {
        return r;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(become(options, pair[1], parent));
    }
    r = pid < 0 ? -errno : 0;
    (void)close(pair[1]); /* the child's end */
    if (r < 0) {
        (void)close(pair[0]); /* nobody listens to it */
        return r;
    }
    child->loop = loop;
    child->pid = pid;
    child->on_message = options->on_message;
    child->on_end = options->on_end;
    child->started_ns = loop_clock_ns();
    r = loop_io_start_level(loop, &child->control, pair[0], LOOP_READ, on_control);
    if (r < 0) {
        (void)close(pair[0]); /* nobody listens to it */
    }
    if (r == 0) {
        r = loop_child_start(loop, &child->watch, pid, on_exit_of_child);
    }
    if (r < 0) {
        child_kill(child);
    }
    return r;
}

int child_adopt(struct child *child, struct loop *loop, pid_t pid,
                void (*on_end)(struct child *child, int status))
{
    child->loop = loop;
    child->on_end = on_end;
    child->started_ns = loop_clock_ns();
    int r = loop_child_start(loop, &child->watch, pid, on_exit_of_child);
    child->pid = r == 0 ? pid : 0;
    return r;
}

/* Read some. 0 when nothing more will come. */
static int read_messages(struct child *child, uint32_t max)
{
    struct control_message message;
    int r = 1;
    for (uint32_t i = 0; r > 0 && i < max && child->control.loop != NULL; i++) {
        r = control_receive(child->control.fd, &message);
        if (r > 0) {
            child->on_message(child, &message);
        }
    }
    return r > 0 || r == -EAGAIN ? 1 : 0;
}

static void on_control(struct loop_io *io, unsigned events)
{
    struct child *child = container_of(io, struct child, control);
    (void)events;
    if (read_messages(child, MESSAGES_A_TURN) == 0) {
        close_control(child);
    }
}

static void on_exit_of_child(struct loop_child *watch, int status)
{
    struct child *child = container_of(watch, struct child, watch);
    (void)read_messages(child, UINT32_MAX); /* what it said last */
    close_control(child);
    child->pid = 0;
    child->on_end(child, status);
}

int child_send(struct child *child, enum control_kind kind, int passed_fd)
{
    if (child->control.loop == NULL) {
        return -ENOTCONN;
    }
    return control_send(child->control.fd, kind, /* number */ 0, /* text */ NULL, passed_fd);
}

void child_signal(const struct child *child, int signo)
{
    if (child->pid > 0) {
        (void)kill(child->pid, signo); /* not reaped yet: it exists */
    }
}

void child_kill(struct child *child)
{
    loop_child_stop(&child->watch);
    close_control(child);
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL); /* not reaped yet: it exists */
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        child->pid = 0;
    }
}

const char *child_status_text(int status, char text[32])
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, 32, "signal %d", WTERMSIG(status));
    } else {
        (void)snprintf(text, 32, "exit code %d", WEXITSTATUS(status));
    }
    return text;
}
