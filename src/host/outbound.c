/* The guest's way out over HTTP. See outbound.h.
 *
 * The client asks twice: about a URL, also one it was redirected to, and about each address it may
 * dial. Both answers are the policy's; here they become lines for the operator. A line names scheme,
 * host and port only: the rest of a URL may be secret. */
#include "host/outbound.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/module.h"
#include "guest/guest.h"
#include "host/config.h"
#include "http/client.h"
#include "net/scope.h"

enum { ORIGIN_MAX = 512 };

static const char import_module[] = "wasi_experimental_http";
static const char interface[] = "wasi:http/outgoing-handler@";

struct host_outbound {
    struct guest *guest;        /* borrowed */
    struct http_client *client; /* owned */
};

/* -- the policy ------------------------------------------------------------------------------- */

static struct policy_request request_of(const struct http_target *target)
{
    return (struct policy_request){target->scheme, target->host, target->port};
}

/* Write the origin as a rule has it. */
static void print_origin(const struct http_target *target, char text[ORIGIN_MAX])
{
    bool is_v6 = strchr(target->host, ':') != NULL;
    (void)snprintf(text, ORIGIN_MAX, "%s://%s%s%s:%u", target->scheme, is_v6 ? "[" : "",
                   target->host, is_v6 ? "]" : "", target->port); /* names end at 253 */
}

static bool may_request(void *context, const struct http_target *target)
{
    struct guest *guest = ((struct host_outbound *)context)->guest;
    const struct policy_request request = request_of(target);
    char origin[ORIGIN_MAX];
    if (policy_may_request(&guest->policy, &request)) {
        return true;
    }
    print_origin(target, origin);
    return guest_refuse(guest, "HTTP request to %s; to allow it: --allow-http %s", origin,
                        origin) == 0;
}

static bool may_dial(void *context, const struct http_target *target,
                     const struct net_address *address)
{
    struct guest *guest = ((struct host_outbound *)context)->guest;
    const struct policy_request request = request_of(target);
    char origin[ORIGIN_MAX];
    char text[NET_ADDRESS_TEXT_MAX];
    if (policy_may_dial(&guest->policy, &request, address)) {
        return true;
    }
    if (net_address_is_numeric(target->host)) {
        return guest->policy.is_dry_run; /* the line was written when the request was judged */
    }
    struct net_address plain = *address;
    net_address_unmap(&plain);
    const char *scope = net_address_scope(&plain);
    print_origin(target, origin);
    (void)net_address_print(&plain, text);
    char *colon = strrchr(text, ':');
    if (colon != NULL) {
        *colon = '\0'; /* the port is said with the origin */
    }
    return guest_refuse(guest,
                        "HTTP request to %s, which stands for %s, %s; to allow it: --allow-http "
                        "%s,private",
                        origin, text, scope != NULL ? scope : "an address that is not allowed",
                        origin) == 0;
}

/* The guest gets a number that stands for every failure; the operator learns which it was. */
static void on_failure(void *context, const struct http_target *target, enum http_error error)
{
    struct guest *guest = ((struct host_outbound *)context)->guest;
    char origin[ORIGIN_MAX];
    print_origin(target, origin);
    guest_report(guest, "HTTP request to %s failed: %s", origin,
                 http_error_text(http_error_kind(error)));
}

/* -- its life --------------------------------------------------------------------------------- */

static bool is_client(const char *name)
{
    return strcmp(name, import_module) == 0 || strncmp(name, interface, sizeof interface - 1) == 0;
}

struct outbound_form outbound_form_of(const struct module *module)
{
    struct outbound_form form = {.is_wanted = false};
    for (uint32_t i = 0; i < module_import_count(module); i++) {
        const struct module_import *import = module_import(module, i);
        form.is_wanted = form.is_wanted || is_client(import->module);
        if (strcmp(import->module, import_module) == 0) {
            form.has_handles = form.has_handles || strcmp(import->name, "close") == 0 ||
                               strcmp(import->name, "body_read") == 0;
        }
    }
    const struct module_export *alloc = module_find_export(module, "alloc");
    form.has_alloc = alloc != NULL && alloc->kind == EXTERN_FUNC &&
                     strcmp(alloc->params, "i") == 0 && strcmp(alloc->results, "i") == 0;
    return form;
}

static int make_client(struct host_outbound *outbound, const struct http_config *config,
                       struct http_pool *pool, struct error *err)
{
    struct guest *guest = outbound->guest;
    struct names *names = NULL;
    int r = guest_names(guest, &names);
    if (r < 0) {
        return error_set_errno(err, r, "making the resolver");
    }
    const struct http_client_options options = {
        .loop = guest->loop,
        .names = names,
        .pool = pool,
        .ca_file = config->ca_file,
        .proxy = config->proxy,
        .connect_timeout_ns = config->connect_timeout_ns,
        .first_byte_timeout_ns = config->first_byte_timeout_ns,
        .between_bytes_timeout_ns = config->idle_timeout_ns,
        .total_timeout_ns = config->timeout_ns,
        .body_max = config->max_body,
        .head_max = config->max_head,
        .redirects_max = config->redirects,
        .context = outbound,
        .may_request = may_request,
        .may_dial = may_dial,
        .on_failure = on_failure,
    };
    return http_client_new(&options, &outbound->client, err);
}

int outbound_new(struct guest *guest, const struct http_config *config, struct http_pool *pool,
                 struct host_outbound **ret_outbound, struct error *err)
{
    struct host_outbound *outbound = calloc(1, sizeof *outbound);
    if (outbound == NULL) {
        return error_set_errno(err, -ENOMEM, "making the HTTP client");
    }
    outbound->guest = guest;
    int r = make_client(outbound, config, pool, err);
    if (r < 0) {
        outbound_free(outbound);
        return r;
    }
    guest->http = outbound->client;
    guest->http_max_handles = config->concurrency;
    *ret_outbound = outbound;
    return 0;
}

void outbound_free(struct host_outbound *outbound)
{
    if (outbound != NULL) {
        http_client_free(outbound->client);
        free(outbound);
    }
}
