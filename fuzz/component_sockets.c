/* wasi:sockets, calls in any order with any arguments that their types allow, over handles of the right
 * kind, which is what the engine sees to; handles are dropped at any time.
 *
 * The input is a row of calls: the number of a function, then for each slot how to make it. The guest
 * can do no harm: it may bind 127.0.0.1 at ports of the kernel's choice, send to a datagram socket of
 * its own, and look up nothing. Results are read to their last byte. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/sockets.h"
#include "input.h"

enum {
    CALLS_MAX = 40,
    DATAGRAMS_MAX = 40,
    OUTGOING_SLOTS = 14,
    INCOMING_SLOTS = 13,
    RESOURCES_MAX = 60,
    SOCKETS_MAX = 8,
    NAME_MAX_LEN = 600,
};

static const struct component_interface *const interfaces[] = {
    &wasi_sockets_tcp,
    &wasi_sockets_udp,
    &wasi_sockets_ip_name_lookup,
    &wasi_sockets_tcp_create_socket,
    &wasi_sockets_udp_create_socket,
    &wasi_sockets_instance_network,
    &wasi_io_streams,
    &wasi_io_poll,
};

/* What one input plays with. */
struct play {
    struct guest guest;
    struct instance *instance;
    uint16_t port; /* of the guest's own datagram socket */
    union component_value results[COMPONENT_SLOTS_MAX];
    union component_value items[DATAGRAMS_MAX * OUTGOING_SLOTS];
    uint8_t *bytes; /* owned; what a name or a datagram is made of */
};

static struct engine *engine; /* for the process */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct engine_options options = {.serial = true};
    struct error err;
    (void)argc;
    (void)argv;
    must(engine_new(&options, &engine, &err) == 0);
    return 0;
}

/* -- handles ---------------------------------------------------------------------------------- */

/* The n-th, counted around, of the guest's resources of that kind; 0: it has none. */
static uint32_t pick_handle(const struct guest *guest, const char *kind, size_t kind_len,
                            uint64_t n)
{
    const struct resource_table *table = &guest->resources;
    uint32_t found[RESOURCES_MAX];
    uint32_t count = 0;
    for (uint32_t rep = 1; rep < table->used && count < RESOURCES_MAX; rep++) {
        const struct resource *resource = table->slots[rep];
        if (resource != NULL && strlen(resource->kind->name) == kind_len &&
            memcmp(resource->kind->name, kind, kind_len) == 0) {
            found[count] = rep;
            count++;
        }
    }
    return count == 0 ? 0 : found[n % count];
}

/* Whose method a function is: "[method]NAME.function". NULL: of none. */
static const char *owner_of(const struct component_func *func, size_t *ret_len)
{
    const char *name = strchr(func->name, ']');
    if (name == NULL) {
        return NULL;
    }
    *ret_len = strcspn(name + 1, ".");
    return name + 1;
}

static void drop_one(struct play *p, struct input *in)
{
    uint32_t used = p->guest.resources.used;
    uint32_t rep = 1 + (uint32_t)input_number(in, 1) % used;
    if (rep < used && p->guest.resources.slots[rep] != NULL) {
        resource_drop(&p->guest, rep);
    }
}

/* -- arguments -------------------------------------------------------------------------------- */

/* Twelve slots: an address that is likely to work, or whatever comes. */
static void make_address(const struct play *p, struct input *in, union component_value *slots)
{
    uint8_t how = (uint8_t)input_number(in, 1);
    const uint64_t loopback[] = {0, (how & 1) != 0 ? p->port : 0, 127, 0, 0, 1};
    slots[0].number = how & 1;
    for (int i = 1; i < SOCKETS_ADDRESS_SLOTS; i++) {
        slots[i].number = (how & 4) != 0 ? input_number(in, 2) : input_number(in, 1);
    }
    if ((how & 0xc0) != 0) {
        for (size_t i = 0; i < ARRAY_COUNT(loopback); i++) {
            slots[i].number = loopback[i];
        }
    }
}

static struct span make_bytes(struct play *p, struct input *in)
{
    struct input taken = input_take(in, (size_t)input_number(in, 2) % NAME_MAX_LEN);
    free(p->bytes);
    p->bytes = malloc(taken.len > 0 ? taken.len : 1);
    must(p->bytes != NULL);
    if (taken.len > 0) {
        memcpy(p->bytes, taken.data, taken.len);
    }
    return (struct span){p->bytes, taken.len};
}

static struct component_list make_datagrams(struct play *p, struct input *in)
{
    size_t count = input_number(in, 1) % DATAGRAMS_MAX;
    struct span bytes = make_bytes(p, in);
    for (size_t i = 0; i < count; i++) {
        union component_value *item = &p->items[i * OUTGOING_SLOTS];
        item[0].bytes = bytes;
        item[1].number = input_number(in, 1) & 1;
        make_address(p, in, item + 2);
    }
    return (struct component_list){p->items, count};
}

static uint64_t make_number(struct input *in)
{
    uint8_t how = (uint8_t)input_number(in, 1);
    return how < 0xc0 ? how : input_number(in, 8);
}

/* False: the guest has no handle that the call needs. */
static bool make_args(struct play *p, const struct component_func *func, struct input *in,
                      union component_value *args)
{
    size_t at = 0;
    size_t len = 0;
    const char *owner = owner_of(func, &len);
    if (owner != NULL) {
        args[at].number = pick_handle(&p->guest, owner, len, input_number(in, 1));
        if (args[at].number == 0) {
            return false;
        }
        at++;
    }
    if (strstr(func->args, "network") != NULL) {
        args[at].number = pick_handle(&p->guest, "network", strlen("network"), 0);
        at++;
    }
    if (strstr(func->args, "address") != NULL) {
        bool is_option = strstr(func->name, ".stream") != NULL;
        if (is_option) {
            args[at].number = input_number(in, 1) & 1;
            at++;
        }
        make_address(p, in, args + at);
    } else if (strstr(func->args, "name$") != NULL || strstr(func->args, "contents*") != NULL) {
        args[at].bytes = make_bytes(p, in);
    } else if (strstr(func->args, "datagrams") != NULL) {
        args[at].list = make_datagrams(p, in);
    } else {
        args[at].number = make_number(in);
    }
    return true;
}

/* -- calls ------------------------------------------------------------------------------------ */

static const struct component_func *pick_func(uint64_t number)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(interfaces); i++) {
        count += interfaces[i]->func_count;
    }
    number %= count;
    for (size_t i = 0;; i++) {
        if (number < interfaces[i]->func_count) {
            return &interfaces[i]->funcs[number];
        }
        number -= interfaces[i]->func_count;
    }
}

/* Those that need a list of pollables, or another stream, are for other targets. */
static bool is_for_others(const struct component_func *func)
{
    return strcmp(func->name, "poll") == 0 || strstr(func->name, "splice") != NULL;
}

static void read_bytes(struct span bytes)
{
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        sum = (uint8_t)(sum + bytes.data[i]);
    }
}

static void read_results(const struct play *p, const struct component_func *func)
{
    bool is_ok = p->results[0].number == 0;
    must(p->results[0].number <= 1);
    if (!is_ok) {
        must(p->results[1].number <= SOCKETS_PERMANENT_RESOLVER_FAILURE);
    } else if (strstr(func->name, ".receive") != NULL) {
        struct component_list list = p->results[1].list;
        for (size_t i = 0; i < list.count; i++) {
            read_bytes(list.items[i * INCOMING_SLOTS].bytes);
            must(list.items[i * INCOMING_SLOTS + 1].number <= 1);
        }
    } else if (strstr(func->name, "input-stream.") != NULL && strstr(func->name, "read") != NULL) {
        read_bytes(p->results[1].bytes);
    }
}

/* False: the guest has ended. */
static bool run_call(struct play *p, struct input *in)
{
    union component_value args[COMPONENT_SLOTS_MAX];
    const struct component_func *func = pick_func(input_number(in, 1));
    memset(args, 0, sizeof args);
    memset(p->results, 0, sizeof p->results);
    if (is_for_others(func) || !make_args(p, func, in, args)) {
        return true;
    }
    struct component_call call = {.func = func,
                                  .args = args,
                                  .results = p->results,
                                  .guest = &p->guest,
                                  .instance = p->instance};
    int32_t answer = func->begin(&call);
    if (answer == CALL_WAIT) {
        must(func->finish != NULL && p->guest.wait.is_parked);
        must(loop_turn(p->guest.loop, 0) == 0);
        guest_wait_end(&p->guest);
        answer = func->finish(&call);
        guest_wait_end(&p->guest);
    }
    must(answer == 0 || answer == CALL_TRAP || answer == CALL_WAIT);
    must((instance_fail_reason(p->instance) != NULL) == (answer == CALL_TRAP));
    if (answer == 0 && strstr(func->name, "subscribe") == NULL && owner_of(func, &(size_t){0}) &&
        strstr(func->name, "pollable") == NULL && strstr(func->name, "is-listening") == NULL &&
        strstr(func->name, "address-family") == NULL) {
        read_results(p, func);
    }
    return answer != CALL_TRAP;
}

/* -- the guest -------------------------------------------------------------------------------- */

/* Call a function that cannot fail here, for the state the guest begins in. */
static uint32_t begin_with(struct play *p, const struct component_interface *interface,
                           const char *name, const uint64_t *numbers, size_t count)
{
    union component_value args[COMPONENT_SLOTS_MAX] = {{.number = 0}};
    for (size_t i = 0; i < count; i++) {
        args[i].number = numbers[i];
    }
    memset(p->results, 0, sizeof p->results);
    for (size_t i = 0; i < interface->func_count; i++) {
        if (strcmp(interface->funcs[i].name, name) == 0) {
            struct component_call call = {.func = &interface->funcs[i],
                                          .args = args,
                                          .results = p->results,
                                          .guest = &p->guest,
                                          .instance = p->instance};
            must(interface->funcs[i].begin(&call) == 0);
        }
    }
    return (uint32_t)p->results[1].number;
}

#define begin_by(p, interface, name, ...)                                                          \
    begin_with((p), (interface), (name), (const uint64_t[]){__VA_ARGS__},                          \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void begin_datagrams(struct play *p, uint32_t network)
{
    struct error err;
    char rule[64];
    uint32_t s = begin_by(p, &wasi_sockets_udp_create_socket, "create-udp-socket", 0);
    (void)begin_by(p, &wasi_sockets_udp, "[method]udp-socket.start-bind", s, network, 0, 0, 127, 0,
                   0, 1);
    (void)begin_by(p, &wasi_sockets_udp, "[method]udp-socket.finish-bind", s);
    (void)begin_by(p, &wasi_sockets_udp, "[method]udp-socket.local-address", s);
    p->port = (uint16_t)p->results[2].number;
    (void)begin_by(p, &wasi_sockets_udp, "[method]udp-socket.stream", s, 0);
    (void)snprintf(rule, sizeof rule, "127.0.0.1:%u", p->port);
    must(policy_allow_connect(&p->guest.policy, rule, &err) == 0);
}

/* A listener with a connection in its queue. Returns the peer's end. */
static int begin_listener(struct play *p, uint32_t network)
{
    uint32_t s = begin_by(p, &wasi_sockets_tcp_create_socket, "create-tcp-socket", 0);
    (void)begin_by(p, &wasi_sockets_tcp, "[method]tcp-socket.start-bind", s, network, 0, 0, 127, 0,
                   0, 1);
    (void)begin_by(p, &wasi_sockets_tcp, "[method]tcp-socket.finish-bind", s);
    (void)begin_by(p, &wasi_sockets_tcp, "[method]tcp-socket.start-listen", s);
    (void)begin_by(p, &wasi_sockets_tcp, "[method]tcp-socket.finish-listen", s);
    (void)begin_by(p, &wasi_sockets_tcp, "[method]tcp-socket.local-address", s);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)p->results[2].number),
                                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    /* Not in each of thousands of runs has the machine a port left: then nobody connects. */
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) {
        must(send(fd, "some bytes", 10, 0) == 10);
    }
    return fd;
}

/* By a reset: no address stays in use after a run. */
static void close_peer(int fd)
{
    const struct linger linger = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct play p;
    struct input in = {data, len};
    struct loop *loop = NULL;
    struct error err;
    memset(&p, 0, sizeof p);
    const struct instance_options options = {.guest = &p.guest};
    must(loop_new(&loop) == 0);
    guest_init(&p.guest, loop);
    p.guest.fds.max = SOCKETS_MAX;
    p.guest.resources.max = RESOURCES_MAX;
    must(instance_new(engine, &options, &p.instance, &err) == 0);
    must(policy_allow_listen(&p.guest.policy, "127.0.0.1:0", &err) == 0);
    uint32_t network = 0;
    (void)begin_with(&p, &wasi_sockets_instance_network, "instance-network", NULL, 0);
    network = (uint32_t)p.results[0].number;
    begin_datagrams(&p, network);
    int peer = begin_listener(&p, network);
    for (int i = 0; i < CALLS_MAX && in.len > 0; i++) {
        uint8_t what = (uint8_t)input_number(&in, 1);
        if (what < 0x20) {
            drop_one(&p, &in);
        } else if (what < 0x30) {
            must(loop_turn(loop, 0) == 0);
        } else if (!run_call(&p, &in)) {
            break;
        }
        if (pick_handle(&p.guest, "network", strlen("network"), 0) == 0) {
            break; /* no call could be given one */
        }
    }
    close_peer(peer);
    instance_free(p.instance);
    guest_done(&p.guest, 0 /* linger_ms */);
    loop_free(loop);
    free(p.bytes);
    return 0;
}
