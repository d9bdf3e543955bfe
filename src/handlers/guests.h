/* What the handlers that run guests have in common. Internal to src/handlers/. */
#ifndef HYTHE_HANDLERS_GUESTS_H
#define HYTHE_HANDLERS_GUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "guest/stream.h"
#include "handlers/internal.h"
#include "host/task.h"

enum { RETRY_DEFAULT_S = 1, GUESTS_STDIO = 3 };

/* What becomes of a request whose guest ended in a way that is not its own. */
struct guest_failure {
    enum notes_end end;
    uint16_t status;
    const char *words;
};

/* For any end but TASK_EXITED. */
const struct guest_failure *guests_failure(enum host_task_end end);

/* A guest begins to run, and has ended, or waits for the next request: counted, and beforehand an
 * instance that waits gives way if the pool has no room for both. */
void guests_begin(struct site_route *route);
void guests_end(struct site_route *route);

/* Give a guest its stdin, stdout and stderr, by `ops` with `context`. 0 or a negative errno; what has
 * been made is to be dropped all the same. */
int guests_give_stdio(struct guest *guest, const struct guest_stream_ops ops[GUESTS_STDIO],
                      void *context, struct guest_stream *ret_stdio[GUESTS_STDIO]);

/* Detach and forget them; NULL ones are fine. */
void guests_drop_stdio(struct guest_stream *stdio[GUESTS_STDIO]);

/* The read function of an empty stdin. */
int64_t guests_read_nothing(void *context, const struct iovec *pieces, int count);

/* Refuse what can be refused without a guest. */
bool guests_refuse(const struct site_request *asked);

/* Answer a request whose guest could not be made: a negative errno, and what is known of it. */
void guests_answer_unstarted(const struct site_request *asked, int r, const struct error *err);

/* A line of host_task_options.on_report. */
void guests_report(const struct site_route *route, const char *line);

/* Log how a guest failed, with its backtrace; `id` is the request's. */
void guests_log_failure(const struct site_route *route, const char *id, const char *words,
                        const char *text);

#endif
