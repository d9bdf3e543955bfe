/* An HTTP client of ours and, on the other end of its connection, the test itself: byte for byte, in one
 * thread, so that the test says who moves when.
 *
 *     struct http_wire *w = http_wire_begin();
 *     http_wire_start(w, &request);
 *     http_wire_expect(w, "...");     (turns the loop until exactly these bytes have come)
 *     http_wire_say(w, "HTTP/1.1 200 OK\r\n...");
 *     http_wire_end(w); */
#ifndef HYTHE_TESTS_LIB_HTTP_WIRE_H
#define HYTHE_TESTS_LIB_HTTP_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http_env.h"

struct http_wire {
    struct loop *loop;
    struct http_env env;
    int listener;
    uint16_t port;
    int fd;               /* the connection accepted last; -1: none */
    unsigned connections; /* accepted so far */
    bool is_deaf;         /* what comes is left in the kernel */
    bool has_ended;       /* the client has closed the connection */
    bool discards;        /* what comes is only counted */
    uint64_t received;    /* bytes of all connections */
    struct buffer got;    /* bytes of the present connection that the test has not looked at */
    struct http_exchange *exchange;
    unsigned events;
    char url[64];
};

/* All of these fail the test when they cannot, or after 20 seconds. */
struct http_wire *http_wire_begin(void);
void http_wire_end(struct http_wire *w);

/* Open the client if it is not; begin an exchange with "http://127.0.0.1:PORT/" where the request has
 * no URL. */
enum http_error http_wire_start(struct http_wire *w, struct http_request *request);

/* One turn of the loop, and of the test's end. */
void http_wire_turn(struct http_wire *w, int max_wait_ms);

/* Turn for that long. */
void http_wire_wait(struct http_wire *w, uint64_t ms);

/* Turn until these bytes have come, and no others before them; they are taken off. */
void http_wire_expect(struct http_wire *w, const char *text);

/* The same, up to and with these; gives them, and what was before, as text until the next call. */
const char *http_wire_until(struct http_wire *w, const char *text);

/* Turn until the client has closed the connection; whatever has come stays in `got`. */
void http_wire_expect_end(struct http_wire *w);

void http_wire_say(struct http_wire *w, const char *text);

/* Send what the kernel takes now; gives how much. */
size_t http_wire_try(struct http_wire *w, const uint8_t *bytes, size_t len);

/* Close the test's end, in good order or with a reset. */
void http_wire_close(struct http_wire *w);
void http_wire_reset(struct http_wire *w);

/* Turn until the exchange has a head; until it has failed or ended. */
void http_wire_head(struct http_wire *w);

/* Read the body to its end, which must be of that kind, and compare. */
void http_wire_body(struct http_wire *w, const char *text, enum http_error error);

/* Write all of it, turning as long as there is no room. */
void http_wire_write(struct http_wire *w, const char *text);

/* Close the exchange. */
void http_wire_drop(struct http_wire *w);

#endif
