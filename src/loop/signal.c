/* Signals through a signalfd, and child exits through pidfds. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "loop/internal.h"
#include "loop/loop.h"

static void deliver(struct loop *loop, int signo)
{
    struct list now;
    list_take_all(&now, &loop->signals);
    while (!list_empty(&now)) {
        struct loop_signal *signal = container_of(now.next, struct loop_signal, node);
        list_remove(&signal->node);
        list_append(&loop->signals, &signal->node);
        if (signal->signo == signo) {
            signal->on_signal(signal);
        }
    }
}

/* What a failed read leaves there has no edge of its own any more, so it is tried once again. */
static void on_signal_fd(struct loop_io *io, unsigned events)
{
    (void)events;
    struct loop *loop = container_of(io, struct loop, signal_io);
    struct signalfd_siginfo info;
    for (int failures = 0; io->loop != NULL && failures < 2;) {
        ssize_t n = read(io->fd, &info, sizeof info);
        if (n == (ssize_t)sizeof info) {
            deliver(loop, (int)info.ssi_signo);
        } else if (n < 0 && errno == EAGAIN) {
            return;
        } else {
            failures++;
        }
    }
}

static int watch_set(struct loop *loop)
{
    int fd = signalfd(loop->signal_fd, &loop->signal_set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    if (loop->signal_fd >= 0) {
        return 0;
    }
    loop->signal_fd = fd;
    return loop_io_start(loop, &loop->signal_io, fd, on_signal_fd);
}

int loop_signal_start(struct loop *loop, struct loop_signal *signal, int signo,
                      loop_signal_fn *on_signal)
{
    sigset_t one;
    (void)sigemptyset(&one); /* cannot fail on an own set */
    if (sigaddset(&one, signo) < 0 || sigaddset(&loop->signal_set, signo) < 0) {
        return -EINVAL;
    }
    int r = -pthread_sigmask(SIG_BLOCK, &one, NULL);
    if (r < 0) {
        return r;
    }
    r = watch_set(loop);
    if (r < 0) {
        return r;
    }
    signal->loop = loop;
    signal->signo = signo;
    signal->on_signal = on_signal;
    list_append(&loop->signals, &signal->node);
    return 0;
}

static bool is_watched(struct loop *loop, int signo)
{
    for (struct list *node = loop->signals.next; node != &loop->signals; node = node->next) {
        if (container_of(node, struct loop_signal, node)->signo == signo) {
            return true;
        }
    }
    return false;
}

void loop_signal_stop(struct loop_signal *signal)
{
    struct loop *loop = signal->loop;
    if (loop == NULL) {
        return;
    }
    list_remove(&signal->node);
    signal->loop = NULL;
    if (is_watched(loop, signal->signo)) {
        return;
    }
    sigset_t one;
    (void)sigemptyset(&one); /* the next calls cannot fail: the number was good at start */
    (void)sigaddset(&one, signal->signo);
    (void)sigdelset(&loop->signal_set, signal->signo);
    (void)watch_set(loop);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    if (list_empty(&loop->signals)) {
        loop_io_stop(&loop->signal_io);
        (void)close(loop->signal_fd); /* nothing was written through it */
        loop->signal_fd = -1;
    }
}

static void on_child(struct loop_io *io, unsigned events)
{
    struct loop_child *child = container_of(io, struct loop_child, io);
    int status = 0;
    (void)events;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid) {
        return; /* not ended yet: the edge was about something else */
    }
    loop_child_stop(child);
    child->on_exit(child, status);
}

int loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid, loop_child_fn *on_exit)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return -errno;
    }
    child->pid = pid;
    child->on_exit = on_exit;
    int r = loop_io_start(loop, &child->io, fd, on_child);
    if (r < 0) {
        (void)close(fd); /* nothing was written through it */
    }
    return r;
}

void loop_child_stop(struct loop_child *child)
{
    if (child->io.loop == NULL) {
        return;
    }
    int fd = child->io.fd;
    loop_io_stop(&child->io);
    (void)close(fd); /* nothing was written through it */
}
