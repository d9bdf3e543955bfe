/* System calls by seccomp: those that are named here, and no others. What is refused fails with
 * EPERM, as if the process had no right to it. */
#include "serve/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/library.h"

struct seccomp_library {
    __typeof__(seccomp_init) *init;
    __typeof__(seccomp_rule_add_array) *rule_add_array;
    __typeof__(seccomp_attr_set) *attr_set;
    __typeof__(seccomp_load) *load;
    __typeof__(seccomp_release) *release;
};

static const struct library_function functions[] = {
    {"seccomp_init", offsetof(struct seccomp_library, init)},
    {"seccomp_rule_add_array", offsetof(struct seccomp_library, rule_add_array)},
    {"seccomp_attr_set", offsetof(struct seccomp_library, attr_set)},
    {"seccomp_load", offsetof(struct seccomp_library, load)},
    {"seccomp_release", offsetof(struct seccomp_library, release)},
};

static const struct library library = {
    .name = "libseccomp.so.2",
    .package = "libseccomp2",
    .purpose = "the filter of system calls",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

/* What every process here does: wait, read, write, answer, allocate, end. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    /* connections */
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(shutdown),
    /* memory */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mincore),
    SCMP_SYS(membarrier),
    /* threads and signals of its own */
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time and facts */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getcpu),
};

/* What guests add: files, timers, ways out. Landlock and the policy say which. */
static const int guest_calls[] = {
    SCMP_SYS(open),          SCMP_SYS(openat),
    SCMP_SYS(openat2),       SCMP_SYS(stat),
    SCMP_SYS(lstat),         SCMP_SYS(statx),
    SCMP_SYS(access),        SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),        SCMP_SYS(pread64),
    SCMP_SYS(preadv),        SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64),      SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),      SCMP_SYS(sendfile),
    SCMP_SYS(splice),        SCMP_SYS(copy_file_range),
    SCMP_SYS(ftruncate),     SCMP_SYS(fallocate),
    SCMP_SYS(fsync),         SCMP_SYS(fdatasync),
    SCMP_SYS(fadvise64),     SCMP_SYS(sync_file_range),
    SCMP_SYS(fstatfs),       SCMP_SYS(mkdirat),
    SCMP_SYS(unlinkat),      SCMP_SYS(renameat),
    SCMP_SYS(renameat2),     SCMP_SYS(linkat),
    SCMP_SYS(symlinkat),     SCMP_SYS(utimensat),
    SCMP_SYS(memfd_create),  SCMP_SYS(dup),
    SCMP_SYS(dup2),          SCMP_SYS(dup3),
    SCMP_SYS(pipe2),         SCMP_SYS(close_range),
    SCMP_SYS(connect),       SCMP_SYS(bind),
    SCMP_SYS(listen),        SCMP_SYS(socketpair),
    SCMP_SYS(select),        SCMP_SYS(pselect6),
    SCMP_SYS(timer_create),  SCMP_SYS(timer_settime),
    SCMP_SYS(timer_gettime), SCMP_SYS(timer_getoverrun),
    SCMP_SYS(timer_delete),  SCMP_SYS(setitimer),
    SCMP_SYS(getitimer),
};

/* A call that is allowed when (argument & mask) == value. */
struct guarded_call {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

#define WHOLE UINT64_C(0xffffffff)
#define PAGEMAP_SCAN_REQUEST UINT64_C(0xc0606610)

static const struct guarded_call guarded_calls[] = {
    /* code has been loaded; no more comes */
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    {SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD},
    {SCMP_SYS(prctl), 0, WHOLE, PR_SET_PDEATHSIG},
    {SCMP_SYS(prctl), 0, WHOLE, PR_SET_NAME},
    {SCMP_SYS(prctl), 0, WHOLE, PR_SET_VMA},
    {SCMP_SYS(ioctl), 1, WHOLE, FIONREAD},
    {SCMP_SYS(ioctl), 1, WHOLE, FIONBIO},
    {SCMP_SYS(ioctl), 1, WHOLE, TIOCGWINSZ},
    {SCMP_SYS(ioctl), 1, WHOLE, PAGEMAP_SCAN_REQUEST},
    {SCMP_SYS(prlimit64), 2, UINT64_MAX, 0}, /* asking, not setting */
    /* not F_SETOWN and F_SETSIG, which send any signal to any process of the same user */
    {SCMP_SYS(fcntl), 1, WHOLE, F_DUPFD},
    {SCMP_SYS(fcntl), 1, WHOLE, F_DUPFD_CLOEXEC},
    {SCMP_SYS(fcntl), 1, WHOLE, F_GETFD},
    {SCMP_SYS(fcntl), 1, WHOLE, F_SETFD},
    {SCMP_SYS(fcntl), 1, WHOLE, F_GETFL},
    {SCMP_SYS(fcntl), 1, WHOLE, F_SETFL},
    {SCMP_SYS(fcntl), 1, WHOLE, F_ADD_SEALS},
    {SCMP_SYS(fcntl), 1, WHOLE, F_GET_SEALS},
};

static const struct guarded_call guest_guarded_calls[] = {
    {SCMP_SYS(socket), 0, WHOLE, AF_INET},
    {SCMP_SYS(socket), 0, WHOLE, AF_INET6},
};

/* Landlock does not see who connects to a Unix socket by its path. */
static const struct guarded_call unix_calls[] = {{SCMP_SYS(socket), 0, WHOLE, AF_UNIX}};

struct filter {
    const struct seccomp_library *lib;
    scmp_filter_ctx context;
    int count; /* of calls, however many rules one has */
    int last;
    int r; /* of the first failure */
};

static void add(struct filter *filter, uint32_t action, int call, const struct scmp_arg_cmp *cmp)
{
    if (filter->r < 0) {
        return;
    }
    filter->r = filter->lib->rule_add_array(filter->context, action, call, cmp != NULL, cmp);
    if (filter->r == -EDOM || call < 0) {
        filter->r = 0; /* this machine has no such call */
        return;
    }
    filter->count += filter->r == 0 && call != filter->last;
    filter->last = call;
}

static void add_all(struct filter *filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(filter, SCMP_ACT_ALLOW, calls[i], NULL);
    }
}

static void add_guarded(struct filter *filter, const struct guarded_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scmp_arg_cmp cmp = {.arg = calls[i].argument,
                                   .op = SCMP_CMP_MASKED_EQ,
                                   .datum_a = calls[i].mask,
                                   .datum_b = calls[i].value};
        add(filter, SCMP_ACT_ALLOW, calls[i].call, &cmp);
    }
}

static void fill(struct filter *filter, const struct sandbox_options *options)
{
    /* Its own threads get signals, for abort(); the master does not. */
    const struct guarded_call own_signals = {SCMP_SYS(tgkill), 0, WHOLE, (uint64_t)getpid()};
    add_guarded(filter, &own_signals, 1);
    add_all(filter, common_calls, ARRAY_COUNT(common_calls));
    add_guarded(filter, guarded_calls, ARRAY_COUNT(guarded_calls));
    if (!options->is_strict) {
        add_all(filter, guest_calls, ARRAY_COUNT(guest_calls));
        add_guarded(filter, guest_guarded_calls, ARRAY_COUNT(guest_guarded_calls));
        if (options->may_connect || options->may_listen) {
            add_guarded(filter, unix_calls, ARRAY_COUNT(unix_calls));
        }
    }
    /* Its flags lie in memory, where no filter can look; without it the C library uses clone. */
    add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), NULL);
    filter->count--; /* which is not allowed */
}

int sandbox_open_seccomp(struct error *err)
{
    struct seccomp_library lib;
    return library_open(&library, &lib, err);
}

int sandbox_seccomp(const struct sandbox_options *options, struct error *err)
{
    struct seccomp_library lib;
    int r = library_open(&library, &lib, err);
    if (r < 0) {
        return r;
    }
    struct filter filter = {.lib = &lib, .context = lib.init(SCMP_ACT_ERRNO(EPERM)), .last = -1};
    if (filter.context == NULL) {
        return error_set_errno(err, -ENOMEM, "making the filter of system calls");
    }
    fill(&filter, options);
    /* A tree, so that a call costs few steps; older libraries make a list. */
    (void)lib.attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    r = filter.r == 0 ? lib.load(filter.context) : filter.r;
    lib.release(filter.context);
    if (r < 0) {
        return error_set_errno(err, r, "loading the filter of system calls");
    }
    return filter.count;
}
