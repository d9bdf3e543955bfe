/* The instances of components that serve requests. See http_guest.h. */
#include "handlers/http_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"
#include "guest/guest.h"
#include "handlers/guests.h"
#include "host/task.h"
#include "imports/wasi_http/http.h"

enum { IDLE_MAX = 64 /* of a route that has no concurrency of its own */ };

static int64_t stdout_write(void *context, const struct iovec *pieces, int count);
static int64_t stderr_write(void *context, const struct iovec *pieces, int count);
static void on_idle(struct loop_timer *timer);

/* -- stdin, stdout and stderr ----------------------------------------------------------------- */

static int64_t stdout_write(void *context, const struct iovec *pieces, int count)
{
    struct http_guest *guest = context;
    return cgi_log_write_pieces(&guest->logs[0], pieces, count);
}

static int64_t stderr_write(void *context, const struct iovec *pieces, int count)
{
    struct http_guest *guest = context;
    return cgi_log_write_pieces(&guest->logs[1], pieces, count);
}

/* For components that are also commands: a name and the route's arguments. */
static int give_args(const struct site_route *route, struct guest *guest)
{
    const char *slash = strrchr(route->config->module, '/');
    int r = guest_add_arg(guest, slash != NULL ? slash + 1 : route->config->module);
    for (size_t i = 0; r == 0 && i < route->config->args.count; i++) {
        r = guest_add_arg(guest, route->config->args.items[i]);
    }
    return r;
}

/* -- making ----------------------------------------------------------------------------------- */

static struct http_guest *take_spare(struct site *site)
{
    struct http_guest *guest = site->spare_guests;
    if (guest != NULL) {
        site->spare_guests = guest->next;
        site->spare_guest_count--;
    } else {
        guest = calloc(1, sizeof *guest);
    }
    if (guest != NULL) {
        list_init(&guest->node);
        list_init(&guest->route_node);
    }
    return guest;
}

static int make(struct http_guest *guest, const struct host_task_options *options,
                struct error *err)
{
    static const struct guest_stream_ops ops[GUESTS_STDIO] = {
        {.read = guests_read_nothing}, {.write = stdout_write}, {.write = stderr_write}};
    int r = host_task_new(options, &guest->task, err);
    if (r < 0) {
        return r;
    }
    struct guest *inner = host_task_guest(guest->task);
    r = guests_give_stdio(inner, ops, guest, guest->stdio);
    return r < 0 ? r : give_args(guest->route, inner);
}

static void begin(struct http_guest *guest)
{
    guests_begin(guest->route);
    guest->route->site->in_use++;
    guest->is_running = true;
    guest->served++;
}

/* It waits no longer. */
static void leave_waiting(struct http_guest *guest)
{
    list_remove(&guest->route_node);
    list_remove(&guest->node);
    guest->route->idle_count--;
    guest->route->site->idle_count--;
}

/* The one that came last: its memory is the warmest, and the others may go after a while. */
static struct http_guest *take_waiting(struct site_route *route)
{
    struct http_guest *guest = container_of(route->idle.prev, struct http_guest, route_node);
    leave_waiting(guest);
    host_task_renew(guest->task);
    begin(guest);
    return guest;
}

int http_guest_take(struct site_route *route, const struct host_task_options *options,
                    loop_deferred_fn *on_turn, struct http_guest **ret_guest, struct error *err)
{
    if (!list_empty(&route->idle)) {
        *ret_guest = take_waiting(route);
        return 0;
    }
    struct host_task_options own = *options;
    struct http_guest *guest = take_spare(route->site);
    if (guest == NULL) {
        return error_set_errno(err, -ENOMEM, "making a guest");
    }
    guest->route = route;
    guest->served = 0;
    guest->transaction = NULL;
    guest->inbound = NULL;
    loop_deferred_init(&guest->turn, on_turn);
    own.context = guest;
    begin(guest);
    int r = make(guest, &own, err);
    if (r < 0) {
        http_guest_release(guest);
        return r;
    }
    *ret_guest = guest;
    return 0;
}

/* -- waiting ---------------------------------------------------------------------------------- */

bool http_guest_may_wait(const struct http_guest *guest)
{
    const struct site_route *route = guest->route;
    uint32_t max = route->config->concurrency != 0 ? route->config->concurrency : IDLE_MAX;
    return guest->served < route->config->reuse && route->config->reuse_idle_ns > 0 &&
           route->idle_count < max && !route->site->is_leaving;
}

/* Without memory for a timer they wait for longer; there is always one for the next that comes. */
static void start_timer(struct site_route *route)
{
    const struct http_guest *oldest = container_of(route->idle.next, struct http_guest, route_node);
    uint64_t due_ns = num_add_sat(oldest->idle_since_ns, route->config->reuse_idle_ns);
    (void)loop_timer_start(route->site->options.loop, &route->idle_timer, due_ns, on_idle);
}

static void on_idle(struct loop_timer *timer)
{
    struct site_route *route = container_of(timer, struct site_route, idle_timer);
    uint64_t now_ns = loop_clock_ns();
    while (!list_empty(&route->idle)) {
        struct http_guest *oldest = container_of(route->idle.next, struct http_guest, route_node);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed before has left the list */
        if (num_add_sat(oldest->idle_since_ns, route->config->reuse_idle_ns) > now_ns) {
            start_timer(route);
            return;
        }
        http_guest_release(oldest);
    }
}

/* The request is over: its log, and what the guest knows of it. */
static void end_request(struct http_guest *guest)
{
    for (size_t i = 0; i < ARRAY_COUNT(guest->logs); i++) {
        cgi_log_end(&guest->logs[i]);
    }
    loop_deferred_cancel(&guest->turn);
    wasi_http_inbound_free(guest->inbound);
    guest->inbound = NULL;
    guest->transaction = NULL;
    guest->notes = NULL;
    guest->is_running = false;
    guests_end(guest->route);
}

void http_guest_wait(struct http_guest *guest)
{
    struct site_route *route = guest->route;
    end_request(guest);
    list_remove(&guest->node);
    list_append(&route->site->idle, &guest->node);
    list_append(&route->idle, &guest->route_node);
    route->idle_count++;
    route->site->idle_count++;
    guest->idle_since_ns = loop_clock_ns();
    if (route->idle_timer.loop == NULL) {
        start_timer(route);
    }
    site_let_go(route->site);
}

/* -- ending ----------------------------------------------------------------------------------- */

void http_guest_release(struct http_guest *guest)
{
    struct site *site = guest->route->site;
    bool was_running = guest->is_running;
    if (was_running) {
        end_request(guest);
        list_remove(&guest->node);
    } else {
        leave_waiting(guest);
    }
    host_task_free(guest->task);
    guest->task = NULL;
    guests_drop_stdio(guest->stdio);
    if (site->spare_guest_count == SPARES_MAX) {
        free(guest);
    } else {
        guest->next = site->spare_guests;
        site->spare_guests = guest;
        site->spare_guest_count++;
    }
    if (was_running) {
        site_let_go(site);
    }
}

void wasi_http_end_oldest(struct site *site)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed before has left the list */
    http_guest_release(container_of(site->idle.next, struct http_guest, node));
}

void wasi_http_end_waiting(struct site *site)
{
    while (!list_empty(&site->idle)) {
        wasi_http_end_oldest(site);
    }
}

void wasi_http_end_idle(struct site *site)
{
    wasi_http_end_waiting(site);
    while (!list_empty(&site->trailing)) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed before has left the list */
        http_guest_release(container_of(site->trailing.next, struct http_guest, node));
    }
}

void wasi_http_free_spares(struct site *site)
{
    while (site->spare_guests != NULL) {
        struct http_guest *guest = site->spare_guests;
        site->spare_guests = guest->next;
        free(guest);
    }
    site->spare_guest_count = 0;
}
