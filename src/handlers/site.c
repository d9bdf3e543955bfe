/* A site and the way of a request through it. See site.h. */
#include "handlers/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/engine.h"
#include "handlers/cgi_env.h"
#include "handlers/internal.h"
#include "handlers/path.h"
#include "host/task.h"

enum {
    LOG_LINE_MAX = 4096,
    SCRATCH_MAX = 1 << 20,
    ENV_MAX = 64 << 10,
};

typedef void handle_fn(const struct site_request *request);

static handle_fn *const handlers[] = {
    [SERVE_CGI] = cgi_handle,
    [SERVE_WAGI] = cgi_handle,
    [SERVE_WCGI] = cgi_handle,
    [SERVE_FILES] = files_handle,
    [SERVE_REDIRECT] = redirect_handle,
    [SERVE_TEXT] = text_handle,
    [SERVE_WASI_HTTP] = wasi_http_handle,
};

/* -- errors and logs -------------------------------------------------------------------------- */

int site_blame(const struct site_route *route, struct error *err)
{
    const char *file = route->site->options.config->path;
    const struct serve_place *place = &route->config->place;
    if (place->line == 0 || file == NULL) {
        return error_wrap(err, "route %s", route->config->name);
    }
    return error_wrap(err, "%s:%u:%u: route %s", file, place->line, place->column,
                      route->config->name);
}

int site_refuse(const struct site_route *route, struct error *err, int code, const char *format,
                ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* too long is cut */
    va_end(args);
    (void)error_set(err, code, "%s", text);
    (void)error_set_exit(err, EXIT_USAGE);
    return site_blame(route, err);
}

void site_log(const struct site_route *route, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    const struct site_options *options = &route->site->options;
    if (options->on_log == NULL) {
        return;
    }
    int len = snprintf(line, sizeof line, "%.256s: ", route->config->name);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof line - (size_t)len, format, args); /* too long is cut */
    va_end(args);
    options->on_log(options->context, line);
}

/* -- responding ------------------------------------------------------------------------------- */

struct span site_rest(const struct site_request *request)
{
    const struct buffer *own = &request->route->path;
    return (struct span){request->path.data + own->len, request->path.len - own->len};
}

/* Does the route set a header of that name itself? Cookies are many of one name. */
static bool is_replaced(const struct site_route *route, struct span name)
{
    if (http_is_name(name, "set-cookie")) {
        return false;
    }
    for (uint32_t i = 0; i < route->header_count; i++) {
        if (http_is_same_name(route->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Put a handler's headers and the route's together, in the site's scratch. */
static struct http_outbound with_own(const struct site_route *route,
                                     const struct http_outbound *outbound)
{
    struct http_header *headers = route->site->headers;
    struct http_outbound whole = *outbound;
    whole.header_count = 0;
    for (uint32_t i = 0; i < outbound->header_count && i < CGI_HEADERS_MAX; i++) {
        if (!is_replaced(route, outbound->headers[i].name)) {
            headers[whole.header_count++] = outbound->headers[i];
        }
    }
    for (uint32_t i = 0; i < route->header_count; i++) {
        headers[whole.header_count++] = route->headers[i];
    }
    whole.headers = headers;
    return whole;
}

int site_respond(const struct site_route *route, struct http_transaction *transaction,
                 const struct http_outbound *outbound)
{
    if (route->header_count == 0) {
        return http_transaction_respond(transaction, outbound);
    }
    if (outbound->header_count > CGI_HEADERS_MAX) {
        return -EMSGSIZE;
    }
    struct http_outbound whole = with_own(route, outbound);
    return http_transaction_respond(transaction, &whole);
}

void site_respond_all(const struct site_route *route, struct http_transaction *transaction,
                      const struct http_outbound *outbound, struct span content)
{
    if (route->header_count == 0) {
        http_transaction_respond_all(transaction, outbound, content);
        return;
    }
    struct http_outbound whole = with_own(route, outbound);
    http_transaction_respond_all(transaction, &whole, content);
}

/* -- requests --------------------------------------------------------------------------------- */

static struct notes *take_notes(struct site *site)
{
    struct notes *notes = site->spare_notes;
    if (notes != NULL) {
        site->spare_notes = notes->next;
        site->spare_note_count--;
    } else {
        notes = malloc(sizeof *notes);
    }
    if (notes != NULL) {
        *notes = (struct notes){.site = site, .route = NOTES_NO_ROUTE, .name = "-"};
        site->in_use++;
    }
    return notes;
}

static void site_destroy(struct site *site);

void site_let_go(struct site *site)
{
    site->in_use--;
    if (site->is_leaving && site->in_use == 0) {
        site_destroy(site);
    }
}

void site_on_done(struct http_transaction *transaction)
{
    struct notes *notes = http_transaction_annex(transaction);
    if (notes == NULL) {
        return;
    }
    struct site *site = notes->site;
    http_transaction_set_annex(transaction, NULL);
    if (site->spare_note_count < SPARES_MAX) {
        notes->next = site->spare_notes;
        site->spare_notes = notes;
        site->spare_note_count++;
    } else {
        free(notes);
    }
    site_let_go(site);
}

/* OPTIONS * asks about the server as a whole (RFC 9110 section 9.3.7). */
static void answer_options(struct http_transaction *transaction)
{
    const struct http_header allow = {span_of("allow"),
                                      span_of("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
    const struct http_outbound outbound = {.status = 204, .headers = &allow, .header_count = 1};
    http_transaction_respond_all(transaction, &outbound, (struct span){0});
}

void site_on_request(void *context, struct http_transaction *transaction)
{
    struct site *site = context;
    uint32_t number = 0;
    struct site_request request = {.transaction = transaction,
                                   .inbound = http_transaction_inbound(transaction),
                                   .notes = take_notes(site)};
    if (request.notes == NULL) {
        http_transaction_fail(transaction, 503, 1);
        return;
    }
    http_transaction_set_annex(transaction, request.notes);
    if (span_is(request.inbound->path, "*") && span_is(request.inbound->method, "OPTIONS")) {
        answer_options(transaction);
        return;
    }
    int r = path_canonical(request.inbound->path, &site->scratch, &request.path);
    if (r < 0) {
        http_transaction_fail(transaction, r == -EINVAL ? 400 : r == -EMSGSIZE ? 414 : 503, 0);
        return;
    }
    if (!router_find(site->router, request.inbound->authority, request.path, &number)) {
        http_transaction_fail(transaction, 404, 0);
        return;
    }
    request.route = site->routes[number];
    request.notes->route = (int32_t)number;
    request.notes->name = request.route->config->name;
    handlers[request.route->kind](&request);
}

/* -- routes ----------------------------------------------------------------------------------- */

static void free_route(struct site_route *route)
{
    if (route == NULL) {
        return;
    }
    if (route->root >= 0) {
        (void)close(route->root); /* a folder, opened to look names up */
    }
    loop_timer_stop(&route->idle_timer);
    free(route->pattern);
    free(route->headers);
    buffer_done(&route->path);
    buffer_done(&route->env);
    site_own_route_free(route->own);
    free(route);
}

static int copy_headers(struct site_route *route, struct error *err)
{
    const struct serve_pairs *pairs = &route->config->headers;
    if (pairs->count > ROUTE_HEADERS_MAX) {
        return site_refuse(route, err, -EINVAL, "it has more than %d headers", ROUTE_HEADERS_MAX);
    }
    route->headers = calloc(pairs->count + 1, sizeof *route->headers);
    if (route->headers == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing the route");
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct http_header header = {span_of(pairs->items[i].name), span_of(pairs->items[i].value)};
        if (!http_is_token(header.name) || !http_is_value(header.value)) {
            return site_refuse(route, err, -EINVAL, "\"%.64s\" is no valid header",
                               pairs->items[i].name);
        }
        route->headers[i] = header;
    }
    route->header_count = pairs->count;
    return 0;
}

/* The route's path in the form that requests are matched in. */
static int read_path(struct site_route *route, struct error *err)
{
    const struct serve_route *config = route->config;
    struct buffer scratch;
    struct span path;
    buffer_init(&scratch, SCRATCH_MAX);
    size_t len = strlen(config->path);
    const char *behind = len > 0 && config->path[len - 1] == '/' ? "..." : "/...";
    int r = asprintf(&route->pattern, "%s%s", config->path, config->is_prefix ? behind : "");
    if (r < 0) {
        route->pattern = NULL;
        return error_set_errno(err, -ENOMEM, "preparing the route");
    }
    r = path_canonical(span_of(len > 0 ? config->path : "/"), &scratch, &path);
    if (r == 0 && config->is_prefix && path.data[path.len - 1] == '/') {
        path.len--;
    }
    r = r == 0 ? buffer_append(&route->path, path) : r;
    buffer_done(&scratch);
    if (r == -EINVAL) {
        return site_refuse(route, err, r,
                           "\"%.200s\" is no path: it begins with a slash, and a percent sign in "
                           "it is written %%25",
                           config->path);
    }
    return r < 0 ? error_set_errno(err, r, "preparing the route") : 0;
}

static struct site_route *new_route(struct site *site, const struct serve_route *config)
{
    struct site_route **routes =
        realloc(site->routes, (site->route_count + 1) * sizeof(struct site_route *));
    if (routes == NULL) {
        return NULL;
    }
    site->routes = routes;
    struct site_route *route = calloc(1, sizeof *route);
    if (route == NULL) {
        return NULL;
    }
    route->site = site;
    route->config = config;
    route->number = site->route_count;
    route->kind = config->kind == SERVE_AUTO ? SERVE_CGI : config->kind;
    route->entry = config->entry;
    route->root = -1;
    list_init(&route->idle);
    buffer_init(&route->path, SCRATCH_MAX);
    buffer_init(&route->env, ENV_MAX);
    routes[site->route_count] = route;
    site->route_count++;
    return route;
}

int site_add_route(struct site *site, const struct serve_route *config,
                   struct site_route **ret_route, struct error *err)
{
    struct site_route *route = new_route(site, config);
    if (route == NULL) {
        (void)error_set_errno(err, -ENOMEM, "preparing a route");
        return -ENOMEM;
    }
    int r = read_path(route, err);
    if (r == 0) {
        r = copy_headers(route, err);
    }
    if (r == 0 && cgi_env_prepare(route) < 0) {
        r = error_set_errno(err, -ENOMEM, "preparing a route");
    }
    if (r < 0) { /* it is the last one, and nobody knows it yet */
        site->route_count--;
        free_route(route);
        return r;
    }
    *ret_route = route;
    return 0;
}

int site_map_route(struct site *site, struct site_route *route, struct error *err)
{
    uint32_t other = 0;
    int r = router_add(site->router, route->config->host, buffer_span(&route->path),
                       route->config->is_prefix, route->number, &other);
    if (r == -EEXIST) {
        const struct serve_route *first = site->routes[other]->config;
        return site_refuse(route, err, r,
                           "its host and path are those of route %s (line %u); remove one of them",
                           first->name, first->place.line);
    }
    if (r == -EINVAL) {
        return site_refuse(route, err, r,
                           "its host is too long, or its path has more than %d segments",
                           ROUTER_DEPTH_MAX);
    }
    return r < 0 ? error_set_errno(err, r, "preparing the routes") : 0;
}

static int open_root(struct site_route *route, struct error *err)
{
    const char *root = route->config->root;
    if (root == NULL) {
        return site_refuse(route, err, -EINVAL, "it says not which folder; add root = \"...\"");
    }
    route->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (route->root < 0) {
        int r = error_set_errno(err, -errno, "opening the folder %s", root);
        (void)error_set_exit(err, EXIT_USAGE);
        (void)site_blame(route, err);
        return r;
    }
    return 0;
}

/* -- a site's life ---------------------------------------------------------------------------- */

static bool is_guest(enum serve_kind kind)
{
    return kind == SERVE_AUTO || kind == SERVE_CGI || kind == SERVE_WAGI || kind == SERVE_WCGI ||
           kind == SERVE_WASI_HTTP;
}

static bool has_guests(const struct serve_config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        if (is_guest(config->routes[i].kind)) {
            return true;
        }
    }
    return false;
}

static int open_engine(struct site *site, struct error *err)
{
    const struct serve_config *config = site->options.config;
    site->engine = site->options.engine;
    if (!has_guests(config) || site->engine != NULL) {
        return 0;
    }
    int r = host_engine_new(config->limits.requests, site->options.seen, &site->own_engine, err);
    site->engine = site->own_engine;
    return r;
}

static int open_route(struct site *site, const struct serve_route *config, struct error *err)
{
    struct site_route *route = NULL;
    int r = site_add_route(site, config, &route, err);
    if (r < 0 || route == NULL) { /* without a route there is an error */
        return r;
    }
    r = site_map_route(site, route, err);
    if (r < 0) {
        return r;
    }
    switch (route->kind) {
    case SERVE_FILES:
        return open_root(route, err);
    case SERVE_REDIRECT:
        return redirect_check(route, err);
    case SERVE_TEXT:
        return 0;
    case SERVE_WASI_HTTP:
    case SERVE_AUTO:
    case SERVE_CGI:
    case SERVE_WAGI:
    case SERVE_WCGI:
        break;
    }
    r = site_open_program(site, route, err);
    return r == 0 && route->kind == SERVE_WAGI ? site_discover(site, route, err) : r;
}

int site_new(const struct site_options *options, struct site **ret_site, struct error *err)
{
    struct site *site = calloc(1, sizeof *site);
    if (site == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing the site");
    }
    list_init(&site->idle);
    list_init(&site->trailing);
    site->options = *options;
    site->options.on_free = NULL; /* not for one that never was */
    buffer_init(&site->scratch, SCRATCH_MAX);
    int r = router_new(&site->router);
    if (r < 0) {
        (void)error_set_errno(err, r, "preparing the site");
        goto fail;
    }
    r = open_engine(site, err);
    if (r < 0) {
        goto fail;
    }
    for (uint32_t i = 0; i < options->config->route_count; i++) {
        r = open_route(site, &options->config->routes[i], err);
        if (r < 0) {
            goto fail;
        }
    }
    site->options.on_free = options->on_free;
    *ret_site = site;
    return 0;
fail:
    site_free(site);
    return r;
}

static void site_destroy(struct site *site)
{
    void (*on_free)(void *context) = site->options.on_free;
    void *context = site->options.context;
    cgi_free_spares(site);
    wasi_http_free_spares(site);
    while (site->spare_notes != NULL) {
        struct notes *notes = site->spare_notes;
        site->spare_notes = notes->next;
        free(notes);
    }
    for (uint32_t i = 0; i < site->route_count; i++) {
        free_route(site->routes[i]);
    }
    free(site->routes);
    for (uint32_t i = 0; i < site->program_count; i++) {
        site_program_done(&site->programs[i]);
    }
    free(site->programs);
    router_free(site->router);
    engine_free(site->own_engine);
    buffer_done(&site->scratch);
    free(site);
    if (on_free != NULL) {
        on_free(context);
    }
}

void site_free(struct site *site)
{
    if (site == NULL) {
        return;
    }
    wasi_http_end_idle(site);
    site->is_leaving = true;
    if (site->in_use == 0) {
        site_destroy(site);
    }
}

/* -- looking at it ---------------------------------------------------------------------------- */

uint32_t site_route_count(const struct site *site)
{
    return site->route_count;
}

const char *site_route_name(const struct site *site, uint32_t number)
{
    return site->routes[number]->config->name;
}

uint32_t site_route_running(const struct site *site, uint32_t number)
{
    return site->routes[number]->running;
}

struct engine *site_engine(const struct site *site)
{
    return site->engine;
}
