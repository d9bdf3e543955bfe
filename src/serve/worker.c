/* A worker's life. See worker.h.
 *
 *   1. TLS contexts, the site and the log are made while the process may still open files
 *   2. the sandbox closes behind it
 *   3. it tells the master that it is ready, and accepts when the master says so
 *   4. SIGTERM: it accepts no more, finishes what is under way, and ends; at the latest after the
 *      grace
 *
 * What goes wrong before it is ready goes to the master, which says it. */
#include "serve/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/num.h"
#include "handlers/notes.h"
#include "handlers/site.h"
#include "host/ticker.h"
#include "http/curl.h"
#include "http/nghttp2.h"
#include "hythe/version.h"
#include "loop/loop.h"
#include "serve/access_log.h"
#include "serve/child.h"
#include "serve/control.h"
#include "serve/front.h"
#include "serve/line_limit.h"
#include "serve/sandbox.h"
#include "serve/traces.h"

enum { LOG_FLUSH_NS = 250000000, GAUGES_NS = 500000000 };

#define SOFTWARE "hythe/" HYTHE_VERSION

struct worker {
    const struct worker_options *options; /* borrowed */
    int control_fd;                       /* borrowed */
    struct loop *loop;                    /* owned, as all below */
    struct site *site;
    struct http_server *server;
    struct front_listener *fronts;
    uint32_t front_count;
    struct host_ticker ticker;
    struct access_log log;
    struct traces *traces;   /* NULL: nobody wants any */
    struct board_slot *slot; /* mapped, or `own_slot` */
    struct board_slot *own_slot;
    struct line_limit lines;

    struct loop_signal terminate;
    struct loop_io control;
    struct loop_timer flush;
    struct loop_timer gauges;
    struct loop_timer grace;
    bool is_loader;
    bool may_accept; /* the master has said so */
    bool is_draining;
    bool has_ended;
    bool has_site_gone;
};

static void on_control(struct loop_io *io, unsigned events);
static void on_terminate(struct loop_signal *signal);
static void on_drained(void *context);

/* -- lines for the operator ------------------------------------------------------------------- */

/* Refusals of the policy name the flag which would allow it. */
static void on_refusal(void *context, const char *line)
{
    struct worker *worker = context;
    static const char *const words[BOARD_REFUSALS] = {
        [BOARD_REFUSED_RESOLVE] = "refused: look up ",
        [BOARD_REFUSED_HTTP] = "; to allow it: --allow-http",
        [BOARD_REFUSED_CONNECT] = "; to allow it: --allow-connect",
        [BOARD_REFUSED_LISTEN] = "; to allow it: --allow-listen",
        [BOARD_REFUSED_OTHER] = "; to allow it: ",
    };
    if (worker->slot == NULL) {
        return; /* the loader, which runs no requests */
    }
    for (size_t i = 0; i < BOARD_REFUSALS; i++) {
        if (strstr(line, words[i]) != NULL) {
            board_add(&worker->slot->totals.refusals[i], 1);
            return;
        }
    }
}

static void on_site_line(void *context, const char *line)
{
    struct worker *worker = context;
    uint64_t withheld = 0;
    if (worker->is_loader) {
        (void)control_send(worker->control_fd, CONTROL_LINE, 0, line, -1); /* or nobody cares */
        return;
    }
    if (worker->slot == NULL) {
        return; /* the loader has said it */
    }
    if (!line_limit_take(&worker->lines, loop_clock_ns(), &withheld)) {
        board_add(&worker->slot->totals.lines_withheld, 1);
        return;
    }
    if (withheld > 0) {
        log_line("%llu lines of guests were withheld: more than %d in a second",
                 (unsigned long long)withheld, LINE_LIMIT_PER_SECOND);
    }
    log_line("%s", line);
}

static void on_server_line(void *context, const char *line)
{
    on_site_line(context, line);
}

/* -- requests --------------------------------------------------------------------------------- */

static struct board_row *row_of(struct worker *worker, const struct notes *notes)
{
    const struct worker_options *options = worker->options;
    bool is_known =
        notes != NULL && notes->route >= 0 && (uint32_t)notes->route < options->row_count;
    uint32_t row = is_known ? options->rows[notes->route] : 0;
    return &worker->slot->rows[row];
}

static void count(struct worker *worker, const struct http_report *report,
                  const struct notes *notes)
{
    struct board_row *row = row_of(worker, notes);
    uint32_t class = report->status / 100U;
    uint64_t duration = report->end_ns > report->begin_ns ? report->end_ns - report->begin_ns : 0;
    board_add(&row->by_class[class < BOARD_CLASSES ? class : 0], 1);
    board_count_duration(row, duration);
    board_add(&row->body_in, report->body_in);
    board_add(&row->body_out, report->body_out);
    if ((unsigned)report->outcome < BOARD_OUTCOMES) {
        board_add(&worker->slot->totals.outcomes[report->outcome], 1);
    }
    if (notes != NULL) {
        board_add(&row->cpu_ns, notes->cpu_ns);
        board_add(&row->ends[notes->end < NOTES_END_COUNT ? notes->end : 0], 1);
        if (notes->memory > row->memory_peak) {
            board_set(&row->memory_peak, notes->memory);
        }
    }
}

static void on_flush(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, flush);
    int r = access_log_flush(&worker->log);
    if (r < 0) {
        log_line("the access log cannot be written, its lines are lost: %s", strerror(-r));
    }
    board_set(&worker->slot->totals.log_lost, worker->log.lost);
    if (worker->log.len > 0) {
        (void)loop_timer_start(worker->loop, timer, loop_clock_ns() + LOG_FLUSH_NS, on_flush);
    }
}

static void write_log(struct worker *worker, const struct access_entry *entry)
{
    access_log_add(&worker->log, entry);
    if (worker->flush.loop == NULL) {
        /* Without memory for a timer the lines go out when the buffer is full. */
        (void)loop_timer_start(worker->loop, &worker->flush, loop_clock_ns() + LOG_FLUSH_NS,
                               on_flush);
    }
}

static void tell(struct worker *worker, struct http_transaction *transaction,
                 const struct http_report *report, const struct notes *notes)
{
    bool needs_id = worker->log.format == SERVE_LOG_JSON || worker->traces != NULL;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    struct access_entry entry = {
        .inbound = http_transaction_inbound(transaction),
        .report = report,
        .notes = notes,
        .id = needs_id ? http_transaction_id(transaction) : "",
        .now_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec,
    };
    if (worker->log.fd >= 0) {
        write_log(worker, &entry);
    }
    if (worker->traces != NULL) {
        traces_add(worker->traces, &entry);
    }
}

static void on_request(void *context, struct http_transaction *transaction)
{
    struct worker *worker = context;
    site_on_request(worker->site, transaction);
}

static void on_done(void *context, struct http_transaction *transaction,
                    const struct http_report *report)
{
    struct worker *worker = context;
    const struct notes *notes = notes_of(transaction);
    count(worker, report, notes);
    if (worker->log.fd >= 0 || worker->traces != NULL) {
        tell(worker, transaction, report, notes);
    }
    site_on_done(transaction);
}

/* -- numbers ---------------------------------------------------------------------------------- */

static void set_gauges(struct worker *worker)
{
    struct board_totals *totals = &worker->slot->totals;
    struct http_counts counts;
    uint64_t running = 0;
    http_server_count(worker->server, &counts);
    board_set(&totals->accepted, counts.accepted);
    board_set(&totals->gave_way, counts.gave_way);
    board_set(&totals->refused_address, counts.refused_address);
    board_set(&totals->bad_requests, counts.bad_requests);
    board_set(&totals->tls_failures, counts.tls_failures);
    for (size_t i = 0; i < BOARD_TIMEOUTS; i++) {
        board_set(&totals->timed_out[i], counts.timed_out[i]);
    }
    board_set(&totals->connections[BOARD_HANDSHAKE], counts.handshaking);
    board_set(&totals->connections[BOARD_HEAD], counts.reading_head);
    board_set(&totals->connections[BOARD_ACTIVE], counts.active);
    board_set(&totals->connections[BOARD_IDLE], counts.idle);
    board_set(&totals->requests, counts.requests);
    for (uint32_t i = 0; worker->site != NULL && i < worker->options->row_count; i++) {
        uint32_t now = site_route_running(worker->site, i);
        board_set(&worker->slot->rows[worker->options->rows[i]].running, now);
        running += now;
    }
    board_set(&totals->pool_in_use, running);
}

static void on_gauges(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, gauges);
    set_gauges(worker);
    (void)loop_timer_start(worker->loop, timer, loop_clock_ns() + GAUGES_NS, on_gauges);
}

/* -- making ----------------------------------------------------------------------------------- */

static void on_site_free(void *context)
{
    struct worker *worker = context;
    worker->has_site_gone = true;
}

static int make_fronts(struct worker *worker, struct error *err)
{
    const struct worker_options *options = worker->options;
    const struct serve_config *config = options->config;
    uint32_t wanted = options->listener_count > config->listener_count ? options->listener_count
                                                                       : config->listener_count;
    worker->fronts = calloc(wanted + (size_t)1, sizeof *worker->fronts);
    if (worker->fronts == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing the listeners");
    }
    for (uint32_t i = 0; i < wanted; i++) {
        const struct serve_listener *listener =
            i < config->listener_count ? &config->listeners[i] : NULL;
        int r = front_listener_init(config, listener, &worker->fronts[i], err);
        if (r < 0) {
            return r;
        }
        worker->front_count++;
    }
    return 0;
}

/* What is opened when it is first needed has to be opened before the sandbox closes. */
static int open_libraries(const struct worker *worker, struct error *err)
{
    struct nghttp2 nghttp2;
    struct curl_library curl; /* stays open as long as the process */
    int r = 0;
    for (uint32_t i = 0; i < worker->front_count && r == 0; i++) {
        r = worker->fronts[i].offers_h2 ? nghttp2_open(&nghttp2, err) : 0;
    }
    if (r == 0 && sandbox_has_egress(worker->options->config)) {
        r = curl_library_open(&curl, err);
    }
    return r;
}

static int make_site(struct worker *worker, struct error *err)
{
    struct site_options options = {.loop = worker->loop,
                                   .config = worker->options->config,
                                   .seen = worker->options->seen,
                                   .software = SOFTWARE,
                                   .context = worker,
                                   .on_log = on_site_line,
                                   .on_refusal = on_refusal,
                                   .on_free = on_site_free};
    return site_new(&options, &worker->site, err);
}

static int make_slot(struct worker *worker, struct error *err)
{
    int r = 0;
    if (worker->options->slot != 0) {
        r = board_open_slot(worker->options->board, worker->options->slot, &worker->slot);
    } else {
        board_done(worker->options->board); /* of it, nothing is for this process */
        worker->own_slot = calloc(1, sizeof *worker->own_slot);
        worker->slot = worker->own_slot;
        r = worker->slot == NULL ? -ENOMEM : 0;
    }
    if (r == 0) {
        board_set(&worker->slot->totals.pool_size, worker->options->config->limits.requests);
    }
    return r < 0 ? error_set_errno(err, r, "opening the board") : 0;
}

static int make_server(struct worker *worker, struct error *err)
{
    const struct serve_config *config = worker->options->config;
    struct http_server_options options = {.loop = worker->loop,
                                          .timeouts = front_timeouts(config),
                                          .limits = front_limits(config),
                                          .server_name = "hythe",
                                          .context = worker,
                                          .on_request = on_request,
                                          .on_done = on_done,
                                          .on_report = on_server_line};
    return http_server_new(&options, &worker->server, err);
}

static int watch(struct worker *worker, struct error *err)
{
    int r = loop_signal_start(worker->loop, &worker->terminate, SIGTERM, on_terminate);
    if (r == 0) {
        r = loop_io_start_level(worker->loop, &worker->control, worker->control_fd, LOOP_READ,
                                on_control);
    }
    return r < 0 ? error_set_errno(err, r, "watching for signals") : 0;
}

static int confine(struct worker *worker, char *text, struct error *err)
{
    const struct serve_config *config = worker->options->config;
    struct sandbox_path *paths = NULL;
    struct sandbox_options options = {.user = config->user,
                                      .group = config->group,
                                      .is_off = config->no_sandbox,
                                      .may_connect = sandbox_has_egress(config),
                                      .may_listen = sandbox_has_listeners(config)};
    int r = sandbox_paths_new(config, &paths, &options.path_count);
    if (r < 0) {
        return error_set_errno(err, r, "preparing the sandbox");
    }
    options.paths = paths;
    r = sandbox_apply(&options, text, err);
    free(paths);
    child_follow_parent();
    return r;
}

static int prepare(struct worker *worker, char *text, struct error *err)
{
    int r = loop_new(&worker->loop);
    if (r < 0) {
        return error_set_errno(err, r, "making a loop");
    }
    r = make_slot(worker, err);
    if (r == 0) {
        r = make_fronts(worker, err);
    }
    if (r == 0) {
        r = make_site(worker, err);
    }
    if (r == 0) {
        r = open_libraries(worker, err);
    }
    if (r == 0 && site_engine(worker->site) != NULL) {
        r = host_ticker_start(&worker->ticker, site_engine(worker->site), err);
    }
    if (r == 0) {
        r = make_server(worker, err);
    }
    if (r == 0) {
        r = access_log_init(&worker->log, worker->options->log_fd,
                            worker->options->config->log.format);
        (void)(r < 0 ? error_set_errno(err, r, "preparing the access log") : 0);
    }
    if (r == 0 && worker->options->config->otlp != NULL) {
        r = traces_new(worker->loop, worker->options->config->otlp, &worker->traces, err);
    }
    if (r == 0) {
        r = watch(worker, err);
    }
    return r == 0 ? confine(worker, text, err) : r;
}

/* -- serving ---------------------------------------------------------------------------------- */

static void accept_peers(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    for (uint32_t i = 0; i < options->listener_count && !worker->is_draining; i++) {
        const struct front_listener *front = &worker->fronts[i];
        struct http_listener_options listener = {
            .fd = options->listener_fds[i],
            .tls = front->tls,
            .offers_h2 = front->offers_h2,
            .sends_proxy = front->sources != NULL ? front_sends_proxy : NULL,
            .proxy_context = front->sources,
        };
        struct error err = {0};
        if (http_server_listen(worker->server, &listener, &err) < 0) {
            log_line("worker %u cannot accept: %s", options->number, err.text);
            worker->has_ended = true; /* the master starts another one */
            return;
        }
    }
    if (options->config->admin != NULL) {
        on_gauges(&worker->gauges); /* otherwise nobody looks */
    }
}

static void take_message(struct worker *worker, const struct control_message *message)
{
    if (message->kind == CONTROL_GO) {
        worker->may_accept = true;
        accept_peers(worker);
    } else if (message->kind == CONTROL_LOG && message->fd >= 0) {
        access_log_move(&worker->log, message->fd);
    } else if (message->fd >= 0) {
        (void)close(message->fd); /* not asked for */
    }
}

static void on_control(struct loop_io *io, unsigned events)
{
    struct worker *worker = container_of(io, struct worker, control);
    struct control_message message;
    int r = 1;
    (void)events;
    while (r > 0) {
        r = control_receive(io->fd, &message);
        if (r > 0) {
            take_message(worker, &message);
        }
    }
    if (r != -EAGAIN) {
        /* The master has gone, and SIGTERM follows; or it has become another program, which sends
         * SIGTERM when it does not need this worker any more. One that has not been told to accept
         * never would be. */
        loop_io_stop(io);
        worker->has_ended = worker->has_ended || !worker->may_accept;
    }
}

static void on_grace(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, grace);
    struct http_counts counts;
    http_server_count(worker->server, &counts);
    if (counts.requests > 0) {
        log_line("worker %u: %u requests were still under way after the grace and are cut",
                 worker->options->number, counts.requests);
    }
    worker->has_ended = true;
}

static void on_terminate(struct loop_signal *signal)
{
    struct worker *worker = container_of(signal, struct worker, terminate);
    const struct worker_options *options = worker->options;
    if (worker->is_draining) {
        return;
    }
    worker->is_draining = true;
    http_server_drain(worker->server, on_drained);
    for (uint32_t i = 0; i < options->listener_count; i++) {
        (void)close(options->listener_fds[i]); /* a copy; the master may have another */
    }
    (void)control_send(worker->control_fd, CONTROL_CLOSED, 0, NULL, -1); /* it may have gone */
    if (loop_timer_start(worker->loop, &worker->grace,
                         num_add_sat(loop_clock_ns(), options->config->grace_ns), on_grace) < 0) {
        worker->has_ended = true; /* rather than never */
    }
}

static void on_traces_sent(void *context)
{
    struct worker *worker = context;
    worker->has_ended = true;
}

static void on_drained(void *context)
{
    struct worker *worker = context;
    if (worker->traces == NULL || traces_finish(worker->traces, on_traces_sent, worker)) {
        worker->has_ended = true;
    }
}

static void finish(struct worker *worker)
{
    if (worker->server != NULL && worker->slot != NULL) {
        set_gauges(worker);
    }
    http_server_free(worker->server);
    worker->server = NULL;
    traces_free(worker->traces);
    host_ticker_stop(&worker->ticker); /* it ticks the site's engine */
    site_free(worker->site);
    worker->site = NULL;
    if (worker->slot != NULL) {
        on_flush(&worker->flush);
    }
    for (uint32_t i = 0; i < worker->front_count; i++) {
        front_listener_done(&worker->fronts[i]);
    }
    free(worker->fronts);
    access_log_done(&worker->log);
}

int worker_run(void *options, int control_fd)
{
    struct worker worker = {.options = options, .control_fd = control_fd, .log = {.fd = -1}};
    struct error err = {0};
    char text[SANDBOX_TEXT_MAX] = "";
    int r = prepare(&worker, text, &err);
    if (r < 0) {
        (void)control_send(control_fd, CONTROL_FAILED, err.exit, err.text, -1); /* or it has gone */
        finish(&worker);
        return 1;
    }
    r = control_send(control_fd, CONTROL_READY, 0, text, -1);
    while (r == 0 && !worker.has_ended) {
        r = loop_turn(worker.loop, LOOP_NEVER);
    }
    bool has_drained = worker.is_draining && r == 0;
    finish(&worker);
    return has_drained ? 0 : 1;
}

/* -- the loader ------------------------------------------------------------------------------- */

static int check_paths(const struct worker *worker, struct error *err)
{
    const struct serve_config *config = worker->options->config;
    return config->user != NULL ? sandbox_find_user(config->user, config->group, NULL, err) : 0;
}

uint64_t loader_cpu_seconds(const struct serve_config *config)
{
    uint64_t ns = config->limits.compile_cpu_ns;
    return ns / 1000000000 + (ns % 1000000000 != 0);
}

/* A module that compiles for ever must not; the master says what SIGXCPU meant. */
static void limit_cpu(const struct serve_config *config)
{
    rlim_t seconds = (rlim_t)loader_cpu_seconds(config);
    const struct rlimit cpu = {.rlim_cur = seconds, .rlim_max = RLIM_INFINITY};
    const struct rlimit core = {.rlim_cur = 0, .rlim_max = 0};
    if (seconds > 0) {
        (void)setrlimit(RLIMIT_CPU, &cpu);   /* without it compiling takes as long as it takes */
        (void)setrlimit(RLIMIT_CORE, &core); /* the signal's other effect, of no use to anybody */
    }
}

int loader_run(void *options, int control_fd)
{
    struct worker worker = {
        .options = options, .control_fd = control_fd, .log = {.fd = -1}, .is_loader = true};
    struct error err = {0};
    limit_cpu(worker.options->config);
    int r = loop_new(&worker.loop);
    r = r < 0 ? error_set_errno(&err, r, "making a loop") : make_fronts(&worker, &err);
    if (r == 0) {
        r = check_paths(&worker, &err);
    }
    if (r == 0) {
        r = make_site(&worker, &err);
    }
    for (uint32_t i = 0; r == 0 && i < site_route_count(worker.site); i++) {
        r = control_send(control_fd, CONTROL_ROUTE, 0, site_route_name(worker.site, i), -1);
        (void)(r < 0 ? error_set_errno(&err, r, "telling the routes to the master") : 0);
    }
    if (r < 0) {
        (void)control_send(control_fd, CONTROL_FAILED, err.exit, err.text, -1); /* or it has gone */
    } else {
        r = control_send(control_fd, CONTROL_READY, 0, NULL, -1);
    }
    finish(&worker);
    return r < 0;
}
