/* What the files of the HTTP/1 parser share and nobody else sees. */
#ifndef HYTHE_HTTP_H1_LINE_H
#define HYTHE_HTTP_H1_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "http/field.h"
#include "http/h1_head.h"

enum {
    H1_METHOD_MAX = 32,      /* bytes */
    H1_CONNECTION_NAMES = 16 /* headers that Connection may name, besides those we know */
};

/* What the headers say about the message itself, as they come. */
struct h1_framing {
    struct span host;
    struct span length;
    struct span coding;
    uint32_t hosts; /* how many of each */
    uint32_t lengths;
    uint32_t codings;
    uint32_t named; /* by Connection, in `names` */
    bool is_bad;    /* a list that is none */
    bool closes;    /* Connection: close, keep-alive, upgrade */
    bool keeps;
    bool upgrades;
    bool wants_h2c; /* Upgrade: h2c */
    bool continues; /* Expect: 100-continue */
    bool expects;   /* Expect with something else */
    struct span names[H1_CONNECTION_NAMES];
};

/* h1_field.c: read one header line with its CRLF, the name put in lower case. False when it is
 * none; *at is behind the line otherwise. */
bool h1_read_field(uint8_t **at, const uint8_t *end, struct http_header *ret_header);

/* h1_framing.c: begin; `names` is left as it is, being long and seldom used. */
void h1_framing_init(struct h1_framing *framing);

/* h1_framing.c: look at a header; true when it ends here and is not for whoever handles the
 * request. */
bool h1_framing_take(struct h1_framing *framing, const struct http_header *header);

/* h1_framing.c: judge what has come, fill in the head and drop what Connection names. 0, or the
 * status to answer. */
int h1_framing_judge(const struct h1_framing *framing, struct h1_head *head);

/* h1_target.c: take the target apart, for the method. 0, or the status to answer. */
int h1_read_target(struct h1_head *head);

#endif
