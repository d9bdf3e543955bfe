/* Looking up names for a guest. See resolve.h. */
#include "guest/resolve.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "net/names.h"

struct guest_resolution {
    struct guest *guest;       /* borrowed */
    char *name;                /* owned; NULL when none was looked up */
    struct names_query *query; /* borrowed until it has answered */
    bool is_answered;
    struct guest_addresses answer;
};

void guest_resolution_free(struct guest_resolution *resolution)
{
    if (resolution == NULL) {
        return;
    }
    if (resolution->query != NULL) {
        names_cancel(resolution->query);
    }
    free(resolution->answer.addresses);
    free(resolution->answer.canonical);
    free(resolution->name);
    free(resolution);
}

/* The line for the operator quotes the name, so it must be one. */
static bool is_printable(const char *node)
{
    for (const char *p = node; *p != '\0'; p++) {
        if (*p <= ' ' || *p == '\x7f') {
            return false; /* bytes from 0x80 up are negative: no name has them on the wire */
        }
    }
    return true;
}

static int check(struct guest *guest, const char *node, const char *service)
{
    if (policy_may_resolve(&guest->policy, node)) {
        return 0;
    }
    if (!is_printable(node)) {
        return -EACCES; /* a name like that names nothing, in a dry run as well */
    }
    bool has_port = service != NULL && service[strspn(service, "0123456789")] == '\0';
    return guest_refuse(guest, "look up %s; to allow it: --allow-connect %s:%s", node, node,
                        has_port ? service : "*");
}

static int copy_answer(struct guest_addresses *to, const struct names_answer *from)
{
    if (from->count > 0) {
        to->addresses = calloc(from->count, sizeof *to->addresses);
        if (to->addresses == NULL) {
            return EAI_MEMORY;
        }
        memcpy(to->addresses, from->addresses, from->count * sizeof *to->addresses);
        to->count = from->count;
    }
    to->canonical = from->canonical != NULL ? strdup(from->canonical) : NULL;
    return from->error;
}

static void on_answer(void *context, const struct names_answer *answer)
{
    struct guest_resolution *resolution = context;
    struct guest *guest = resolution->guest;
    resolution->query = NULL;
    resolution->is_answered = true;
    resolution->answer.error = copy_answer(&resolution->answer, answer);
    for (uint32_t i = 0; resolution->name != NULL && i < resolution->answer.count; i++) {
        /* Without memory the address is not allowed, and the guest's connect says so. */
        (void)policy_note_resolved(&guest->policy, resolution->name,
                                   &resolution->answer.addresses[i]);
    }
    guest_wake(guest);
}

int guest_resolution_new(struct guest *guest, const char *node, const char *service,
                         const struct addrinfo *hints, struct guest_resolution **ret_resolution)
{
    bool is_name = node != NULL && !net_address_is_numeric(node);
    struct names *names = NULL;
    int r = is_name ? check(guest, node, service) : 0;
    if (r == 0) {
        r = guest_names(guest, &names);
    }
    if (r < 0) {
        return r;
    }
    r = -ENOMEM;
    struct guest_resolution *resolution = calloc(1, sizeof *resolution);
    if (resolution == NULL) {
        return r;
    }
    resolution->guest = guest;
    resolution->name = is_name ? strdup(node) : NULL;
    if (is_name && resolution->name == NULL) {
        goto fail;
    }
    const struct names_question question = {node, service, hints, on_answer, resolution};
    r = names_ask(names, &question, &resolution->query);
    if (r < 0) {
        goto fail;
    }
    *ret_resolution = resolution;
    return 0;
fail:
    guest_resolution_free(resolution);
    return r;
}

const struct guest_addresses *guest_resolution_answer(const struct guest_resolution *resolution)
{
    return resolution->is_answered ? &resolution->answer : NULL;
}

int guest_resolve_begin(struct guest *guest, const char *node, const char *service,
                        const struct addrinfo *hints)
{
    struct guest_resolution *resolution = NULL;
    assert(guest->wait.operation == NULL);
    int r = guest_resolution_new(guest, node, service, hints, &resolution);
    if (r < 0) {
        return r;
    }
    guest->wait.operation = resolution;
    guest->wait.cancel = guest_resolve_end;
    return 0;
}

const struct guest_addresses *guest_resolve_answer(const struct guest *guest)
{
    const struct guest_resolution *resolution = guest->wait.operation;
    return resolution != NULL ? guest_resolution_answer(resolution) : NULL;
}

void guest_resolve_end(struct guest *guest)
{
    guest_resolution_free(guest->wait.operation);
    guest->wait.operation = NULL;
    guest->wait.cancel = NULL;
}
