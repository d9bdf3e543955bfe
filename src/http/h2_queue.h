/* Bytes that wait: put in behind, taken out in front, with a maximum. */
#ifndef HYTHE_HTTP_H2_QUEUE_H
#define HYTHE_HTTP_H2_QUEUE_H

#include "base/buffer.h"
#include "base/span.h"

struct h2_queue {
    struct buffer bytes;
    size_t at; /* where those that wait begin */
};

void h2_queue_init(struct h2_queue *queue, size_t max);

/* Release the memory; the queue is empty and usable again. */
void h2_queue_done(struct h2_queue *queue);

/* 0, -ENOMEM, or -EMSGSIZE past the maximum. */
int h2_queue_append(struct h2_queue *queue, struct span bytes);

/* Those that wait; borrowed until the next call. */
struct span h2_queue_span(const struct h2_queue *queue);

/* Take out `len` bytes; as many are there. */
void h2_queue_consume(struct h2_queue *queue, size_t len);

/* How many more it takes. */
size_t h2_queue_room(const struct h2_queue *queue);

#endif
