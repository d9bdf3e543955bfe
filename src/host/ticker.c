/* A CPU-time timer and its signal. See ticker.h. */
#include "host/ticker.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine.h"

enum { TICK_SIGNAL = SIGVTALRM };

/* The engine comes with the signal, so no global is needed. */
static void on_tick_signal(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    if (info->si_code == SI_TIMER) {
        engine_tick(info->si_value.sival_ptr);
    }
}

int host_ticker_start(struct host_ticker *ticker, struct engine *engine, struct error *err)
{
    struct sigaction action = {.sa_sigaction = on_tick_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
    struct itimerspec every = {.it_interval.tv_nsec = ENGINE_TICK_MS * 1000000,
                               .it_value.tv_nsec = ENGINE_TICK_MS * 1000000};
    event.sigev_value.sival_ptr = engine;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (sigaction(TICK_SIGNAL, &action, &ticker->old_action) < 0) {
        return error_set_errno(err, -errno, "preparing the ticks");
    }
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &ticker->timer) < 0) {
        int r = -errno;
        (void)sigaction(TICK_SIGNAL, &ticker->old_action, NULL); /* as it was */
        return error_set_errno(err, r, "making the timer for ticks");
    }
    ticker->is_running = true;
    if (timer_settime(ticker->timer, 0, &every, NULL) < 0) {
        int r = -errno;
        host_ticker_stop(ticker);
        return error_set_errno(err, r, "starting the timer for ticks");
    }
    return 0;
}

void host_ticker_stop(struct host_ticker *ticker)
{
    if (!ticker->is_running) {
        return;
    }
    (void)timer_delete(ticker->timer); /* it is ours and exists */
    (void)sigaction(TICK_SIGNAL, &ticker->old_action, NULL);
    ticker->is_running = false;
}
