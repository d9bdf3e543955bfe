/* The HTTP front on a loop with a scripted handler, and clients of it in the same thread. What the
 * handler does, the path says:
 *
 *     /hello              "hello\n", at once
 *     /later              the same, a turn later
 *     /small              "small" in two pieces, of no declared length
 *     /head               what has been asked, as text
 *     /status/N           that status with "text\n"
 *     /length/N /chunked/N   N bytes "x", of a declared or of no length
 *     /echo               the body, as it comes, and its trailers
 *     /late               the head first, then as /echo
 *     /read               the body's length and trailers, once all of it is there
 *     /slow               as /read, 16 KiB a turn
 *     /limit/N            as /read, of N bytes at most
 *     /early/N            asks for the body once, then as /chunked/N without it
 *     /trickle/N          N pieces of 3,000 bytes, one a turn
 *     /drip               "drip\n" every 20 ms, 20 times
 *     /short /long        5 bytes of 10 declared, 10 of 5
 *     /break /break-early the response breaks off behind "begun", sent or not
 *     /fail/N             the front's page, with Retry-After when N is 503
 *     /trailers           "body" with trailers, some of them forbidden
 *     /padded/N           a head with a header of N bytes; chunks for odd N, trailers for some
 *     /interim            103, then as /hello
 *     /bad-header         tries a header with CRLF in it, then fails with 502
 *     /own-framing        tries to say framing and Connection itself
 *     /nothing            neither answers nor stays
 *     /wait               stays, and never answers */
#ifndef HYTHE_TESTS_LIB_FRONT_H
#define HYTHE_TESTS_LIB_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http/server.h"

struct front {
    struct loop *loop;
    struct http_server *server;
    int fd; /* the listening socket */
    uint16_t port;
    struct list scripts; /* handlers under way */
    uint32_t script_count;
    uint64_t bytes_read; /* by handlers */
    uint64_t bytes_written;
    uint32_t done; /* reports so far */
    uint32_t outcomes[HTTP_DRAINED + 1];
    struct http_report last;
    uint32_t drained;
    uint32_t lines; /* for the operator */
};

/* Options with long timeouts and middling limits, for front_open. */
struct http_server_options front_options(void);

/* Make the loop, the server and a listener on 127.0.0.1. */
void front_open(struct front *front, const struct http_server_options *options);

/* The same without a listener; for peers that are handed to it. */
void front_open_bare(struct front *front, const struct http_server_options *options);

/* End all; fails the test when a handler was not told. */
void front_close(struct front *front);

/* End the server only. */
void front_free_server(struct front *front);

/* One turn of the loop. */
void front_turn(struct front *front, int max_wait_ms);

/* Turn for so long. */
void front_turn_for(struct front *front, unsigned ms);

/* Begin to drain; `drained` counts the callback. */
void front_drain(struct front *front);

struct front_client {
    int fd;            /* -1: closed */
    struct buffer got; /* all that has been received */
    bool has_ended;    /* with an orderly end, or ... */
    int error;         /* ... with this errno */
};

/* Connect; the server has accepted when this returns. */
void front_connect(struct front *front, struct front_client *client);

/* Close with RST, which leaves nothing behind, and release. */
void front_disconnect(struct front_client *client);

/* Send all, turning the loop while the socket takes no more. False when the server has gone. */
bool front_send(struct front *front, struct front_client *client, const void *bytes, size_t len);
bool front_send_text(struct front *front, struct front_client *client, const char *text);

/* Receive what is there. */
void front_receive(struct front_client *client);

/* Turn and receive until there are `len` bytes, or the end; false when neither comes in 3 s. */
bool front_await(struct front *front, struct front_client *client, size_t len);

/* Turn and receive until the end; false when it does not come in `ms`. */
bool front_await_end(struct front *front, struct front_client *client, unsigned ms);

/* A request for /hello and its answer on a connection of its own: how long it took. */
uint64_t front_hello_ns(struct front *front);

/* Is this text in what has been received? How often? */
bool front_has(const struct front_client *client, const char *text);
uint32_t front_count(const struct front_client *client, const char *text);

#endif
