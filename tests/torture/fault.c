/* See fault.h. */
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Global on purpose: there is one process to torture, and no way to hand a context to malloc. */
static enum fault_kind armed;
static uint64_t left; /* calls of that kind up to and with the one that fails */
static const char *struck = "none";
static bool has_struck;
static int64_t live_blocks;
static unsigned long forks;    /* so far */
static unsigned long aimed_at; /* the fork that is armed; 0: the program itself */

void fault_arm(enum fault_kind kind, uint64_t n)
{
    armed = kind;
    left = n;
    has_struck = false;
    struck = "none";
}

bool fault_disarm(void)
{
    armed = FAULT_NONE;
    return has_struck;
}

int64_t fault_live_blocks(void)
{
    return __atomic_load_n(&live_blocks, __ATOMIC_RELAXED);
}

const char *fault_name(void)
{
    return struck;
}

static void leave_mark(const char *name)
{
    const char *path = getenv("HYTHE_FAULT_MARK");
    if (path == NULL) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)dprintf(fd, "%s\n", name); /* without it the driver goes on for ever and says so */
        (void)close(fd);
    }
}

/* Tell whether this call is the one that fails. */
static bool strikes(enum fault_kind kind, const char *name)
{
    if (armed != kind || __atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) != 0) {
        return false;
    }
    has_struck = true;
    struck = name;
    leave_mark(name);
    return true;
}

static void arm_as_told(void)
{
    static const char *const kinds[] = {[FAULT_MEMORY] = "memory:", [FAULT_SYSTEM] = "system:"};
    const char *text = getenv("HYTHE_FAULT");
    for (int kind = FAULT_MEMORY; text != NULL && kind <= FAULT_SYSTEM; kind++) {
        size_t len = strlen(kinds[kind]);
        if (strncmp(text, kinds[kind], len) == 0) {
            fault_arm((enum fault_kind)kind, strtoull(text + len, NULL, 10));
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("HYTHE_FAULT_FORK");
    aimed_at = text != NULL ? strtoul(text, NULL, 10) : 0;
    if (aimed_at == 0) {
        arm_as_told();
    }
}

/* -- memory ----------------------------------------------------------------------------------- */

static void *counted(void *block)
{
    if (block != NULL) {
        (void)__atomic_add_fetch(&live_blocks, 1, __ATOMIC_RELAXED);
    }
    return block;
}

static bool no_memory(const char *name)
{
    if (!strikes(FAULT_MEMORY, name)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *fault_malloc(size_t len);
void *fault_malloc(size_t len)
{
    return no_memory("malloc") ? NULL : counted(malloc(len));
}

void *fault_calloc(size_t count, size_t len);
void *fault_calloc(size_t count, size_t len)
{
    return no_memory("calloc") ? NULL : counted(calloc(count, len));
}

void *fault_realloc(void *block, size_t len);
void *fault_realloc(void *block, size_t len)
{
    if (no_memory("realloc")) {
        return NULL;
    }
    return block == NULL ? counted(malloc(len)) : realloc(block, len);
}

char *fault_strdup(const char *text);
char *fault_strdup(const char *text)
{
    return no_memory("strdup") ? NULL : counted(strdup(text));
}

char *fault_strndup(const char *text, size_t len);
char *fault_strndup(const char *text, size_t len)
{
    return no_memory("strndup") ? NULL : counted(strndup(text, len));
}

int fault_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fault_asprintf(char **ret_text, const char *format, ...)
{
    if (no_memory("asprintf")) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    int len = vasprintf(ret_text, format, args);
    va_end(args);
    if (len >= 0) {
        (void)counted(*ret_text);
    }
    return len;
}

void fault_free(void *block);
void fault_free(void *block)
{
    if (block != NULL) {
        (void)__atomic_sub_fetch(&live_blocks, 1, __ATOMIC_RELAXED);
    }
    free(block);
}

/* -- system calls ----------------------------------------------------------------------------- */

static bool system_fails(const char *name, int error)
{
    if (!strikes(FAULT_SYSTEM, name)) {
        return false;
    }
    errno = error;
    return true;
}

/* Define fault_NAME: it fails as the system call would when nothing works any more. */
#define WRAP(type, name, error, params, args)                                                      \
    type fault_##name params;                                                                      \
    type fault_##name params                                                                       \
    {                                                                                              \
        return system_fails(#name, (error)) ? (type)-1 : name args;                                \
    }

WRAP(int, accept4, EMFILE, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
WRAP(int, bind, EADDRINUSE, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, clock_getres, EINVAL, (clockid_t id, struct timespec *t), (id, t))
WRAP(int, connect, ECONNREFUSED, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, dup2, EMFILE, (int from, int to), (from, to))
WRAP(int, dup3, EMFILE, (int from, int to, int flags), (from, to, flags))
WRAP(int, epoll_create1, EMFILE, (int flags), (flags))
WRAP(int, epoll_ctl, ENOSPC, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev))
WRAP(int, epoll_wait, EINTR, (int e, struct epoll_event *ev, int n, int ms), (e, ev, n, ms))
WRAP(int, epoll_pwait2, ENOSYS,
     (int e, struct epoll_event *ev, int n, const struct timespec *t, const sigset_t *s),
     (e, ev, n, t, s))
WRAP(int, eventfd, EMFILE, (unsigned value, int flags), (value, flags))
WRAP(int, fallocate, ENOSPC, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
WRAP(int, fdatasync, EIO, (int fd), (fd))
WRAP(int, fstat, EIO, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, EIO, (int d, const char *p, struct stat *st, int f), (d, p, st, f))
WRAP(int, fsync, EIO, (int fd), (fd))
WRAP(int, ftruncate, EIO, (int fd, off_t n), (fd, n))
WRAP(int, futimens, EIO, (int fd, const struct timespec t[2]), (fd, t))
WRAP(ssize_t, getdents64, EIO, (int fd, void *b, size_t n), (fd, b, n))
WRAP(int, getpeername, ENOBUFS, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(ssize_t, getrandom, ENOSYS, (void *b, size_t n, unsigned flags), (b, n, flags))
WRAP(int, getsockname, ENOBUFS, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WRAP(int, getsockopt, ENOBUFS, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n))
WRAP(int, inotify_add_watch, ENOSPC, (int fd, const char *p, uint32_t mask), (fd, p, mask))
WRAP(int, inotify_init1, EMFILE, (int flags), (flags))
WRAP(int, linkat, EMLINK, (int d, const char *p, int e, const char *q, int f), (d, p, e, q, f))
WRAP(int, listen, EADDRINUSE, (int fd, int backlog), (fd, backlog))
WRAP(off_t, lseek, EIO, (int fd, off_t at, int whence), (fd, at, whence))
WRAP(int, memfd_create, EMFILE, (const char *name, unsigned flags), (name, flags))
WRAP(int, mkdir, ENOSPC, (const char *p, mode_t mode), (p, mode))
WRAP(int, mkdirat, ENOSPC, (int d, const char *p, mode_t mode), (d, p, mode))
WRAP(int, poll, ENOMEM, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WRAP(ssize_t, pread, EIO, (int fd, void *b, size_t n, off_t at), (fd, b, n, at))
WRAP(ssize_t, preadv, EIO, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(ssize_t, pwritev, EIO, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
WRAP(ssize_t, pwritev2, EIO, (int fd, const struct iovec *v, int n, off_t at, int flags),
     (fd, v, n, at, flags))
WRAP(ssize_t, read, EIO, (int fd, void *b, size_t n), (fd, b, n))
WRAP(ssize_t, readlinkat, EIO, (int d, const char *p, char *b, size_t n), (d, p, b, n))
WRAP(ssize_t, readv, EIO, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(ssize_t, recv, ECONNRESET, (int fd, void *b, size_t n, int f), (fd, b, n, f))
WRAP(ssize_t, recvmsg, ECONNRESET, (int fd, struct msghdr *m, int f), (fd, m, f))
WRAP(int, renameat, EIO, (int d, const char *p, int e, const char *q), (d, p, e, q))
WRAP(ssize_t, send, EPIPE, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
WRAP(ssize_t, sendmsg, ECONNRESET, (int fd, const struct msghdr *m, int f), (fd, m, f))
WRAP(ssize_t, sendto, ECONNRESET,
     (int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l),
     (fd, b, n, f, a, l))
WRAP(int, setsockopt, ENOBUFS, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n))
WRAP(int, shutdown, ENOTCONN, (int fd, int how), (fd, how))
WRAP(int, sigaction, EINVAL, (int s, const struct sigaction *a, struct sigaction *o), (s, a, o))
WRAP(int, signalfd, EMFILE, (int fd, const sigset_t *s, int flags), (fd, s, flags))
WRAP(int, socket, EMFILE, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, socketpair, EMFILE, (int family, int type, int protocol, int *p),
     (family, type, protocol, p))
WRAP(int, stat, EIO, (const char *p, struct stat *st), (p, st))
WRAP(int, symlinkat, ENOSPC, (const char *t, int d, const char *p), (t, d, p))
WRAP(int, timer_create, EAGAIN, (clockid_t c, struct sigevent *e, timer_t *t), (c, e, t))
WRAP(int, timer_settime, EINVAL,
     (timer_t t, int f, const struct itimerspec *v, struct itimerspec *o), (t, f, v, o))
WRAP(int, unlinkat, EIO, (int d, const char *p, int f), (d, p, f))
WRAP(int, utimensat, EIO, (int d, const char *p, const struct timespec t[2], int f), (d, p, t, f))
WRAP(ssize_t, writev, EIO, (int fd, const struct iovec *v, int n), (fd, v, n))

/* A child begins without a fault, or it is the one to have it. */
pid_t fault_fork(void);
pid_t fault_fork(void)
{
    if (system_fails("fork", EAGAIN)) {
        return -1;
    }
    forks++;
    pid_t pid = fork();
    if (pid == 0) {
        fault_arm(FAULT_NONE, 0);
        if (forks == aimed_at) {
            arm_as_told();
        }
    }
    return pid;
}

/* A forked process ends here, past the sanitizer's own last look. */
void __lsan_do_leak_check(void) __attribute__((weak));
void fault__exit(int code) __attribute__((noreturn));
void fault__exit(int code)
{
    if (__lsan_do_leak_check != NULL) {
        __lsan_do_leak_check();
    }
    _exit(code);
}

void *fault_dlopen(const char *path, int flags);
void *fault_dlopen(const char *path, int flags)
{
    return dlopen(system_fails("dlopen", EMFILE) ? "what no library is called" : path, flags);
}

/* What hythe says on stderr always comes out: how else should it be judged? */
ssize_t fault_write(int fd, const void *bytes, size_t len);
ssize_t fault_write(int fd, const void *bytes, size_t len)
{
    return fd != STDERR_FILENO && system_fails("write", ENOSPC) ? -1 : write(fd, bytes, len);
}

void *fault_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *fault_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return system_fails("mmap", ENOMEM) ? MAP_FAILED : mmap(at, len, protection, flags, fd, offset);
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *arg);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *arg)
{
    return system_fails("pthread_create", EAGAIN) ? EAGAIN
                                                  : pthread_create(thread, attributes, run, arg);
}

int fault_open(const char *path, int flags, ...);
int fault_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return system_fails("open", EMFILE) ? -1 : open(path, flags, mode);
}

int fault_openat(int dir, const char *path, int flags, ...);
int fault_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return system_fails("openat", EMFILE) ? -1 : openat(dir, path, flags, mode);
}

int fault_fcntl(int fd, int command, ...);
int fault_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long arg = va_arg(args, long);
    va_end(args);
    return system_fails("fcntl", EMFILE) ? -1 : fcntl(fd, command, arg);
}

int fault_ioctl(int fd, unsigned long request, ...);
int fault_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    return system_fails("ioctl", EIO) ? -1 : ioctl(fd, request, arg);
}

/* openat2 and pidfd_open, which libc has no functions for. */
long fault_syscall(long number, ...);
long fault_syscall(long number, ...)
{
    long values[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        values[i] = va_arg(args, long);
    }
    va_end(args);
    if (number != SYS_gettid && system_fails("syscall", EMFILE)) {
        return -1;
    }
    return syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
