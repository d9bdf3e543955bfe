/* A request answered by a component that exports wasi:http/incoming-handler.
 *
 * Happy path:
 *   1. wasi_http_handle: the route has room, the body is not known to be too large; an instance is
 *      taken that waits for its next request, or made; it is given the request and called
 *   2. the guest reads the request and sends its response by imports/wasi_http, which does so straight
 *      from and to the transaction
 *   3. on_state: the response is complete; the notes are filled in, and the transaction is over
 *   4. on_end: the guest has returned; it waits for another request, where the route says so, or goes
 * Between 3 and 4 a guest may go on for as long as it may run at all.
 *
 * Failure modes. The guest returns or traps without a response: 500; it meets a limit: 504, 500, 503.
 * It gives an error-code in place of a response: the status that stands for it. It fails later, or
 * leaves its response's body unfinished: the response is broken off. The peer leaves: the guest is
 * ended. What a guest failed with is logged with the request's id.
 *
 * A guest cannot be ended from within its own call: what is to be done then waits for the loop's next
 * turn, on_turn. */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "guest/guest.h"
#include "handlers/guests.h"
#include "handlers/http_guest.h"
#include "imports/wasi_http/error_code.h"
#include "imports/wasi_http/http.h"

enum { WHY_MAX = 512 };

static int respond(void *context, const struct http_outbound *outbound);
static void on_readable(void *context);
static void on_writable(void *context);
static void on_state(void *context, enum wasi_http_state state, const char *why);
static void on_turn(struct loop_deferred *deferred);
static void on_abort(void *context);
static void on_end(void *context, const struct host_task_result *result);

/* -- what is said of it ------------------------------------------------------------------------ */

static const char *id_of(const struct http_guest *guest)
{
    return guest->transaction != NULL ? http_transaction_id(guest->transaction) : guest->id;
}

static void on_log_line(void *context, const char *line)
{
    const struct http_guest *guest = context;
    site_log(guest->route, "request %s: %s", id_of(guest), line);
}

static void on_guest_report(void *context, const char *line)
{
    const struct http_guest *guest = context;
    guests_report(guest->route, line);
}

/* The guest may have had a part in the words. */
static void log_why(const struct http_guest *guest, const char *what, const char *why)
{
    char line[WHY_MAX];
    cgi_log_escape(span_of(why != NULL ? why : ""), line, sizeof line);
    site_log(guest->route, "request %s: %s: %s", id_of(guest), what, line);
}

/* The transaction is about to be over, the guest not. */
static struct http_transaction *forget(struct http_guest *guest, enum notes_end end)
{
    struct http_transaction *transaction = guest->transaction;
    struct site *site = guest->route->site;
    (void)memcpy(guest->id, http_transaction_id(transaction), sizeof guest->id);
    host_task_usage(guest->task, &guest->notes->cpu_ns, &guest->notes->memory);
    guest->notes->end = end;
    guest->notes = NULL;
    guest->transaction = NULL;
    list_append(&site->trailing, &guest->node);
    if (site->is_leaving) {
        loop_defer(site->options.loop, &guest->turn); /* it has nobody left to run for */
    }
    return transaction;
}

/* The status that stands for the guest's error-code. */
static uint16_t refused_status(const struct http_guest *guest)
{
    return wasi_http_error_status(wasi_http_inbound_refusal(guest->inbound));
}

/* -- beginning -------------------------------------------------------------------------------- */

static int begin(struct http_guest *guest)
{
    static const struct http_transaction_callbacks callbacks = {on_readable, on_writable, on_abort};
    const struct wasi_http_inbound_options options = {.transaction = guest->transaction,
                                                      .context = guest,
                                                      .respond = respond,
                                                      .on_state = on_state};
    uint32_t reps[2];
    int r = wasi_http_inbound_new(host_task_guest(guest->task), &options, &guest->inbound, reps);
    if (r < 0) {
        return r;
    }
    http_transaction_attach(guest->transaction, &callbacks, guest);
    host_task_handle(guest->task, reps[0], reps[1]);
    return 0;
}

static void start(const struct site_request *asked)
{
    struct site_route *route = asked->route;
    struct http_guest *guest = NULL;
    struct error err;
    const struct host_task_options options = {
        .loop = route->site->options.loop,
        .program = route->program,
        .max_cpu_ns = route->config->guest.cpu_ns,
        .max_wall_ns = route->config->guest.wall_ns,
        .on_end = on_end,
        .on_report = on_guest_report,
    };
    error_init(&err);
    int r = http_guest_take(route, &options, on_turn, &guest, &err);
    if (r < 0) {
        guests_answer_unstarted(asked, r, &err);
        return;
    }
    guest->transaction = asked->transaction;
    guest->notes = asked->notes;
    for (size_t i = 0; i < ARRAY_COUNT(guest->logs); i++) {
        cgi_log_init(&guest->logs[i], route->config->guest.output_max, on_log_line, guest);
    }
    r = begin(guest);
    if (r < 0) {
        http_guest_release(guest);
        guests_answer_unstarted(asked, r, &err);
    }
}

void wasi_http_handle(const struct site_request *asked)
{
    if (!guests_refuse(asked)) {
        start(asked);
    }
}

/* The pool had no room, although there are no more guests than it is made for: some have several
 * memories. Those that only wait make room, and the request begins again. */
static void start_again(struct http_guest *guest)
{
    struct site *site = guest->route->site;
    const struct site_request asked = {.route = guest->route,
                                       .transaction = guest->transaction,
                                       .inbound = http_transaction_inbound(guest->transaction),
                                       .notes = guest->notes};
    http_guest_release(guest);
    wasi_http_end_waiting(site);
    start(&asked);
}

/* -- within the guest's calls ------------------------------------------------------------------ */

static int respond(void *context, const struct http_outbound *outbound)
{
    const struct http_guest *guest = context;
    return site_respond(guest->route, guest->transaction, outbound);
}

static void on_state(void *context, enum wasi_http_state state, const char *why)
{
    struct http_guest *guest = context;
    if (guest->transaction == NULL) {
        return;
    }
    if (state == WASI_HTTP_REFUSED) {
        log_why(guest, "the guest answered with an error", why);
        loop_defer(guest->route->site->options.loop, &guest->turn);
    } else if (state == WASI_HTTP_BROKEN) {
        log_why(guest, "the response is broken off", why);
        (void)forget(guest, NOTES_INCOMPLETE); /* it is ended by the caller */
    } else if (state == WASI_HTTP_COMPLETE) {
        (void)forget(guest, NOTES_EXITED); /* likewise */
    }
}

/* -- from the loop ----------------------------------------------------------------------------- */

static void on_readable(void *context)
{
    const struct http_guest *guest = context;
    wasi_http_inbound_on_readable(guest->inbound);
}

static void on_writable(void *context)
{
    const struct http_guest *guest = context;
    wasi_http_inbound_on_writable(guest->inbound);
}

/* The guest's error-code becomes a response; it may go on. Or the site is leaving, and it may not. */
static void on_turn(struct loop_deferred *deferred)
{
    struct http_guest *guest = container_of(deferred, struct http_guest, turn);
    struct http_transaction *transaction = NULL;
    uint16_t status = 0;
    if (guest->transaction != NULL) {
        status = refused_status(guest);
        wasi_http_inbound_detach(guest->inbound);
        transaction = forget(guest, NOTES_REFUSED);
    }
    if (guest->route->site->is_leaving) {
        http_guest_release(guest);
    }
    if (transaction != NULL) {
        http_transaction_fail(transaction, status, 0);
    }
}

static void on_abort(void *context)
{
    struct http_guest *guest = context;
    guest->notes->end = NOTES_CANCELLED;
    host_task_usage(guest->task, &guest->notes->cpu_ns, &guest->notes->memory);
    http_guest_release(guest);
}

/* It has returned, or called exit, with the request's transaction still to be ended. Gives the status
 * to fail with. */
static uint16_t judge_return(struct http_guest *guest, int exit_code)
{
    const char *id = id_of(guest);
    switch (wasi_http_inbound_state(guest->inbound)) {
    case WASI_HTTP_REFUSED:
        guest->notes->end = NOTES_REFUSED;
        return refused_status(guest);
    case WASI_HTTP_ANSWERED:
        guest->notes->end = NOTES_INCOMPLETE;
        site_log(guest->route,
                 "request %s: the guest returned before its response's body was finished; the "
                 "response is broken off",
                 id);
        return 500;
    default:
        guest->notes->end = NOTES_NO_HEAD;
        guest->notes->exit_code = exit_code;
        site_log(guest->route,
                 "request %s: the guest %s without a response; it has to call "
                 "response-outparam.set",
                 id, host_task_guest(guest->task)->has_exited ? "called exit" : "returned");
        return 500;
    }
}

static void on_end(void *context, const struct host_task_result *result)
{
    struct http_guest *guest = context;
    struct http_transaction *transaction = guest->transaction;
    const struct guest *inner = host_task_guest(guest->task);
    uint16_t status = 0;
    uint32_t retry_after_s = 0;
    if (transaction != NULL && result->error == -ENOSPC && guest->route->site->idle_count > 0) {
        start_again(guest);
        return;
    }
    if (transaction != NULL) {
        guest->notes->cpu_ns = result->cpu_ns;
        guest->notes->memory = result->memory;
    }
    if (result->end != TASK_EXITED) {
        const struct guest_failure *failure = guests_failure(result->end);
        guests_log_failure(guest->route, id_of(guest), failure->words, result->text);
        status = failure->status;
        retry_after_s = status == 503 ? RETRY_DEFAULT_S : 0;
        if (transaction != NULL) {
            guest->notes->end = failure->end;
        }
    } else if (transaction != NULL) {
        status = judge_return(guest, result->exit_code);
    } else if (!inner->has_exited && http_guest_may_wait(guest) &&
               wasi_http_inbound_state(guest->inbound) == WASI_HTTP_COMPLETE) {
        http_guest_wait(guest);
        return;
    }
    http_guest_release(guest);
    if (transaction != NULL) {
        http_transaction_fail(transaction, status, retry_after_s);
    }
}
