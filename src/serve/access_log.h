/* The access log: a line for each request, as Apache's combined format or as JSON. A worker gathers
 * its lines and writes them whole, so that those of several workers do not mix. */
#ifndef HYTHE_SERVE_ACCESS_LOG_H
#define HYTHE_SERVE_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/serve.h"
#include "http/server.h"

struct notes;

enum { ACCESS_LOG_LINE_MAX = 4096, ACCESS_LOG_BUFFER = 64 << 10 };

/* What a line is made of. */
struct access_entry {
    const struct http_inbound *inbound;
    const struct http_report *report;
    const struct notes *notes; /* NULL: none */
    const char *id;
    uint64_t now_ns; /* CLOCK_REALTIME when the request ended */
};

struct access_log {
    int fd;       /* borrowed from whoever passed it; -1: no log */
    bool is_pipe; /* or a socket or terminal: what cannot be written now waits */
    bool has_failed;
    enum serve_log_format format;
    char *buffer; /* owned */
    size_t len;
    uint64_t lost;   /* lines */
    uint64_t second; /* of the texts below */
    char second_text[32];
};

/* Open a log's file, for appending; "-" is stdout. For the master. 0, or a negative errno with the
 * reason in `err`. */
int access_log_open(const char *path, int *ret_fd, struct error *err);

/* 0 or -ENOMEM. */
int access_log_init(struct access_log *log, int fd, enum serve_log_format format);
void access_log_done(struct access_log *log);

/* Add a line; it is written with access_log_flush, or when the buffer is full. */
void access_log_add(struct access_log *log, const struct access_entry *entry);

/* Write what there is. 0, or the negative errno of the first failure since all was well, once. */
int access_log_flush(struct access_log *log);

/* Go on in another file. Takes the descriptor, and closes the one before if it is not stdout. */
void access_log_move(struct access_log *log, int fd);

/* What became of a request, in a word: "answered", "peer_left", ... */
const char *access_log_outcome(enum http_outcome outcome);

/* Format one line with its end into ACCESS_LOG_LINE_MAX bytes. Returns its length. */
size_t access_log_format(struct access_log *log, const struct access_entry *entry, char *to);

#endif
