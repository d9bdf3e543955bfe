/* Reading what a guest says of its response. See cgi_head.h. */
#include "handlers/cgi_head.h"

#include <errno.h>

#include "http/transaction.h"

enum {
    KEEP_MAX = 4 << 10, /* bytes of a buffer that is kept for the next request */
    STATUS_MIN = 200,
    STATUS_MAX = 599,
    STATUS_FOUND = 302,
};

void cgi_head_init(struct cgi_head *head)
{
    buffer_init(&head->text, CGI_HEAD_MAX);
    head->line = 0;
}

void cgi_head_reset(struct cgi_head *head)
{
    if (head->text.cap > KEEP_MAX) {
        buffer_done(&head->text);
    }
    head->text.len = 0;
    head->line = 0;
}

void cgi_head_done(struct cgi_head *head)
{
    buffer_done(&head->text);
}

/* -- taking it -------------------------------------------------------------------------------- */

/* A line without its end, which is LF or CRLF. */
static struct span line_text(const uint8_t *begin, size_t len)
{
    len--;
    if (len > 0 && begin[len - 1] == '\r') {
        len--;
    }
    return (struct span){begin, len};
}

int cgi_head_feed(struct cgi_head *head, struct span bytes, size_t *ret_used)
{
    size_t used = 0;
    while (used < bytes.len) {
        const uint8_t *at = bytes.data + used;
        const uint8_t *newline = memchr(at, '\n', bytes.len - used);
        size_t take = newline != NULL ? (size_t)(newline - at) + 1 : bytes.len - used;
        int r = buffer_append(&head->text, (struct span){at, take});
        if (r < 0) {
            return r;
        }
        used += take;
        if (newline == NULL) {
            break;
        }
        struct span line = line_text(head->text.data + head->line, head->text.len - head->line);
        head->line = head->text.len;
        if (line.len == 0) {
            *ret_used = used;
            return 1;
        }
    }
    *ret_used = used;
    return 0;
}

/* -- understanding it ------------------------------------------------------------------------- */

/* What has been seen of the headers that there may be only one of. */
struct reading {
    struct cgi_answer *answer;
    bool has_status;
    bool has_location;
    bool has_length;
    bool has_connection;
    bool is_any; /* a line, whatever it was */
};

static int refuse(struct reading *reading, const char *why)
{
    reading->answer->why = why;
    return -EBADMSG;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* "NNN", and behind a blank what is for people. */
static int read_status(struct reading *reading, struct span value)
{
    if (reading->has_status) {
        return refuse(reading, "it has more than one Status");
    }
    if (value.len < 3 || !is_digit(value.data[0]) || !is_digit(value.data[1]) ||
        !is_digit(value.data[2]) || (value.len > 3 && value.data[3] != ' ')) {
        return refuse(reading, "its Status does not begin with a number of three digits");
    }
    int status = (value.data[0] - '0') * 100 + (value.data[1] - '0') * 10 + (value.data[2] - '0');
    if (status < STATUS_MIN || status > STATUS_MAX) {
        return refuse(reading, "its Status is not from 200 to 599");
    }
    reading->answer->status = (uint16_t)status;
    reading->has_status = true;
    return 0;
}

static int read_length(struct reading *reading, struct span value)
{
    int64_t length = 0;
    if (reading->has_length) {
        return refuse(reading, "it has more than one Content-Length");
    }
    if (value.len == 0) {
        return refuse(reading, "its Content-Length is no number");
    }
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.data[i])) {
            return refuse(reading, "its Content-Length is no number");
        }
        if (length > (INT64_MAX - 9) / 10) {
            return refuse(reading, "its Content-Length is too large");
        }
        length = length * 10 + (value.data[i] - '0');
    }
    reading->answer->length = length;
    reading->has_length = true;
    return 0;
}

static int read_header(struct reading *reading, struct span name, struct span value)
{
    struct cgi_answer *answer = reading->answer;
    if (http_is_name(name, "status")) {
        return read_status(reading, value);
    }
    if (http_is_name(name, "content-length")) {
        return read_length(reading, value);
    }
    if (http_is_name(name, "location")) {
        if (reading->has_location) {
            return refuse(reading, "it has more than one Location");
        }
        reading->has_location = true;
    }
    bool is_connection = http_is_name(name, "connection");
    reading->has_connection |= is_connection;
    if (!is_connection && (http_is_ours(name) || http_is_framing(name))) {
        return 0;
    }
    if (answer->header_count == CGI_HEADERS_MAX) {
        return refuse(reading, "it has more than 128 headers");
    }
    answer->headers[answer->header_count] = (struct http_header){name, value};
    answer->header_count++;
    return 0;
}

/* "HTTP/1.1 200 OK" as the first line, as programs write it that speak to the peer themselves. */
static bool is_status_line(struct span line)
{
    return line.len > 9 && memcmp(line.data, "HTTP/", 5) == 0 && line.data[8] == ' ';
}

static int read_line(struct reading *reading, struct span line)
{
    bool is_first = !reading->is_any;
    reading->is_any = true;
    if (is_first && is_status_line(line)) {
        if (!http_is_value(line)) {
            return refuse(reading, "its first line has a control character");
        }
        return read_status(reading, (struct span){line.data + 9, line.len - 9});
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return refuse(reading, "a line begins with a blank");
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL) {
        return refuse(reading, "a line has no colon; an empty line must stand before the content");
    }
    struct span name = {line.data, (size_t)(colon - line.data)};
    struct span value = http_trim((struct span){colon + 1, line.len - name.len - 1});
    if (!http_is_token(name)) {
        return refuse(reading, "a header's name has a character that none may have");
    }
    if (!http_is_value(value)) {
        return refuse(reading, "a header's value has a control character");
    }
    return read_header(reading, name, value);
}

/* A header named by a Connection header is meant for one hop (RFC 9110 section 7.6.1). The lists are
 * walked once: a guest can make them long. */
static void mark_listed(const struct cgi_answer *answer, struct span list, bool *keeps)
{
    struct span element;
    while (http_list_next(&list, &element)) {
        for (uint32_t i = 0; i < answer->header_count; i++) {
            if (http_is_same_name(answer->headers[i].name, element)) {
                keeps[i] = false;
            }
        }
    }
}

static void drop_connection(struct cgi_answer *answer)
{
    uint32_t kept = 0;
    bool keeps[CGI_HEADERS_MAX];
    memset(keeps, true, sizeof keeps);
    for (uint32_t i = 0; i < answer->header_count; i++) {
        if (http_is_name(answer->headers[i].name, "connection")) {
            keeps[i] = false;
            mark_listed(answer, answer->headers[i].value, keeps);
        }
    }
    for (uint32_t i = 0; i < answer->header_count; i++) {
        if (keeps[i]) {
            answer->headers[kept++] = answer->headers[i];
        }
    }
    answer->header_count = kept;
}

int cgi_head_parse(const struct cgi_head *head, struct cgi_answer *answer)
{
    struct reading reading = {.answer = answer};
    const uint8_t *at = head->text.data;
    const uint8_t *end = at + head->text.len;
    answer->status = 200;
    answer->length = HTTP_LENGTH_UNKNOWN;
    answer->header_count = 0;
    answer->why = NULL;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) + 1 : (size_t)(end - at);
        struct span line = line_text(at, len);
        at += len;
        if (line.len == 0) {
            break;
        }
        int r = read_line(&reading, line);
        if (r < 0) {
            return r;
        }
    }
    if (!reading.is_any) {
        return refuse(&reading, "it has no header");
    }
    if (reading.has_connection) {
        drop_connection(answer);
    }
    if (reading.has_location && !reading.has_status) {
        answer->status = STATUS_FOUND;
    }
    return 0;
}
