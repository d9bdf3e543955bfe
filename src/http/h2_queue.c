/* Bytes that wait. See h2_queue.h. What is left is moved to the front only when there is no room
 * behind it, so each byte is moved seldom, however small the pieces are. */
#include "http/h2_queue.h"

#include <assert.h>

void h2_queue_init(struct h2_queue *queue, size_t max)
{
    buffer_init(&queue->bytes, max);
    queue->at = 0;
}

void h2_queue_done(struct h2_queue *queue)
{
    buffer_done(&queue->bytes);
    queue->at = 0;
}

int h2_queue_append(struct h2_queue *queue, struct span bytes)
{
    struct buffer *b = &queue->bytes;
    if (queue->at > 0 && bytes.len > b->cap - b->len) {
        buffer_consume(b, queue->at);
        queue->at = 0;
    }
    return buffer_append(b, bytes);
}

struct span h2_queue_span(const struct h2_queue *queue)
{
    const struct buffer *b = &queue->bytes;
    return (struct span){b->len > 0 ? b->data + queue->at : NULL, b->len - queue->at};
}

void h2_queue_consume(struct h2_queue *queue, size_t len)
{
    assert(len <= queue->bytes.len - queue->at);
    queue->at += len;
    if (queue->at == queue->bytes.len) {
        queue->at = 0;
        queue->bytes.len = 0;
    }
}

size_t h2_queue_room(const struct h2_queue *queue)
{
    return queue->bytes.max - (queue->bytes.len - queue->at);
}
