/* Numbers with names, help and labels. See metrics.h. Values of a label that were never counted are
 * left out: a thousand routes are a page, not a book. */
#include "serve/metrics.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/container.h"
#include "engine/engine.h"
#include "handlers/notes.h"
#include "hythe/version.h"

#define VALUE(n) ((unsigned long long)(n))

struct writing {
    const struct metrics *metrics;
    struct buffer *out;
    int r; /* of the first failure */
};

__attribute__((format(printf, 2, 3))) static void put(struct writing *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (w->r == 0) {
        w->r = buffer_vprintf(w->out, format, args);
    }
    va_end(args);
}

static void begin(struct writing *w, const char *name, const char *type, const char *help)
{
    put(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct writing *w, const char *name, const char *type, const char *help,
                uint64_t value)
{
    begin(w, name, type, help);
    put(w, "%s %llu\n", name, VALUE(value));
}

/* A route's name as a label's value; it comes from a file, and may hold anything. */
static const char *label(const struct writing *w, uint32_t row, char text[2 * BOARD_NAME_MAX])
{
    char name[BOARD_NAME_MAX];
    char *to = text;
    board_name(w->metrics->board, row, name);
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"' || *at == '\n') {
            *to++ = '\\';
        }
        *to++ = *at == '\n' ? 'n' : *at;
    }
    *to = '\0';
    return text;
}

uint64_t metrics_requests(const struct board_row *row)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < BOARD_CLASSES; i++) {
        sum += row->by_class[i];
    }
    return sum;
}

/* -- by route --------------------------------------------------------------------------------- */

static void put_requests(struct writing *w)
{
    static const char *const classes[BOARD_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    char text[2 * BOARD_NAME_MAX];
    begin(w, "hythe_requests_total", "counter",
          "Requests that ended, by route and class of status; none: nothing was sent.");
    for (uint32_t i = 0; i < w->metrics->row_count; i++) {
        const struct board_row *row = &w->metrics->rows[i];
        for (size_t c = 0; c < BOARD_CLASSES; c++) {
            if (row->by_class[c] > 0) {
                put(w, "hythe_requests_total{route=\"%s\",code=\"%s\"} %llu\n", label(w, i, text),
                    classes[c], VALUE(row->by_class[c]));
            }
        }
    }
}

static void put_histogram(struct writing *w, uint32_t number)
{
    static const char name[] = "hythe_request_duration_seconds";
    const struct board_row *row = &w->metrics->rows[number];
    char text[2 * BOARD_NAME_MAX];
    uint64_t sum = 0;
    (void)label(w, number, text);
    for (size_t b = 0; b < BOARD_BUCKETS - 1; b++) {
        sum += row->buckets[b];
        put(w, "%s_bucket{route=\"%s\",le=\"%g\"} %llu\n", name, text, board_bounds_us[b] / 1e6,
            VALUE(sum));
    }
    sum += row->buckets[BOARD_BUCKETS - 1];
    put(w, "%s_bucket{route=\"%s\",le=\"+Inf\"} %llu\n", name, text, VALUE(sum));
    put(w, "%s_sum{route=\"%s\"} %.9f\n", name, text, (double)row->duration_ns / 1e9);
    put(w, "%s_count{route=\"%s\"} %llu\n", name, text, VALUE(sum));
}

static void put_durations(struct writing *w)
{
    begin(w, "hythe_request_duration_seconds", "histogram",
          "From the end of a request's head to the end of its response.");
    for (uint32_t i = 0; i < w->metrics->row_count; i++) {
        if (metrics_requests(&w->metrics->rows[i]) > 0) {
            put_histogram(w, i);
        }
    }
}

struct row_metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
    bool is_seconds; /* counted in nanoseconds */
};

static const struct row_metric row_metrics[] = {
    {"hythe_guest_cpu_seconds_total", "counter", "CPU time of guests.",
     offsetof(struct board_row, cpu_ns), true},
    {"hythe_guest_memory_bytes", "gauge", "The largest memory that a guest has had.",
     offsetof(struct board_row, memory_peak), false},
    {"hythe_request_body_bytes_total", "counter", "Content read from peers.",
     offsetof(struct board_row, body_in), false},
    {"hythe_response_body_bytes_total", "counter", "Content sent to peers.",
     offsetof(struct board_row, body_out), false},
    {"hythe_requests_running", "gauge", "Requests under way at a route.",
     offsetof(struct board_row, running), false},
};

static void put_row_metric(struct writing *w, const struct row_metric *metric)
{
    char text[2 * BOARD_NAME_MAX];
    begin(w, metric->name, metric->type, metric->help);
    for (uint32_t i = 0; i < w->metrics->row_count; i++) {
        const struct board_row *row = &w->metrics->rows[i];
        const char *at = (const char *)row + metric->offset;
        uint64_t value = *(const uint64_t *)(const void *)at;
        if (metrics_requests(row) == 0 && value == 0) {
            continue;
        }
        if (metric->is_seconds) {
            put(w, "%s{route=\"%s\"} %.9f\n", metric->name, label(w, i, text), (double)value / 1e9);
        } else {
            put(w, "%s{route=\"%s\"} %llu\n", metric->name, label(w, i, text), VALUE(value));
        }
    }
}

static void put_ends(struct writing *w)
{
    char text[2 * BOARD_NAME_MAX];
    begin(w, "hythe_guest_ends_total", "counter", "How guests ended, by route.");
    for (uint32_t i = 0; i < w->metrics->row_count; i++) {
        for (unsigned e = NOTES_NO_GUEST + 1; e < NOTES_END_COUNT; e++) {
            uint64_t value = w->metrics->rows[i].ends[e];
            if (value > 0) {
                put(w, "hythe_guest_ends_total{route=\"%s\",end=\"%s\"} %llu\n", label(w, i, text),
                    notes_end_text((enum notes_end)e), VALUE(value));
            }
        }
    }
}

/* -- over all --------------------------------------------------------------------------------- */

struct labelled {
    const char *name;
    const char *type;
    const char *help;
    const char *label;
    const char *const *values;
    size_t count;
};

static void put_labelled(struct writing *w, const struct labelled *what, const uint64_t *counts)
{
    begin(w, what->name, what->type, what->help);
    for (size_t i = 0; i < what->count; i++) {
        put(w, "%s{%s=\"%s\"} %llu\n", what->name, what->label, what->values[i], VALUE(counts[i]));
    }
}

static void put_connections(struct writing *w)
{
    static const char *const states[BOARD_CONNECTIONS] = {"handshake", "head", "active", "idle"};
    static const char *const phases[BOARD_TIMEOUTS] = {"tls", "header", "body", "write", "idle"};
    static const char *const rules[BOARD_REFUSALS] = {"resolve", "allow-http", "allow-connect",
                                                      "allow-listen", "other"};
    static const char *const outcomes[BOARD_OUTCOMES] = {
        "answered",     "failed",        "refused",     "peer_left",
        "body_timeout", "write_timeout", "server_ended"};
    const struct board_totals *totals = w->metrics->totals;
    put_labelled(w,
                 &(struct labelled){"hythe_connections", "gauge", "Connections by state.", "state",
                                    states, ARRAY_COUNT(states)},
                 totals->connections);
    put_labelled(w,
                 &(struct labelled){"hythe_timeouts_total", "counter",
                                    "Connections that were too slow, by phase.", "phase", phases,
                                    ARRAY_COUNT(phases)},
                 totals->timed_out);
    put_labelled(w,
                 &(struct labelled){"hythe_policy_refusals_total", "counter",
                                    "What guests were refused, by the rule that would allow it.",
                                    "rule", rules, ARRAY_COUNT(rules)},
                 totals->refusals);
    put_labelled(w,
                 &(struct labelled){"hythe_outcomes_total", "counter",
                                    "How requests ended for the front.", "outcome", outcomes,
                                    ARRAY_COUNT(outcomes)},
                 totals->outcomes);
}

static void put_totals(struct writing *w)
{
    const struct board_totals *totals = w->metrics->totals;
    one(w, "hythe_connections_accepted_total", "counter", "Connections accepted.",
        totals->accepted);
    one(w, "hythe_connections_gave_way_total", "counter",
        "Connections closed for a new one at the limit.", totals->gave_way);
    one(w, "hythe_connections_refused_total", "counter",
        "Connections past the limit of an address.", totals->refused_address);
    one(w, "hythe_bad_requests_total", "counter", "Requests that the front itself refused.",
        totals->bad_requests);
    one(w, "hythe_tls_failures_total", "counter", "TLS handshakes that failed.",
        totals->tls_failures);
    one(w, "hythe_requests_in_flight", "gauge", "Requests under way.", totals->requests);
    one(w, "hythe_pool_in_use", "gauge", "Places of the pools that are in use.",
        totals->pool_in_use);
    one(w, "hythe_pool_size", "gauge", "Places of the pools.", totals->pool_size);
    one(w, "hythe_log_lines_lost_total", "counter",
        "Lines of the access log that were not written.", totals->log_lost);
    one(w, "hythe_guest_lines_withheld_total", "counter",
        "Lines of guests past the rate at which they are written.", totals->lines_withheld);
}

static void put_master(struct writing *w)
{
    const struct board_head *head = w->metrics->board->head;
    begin(w, "hythe_build_info", "gauge", "What runs.");
    put(w, "hythe_build_info{version=\"%s\",engine=\"%s\"} 1\n", HYTHE_VERSION, ENGINE_VERSION);
    one(w, "hythe_start_time_seconds", "gauge", "When the master started, since 1970.",
        board_get(&head->started_s));
    one(w, "hythe_workers", "gauge", "Workers that are ready.", board_get(&head->workers_ready));
    one(w, "hythe_workers_wanted", "gauge", "Workers that there should be.",
        board_get(&head->workers));
    one(w, "hythe_worker_restarts_total", "counter", "Workers started again.",
        board_get(&head->restarts));
    one(w, "hythe_generation", "gauge", "Number of the configuration that serves.",
        board_get(&head->generation));
    begin(w, "hythe_reloads_total", "counter", "Reloads, by how they went.");
    put(w, "hythe_reloads_total{result=\"done\"} %llu\n", VALUE(board_get(&head->reloads)));
    put(w, "hythe_reloads_total{result=\"failed\"} %llu\n",
        VALUE(board_get(&head->failed_reloads)));
}

int metrics_write(const struct metrics *metrics, struct buffer *out)
{
    struct writing w = {.metrics = metrics, .out = out};
    put_master(&w);
    put_requests(&w);
    put_durations(&w);
    for (size_t i = 0; i < ARRAY_COUNT(row_metrics); i++) {
        put_row_metric(&w, &row_metrics[i]);
    }
    put_ends(&w);
    put_connections(&w);
    put_totals(&w);
    return w.r;
}
