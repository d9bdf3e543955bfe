/* Lines about requests. See access_log.h.
 *
 * Peers choose much of what stands in a line. Every byte that is no printable ASCII is escaped, so
 * that nobody forges a line or steers a terminal; texts are cut, so that a line is whole within
 * ACCESS_LOG_LINE_MAX. */
#include "serve/access_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/span.h"
#include "handlers/notes.h"
#include "serve/trace_context.h"

enum {
    TARGET_MAX = 1500, /* bytes of a line for each text of the peer's */
    HEADER_MAX = 500,
    METHOD_MAX = 32,
    NAME_MAX_LEN = 200,
};

/* -- bytes ------------------------------------------------------------------------------------ */

/* Callers keep room: the parts' maxima together are less than a line's. */
static char *put_text(char *to, const char *text)
{
    return stpcpy(to, text); /* what comes next takes the place of the NUL */
}

#define PUT_LITERAL(to, literal)                                                                   \
    ((char *)memcpy((to), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

static char *put_number(char *to, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(to, digits + at, sizeof digits - at);
    return to + sizeof digits - at;
}

static char *put_padded(char *to, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + width;
}

static bool is_plain(uint8_t byte)
{
    return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

/* At most `max` bytes; `escape` stands before the two digits of a byte that is not plain. */
static char *put_escaped(char *to, struct span text, size_t max, struct span escape)
{
    static const char hex[] = "0123456789abcdef";
    char *end = to + max;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (is_plain(byte) && to < end) {
            *to++ = (char)byte;
        } else if (!is_plain(byte) && to + escape.len + 2 <= end) {
            memcpy(to, escape.data, escape.len);
            to += escape.len;
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        } else {
            break;
        }
    }
    return to;
}

static struct span combined_escape(void)
{
    return (struct span){(const uint8_t *)"\\x", 2};
}

/* -- parts ------------------------------------------------------------------------------------ */

struct logged_headers {
    struct span referer;
    struct span user_agent;
    struct span trace_id;
};

static struct logged_headers find_headers(const struct http_inbound *inbound)
{
    struct logged_headers found = {.referer = {NULL, 0}};
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        const struct http_header *header = &inbound->headers[i];
        if (header->name.len == 7 && span_is(header->name, "referer")) {
            found.referer = header->value;
        } else if (header->name.len == 10 && span_is(header->name, "user-agent")) {
            found.user_agent = header->value;
        } else if (header->name.len == 11 && span_is(header->name, "traceparent")) {
            found.trace_id = trace_context_of(header->value).trace_id;
        }
    }
    return found;
}

static char *put_peer(char *to, const struct http_inbound *inbound)
{
    char text[NET_ADDRESS_HOST_MAX];
    const struct net_address *peer = &inbound->peer;
    if (peer->len > 0 && peer->u.any.sa_family == AF_INET) { /* the common one */
        const uint8_t *octets = (const uint8_t *)&peer->u.v4.sin_addr;
        for (int i = 0; i < 4; i++) {
            to = put_number(to, octets[i]);
            *to++ = '.';
        }
        return to - 1;
    }
    const char *host = net_address_print_host(peer, text);
    return put_text(to, host[0] != '\0' ? host : "-");
}

static char *put_protocol(char *to, uint8_t version)
{
    switch (version) {
    case 20:
        return PUT_LITERAL(to, "HTTP/2.0");
    case 11:
        return PUT_LITERAL(to, "HTTP/1.1");
    case 10:
        return PUT_LITERAL(to, "HTTP/1.0");
    default:
        return PUT_LITERAL(to, "-");
    }
}

const char *access_log_outcome(enum http_outcome outcome)
{
    static const char *const texts[] = {
        [HTTP_ANSWERED] = "answered",         [HTTP_FAILED] = "failed",
        [HTTP_REFUSED] = "refused",           [HTTP_PEER_LEFT] = "peer_left",
        [HTTP_BODY_TIMEOUT] = "body_timeout", [HTTP_WRITE_TIMEOUT] = "write_timeout",
        [HTTP_DRAINED] = "server_ended",
    };
    return (size_t)outcome < sizeof texts / sizeof *texts ? texts[outcome] : "unknown";
}

/* -- combined --------------------------------------------------------------------------------- */

/* "21/Nov/2026:12:52:56 +0000", made once a second. */
static void set_second(struct access_log *log, uint64_t second)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    time_t time = (time_t)second;
    if (log->second == second || gmtime_r(&time, &tm) == NULL) {
        return;
    }
    bool is_json = log->format == SERVE_LOG_JSON;
    uint32_t year = (uint32_t)tm.tm_year + 1900;
    char *to = log->second_text;
    if (is_json) {
        to = put_padded(to, year, 4);
        *to++ = '-';
        to = put_padded(to, (uint32_t)tm.tm_mon + 1, 2);
        *to++ = '-';
        to = put_padded(to, (uint32_t)tm.tm_mday, 2);
        *to++ = 'T';
    } else {
        to = put_padded(to, (uint32_t)tm.tm_mday, 2);
        *to++ = '/';
        memcpy(to, months + (size_t)tm.tm_mon * 3, 3);
        to += 3;
        *to++ = '/';
        to = put_padded(to, year, 4);
        *to++ = ':';
    }
    to = put_padded(to, (uint32_t)tm.tm_hour, 2);
    *to++ = ':';
    to = put_padded(to, (uint32_t)tm.tm_min, 2);
    *to++ = ':';
    to = put_padded(to, (uint32_t)tm.tm_sec, 2);
    *to = '\0';
    log->second = second;
}

static char *put_quoted(char *to, struct span text, size_t max)
{
    *to++ = '"';
    to = text.len > 0 ? put_escaped(to, text, max, combined_escape()) : PUT_LITERAL(to, "-");
    *to++ = '"';
    return to;
}

static char *put_combined(struct access_log *log, const struct access_entry *entry, char *to)
{
    const struct http_inbound *inbound = entry->inbound;
    struct logged_headers headers = find_headers(inbound);
    to = put_peer(to, inbound);
    to = PUT_LITERAL(to, " - - [");
    to = put_text(to, log->second_text);
    to = PUT_LITERAL(to, " +0000] \"");
    to = put_escaped(to, inbound->method, METHOD_MAX, combined_escape());
    *to++ = ' ';
    to = put_escaped(to, inbound->target, TARGET_MAX, combined_escape());
    *to++ = ' ';
    to = put_protocol(to, inbound->version);
    to = PUT_LITERAL(to, "\" ");
    to = put_number(to, entry->report->status);
    *to++ = ' ';
    to = put_number(to, entry->report->body_out);
    *to++ = ' ';
    to = put_quoted(to, headers.referer, HEADER_MAX);
    *to++ = ' ';
    to = put_quoted(to, headers.user_agent, HEADER_MAX);
    return to;
}

/* -- JSON ------------------------------------------------------------------------------------- */

static char *put_json_text(char *to, struct span text, size_t max)
{
    static const struct span escape = {(const uint8_t *)"\\u00", 4};
    return put_escaped(to, text, max, escape);
}

static char *put_json_guest(char *to, const struct notes *notes)
{
    to = PUT_LITERAL(to, ",\"route\":\"");
    to = put_json_text(to, span_of(notes != NULL ? notes->name : "-"), NAME_MAX_LEN);
    to = PUT_LITERAL(to, "\",\"cpu_us\":");
    to = put_number(to, notes != NULL ? notes->cpu_ns / 1000 : 0);
    to = PUT_LITERAL(to, ",\"memory\":");
    to = put_number(to, notes != NULL ? notes->memory : 0);
    to = PUT_LITERAL(to, ",\"guest\":\"");
    to = put_text(to, notes_end_text(notes != NULL ? notes->end : NOTES_NO_GUEST));
    *to++ = '"';
    if (notes != NULL && notes->end == NOTES_EXIT_CODE) {
        to = PUT_LITERAL(to, ",\"exit_code\":");
        to = put_number(to, (uint32_t)notes->exit_code);
    }
    return to;
}

static char *put_json_headers(char *to, const struct http_inbound *inbound)
{
    struct logged_headers headers = find_headers(inbound);
    to = PUT_LITERAL(to, ",\"referer\":\"");
    to = put_json_text(to, headers.referer, HEADER_MAX);
    to = PUT_LITERAL(to, "\",\"user_agent\":\"");
    to = put_json_text(to, headers.user_agent, HEADER_MAX);
    to = PUT_LITERAL(to, "\",\"trace_id\":\"");
    to = put_json_text(to, headers.trace_id, TRACE_ID_LEN);
    return PUT_LITERAL(to, "\"");
}

static char *put_json(struct access_log *log, const struct access_entry *entry, char *to)
{
    const struct http_inbound *inbound = entry->inbound;
    const struct http_report *report = entry->report;
    uint64_t duration = report->end_ns > report->begin_ns ? report->end_ns - report->begin_ns : 0;
    to = PUT_LITERAL(to, "{\"time\":\"");
    to = put_text(to, log->second_text);
    *to++ = '.';
    to = put_padded(to, (uint32_t)(entry->now_ns % 1000000000 / 1000), 6);
    to = PUT_LITERAL(to, "Z\",\"id\":\"");
    to = put_text(to, entry->id);
    to = PUT_LITERAL(to, "\",\"peer\":\"");
    to = put_peer(to, inbound);
    to = PUT_LITERAL(to, "\",\"method\":\"");
    to = put_json_text(to, inbound->method, METHOD_MAX);
    to = PUT_LITERAL(to, "\",\"host\":\"");
    to = put_json_text(to, inbound->authority, NAME_MAX_LEN);
    to = PUT_LITERAL(to, "\",\"target\":\"");
    to = put_json_text(to, inbound->target, TARGET_MAX);
    to = PUT_LITERAL(to, "\",\"protocol\":\"");
    to = put_protocol(to, inbound->version);
    to = PUT_LITERAL(to, "\",\"status\":");
    to = put_number(to, report->status);
    to = PUT_LITERAL(to, ",\"bytes_in\":");
    to = put_number(to, report->body_in);
    to = PUT_LITERAL(to, ",\"bytes_out\":");
    to = put_number(to, report->body_out);
    to = PUT_LITERAL(to, ",\"duration_us\":");
    to = put_number(to, duration / 1000);
    to = PUT_LITERAL(to, ",\"outcome\":\"");
    to = put_text(to, access_log_outcome(report->outcome));
    *to++ = '"';
    to = put_json_guest(to, entry->notes);
    to = put_json_headers(to, inbound);
    *to++ = '}';
    return to;
}

size_t access_log_format(struct access_log *log, const struct access_entry *entry, char *to)
{
    set_second(log, entry->now_ns / 1000000000);
    char *end =
        log->format == SERVE_LOG_JSON ? put_json(log, entry, to) : put_combined(log, entry, to);
    *end++ = '\n';
    assert((size_t)(end - to) <= ACCESS_LOG_LINE_MAX);
    return (size_t)(end - to);
}

/* -- the log ---------------------------------------------------------------------------------- */

int access_log_open(const char *path, int *ret_fd, struct error *err)
{
    bool is_stdout = strcmp(path, "-") == 0;
    int fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                       : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open the access log %s (log.access)", path);
    }
    *ret_fd = fd;
    return 0;
}

static bool is_file(int fd)
{
    struct stat st;
    return fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
}

int access_log_init(struct access_log *log, int fd, enum serve_log_format format)
{
    *log = (struct access_log){.fd = fd, .format = format, .is_pipe = !is_file(fd)};
    log->buffer = fd < 0 ? NULL : malloc(ACCESS_LOG_BUFFER);
    return fd >= 0 && log->buffer == NULL ? -ENOMEM : 0;
}

void access_log_done(struct access_log *log)
{
    free(log->buffer);
    *log = (struct access_log){.fd = -1};
}

void access_log_move(struct access_log *log, int fd)
{
    if (log->fd < 0) {
        (void)close(fd); /* there is no log to move */
        return;
    }
    (void)access_log_flush(log); /* what belongs to the old one; a failure has been told */
    (void)close(log->fd);        /* each write has said how it went */
    log->fd = fd;
    log->is_pipe = !is_file(fd);
    log->has_failed = false;
}

void access_log_add(struct access_log *log, const struct access_entry *entry)
{
    if (log->fd < 0) {
        return;
    }
    if (log->len + ACCESS_LOG_LINE_MAX > ACCESS_LOG_BUFFER) {
        (void)access_log_flush(log); /* the next flush of the timer's tells */
    }
    if (log->len + ACCESS_LOG_LINE_MAX > ACCESS_LOG_BUFFER) {
        log->lost++;
        return;
    }
    log->len += access_log_format(log, entry, log->buffer + log->len);
}

/* The whole lines that go out in one write: all of them to a file, where a write is one piece; as
 * much as a pipe takes in one piece to anything else. */
static size_t piece_len(const struct access_log *log, size_t from)
{
    size_t len = log->len - from;
    if (!log->is_pipe || len <= ACCESS_LOG_LINE_MAX) {
        return len;
    }
    const char *end = memrchr(log->buffer + from, '\n', ACCESS_LOG_LINE_MAX);
    return end != NULL ? (size_t)(end - (log->buffer + from)) + 1 : len;
}

static bool can_write(const struct access_log *log)
{
    struct pollfd poll_fd = {.fd = log->fd, .events = POLLOUT};
    return !log->is_pipe || (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0) ||
           (poll_fd.revents & (POLLERR | POLLHUP)) != 0;
}

static void drop_all(struct access_log *log)
{
    for (size_t i = 0; i < log->len; i++) {
        log->lost += log->buffer[i] == '\n';
    }
    log->len = 0;
}

int access_log_flush(struct access_log *log)
{
    size_t from = 0;
    int r = 0;
    if (log->fd < 0 || log->len == 0) {
        return 0;
    }
    while (r == 0 && from < log->len && can_write(log)) {
        ssize_t put = write(log->fd, log->buffer + from, piece_len(log, from));
        if (put >= 0) {
            from += (size_t)put;
        } else if (errno != EINTR) {
            r = -errno;
        }
    }
    memmove(log->buffer, log->buffer + from, log->len - from);
    log->len -= from;
    if (r == 0 || r == -EAGAIN) {
        log->has_failed = log->has_failed && from == 0;
        return 0;
    }
    drop_all(log);
    bool is_new = !log->has_failed;
    log->has_failed = true;
    return is_new ? r : 0;
}
