/* An HTTP front on loopback for tests of HTTP/2, with a handler that does what the path says:
 *
 *     /          200, "hello", in one go
 *     /echo      200, and the body back as it comes
 *     /wait      never answers
 *     /sleep     reads the body, never answers
 *     /read      reads the body to its end, then 200 with its length as text
 *     /late      as /read, with no read before h2_front.is_reading is set
 *     /big?N     200 and N bytes "x", as they are taken
 *     /early     200, "early", at once, whatever the body
 *     /empty     204
 *     /trailers  200, "body", and the trailer x-sum: 1 among forbidden ones
 *     /fields    200, the request as text: method, target, headers, a line each
 *     /hints     103 with a link, then as /
 *     /broken    200, 10 bytes declared, 4 sent, the end
 *     /fail      502 by the front's own page
 */
#ifndef HYTHE_TESTS_H2_FRONT_H
#define HYTHE_TESTS_H2_FRONT_H

#include "http/server.h"

enum { H2_FRONT_REPORTS_MAX = 256 };

struct h2_front {
    struct loop *loop;
    struct http_server *server;
    struct http_server_options options; /* for h2_front_begin; changed before by the test */
    int fd;
    uint16_t port;
    bool takes_h1;   /* HTTP/1.1 is no failure */
    bool is_reading; /* what /late waits for */
    bool is_drained;
    unsigned requests; /* given to the handler */
    unsigned aborts;
    unsigned live;     /* replies attached and not over */
    uint64_t max_held; /* bytes that a /late reply found in one go */
    unsigned report_count;
    struct http_report reports[H2_FRONT_REPORTS_MAX];
    struct list replies;
};

/* Defaults: no timeouts, 100 streams, heads of 16 KiB, 100 headers, targets of 4 KiB. */
void h2_front_init(struct h2_front *front);
void h2_front_begin(struct h2_front *front);
void h2_front_end(struct h2_front *front);

/* Have the /late replies read. */
void h2_front_read(struct h2_front *front);

/* Drain the server; is_drained tells of its end. */
void h2_front_drain(struct h2_front *front);

/* Turn the loop for so many milliseconds. */
void h2_front_turn(struct h2_front *front, unsigned ms);

#endif
