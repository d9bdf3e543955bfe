/* A span as JSON. See traces.h.
 *
 * Names of attributes are those of OpenTelemetry's conventions for HTTP servers; what they have none
 * for begins with "hythe.". Numbers of 64 bits are texts there (the JSON form of protobuf). Peers choose much
 * of it: what is no printable ASCII is escaped, and texts are cut. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "handlers/notes.h"
#include "serve/access_log.h"
#include "serve/trace_context.h"
#include "serve/traces.h"

enum {
    TEXT_MAX = 500, /* bytes of a peer's text */
    PATH_MAX_LEN = 1500,
    METHOD_MAX = 32,
    KIND_SERVER = 2,
    STATUS_ERROR = 2,
    ESCAPED_LEN = 6, /* "\u00ff" */
};

/* Everything after a failure does nothing, so that only the end has to look. */
struct writer {
    struct buffer *to;
    int error;
    bool has_attribute;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer, const char *format,
                                                      ...)
{
    va_list args;
    va_start(args, format);
    writer->error = writer->error < 0 ? writer->error : buffer_vprintf(writer->to, format, args);
    va_end(args);
}

static void put_text(struct writer *writer, struct span text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    struct buffer *to = writer->to;
    if (writer->error == 0) {
        writer->error = buffer_reserve(to, len * ESCAPED_LEN + 1);
    }
    for (size_t i = 0; i < len && writer->error == 0; i++) {
        uint8_t byte = text.data[i];
        bool is_plain = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
        if (is_plain) {
            to->data[to->len++] = byte;
        } else {
            (void)snprintf((char *)to->data + to->len, ESCAPED_LEN + 1, "\\u%04x", byte); /* fits */
            to->len += ESCAPED_LEN;
        }
    }
}

/* -- attributes ------------------------------------------------------------------------------- */

static void begin_attribute(struct writer *writer, const char *key)
{
    put(writer, "%s{\"key\":\"%s\",\"value\":{", writer->has_attribute ? "," : "", key);
    writer->has_attribute = true;
}

/* One that is empty is left out. */
static void put_attribute(struct writer *writer, const char *key, struct span text, size_t max)
{
    if (text.len > 0) {
        begin_attribute(writer, key);
        put(writer, "\"stringValue\":\"");
        put_text(writer, text, max);
        put(writer, "\"}}");
    }
}

static void put_number(struct writer *writer, const char *key, uint64_t value)
{
    begin_attribute(writer, key);
    put(writer, "\"intValue\":\"%" PRIu64 "\"}}", value);
}

static const char *version_text(uint8_t version)
{
    return version == 20 ? "2" : version == 11 ? "1.1" : version == 10 ? "1.0" : "";
}

static void put_peer(struct writer *writer, const struct http_inbound *inbound)
{
    char text[NET_ADDRESS_HOST_MAX];
    const char *peer = net_address_print_host(&inbound->peer, text);
    put_attribute(writer, "client.address", span_of(peer), TEXT_MAX);
}

static void put_request(struct writer *writer, const struct http_inbound *inbound)
{
    struct span user_agent = {NULL, 0};
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        if (span_is(inbound->headers[i].name, "user-agent")) {
            user_agent = inbound->headers[i].value;
        }
    }
    put_attribute(writer, "http.request.method", inbound->method, METHOD_MAX);
    put_attribute(writer, "url.scheme", span_of(inbound->is_tls ? "https" : "http"), TEXT_MAX);
    put_attribute(writer, "url.path", inbound->path, PATH_MAX_LEN);
    put_attribute(writer, "url.query", inbound->query, PATH_MAX_LEN);
    put_attribute(writer, "server.address", inbound->authority, TEXT_MAX);
    put_attribute(writer, "network.protocol.version", span_of(version_text(inbound->version)),
                  TEXT_MAX);
    put_attribute(writer, "user_agent.original", user_agent, TEXT_MAX);
    put_peer(writer, inbound);
}

static bool is_error(const struct http_report *report)
{
    return report->status >= 500 ||
           (report->outcome != HTTP_ANSWERED && report->outcome != HTTP_REFUSED);
}

static void put_answer(struct writer *writer, const struct access_entry *entry)
{
    const struct http_report *report = entry->report;
    const char *outcome = access_log_outcome(report->outcome);
    if (report->status > 0) {
        put_number(writer, "http.response.status_code", report->status);
    }
    put_number(writer, "http.request.body.size", report->body_in);
    put_number(writer, "http.response.body.size", report->body_out);
    put_attribute(writer, "hythe.request_id", span_of(entry->id), TEXT_MAX);
    put_attribute(writer, "hythe.outcome", span_of(outcome), TEXT_MAX);
    if (is_error(report)) {
        char status[8];
        (void)snprintf(status, sizeof status, "%u", report->status); /* five digits at most */
        bool by_status = report->status >= 500;
        put_attribute(writer, "error.type", span_of(by_status ? status : outcome), TEXT_MAX);
    }
}

static void put_guest(struct writer *writer, const struct notes *notes)
{
    if (notes == NULL || notes->route < 0) {
        return;
    }
    put_attribute(writer, "http.route", span_of(notes->name), TEXT_MAX);
    if (notes->end != NOTES_NO_GUEST) {
        put_attribute(writer, "hythe.guest.end", span_of(notes_end_text(notes->end)), TEXT_MAX);
        put_number(writer, "hythe.guest.cpu_us", notes->cpu_ns / 1000);
        put_number(writer, "hythe.guest.memory", notes->memory);
    }
}

/* -- the span --------------------------------------------------------------------------------- */

static void put_name(struct writer *writer, const struct access_entry *entry)
{
    struct span method = entry->inbound->method;
    put(writer, "\"name\":\"");
    put_text(writer, method.len > 0 ? method : span_of("HTTP"), METHOD_MAX);
    if (entry->notes != NULL && entry->notes->route >= 0) {
        put(writer, " ");
        put_text(writer, span_of(entry->notes->name), TEXT_MAX);
    }
    put(writer, "\"");
}

static void put_ids(struct writer *writer, const struct access_entry *entry,
                    const struct trace_context *context, const char *id)
{
    bool has_parent = context->trace_id.len > 0;
    put(writer, "{\"traceId\":\"");
    put_text(writer, has_parent ? context->trace_id : span_of(entry->id), TRACE_ID_LEN);
    put(writer, "\",\"spanId\":\"%s\",", id);
    if (has_parent) {
        put(writer, "\"parentSpanId\":\"");
        put_text(writer, context->parent_id, TRACE_SPAN_ID_LEN);
        put(writer, "\",");
    }
}

int traces_format(struct buffer *to, const struct access_entry *entry,
                  const struct trace_context *context, const char *id)
{
    const struct http_report *report = entry->report;
    struct writer writer = {.to = to};
    size_t before = to->len;
    uint64_t duration = report->end_ns > report->begin_ns ? report->end_ns - report->begin_ns : 0;
    put_ids(&writer, entry, context, id);
    put_name(&writer, entry);
    put(&writer,
        ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64
        "\",\"attributes\":[",
        KIND_SERVER, entry->now_ns - duration, entry->now_ns);
    put_request(&writer, entry->inbound);
    put_answer(&writer, entry);
    put_guest(&writer, entry->notes);
    put(&writer, "]");
    if (is_error(report)) {
        put(&writer, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    }
    put(&writer, "}");
    if (writer.error < 0) {
        to->len = before;
    }
    return writer.error;
}
