/* wasi:http's error-code, of 39 cases: made from what the client, the front and the kernel report;
 * given to guests; printed for logs when it comes from one. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_ERROR_CODE_H
#define HYTHE_IMPORTS_WASI_HTTP_ERROR_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/component_call.h"
#include "http/error.h"

struct http_exchange;

/* In the order of the WIT. */
enum wasi_http_error_case {
    WASI_HTTP_DNS_TIMEOUT,
    WASI_HTTP_DNS_ERROR, /* text: rcode; number: info-code */
    WASI_HTTP_DESTINATION_NOT_FOUND,
    WASI_HTTP_DESTINATION_UNAVAILABLE,
    WASI_HTTP_DESTINATION_IP_PROHIBITED,
    WASI_HTTP_DESTINATION_IP_UNROUTABLE,
    WASI_HTTP_CONNECTION_REFUSED,
    WASI_HTTP_CONNECTION_TERMINATED,
    WASI_HTTP_CONNECTION_TIMEOUT,
    WASI_HTTP_CONNECTION_READ_TIMEOUT,
    WASI_HTTP_CONNECTION_WRITE_TIMEOUT,
    WASI_HTTP_CONNECTION_LIMIT_REACHED,
    WASI_HTTP_TLS_PROTOCOL_ERROR,
    WASI_HTTP_TLS_CERTIFICATE_ERROR,
    WASI_HTTP_TLS_ALERT_RECEIVED, /* number: alert-id; text: alert-message */
    WASI_HTTP_REQUEST_DENIED,
    WASI_HTTP_REQUEST_LENGTH_REQUIRED,
    WASI_HTTP_REQUEST_BODY_SIZE, /* number */
    WASI_HTTP_REQUEST_METHOD_INVALID,
    WASI_HTTP_REQUEST_URI_INVALID,
    WASI_HTTP_REQUEST_URI_TOO_LONG,
    WASI_HTTP_REQUEST_HEADER_SECTION_SIZE,  /* number */
    WASI_HTTP_REQUEST_HEADER_SIZE,          /* text: field-name; number: field-size */
    WASI_HTTP_REQUEST_TRAILER_SECTION_SIZE, /* number */
    WASI_HTTP_REQUEST_TRAILER_SIZE,         /* text: field-name; number: field-size */
    WASI_HTTP_RESPONSE_INCOMPLETE,
    WASI_HTTP_RESPONSE_HEADER_SECTION_SIZE,  /* number */
    WASI_HTTP_RESPONSE_HEADER_SIZE,          /* text: field-name; number: field-size */
    WASI_HTTP_RESPONSE_BODY_SIZE,            /* number */
    WASI_HTTP_RESPONSE_TRAILER_SECTION_SIZE, /* number */
    WASI_HTTP_RESPONSE_TRAILER_SIZE,         /* text: field-name; number: field-size */
    WASI_HTTP_RESPONSE_TRANSFER_CODING,      /* text */
    WASI_HTTP_RESPONSE_CONTENT_CODING,       /* text */
    WASI_HTTP_RESPONSE_TIMEOUT,
    WASI_HTTP_UPGRADE_FAILED,
    WASI_HTTP_PROTOCOL_ERROR,
    WASI_HTTP_LOOP_DETECTED,
    WASI_HTTP_CONFIGURATION_ERROR,
    WASI_HTTP_INTERNAL_ERROR, /* text */
    WASI_HTTP_ERROR_CASES,
};

/* The slots of an error-code: its case and the largest payload, option<field-size-payload>. */
enum { WASI_HTTP_ERROR_SLOTS = 6 };

/* One with its payload, whatever its shape: what the case has no place for is left out. */
struct wasi_http_error {
    enum wasi_http_error_case kind;
    const char *text; /* UTF-8; NULL: none. Constant, or good until the guest's next call */
    bool has_number;
    uint64_t number;
};

/* What the client reports of an exchange. Never call it with HTTP_OK. */
struct wasi_http_error wasi_http_error_from_client(enum http_error error);

/* Likewise of this exchange, which knows more: the alert of a peer. */
struct wasi_http_error wasi_http_error_from_exchange(const struct http_exchange *exchange);

/* What the front or the kernel reports: a negative errno. */
struct wasi_http_error wasi_http_error_from_errno(int error);

/* Write it into WASI_HTTP_ERROR_SLOTS slots. */
void wasi_http_error_lower(const struct wasi_http_error *error, union component_value *slots);

/* Print what a guest gave, as "HTTP-request-denied" or "internal-error: \"...\"", on one line; cut at
 * `max` bytes with the NUL. Its text is the guest's: whoever logs it escapes it. */
void wasi_http_error_print(const union component_value *slots, char *text, size_t max);

/* The status that stands for a case where a response has to (RFC 9209 section 2.3). */
uint16_t wasi_http_error_status(uint64_t kind);

#endif
