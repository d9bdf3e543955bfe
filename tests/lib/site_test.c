/* A site for tests. See site_test.h. */
#include "site_test.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/engine.h"

static const int trap_signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS};
static struct sigaction trap_actions[ARRAY_COUNT(trap_signals)];
static bool has_actions;

enum { RUN_MAX_S = 20, TURN_MS = 20 };

int site_test_setup(void **state)
{
    const struct engine_options options = {.pool_instances = 1};
    struct engine *engine = NULL;
    struct error err = {0};
    (void)state;
    if (engine_new(&options, &engine, &err) < 0) {
        return -1;
    }
    engine_free(engine);
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        (void)sigaction(trap_signals[i], NULL, &trap_actions[i]); /* these signals exist */
    }
    has_actions = true;
    return 0;
}

static void on_log(void *context, const char *line)
{
    struct site_test *s = context;
    assert_null(strchr(line, '\n'));
    assert_int_equal(buffer_printf(&s->log, "%s\n", line), 0);
}

static void on_free(void *context)
{
    struct site_test *s = context;
    s->freed++;
}

struct site_test *site_test_begin(void)
{
    struct site_test *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(loop_new(&s->loop), 0);
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/hythe-site-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    buffer_init(&s->log, 16 << 20);
    s->config.path = strdup("hythe.toml");
    s->config.limits.requests = 8;
    s->config.no_cache = true;
    s->config.routes = s->routes;
    return s;
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    if (dir == NULL) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char inner[512];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            if (unlink(inner) < 0) {
                remove_folder(inner);
            }
        }
    }
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(rmdir(path), 0);
}

static void free_pairs(struct serve_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}

static void free_route(struct serve_route *route)
{
    char *const texts[] = {route->host,         route->path, route->name, route->module,
                           route->entry,        route->argv, route->root, route->index,
                           route->fallback,     route->to,   route->body, route->type,
                           route->cache_control};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free(texts[i]);
    }
    strings_done(&route->args);
    free_pairs(&route->headers);
    free_pairs(&route->guest.env);
}

void site_test_end(struct site_test *s)
{
    bool was_made = s->site != NULL;
    host_ticker_stop(&s->ticker);
    site_free(s->site);
    assert_int_equal(s->freed, was_made ? 1 : 0);
    for (uint32_t i = 0; i < s->config.route_count; i++) {
        free_route(&s->routes[i]);
    }
    free(s->config.path);
    buffer_done(&s->log);
    loop_free(s->loop);
    remove_folder(s->folder);
    free(s);
}

struct serve_route *site_test_route(struct site_test *s, enum serve_kind kind, const char *pattern)
{
    assert_true(s->config.route_count < SITE_ROUTES_MAX);
    struct serve_route *route = &s->routes[s->config.route_count];
    const char *path = strchr(pattern, '/');
    assert_non_null(path);
    size_t len = strlen(path);
    s->config.route_count++;
    route->kind = kind;
    route->place.line = s->config.route_count;
    route->place.column = 1;
    route->name = strdup(pattern);
    route->host = path > pattern ? strndup(pattern, (size_t)(path - pattern)) : NULL;
    route->is_prefix = len >= 4 && strcmp(path + len - 4, "/...") == 0;
    len -= route->is_prefix ? 4 : 0;
    route->path = len > 0 ? strndup(path, len) : strdup("/");
    route->guest.cpu_ns = 1000000000;
    route->guest.wall_ns = 2000000000;
    route->guest.max_memory = 16 << 20;
    route->guest.max_fds = 64;
    route->guest.output_max = 4096;
    route->reuse = 1;
    assert_non_null(route->name);
    assert_non_null(route->path);
    return route;
}

char *site_test_file(struct site_test *s, const char *name, const char *text)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", s->folder, name) > 0);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

int site_test_try(struct site_test *s)
{
    const struct site_options options = {
        .loop = s->loop,
        .config = &s->config,
        .software = "hythe/0.0.1",
        .context = s,
        .on_log = on_log,
        .on_free = on_free,
    };
    for (size_t i = 0; has_actions && i < ARRAY_COUNT(trap_signals); i++) {
        (void)sigaction(trap_signals[i], &trap_actions[i], NULL); /* as above */
    }
    return site_new(&options, &s->site, &s->err);
}

void site_test_make(struct site_test *s)
{
    if (site_test_try(s) < 0) {
        fail_msg("%s", s->err.text);
    }
    if (site_engine(s->site) != NULL) {
        assert_int_equal(host_ticker_start(&s->ticker, site_engine(s->site), &s->err), 0);
    }
}

void site_test_request(struct site_test *s, struct fake_transaction *t)
{
    site_on_request(s->site, fake_transaction(t));
}

void site_test_turns(struct site_test *s, int turns)
{
    for (int i = 0; i < turns; i++) {
        assert_int_equal(loop_turn(s->loop, 0), 0);
    }
}

void site_test_run(struct site_test *s, struct fake_transaction *t)
{
    uint64_t end_ns = loop_clock_ns() + RUN_MAX_S * UINT64_C(1000000000);
    while (!fake_transaction_is_over(t)) {
        assert_true(loop_clock_ns() < end_ns);
        assert_int_equal(loop_turn(s->loop, TURN_MS), 0);
    }
}

struct fake_transaction *site_test_get(struct site_test *s, const char *target)
{
    struct fake_transaction *t = fake_transaction_new("GET", target);
    site_test_request(s, t);
    site_test_run(s, t);
    return t;
}

void site_test_done(struct site_test *s, struct fake_transaction *t)
{
    (void)s;
    site_on_done(fake_transaction(t));
    fake_transaction_free(t);
}

const char *site_test_log(struct site_test *s)
{
    const char *text = buffer_text(&s->log);
    assert_non_null(text);
    return text;
}
