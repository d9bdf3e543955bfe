/* A guest's belongings and its waiting. See guest.h.
 *
 * Happy path of a wait:
 *   1. a host function finds nothing ready: guest_wait_mark on what it wants, guest_wait_begin
 *   2. it answers CALL_WAIT, the fiber is left
 *   3. an edge, the timer or an operation's end calls guest_wake, which calls on_wake
 *   4. the host resumes the fiber; finish looks again at what there is
 * A wake is only ever a hint: finish always looks for itself, and may wait again. */
#include "guest/guest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "guest/socket.h"
#include "net/names.h"

enum { REPORT_MAX = 1024 };

void guest_init(struct guest *guest, struct loop *loop)
{
    memset(guest, 0, sizeof *guest);
    guest->loop = loop;
    guest->broker_fd = -1;
    fd_table_init(&guest->fds, GUEST_FDS_DEFAULT);
    resource_table_init(&guest->resources, GUEST_RESOURCES_DEFAULT);
    policy_init(&guest->policy);
    buffer_init(&guest->scratch, GUEST_SCRATCH_MAX);
    buffer_init(&guest->args, GUEST_TEXT_MAX);
    buffer_init(&guest->env, GUEST_TEXT_MAX);
    buffer_init(&guest->spare, SOCKET_HOLD_MAX);
    list_init(&guest->lingering);
    list_init(&guest->extensions);
}

void guest_extend(struct guest *guest, struct guest_extension *extension)
{
    list_append(&guest->extensions, &extension->node);
}

struct guest_extension *guest_find_extension(struct guest *guest, const void *key)
{
    for (struct list *node = guest->extensions.next; node != &guest->extensions;
         node = node->next) {
        struct guest_extension *extension = container_of(node, struct guest_extension, node);
        if (extension->key == key) {
            return extension;
        }
    }
    return NULL;
}

static void end_extensions(struct guest *guest)
{
    while (!list_empty(&guest->extensions)) {
        struct guest_extension *extension =
            container_of(guest->extensions.next, struct guest_extension, node);
        list_remove(&extension->node);
        extension->on_guest_done(extension);
    }
}

void guest_share_names(struct guest *guest, struct names *names)
{
    assert(guest->names == NULL);
    guest->names = names;
    guest->shares_names = true;
}

struct http_client *guest_http(struct guest *guest)
{
    if (guest->http == NULL && guest->open_http != NULL) {
        guest->http = guest->open_http(guest);
    }
    return guest->http;
}

int guest_may_open(const struct guest *guest)
{
    uint64_t held = (uint64_t)guest->fds.count + guest->open_files;
    return held < guest->fds.max ? 0 : -EMFILE;
}

int guest_names(struct guest *guest, struct names **ret_names)
{
    if (guest->names == NULL) {
        int r = names_new(guest->loop, &guest->names);
        if (r < 0) {
            return r;
        }
    }
    *ret_names = guest->names;
    return 0;
}

void guest_done(struct guest *guest, int linger_ms)
{
    guest_flush(guest);
    if (guest->wait.cancel != NULL) {
        guest->wait.cancel(guest);
        guest->wait.cancel = NULL;
    }
    guest_wait_end(guest);
    resource_table_done(&guest->resources);
    end_extensions(guest);
    fd_table_done(&guest->fds);
    guest_socket_linger(guest, linger_ms);
    if (!guest->shares_names) {
        names_free(guest->names);
    }
    guest->names = NULL;
    policy_done(&guest->policy);
    buffer_done(&guest->scratch);
    buffer_done(&guest->args);
    buffer_done(&guest->env);
    buffer_done(&guest->spare);
}

static int add_text(struct buffer *texts, uint32_t *count, const char *text)
{
    int r = buffer_append(texts, (struct span){(const uint8_t *)text, strlen(text) + 1});
    if (r == 0) {
        (*count)++;
    }
    return r;
}

int guest_add_arg(struct guest *guest, const char *text)
{
    return add_text(&guest->args, &guest->arg_count, text);
}

int guest_add_env(struct guest *guest, const char *text)
{
    return add_text(&guest->env, &guest->env_count, text);
}

/* FNV-1a: lines are told apart, nothing rests on it. */
static uint64_t hash_line(const char *line)
{
    uint64_t hash = 14695981039346656037U;
    for (; *line != '\0'; line++) {
        hash = (hash ^ (uint8_t)*line) * 1099511628211U;
    }
    return hash;
}

static bool is_news(struct guest *guest, const char *line)
{
    uint64_t hash = hash_line(line);
    for (uint32_t i = 0; i < guest->reported_count; i++) {
        if (guest->reported[i] == hash) {
            return false;
        }
    }
    if (guest->reported_count == GUEST_REPORTS_MAX) {
        return false;
    }
    guest->reported[guest->reported_count] = hash;
    guest->reported_count++;
    return true;
}

static void report_line(struct guest *guest, const char *line)
{
    if (guest->on_report != NULL && is_news(guest, line)) {
        guest->on_report(guest, line);
    }
}

void guest_report(struct guest *guest, const char *format, ...)
{
    char line[REPORT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args); /* too long is cut */
    va_end(args);
    report_line(guest, line);
}

int guest_refuse(struct guest *guest, const char *format, ...)
{
    char line[REPORT_MAX];
    bool is_dry_run = guest->policy.is_dry_run;
    size_t len =
        (size_t)snprintf(line, sizeof line, "%s: ", is_dry_run ? "would be refused" : "refused");
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof line - len, format, args); /* too long is cut */
    va_end(args);
    guest->policy.refused++;
    report_line(guest, line);
    return is_dry_run ? 0 : -EACCES;
}

void guest_flush(struct guest *guest)
{
    if (guest->held != NULL) {
        guest_socket_flush(guest->held);
    }
}

static void on_due(struct loop_timer *timer)
{
    struct guest_wait *wait = container_of(timer, struct guest_wait, timer);
    struct guest *guest = container_of(wait, struct guest, wait);
    wait->is_timed_out = true;
    guest_wake(guest);
}

int guest_wait_begin(struct guest *guest, uint64_t deadline_ns)
{
    guest_flush(guest);
    guest->wait.is_due = false;
    guest->wait.is_timed_out = false;
    if (deadline_ns != UINT64_MAX) {
        int r = loop_timer_start(guest->loop, &guest->wait.timer, deadline_ns, on_due);
        if (r < 0) {
            return r;
        }
    }
    guest->wait.is_parked = true;
    return 0;
}

void guest_wait_mark(struct guest *guest, struct descriptor *d, unsigned directions)
{
    if (d->wait_poll != guest->wait.seq) {
        d->wait_poll = guest->wait.seq;
        d->waits_for = 0;
    }
    d->waits_for |= (uint8_t)directions;
}

void guest_wake(struct guest *guest)
{
    if (!guest->wait.is_parked || guest->wait.is_due) {
        return;
    }
    guest->wait.is_due = true;
    if (guest->on_wake != NULL) {
        guest->on_wake(guest);
    }
}

void guest_wait_end(struct guest *guest)
{
    loop_timer_stop(&guest->wait.timer);
    guest->wait.is_parked = false;
    guest->wait.seq++;
}

void guest_wait_on_ready(struct descriptor *d, unsigned events)
{
    struct guest *guest = d->guest;
    if (guest->wait.is_parked && d->wait_poll == guest->wait.seq && (d->waits_for & events) != 0) {
        guest_wake(guest);
    }
}
