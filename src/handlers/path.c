/* Paths in one form. See path.h. */
#include "handlers/path.h"

#include <errno.h>

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The byte that "%XX" at `at` stands for, or -1. */
static int escaped_byte(struct span text, size_t at)
{
    if (text.len - at < 3) {
        return -1;
    }
    int high = hex_digit(text.data[at + 1]);
    int low = hex_digit(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_canonical(struct span raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] == '%' || raw.data[i] == '\0') {
            return false;
        }
        if (raw.data[i] == '/' && i + 1 < raw.len &&
            (raw.data[i + 1] == '/' || raw.data[i + 1] == '.')) {
            return false;
        }
    }
    return true;
}

/* Decode to `to`, which has as many bytes. Their number or -EINVAL. */
static int64_t decode(struct span raw, uint8_t *to)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        bool is_escape = raw.data[i] == '%';
        int byte = is_escape ? escaped_byte(raw, i) : raw.data[i];
        if (byte <= 0) {
            return -EINVAL;
        }
        i += is_escape ? 2 : 0;
        if (is_escape && (byte == '/' || byte == '%')) {
            to[len++] = '%';
            to[len++] = '2';
            to[len++] = byte == '/' ? 'F' : '5';
        } else {
            to[len++] = (uint8_t)byte;
        }
    }
    return (int64_t)len;
}

static size_t drop_segment(const uint8_t *text, size_t len)
{
    while (len > 0) {
        len--;
        if (text[len] == '/') {
            break;
        }
    }
    return len;
}

/* Take dot segments and doubled slashes out, in place. The new length. */
static size_t straighten(uint8_t *text, size_t len)
{
    size_t out = 0;
    size_t at = 0;
    while (at < len) {
        while (at < len && text[at] == '/') {
            at++;
        }
        const uint8_t *slash = memchr(text + at, '/', len - at);
        size_t end = slash != NULL ? (size_t)(slash - text) : len;
        struct span segment = {text + at, end - at};
        bool is_up = span_is(segment, "..");
        at = end;
        if (segment.len > 0 && !is_up && !span_is(segment, ".")) {
            text[out++] = '/';
            memmove(text + out, segment.data, segment.len);
            out += segment.len;
            continue;
        }
        out = is_up ? drop_segment(text, out) : out;
        if (end == len) {
            text[out++] = '/'; /* what is named is a folder */
        }
    }
    return out;
}

int path_canonical(struct span raw, struct buffer *scratch, struct span *ret_path)
{
    if (raw.len == 0 || raw.data[0] != '/') {
        return -EINVAL;
    }
    if (is_canonical(raw)) {
        *ret_path = raw;
        return 0;
    }
    scratch->len = 0;
    int r = buffer_reserve(scratch, raw.len);
    if (r < 0) {
        return r;
    }
    int64_t len = decode(raw, scratch->data);
    if (len < 0) {
        return (int)len;
    }
    scratch->len = straighten(scratch->data, (size_t)len);
    *ret_path = buffer_span(scratch);
    return 0;
}

/* May stand in a path as it is (RFC 3986 section 3.3: pchar and the slash). */
static bool is_path_byte(uint8_t byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9')) {
        return true;
    }
    return byte != '\0' && strchr("/-._~!$&'()*+,;=:@", byte) != NULL;
}

/* "%2F" or "%25", the two escapes that the form has. */
static bool is_kept_escape(struct span path, size_t at)
{
    return path.data[at] == '%' && path.len - at >= 3 && path.data[at + 1] == '2' &&
           (path.data[at + 2] == 'F' || path.data[at + 2] == '5');
}

uint8_t *path_encode(uint8_t *to, struct span path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.len; i++) {
        uint8_t byte = path.data[i];
        if (is_path_byte(byte) || is_kept_escape(path, i)) {
            *to++ = byte;
            continue;
        }
        *to++ = '%';
        *to++ = (uint8_t)digits[byte >> 4];
        *to++ = (uint8_t)digits[byte & 15];
    }
    return to;
}

uint8_t *path_plain(uint8_t *to, struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        *to++ = path.data[i];
        if (is_kept_escape(path, i) && path.data[i + 2] == '5') {
            i += 2;
        }
    }
    return to;
}

int64_t path_decode_word(uint8_t *to, struct span text)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int byte = text.data[i] == '+' ? ' ' : text.data[i];
        if (byte == '%') {
            byte = escaped_byte(text, i);
            i += 2;
        }
        if (byte <= 0) {
            return -EINVAL;
        }
        to[len++] = (uint8_t)byte;
    }
    return (int64_t)len;
}
