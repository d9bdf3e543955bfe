/* Gathering spans and sending them. See traces.h.
 *
 *   add -> (a second, or a batch) -> send -> on_event -> settle -> send what has come meanwhile
 */
#include "serve/traces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/container.h"
#include "base/log.h"
#include "http/client.h"
#include "hythe/version.h"
#include "net/names.h"
#include "serve/access_log.h"
#include "serve/trace_context.h"

enum {
    ROOM = 1 << 20,         /* bytes of spans that wait */
    BATCH = 64 << 10,       /* bytes that are not made to wait any longer */
    ANSWER_MAX = 64 << 10,  /* bytes of the collector's answer, which nobody reads */
    BODY_ROOM = ROOM + 512, /* with what stands around the spans */
};

#define SECOND_NS UINT64_C(1000000000)
#define FINISH_NS (2 * SECOND_NS)
#define TIMEOUT_NS (10 * SECOND_NS)

#define BODY_BEGIN                                                                                 \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":["                                          \
    "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"hythe\"}},"                            \
    "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"" HYTHE_VERSION "\"}}]},"           \
    "\"scopeSpans\":[{\"scope\":{\"name\":\"hythe\",\"version\":\"" HYTHE_VERSION "\"},"           \
    "\"spans\":["
#define BODY_END "]}]}]}"

struct traces {
    struct loop *loop;   /* borrowed */
    struct names *names; /* owned, as all below */
    struct http_client *client;
    struct http_exchange *exchange; /* NULL: nothing is being sent */
    char *url;                      /* with the path */
    struct buffer spans;            /* that wait, with commas between */
    uint64_t waiting;               /* their number */
    uint64_t under_way;             /* in the exchange */
    uint64_t lost;                  /* since it began to fail */
    uint64_t id_state;
    struct loop_timer timer;
    bool is_failing;
    bool is_finishing;
    void (*on_sent)(void *context);
    void *context;
};

/* -- making ----------------------------------------------------------------------------------- */

/* The operator has chosen the collector. */
static bool may_request(void *context, const struct http_target *target)
{
    (void)context;
    (void)target;
    return true;
}

static bool may_dial(void *context, const struct http_target *target,
                     const struct net_address *address)
{
    (void)address;
    return may_request(context, target);
}

static char *url_of(const char *base)
{
    static const char path[] = "/v1/traces";
    size_t len = strlen(base);
    while (len > sizeof "https://" && base[len - 1] == '/') { /* those before a host stay */
        len--;
    }
    size_t size = len + sizeof path;
    char *url = malloc(size);
    if (url != NULL) {
        (void)snprintf(url, size, "%.*s%s", (int)len, base, path); /* fits */
    }
    return url;
}

static int make_client(struct traces *traces, struct error *err)
{
    const struct http_client_options options = {
        .loop = traces->loop,
        .names = traces->names,
        .connect_timeout_ns = TIMEOUT_NS,
        .first_byte_timeout_ns = TIMEOUT_NS,
        .between_bytes_timeout_ns = TIMEOUT_NS,
        .total_timeout_ns = TIMEOUT_NS,
        .body_max = ANSWER_MAX,
        .head_max = ANSWER_MAX,
        .context = traces,
        .may_request = may_request,
        .may_dial = may_dial,
    };
    int r = http_client_new(&options, &traces->client, err);
    if (r == 0) {
        enum http_error error = http_client_judge(traces->client, span_of(traces->url));
        if (error != HTTP_OK) {
            (void)error_set_exit(err, 2);
            r = error_set(err, -EINVAL, "otlp: %s: %s", traces->url, http_error_text(error));
        }
    }
    return r;
}

int traces_new(struct loop *loop, const char *url, struct traces **ret_traces, struct error *err)
{
    struct traces *traces = calloc(1, sizeof *traces);
    int r = traces != NULL ? 0 : -ENOMEM;
    if (r == 0) {
        traces->loop = loop;
        traces->url = url_of(url);
        buffer_init(&traces->spans, ROOM);
        r = traces->url != NULL ? names_new(loop, &traces->names) : -ENOMEM;
    }
    if (r == 0 && getrandom(&traces->id_state, sizeof traces->id_state, 0) < 0) {
        r = -errno;
    }
    r = r < 0 ? error_set_errno(err, r, "preparing for otlp") : make_client(traces, err);
    if (r < 0) {
        traces_free(traces);
        return r;
    }
    *ret_traces = traces;
    return 0;
}

void traces_free(struct traces *traces)
{
    if (traces == NULL) {
        return;
    }
    loop_timer_stop(&traces->timer);
    http_exchange_close(traces->exchange);
    http_client_free(traces->client);
    names_free(traces->names);
    buffer_done(&traces->spans);
    free(traces->url);
    free(traces);
}

/* -- sending ---------------------------------------------------------------------------------- */

static void send_waiting(struct traces *traces);

static void on_due(struct loop_timer *timer)
{
    struct traces *traces = container_of(timer, struct traces, timer);
    if (traces->is_finishing) {
        traces->on_sent(traces->context); /* late or not */
    } else if (traces->exchange == NULL) {
        send_waiting(traces);
    }
}

static void lose(struct traces *traces, uint64_t count, const char *why)
{
    traces->lost += count;
    if (!traces->is_failing) {
        traces->is_failing = true;
        log_line("traces cannot be sent to %s, and are lost: %s", traces->url, why);
    }
}

static void fail(struct traces *traces, const char *why)
{
    uint64_t count = traces->under_way;
    traces->under_way = 0;
    lose(traces, count, why);
}

static void succeed(struct traces *traces)
{
    traces->under_way = 0;
    if (traces->is_failing) {
        log_line("traces are sent again; %llu were lost", (unsigned long long)traces->lost);
        traces->is_failing = false;
        traces->lost = 0;
    }
}

/* What comes next, when nothing is being sent. */
static void go_on(struct traces *traces)
{
    if (traces->waiting > 0 && (traces->is_finishing || traces->spans.len >= BATCH)) {
        send_waiting(traces);
    }
    if (traces->exchange != NULL) {
        return;
    }
    if (traces->is_finishing) {
        loop_timer_stop(&traces->timer);
        traces->on_sent(traces->context);
    } else if (traces->waiting > 0 && traces->timer.loop == NULL) {
        /* Without memory for a timer they go with the next span. */
        (void)loop_timer_start(traces->loop, &traces->timer, loop_clock_ns() + SECOND_NS, on_due);
    }
}

static void on_event(void *context)
{
    struct traces *traces = context;
    struct http_exchange *exchange = traces->exchange;
    uint8_t nothing[512];
    int64_t count = http_exchange_has_head(exchange) ? 1 : -EAGAIN;
    while (count > 0) { /* to its end, so that the connection can be used again */
        count = http_exchange_read(exchange, nothing, sizeof nothing);
    }
    if (count == -EAGAIN) {
        return;
    }
    char text[32];
    uint16_t status = http_exchange_status(exchange);
    (void)snprintf(text, sizeof text, "it answers with %u", status); /* fits */
    if (count < 0) {
        fail(traces, http_error_text(http_exchange_error(exchange)));
    } else if (status < 200 || status > 299) {
        fail(traces, text);
    } else {
        succeed(traces);
    }
    http_exchange_close(exchange);
    traces->exchange = NULL;
    go_on(traces);
}

static int make_body(const struct traces *traces, struct buffer *body)
{
    int r = buffer_append(body, span_of(BODY_BEGIN));
    if (r == 0) {
        r = buffer_append(body, buffer_span(&traces->spans));
    }
    return r == 0 ? buffer_append(body, span_of(BODY_END)) : r;
}

static void send_waiting(struct traces *traces)
{
    const struct http_header type = {.name = span_of("content-type"),
                                     .value = span_of("application/json")};
    struct buffer body;
    buffer_init(&body, BODY_ROOM);
    enum http_error error = HTTP_NO_MEMORY;
    traces->under_way = traces->waiting;
    if (make_body(traces, &body) == 0) {
        const struct http_request request = {.url = span_of(traces->url),
                                             .method = span_of("POST"),
                                             .headers = &type,
                                             .header_count = 1,
                                             .body = buffer_span(&body),
                                             .ignores_redirects = true};
        error = http_exchange_begin(traces->client, &request, on_event, traces, &traces->exchange);
    }
    buffer_done(&body);
    traces->spans.len = 0;
    traces->waiting = 0;
    if (error != HTTP_OK) {
        traces->exchange = NULL;
        fail(traces, http_error_text(error));
    }
}

/* -- spans ------------------------------------------------------------------------------------ */

/* Identifiers tell spans apart and are no secret (splitmix64). */
static void make_id(struct traces *traces, char id[TRACE_SPAN_ID_LEN + 1])
{
    uint64_t value = 0;
    while (value == 0) { /* which would stand for none */
        traces->id_state += UINT64_C(0x9e3779b97f4a7c15);
        value = traces->id_state;
        value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
        value ^= value >> 31;
    }
    (void)snprintf(id, TRACE_SPAN_ID_LEN + 1, "%016llx", (unsigned long long)value); /* fits */
}

void traces_add(struct traces *traces, const struct access_entry *entry)
{
    const struct trace_context context = trace_context_find(entry->inbound);
    char id[TRACE_SPAN_ID_LEN + 1];
    if (context.trace_id.len > 0 && !context.is_sampled) {
        return;
    }
    size_t before = traces->spans.len;
    make_id(traces, id);
    int r = before > 0 ? buffer_append(&traces->spans, span_of(",")) : 0;
    if (r == 0) {
        r = traces_format(&traces->spans, entry, &context, id);
    }
    if (r < 0) {
        traces->spans.len = before;
        lose(traces, 1, "they come faster than they are taken");
    } else {
        traces->waiting++;
    }
    if (traces->exchange == NULL) {
        go_on(traces);
    }
}

bool traces_finish(struct traces *traces, void (*on_sent)(void *context), void *context)
{
    traces->is_finishing = true;
    traces->on_sent = on_sent;
    traces->context = context;
    if (traces->exchange == NULL && traces->waiting > 0) {
        send_waiting(traces);
    }
    return traces->exchange == NULL ||
           loop_timer_start(traces->loop, &traces->timer, loop_clock_ns() + FINISH_NS, on_due) < 0;
}
