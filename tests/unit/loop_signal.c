/* Signals and children on the loop. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/loop.h"

struct counted {
    struct loop_signal signal;
    unsigned calls;
    bool stops_itself;
};

static int setup(void **state)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void on_signal(struct loop_signal *signal)
{
    struct counted *c = container_of(signal, struct counted, signal);
    c->calls++;
    if (c->stops_itself) {
        loop_signal_stop(signal);
    }
}

static bool is_blocked(int signo)
{
    sigset_t now;
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
    return sigismember(&now, signo) == 1;
}

static void start(struct loop *loop, struct counted *c, int signo)
{
    *c = (struct counted){.calls = 0};
    assert_int_equal(loop_signal_start(loop, &c->signal, signo, on_signal), 0);
}

static void delivers_to_every_watcher_of_that_signal(void **state)
{
    struct counted a;
    struct counted b;
    struct counted other;
    start(*state, &a, SIGUSR1);
    start(*state, &b, SIGUSR1);
    start(*state, &other, SIGUSR2);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(a.calls, 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(other.calls, 0);
    loop_signal_stop(&a.signal);
    assert_true(is_blocked(SIGUSR1));
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 2);
    loop_signal_stop(&b.signal);
    loop_signal_stop(&other.signal);
}

static void the_mask_comes_back_with_the_last_watcher(void **state)
{
    struct counted a;
    assert_false(is_blocked(SIGUSR1));
    start(*state, &a, SIGUSR1);
    assert_true(is_blocked(SIGUSR1));
    loop_signal_stop(&a.signal);
    assert_false(is_blocked(SIGUSR1));
    loop_signal_stop(&a.signal);
    start(*state, &a, SIGUSR1); /* and can be watched again */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(a.calls, 1);
    loop_signal_stop(&a.signal);
}

static void a_watcher_may_stop_from_within(void **state)
{
    struct counted a;
    start(*state, &a, SIGUSR1);
    a.stops_itself = true;
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(loop_turn(*state, 0), 0);
}

static void a_number_that_is_no_signal_is_refused(void **state)
{
    struct loop_signal signal = {.loop = NULL};
    assert_int_equal(loop_signal_start(*state, &signal, 1000, on_signal), -EINVAL);
    loop_signal_stop(&signal);
}

struct child {
    struct loop_child child;
    unsigned calls;
    int status;
};

static void on_exit_of(struct loop_child *child, int status)
{
    struct child *c = container_of(child, struct child, child);
    c->calls++;
    c->status = status;
}

static pid_t fork_one(int exit_code)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (exit_code < 0) {
            for (;;) {
                (void)pause();
            }
        }
        _exit(exit_code);
    }
    assert_true(pid > 0);
    return pid;
}

static void tells_how_a_child_ended(void **state)
{
    struct child c = {.calls = 0};
    pid_t pid = fork_one(7);
    assert_int_equal(loop_child_start(*state, &c.child, pid, on_exit_of), 0);
    while (c.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(WIFEXITED(c.status));
    assert_int_equal(WEXITSTATUS(c.status), 7);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* it has been reaped */
    loop_child_stop(&c.child);
}

static void tells_what_killed_a_child(void **state)
{
    struct child c = {.calls = 0};
    pid_t pid = fork_one(-1);
    assert_int_equal(loop_child_start(*state, &c.child, pid, on_exit_of), 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(c.calls, 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (c.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(WIFSIGNALED(c.status));
    assert_int_equal(WTERMSIG(c.status), SIGKILL);
}

static void a_stopped_child_watch_reaps_nothing(void **state)
{
    struct child c = {.calls = 0};
    pid_t pid = fork_one(0);
    int status = 0;
    assert_int_equal(loop_child_start(*state, &c.child, pid, on_exit_of), 0);
    loop_child_stop(&c.child);
    loop_child_stop(&c.child);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(c.calls, 0);
    assert_int_equal(loop_child_start(*state, &c.child, pid, on_exit_of), -ESRCH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_to_every_watcher_of_that_signal),
        TEST(the_mask_comes_back_with_the_last_watcher),
        TEST(a_watcher_may_stop_from_within),
        TEST(a_number_that_is_no_signal_is_refused),
        TEST(tells_how_a_child_ended),
        TEST(tells_what_killed_a_child),
        TEST(a_stopped_child_watch_reaps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
