/* Lines of stderr. See cgi_log.h. */
#include "handlers/cgi_log.h"

enum { ESCAPED_MAX = CGI_LOG_LINE_MAX * 4 + 1 };

/* The length of the character at the front, 0 when it is no whole UTF-8 character. */
static size_t character(struct span text, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if ((first >= 0x80 && first < 0xc0) || first > 0xf4 || len > text.len) {
        return 0;
    }
    uint32_t code = len == 1 ? first : first & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text.data[i] & 0x3fU);
    }
    if (code < least[len] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) {
        return 0;
    }
    *ret_code = code;
    return len;
}

/* Controls, and the characters that break lines or change their direction. */
static bool is_steering(uint32_t code)
{
    return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0) ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void cgi_log_escape(struct span text, char *line, size_t max)
{
    static const char digits[] = "0123456789abcdef";
    size_t out = 0;
    size_t at = 0;
    while (at < text.len && out + 5 <= max) {
        uint32_t code = 0;
        struct span rest = {text.data + at, text.len - at};
        size_t len = character(rest, &code);
        if (len > 0 && !is_steering(code)) {
            memcpy(line + out, rest.data, len);
            out += len;
            at += len;
            continue;
        }
        line[out++] = '\\';
        line[out++] = 'x';
        line[out++] = digits[rest.data[0] >> 4];
        line[out++] = digits[rest.data[0] & 15];
        at++;
    }
    line[out] = '\0';
}

void cgi_log_init(struct cgi_log *log, uint64_t max, cgi_log_fn *on_line, void *context)
{
    log->on_line = on_line;
    log->context = context;
    log->left = max;
    log->is_cut = false;
    log->len = 0;
}

static void tell(struct cgi_log *log)
{
    char line[ESCAPED_MAX];
    uint32_t len = log->len;
    if (len > 0 && log->line[len - 1] == '\r') {
        len--;
    }
    if (len > 0) {
        cgi_log_escape((struct span){log->line, len}, line, sizeof line);
        log->on_line(log->context, line);
    }
    log->len = 0;
}

void cgi_log_write(struct cgi_log *log, struct span bytes)
{
    while (bytes.len > 0 && log->left > 0) {
        size_t room = CGI_LOG_LINE_MAX - log->len;
        size_t take = bytes.len < room ? bytes.len : room;
        take = take < log->left ? take : (size_t)log->left;
        const uint8_t *newline = memchr(bytes.data, '\n', take);
        if (newline != NULL) {
            take = (size_t)(newline - bytes.data);
        }
        memcpy(log->line + log->len, bytes.data, take);
        log->len += (uint32_t)take;
        size_t used = take + (newline != NULL ? 1 : 0);
        log->left -= used;
        bytes.data += used;
        bytes.len -= used;
        if (newline != NULL || log->len == CGI_LOG_LINE_MAX) {
            tell(log);
        }
    }
    if (bytes.len > 0 && !log->is_cut) {
        tell(log);
        log->is_cut = true;
        log->on_line(log->context,
                     "... cut: it wrote more than is logged of one request (guest.stderr)");
    }
}

int64_t cgi_log_write_pieces(struct cgi_log *log, const struct iovec *pieces, int count)
{
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        cgi_log_write(log, (struct span){pieces[i].iov_base, pieces[i].iov_len});
        total += (int64_t)pieces[i].iov_len;
    }
    return total;
}

void cgi_log_end(struct cgi_log *log)
{
    tell(log);
}
