/* The body of an HTTP/1 request. See h1_body.h.
 *
 * A chunked body is lines of framing with content between them. Each state below says what the
 * next byte has to be; the content itself never passes through here. */
#include "http/h1_body.h"

#include <assert.h>

#include "http/bytes.h"
#include "http/h1_line.h"

enum body_state {
    BODY_DATA,       /* content, `left` bytes of it */
    BODY_SIZE,       /* digits of a chunk's size; line_len tells whether there was one */
    BODY_SIZE_BLANK, /* blanks behind the size: an extension has to follow, section 7.1.1 */
    BODY_EXTENSION,
    BODY_QUOTED,      /* in a quoted string of an extension */
    BODY_QUOTED_PAIR, /* behind a backslash in one */
    BODY_SIZE_LF,     /* the end of the size line */
    BODY_DATA_CR,     /* the end of a chunk */
    BODY_DATA_LF,
    BODY_TRAILER,
    BODY_DONE,
    BODY_BROKEN,
};

enum { SIZE_DIGITS_MAX = 16 };

void h1_body_init(struct h1_body *body, const struct h1_head *head)
{
    *body = (struct h1_body){.kind = head->body, .left = head->content_length};
    buffer_init(&body->trailer, H1_TRAILER_MAX);
    if (body->kind == H1_BODY_CHUNKED) {
        body->left = 0;
        body->state = BODY_SIZE;
    } else if (body->kind == H1_BODY_NONE || body->left == 0) {
        body->left = 0;
        body->state = BODY_DONE;
        body->is_done = true;
    }
}

void h1_body_done(struct h1_body *body)
{
    buffer_done(&body->trailer);
}

static int fail(struct h1_body *body, int status)
{
    body->state = BODY_BROKEN;
    body->left = 0;
    return -status;
}

static uint8_t hex_value(uint8_t digit)
{
    return digit <= '9' ? (uint8_t)(digit - '0') : (uint8_t)((digit | 0x20) - 'a' + 10);
}

/* A byte of a size. The sum stays below 2^63, so that it is a length everywhere. */
static int step_size(struct h1_body *body, uint8_t byte)
{
    if ((http_bytes[byte] & HTTP_HEX) != 0) {
        if (body->line_len == SIZE_DIGITS_MAX || body->left > INT64_MAX >> 4) {
            return fail(body, 400);
        }
        body->left = body->left << 4 | hex_value(byte);
        body->line_len++;
        return 0;
    }
    if (body->line_len == 0) {
        return fail(body, 400);
    }
    if (byte == '\r') {
        body->state = BODY_SIZE_LF;
    } else if (byte == ';') {
        body->state = BODY_EXTENSION;
    } else if (byte == ' ' || byte == '\t') {
        body->state = BODY_SIZE_BLANK;
    } else {
        return fail(body, 400);
    }
    body->line_len++;
    return 0;
}

/* What follows a byte of an extension, or of the blanks before it; BODY_BROKEN for one that may not
 * be there. A quoted string has to end in its line: who lets it go on behind the line's end would
 * find the chunk in another place. */
static enum body_state after_extension(enum body_state state, uint8_t byte)
{
    bool is_text = (http_bytes[byte] & HTTP_VALUE) != 0;
    switch (state) {
    case BODY_SIZE_BLANK:
        if (byte == ';') {
            return BODY_EXTENSION;
        }
        return byte == ' ' || byte == '\t' ? BODY_SIZE_BLANK : BODY_BROKEN;
    case BODY_EXTENSION:
        if (byte == '\r') {
            return BODY_SIZE_LF;
        }
        if (byte == '"') {
            return BODY_QUOTED;
        }
        return is_text ? BODY_EXTENSION : BODY_BROKEN;
    case BODY_QUOTED:
        if (byte == '"') {
            return BODY_EXTENSION;
        }
        if (byte == '\\') {
            return BODY_QUOTED_PAIR;
        }
        return is_text ? BODY_QUOTED : BODY_BROKEN;
    default:
        return is_text ? BODY_QUOTED : BODY_BROKEN;
    }
}

/* Extensions say nothing to us and are passed over. */
static int step_extension(struct h1_body *body, uint8_t byte)
{
    enum body_state next = after_extension((enum body_state)body->state, byte);
    body->line_len++;
    body->extra++;
    if (next == BODY_BROKEN || body->line_len > H1_CHUNK_LINE_MAX ||
        body->extra > H1_EXTENSIONS_MAX) {
        return fail(body, 400);
    }
    body->state = (uint8_t)next;
    return 0;
}

static int step_line_end(struct h1_body *body, uint8_t byte)
{
    if (byte != (body->state == BODY_DATA_CR ? '\r' : '\n')) {
        return fail(body, 400);
    }
    body->line_len = 0;
    if (body->state == BODY_DATA_CR) {
        body->state = BODY_DATA_LF;
    } else if (body->state == BODY_DATA_LF) {
        body->state = BODY_SIZE;
    } else if (body->left > 0) {
        body->state = BODY_DATA;
    } else {
        body->state = BODY_TRAILER;
        body->extra = 0; /* from here on: bytes of the trailer section */
    }
    return 0;
}

/* A whole line of the trailer section stands at the end of the buffer. */
static int end_trailer_line(struct h1_body *body)
{
    struct buffer *trailer = &body->trailer;
    uint8_t *line = trailer->data + trailer->len - body->line_len;
    const uint8_t *end = trailer->data + trailer->len;
    struct http_header header;
    if (body->line_len == 2 && line[0] == '\r') {
        trailer->len -= 2;
        body->state = BODY_DONE;
        body->is_done = true;
        return 0;
    }
    if (!h1_read_field(&line, end, &header) || line != end) {
        return fail(body, 400);
    }
    body->trailer_count++;
    if (body->trailer_count > H1_TRAILER_COUNT_MAX) {
        return fail(body, 431);
    }
    if (http_is_forbidden_trailer(header.name)) {
        trailer->len -= body->line_len;
    }
    body->line_len = 0;
    return 0;
}

/* Take a line of the trailer section, or what is there of it. How many bytes that was, or the
 * negative status. */
static int64_t step_trailer(struct h1_body *body, const uint8_t *data, size_t len)
{
    const uint8_t *newline = memchr(data, '\n', len);
    size_t used = newline == NULL ? len : (size_t)(newline + 1 - data);
    if (used > H1_TRAILER_MAX - body->extra) {
        return fail(body, 431);
    }
    if (buffer_append(&body->trailer, (struct span){data, used}) < 0) {
        return fail(body, 503);
    }
    body->extra += (uint32_t)used;
    body->line_len += (uint32_t)used;
    if (newline != NULL) {
        int r = end_trailer_line(body);
        if (r < 0) {
            return r;
        }
    }
    return (int64_t)used;
}

/* Take at least one byte of framing. How many, or the negative status. */
static int64_t step(struct h1_body *body, const uint8_t *data, size_t len)
{
    int r = 0;
    switch ((enum body_state)body->state) {
    case BODY_SIZE:
        r = step_size(body, *data);
        break;
    case BODY_SIZE_BLANK:
    case BODY_EXTENSION:
    case BODY_QUOTED:
    case BODY_QUOTED_PAIR:
        r = step_extension(body, *data);
        break;
    case BODY_SIZE_LF:
    case BODY_DATA_CR:
    case BODY_DATA_LF:
        r = step_line_end(body, *data);
        break;
    case BODY_TRAILER:
        return step_trailer(body, data, len);
    default:
        r = fail(body, 400);
        break;
    }
    return r < 0 ? r : 1;
}

int64_t h1_body_frame(struct h1_body *body, const uint8_t *data, size_t len, size_t *ret_content)
{
    size_t at = 0;
    while (at < len && body->state != BODY_DATA && !body->is_done) {
        int64_t used = step(body, data + at, len - at);
        if (used < 0) {
            return used;
        }
        at += (size_t)used;
    }
    uint64_t content = h1_body_direct(body);
    *ret_content = content < len - at ? (size_t)content : len - at;
    return (int64_t)at;
}

void h1_body_take(struct h1_body *body, size_t len)
{
    assert(len <= h1_body_direct(body));
    body->left -= len;
    if (body->left > 0 || body->state != BODY_DATA) {
        return;
    }
    body->is_done = body->kind == H1_BODY_LENGTH;
    body->state = body->is_done ? BODY_DONE : BODY_DATA_CR;
}

uint64_t h1_body_direct(const struct h1_body *body)
{
    return body->state == BODY_DATA ? body->left : 0;
}

uint32_t h1_body_trailers(struct h1_body *body, struct http_header *headers, uint32_t room)
{
    uint32_t count = 0;
    if (body->trailer.len == 0) {
        return 0;
    }
    uint8_t *at = body->trailer.data;
    const uint8_t *end = at + body->trailer.len;
    while (count < room && at < end && h1_read_field(&at, end, &headers[count])) {
        count++;
    }
    return count;
}
