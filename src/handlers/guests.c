/* What the handlers that run guests have in common. See guests.h. */
#include "handlers/guests.h"

#include <errno.h>
#include <string.h>

#include "guest/guest.h"
#include "handlers/cgi_log.h"

static const struct guest_failure failures[] = {
    [TASK_TRAPPED] = {NOTES_TRAPPED, 500, "trapped"},
    [TASK_CPU] = {NOTES_CPU, 504, "used up its CPU time (guest.cpu)"},
    [TASK_WALL] = {NOTES_WALL, 504, "took too long (guest.wall)"},
    [TASK_MEMORY] = {NOTES_MEMORY, 500, "wanted more memory than it may have (guest.memory)"},
    [TASK_BROKEN] = {NOTES_BROKEN, 503, "could not be run"},
};

const struct guest_failure *guests_failure(enum host_task_end end)
{
    return &failures[end];
}

void guests_begin(struct site_route *route)
{
    struct site *site = route->site;
    if (site->idle_count > 0 &&
        site->running + site->idle_count >= site->options.config->limits.requests) {
        wasi_http_end_oldest(site);
    }
    route->running++;
    site->running++;
}

void guests_end(struct site_route *route)
{
    route->running--;
    route->site->running--;
}

int guests_give_stdio(struct guest *guest, const struct guest_stream_ops ops[GUESTS_STDIO],
                      void *context, struct guest_stream *ret_stdio[GUESTS_STDIO])
{
    for (uint32_t i = 0; i < GUESTS_STDIO; i++) {
        uint32_t fd = 0;
        int r = guest_stream_new(guest, &ops[i], context, &ret_stdio[i]);
        if (r < 0) {
            return r;
        }
        struct descriptor *d = guest_stream_descriptor(ret_stdio[i]);
        r = fd_table_insert(&guest->fds, d, i, &fd);
        if (r < 0) {
            descriptor_unref(d);
            return r;
        }
    }
    return 0;
}

void guests_drop_stdio(struct guest_stream *stdio[GUESTS_STDIO])
{
    for (int i = 0; i < GUESTS_STDIO; i++) {
        guest_stream_detach(stdio[i]);
        stdio[i] = NULL;
    }
}

int64_t guests_read_nothing(void *context, const struct iovec *pieces, int count)
{
    (void)context;
    (void)pieces;
    (void)count;
    return 0;
}

bool guests_refuse(const struct site_request *asked)
{
    const struct serve_route *config = asked->route->config;
    if (config->concurrency != 0 && asked->route->running >= config->concurrency) {
        uint32_t retry_after_s =
            config->retry_after_s != 0 ? config->retry_after_s : RETRY_DEFAULT_S;
        asked->notes->end = NOTES_BUSY;
        http_transaction_fail(asked->transaction, 503, retry_after_s);
        return true;
    }
    if (config->body_max != 0 &&
        http_transaction_limit_body(asked->transaction, config->body_max) < 0) {
        asked->notes->end = NOTES_TOO_LARGE;
        http_transaction_fail(asked->transaction, 413, 0);
        return true;
    }
    return false;
}

void guests_answer_unstarted(const struct site_request *asked, int r, const struct error *err)
{
    if (r == -EMSGSIZE) {
        asked->notes->end = NOTES_TOO_LARGE;
        http_transaction_fail(asked->transaction, 431, 0);
        return;
    }
    site_log(asked->route, "the guest cannot be started: %s",
             err->text[0] != '\0' ? err->text : strerror(-r));
    asked->notes->end = NOTES_BROKEN;
    http_transaction_fail(asked->transaction, 503, RETRY_DEFAULT_S);
}

/* What the policy says of the guest; only it begins a line with "refused: ". */
void guests_report(const struct site_route *route, const char *line)
{
    const struct site_options *options = &route->site->options;
    if (options->on_refusal != NULL && strncmp(line, "refused: ", strlen("refused: ")) == 0) {
        options->on_refusal(options->context, line);
    }
    site_log(route, "%s", line);
}

/* Each line of the text is a line of the log: names in a backtrace are the guest's choice. */
void guests_log_failure(const struct site_route *route, const char *id, const char *words,
                        const char *text)
{
    site_log(route, "request %s: the guest %s", id, words);
    while (text != NULL && *text != '\0') {
        char line[CGI_LOG_LINE_MAX];
        size_t len = strcspn(text, "\n");
        if (len > 0) {
            cgi_log_escape((struct span){(const uint8_t *)text, len}, line, sizeof line);
            site_log(route, "  %s", line);
        }
        text += len;
        text += *text == '\n' ? 1 : 0;
    }
}
