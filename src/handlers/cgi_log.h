/* What a guest writes to stderr, as lines for the operator's log: whole, with what could steer a
 * terminal or look like another line shown as an escape, and no more of one request than allowed. */
#ifndef HYTHE_HANDLERS_CGI_LOG_H
#define HYTHE_HANDLERS_CGI_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/span.h"

enum { CGI_LOG_LINE_MAX = 1024 };

/* Takes one line, NUL-terminated, without a line end. */
typedef void cgi_log_fn(void *context, const char *line);

struct cgi_log {
    cgi_log_fn *on_line;
    void *context;
    uint64_t left; /* bytes that may still come */
    bool is_cut;   /* more came: that has been said */
    uint32_t len;
    uint8_t line[CGI_LOG_LINE_MAX]; /* the line so far, as it came */
};

void cgi_log_init(struct cgi_log *log, uint64_t max, cgi_log_fn *on_line, void *context);

/* Take bytes; whole lines are told. Lines past CGI_LOG_LINE_MAX are broken in pieces. */
void cgi_log_write(struct cgi_log *log, struct span bytes);

/* Take them as a guest's stream writes them. Gives how many there were: all are taken. */
int64_t cgi_log_write_pieces(struct cgi_log *log, const struct iovec *pieces, int count);

/* Tell what is left without a line end. */
void cgi_log_end(struct cgi_log *log);

/* Print text on one line: control characters, what changes a line's direction, and bytes that are no
 * UTF-8 as "\xNN". Cut at `max` bytes with the NUL. */
void cgi_log_escape(struct span text, char *line, size_t max);

#endif
