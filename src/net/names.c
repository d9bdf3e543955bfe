/* Names to addresses. See names.h.
 *
 * Happy path:
 *   1. names_ask hands the question to c-ares, which opens a socket: on_socket_state
 *   2. the loop's edges on it go to c-ares, as do the timer's ends: pump
 *   3. c-ares has an answer, perhaps at once from /etc/hosts: on_result keeps it in the query
 *   4. in the next turn the query's deferred call gives it to whoever asked, and the query goes
 *
 * c-ares expects a level-triggered loop. Two measures make it work on edges: after each edge it is
 * called again until poll(2) finds nothing more to read, and when it begins to want to write it is
 * called once in the next turn, since a socket that is writable already raises no edge.
 *
 * The channel to c-ares is there only while something is asked: it is large, and a guest that waits
 * for a response has no use for it. So /etc/resolv.conf and /etc/hosts are read anew for a new name.
 *
 * Failure modes: a cancelled query stays with c-ares until its answer comes and is then dropped;
 * names_free ends all through c-ares' own destruction callbacks. */
#include "net/names.h"

#include <ares.h>
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/list.h"
#include "base/num.h"
#include "net/hosts.h"

enum {
    SOCKETS_MAX = 32,    /* of c-ares that are watched; it has two for each server */
    PUMP_READS_MAX = 64, /* in one turn, so that a server that floods us is not all we do */
    SERVICE_BUFFER = 1024,
    TIMEOUT_MS = 2500, /* for a server's first try, doubled with each: 17.5 s in all, where */
    TRIES = 3,         /* c-ares' own 75 s are longer than any guest's client waits */
    ASKED_MAX = 4096,  /* queries with c-ares at a time, those included that nobody waits for */
};

struct names_socket {
    struct loop_io io;
    struct names *names; /* borrowed; NULL while the slot is free */
    bool wants_write;
};

struct names {
    struct loop *loop;  /* borrowed */
    struct hosts hosts; /* asked before c-ares */
    ares_channel channel;
    bool has_channel; /* only while there is something to ask: it takes 74 KB */
    uint32_t asked;   /* queries that c-ares has not answered */
    char *servers;    /* owned; NULL: those of /etc/resolv.conf */
    struct loop_deferred close_later;
    struct names_socket sockets[SOCKETS_MAX];
    struct loop_timer timer;
    struct loop_deferred pump_again;
    struct list queries; /* all that have not been answered */
};

struct names_query {
    struct list node; /* among names->queries */
    struct names *names;
    struct loop_deferred answer_later;
    names_fn *on_answer;
    void *context;
    bool is_cancelled;
    bool is_with_cares; /* on_result will be called */
    uint16_t port;
    int error; /* 0 or an EAI_* number */
    uint32_t count;
    struct net_address *addresses; /* owned */
    char *canonical;               /* owned */
};

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable);
static void on_io(struct loop_io *io, unsigned events);
static void on_pump_again(struct loop_deferred *deferred);
static void on_due(struct loop_timer *timer);
static void on_result(void *arg, int status, int timeouts, struct ares_addrinfo *result);
static void on_answer_later(struct loop_deferred *deferred);
static void on_close_later(struct loop_deferred *deferred);

/* -- c-ares on the loop ----------------------------------------------------------------------- */

static struct names_socket *find_socket(struct names *names, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (names->sockets[i].names != NULL && names->sockets[i].io.fd == fd) {
            return &names->sockets[i];
        }
    }
    return NULL;
}

static struct names_socket *free_socket(struct names *names)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (names->sockets[i].names == NULL) {
            return &names->sockets[i];
        }
    }
    return NULL;
}

static void close_socket(struct names_socket *socket)
{
    loop_io_stop(&socket->io);
    socket->names = NULL;
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct names *names = data;
    struct names_socket *socket = find_socket(names, fd);
    if (!readable && !writable) {
        if (socket != NULL) {
            close_socket(socket);
        }
        return;
    }
    if (socket == NULL) {
        socket = free_socket(names);
        /* One that cannot be watched gets no answer: c-ares times out and tries another. */
        if (socket == NULL || loop_io_start(names->loop, &socket->io, fd, on_io) < 0) {
            return;
        }
        socket->names = names;
        socket->wants_write = false;
    }
    if (writable && !socket->wants_write) {
        loop_defer(names->loop, &names->pump_again);
    }
    socket->wants_write = writable != 0;
}

static void update_timer(struct names *names)
{
    struct timeval left;
    if (!names->has_channel || ares_timeout(names->channel, NULL, &left) == NULL) {
        loop_timer_stop(&names->timer);
        return;
    }
    uint64_t left_ns = (uint64_t)left.tv_sec * 1000000000U + (uint64_t)left.tv_usec * 1000U;
    /* Without memory for a timer the answers still come by themselves. */
    (void)loop_timer_start(names->loop, &names->timer, loop_clock_ns() + left_ns + 1000000U,
                           on_due);
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
}

/* Let c-ares read what there is. It may close the socket at any time. */
static void pump_reads(struct names *names, int fd)
{
    for (int i = 0; i < PUMP_READS_MAX; i++) {
        if (find_socket(names, fd) == NULL || !is_readable(fd)) {
            return;
        }
        ares_process_fd(names->channel, fd, ARES_SOCKET_BAD);
    }
    loop_defer(names->loop, &names->pump_again);
}

static void on_io(struct loop_io *io, unsigned events)
{
    struct names_socket *socket = container_of(io, struct names_socket, io);
    struct names *names = socket->names;
    int fd = io->fd;
    if (socket->wants_write && (events & LOOP_WRITE) != 0) {
        ares_process_fd(names->channel, ARES_SOCKET_BAD, fd);
    }
    pump_reads(names, fd);
    update_timer(names);
}

static void on_pump_again(struct loop_deferred *deferred)
{
    struct names *names = container_of(deferred, struct names, pump_again);
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        struct names_socket *socket = &names->sockets[i];
        int fd = socket->io.fd;
        if (socket->names != NULL && socket->wants_write) {
            ares_process_fd(names->channel, ARES_SOCKET_BAD, fd);
        }
        if (socket->names != NULL && socket->io.fd == fd) {
            pump_reads(names, fd);
        }
    }
    update_timer(names);
}

static void on_due(struct loop_timer *timer)
{
    struct names *names = container_of(timer, struct names, timer);
    ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    update_timer(names);
}

static int errno_from_cares(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_EFILE:
        return -EIO;
    default:
        return -EINVAL;
    }
}

int names_new(struct loop *loop, struct names **ret_names)
{
    struct names *names = calloc(1, sizeof *names);
    if (names == NULL) {
        return -ENOMEM;
    }
    names->loop = loop;
    list_init(&names->queries);
    loop_deferred_init(&names->pump_again, on_pump_again);
    loop_deferred_init(&names->close_later, on_close_later);
    *ret_names = names;
    return 0;
}

static void close_channel(struct names *names)
{
    if (names->has_channel) {
        names->has_channel = false;
        ares_destroy(names->channel); /* ends, through on_result, the queries it has */
    }
    loop_timer_stop(&names->timer);
}

static int open_channel(struct names *names)
{
    if (names->has_channel) {
        return 0;
    }
    struct ares_options options = {
        .timeout = TIMEOUT_MS,
        .tries = TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = names,
    };
    int status = ares_init_options(&names->channel, &options,
                                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS) {
        return errno_from_cares(status);
    }
    names->has_channel = true;
    if (names->servers != NULL) {
        status = ares_set_servers_ports_csv(names->channel, names->servers);
    }
    if (status != ARES_SUCCESS) {
        close_channel(names);
    }
    return errno_from_cares(status);
}

static void on_close_later(struct loop_deferred *deferred)
{
    struct names *names = container_of(deferred, struct names, close_later);
    if (names->asked == 0) {
        close_channel(names);
    }
}

int names_add_host(struct names *names, const char *entry, struct error *err)
{
    return hosts_add(&names->hosts, entry, err);
}

int names_set_servers(struct names *names, const char *servers)
{
    char *copy = strdup(servers);
    if (copy == NULL) {
        return -ENOMEM;
    }
    close_channel(names);
    free(names->servers);
    names->servers = copy;
    return open_channel(names);
}

static void query_free(struct names_query *query)
{
    list_remove(&query->node);
    loop_deferred_cancel(&query->answer_later);
    free(query->addresses);
    free(query->canonical);
    free(query);
}

void names_free(struct names *names)
{
    if (names == NULL) {
        return;
    }
    for (struct list *node = names->queries.next; node != &names->queries; node = node->next) {
        container_of(node, struct names_query, node)->is_cancelled = true;
    }
    close_channel(names);
    for (struct list *node = names->queries.next; node != &names->queries;) {
        struct names_query *query = container_of(node, struct names_query, node);
        node = node->next;
        query_free(query);
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (names->sockets[i].names != NULL) {
            close_socket(&names->sockets[i]);
        }
    }
    loop_deferred_cancel(&names->pump_again);
    loop_deferred_cancel(&names->close_later);
    free(names->servers);
    hosts_done(&names->hosts);
    free(names);
}

/* -- queries ---------------------------------------------------------------------------------- */

static int eai_from_cares(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
        return EAI_NODATA;
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME:
        return EAI_NONAME;
    case ARES_ESERVFAIL:
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
        return EAI_AGAIN;
    case ARES_EBADFAMILY:
        return EAI_FAMILY;
    case ARES_EBADFLAGS:
    case ARES_EBADHINTS:
        return EAI_BADFLAGS;
    case ARES_ENOMEM:
        return EAI_MEMORY;
    default:
        return EAI_FAIL;
    }
}

static bool add_octets(struct names_query *query, int family, const uint8_t *octets)
{
    if (query->addresses == NULL) {
        query->addresses = calloc(NAMES_ADDRESSES_MAX, sizeof *query->addresses);
    }
    if (query->addresses == NULL || query->count == NAMES_ADDRESSES_MAX) {
        return false;
    }
    struct net_address *address = &query->addresses[query->count++];
    if (family == AF_INET) {
        net_address_set_v4(address, octets, query->port);
    } else {
        net_address_set_v6(address, octets, query->port);
    }
    return true;
}

static void add_family(struct names_query *query, const struct ares_addrinfo *result, int family)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node != NULL;
         node = node->ai_next) {
        if (node->ai_family != family) {
            continue;
        }
        struct net_address from = {0};
        if (node->ai_addrlen > sizeof from.u) {
            continue;
        }
        memcpy(&from.u, node->ai_addr, node->ai_addrlen);
        const uint8_t *octets =
            family == AF_INET ? (const uint8_t *)&from.u.v4.sin_addr : from.u.v6.sin6_addr.s6_addr;
        if (!add_octets(query, family, octets)) {
            return;
        }
    }
}

static const char *canonical_of(const struct ares_addrinfo *result)
{
    const char *name = result->name;
    for (const struct ares_addrinfo_cname *cname = result->cnames; cname != NULL;
         cname = cname->next) {
        name = cname->name != NULL ? cname->name : name;
    }
    return name;
}

static void on_result(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts; /* how often c-ares had to ask again */
    struct names_query *query = arg;
    struct names *names = query->names;
    query->is_with_cares = false;
    names->asked--;
    if (names->asked == 0) {
        loop_defer(names->loop, &names->close_later);
    }
    if (query->is_cancelled) {
        ares_freeaddrinfo(result);
        query_free(query);
        return;
    }
    query->error = eai_from_cares(status);
    if (result != NULL && status == ARES_SUCCESS) {
        add_family(query, result, AF_INET);
        add_family(query, result, AF_INET6);
        const char *canonical = canonical_of(result);
        query->canonical = canonical != NULL ? strdup(canonical) : NULL;
        query->error = query->count == 0 ? EAI_NODATA : 0;
    }
    ares_freeaddrinfo(result);
    loop_defer(names->loop, &query->answer_later);
}

/* The last word on a query. The callback may free the resolver. */
static void on_answer_later(struct loop_deferred *deferred)
{
    struct names_query *query = container_of(deferred, struct names_query, answer_later);
    list_remove(&query->node);
    const struct names_answer answer = {
        .error = query->error,
        .count = query->error == 0 ? query->count : 0,
        .addresses = query->addresses,
        .canonical = query->canonical,
    };
    query->on_answer(query->context, &answer);
    query_free(query);
}

void names_cancel(struct names_query *query)
{
    if (query->is_with_cares) {
        query->is_cancelled = true;
    } else {
        query_free(query);
    }
}

/* -- what needs no asking --------------------------------------------------------------------- */

static int find_port(const char *service, const struct addrinfo *hints, uint16_t *ret_port)
{
    uint64_t port = 0;
    *ret_port = 0;
    if (service == NULL) {
        return 0;
    }
    int r = num_parse_u64(service, UINT16_MAX, &port);
    if (r == 0) {
        *ret_port = (uint16_t)port;
        return 0;
    }
    if (r == -ERANGE || (hints->ai_flags & AI_NUMERICSERV) != 0) {
        return r == -ERANGE ? EAI_SERVICE : EAI_NONAME;
    }
    struct servent entry;
    struct servent *found = NULL;
    char buffer[SERVICE_BUFFER];
    const char *protocol = hints->ai_socktype == SOCK_DGRAM ? "udp" : "tcp";
    if (getservbyname_r(service, protocol, &entry, buffer, sizeof buffer, &found) != 0 ||
        found == NULL) {
        return EAI_SERVICE;
    }
    *ret_port = ntohs((uint16_t)found->s_port);
    return 0;
}

static bool wants_family(const struct addrinfo *hints, int family)
{
    return hints->ai_family == AF_UNSPEC || hints->ai_family == family;
}

/* No name: this machine, for connecting, or with PASSIVE all its addresses, for listening. */
static int answer_nameless(struct names_query *query, const struct addrinfo *hints)
{
    uint8_t v4[4] = {0};
    uint8_t v6[16] = {0};
    if ((hints->ai_flags & AI_PASSIVE) == 0) {
        v4[0] = 127;
        v4[3] = 1;
        v6[15] = 1;
    }
    bool is_added = true;
    if (wants_family(hints, AF_INET)) {
        is_added = add_octets(query, AF_INET, v4);
    }
    if (is_added && wants_family(hints, AF_INET6)) {
        is_added = add_octets(query, AF_INET6, v6);
    }
    return is_added ? 0 : EAI_MEMORY;
}

/* Tell whether `node` is a numeric address, and then answer. */
static bool answer_numeric(struct names_query *query, const char *node,
                           const struct addrinfo *hints)
{
    uint8_t octets[16];
    int family = AF_INET;
    if (inet_pton(AF_INET, node, octets) != 1) {
        family = AF_INET6;
        if (inet_pton(AF_INET6, node, octets) != 1) {
            return false;
        }
    }
    if (!wants_family(hints, family)) {
        query->error = EAI_ADDRFAMILY;
    } else if (!add_octets(query, family, octets)) {
        query->error = EAI_MEMORY;
    } else {
        query->canonical = strdup(node);
    }
    return true;
}

/* Tell whether `node` is a name that the operator has given addresses to, and then answer. */
static bool answer_from_hosts(struct names_query *query, const char *node,
                              const struct addrinfo *hints)
{
    const struct hosts *hosts = &query->names->hosts;
    const struct host_entry *entry = NULL;
    uint32_t at = 0;
    bool is_known = false;
    while ((entry = hosts_next(hosts, node, &at)) != NULL) {
        bool is_v4 = entry->address.u.any.sa_family == AF_INET;
        const uint8_t *octets = is_v4 ? (const uint8_t *)&entry->address.u.v4.sin_addr
                                      : entry->address.u.v6.sin6_addr.s6_addr;
        is_known = true;
        if (wants_family(hints, entry->address.u.any.sa_family) &&
            !add_octets(query, entry->address.u.any.sa_family, octets)) {
            query->error = query->addresses == NULL ? EAI_MEMORY : 0; /* else there are enough */
            return true;
        }
    }
    if (is_known) {
        query->error = query->count == 0 ? EAI_NODATA : 0;
        query->canonical = strdup(node);
    }
    return is_known;
}

/* Tell whether c-ares has to be asked; if not, the query has its answer. */
static bool must_ask(struct names_query *query, const char *node, const char *service,
                     const struct addrinfo *hints)
{
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6) {
        query->error = EAI_FAMILY;
        return false;
    }
    query->error = find_port(service, hints, &query->port);
    if (query->error != 0) {
        return false;
    }
    if (node == NULL) {
        query->error = answer_nameless(query, hints);
        return false;
    }
    if (answer_numeric(query, node, hints)) {
        return false;
    }
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        query->error = EAI_NONAME;
        return false;
    }
    return !answer_from_hosts(query, node, hints);
}

int names_ask(struct names *names, const struct names_question *question,
              struct names_query **ret_query)
{
    static const struct addrinfo no_hints = {.ai_family = AF_UNSPEC};
    const struct addrinfo *hints = question->hints != NULL ? question->hints : &no_hints;
    assert(question->node != NULL || question->service != NULL);
    struct names_query *query = calloc(1, sizeof *query);
    if (query == NULL) {
        return -ENOMEM;
    }
    query->names = names;
    query->on_answer = question->on_answer;
    query->context = question->context;
    list_append(&names->queries, &query->node);
    loop_deferred_init(&query->answer_later, on_answer_later);
    bool must = must_ask(query, question->node, question->service, hints);
    if (must && names->asked >= ASKED_MAX) {
        query->error = EAI_AGAIN; /* a server is silent, and guests come and go */
        must = false;
    }
    if (!must) {
        loop_defer(names->loop, &query->answer_later);
        *ret_query = query;
        return 0;
    }
    int r = open_channel(names);
    if (r < 0) {
        query_free(query);
        return r;
    }
    *ret_query = query;
    const struct ares_addrinfo_hints ares_hints = {
        .ai_flags = ARES_AI_CANONNAME | ARES_AI_NOSORT,
        .ai_family = hints->ai_family,
        .ai_socktype = hints->ai_socktype != 0 ? hints->ai_socktype : SOCK_STREAM,
    };
    query->is_with_cares = true;
    names->asked++;
    ares_getaddrinfo(names->channel, question->node, /* service */ NULL, &ares_hints, on_result,
                     query);
    update_timer(names);
    return 0;
}
