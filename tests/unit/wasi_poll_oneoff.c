/* poll_oneoff(in, out, nsubscriptions, ret_nevents), as the specification has it: levels. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_call.h"
#include "guest/socket.h"

enum { SUBS = 256, EVENTS = 40000, COUNT = 128, END = FAKE_MEMORY_LEN, MS = 1000000 };

struct connection {
    uint32_t fd;
    int peer;
    struct guest_socket *socket;
};

static int setup(void **state)
{
    *state = fake_guest_new();
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    return 0;
}

static void connect_one(struct fake_guest *f, struct connection *c)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(
        guest_socket_wrap(&f->guest, pair[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &c->socket), 0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &c->socket->base, 3, &c->fd), 0);
    c->peer = pair[1];
    assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void put_fd(struct fake_guest *f, unsigned index, uint8_t tag, uint32_t fd,
                   uint64_t userdata)
{
    uint32_t at = SUBS + index * WASI_SUBSCRIPTION_SIZE;
    fake_fill(f, at, 0, WASI_SUBSCRIPTION_SIZE);
    fake_put_u64(f, at, userdata);
    fake_put(f, at + WASI_SUBSCRIPTION_TAG, &tag, 1);
    fake_put_u32(f, at + WASI_SUBSCRIPTION_FD, fd);
}

static void put_clock(struct fake_guest *f, unsigned index, uint32_t id, uint64_t timeout_ns,
                      uint16_t flags)
{
    uint32_t at = SUBS + index * WASI_SUBSCRIPTION_SIZE;
    fake_fill(f, at, 0, WASI_SUBSCRIPTION_SIZE);
    fake_put_u64(f, at, 0x1122334455667788 + index);
    fake_put_u32(f, at + WASI_SUBSCRIPTION_CLOCK_ID, id);
    fake_put_u64(f, at + WASI_SUBSCRIPTION_CLOCK_TIMEOUT, timeout_ns);
    fake_put(f, at + WASI_SUBSCRIPTION_CLOCK_FLAGS, &flags, sizeof flags);
}

static int32_t poll_for(struct fake_guest *f, uint32_t count)
{
    fake_put_u32(f, COUNT, 0xdddddddd);
    return fake_call(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, count, COUNT);
}

/* The 32 bytes of an event, all of them. */
static void expect_event(struct fake_guest *f, unsigned index, uint64_t userdata, uint16_t error,
                         uint8_t type, uint64_t nbytes, uint16_t flags)
{
    uint8_t event[WASI_EVENT_SIZE] = {0};
    memcpy(event, &userdata, 8);
    memcpy(event + 8, &error, 2);
    event[10] = type;
    memcpy(event + 16, &nbytes, 8);
    memcpy(event + 24, &flags, 2);
    fake_assert_bytes(f, EVENTS + index * WASI_EVENT_SIZE, event, sizeof event);
}

static uint64_t real_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* -- descriptors ------------------------------------------------------------------------------ */

static void what_is_ready_is_told_at_once(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(write(c.peer, "abc", 3), 3);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    put_fd(f, 0, WASI_EVENT_FD_READ, c.fd, UINT64_MAX);
    put_fd(f, 1, WASI_EVENT_FD_WRITE, c.fd, 7);
    fake_fill(f, EVENTS, 0xaa, 96);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(f->waits, 0);
    assert_int_equal(fake_u32(f, COUNT), 2);
    expect_event(f, 0, UINT64_MAX, 0, WASI_EVENT_FD_READ, 1, 0);
    expect_event(f, 1, 7, 0, WASI_EVENT_FD_WRITE, 0, 0);
    assert_int_equal(fake_u64(f, EVENTS + 64),
                     UINT64_C(0xaaaaaaaaaaaaaaaa)); /* no more than that */
    close(c.peer);
}

static void levels_stay(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    put_fd(f, 0, WASI_EVENT_FD_READ, c.fd, 1);
    put_fd(f, 1, WASI_EVENT_FD_WRITE, c.fd, 2);
    for (int i = 0; i < 40; i++) { /* past the point where the loop gets a turn in between */
        assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
        assert_int_equal(fake_u32(f, COUNT), 1);
        expect_event(f, 0, 2, 0, WASI_EVENT_FD_WRITE, 0, 0);
    }
    close(c.peer);
}

static void waits_for_the_first_edge(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    put_fd(f, 0, WASI_EVENT_FD_READ, c.fd, 9);
    assert_int_equal(fake_begin(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 1, COUNT),
                     CALL_WAIT);
    assert_int_equal(write(c.peer, "x", 1), 1);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(f->waits, 1);
    assert_int_equal(fake_u32(f, COUNT), 1);
    expect_event(f, 0, 9, 0, WASI_EVENT_FD_READ, 1, 0);
    close(c.peer);
}

static void an_edge_in_another_direction_does_not_wake(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    descriptor_not_ready(&c.socket->base, LOOP_WRITE);
    put_fd(f, 0, WASI_EVENT_FD_WRITE, c.fd, 9);
    f->max_wait_ms = 20;
    assert_int_equal(fake_begin(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 1, COUNT),
                     CALL_WAIT);
    c.socket->base.ready = 0;
    guest_wait_on_ready(&c.socket->base, LOOP_READ);
    assert_false(f->guest.wait.is_due);
    guest_wait_end(&f->guest);
    close(c.peer);
}

static void a_bad_descriptor_is_an_event(void **state)
{
    struct fake_guest *f = *state;
    put_fd(f, 0, WASI_EVENT_FD_READ, 77, 5);
    put_fd(f, 1, WASI_EVENT_FD_WRITE, UINT32_MAX, 6);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 2);
    expect_event(f, 0, 5, WASI_EBADF, WASI_EVENT_FD_READ, 0, 0);
    expect_event(f, 1, 6, WASI_EBADF, WASI_EVENT_FD_WRITE, 0, 0);
}

static void a_gone_peer_is_a_hangup_in_both_directions(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    close(c.peer);
    assert_int_equal(loop_turn(f->loop, 100), 0);
    put_fd(f, 0, WASI_EVENT_FD_READ, c.fd, 1);
    put_fd(f, 1, WASI_EVENT_FD_WRITE, c.fd, 2);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 2);
    expect_event(f, 0, 1, 0, WASI_EVENT_FD_READ, 1, WASI_EVENT_HANGUP);
    expect_event(f, 1, 2, 0, WASI_EVENT_FD_WRITE, 0, WASI_EVENT_HANGUP);
}

static void a_listener_has_no_bytes(void **state)
{
    struct fake_guest *f = *state;
    struct guest_socket *s = NULL;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    uint32_t fd = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(
        guest_socket_wrap(&f->guest, listener, AF_INET, SOCK_STREAM, SOCKET_LISTENING, &s), 0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(loop_turn(f->loop, 100), 0);
    put_fd(f, 0, WASI_EVENT_FD_READ, fd, 3);
    put_clock(f, 1, WASI_CLOCK_MONOTONIC, 0, 0); /* the form that counts bytes */
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    expect_event(f, 0, 3, 0, WASI_EVENT_FD_READ, 0, 0);
    close(client);
}

/* wasi-libc's FIONREAD is a poll of FD_READ with a clock of zero. */
static void the_fionread_form_counts_bytes(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(write(c.peer, "hello", 5), 5);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    put_fd(f, 0, WASI_EVENT_FD_READ, c.fd, 3);
    put_clock(f, 1, WASI_CLOCK_MONOTONIC, 0, 0);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 2);
    expect_event(f, 0, 3, 0, WASI_EVENT_FD_READ, 5, 0);
    put_clock(f, 1, WASI_CLOCK_MONOTONIC, 1, 0); /* not that form */
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    expect_event(f, 0, 3, 0, WASI_EVENT_FD_READ, 1, 0);
    close(c.peer);
}

/* -- clocks ----------------------------------------------------------------------------------- */

static void a_relative_clock_is_waited_for(void **state)
{
    struct fake_guest *f = *state;
    for (uint32_t id = WASI_CLOCK_REALTIME; id <= WASI_CLOCK_MONOTONIC; id++) {
        put_clock(f, 0, id, 15 * MS, 0);
        uint64_t before = loop_clock_ns();
        assert_int_equal(poll_for(f, 1), WASI_ESUCCESS);
        assert_true(loop_clock_ns() - before >= 15 * MS);
        assert_int_equal(fake_u32(f, COUNT), 1);
        expect_event(f, 0, 0x1122334455667788, 0, WASI_EVENT_CLOCK, 0, 0);
    }
}

static void an_absolute_clock_is_waited_for(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, loop_clock_ns() + 15 * MS, WASI_CLOCK_ABSTIME);
    uint64_t before = loop_clock_ns();
    assert_int_equal(poll_for(f, 1), WASI_ESUCCESS);
    assert_true(loop_clock_ns() - before >= 14 * MS);
    put_clock(f, 0, WASI_CLOCK_REALTIME, real_ns() + 15 * MS, WASI_CLOCK_ABSTIME);
    before = loop_clock_ns();
    assert_int_equal(poll_for(f, 1), WASI_ESUCCESS);
    assert_true(loop_clock_ns() - before >= 14 * MS);
    assert_int_equal(fake_u32(f, COUNT), 1);
}

static void a_clock_in_the_past_is_due_at_once(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, 0, 0);
    put_clock(f, 1, WASI_CLOCK_REALTIME, 0, 0);
    put_clock(f, 2, WASI_CLOCK_MONOTONIC, 1, WASI_CLOCK_ABSTIME);
    put_clock(f, 3, WASI_CLOCK_REALTIME, 1, WASI_CLOCK_ABSTIME);
    assert_int_equal(poll_for(f, 4), WASI_ESUCCESS);
    assert_int_equal(f->waits, 0);
    assert_int_equal(fake_u32(f, COUNT), 4);
    for (unsigned i = 0; i < 4; i++) {
        expect_event(f, i, 0x1122334455667788 + i, 0, WASI_EVENT_CLOCK, 0, 0);
    }
}

static void a_huge_timeout_does_not_wrap(void **state)
{
    static const uint16_t flags[] = {0, WASI_CLOCK_ABSTIME};
    static const uint64_t huge[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    struct fake_guest *f = *state;
    f->max_wait_ms = 5;
    for (uint32_t id = 0; id <= 1; id++) {
        for (size_t i = 0; i < ARRAY_COUNT(huge) * 2; i++) {
            put_clock(f, 0, id, huge[i / 2], flags[i % 2]);
            assert_int_equal(poll_for(f, 1), FAKE_STILL_WAITING);
            assert_int_equal(fake_u32(f, COUNT), 0xdddddddd);
        }
    }
}

static void the_first_of_two_clocks_ends_the_wait(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, UINT64_C(3600000000000), 0);
    put_clock(f, 1, WASI_CLOCK_MONOTONIC, 10 * MS, 0);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 1);
    expect_event(f, 0, 0x1122334455667789, 0, WASI_EVENT_CLOCK, 0, 0);
}

/* A wake that finds nothing must not begin a relative clock anew. */
static void a_clock_counts_from_the_calls_begin(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, 60 * MS, 0);
    uint64_t before = loop_clock_ns();
    assert_int_equal(fake_begin(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 1, COUNT),
                     CALL_WAIT);
    (void)usleep(40000);
    guest_wake(&f->guest);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_true(f->waits >= 2);
    assert_true(loop_clock_ns() - before >= 60 * MS);
    assert_true(loop_clock_ns() - before < 95 * MS);
}

static void cpu_clocks_cannot_be_waited_for(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_PROCESS_CPUTIME, 1, 0);
    put_clock(f, 1, WASI_CLOCK_THREAD_CPUTIME, 1, 0);
    put_clock(f, 2, 4, 1, 0);
    put_clock(f, 3, UINT32_MAX, 1, 0);
    assert_int_equal(poll_for(f, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 4);
    expect_event(f, 0, 0x1122334455667788, WASI_ENOTSUP, WASI_EVENT_CLOCK, 0, 0);
    expect_event(f, 1, 0x1122334455667789, WASI_ENOTSUP, WASI_EVENT_CLOCK, 0, 0);
    expect_event(f, 2, 0x112233445566778a, WASI_EINVAL, WASI_EVENT_CLOCK, 0, 0);
    expect_event(f, 3, 0x112233445566778b, WASI_EINVAL, WASI_EVENT_CLOCK, 0, 0);
}

static void readiness_and_clocks_come_together(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, UINT64_C(3600000000000), 0);
    put_fd(f, 1, WASI_EVENT_FD_READ, c.fd, 4);
    put_fd(f, 2, WASI_EVENT_FD_WRITE, c.fd, 5);
    assert_int_equal(poll_for(f, 3), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 1);
    expect_event(f, 0, 5, 0, WASI_EVENT_FD_WRITE, 0, 0);
    close(c.peer);
}

/* -- bad arguments ---------------------------------------------------------------------------- */

static void no_subscription_is_invalid(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(poll_for(f, 0), WASI_EINVAL);
    assert_int_equal(fake_u32(f, COUNT), 0xdddddddd);
}

/* Of zeros only: clocks that are due. */
static int32_t poll_zeros(struct fake_guest *f, uint32_t count)
{
    memset(f->memory, 0, FAKE_MEMORY_LEN);
    return fake_call(f, &preview1_poll, "poll_oneoff", SUBS, SUBS, count, COUNT);
}

static void more_than_a_guest_can_have_are_invalid(void **state)
{
    struct fake_guest *f = *state;
    f->guest.fds.max = 16;
    assert_int_equal(poll_zeros(f, 2 * 16 + 1024), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 2 * 16 + 1024);
    assert_int_equal(poll_zeros(f, 2 * 16 + 1024 + 1), WASI_EINVAL);
    assert_int_equal(fake_u32(f, COUNT), 0);
    assert_int_equal(poll_zeros(f, UINT32_MAX), WASI_EFAULT);
}

static void an_unknown_tag_is_invalid(void **state)
{
    struct fake_guest *f = *state;
    for (unsigned tag = 3; tag < 256; tag += 7) {
        put_fd(f, 0, (uint8_t)tag, 3, 1);
        assert_int_equal(poll_for(f, 1), WASI_EINVAL);
    }
}

static void out_of_bounds_is_a_fault(void **state)
{
    static const uint32_t bad[][4] = {
        {END - 47, EVENTS, 1, COUNT},
        {SUBS, END - 31, 1, COUNT},
        {SUBS, EVENTS, 1, END - 3},
        {END, EVENTS, 1, COUNT},
        {UINT32_MAX, EVENTS, 1, COUNT},
        {SUBS, UINT32_MAX, 1, COUNT},
        {SUBS, EVENTS, 1, UINT32_MAX},
        {0xffffffd0, EVENTS, 1, COUNT},
        {SUBS, 0xffffffe0, 1, COUNT},
        {SUBS, EVENTS, 1, 0xfffffffc},
        {0, 0, END / 48 + 1, COUNT},
        {0, 0, 0x05555556, COUNT}, /* times 48 is 32 past 2 to the 32 */
        {0, 0, 0x08000000, COUNT}, /* times 32 is 2 to the 32 */
        {0, 0, 0x80000000, COUNT},
        {0, 0, UINT32_MAX, COUNT},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
    };
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, 0, 0);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(
            fake_call(f, &preview1_poll, "poll_oneoff", bad[i][0], bad[i][1], bad[i][2], bad[i][3]),
            WASI_EFAULT);
    }
}

static void the_last_bytes_of_memory_do(void **state)
{
    struct fake_guest *f = *state;
    put_clock(f, 0, WASI_CLOCK_MONOTONIC, 0, 0);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", SUBS, END - 32, 1, COUNT),
                     WASI_ESUCCESS);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 1, END - 4),
                     WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, END - 4), 1);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", END - 48, EVENTS, 1, COUNT),
                     WASI_ESUCCESS);
}

/* Every way in which events may lie over the subscriptions they come from. */
static void overlapping_areas_are_no_crash(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    for (uint32_t shift = 0; shift < 200; shift++) {
        put_clock(f, 0, WASI_CLOCK_MONOTONIC, 0, 0);
        put_fd(f, 1, WASI_EVENT_FD_WRITE, c.fd, 1);
        put_fd(f, 2, WASI_EVENT_FD_READ, 99, 2);
        put_fd(f, 3, WASI_EVENT_FD_WRITE, c.fd, 3);
        int32_t answer =
            fake_call(f, &preview1_poll, "poll_oneoff", SUBS, SUBS - 100 + shift, 4, SUBS + shift);
        assert_true(answer == WASI_ESUCCESS || answer == WASI_EINVAL);
    }
    close(c.peer);
}

/* -- what it costs ---------------------------------------------------------------------------- */

/* From here on the kernel kills this process for any system call but its end. */
static void forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = ARRAY_COUNT(filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        _exit(77);
    }
}

/* 700 idle connections and one that is ready: the answer costs no system call at all. */
static void idle_subscriptions_cost_no_system_call(void **state)
{
    enum { IDLE = 700 };
    static struct connection idle[IDLE];
    struct fake_guest *f = *state;
    struct connection ready;
    const struct host_func *row = fake_row(&preview1_poll, "poll_oneoff", NULL);
    int status = 0;
    for (unsigned i = 0; i < IDLE; i++) {
        connect_one(f, &idle[i]);
        put_fd(f, i, WASI_EVENT_FD_READ, idle[i].fd, i);
    }
    connect_one(f, &ready);
    ready.socket->base.fdflags = FDFLAG_NONBLOCK; /* else the kernel is asked about this one */
    put_fd(f, IDLE, WASI_EVENT_FD_WRITE, ready.fd, IDLE);
    assert_int_equal(poll_for(f, IDLE + 1), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, COUNT), 1);
    expect_event(f, 0, IDLE, 0, WASI_EVENT_FD_WRITE, 0, 0);

    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        forbid_system_calls();
        int32_t answer = row->begin(&f->call);
        (void)syscall(SYS_exit, answer == WASI_ESUCCESS ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("this kernel has no seccomp: not tested\n");
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    for (unsigned i = 0; i < IDLE; i++) {
        close(idle[i].peer);
    }
    close(ready.peer);
}

/* A guest that finds something each time must still hear of new connections. */
static void busy_polls_let_the_loop_have_its_turn(void **state)
{
    struct fake_guest *f = *state;
    struct connection busy;
    struct connection quiet;
    connect_one(f, &busy);
    connect_one(f, &quiet);
    put_fd(f, 0, WASI_EVENT_FD_WRITE, busy.fd, 1);
    put_fd(f, 1, WASI_EVENT_FD_READ, quiet.fd, 2);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(write(quiet.peer, "x", 1), 1);
    unsigned polls = 0;
    do {
        assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
        polls++;
        assert_true(polls < 100);
    } while (fake_u32(f, COUNT) == 1);
    close(busy.peer);
    close(quiet.peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_ready_is_told_at_once),
        TEST(levels_stay),
        TEST(waits_for_the_first_edge),
        TEST(an_edge_in_another_direction_does_not_wake),
        TEST(a_bad_descriptor_is_an_event),
        TEST(a_gone_peer_is_a_hangup_in_both_directions),
        TEST(a_listener_has_no_bytes),
        TEST(the_fionread_form_counts_bytes),
        TEST(a_relative_clock_is_waited_for),
        TEST(an_absolute_clock_is_waited_for),
        TEST(a_clock_in_the_past_is_due_at_once),
        TEST(a_huge_timeout_does_not_wrap),
        TEST(the_first_of_two_clocks_ends_the_wait),
        TEST(a_clock_counts_from_the_calls_begin),
        TEST(cpu_clocks_cannot_be_waited_for),
        TEST(readiness_and_clocks_come_together),
        TEST(no_subscription_is_invalid),
        TEST(more_than_a_guest_can_have_are_invalid),
        TEST(an_unknown_tag_is_invalid),
        TEST(out_of_bounds_is_a_fault),
        TEST(the_last_bytes_of_memory_do),
        TEST(overlapping_areas_are_no_crash),
        TEST(idle_subscriptions_cost_no_system_call),
        TEST(busy_polls_let_the_loop_have_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
