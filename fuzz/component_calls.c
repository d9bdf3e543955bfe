/* A component's calls over all of io, http, clocks, random, cli, config, keyvalue and sockets, in any order
 * and with any arguments, drops in any order, and what the outside does at any moment: bytes come and
 * go, the client leaves, an upstream answers or fails, the guest is ended while it waits. Sanitizers
 * watch the memory, lib/outside.c what leaves the host; and no answer may point at what is gone by the
 * time the guest's allocator has run.
 *
 * What handles a guest holds is what its resource table holds, so the table is the model.
 *
 * The input is a row of steps: a byte for what to do, and then what that takes.
 *
 * Wraps: http_transaction_inbound http_transaction_read http_transaction_trailers http_transaction_respond http_transaction_write http_transaction_end http_transaction_fail http_exchange_begin http_exchange_has_head http_exchange_error http_exchange_status http_exchange_alert http_exchange_header_count http_exchange_header http_exchange_read http_exchange_trailers http_exchange_write http_exchange_finish http_exchange_abort http_exchange_close */
#include <signal.h>

#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_config/config.h"
#include "imports/wasi_http/http.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_keyvalue/store.h"
#include "imports/wasi_random/random.h"
#include "imports/wasi_sockets/sockets.h"
#include "input.h"
#include "outside.h"

enum {
    STEPS_MAX = 400,
    WAITS_MAX = 3,
    TEXT_MAX = 64,
    LIST_MAX = 6,
    LARGE = 70000,
    RESOURCES_MAX = 96,
};

/* -- what can be called ----------------------------------------------------------------------- */

/* Arguments: a letter of `kinds` for a handle, with a "!" before for one that is handed over; '#' a
 * number, '%' a small one, '?' whether the next is there, '$' text, '*' bytes, 'L' a list of bytes, 'E'
 * of text and bytes, 'S' of texts, 'W' of pollables, '@' an address, 'D' a list of datagrams, 'R' a
 * response or an error-code.
 *
 * The answer: 's' text, 'b' bytes, 'o' perhaps a text, 'O' ok of perhaps bytes, 'B' ok of bytes, 'l' a
 * list of bytes, 'e' of texts and bytes, 't' of texts, 'm' a method, 'h' a scheme, 'w' numbers, 'd' ok
 * of datagrams, 'k' ok of keys, 'g' ok of what may be there, '.' nothing that points anywhere. */
struct row {
    const struct component_interface *interface;
    const char *name;
    const char *args;
    char answer;
};

static const struct row rows[] = {
    {&wasi_io_error, "[method]error.to-debug-string", "e", 's'},
    {&wasi_io_poll, "[method]pollable.ready", "l", '.'},
    {&wasi_io_poll, "[method]pollable.block", "l", '.'},
    {&wasi_io_poll, "poll", "W", 'w'},
    {&wasi_io_streams, "[method]input-stream.read", "i#", 'B'},
    {&wasi_io_streams, "[method]input-stream.blocking-read", "i#", 'B'},
    {&wasi_io_streams, "[method]input-stream.skip", "i#", '.'},
    {&wasi_io_streams, "[method]input-stream.blocking-skip", "i#", '.'},
    {&wasi_io_streams, "[method]input-stream.subscribe", "i", '.'},
    {&wasi_io_streams, "[method]output-stream.check-write", "u", '.'},
    {&wasi_io_streams, "[method]output-stream.write", "u*", '.'},
    {&wasi_io_streams, "[method]output-stream.blocking-write-and-flush", "u*", '.'},
    {&wasi_io_streams, "[method]output-stream.flush", "u", '.'},
    {&wasi_io_streams, "[method]output-stream.blocking-flush", "u", '.'},
    {&wasi_io_streams, "[method]output-stream.subscribe", "u", '.'},
    {&wasi_io_streams, "[method]output-stream.write-zeroes", "u#", '.'},
    {&wasi_io_streams, "[method]output-stream.blocking-write-zeroes-and-flush", "u#", '.'},
    {&wasi_io_streams, "[method]output-stream.splice", "ui#", '.'},
    {&wasi_io_streams, "[method]output-stream.blocking-splice", "ui#", '.'},
    {&wasi_clocks_monotonic_clock, "subscribe-instant", "#", '.'},
    {&wasi_clocks_monotonic_clock, "subscribe-duration", "#", '.'},
    {&wasi_random, "get-random-bytes", "#", 'b'},
    {&wasi_random_insecure_seed, "insecure-seed", "", '.'},
    {&wasi_cli_environment, "get-environment", "", 't'},
    {&wasi_cli_stdin, "get-stdin", "", '.'},
    {&wasi_cli_stdout, "get-stdout", "", '.'},
    {&wasi_cli_terminal_stdout, "get-terminal-stdout", "", '.'},
    {&wasi_config_store, "get", "$", 'O'},
    {&wasi_config_store, "get-all", "", '.'},
    {&wasi_keyvalue_store, "open", "$", '.'},
    {&wasi_keyvalue_store, "[method]bucket.get", "k$", 'O'},
    {&wasi_keyvalue_store, "[method]bucket.set", "k$*", '.'},
    {&wasi_keyvalue_store, "[method]bucket.delete", "k$", '.'},
    {&wasi_keyvalue_store, "[method]bucket.list-keys", "k?#", 'k'},
    {&wasi_keyvalue_atomics, "increment", "k$#", '.'},
    {&wasi_keyvalue_batch, "get-many", "kS", 'g'},
    {&wasi_keyvalue_batch, "set-many", "kE", '.'},
    {&wasi_keyvalue_batch, "delete-many", "kS", '.'},
    {&wasi_sockets_instance_network, "instance-network", "", '.'},
    {&wasi_sockets_tcp_create_socket, "create-tcp-socket", "%", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.start-bind", "sn@", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.finish-bind", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.start-connect", "sn@", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.finish-connect", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.start-listen", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.finish-listen", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.accept", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.local-address", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.subscribe", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.shutdown", "s%", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.keep-alive-idle-time", "s", '.'},
    {&wasi_sockets_tcp, "[method]tcp-socket.hop-limit", "s", '.'},
    {&wasi_sockets_udp_create_socket, "create-udp-socket", "%", '.'},
    {&wasi_sockets_udp, "[method]udp-socket.start-bind", "cn@", '.'},
    {&wasi_sockets_udp, "[method]udp-socket.finish-bind", "c", '.'},
    {&wasi_sockets_udp, "[method]udp-socket.stream", "c?@", '.'},
    {&wasi_sockets_udp, "[method]udp-socket.subscribe", "c", '.'},
    {&wasi_sockets_udp, "[method]incoming-datagram-stream.receive", "g#", 'd'},
    {&wasi_sockets_udp, "[method]incoming-datagram-stream.subscribe", "g", '.'},
    {&wasi_sockets_udp, "[method]outgoing-datagram-stream.check-send", "a", '.'},
    {&wasi_sockets_udp, "[method]outgoing-datagram-stream.send", "aD", '.'},
    {&wasi_sockets_udp, "[method]outgoing-datagram-stream.subscribe", "a", '.'},
    {&wasi_http_types, "[constructor]fields", "", '.'},
    {&wasi_http_types, "[constructor]outgoing-request", "!f", '.'},
    {&wasi_http_types, "[constructor]outgoing-response", "!f", '.'},
    {&wasi_http_types, "[constructor]request-options", "", '.'},
    {&wasi_http_types, "[method]fields.append", "f$*", '.'},
    {&wasi_http_types, "[method]fields.clone", "f", '.'},
    {&wasi_http_types, "[method]fields.delete", "f$", '.'},
    {&wasi_http_types, "[method]fields.entries", "f", 'e'},
    {&wasi_http_types, "[method]fields.get", "f$", 'l'},
    {&wasi_http_types, "[method]fields.has", "f$", '.'},
    {&wasi_http_types, "[method]fields.set", "f$L", '.'},
    {&wasi_http_types, "[method]future-incoming-response.get", "F", '.'},
    {&wasi_http_types, "[method]future-incoming-response.subscribe", "F", '.'},
    {&wasi_http_types, "[method]future-trailers.get", "T", '.'},
    {&wasi_http_types, "[method]future-trailers.subscribe", "T", '.'},
    {&wasi_http_types, "[method]incoming-body.stream", "y", '.'},
    {&wasi_http_types, "[method]incoming-request.authority", "q", 'o'},
    {&wasi_http_types, "[method]incoming-request.consume", "q", '.'},
    {&wasi_http_types, "[method]incoming-request.headers", "q", '.'},
    {&wasi_http_types, "[method]incoming-request.method", "q", 'm'},
    {&wasi_http_types, "[method]incoming-request.path-with-query", "q", 'o'},
    {&wasi_http_types, "[method]incoming-request.scheme", "q", 'h'},
    {&wasi_http_types, "[method]incoming-response.consume", "r", '.'},
    {&wasi_http_types, "[method]incoming-response.headers", "r", '.'},
    {&wasi_http_types, "[method]incoming-response.status", "r", '.'},
    {&wasi_http_types, "[method]outgoing-body.write", "Y", '.'},
    {&wasi_http_types, "[method]outgoing-request.authority", "Q", 'o'},
    {&wasi_http_types, "[method]outgoing-request.body", "Q", '.'},
    {&wasi_http_types, "[method]outgoing-request.headers", "Q", '.'},
    {&wasi_http_types, "[method]outgoing-request.method", "Q", 'm'},
    {&wasi_http_types, "[method]outgoing-request.path-with-query", "Q", 'o'},
    {&wasi_http_types, "[method]outgoing-request.scheme", "Q", 'h'},
    {&wasi_http_types, "[method]outgoing-request.set-authority", "Q?$", '.'},
    {&wasi_http_types, "[method]outgoing-request.set-method", "Q%$", '.'},
    {&wasi_http_types, "[method]outgoing-request.set-path-with-query", "Q?$", '.'},
    {&wasi_http_types, "[method]outgoing-request.set-scheme", "Q?%$", '.'},
    {&wasi_http_types, "[method]outgoing-response.body", "P", '.'},
    {&wasi_http_types, "[method]outgoing-response.headers", "P", '.'},
    {&wasi_http_types, "[method]outgoing-response.set-status-code", "P#", '.'},
    {&wasi_http_types, "[method]outgoing-response.status-code", "P", '.'},
    {&wasi_http_types, "[method]request-options.set-connect-timeout", "o?#", '.'},
    {&wasi_http_types, "[static]fields.from-list", "E", '.'},
    {&wasi_http_types, "[static]incoming-body.finish", "!y", '.'},
    {&wasi_http_types, "[static]outgoing-body.finish", "!Y?!f", '.'},
    {&wasi_http_types, "[static]response-outparam.set", "!pR", '.'},
    {&wasi_http_types, "http-error-code", "e", '.'},
    {&wasi_http_outgoing_handler, "handle", "!Q?!o", '.'},
};

/* The kinds of handles by their letters. */
static const struct {
    char letter;
    const char *name;
} kinds[] = {
    {'e', "error"},
    {'l', "pollable"},
    {'i', "input-stream"},
    {'u', "output-stream"},
    {'k', "bucket"},
    {'n', "network"},
    {'s', "tcp-socket"},
    {'c', "udp-socket"},
    {'g', "incoming-datagram-stream"},
    {'a', "outgoing-datagram-stream"},
    {'f', "fields"},
    {'F', "future-incoming-response"},
    {'T', "future-trailers"},
    {'y', "incoming-body"},
    {'Y', "outgoing-body"},
    {'q', "incoming-request"},
    {'Q', "outgoing-request"},
    {'p', "response-outparam"},
    {'P', "outgoing-response"},
    {'r', "incoming-response"},
    {'o', "request-options"},
};

/* -- the bench ---------------------------------------------------------------------------------- */

struct bench {
    struct input *in;
    struct guest guest;
    struct engine *engine; /* borrowed */
    struct instance *instance;
    struct outside outside;
    struct wasi_http_inbound *inbound; /* NULL between requests */
    enum wasi_http_state told;
    bool is_over; /* the guest has been ended */

    /* Arguments of the call under way, all owned. */
    union component_value args[COMPONENT_SLOTS_MAX];
    unsigned arg_count;
    void *owned[4 * LIST_MAX];
    unsigned owned_count;
};

static uint64_t byte(struct bench *b)
{
    return input_number(b->in, 1);
}

/* -- the handler ------------------------------------------------------------------------------ */

static int respond(void *context, const struct http_outbound *outbound)
{
    const struct bench *b = context;
    return http_transaction_respond(b->outside.transaction, outbound);
}

static void on_state(void *context, enum wasi_http_state state, const char *why)
{
    struct bench *b = context;
    must((state == WASI_HTTP_COMPLETE) == (why == NULL));
    must(b->told == WASI_HTTP_UNANSWERED); /* it is told once */
    b->told = state;
}

static void end_request(struct bench *b)
{
    if (b->inbound != NULL) {
        wasi_http_inbound_detach(b->inbound);
        wasi_http_inbound_free(b->inbound);
        b->inbound = NULL;
    }
    outside_end_request();
}

static void begin_request(struct bench *b)
{
    uint32_t reps[2];
    end_request(b);
    outside_request(byte(b));
    b->told = WASI_HTTP_UNANSWERED;
    const struct wasi_http_inbound_options options = {.transaction = b->outside.transaction,
                                                      .context = b,
                                                      .respond = respond,
                                                      .on_state = on_state};
    if (wasi_http_inbound_new(&b->guest, &options, &b->inbound, reps) < 0) {
        b->inbound = NULL;
        outside_end_request();
    }
}

/* As the handler's deferred part: an error-code has become a response. */
static void settle(struct bench *b)
{
    if (b->told == WASI_HTTP_REFUSED && b->outside.transaction != NULL) {
        struct http_transaction *it = b->outside.transaction;
        wasi_http_inbound_detach(b->inbound);
        http_transaction_fail(it, 500, 0);
    }
}

/* -- what the outside does -------------------------------------------------------------------- */

static void happen_to_transaction(struct bench *b, uint64_t what)
{
    struct http_transaction *it = b->outside.transaction;
    if (it == NULL || b->inbound == NULL) {
        return;
    }
    if (what % 32 == 31) { /* the client leaves; a reused guest would be told no more */
        wasi_http_inbound_detach(b->inbound);
        outside_end_request();
        return;
    }
    outside_change(&it->flow, what, (uint32_t)byte(b));
    if (what % 4 != 1) {
        wasi_http_inbound_on_readable(b->inbound);
    } else if (it->flow.wants_write) {
        it->flow.wants_write = false;
        wasi_http_inbound_on_writable(b->inbound);
    }
}

static void happen(struct bench *b)
{
    uint64_t what = byte(b);
    if (what % 2 == 0) {
        happen_to_transaction(b, what / 2);
    } else {
        what /= 2;
        outside_happen_to_exchange(what, what / OUTSIDE_EXCHANGES_MAX, (uint32_t)byte(b));
    }
    must(loop_turn(b->guest.loop, 0) >= 0);
    settle(b);
}

/* -- arguments -------------------------------------------------------------------------------- */

static void *own(struct bench *b, size_t len)
{
    void *data = malloc(len > 0 ? len : 1);
    must(data != NULL && b->owned_count < sizeof b->owned / sizeof *b->owned);
    b->owned[b->owned_count] = data;
    b->owned_count++;
    return data;
}

static void put(struct bench *b, union component_value value)
{
    must(b->arg_count < COMPONENT_SLOTS_MAX);
    b->args[b->arg_count] = value;
    b->arg_count++;
}

static void put_number(struct bench *b, uint64_t number)
{
    put(b, (union component_value){.number = number});
}

/* Bytes of the input as they are, a usual text, or many. */
static struct span take_bytes(struct bench *b, bool is_text)
{
    static const char *const usual[] = {"content-length", "0",    "5",       "x-one",
                                        "default",        "/a?b", "host",    "transfer-encoding",
                                        "example.test",   "",     "trailer", " a\tb "};
    uint64_t how = byte(b);
    size_t len = 0;
    if (how < 96) {
        struct span text = span_of(usual[how % 12]);
        uint8_t *data = own(b, text.len);
        memcpy(data, text.data, text.len);
        return (struct span){data, text.len};
    }
    if (how < 112) {
        len = how % 2 == 0 ? LARGE : 5;
        uint8_t *data = own(b, len);
        memset(data, 'w', len);
        return (struct span){data, len};
    }
    struct input taken = input_take(b->in, how % TEXT_MAX);
    struct span bytes = {taken.data, taken.len};
    uint8_t *data = own(b, bytes.len);
    len = is_text && !utf8_is_valid(bytes) ? 0 : bytes.len; /* the engine lets no others through */
    if (len > 0) {
        memcpy(data, bytes.data, len);
    }
    return (struct span){data, len};
}

static const char *kind_of(char letter)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].letter == letter) {
            return kinds[i].name;
        }
    }
    return NULL;
}

/* A handle of that kind which is not handed over already; 0: the guest has none. */
static uint32_t pick(const struct bench *b, const char *kind, uint64_t n)
{
    const struct resource_table *table = &b->guest.resources;
    for (uint64_t i = 0; i < table->used; i++) {
        uint32_t rep = (uint32_t)((i + n) % table->used);
        const struct resource *it = table->slots != NULL ? table->slots[rep] : NULL;
        if (it != NULL && strcmp(it->kind->name, kind) == 0) {
            return rep;
        }
    }
    return 0;
}

static bool put_handle(struct bench *b, char letter)
{
    const char *kind = kind_of(letter);
    must(kind != NULL);
    uint32_t rep = pick(b, kind, byte(b));
    put_number(b, rep);
    return rep != 0;
}

static bool put_pollables(struct bench *b)
{
    size_t count = byte(b) % 8;
    uint32_t *reps = own(b, count * sizeof *reps);
    for (size_t i = 0; i < count; i++) {
        reps[i] = pick(b, "pollable", byte(b));
        if (reps[i] == 0) {
            return false;
        }
    }
    put(b, (union component_value){.words = {reps, count}});
    return true;
}

static void put_list(struct bench *b, char what)
{
    size_t slots = what == 'E' ? 2 : 1;
    size_t count = byte(b) % LIST_MAX;
    union component_value *items = own(b, count * slots * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i * slots].bytes = take_bytes(b, what != 'L');
        if (what == 'E') {
            items[i * slots + 1].bytes = take_bytes(b, false /* is_text */);
        }
    }
    put(b, (union component_value){.list = {items, count}});
}

/* Addresses of the loopback, nobody's, and any. */
static void take_address(struct bench *b, union component_value slots[12])
{
    uint64_t how = byte(b);
    memset(slots, 0, 12 * sizeof *slots);
    slots[1].number = how % 3 == 0 ? 0 : byte(b);
    if (how % 2 == 0) {
        slots[2].number = how % 8 == 0 ? 0 : 127;
        slots[5].number = 1;
    } else {
        slots[0].number = 1;
        slots[10].number = 1;
    }
}

static void put_address(struct bench *b)
{
    union component_value slots[12];
    take_address(b, slots);
    for (int i = 0; i < 12; i++) {
        put(b, slots[i]);
    }
}

static void put_datagrams(struct bench *b)
{
    enum { SLOTS = 14 };
    size_t count = byte(b) % LIST_MAX;
    union component_value *items = own(b, count * SLOTS * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i * SLOTS].bytes = take_bytes(b, false /* is_text */);
        items[i * SLOTS + 1].number = byte(b) % 2;
        take_address(b, &items[i * SLOTS + 2]);
    }
    put(b, (union component_value){.list = {items, count}});
}

/* result<outgoing-response, error-code>. */
static bool put_response(struct bench *b)
{
    if (byte(b) % 4 != 0) {
        put_number(b, 0);
        return put_handle(b, 'P');
    }
    put_number(b, 1);
    put_number(b, byte(b) % 39);
    put_number(b, byte(b) % 2);
    put(b, (union component_value){.bytes = take_bytes(b, true /* is_text */)});
    put_number(b, 0);
    put_number(b, 0);
    return true;
}

/* Numbers that have a meaning, small ones, and any. */
static uint64_t take_number(struct bench *b)
{
    uint64_t how = byte(b);
    static const uint64_t usual[] = {0, 1, 4096, 4097, 65536, 65537, UINT64_MAX, INT64_MAX};
    return how < 128 ? usual[how % 8] : how < 250 ? how - 128 : input_number(b->in, 8);
}

/* False when the guest has not what it takes. An option's value of a handle is there or not. */
static bool put_one(struct bench *b, const char **spec)
{
    char what = **spec;
    (*spec)++;
    switch (what) {
    case '#':
        put_number(b, take_number(b));
        return true;
    case '%':
        put_number(b, byte(b) % 10);
        return true;
    case '$':
        put(b, (union component_value){.bytes = take_bytes(b, true /* is_text */)});
        return true;
    case '*':
        put(b, (union component_value){.bytes = take_bytes(b, false /* is_text */)});
        return true;
    case 'L':
    case 'E':
    case 'S':
        put_list(b, what);
        return true;
    case 'W':
        return put_pollables(b);
    case '@':
        put_address(b);
        return true;
    case 'D':
        put_datagrams(b);
        return true;
    case 'R':
        return put_response(b);
    case '!':
        return put_one(b, spec);
    default:
        return put_handle(b, what);
    }
}

static bool put_args(struct bench *b, const char *spec)
{
    while (*spec != '\0') {
        if (*spec == '?') {
            bool is_there = byte(b) % 2 == 0;
            spec++;
            put_number(b, is_there ? 1 : 0);
            if (!is_there) {
                put_number(b, 0xeeee); /* meaningless */
                return true;
            }
        }
        if (!put_one(b, &spec)) {
            return false;
        }
    }
    return true;
}

/* -- answers ---------------------------------------------------------------------------------- */

static uint8_t touched;

static void touch(struct span bytes)
{
    for (size_t i = 0; i<bytes.len; i += bytes.len> 4096 ? 997 : 1) {
        touched ^= bytes.data[i];
    }
    touched ^= bytes.len > 0 ? bytes.data[bytes.len - 1] : 0;
}

static void touch_text(struct span text)
{
    touch(text);
    must(utf8_is_valid(text));
}

static void touch_list(const struct component_list *list, const char *spec)
{
    size_t slots = strlen(spec);
    for (size_t i = 0; i < list->count * slots; i++) {
        char what = spec[i % slots];
        if (what == '?' && list->items[i].number == 0) {
            i += slots - 1;
        } else if (what == 's') {
            touch_text(list->items[i].bytes);
        } else if (what == 'b') {
            touch(list->items[i].bytes);
        }
    }
}

static void check_answer(const union component_value *results, char what)
{
    bool is_ok = results[0].number == 0;
    switch (what) {
    case 's':
        touch_text(results[0].bytes);
        break;
    case 'b':
        touch(results[0].bytes);
        break;
    case 'o':
        touch_text(results[0].number == 1 ? results[1].bytes : (struct span){NULL, 0});
        break;
    case 'O':
        touch(is_ok && results[1].number == 1 ? results[2].bytes : (struct span){NULL, 0});
        break;
    case 'B':
        touch(is_ok ? results[1].bytes : (struct span){NULL, 0});
        break;
    case 'm':
        touch_text(results[0].number == 9 ? results[1].bytes : (struct span){NULL, 0});
        break;
    case 'h':
        is_ok = results[0].number == 1 && results[1].number == 2;
        touch_text(is_ok ? results[2].bytes : (struct span){NULL, 0});
        break;
    case 'l':
        touch_list(&results[0].list, "b");
        break;
    case 'e':
        touch_list(&results[0].list, "sb");
        break;
    case 't':
        touch_list(&results[0].list, "ss");
        break;
    case 'd':
        touch_list(&results[1].list, is_ok ? "b............" : "");
        break;
    case 'k':
        touch_list(&results[1].list, is_ok ? "s" : "");
        break;
    case 'g':
        touch_list(&results[1].list, is_ok ? "?sb" : "");
        break;
    default:
        break;
    }
}

/* -- calls ------------------------------------------------------------------------------------ */

static void renew_instance(struct bench *b)
{
    const struct instance_options options = {.guest = &b->guest};
    struct error err;
    instance_free(b->instance);
    must(instance_new(b->engine, &options, &b->instance, &err) == 0);
}

static const struct component_func *func_of(const struct row *row)
{
    for (size_t i = 0; i < row->interface->func_count; i++) {
        if (strcmp(row->interface->funcs[i].name, row->name) == 0) {
            return &row->interface->funcs[i];
        }
    }
    abort();
}

/* A trap ends the guest, as does its end while it waits. */
static void call(struct bench *b, const struct row *row)
{
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {.func = func_of(row),
                                  .args = b->args,
                                  .results = results,
                                  .guest = &b->guest,
                                  .instance = b->instance};
    b->arg_count = 0;
    memset(b->args, 0xee, sizeof b->args);
    memset(results, 0, sizeof results);
    if (!put_args(b, row->args)) {
        return;
    }
    int32_t answer = call.func->begin(&call);
    for (int i = 0; i < WAITS_MAX && answer == CALL_WAIT; i++) {
        must(call.func->finish != NULL && b->guest.wait.is_parked);
        happen(b);
        guest_wait_end(&b->guest);
        answer = call.func->finish(&call);
    }
    settle(b);
    must(answer == 0 || answer == CALL_WAIT || answer == CALL_TRAP);
    b->is_over = answer != 0; /* what still waits is ended where it is */
    if (answer == 0) {
        happen(b); /* the guest's allocator lets others run */
        check_answer(results, row->answer);
    }
}

static void drop(struct bench *b, uint64_t n)
{
    const struct resource_table *table = &b->guest.resources;
    uint32_t rep = (uint32_t)(n % table->used);
    if (table->slots != NULL && table->slots[rep] != NULL) {
        b->is_over = component_drop(&b->guest, b->instance, rep) != 0;
    }
}

static void step(struct bench *b)
{
    uint64_t what = byte(b);
    size_t count = sizeof rows / sizeof *rows;
    if (what < count) {
        call(b, &rows[what]);
    } else if (what < count + 24) {
        drop(b, byte(b));
    } else if (what < count + 32) {
        begin_request(b);
    } else {
        happen(b);
    }
    for (unsigned i = 0; i < b->owned_count; i++) {
        free(b->owned[i]);
    }
    b->owned_count = 0;
}

static void begin_guest(struct bench *b, struct loop *loop)
{
    const struct keyvalue_limits limits = {.keys = 20, .bytes = 100000};
    guest_init(&b->guest, loop);
    resource_table_init(&b->guest.resources, RESOURCES_MAX);
    b->guest.http = (struct http_client *)(void *)b; /* only handed on */
    b->guest.fds.max = 16;
    must(guest_add_env(&b->guest, "A=b") == 0 && guest_add_env(&b->guest, "\xff=c") == 0);
    b->guest.keyvalue = keyvalue_new(&limits);
    must(b->guest.keyvalue != NULL);
    renew_instance(b);
}

/* In the handler's order. */
static void end_guest(struct bench *b)
{
    struct keyvalue *keyvalue = b->guest.keyvalue;
    end_request(b);
    instance_free(b->instance);
    guest_done(&b->guest, 0 /* linger_ms */);
    keyvalue_free(keyvalue);
    must(outside_is_quiet());
    must(b->guest.http_bytes == 0 && b->guest.http_open == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct engine *engine; /* takes long to make, and keeps nothing of a run */
    const struct engine_options options = {.serial = true};
    struct input in = {data, len};
    struct bench *b = calloc(1, sizeof *b);
    struct loop *loop = NULL;
    struct error err;
    (void)signal(SIGPIPE, SIG_IGN); /* NOLINT(cert-err33-c): it cannot fail */
    must(b != NULL && loop_new(&loop) == 0);
    must(engine != NULL || engine_new(&options, &engine, &err) == 0);
    b->in = &in;
    b->engine = engine;
    outside_begin(&b->outside);
    begin_guest(b, loop);
    begin_request(b);
    for (int i = 0; i < STEPS_MAX && in.len > 0 && !b->is_over; i++) {
        step(b);
    }
    end_guest(b);
    loop_free(loop);
    free(b);
    return 0;
}
