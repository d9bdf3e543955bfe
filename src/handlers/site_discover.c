/* Routes that a WAGI module names itself: its function "_routes" writes lines "PATH ENTRY" to stdout,
 * each of which becomes a route beneath the module's own.
 *
 * It runs once, while the site is made, with what the route grants and a short time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "guest/guest.h"
#include "handlers/cgi_log.h"
#include "handlers/guests.h"
#include "handlers/internal.h"
#include "host/task.h"
#include "host/ticker.h"
#include "loop/loop.h"

enum {
    TEXT_MAX = 64 << 10,
    LINES_MAX = 1024,
    CPU_MAX_NS = 1000000000,
    TURN_MS = 100,
    PATH_TEXT_MAX = 4096,
    ESCAPED_MAX = PATH_TEXT_MAX * 2, /* longer is cut, and then not the same */
};

static const uint64_t wall_max_ns = UINT64_C(5) * 1000000000;

/* A run of _routes. */
struct discovery {
    const struct site_route *route;
    struct loop *loop; /* owned */
    struct guest_stream *stdio[GUESTS_STDIO];
    struct buffer text;
    struct cgi_log log;
    bool is_over;
    struct error *err;
    int r;
};

static int64_t write_text(void *context, const struct iovec *pieces, int count)
{
    struct discovery *discovery = context;
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        struct span piece = {pieces[i].iov_base, pieces[i].iov_len};
        if (buffer_append(&discovery->text, piece) < 0) {
            return -EFBIG;
        }
        total += (int64_t)piece.len;
    }
    return total;
}

static int64_t write_log(void *context, const struct iovec *pieces, int count)
{
    struct discovery *discovery = context;
    return cgi_log_write_pieces(&discovery->log, pieces, count);
}

static void on_line(void *context, const char *line)
{
    const struct discovery *discovery = context;
    site_log(discovery->route, "%s", line);
}

static void on_end(void *context, const struct host_task_result *result)
{
    struct discovery *discovery = context;
    discovery->is_over = true;
    if (result->end != TASK_EXITED || result->exit_code != 0) {
        discovery->r = error_set(discovery->err, -ENOEXEC, "its _routes failed: %s",
                                 result->text != NULL ? result->text : "exit code not 0");
    }
}

static int run(struct discovery *discovery, struct error *err)
{
    static const struct guest_stream_ops ops[GUESTS_STDIO] = {
        {.read = guests_read_nothing}, {.write = write_text}, {.write = write_log}};
    const struct host_task_options options = {
        .loop = discovery->loop,
        .program = discovery->route->program,
        .entry = "_routes",
        .max_cpu_ns = CPU_MAX_NS,
        .max_wall_ns = wall_max_ns,
        .on_end = on_end,
        .on_report = on_line,
        .context = discovery,
    };
    struct host_task *task = NULL;
    int r = host_task_new(&options, &task, err);
    if (r < 0) {
        return r;
    }
    r = guests_give_stdio(host_task_guest(task), ops, discovery, discovery->stdio);
    if (r == 0) {
        host_task_start(task);
    }
    while (r == 0 && !discovery->is_over) {
        r = loop_turn(discovery->loop, TURN_MS);
    }
    host_task_free(task);
    host_program_leave_loop(discovery->route->program);
    guests_drop_stdio(discovery->stdio);
    if (r < 0) {
        return error_set_errno(err, r, "asking for its routes");
    }
    return discovery->r;
}

/* -- what it wrote ---------------------------------------------------------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Take the next word of a line. */
static struct span take_word(struct span *line)
{
    size_t begin = 0;
    while (begin < line->len && is_blank(line->data[begin])) {
        begin++;
    }
    size_t end = begin;
    while (end < line->len && !is_blank(line->data[end])) {
        end++;
    }
    struct span word = {line->data + begin, end - begin};
    *line = (struct span){line->data + end, line->len - end};
    return word;
}

/* Fill in a route of its own: the module's route with another path, name and entry. */
static int fill_route(const struct site_route *route, struct span path, struct span entry,
                      struct serve_route *own)
{
    const char *base = route->config->path;
    size_t base_len = strlen(base);
    bool is_prefix = path.len >= 4 && memcmp(path.data + path.len - 4, "/...", 4) == 0;
    char *text = NULL;
    base_len -= base_len > 0 && base[base_len - 1] == '/' ? 1 : 0;
    *own = *route->config;
    own->is_prefix = is_prefix;
    own->path = NULL;
    own->name = NULL;
    own->entry = NULL;
    path.len -= is_prefix ? 4 : 0;
    if (asprintf(&text, "%.*s%.*s", (int)base_len, base, (int)path.len, (const char *)path.data) <
        0) {
        return -ENOMEM;
    }
    own->path = text;
    if (asprintf(&text, "%s%s%s", own->host != NULL ? own->host : "", own->path,
                 is_prefix ? "/..." : "") < 0) {
        return -ENOMEM;
    }
    own->name = text;
    own->entry = strndup((const char *)entry.data, entry.len);
    return own->entry != NULL ? 0 : -ENOMEM;
}

void site_own_route_free(struct serve_route *own)
{
    if (own != NULL) {
        free(own->path);
        free(own->name);
        free(own->entry);
        free(own);
    }
}

/* Is what was added beneath the module's own path, with all its "..", or that path itself? */
static bool is_beneath(const struct site_route *route, const struct site_route *added)
{
    struct span base = buffer_span(&route->path);
    struct span path = buffer_span(&added->path);
    base.len -= base.len > 0 && base.data[base.len - 1] == '/' ? 1 : 0;
    if (base.len == 0) {
        return true;
    }
    return path.len >= base.len && memcmp(path.data, base.data, base.len) == 0 &&
           (path.len == base.len || path.data[base.len] == '/');
}

static int add_route(struct site *site, const struct site_route *route, struct span path,
                     struct span entry, struct error *err)
{
    struct site_route *added = NULL;
    struct serve_route *own = calloc(1, sizeof *own);
    int r = own != NULL ? fill_route(route, path, entry, own) : -ENOMEM;
    if (r < 0) {
        (void)error_set_errno(err, r, "adding the module's routes");
    } else if (!host_program_has_entry(route->program, own->entry)) {
        (void)error_set(err, -ENOEXEC, "its _routes names the function \"%.64s\", which it has not",
                        own->entry);
        r = -ENOEXEC;
    } else {
        r = site_add_route(site, own, &added, err);
    }
    if (r < 0) {
        site_own_route_free(own);
        return r;
    }
    added->own = own;
    added->program = route->program;
    if (!is_beneath(route, added)) {
        return error_set(err, -ENOEXEC,
                         "its _routes names the path \"%.200s\", which is not beneath its own",
                         own->path);
    }
    return site_map_route(site, added, err);
}

/* The names go into logs, metrics and pages as they are, so there is nothing in them that steers a
 * terminal or is no UTF-8. */
static bool is_plain(struct span line)
{
    char shown[ESCAPED_MAX];
    cgi_log_escape(line, shown, sizeof shown);
    return span_is(line, shown);
}

static int add_line(struct site *site, const struct site_route *route, struct span line,
                    struct error *err)
{
    char shown[CGI_LOG_LINE_MAX];
    struct span rest = line;
    struct span path = take_word(&rest);
    struct span entry = take_word(&rest);
    if (path.len == 0) {
        return 0;
    }
    if (entry.len == 0 || take_word(&rest).len > 0 || path.data[0] != '/' ||
        path.len > PATH_TEXT_MAX || !is_plain(path) || !is_plain(entry)) {
        cgi_log_escape(line, shown, sizeof shown);
        return error_set(err, -ENOEXEC,
                         "its _routes wrote the line \"%.200s\", which is not \"/PATH FUNCTION\"",
                         shown);
    }
    return add_route(site, route, path, entry, err);
}

static int add_lines(struct site *site, const struct site_route *route, struct span text,
                     struct error *err)
{
    int count = 0;
    while (text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;
        int r = add_line(site, route, (struct span){text.data, len}, err);
        count++;
        if (r == 0 && count > LINES_MAX) {
            r = error_set(err, -ENOEXEC, "its _routes writes more than %d lines", LINES_MAX);
        }
        if (r < 0) {
            return r;
        }
        size_t used = len + (newline != NULL ? 1 : 0);
        text.data += used;
        text.len -= used;
    }
    return 0;
}

int site_discover(struct site *site, struct site_route *route, struct error *err)
{
    struct discovery discovery = {.route = route, .err = err};
    struct host_ticker ticker = {.is_running = false};
    if (!host_program_has_entry(route->program, "_routes")) {
        return 0;
    }
    buffer_init(&discovery.text, TEXT_MAX);
    cgi_log_init(&discovery.log, TEXT_MAX, on_line, &discovery);
    int r = loop_new(&discovery.loop);
    if (r < 0) {
        return error_set_errno(err, r, "asking a module for its routes");
    }
    r = host_ticker_start(&ticker, site->engine, err);
    if (r == 0) {
        r = run(&discovery, err);
    }
    host_ticker_stop(&ticker);
    cgi_log_end(&discovery.log);
    loop_free(discovery.loop);
    if (r == 0) {
        r = add_lines(site, route, buffer_span(&discovery.text), err);
    }
    buffer_done(&discovery.text);
    return r < 0 ? site_blame(route, err) : 0;
}
