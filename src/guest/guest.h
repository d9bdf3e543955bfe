/* A guest: everything one running module has, whatever dialect it speaks. It knows nothing of an
 * engine; imports/ translates its calls to what stands here. */
#ifndef HYTHE_GUEST_GUEST_H
#define HYTHE_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "base/span.h"
#include "guest/descriptor.h"
#include "guest/fd_table.h"
#include "guest/policy.h"
#include "guest/resource.h"
#include "loop/loop.h"

struct guest_socket;
struct http_client;
struct keyvalue;
struct names;
struct strings;

/* What the types of a guest's imports told the host about its dialect. */
enum guest_dialect_flags {
    DIALECT_V6_AT_2 = 1, /* IPv6 octets stand at 2 in getaddrinfo's sa_data, as Go reads them */
};

/* How FD_WRITE readiness is reported by poll (see poll.h). */
enum guest_poll_mode { GUEST_POLL_LEVEL, GUEST_POLL_AUTO };

enum { GUEST_REPORTS_MAX = 64 };

/* State that an import module keeps for a guest beyond descriptors. Embedded in the module's own
 * struct; on_guest_done releases that and is called when the guest ends. */
struct guest_extension {
    struct list node;
    const void *key; /* whose it is: the address of something of the module's */
    void (*on_guest_done)(struct guest_extension *extension);
};

/* What the parked guest waits for. A guest has one fiber, so it waits in one call at a time. */
struct guest_wait {
    struct loop_timer timer;
    bool is_parked;    /* the guest's fiber is left, or about to be */
    bool is_due;       /* the reason to wait has gone: resume the guest */
    bool is_timed_out; /* it was the timer */
    uint32_t seq;      /* number of the wait: descriptors marked with it belong to it */

    /* For calls that wait in more than one step; meaning is the call's own, zeroed by it. */
    uint64_t deadline_ns;
    uint32_t value;
    void *operation;                     /* an asynchronous one under way, owned by the call */
    void (*cancel)(struct guest *guest); /* ends `operation` when the guest ends while waiting */
};

struct guest {
    struct loop *loop; /* borrowed */
    struct fd_table fds;
    struct resource_table resources; /* of a component */
    uint32_t open_files;             /* of a component, outside fds; fds.max holds for both */
    uint32_t lookups;      /* of a component: names that it has asked for and not dropped */
    struct buffer scratch; /* what the results of its last call point at, likewise */
    uint64_t http_bytes;   /* of fields and unsent bodies that the host keeps for it, likewise */
    struct policy policy;

    /* Arguments and environment as the guest sees them: NUL-terminated strings in a row. */
    struct buffer args;
    uint32_t arg_count;
    struct buffer env;
    uint32_t env_count;

    struct guest_wait wait;
    uint32_t poll_seq;  /* number of the poll under way or the last one, never 0 once used */
    uint32_t hot_polls; /* polls in a row that found something without asking the kernel */
    enum guest_poll_mode poll_mode;
    uint8_t dialect_flags; /* enum guest_dialect_flags, set by the host */

    struct guest_socket *held; /* the socket with kept-back bytes, or NULL (see socket.h) */
    struct buffer spare;       /* one empty buffer, handed from one held socket to the next */
    struct list lingering;     /* closed sockets that still have bytes to send */
    uint32_t lingering_count;
    struct names *names;     /* the resolver: owned, made when first needed, unless it is shared */
    bool shares_names;       /* then it is borrowed */
    bool strict_prestat;     /* fd_prestat_get on a listener answers BADF */
    uint32_t any_port_binds; /* shared binds to a port of the kernel's choice, so far */
    int broker_fd;           /* where sockets shared with other workers are asked for; -1 when
                                * there are none; borrowed */

    struct http_client *http; /* the way out over HTTP, NULL without one; borrowed: the host's */
    struct http_client *(*open_http)(struct guest *guest); /* the host's: makes it; NULL: it is made
                                                            * already, or there is none */
    uint32_t http_max_handles; /* responses open at a time; 0: no limit of its own */
    uint32_t http_open;        /* of a component: exchanges it has under way */
    bool http_has_handles;     /* it imports wasi_experimental_http.close or .body_read */
    bool http_has_alloc;       /* it exports alloc (i32) -> i32 */
    struct list extensions;    /* of struct guest_extension */

    /* Of a component: "name=value" for wasi:config, and the store behind wasi:keyvalue. Borrowed; NULL:
     * nothing is configured, and no store may be opened. */
    const struct strings *config_pairs;
    struct keyvalue *keyvalue;

    bool has_exited;
    uint32_t exit_code;

    uint64_t reported[GUEST_REPORTS_MAX]; /* hashes of the lines that the operator has seen */
    uint32_t reported_count;

    /* Called when the wait is over, from within a loop callback. Set by the host. */
    void (*on_wake)(struct guest *guest);
    /* One line for the operator: a refusal with the flag that would allow it. Set by the host. */
    void (*on_report)(struct guest *guest, const char *line);
    void *owner; /* borrowed: the host's part of this guest */
};

enum {
    GUEST_TEXT_MAX = 16 << 20,    /* bytes of all arguments, and of all environment */
    GUEST_SCRATCH_MAX = 16 << 20, /* bytes of one result */
    GUEST_HTTP_BYTES_MAX = 32 << 20,
    GUEST_FDS_DEFAULT = 65536,
};

/* Begin a guest on `loop` with an empty table and nothing granted. */
void guest_init(struct guest *guest, struct loop *loop);

/* Close all it has. Sockets that still have bytes to send get `linger_ms` to send them. */
void guest_done(struct guest *guest, int linger_ms);

/* Append an argument, or an environment entry "KEY=value". 0, -ENOMEM or -EMSGSIZE. */
int guest_add_arg(struct guest *guest, const char *text);
int guest_add_env(struct guest *guest, const char *text);

/* Attach a module's state, or find it: NULL when that module has attached none. */
void guest_extend(struct guest *guest, struct guest_extension *extension);
struct guest_extension *guest_find_extension(struct guest *guest, const void *key);

/* Have the guest use a resolver of others', which is borrowed; before it has needed one. */
void guest_share_names(struct guest *guest, struct names *names);

/* The guest's way out over HTTP, made when first asked for; NULL when it has none, or none can be made,
 * which the operator is told. */
struct http_client *guest_http(struct guest *guest);

/* May it have one more descriptor outside its table? 0 or -EMFILE; then descriptor_count. */
int guest_may_open(const struct guest *guest);

/* The guest's resolver, made when first asked for. 0 or a negative errno. */
int guest_names(struct guest *guest, struct names **ret_names);

/* Tell the operator something about this guest: each line once, and GUEST_REPORTS_MAX in all. */
void guest_report(struct guest *guest, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The policy says no to what the words say, which end with the flag that would allow it: count it and
 * tell the operator. -EACCES, or 0 in a dry run. */
int guest_refuse(struct guest *guest, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Send what has been kept back; call before anything but another send on the same socket. */
void guest_flush(struct guest *guest);

/* -- waiting ---------------------------------------------------------------------------------- */

/* Begin to wait: until guest_wait_mark'ed readiness, guest_wake, or `deadline_ns` on
 * CLOCK_MONOTONIC (UINT64_MAX: no deadline). Kept-back bytes are sent first. 0 or -ENOMEM. */
int guest_wait_begin(struct guest *guest, uint64_t deadline_ns);

/* Have the wait that begins next, or has just begun, end when `d` becomes ready in any of
 * `directions`. */
void guest_wait_mark(struct guest *guest, struct descriptor *d, unsigned directions);

/* End the wait, from a callback of the loop. Harmless when nothing waits. */
void guest_wake(struct guest *guest);

/* Forget the wait; the host calls it before it resumes the guest. */
void guest_wait_end(struct guest *guest);

/* For descriptor.c: an edge has come. */
void guest_wait_on_ready(struct descriptor *d, unsigned events);

#endif
