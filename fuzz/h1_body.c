/* The body of an HTTP/1 request: the same in pieces as at once, and never more than is there. The
 * first byte chooses its kind, the second the size of the pieces. */
#include "http/h1_body.h"

#include "input.h"

enum { CONTENT_MAX = 1 << 20 };

struct decoding {
    struct h1_body body;
    struct buffer content;
    size_t used;
    int64_t status; /* 0 while nothing is wrong */
};

static void decode_piece(struct decoding *d, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (!d->body.is_done && at < len) {
        size_t content = SIZE_MAX;
        int64_t framing = h1_body_frame(&d->body, data + at, len - at, &content);
        if (framing < 0) {
            must(framing == -400 || framing == -431);
            d->status = framing;
            return;
        }
        at += (size_t)framing;
        must(at <= len && content <= len - at && content <= h1_body_direct(&d->body));
        must(framing > 0 || content > 0);
        must(buffer_append(&d->content, (struct span){data + at, content}) == 0);
        h1_body_take(&d->body, content);
        at += content;
    }
    d->used += at;
}

static void decode(struct decoding *d, const struct h1_head *head, struct input in, size_t step)
{
    *d = (struct decoding){0};
    h1_body_init(&d->body, head);
    buffer_init(&d->content, CONTENT_MAX);
    while (in.len > 0 && !d->body.is_done && d->status == 0) {
        struct input piece = input_take(&in, step);
        uint8_t *copy = malloc(piece.len);
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, piece.data, piece.len);
        decode_piece(d, copy, piece.len);
        free(copy);
    }
}

static int is_same(const struct buffer *a, const struct buffer *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void check_trailers(struct h1_body *body)
{
    struct http_header headers[H1_TRAILER_COUNT_MAX + 1];
    uint32_t count = h1_body_trailers(body, headers, H1_TRAILER_COUNT_MAX + 1);
    must(count <= H1_TRAILER_COUNT_MAX && count <= body->trailer_count);
    must((count == 0) == (body->trailer.len == 0));
    for (uint32_t i = 0; i < count; i++) {
        must(http_is_token(headers[i].name) && http_is_value(headers[i].value));
        must(!http_is_forbidden_trailer(headers[i].name));
        must(headers[i].name.data >= body->trailer.data);
        must(headers[i].value.data + headers[i].value.len <=
             body->trailer.data + body->trailer.len);
    }
}

static void decoding_done(struct decoding *d)
{
    h1_body_done(&d->body);
    buffer_done(&d->content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    uint64_t kind = input_number(&in, 1);
    size_t step = (size_t)input_number(&in, 1) + 1;
    struct h1_head head = {.body = H1_BODY_CHUNKED};
    if (kind % 8 == 0) {
        head = (struct h1_head){.body = H1_BODY_LENGTH, .content_length = kind + 1};
    }
    struct decoding whole;
    struct decoding pieces;
    decode(&whole, &head, in, in.len + 1);
    decode(&pieces, &head, in, step);
    must(whole.status == pieces.status && whole.body.is_done == pieces.body.is_done);
    must(is_same(&whole.content, &pieces.content));
    must(whole.status != 0 || whole.used == pieces.used);
    must(whole.status != 0 || whole.body.is_done || whole.used == in.len);
    must(whole.status != 0 || is_same(&whole.body.trailer, &pieces.body.trailer));
    must(whole.content.len <= in.len);
    if (whole.body.is_done) {
        check_trailers(&whole.body);
    }
    decoding_done(&whole);
    decoding_done(&pieces);
    return 0;
}
