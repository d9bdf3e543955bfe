/* A request answered by a CGI guest: a fresh one for each, fed and emptied while it runs.
 *
 * Happy path:
 *   1. cgi_handle: the route has room, the body is not known to be too large; a task is made, given
 *      stdin, stdout and stderr, environment and arguments, and started
 *   2. the guest reads stdin: bytes of the body go from the front into its memory
 *   3. the guest writes stdout: the head is collected until its empty line, then the response begins;
 *      everything behind it goes from the guest's memory to the front
 *   4. on_end: the response is complete
 * When the front has nothing to read or takes no more, the guest's call waits, and on_readable or
 * on_writable wakes it: that is all of the back-pressure there is.
 *
 * Failure modes. What the guest writes is no head: 502. It ends without one: 502, or 500 and 504 for
 * traps and limits. It fails later: the response is broken off, so that nobody takes it for whole.
 * The body is too large: 413 as long as there is no head, else the guest's read fails. The peer
 * leaves: the guest is ended. An exit code behind a complete head changes nothing: it is logged.
 *
 * A guest cannot be ended from within its own call. What is decided there is kept as a verdict, the
 * call waits, and the loop's next turn carries it out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "guest/guest.h"
#include "guest/stream.h"
#include "handlers/cgi_env.h"
#include "handlers/cgi_log.h"
#include "handlers/guests.h"
#include "handlers/internal.h"
#include "host/task.h"

struct cgi_request {
    struct cgi_request *next; /* among the spare ones */
    struct site_route *route;
    struct http_transaction *transaction;     /* borrowed until it is over */
    struct notes *notes;                      /* the transaction's */
    struct host_task *task;                   /* owned */
    struct guest_stream *stdio[GUESTS_STDIO]; /* until dropped */
    struct cgi_head head;
    bool has_head;    /* the response has begun */
    bool is_dropping; /* past its Content-Length: that has been said */
    uint16_t verdict; /* the status to fail with in the next turn, or 0 */
    enum notes_end verdict_end;
    struct loop_deferred turn; /* carries the verdict out */
    struct cgi_log log;
};

static int64_t stdin_read(void *context, const struct iovec *pieces, int count);
static int64_t stdout_write(void *context, const struct iovec *pieces, int count);
static int64_t stderr_write(void *context, const struct iovec *pieces, int count);
static void on_readable(void *context);
static void on_writable(void *context);
static void on_verdict(struct loop_deferred *deferred);
static void on_abort(void *context);
static void on_end(void *context, const struct host_task_result *result);

/* -- requests --------------------------------------------------------------------------------- */

static void on_log_line(void *context, const char *line)
{
    const struct cgi_request *request = context;
    site_log(request->route, "%s", line);
}

static void on_guest_report(void *context, const char *line)
{
    const struct cgi_request *request = context;
    guests_report(request->route, line);
}

static struct cgi_request *take_request(struct site *site)
{
    struct cgi_request *request = site->spare_requests;
    if (request != NULL) {
        site->spare_requests = request->next;
        site->spare_request_count--;
        return request;
    }
    request = calloc(1, sizeof *request);
    if (request != NULL) {
        cgi_head_init(&request->head);
        loop_deferred_init(&request->turn, on_verdict);
    }
    return request;
}

static void free_request(struct cgi_request *request)
{
    cgi_head_done(&request->head);
    free(request);
}

/* End the guest and give the request back. What is done with the transaction comes after it: with
 * the last one of a site that leaves, the site goes. */
static void release(struct cgi_request *request)
{
    struct site *site = request->route->site;
    cgi_log_end(&request->log);
    loop_deferred_cancel(&request->turn);
    if (request->task != NULL) {
        host_task_usage(request->task, &request->notes->cpu_ns, &request->notes->memory);
    }
    host_task_free(request->task);
    request->task = NULL;
    guests_drop_stdio(request->stdio);
    guests_end(request->route);
    cgi_head_reset(&request->head);
    if (site->spare_request_count == SPARES_MAX) {
        free_request(request);
        return;
    }
    request->next = site->spare_requests;
    site->spare_requests = request;
    site->spare_request_count++;
}

void cgi_free_spares(struct site *site)
{
    while (site->spare_requests != NULL) {
        struct cgi_request *request = site->spare_requests;
        site->spare_requests = request->next;
        free_request(request);
    }
    site->spare_request_count = 0;
}

/* -- beginning -------------------------------------------------------------------------------- */

/* Make the guest. 0 or a negative errno; `err` says more where there is more to say. */
static int prepare(struct cgi_request *request, const struct site_request *asked, struct error *err)
{
    static const struct guest_stream_ops ops[GUESTS_STDIO] = {
        {.read = stdin_read}, {.write = stdout_write}, {.write = stderr_write}};
    const struct site_route *route = request->route;
    const struct host_task_options options = {
        .loop = route->site->options.loop,
        .program = route->program,
        .entry = route->entry,
        .max_cpu_ns = route->config->guest.cpu_ns,
        .max_wall_ns = route->config->guest.wall_ns,
        .on_end = on_end,
        .on_report = on_guest_report,
        .context = request,
    };
    int r = host_task_new(&options, &request->task, err);
    if (r < 0) {
        return r;
    }
    struct guest *guest = host_task_guest(request->task);
    r = guests_give_stdio(guest, ops, request, request->stdio);
    if (r == 0) {
        r = cgi_env_fill(asked, guest);
    }
    if (r == 0) {
        r = cgi_args_fill(asked, guest);
    }
    return r;
}

void cgi_handle(const struct site_request *asked)
{
    static const struct http_transaction_callbacks callbacks = {on_readable, on_writable, on_abort};
    struct error err;
    if (guests_refuse(asked)) {
        return;
    }
    error_init(&err);
    struct cgi_request *request = take_request(asked->route->site);
    if (request == NULL) {
        guests_answer_unstarted(asked, -ENOMEM, &err);
        return;
    }
    request->route = asked->route;
    request->transaction = asked->transaction;
    request->notes = asked->notes;
    request->has_head = false;
    request->is_dropping = false;
    request->verdict = 0;
    cgi_log_init(&request->log, asked->route->config->guest.output_max, on_log_line, request);
    guests_begin(request->route);
    int r = prepare(request, asked, &err);
    if (r < 0) {
        release(request);
        guests_answer_unstarted(asked, r, &err);
        return;
    }
    http_transaction_attach(asked->transaction, &callbacks, request);
    host_task_start(request->task);
}

/* -- within the guest's calls ------------------------------------------------------------------ */

/* Have the request fail with a status as soon as the guest's call is left. The call waits. */
static int64_t decide(struct cgi_request *request, uint16_t status, enum notes_end end)
{
    if (request->verdict == 0) {
        request->verdict = status;
        request->verdict_end = end;
        loop_defer(request->route->site->options.loop, &request->turn);
    }
    return -EAGAIN;
}

static int64_t fail_read(struct cgi_request *request, int64_t n)
{
    if (n == -EAGAIN) {
        return n;
    }
    if (n == -EMSGSIZE) {
        return request->has_head ? -EFBIG : decide(request, 413, NOTES_TOO_LARGE);
    }
    if (n == -EPROTO && !request->has_head) {
        return decide(request, 400, NOTES_BAD_BODY);
    }
    return -EIO;
}

static int64_t stdin_read(void *context, const struct iovec *pieces, int count)
{
    struct cgi_request *request = context;
    int64_t total = 0;
    if (request->verdict != 0) {
        return -EAGAIN;
    }
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0) {
            continue;
        }
        int64_t n =
            http_transaction_read(request->transaction, pieces[i].iov_base, pieces[i].iov_len);
        if (n < 0 && total == 0) {
            return fail_read(request, n);
        }
        total += n > 0 ? n : 0;
        if (n < 0 || (size_t)n < pieces[i].iov_len) {
            break; /* what stopped it is told by the next call */
        }
    }
    return total;
}

static int64_t refuse_head(struct cgi_request *request, const char *why)
{
    site_log(request->route,
             "request %s: the guest's response has no valid head: %s (a head is lines \"Name: "
             "value\", such as Content-Type, and an empty line)",
             http_transaction_id(request->transaction), why);
    return decide(request, 502, NOTES_BAD_HEAD);
}

/* The head is complete: begin the response. 0 or what the call answers. */
static int64_t begin_response(struct cgi_request *request)
{
    struct cgi_answer *answer = &request->route->site->answer;
    if (cgi_head_parse(&request->head, answer) < 0) {
        return refuse_head(request, answer->why);
    }
    const struct http_outbound outbound = {
        .status = answer->status,
        .headers = answer->headers,
        .header_count = answer->header_count,
        .length = answer->length,
    };
    int r = site_respond(request->route, request->transaction, &outbound);
    if (r == -EINVAL || r == -EMSGSIZE) {
        return refuse_head(request, r == -EINVAL ? "it cannot be sent" : "it is too large");
    }
    if (r == -EPIPE) {
        return r;
    }
    if (r < 0) {
        return decide(request, 500, NOTES_BROKEN);
    }
    request->has_head = true;
    return 0;
}

static int64_t write_content(struct cgi_request *request, const uint8_t *bytes, size_t len)
{
    int64_t n = http_transaction_write(request->transaction, bytes, len);
    if (n == -EMSGSIZE) {
        if (!request->is_dropping) {
            request->is_dropping = true;
            site_log(request->route,
                     "request %s: the guest writes more than its Content-Length said; the rest is "
                     "not sent",
                     http_transaction_id(request->transaction));
        }
        return -EFBIG;
    }
    return n < 0 && n != -EAGAIN ? -EPIPE : n;
}

/* Write one piece. The bytes taken, -EAGAIN or what the call answers. */
static int64_t write_piece(struct cgi_request *request, const uint8_t *bytes, size_t len)
{
    size_t used = 0;
    if (!request->has_head) {
        int r = cgi_head_feed(&request->head, (struct span){bytes, len}, &used);
        if (r == -EMSGSIZE) {
            return refuse_head(request, "it is longer than 64 KiB");
        }
        if (r < 0) {
            return decide(request, 500, NOTES_BROKEN);
        }
        if (r == 0) {
            return (int64_t)len;
        }
        int64_t begun = begin_response(request);
        if (begun < 0) {
            return begun;
        }
    }
    if (used == len) {
        return (int64_t)len;
    }
    int64_t n = write_content(request, bytes + used, len - used);
    if (n < 0) {
        return used > 0 ? (int64_t)used : n; /* the head's bytes have been taken */
    }
    return (int64_t)used + n;
}

static int64_t stdout_write(void *context, const struct iovec *pieces, int count)
{
    struct cgi_request *request = context;
    int64_t total = 0;
    if (request->verdict != 0) {
        return -EAGAIN;
    }
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0) {
            continue;
        }
        int64_t n = write_piece(request, pieces[i].iov_base, pieces[i].iov_len);
        if (n < 0) {
            return total > 0 && request->verdict == 0 ? total : n;
        }
        total += n;
        if ((size_t)n < pieces[i].iov_len) {
            break;
        }
    }
    return total;
}

static int64_t stderr_write(void *context, const struct iovec *pieces, int count)
{
    struct cgi_request *request = context;
    return cgi_log_write_pieces(&request->log, pieces, count);
}

/* -- from the loop ----------------------------------------------------------------------------- */

static void on_readable(void *context)
{
    struct cgi_request *request = context;
    guest_stream_ready(request->stdio[0], LOOP_READ);
}

static void on_writable(void *context)
{
    struct cgi_request *request = context;
    guest_stream_ready(request->stdio[1], LOOP_WRITE);
}

static void on_verdict(struct loop_deferred *deferred)
{
    struct cgi_request *request = container_of(deferred, struct cgi_request, turn);
    struct http_transaction *transaction = request->transaction;
    uint16_t status = request->verdict;
    request->notes->end = request->verdict_end;
    release(request);
    http_transaction_fail(transaction, status, 0);
}

static void on_abort(void *context)
{
    struct cgi_request *request = context;
    request->notes->end = request->verdict != 0 ? request->verdict_end : NOTES_CANCELLED;
    release(request);
}

/* The guest has returned or called proc_exit. Gives the status to fail with, or 0. */
static uint16_t judge_exit(struct cgi_request *request, int exit_code)
{
    const char *id = http_transaction_id(request->transaction);
    if (request->verdict != 0) {
        request->notes->end = request->verdict_end;
        return request->verdict;
    }
    request->notes->end = exit_code == 0 ? NOTES_EXITED : NOTES_EXIT_CODE;
    if (request->has_head) {
        if (exit_code != 0) {
            site_log(request->route, "request %s: the guest ended with exit code %d", id,
                     exit_code);
        }
        return 0;
    }
    site_log(request->route,
             "request %s: the guest ended with exit code %d before its response's head was "
             "complete; it must write headers and an empty line to stdout",
             id, exit_code);
    request->notes->end = NOTES_NO_HEAD;
    return 502;
}

static void on_end(void *context, const struct host_task_result *result)
{
    struct cgi_request *request = context;
    struct http_transaction *transaction = request->transaction;
    uint16_t status = 0;
    uint32_t retry_after_s = 0;
    request->notes->exit_code = result->exit_code;
    if (result->end == TASK_EXITED) {
        status = judge_exit(request, result->exit_code);
    } else {
        const struct guest_failure *failure = guests_failure(result->end);
        request->notes->end = failure->end;
        guests_log_failure(request->route, http_transaction_id(transaction), failure->words,
                           result->text);
        status = failure->status;
        if (result->error == -ENOSPC) {
            wasi_http_end_waiting(request->route->site); /* for the next one */
        }
        retry_after_s = status == 503 ? RETRY_DEFAULT_S : 0;
    }
    release(request);
    if (status != 0) {
        http_transaction_fail(transaction, status, retry_after_s);
    } else {
        http_transaction_end(transaction, NULL /* trailers */, 0);
    }
}
