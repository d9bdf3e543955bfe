/* /metrics, /healthz, /readyz and the status page. See admin.h. Its front has tight limits, it holds
 * no guest, and of all that hythe has it can only read the board. */
#include "serve/admin.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/container.h"
#include "http/server.h"
#include "loop/loop.h"
#include "serve/child.h"
#include "serve/control.h"
#include "serve/metrics.h"
#include "serve/sandbox.h"
#include "serve/status.h"

enum { PAGE_MAX = 64 << 20, SAMPLE_NS = 1000000000 };

#define DRAIN_NS (2 * UINT64_C(1000000000))

#define SECONDS(n) ((uint64_t)(n)*1000000000)

struct admin {
    struct board *board; /* borrowed */
    struct loop *loop;   /* owned, as all below */
    struct http_server *server;
    struct board_row *rows; /* of the last sum */
    struct board_totals totals;
    struct metrics metrics;
    struct status *status;
    struct loop_signal terminate;
    struct loop_timer sample;
    struct loop_timer drain_limit;
    uint64_t sample_due_ns;
    bool has_ended;
};

/* -- answers ---------------------------------------------------------------------------------- */

static void take_sum(struct admin *admin)
{
    admin->metrics.row_count =
        board_sum(admin->board, &admin->totals, admin->rows, BOARD_ROUTES_MAX);
}

static struct http_header header(const char *name, const char *value)
{
    return (struct http_header){.name = span_of(name), .value = span_of(value)};
}

static void respond(struct http_transaction *transaction, uint16_t status, const char *type,
                    struct span content)
{
    const struct http_header headers[] = {
        header("Content-Type", type),
        header("Cache-Control", "no-store"),
        header("X-Content-Type-Options", "nosniff"),
        header("X-Frame-Options", "DENY"),
        header("Referrer-Policy", "no-referrer"),
        header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    };
    struct http_outbound outbound = {.status = status,
                                     .headers = headers,
                                     .header_count = ARRAY_COUNT(headers),
                                     .length = (int64_t)content.len};
    http_transaction_respond_all(transaction, &outbound, content);
}

static void answer_page(struct admin *admin, struct http_transaction *transaction, bool is_metrics)
{
    struct buffer page;
    buffer_init(&page, PAGE_MAX);
    take_sum(admin);
    int r = is_metrics ? metrics_write(&admin->metrics, &page)
                       : status_write(admin->status, &admin->metrics, &page);
    if (r < 0) {
        http_transaction_fail(transaction, 500, /* retry_after_s */ 0);
    } else {
        respond(transaction, 200,
                is_metrics ? "text/plain; version=0.0.4; charset=utf-8"
                           : "text/html; charset=utf-8",
                buffer_span(&page));
    }
    buffer_done(&page);
}

static void answer_ready(const struct admin *admin, struct http_transaction *transaction)
{
    const struct board_head *head = admin->board->head;
    bool is_ready = board_get(&head->state) == BOARD_READY && board_get(&head->workers_ready) > 0;
    respond(transaction, is_ready ? 200 : 503, "text/plain; charset=utf-8",
            span_of(is_ready ? "ready\n" : "not ready\n"));
}

static void refuse_method(struct http_transaction *transaction)
{
    static const char words[] = "only GET and HEAD\n";
    const struct http_header headers[] = {header("Allow", "GET, HEAD"),
                                          header("Content-Type", "text/plain; charset=utf-8")};
    struct http_outbound outbound = {.status = 405,
                                     .headers = headers,
                                     .header_count = ARRAY_COUNT(headers),
                                     .length = sizeof words - 1};
    http_transaction_respond_all(transaction, &outbound, span_of(words));
}

static void on_request(void *context, struct http_transaction *transaction)
{
    struct admin *admin = context;
    const struct http_inbound *inbound = http_transaction_inbound(transaction);
    if (!span_is(inbound->method, "GET") && !span_is(inbound->method, "HEAD")) {
        refuse_method(transaction);
    } else if (span_is(inbound->path, "/metrics")) {
        answer_page(admin, transaction, /* is_metrics */ true);
    } else if (span_is(inbound->path, "/")) {
        answer_page(admin, transaction, /* is_metrics */ false);
    } else if (span_is(inbound->path, "/healthz")) {
        respond(transaction, 200, "text/plain; charset=utf-8", span_of("alive\n"));
    } else if (span_is(inbound->path, "/readyz")) {
        answer_ready(admin, transaction);
    } else {
        http_transaction_fail(transaction, 404, /* retry_after_s */ 0);
    }
}

/* -- the process ------------------------------------------------------------------------------ */

static void on_sample(struct loop_timer *timer)
{
    struct admin *admin = container_of(timer, struct admin, sample);
    take_sum(admin);
    status_take(admin->status, &admin->metrics);
    admin->sample_due_ns += SAMPLE_NS;
    if (admin->sample_due_ns < loop_clock_ns()) {
        admin->sample_due_ns = loop_clock_ns() + SAMPLE_NS; /* the machine slept */
    }
    (void)loop_timer_start(admin->loop, timer, admin->sample_due_ns, on_sample);
}

static void on_drained(void *context)
{
    struct admin *admin = context;
    admin->has_ended = true;
}

static void on_drain_limit(struct loop_timer *timer)
{
    container_of(timer, struct admin, drain_limit)->has_ended = true;
}

/* After an upgrade another one answers; what was asked here is still answered here. */
static void on_terminate(struct loop_signal *signal)
{
    struct admin *admin = container_of(signal, struct admin, terminate);
    if (admin->drain_limit.loop != NULL) {
        return; /* it is draining */
    }
    http_server_drain(admin->server, on_drained);
    if (loop_timer_start(admin->loop, &admin->drain_limit, loop_clock_ns() + DRAIN_NS,
                         on_drain_limit) < 0) {
        admin->has_ended = true; /* rather than never */
    }
}

static int make_server(struct admin *admin, struct error *err)
{
    struct http_server_options options = {
        .loop = admin->loop,
        .timeouts = {.tls_ns = SECONDS(5),
                     .header_ns = SECONDS(5),
                     .body_ns = SECONDS(5),
                     .write_ns = SECONDS(5),
                     .idle_ns = SECONDS(30)},
        .limits = {.head_max = 8192,
                   .target_max = 1024,
                   .header_max = 64,
                   .connections = 64,
                   .requests = 32,
                   .http2_streams = 8},
        .server_name = "hythe",
        .context = admin,
        .on_request = on_request,
    };
    return http_server_new(&options, &admin->server, err);
}

static int prepare(struct admin *admin, const struct admin_options *options, struct error *err)
{
    struct sandbox_options sandbox = {.user = options->user,
                                      .group = options->group,
                                      .is_off = options->no_sandbox,
                                      .is_strict = true};
    char text[SANDBOX_TEXT_MAX];
    int r = loop_new(&admin->loop);
    admin->rows = calloc(BOARD_ROUTES_MAX, sizeof *admin->rows);
    admin->status = calloc(1, sizeof *admin->status);
    if (r < 0 || admin->rows == NULL || admin->status == NULL) {
        return error_set_errno(err, r < 0 ? r : -ENOMEM, "preparing the admin listener");
    }
    admin->metrics =
        (struct metrics){.board = admin->board, .totals = &admin->totals, .rows = admin->rows};
    r = board_protect(admin->board);
    if (r == 0) {
        r = loop_signal_start(admin->loop, &admin->terminate, SIGTERM, on_terminate);
    }
    if (r < 0) {
        return error_set_errno(err, r, "preparing the admin listener");
    }
    r = make_server(admin, err);
    if (r == 0) {
        struct http_listener_options listener = {.fd = options->listener_fd};
        r = http_server_listen(admin->server, &listener, err);
    }
    if (r == 0) {
        r = sandbox_apply(&sandbox, text, err);
        child_follow_parent();
    }
    return r;
}

/* The loop goes with the process. */
static void admin_done(struct admin *admin)
{
    http_server_free(admin->server);
    free(admin->rows);
    free(admin->status);
}

int admin_run(void *options, int control_fd)
{
    const struct admin_options *given = options;
    struct admin admin = {.board = given->board};
    struct error err = {0};
    int r = prepare(&admin, given, &err);
    if (r < 0) {
        (void)control_send(control_fd, CONTROL_FAILED, err.exit, err.text, -1); /* or it has gone */
        admin_done(&admin);
        return 1;
    }
    r = control_send(control_fd, CONTROL_READY, 0, NULL, -1);
    admin.sample_due_ns = loop_clock_ns();
    on_sample(&admin.sample);
    while (r == 0 && !admin.has_ended) {
        r = loop_turn(admin.loop, LOOP_NEVER);
    }
    admin_done(&admin);
    return r < 0;
}
