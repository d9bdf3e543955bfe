/* A page that needs no script and nothing from elsewhere. See status.h. It is loaded again every two
 * seconds; its lines are SVG with a sentence for those who do not see them. */
#include "serve/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/container.h"
#include "hythe/version.h"

enum { SPARK_WIDTH = 240, SPARK_HEIGHT = 32, REFRESH_S = 2 };

typedef uint32_t value_fn(const struct status_sample *sample);

struct writing {
    const struct status *status;
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

static void put_escaped(struct writing *w, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            put(w, "&lt;");
            break;
        case '>':
            put(w, "&gt;");
            break;
        case '&':
            put(w, "&amp;");
            break;
        case '"':
            put(w, "&quot;");
            break;
        case '\'':
            put(w, "&#39;");
            break;
        default:
            put(w, "%c", (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
        }
    }
}

/* -- samples ---------------------------------------------------------------------------------- */

static uint32_t difference(uint64_t now, uint64_t before)
{
    uint64_t more = now > before ? now - before : 0;
    return more > UINT32_MAX ? UINT32_MAX : (uint32_t)more;
}

static uint64_t failed_of(const struct board_row *row)
{
    return row->by_class[0] + row->by_class[5];
}

static void take_line(struct status_line *line, uint32_t at, const struct board_row *row)
{
    uint64_t requests = metrics_requests(row);
    uint32_t more = difference(requests, line->requests);
    uint64_t time_ns = row->duration_ns - line->duration_ns;
    line->samples[at] = (struct status_sample){
        .requests = more,
        .failed = difference(failed_of(row), line->failed),
        .latency_us = more > 0 ? difference(time_ns / more / 1000, 0) : 0,
        .running = difference(row->running, 0),
    };
    line->requests = requests;
    line->failed = failed_of(row);
    line->duration_ns = row->duration_ns;
}

static struct board_row sum_rows(const struct metrics *metrics)
{
    struct board_row sum = {.duration_ns = 0};
    for (uint32_t i = 0; i < metrics->row_count; i++) {
        const struct board_row *row = &metrics->rows[i];
        for (size_t c = 0; c < BOARD_CLASSES; c++) {
            sum.by_class[c] += row->by_class[c];
        }
        for (size_t b = 0; b < BOARD_BUCKETS; b++) {
            sum.buckets[b] += row->buckets[b];
        }
        sum.duration_ns += row->duration_ns;
        sum.cpu_ns += row->cpu_ns;
        sum.running += row->running;
    }
    return sum;
}

void status_take(struct status *status, const struct metrics *metrics)
{
    struct board_row sum = sum_rows(metrics);
    uint32_t at = status->next;
    take_line(&status->all, at, &sum);
    for (uint32_t i = 0; i < metrics->row_count && i < STATUS_ROUTES_MAX; i++) {
        take_line(&status->routes[i], at, &metrics->rows[i]);
    }
    if (status->count == 0) {
        /* What was counted before this process began is not the first second's. */
        status->all.samples[at] = (struct status_sample){.requests = 0};
        for (uint32_t i = 0; i < STATUS_ROUTES_MAX; i++) {
            status->routes[i].samples[at] = (struct status_sample){.requests = 0};
        }
    }
    status->next = (at + 1) % STATUS_SAMPLES;
    status->count += status->count < STATUS_SAMPLES;
}

/* The sample `age` seconds ago. */
static const struct status_sample *sample(const struct writing *w, const struct status_line *line,
                                          uint32_t age)
{
    return &line->samples[(w->status->next + STATUS_SAMPLES - 1 - age) % STATUS_SAMPLES];
}

static uint32_t requests_of(const struct status_sample *s)
{
    return s->requests;
}

static uint32_t latency_of(const struct status_sample *s)
{
    return s->latency_us;
}

static uint32_t running_of(const struct status_sample *s)
{
    return s->running;
}

/* -- parts of the page ------------------------------------------------------------------------ */

static void put_spark(struct writing *w, const struct status_line *line, value_fn *value,
                      const char *what, const char *unit)
{
    uint32_t most = 1;
    uint32_t count = w->status->count;
    for (uint32_t age = 0; age < count; age++) {
        uint32_t v = value(sample(w, line, age));
        most = v > most ? v : most;
    }
    uint32_t now = count > 0 ? value(sample(w, line, 0)) : 0;
    put(w,
        "<svg role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\"><title>%s: now %u%s, "
        "at most %u%s in two minutes</title><polyline points=\"",
        SPARK_WIDTH, SPARK_HEIGHT, SPARK_WIDTH, SPARK_HEIGHT, what, now, unit, most, unit);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t age = count - 1 - i;
        uint32_t v = value(sample(w, line, age));
        double x = SPARK_WIDTH - 1 - (double)age * (SPARK_WIDTH - 2) / (STATUS_SAMPLES - 1);
        double y = SPARK_HEIGHT - 2 - (double)v * (SPARK_HEIGHT - 4) / most;
        put(w, "%.1f,%.1f ", x, y);
    }
    put(w, "\"/></svg>");
}

static const char *duration_text(uint64_t us, char text[32])
{
    if (us < 1000) {
        (void)snprintf(text, 32, "%u µs", (unsigned)us);
    } else if (us < 1000000) {
        (void)snprintf(text, 32, "%.1f ms", (double)us / 1e3);
    } else {
        (void)snprintf(text, 32, "%.1f s", (double)us / 1e6);
    }
    return text;
}

/* The bound below which `share` percent of the requests so far lie. */
static uint64_t quantile_us(const struct board_row *row, unsigned share)
{
    uint64_t all = 0;
    uint64_t sum = 0;
    size_t i = 0;
    for (size_t b = 0; b < BOARD_BUCKETS; b++) {
        all += row->buckets[b];
    }
    for (; i < BOARD_BUCKETS - 1; i++) {
        sum += row->buckets[i];
        if (sum * 100 >= all * share) {
            break;
        }
    }
    return board_bounds_us[i < BOARD_BUCKETS - 1 ? i : BOARD_BUCKETS - 2];
}

static void put_row(struct writing *w, const char *name, const struct status_line *line,
                    const struct board_row *row)
{
    char text[32];
    const struct status_sample *now = sample(w, line, 0);
    put(w, "<tr><th scope=\"row\">");
    put_escaped(w, name);
    put(w, "</th><td>%llu</td><td>%llu</td><td>", (unsigned long long)metrics_requests(row),
        (unsigned long long)failed_of(row));
    put_spark(w, line, requests_of, "requests a second", "");
    put(w, "<b>%u/s</b></td><td>", now->requests);
    put_spark(w, line, latency_of, "mean latency", " µs");
    put(w, "<b>%s</b> p99 %s</td><td>", duration_text(now->latency_us, text),
        metrics_requests(row) > 0 ? duration_text(quantile_us(row, 99), (char[32]){0}) : "-");
    put_spark(w, line, running_of, "requests under way", "");
    put(w, "<b>%u</b></td></tr>\n", now->running);
}

static void put_routes(struct writing *w)
{
    const struct metrics *metrics = w->metrics;
    struct board_row sum = sum_rows(metrics);
    char name[BOARD_NAME_MAX];
    put(w, "<table><caption>Routes, the last two minutes</caption><thead><tr>"
           "<th scope=\"col\">route</th><th scope=\"col\">requests</th>"
           "<th scope=\"col\">failed</th><th scope=\"col\">requests a second</th>"
           "<th scope=\"col\">latency</th><th scope=\"col\">under way</th></tr></thead><tbody>\n");
    put_row(w, "all", &w->status->all, &sum);
    for (uint32_t i = 0; i < metrics->row_count && i < STATUS_ROUTES_MAX; i++) {
        board_name(metrics->board, i, name);
        put_row(w, i == 0 ? "(no route)" : name, &w->status->routes[i], &metrics->rows[i]);
    }
    put(w, "</tbody></table>\n");
    if (metrics->row_count > STATUS_ROUTES_MAX) {
        put(w, "<p>%u more routes are in <a href=\"/metrics\">/metrics</a>.</p>\n",
            metrics->row_count - STATUS_ROUTES_MAX);
    }
}

static const char *state_text(uint64_t state)
{
    return state == BOARD_READY ? "serving" : state == BOARD_ENDING ? "ending" : "starting";
}

static void put_fact(struct writing *w, const char *name, uint64_t value)
{
    put(w, "<dt>%s</dt><dd>%llu</dd>", name, (unsigned long long)value);
}

static void put_facts(struct writing *w)
{
    const struct board_head *head = w->metrics->board->head;
    const struct board_totals *totals = w->metrics->totals;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    uint64_t up = (uint64_t)now.tv_sec - board_get(&head->started_s);
    put(w, "<dl><dt>state</dt><dd>%s</dd>", state_text(board_get(&head->state)));
    put(w, "<dt>up</dt><dd>%llu h %02llu min %02llu s</dd>", (unsigned long long)(up / 3600),
        (unsigned long long)(up / 60 % 60), (unsigned long long)(up % 60));
    put(w, "<dt>workers</dt><dd>%llu of %llu</dd>",
        (unsigned long long)board_get(&head->workers_ready),
        (unsigned long long)board_get(&head->workers));
    put_fact(w, "generation", board_get(&head->generation));
    put_fact(w, "restarts", board_get(&head->restarts));
    put_fact(w, "failed reloads", board_get(&head->failed_reloads));
    put(w, "<dt>pool</dt><dd>%llu of %llu</dd>", (unsigned long long)totals->pool_in_use,
        (unsigned long long)totals->pool_size);
    put_fact(w, "connections active", totals->connections[BOARD_ACTIVE]);
    put_fact(w, "connections idle", totals->connections[BOARD_IDLE]);
    put_fact(w, "connections opening",
             totals->connections[BOARD_HANDSHAKE] + totals->connections[BOARD_HEAD]);
    put(w, "</dl>\n");
}

static const char style[] =
    "body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;max-width:75rem;color:#1b1f24;"
    "background:#fff}h1{font-size:1.3rem;margin:0 0 .8rem}"
    "dl{columns:10rem;margin:0 0 1.2rem}dt{color:#57606a;font-size:.85rem;break-after:avoid}"
    "dd{margin:0 0 .5rem;font-weight:600}"
    "table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:600;padding:."
    "3rem "
    "0}th,td{text-align:left;padding:.35rem .7rem .35rem 0;border-top:1px solid #d0d7de;"
    "vertical-align:top;font-weight:400;white-space:nowrap}thead th{color:#57606a}"
    "tbody th{font-family:ui-monospace,monospace;white-space:normal;word-break:break-all}"
    "svg{display:block}polyline{fill:none;stroke:#0969da;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}"
    "dt,thead th{color:#9198a1}th,td{border-color:#3d444d}polyline{stroke:#58a6ff}"
    "a{color:#58a6ff}}";

int status_write(const struct status *status, const struct metrics *metrics, struct buffer *out)
{
    struct writing w = {.status = status, .metrics = metrics, .out = out};
    put(&w,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta http-equiv=\"refresh\" content=\"%d\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>hythe</title><style>",
        REFRESH_S);
    put(&w, "%s", style);
    put(&w, "</style></head>\n<body><main><h1>hythe %s</h1>\n", HYTHE_VERSION);
    put_facts(&w);
    put_routes(&w);
    put(&w, "<p><a href=\"/metrics\">metrics</a> · <a href=\"/healthz\">health</a> · "
            "<a href=\"/readyz\">readiness</a></p></main></body></html>\n");
    return w.r;
}
