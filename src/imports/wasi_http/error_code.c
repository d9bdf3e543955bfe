/* wasi:http's error-code. See error_code.h. */
#include "imports/wasi_http/error_code.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "http/client.h"

enum { STATUS_BROKEN = 500 };

/* How a case's payload lies in its slots. */
enum payload {
    PAYLOAD_NONE,
    PAYLOAD_NUMBER,      /* option<u32>, option<u64> */
    PAYLOAD_TEXT,        /* option<string> */
    PAYLOAD_TEXT_NUMBER, /* record of option<string>, option<number> */
    PAYLOAD_NUMBER_TEXT, /* record of option<number>, option<string> */
    PAYLOAD_OPTIONAL,    /* option of a record of option<string>, option<number> */
};

static const struct error_row {
    const char *name;
    enum payload payload;
    uint16_t status;
    uint64_t max; /* of the number; 0: none */
} rows[WASI_HTTP_ERROR_CASES] = {
    [WASI_HTTP_DNS_TIMEOUT] = {"DNS-timeout", PAYLOAD_NONE, 504, 0},
    [WASI_HTTP_DNS_ERROR] = {"DNS-error", PAYLOAD_TEXT_NUMBER, 502, UINT16_MAX},
    [WASI_HTTP_DESTINATION_NOT_FOUND] = {"destination-not-found", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_DESTINATION_UNAVAILABLE] = {"destination-unavailable", PAYLOAD_NONE, 503, 0},
    [WASI_HTTP_DESTINATION_IP_PROHIBITED] = {"destination-IP-prohibited", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_DESTINATION_IP_UNROUTABLE] = {"destination-IP-unroutable", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_CONNECTION_REFUSED] = {"connection-refused", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_CONNECTION_TERMINATED] = {"connection-terminated", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_CONNECTION_TIMEOUT] = {"connection-timeout", PAYLOAD_NONE, 504, 0},
    [WASI_HTTP_CONNECTION_READ_TIMEOUT] = {"connection-read-timeout", PAYLOAD_NONE, 504, 0},
    [WASI_HTTP_CONNECTION_WRITE_TIMEOUT] = {"connection-write-timeout", PAYLOAD_NONE, 504, 0},
    [WASI_HTTP_CONNECTION_LIMIT_REACHED] = {"connection-limit-reached", PAYLOAD_NONE, 503, 0},
    [WASI_HTTP_TLS_PROTOCOL_ERROR] = {"TLS-protocol-error", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_TLS_CERTIFICATE_ERROR] = {"TLS-certificate-error", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_TLS_ALERT_RECEIVED] = {"TLS-alert-received", PAYLOAD_NUMBER_TEXT, 502, UINT8_MAX},
    [WASI_HTTP_REQUEST_DENIED] = {"HTTP-request-denied", PAYLOAD_NONE, 403, 0},
    [WASI_HTTP_REQUEST_LENGTH_REQUIRED] = {"HTTP-request-length-required", PAYLOAD_NONE, 411, 0},
    [WASI_HTTP_REQUEST_BODY_SIZE] = {"HTTP-request-body-size", PAYLOAD_NUMBER, 413, UINT64_MAX},
    [WASI_HTTP_REQUEST_METHOD_INVALID] = {"HTTP-request-method-invalid", PAYLOAD_NONE, 400, 0},
    [WASI_HTTP_REQUEST_URI_INVALID] = {"HTTP-request-URI-invalid", PAYLOAD_NONE, 400, 0},
    [WASI_HTTP_REQUEST_URI_TOO_LONG] = {"HTTP-request-URI-too-long", PAYLOAD_NONE, 414, 0},
    [WASI_HTTP_REQUEST_HEADER_SECTION_SIZE] = {"HTTP-request-header-section-size", PAYLOAD_NUMBER,
                                               431, UINT32_MAX},
    [WASI_HTTP_REQUEST_HEADER_SIZE] = {"HTTP-request-header-size", PAYLOAD_OPTIONAL, 431,
                                       UINT32_MAX},
    [WASI_HTTP_REQUEST_TRAILER_SECTION_SIZE] = {"HTTP-request-trailer-section-size", PAYLOAD_NUMBER,
                                                431, UINT32_MAX},
    [WASI_HTTP_REQUEST_TRAILER_SIZE] = {"HTTP-request-trailer-size", PAYLOAD_TEXT_NUMBER, 431,
                                        UINT32_MAX},
    [WASI_HTTP_RESPONSE_INCOMPLETE] = {"HTTP-response-incomplete", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_RESPONSE_HEADER_SECTION_SIZE] = {"HTTP-response-header-section-size", PAYLOAD_NUMBER,
                                                502, UINT32_MAX},
    [WASI_HTTP_RESPONSE_HEADER_SIZE] = {"HTTP-response-header-size", PAYLOAD_TEXT_NUMBER, 502,
                                        UINT32_MAX},
    [WASI_HTTP_RESPONSE_BODY_SIZE] = {"HTTP-response-body-size", PAYLOAD_NUMBER, 502, UINT64_MAX},
    [WASI_HTTP_RESPONSE_TRAILER_SECTION_SIZE] = {"HTTP-response-trailer-section-size",
                                                 PAYLOAD_NUMBER, 502, UINT32_MAX},
    [WASI_HTTP_RESPONSE_TRAILER_SIZE] = {"HTTP-response-trailer-size", PAYLOAD_TEXT_NUMBER, 502,
                                         UINT32_MAX},
    [WASI_HTTP_RESPONSE_TRANSFER_CODING] = {"HTTP-response-transfer-coding", PAYLOAD_TEXT, 502, 0},
    [WASI_HTTP_RESPONSE_CONTENT_CODING] = {"HTTP-response-content-coding", PAYLOAD_TEXT, 502, 0},
    [WASI_HTTP_RESPONSE_TIMEOUT] = {"HTTP-response-timeout", PAYLOAD_NONE, 504, 0},
    [WASI_HTTP_UPGRADE_FAILED] = {"HTTP-upgrade-failed", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_PROTOCOL_ERROR] = {"HTTP-protocol-error", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_LOOP_DETECTED] = {"loop-detected", PAYLOAD_NONE, 502, 0},
    [WASI_HTTP_CONFIGURATION_ERROR] = {"configuration-error", PAYLOAD_NONE, 500, 0},
    [WASI_HTTP_INTERNAL_ERROR] = {"internal-error", PAYLOAD_TEXT, STATUS_BROKEN, 0},
};

/* -- from what happened ----------------------------------------------------------------------- */

/* What libcurl can tell of the name servers' answers; the info-code would be that of RFC 8914. */
static const struct wasi_http_error of_client[] = {
    [HTTP_OK] = {WASI_HTTP_INTERNAL_ERROR, "no error", false, 0},
    [HTTP_BAD_URL] = {.kind = WASI_HTTP_REQUEST_URI_INVALID},
    [HTTP_BAD_SCHEME] = {.kind = WASI_HTTP_PROTOCOL_ERROR}, /* as Wasmtime's host has it */
    [HTTP_BAD_METHOD] = {.kind = WASI_HTTP_REQUEST_METHOD_INVALID},
    [HTTP_BAD_HEADER] = {.kind = WASI_HTTP_PROTOCOL_ERROR},
    [HTTP_DENIED] = {.kind = WASI_HTTP_REQUEST_DENIED},
    [HTTP_NO_NAME] = {WASI_HTTP_DNS_ERROR, "NXDOMAIN", false, 0},
    [HTTP_NO_CONNECT] = {.kind = WASI_HTTP_DESTINATION_UNAVAILABLE},
    [HTTP_NO_TLS] = {.kind = WASI_HTTP_TLS_PROTOCOL_ERROR},
    [HTTP_TIMED_OUT] = {.kind = WASI_HTTP_RESPONSE_TIMEOUT},
    [HTTP_TOO_LARGE] = {.kind = WASI_HTTP_RESPONSE_BODY_SIZE},
    [HTTP_TOO_MANY_REDIRECTS] = {.kind = WASI_HTTP_LOOP_DETECTED},
    [HTTP_BROKEN] = {.kind = WASI_HTTP_CONNECTION_TERMINATED},
    [HTTP_NO_MEMORY] = {WASI_HTTP_INTERNAL_ERROR, "out of memory", false, 0},
    [HTTP_URL_TOO_LONG] = {.kind = WASI_HTTP_REQUEST_URI_TOO_LONG},
    [HTTP_HEADERS_TOO_LARGE] = {.kind = WASI_HTTP_REQUEST_HEADER_SECTION_SIZE},
    [HTTP_DENIED_ADDRESS] = {.kind = WASI_HTTP_DESTINATION_IP_PROHIBITED},
    [HTTP_NAME_UNANSWERED] = {WASI_HTTP_DNS_ERROR, "SERVFAIL", false, 0},
    [HTTP_NAME_FAILED] = {.kind = WASI_HTTP_DNS_ERROR},
    [HTTP_CONNECT_REFUSED] = {.kind = WASI_HTTP_CONNECTION_REFUSED},
    [HTTP_UNREACHABLE] = {.kind = WASI_HTTP_DESTINATION_IP_UNROUTABLE},
    [HTTP_NO_SOCKETS] = {.kind = WASI_HTTP_CONNECTION_LIMIT_REACHED},
    [HTTP_CERTIFICATE] = {.kind = WASI_HTTP_TLS_CERTIFICATE_ERROR},
    [HTTP_NO_TRUST] = {.kind = WASI_HTTP_CONFIGURATION_ERROR},
    [HTTP_TLS_ALERT] = {.kind = WASI_HTTP_TLS_ALERT_RECEIVED},
    [HTTP_NAME_TIMED_OUT] = {.kind = WASI_HTTP_DNS_TIMEOUT},
    [HTTP_CONNECT_TIMED_OUT] = {.kind = WASI_HTTP_CONNECTION_TIMEOUT},
    [HTTP_FIRST_BYTE_TIMED_OUT] = {.kind = WASI_HTTP_CONNECTION_READ_TIMEOUT},
    [HTTP_READ_TIMED_OUT] = {.kind = WASI_HTTP_CONNECTION_READ_TIMEOUT},
    [HTTP_WRITE_TIMED_OUT] = {.kind = WASI_HTTP_CONNECTION_WRITE_TIMEOUT},
    [HTTP_HEAD_TOO_LARGE] = {.kind = WASI_HTTP_RESPONSE_HEADER_SECTION_SIZE},
    [HTTP_BODY_TOO_LARGE] = {.kind = WASI_HTTP_RESPONSE_BODY_SIZE},
    [HTTP_TRAILERS_TOO_LARGE] = {.kind = WASI_HTTP_RESPONSE_TRAILER_SECTION_SIZE},
    [HTTP_CLOSED] = {.kind = WASI_HTTP_CONNECTION_TERMINATED},
    [HTTP_INCOMPLETE] = {.kind = WASI_HTTP_RESPONSE_INCOMPLETE},
    [HTTP_TRANSFER_CODING] = {WASI_HTTP_RESPONSE_TRANSFER_CODING, "chunked", false, 0},
    [HTTP_UPGRADED] = {.kind = WASI_HTTP_UPGRADE_FAILED},
    [HTTP_NOT_HTTP] = {.kind = WASI_HTTP_PROTOCOL_ERROR},
    [HTTP_LENGTH_REQUIRED] = {.kind = WASI_HTTP_REQUEST_LENGTH_REQUIRED},
    [HTTP_ABORTED] = {.kind = WASI_HTTP_PROTOCOL_ERROR},
};

struct wasi_http_error wasi_http_error_from_client(enum http_error error)
{
    return (size_t)error < ARRAY_COUNT(of_client) ? of_client[error]
                                                  : of_client[http_error_kind(error)];
}

/* The alerts that servers send (RFC 8446 section 6). */
static const char *alert_text(uint8_t alert)
{
    static const struct {
        uint8_t alert;
        const char *text;
    } alerts[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {22, "record_overflow"},
        {40, "handshake_failure"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(alerts); i++) {
        if (alerts[i].alert == alert) {
            return alerts[i].text;
        }
    }
    return NULL;
}

struct wasi_http_error wasi_http_error_from_exchange(const struct http_exchange *exchange)
{
    enum http_error cause = http_exchange_error(exchange);
    struct wasi_http_error error = wasi_http_error_from_client(cause);
    if (cause == HTTP_TLS_ALERT) {
        error.has_number = true;
        error.number = http_exchange_alert(exchange);
        error.text = alert_text(http_exchange_alert(exchange));
    }
    return error;
}

struct wasi_http_error wasi_http_error_from_errno(int error)
{
    static const struct {
        int error;
        enum wasi_http_error_case kind;
    } pairs[] = {
        {-EMSGSIZE, WASI_HTTP_REQUEST_BODY_SIZE},
        {-EFBIG, WASI_HTTP_REQUEST_BODY_SIZE},
        {-EPROTO, WASI_HTTP_PROTOCOL_ERROR},
        {-ECONNRESET, WASI_HTTP_CONNECTION_TERMINATED},
        {-ECONNABORTED, WASI_HTTP_CONNECTION_TERMINATED},
        {-EPIPE, WASI_HTTP_CONNECTION_TERMINATED},
        {-ENOTCONN, WASI_HTTP_CONNECTION_TERMINATED},
        {-ECONNREFUSED, WASI_HTTP_CONNECTION_REFUSED},
        {-ETIMEDOUT, WASI_HTTP_CONNECTION_TIMEOUT},
        {-ENETUNREACH, WASI_HTTP_DESTINATION_IP_UNROUTABLE},
        {-EHOSTUNREACH, WASI_HTTP_DESTINATION_IP_UNROUTABLE},
        {-EACCES, WASI_HTTP_REQUEST_DENIED},
        {-EPERM, WASI_HTTP_REQUEST_DENIED},
        {-EMFILE, WASI_HTTP_CONNECTION_LIMIT_REACHED},
        {-ENFILE, WASI_HTTP_CONNECTION_LIMIT_REACHED},
    };
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        if (pairs[i].error == error) {
            return (struct wasi_http_error){.kind = pairs[i].kind};
        }
    }
    return (struct wasi_http_error){
        .kind = WASI_HTTP_INTERNAL_ERROR,
        .text = error == -ENOMEM ? "out of memory" : "input or output failed",
    };
}

/* -- to the guest ----------------------------------------------------------------------------- */

static void lower_text(const char *text, union component_value slots[2])
{
    slots[0].number = text != NULL;
    slots[1].bytes = text != NULL ? span_of(text) : (struct span){0};
}

static void lower_number(const struct wasi_http_error *error, union component_value slots[2])
{
    uint64_t max = rows[error->kind].max;
    slots[0].number = error->has_number;
    slots[1].number = error->number < max ? error->number : max;
}

void wasi_http_error_lower(const struct wasi_http_error *error, union component_value *slots)
{
    union component_value *payload = slots + 1;
    enum payload shape = rows[error->kind].payload;
    memset(slots, 0, WASI_HTTP_ERROR_SLOTS * sizeof *slots);
    slots[0].number = error->kind;
    if (shape == PAYLOAD_OPTIONAL) {
        payload[0].number = error->text != NULL || error->has_number;
        payload++;
    }
    switch (shape) {
    case PAYLOAD_NONE:
        break;
    case PAYLOAD_NUMBER:
        lower_number(error, payload);
        break;
    case PAYLOAD_TEXT:
        lower_text(error->text, payload);
        break;
    case PAYLOAD_NUMBER_TEXT:
        lower_number(error, payload);
        lower_text(error->text, payload + 2);
        break;
    case PAYLOAD_OPTIONAL:
    case PAYLOAD_TEXT_NUMBER:
        lower_text(error->text, payload);
        lower_number(error, payload + 2);
        break;
    }
}

/* -- for people ------------------------------------------------------------------------------- */

/* A line being printed; too long is cut. */
struct line {
    char *text;
    size_t max;
    size_t len;
};

static void add_text(struct line *line, const union component_value slots[2])
{
    size_t room = line->max - line->len;
    if (slots[0].number != 0 && room > 1) {
        int precision = slots[1].bytes.len < room ? (int)slots[1].bytes.len : (int)room;
        int n = snprintf(line->text + line->len, room, ": %.*s", precision,
                         (const char *)slots[1].bytes.data);
        line->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    }
}

static void add_number(struct line *line, const union component_value slots[2])
{
    size_t room = line->max - line->len;
    if (slots[0].number != 0 && room > 1) {
        int n = snprintf(line->text + line->len, room, " (%" PRIu64 ")", slots[1].number);
        line->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    }
}

void wasi_http_error_print(const union component_value *slots, char *text, size_t max)
{
    const union component_value *payload = slots + 1;
    if (slots[0].number >= WASI_HTTP_ERROR_CASES) {
        (void)snprintf(text, max, "an unknown error-code"); /* too long is cut */
        return;
    }
    const struct error_row *row = &rows[slots[0].number];
    struct line line = {.text = text, .max = max};
    int n = snprintf(text, max, "%s", row->name);
    line.len = (size_t)n < max ? (size_t)n : max - 1;
    enum payload shape = row->payload;
    if (shape == PAYLOAD_OPTIONAL) {
        shape = payload[0].number != 0 ? PAYLOAD_TEXT_NUMBER : PAYLOAD_NONE;
        payload++;
    }
    switch (shape) {
    case PAYLOAD_NONE:
        break;
    case PAYLOAD_NUMBER:
        add_number(&line, payload);
        break;
    case PAYLOAD_TEXT:
        add_text(&line, payload);
        break;
    case PAYLOAD_NUMBER_TEXT:
        add_number(&line, payload);
        add_text(&line, payload + 2);
        break;
    case PAYLOAD_OPTIONAL:
    case PAYLOAD_TEXT_NUMBER:
        add_text(&line, payload);
        add_number(&line, payload + 2);
        break;
    }
}

uint16_t wasi_http_error_status(uint64_t kind)
{
    return kind < WASI_HTTP_ERROR_CASES ? rows[kind].status : STATUS_BROKEN;
}
