/* Work threads: exactly one on_done each, on the loop's thread. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/loop.h"

enum { MANY = 50 };

struct job {
    struct loop_work work;
    pthread_t ran_on;
    unsigned runs;
    unsigned dones;
    unsigned *total;
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

static void on_run(struct loop_work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->runs++;
    job->ran_on = pthread_self();
}

static void on_run_slowly(struct loop_work *work)
{
    (void)usleep(20000);
    on_run(work);
}

static void on_done(struct loop_work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->dones++;
    (*job->total)++;
}

static void every_work_is_done_once(void **state)
{
    static struct job jobs[MANY];
    unsigned total = 0;
    for (size_t i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.total = &total};
        assert_int_equal(loop_work_submit(*state, &jobs[i].work, on_run, on_done), 0);
        assert_int_equal(jobs[i].dones, 0);
    }
    while (total < MANY) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(jobs[i].runs, 1);
        assert_int_equal(jobs[i].dones, 1);
        assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
    }
}

static void ends_the_wait_of_a_turn(void **state)
{
    unsigned total = 0;
    struct job job = {.total = &total};
    assert_int_equal(loop_work_submit(*state, &job.work, on_run_slowly, on_done), 0);
    while (total == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
}

static void a_loop_may_go_while_work_waits(void **state)
{
    static struct job jobs[MANY];
    unsigned total = 0;
    (void)state;
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop), 0);
    for (size_t i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.total = &total};
        assert_int_equal(loop_work_submit(loop, &jobs[i].work, on_run_slowly, on_done), 0);
    }
    loop_free(loop);
    assert_int_equal(total, 0);
    assert_int_equal(jobs[MANY - 1].runs, 0); /* dropped, not waited for */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_work_is_done_once),
        TEST(ends_the_wait_of_a_turn),
        TEST(a_loop_may_go_while_work_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
