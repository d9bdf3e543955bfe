/* A few threads for what would block the loop: compilation, name look-ups that have no other way.
 *
 * Happy path: submit puts work on `waiting`; a thread takes it, runs it, puts it on `finished`
 * and wakes the loop; the loop's turn takes all of `finished` and calls on_done.
 * Failure: a thread that cannot be started is an error only when there is no other. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/container.h"
#include "loop/internal.h"
#include "loop/loop.h"

struct loop_pool {
    struct loop *loop; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list waiting;  /* of struct loop_work; under lock */
    struct list finished; /* under lock */
    bool ending;          /* under lock */
    unsigned thread_count;
    pthread_t threads[LOOP_WORK_THREADS];
};

/* Take the next work, or NULL when the pool ends. */
static struct loop_work *next_work(struct loop_pool *pool)
{
    struct loop_work *work = NULL;
    (void)pthread_mutex_lock(&pool->lock); /* a default mutex cannot fail to lock */
    while (!pool->ending && list_empty(&pool->waiting)) {
        (void)pthread_cond_wait(&pool->more, &pool->lock);
    }
    if (!pool->ending) {
        work = container_of(pool->waiting.next, struct loop_work, node);
        list_remove(&work->node);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return work;
}

static void *work_thread(void *arg)
{
    struct loop_pool *pool = arg;
    for (;;) {
        struct loop_work *work = next_work(pool);
        if (work == NULL) {
            return NULL;
        }
        work->on_run(work);
        (void)pthread_mutex_lock(&pool->lock);
        list_append(&pool->finished, &work->node);
        (void)pthread_mutex_unlock(&pool->lock);
        loop_wake(pool->loop);
    }
}

/* Start one more thread, with every signal blocked: signals are the loop's. */
static int add_thread(struct loop_pool *pool)
{
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all); /* cannot fail on an own set */
    (void)pthread_sigmask(SIG_BLOCK, &all, &old);
    int r = -pthread_create(&pool->threads[pool->thread_count], NULL, work_thread, pool);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0) {
        pool->thread_count++;
    }
    return r;
}

static int pool_new(struct loop *loop)
{
    struct loop_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return -ENOMEM;
    }
    pool->loop = loop;
    list_init(&pool->waiting);
    list_init(&pool->finished);
    (void)pthread_mutex_init(&pool->lock, NULL); /* the defaults cannot fail on Linux */
    (void)pthread_cond_init(&pool->more, NULL);
    loop->pool = pool;
    return 0;
}

int loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn *on_run,
                     loop_work_fn *on_done)
{
    if (loop->pool == NULL) {
        int r = pool_new(loop);
        if (r < 0) {
            return r;
        }
    }
    struct loop_pool *pool = loop->pool;
    if (pool->thread_count < LOOP_WORK_THREADS) {
        int r = add_thread(pool);
        if (r < 0 && pool->thread_count == 0) {
            return r;
        }
    }
    work->on_run = on_run;
    work->on_done = on_done;
    (void)pthread_mutex_lock(&pool->lock);
    list_append(&pool->waiting, &work->node);
    (void)pthread_cond_signal(&pool->more);
    (void)pthread_mutex_unlock(&pool->lock);
    return 0;
}

void loop_work_run(struct loop *loop)
{
    struct loop_pool *pool = loop->pool;
    if (pool == NULL) {
        return;
    }
    struct list done;
    (void)pthread_mutex_lock(&pool->lock);
    list_take_all(&done, &pool->finished);
    (void)pthread_mutex_unlock(&pool->lock);
    while (!list_empty(&done)) {
        struct loop_work *work = container_of(done.next, struct loop_work, node);
        list_remove(&work->node);
        work->on_done(work);
    }
}

void loop_pool_free(struct loop_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->more);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->more);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
