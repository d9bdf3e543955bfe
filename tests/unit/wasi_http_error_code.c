/* The 39 cases of wasi:http's error-code: which one stands for what happened, how its payload lies in the
 * slots, how it is printed. */
#include "imports/wasi_http/error_code.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

/* Past the last one that error.h has. */
enum { HTTP_ERROR_COUNT = HTTP_ABORTED + 1 };

static void lower(const struct wasi_http_error *error, union component_value *slots)
{
    memset(slots, 0xee, WASI_HTTP_ERROR_SLOTS * sizeof *slots);
    wasi_http_error_lower(error, slots);
}

static void what_the_client_reports(void **state)
{
    static const struct {
        enum http_error error;
        enum wasi_http_error_case kind;
    } rows[] = {
        {HTTP_BAD_URL, WASI_HTTP_REQUEST_URI_INVALID},
        {HTTP_BAD_METHOD, WASI_HTTP_REQUEST_METHOD_INVALID},
        {HTTP_DENIED, WASI_HTTP_REQUEST_DENIED},
        {HTTP_DENIED_ADDRESS, WASI_HTTP_DESTINATION_IP_PROHIBITED},
        {HTTP_NO_NAME, WASI_HTTP_DNS_ERROR},
        {HTTP_NAME_TIMED_OUT, WASI_HTTP_DNS_TIMEOUT},
        {HTTP_NO_CONNECT, WASI_HTTP_DESTINATION_UNAVAILABLE},
        {HTTP_CONNECT_REFUSED, WASI_HTTP_CONNECTION_REFUSED},
        {HTTP_UNREACHABLE, WASI_HTTP_DESTINATION_IP_UNROUTABLE},
        {HTTP_NO_SOCKETS, WASI_HTTP_CONNECTION_LIMIT_REACHED},
        {HTTP_NO_TLS, WASI_HTTP_TLS_PROTOCOL_ERROR},
        {HTTP_CERTIFICATE, WASI_HTTP_TLS_CERTIFICATE_ERROR},
        {HTTP_TLS_ALERT, WASI_HTTP_TLS_ALERT_RECEIVED},
        {HTTP_NO_TRUST, WASI_HTTP_CONFIGURATION_ERROR},
        {HTTP_TIMED_OUT, WASI_HTTP_RESPONSE_TIMEOUT},
        {HTTP_CONNECT_TIMED_OUT, WASI_HTTP_CONNECTION_TIMEOUT},
        {HTTP_FIRST_BYTE_TIMED_OUT, WASI_HTTP_CONNECTION_READ_TIMEOUT},
        {HTTP_READ_TIMED_OUT, WASI_HTTP_CONNECTION_READ_TIMEOUT},
        {HTTP_WRITE_TIMED_OUT, WASI_HTTP_CONNECTION_WRITE_TIMEOUT},
        {HTTP_URL_TOO_LONG, WASI_HTTP_REQUEST_URI_TOO_LONG},
        {HTTP_HEADERS_TOO_LARGE, WASI_HTTP_REQUEST_HEADER_SECTION_SIZE},
        {HTTP_HEAD_TOO_LARGE, WASI_HTTP_RESPONSE_HEADER_SECTION_SIZE},
        {HTTP_BODY_TOO_LARGE, WASI_HTTP_RESPONSE_BODY_SIZE},
        {HTTP_TRAILERS_TOO_LARGE, WASI_HTTP_RESPONSE_TRAILER_SECTION_SIZE},
        {HTTP_CLOSED, WASI_HTTP_CONNECTION_TERMINATED},
        {HTTP_INCOMPLETE, WASI_HTTP_RESPONSE_INCOMPLETE},
        {HTTP_TRANSFER_CODING, WASI_HTTP_RESPONSE_TRANSFER_CODING},
        {HTTP_UPGRADED, WASI_HTTP_UPGRADE_FAILED},
        {HTTP_NOT_HTTP, WASI_HTTP_PROTOCOL_ERROR},
        {HTTP_TOO_MANY_REDIRECTS, WASI_HTTP_LOOP_DETECTED},
        {HTTP_LENGTH_REQUIRED, WASI_HTTP_REQUEST_LENGTH_REQUIRED},
        {HTTP_NO_MEMORY, WASI_HTTP_INTERNAL_ERROR},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(wasi_http_error_from_client(rows[i].error).kind, rows[i].kind);
    }
}

/* A row that was forgotten would be a DNS-timeout. */
static void every_error_has_a_case(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_ERROR_COUNT; i++) {
        struct wasi_http_error error = wasi_http_error_from_client((enum http_error)i);
        assert_int_equal(error.kind == WASI_HTTP_DNS_TIMEOUT, i == HTTP_NAME_TIMED_OUT);
    }
    assert_int_equal(wasi_http_error_from_client((enum http_error)HTTP_ERROR_COUNT).kind,
                     WASI_HTTP_CONNECTION_TERMINATED);
}

static void what_the_kernel_reports(void **state)
{
    static const struct {
        int error;
        enum wasi_http_error_case kind;
    } rows[] = {
        {-EMSGSIZE, WASI_HTTP_REQUEST_BODY_SIZE},
        {-EPROTO, WASI_HTTP_PROTOCOL_ERROR},
        {-ECONNRESET, WASI_HTTP_CONNECTION_TERMINATED},
        {-EPIPE, WASI_HTTP_CONNECTION_TERMINATED},
        {-ECONNREFUSED, WASI_HTTP_CONNECTION_REFUSED},
        {-ETIMEDOUT, WASI_HTTP_CONNECTION_TIMEOUT},
        {-EHOSTUNREACH, WASI_HTTP_DESTINATION_IP_UNROUTABLE},
        {-EACCES, WASI_HTTP_REQUEST_DENIED},
        {-EMFILE, WASI_HTTP_CONNECTION_LIMIT_REACHED},
        {-ENOMEM, WASI_HTTP_INTERNAL_ERROR},
        {-EIO, WASI_HTTP_INTERNAL_ERROR},
        {-9999, WASI_HTTP_INTERNAL_ERROR},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(wasi_http_error_from_errno(rows[i].error).kind, rows[i].kind);
    }
    assert_string_equal(wasi_http_error_from_errno(-ENOMEM).text, "out of memory");
}

/* What is in the slots, written as a word for each: n0 a number, "x" a string. */
static void payloads_in_their_slots(void **state)
{
    union component_value slots[WASI_HTTP_ERROR_SLOTS];
    (void)state;

    lower(&(struct wasi_http_error){.kind = WASI_HTTP_REQUEST_DENIED}, slots);
    assert_int_equal(slots[0].number, 15);
    for (int i = 1; i < WASI_HTTP_ERROR_SLOTS; i++) {
        assert_int_equal(slots[i].number, 0);
    }

    lower(&(struct wasi_http_error){WASI_HTTP_DNS_ERROR, "NXDOMAIN", true, 7}, slots);
    assert_int_equal(slots[0].number, 1);
    assert_int_equal(slots[1].number, 1);
    assert_true(span_is(slots[2].bytes, "NXDOMAIN"));
    assert_int_equal(slots[3].number, 1);
    assert_int_equal(slots[4].number, 7);

    lower(&(struct wasi_http_error){WASI_HTTP_TLS_ALERT_RECEIVED, "handshake_failure", true, 40},
          slots);
    assert_int_equal(slots[0].number, 14);
    assert_int_equal(slots[1].number, 1);
    assert_int_equal(slots[2].number, 40);
    assert_int_equal(slots[3].number, 1);
    assert_true(span_is(slots[4].bytes, "handshake_failure"));

    lower(&(struct wasi_http_error){.kind = WASI_HTTP_REQUEST_BODY_SIZE}, slots);
    assert_int_equal(slots[0].number, 17);
    assert_int_equal(slots[1].number, 0);

    /* The only option of a record. */
    lower(&(struct wasi_http_error){.kind = WASI_HTTP_REQUEST_HEADER_SIZE}, slots);
    assert_int_equal(slots[0].number, 22);
    assert_int_equal(slots[1].number, 0);
    lower(&(struct wasi_http_error){WASI_HTTP_REQUEST_HEADER_SIZE, "cookie", true, 9000}, slots);
    assert_int_equal(slots[1].number, 1);
    assert_int_equal(slots[2].number, 1);
    assert_true(span_is(slots[3].bytes, "cookie"));
    assert_int_equal(slots[4].number, 1);
    assert_int_equal(slots[5].number, 9000);

    lower(&(struct wasi_http_error){WASI_HTTP_RESPONSE_TRAILER_SIZE, "x", true, 3}, slots);
    assert_int_equal(slots[1].number, 1);
    assert_true(span_is(slots[2].bytes, "x"));
    assert_int_equal(slots[4].number, 3);

    const struct wasi_http_error internal = {.kind = WASI_HTTP_INTERNAL_ERROR, .text = "why"};
    lower(&internal, slots);
    assert_int_equal(slots[0].number, 38);
    assert_int_equal(slots[1].number, 1);
    assert_true(span_is(slots[2].bytes, "why"));
}

/* A u8, u16 or u32 that were given more would be a trap of the guest. */
static void numbers_stay_in_their_types(void **state)
{
    union component_value slots[WASI_HTTP_ERROR_SLOTS];
    (void)state;
    lower(&(struct wasi_http_error){WASI_HTTP_TLS_ALERT_RECEIVED, NULL, true, 300}, slots);
    assert_int_equal(slots[2].number, 255);
    lower(&(struct wasi_http_error){WASI_HTTP_DNS_ERROR, NULL, true, 1 << 20}, slots);
    assert_int_equal(slots[4].number, 65535);
    lower(&(struct wasi_http_error){WASI_HTTP_RESPONSE_HEADER_SECTION_SIZE, NULL, true, UINT64_MAX},
          slots);
    assert_int_equal(slots[2].number, UINT32_MAX);
    lower(&(struct wasi_http_error){WASI_HTTP_RESPONSE_BODY_SIZE, NULL, true, UINT64_MAX}, slots);
    assert_true(slots[2].number == UINT64_MAX);
}

static void printed(void **state)
{
    static const struct {
        struct wasi_http_error error;
        const char *text;
    } rows[] = {
        {{.kind = WASI_HTTP_DNS_TIMEOUT}, "DNS-timeout"},
        {{WASI_HTTP_DNS_ERROR, "SERVFAIL", true, 22}, "DNS-error: SERVFAIL (22)"},
        {{WASI_HTTP_TLS_ALERT_RECEIVED, "unknown_ca", true, 48},
         "TLS-alert-received (48): unknown_ca"},
        {{.kind = WASI_HTTP_REQUEST_HEADER_SIZE}, "HTTP-request-header-size"},
        {{WASI_HTTP_REQUEST_HEADER_SIZE, "cookie", true, 5},
         "HTTP-request-header-size: cookie (5)"},
        {{WASI_HTTP_RESPONSE_BODY_SIZE, NULL, true, 12}, "HTTP-response-body-size (12)"},
        {{WASI_HTTP_RESPONSE_TRANSFER_CODING, "chunked", false, 0},
         "HTTP-response-transfer-coding: chunked"},
        {{WASI_HTTP_INTERNAL_ERROR, "so it is", false, 0}, "internal-error: so it is"},
    };
    union component_value slots[WASI_HTTP_ERROR_SLOTS];
    char text[128];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        lower(&rows[i].error, slots);
        wasi_http_error_print(slots, text, sizeof text);
        assert_string_equal(text, rows[i].text);
        for (size_t max = 1; max < 40; max++) { /* cut, and never past its end */
            char *small = malloc(max);
            assert_non_null(small);
            wasi_http_error_print(slots, small, max);
            assert_int_equal(strncmp(small, rows[i].text, strlen(small)), 0);
            assert_int_equal(strlen(small),
                             strlen(rows[i].text) < max ? strlen(rows[i].text) : max - 1);
            free(small);
        }
    }
    slots[0].number = 39;
    wasi_http_error_print(slots, text, sizeof text);
    assert_string_equal(text, "an unknown error-code");
}

/* A guest's text is a slice of its memory: no NUL stands behind it. */
static void a_text_without_an_end(void **state)
{
    union component_value slots[WASI_HTTP_ERROR_SLOTS] = {{.number = WASI_HTTP_INTERNAL_ERROR}};
    char *bytes = malloc(4);
    char text[64];
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "abcd", 4);
    slots[1].number = 1;
    slots[2].bytes = (struct span){(const uint8_t *)bytes, 4};
    wasi_http_error_print(slots, text, sizeof text);
    assert_string_equal(text, "internal-error: abcd");
    free(bytes);
}

static void statuses(void **state)
{
    static const struct {
        enum wasi_http_error_case kind;
        uint16_t status;
    } rows[] = {
        {WASI_HTTP_DNS_TIMEOUT, 504},        {WASI_HTTP_DNS_ERROR, 502},
        {WASI_HTTP_CONNECTION_REFUSED, 502}, {WASI_HTTP_CONNECTION_READ_TIMEOUT, 504},
        {WASI_HTTP_REQUEST_DENIED, 403},     {WASI_HTTP_REQUEST_LENGTH_REQUIRED, 411},
        {WASI_HTTP_REQUEST_BODY_SIZE, 413},  {WASI_HTTP_REQUEST_URI_TOO_LONG, 414},
        {WASI_HTTP_RESPONSE_TIMEOUT, 504},   {WASI_HTTP_INTERNAL_ERROR, 500},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(wasi_http_error_status(rows[i].kind), rows[i].status);
    }
    for (uint64_t kind = 0; kind < WASI_HTTP_ERROR_CASES; kind++) {
        assert_true(wasi_http_error_status(kind) >= 400 && wasi_http_error_status(kind) < 600);
    }
    assert_int_equal(wasi_http_error_status(1000), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_client_reports),     cmocka_unit_test(every_error_has_a_case),
        cmocka_unit_test(what_the_kernel_reports),     cmocka_unit_test(payloads_in_their_slots),
        cmocka_unit_test(numbers_stay_in_their_types), cmocka_unit_test(printed),
        cmocka_unit_test(a_text_without_an_end),       cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
