/* The headers that are about the message itself: who is asked, how long the body is, what becomes
 * of the connection. RFC 9112 sections 3.2, 6 and 9; RFC 9110 sections 7.2, 7.6.1 and 10.1.1. */
#include "base/container.h"
#include "http/bytes.h"
#include "http/h1_line.h"

enum { LENGTH_DIGITS_MAX = 19 };

void h1_framing_init(struct h1_framing *framing)
{
    framing->host = (struct span){0};
    framing->length = (struct span){0};
    framing->coding = (struct span){0};
    framing->hosts = 0;
    framing->lengths = 0;
    framing->codings = 0;
    framing->named = 0;
    framing->is_bad = false;
    framing->closes = false;
    framing->keeps = false;
    framing->upgrades = false;
    framing->wants_h2c = false;
    framing->continues = false;
    framing->expects = false;
}

/* -- each header ------------------------------------------------------------------------------ */

static void take_connection(struct h1_framing *framing, struct span value)
{
    struct span option;
    while (http_list_next(&value, &option)) {
        if (http_is_name(option, "keep-alive")) {
            framing->keeps = true;
        } else if (http_is_name(option, "close")) {
            framing->closes = true;
        } else if (http_is_name(option, "upgrade")) {
            framing->upgrades = true;
        } else if (framing->named == H1_CONNECTION_NAMES || !http_is_token(option)) {
            framing->is_bad = true;
            return;
        } else {
            framing->names[framing->named] = option;
            framing->named++;
        }
    }
}

static void take_expect(struct h1_framing *framing, struct span value)
{
    struct span expectation;
    while (http_list_next(&value, &expectation)) {
        bool is_continue = http_is_name(expectation, "100-continue");
        framing->continues |= is_continue;
        framing->expects |= !is_continue;
    }
}

static void take_upgrade(struct h1_framing *framing, struct span value)
{
    struct span protocol;
    while (http_list_next(&value, &protocol)) {
        framing->wants_h2c |= http_is_name(protocol, "h2c");
    }
}

static bool is(struct span name, const char *text, size_t len)
{
    return memcmp(name.data, text, len) == 0;
}

/* By the length first: of the headers of a usual request, all but two end at the switch. */
bool h1_framing_take(struct h1_framing *framing, const struct http_header *header)
{
    struct span name = header->name;
    switch (name.len) {
    case 2:
        return is(name, "te", 2);
    case 4:
        if (is(name, "host", 4)) {
            framing->host = header->value;
            framing->hosts++;
            return true;
        }
        return false;
    case 6:
        if (is(name, "expect", 6)) {
            take_expect(framing, header->value);
            return true;
        }
        return false;
    case 7:
        if (is(name, "upgrade", 7)) {
            take_upgrade(framing, header->value);
            return true;
        }
        return false;
    case 10:
        if (is(name, "connection", 10)) {
            take_connection(framing, header->value);
            return true;
        }
        return is(name, "keep-alive", 10);
    case 14:
        if (is(name, "content-length", 14)) {
            framing->length = header->value;
            framing->lengths++;
            return true;
        }
        return is(name, "http2-settings", 14);
    case 16:
        return is(name, "proxy-connection", 16);
    case 17:
        if (is(name, "transfer-encoding", 17)) {
            framing->coding = header->value;
            framing->codings++;
            return true;
        }
        return false;
    default:
        return false;
    }
}

/* -- all of them together --------------------------------------------------------------------- */

/* RFC 9112 section 3.2: exactly one, and valid even where an absolute form outweighs it. An empty
 * one says that the target has no authority, which is possible for "*" only. */
static int judge_host(const struct h1_framing *framing, struct h1_head *head)
{
    bool may_be_empty = head->minor == 0 || span_is(head->path, "*");
    if (framing->hosts > 1 || (framing->hosts == 0 && head->minor > 0)) {
        return 400;
    }
    if (framing->hosts == 0) {
        return 0;
    }
    if (framing->host.len == 0 ? !may_be_empty : !h1_is_authority(framing->host)) {
        return 400;
    }
    if (head->scheme.len == 0) {
        head->authority = framing->host;
    }
    return 0;
}

/* Digits only, once: RFC 9112 section 6.3 lets equal values be merged, but who is in front may have
 * read them otherwise. */
static int judge_length(const struct h1_framing *framing, struct h1_head *head)
{
    struct span text = framing->length;
    uint64_t length = 0;
    if (framing->lengths > 1 || text.len == 0 || text.len > LENGTH_DIGITS_MAX) {
        return 400;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((http_bytes[text.data[i]] & HTTP_DIGIT) == 0) {
            return 400;
        }
        length = length * 10 + (uint64_t)(text.data[i] - '0'); /* 19 digits fit into 64 bits */
    }
    if (length > INT64_MAX) {
        return 400;
    }
    head->has_length = true;
    head->content_length = length;
    head->body = length > 0 ? H1_BODY_LENGTH : H1_BODY_NONE;
    return 0;
}

/* "chunked" and nothing else. Where it comes last behind other codings the body's end could be
 * found, but not its meaning: 501. Anything else has no end that all would agree on: 400. An empty
 * element is refused as well, though a list may have them, and so is a second line. */
static int judge_coding(const struct h1_framing *framing, struct h1_head *head)
{
    if (framing->codings > 1 || framing->lengths > 0 || head->minor == 0) {
        return 400;
    }
    if (http_is_name(framing->coding, "chunked")) {
        head->body = H1_BODY_CHUNKED;
        return 0;
    }
    struct span rest = framing->coding;
    struct span coding = {0};
    uint32_t count = 0;
    uint32_t chunked = 0;
    while (http_list_next(&rest, &coding)) {
        if (!http_is_token(coding)) {
            return 400;
        }
        chunked += http_is_name(coding, "chunked");
        count++;
    }
    return count > 1 && chunked == 1 && http_is_name(coding, "chunked") ? 501 : 400;
}

static bool begins_with(struct span text, const char *prefix)
{
    return text.len >= strlen(prefix) &&
           http_is_name((struct span){text.data, strlen(prefix)}, prefix);
}

/* A client may name any header in Connection, and whoever obeys removes it: also one that a proxy
 * in front has added and the guest relies on, say who the client is. RFC 9110 section 7.6.1 forbids
 * naming what is meant for all recipients; such names are passed over. */
static bool is_end_to_end(struct span name)
{
    static const char *const prefixes[] = {
        "accept",     "authorization", "cache-control",  "client-", "content-",     "cookie",
        "date",       "forwarded",     "from",           "if-",     "origin",       "pragma",
        "prefer",     "range",         "referer",        "remote-", "sec-",         "traceparent",
        "tracestate", "true-client-",  "user-",          "via",     "x-api-key",    "x-auth",
        "x-b3-",      "x-client-",     "x-correlation-", "x-csrf-", "x-forwarded-", "x-original-",
        "x-real-ip",  "x-remote-",     "x-request-",     "x-ssl-",  "x-user"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (begins_with(name, prefixes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct h1_framing *framing, struct span name)
{
    for (uint32_t i = 0; i < framing->named; i++) {
        if (http_is_same_name(framing->names[i], name)) {
            return !is_end_to_end(name);
        }
    }
    return false;
}

static void drop_named(const struct h1_framing *framing, struct h1_head *head)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < head->header_count; i++) {
        if (!is_named(framing, head->headers[i].name)) {
            head->headers[kept] = head->headers[i];
            kept++;
        }
    }
    head->header_count = kept;
}

int h1_framing_judge(const struct h1_framing *framing, struct h1_head *head)
{
    if (framing->is_bad) {
        return 400;
    }
    int status = judge_host(framing, head);
    if (status == 0 && framing->codings > 0) {
        status = judge_coding(framing, head);
    } else if (status == 0 && framing->lengths > 0) {
        status = judge_length(framing, head);
    }
    if (status != 0) {
        return status;
    }
    /* HTTP/1.0 knows no expectations. */
    if (framing->expects && head->minor > 0) {
        return 417;
    }
    head->expects_continue = framing->continues && head->minor > 0 && head->body != H1_BODY_NONE;
    head->keep_alive = !framing->closes && (head->minor > 0 || framing->keeps);
    head->is_h2c_upgrade = framing->upgrades && framing->wants_h2c && head->minor > 0;
    if (framing->named > 0) {
        drop_named(framing, head);
    }
    return 0;
}
