#include "exchange.h"

#include <stdlib.h>
#include <string.h>

static const char *const code_names[] = {
    "DNS-timeout",
    "DNS-error",
    "destination-not-found",
    "destination-unavailable",
    "destination-IP-prohibited",
    "destination-IP-unroutable",
    "connection-refused",
    "connection-terminated",
    "connection-timeout",
    "connection-read-timeout",
    "connection-write-timeout",
    "connection-limit-reached",
    "TLS-protocol-error",
    "TLS-certificate-error",
    "TLS-alert-received",
    "HTTP-request-denied",
    "HTTP-request-length-required",
    "HTTP-request-body-size",
    "HTTP-request-method-invalid",
    "HTTP-request-URI-invalid",
    "HTTP-request-URI-too-long",
    "HTTP-request-header-section-size",
    "HTTP-request-header-size",
    "HTTP-request-trailer-section-size",
    "HTTP-request-trailer-size",
    "HTTP-response-incomplete",
    "HTTP-response-header-section-size",
    "HTTP-response-header-size",
    "HTTP-response-body-size",
    "HTTP-response-trailer-section-size",
    "HTTP-response-trailer-size",
    "HTTP-response-transfer-coding",
    "HTTP-response-content-coding",
    "HTTP-response-timeout",
    "HTTP-upgrade-failed",
    "HTTP-protocol-error",
    "loop-detected",
    "configuration-error",
    "internal-error",
};

const char *error_code_name(const error_code *code)
{
    return code->tag < sizeof(code_names) / sizeof(code_names[0]) ? code_names[code->tag]
                                                                  : "unknown";
}

static void add_option_string(struct text *text, const char *name, const world_option_string_t *it)
{
    if (it->is_some) {
        text_add(text, " %s=%.*s", name, (int)it->val.len, (const char *)it->val.ptr);
    }
}

static void add_field_size(struct text *text, const wasi_http_types_field_size_payload_t *size)
{
    add_option_string(text, "field-name", &size->field_name);
    if (size->field_size.is_some) {
        text_add(text, " field-size=%u", (unsigned)size->field_size.val);
    }
}

static void add_payload(struct text *text, const error_code *code)
{
    switch (code->tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
        add_option_string(text, "rcode", &code->val.dns_error.rcode);
        if (code->val.dns_error.info_code.is_some) {
            text_add(text, " info-code=%u", (unsigned)code->val.dns_error.info_code.val);
        }
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED:
        if (code->val.tls_alert_received.alert_id.is_some) {
            text_add(text, " alert-id=%u", (unsigned)code->val.tls_alert_received.alert_id.val);
        }
        add_option_string(text, "alert-message", &code->val.tls_alert_received.alert_message);
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE:
        if (code->val.http_request_body_size.is_some) {
            text_add(text, " %llu", (unsigned long long)code->val.http_request_body_size.val);
        }
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SECTION_SIZE:
        if (code->val.http_request_header_section_size.is_some) {
            text_add(text, " %u", (unsigned)code->val.http_request_header_section_size.val);
        }
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SIZE:
        if (code->val.http_request_header_size.is_some) {
            add_field_size(text, &code->val.http_request_header_size.val);
        }
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SIZE:
        add_field_size(text, &code->val.http_request_trailer_size);
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRANSFER_CODING:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_CONTENT_CODING:
        add_option_string(text, "coding", &code->val.http_response_transfer_coding);
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR:
        add_option_string(text, "message", &code->val.internal_error);
        break;
    default:
        break;
    }
}

void error_code_print(const error_code *code, struct text *text)
{
    text_add(text, "%s", error_code_name(code));
    add_payload(text, code);
}

void stream_error_print(stream_error *err, struct text *text)
{
    error_code code;
    if (err->tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
        text_add(text, "closed");
        return;
    }
    if (wasi_http_types_http_error_code(wasi_io_error_borrow_error(err->val.last_operation_failed),
                                        &code)) {
        error_code_print(&code, text);
        wasi_http_types_error_code_free(&code);
    } else {
        text_add(text, "failed");
    }
    wasi_io_streams_stream_error_free(err);
}

const char *header_error_name(const header_error *err)
{
    static const char *const names[] = {"invalid-syntax", "forbidden", "immutable"};
    return err->tag < 3 ? names[err->tag] : "unknown";
}

/* What a stream died of, on stderr. */
static void note_stream(const char *what, stream_error *err)
{
    struct text text = {0};
    stream_error_print(err, &text);
    note("%s: %s", what, text.bytes);
    text_free(&text);
}

own_fields fields_new(void)
{
    return wasi_http_types_constructor_fields();
}

bool fields_add(own_fields fields, const char *name, const char *value, header_error *err)
{
    header_error unseen;
    world_string_t key = string_of(name);
    wasi_http_types_field_value_t bytes = {(uint8_t *)(uintptr_t)value, strlen(value)};
    return wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &key, &bytes,
                                                err != NULL ? err : &unseen);
}

void fields_print(own_fields fields, const char *prefix, struct text *text)
{
    wasi_http_types_list_tuple2_field_name_field_value_t list;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(fields), &list);
    for (size_t i = 0; i < list.len; i++) {
        text_add(text, "%s", prefix);
        text_add_bytes(text, list.ptr[i].f0.ptr, list.ptr[i].f0.len);
        text_add(text, ": ");
        text_add_bytes(text, list.ptr[i].f1.ptr, list.ptr[i].f1.len);
        text_add(text, "\n");
    }
    wasi_http_types_list_tuple2_field_name_field_value_free(&list);
}

struct reply reply_open(struct exchange *exchange, unsigned status, own_fields headers)
{
    own_response response = wasi_http_types_constructor_outgoing_response(headers);
    wasi_http_types_borrow_outgoing_response_t borrow =
        wasi_http_types_borrow_outgoing_response(response);
    struct reply reply;
    if (!wasi_http_types_method_outgoing_response_set_status_code(borrow, (uint16_t)status) ||
        !wasi_http_types_method_outgoing_response_body(borrow, &reply.body) ||
        !wasi_http_types_method_outgoing_body_write(
            wasi_http_types_borrow_outgoing_body(reply.body), &reply.stream)) {
        __builtin_trap();
    }
    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.val = {.ok = response}};
    wasi_http_types_static_response_outparam_set(exchange->param, &answer);
    return reply;
}

bool reply_write(const struct reply *reply, const void *bytes, size_t len)
{
    stream_error err;
    if (!write_all(reply->stream, bytes, len, &err)) {
        note_stream("write", &err);
        return false;
    }
    return true;
}

void reply_close(struct reply *reply, own_fields *trailers)
{
    stream_error err;
    if (!flush_all(reply->stream, &err)) {
        note_stream("flush", &err);
    }
    wasi_io_streams_output_stream_drop_own(reply->stream);
    error_code code;
    if (!wasi_http_types_static_outgoing_body_finish(reply->body, trailers, &code)) {
        struct text text = {0};
        error_code_print(&code, &text);
        note("finish: %s", text.bytes);
        text_free(&text);
        wasi_http_types_error_code_free(&code);
    }
}

void reply_text(struct exchange *exchange, unsigned status, const struct text *text)
{
    own_fields headers = fields_new();
    fields_add(headers, "content-type", "text/plain", NULL);
    struct reply reply = reply_open(exchange, status, headers);
    reply_write(&reply, text->bytes, text->len);
    reply_close(&reply, NULL);
}

void reply_line(struct exchange *exchange, unsigned status, const char *line)
{
    struct text text = {0};
    text_add(&text, "%s\n", line);
    reply_text(exchange, status, &text);
    text_free(&text);
}

struct source request_source(struct exchange *exchange)
{
    own_incoming_body body;
    if (!wasi_http_types_method_incoming_request_consume(
            wasi_http_types_borrow_incoming_request(exchange->request), &body)) {
        __builtin_trap();
    }
    return source_of(body);
}

struct source source_of(own_incoming_body body)
{
    struct source source = {.body = body};
    if (!wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body),
                                                     &source.stream)) {
        __builtin_trap();
    }
    return source;
}

bool source_read(const struct source *source, world_list_u8_t *ret_bytes, struct text *why)
{
    enum { PIECE = 64 * 1024 };

    stream_error err;
    if (wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(source->stream), PIECE, ret_bytes, &err)) {
        return true;
    }
    if (err.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
        return false;
    }
    if (why == NULL) {
        note_stream("read", &err);
    } else {
        stream_error_print(&err, why);
    }
    return false;
}

bool source_trailers(struct source *source, own_fields *ret_trailers)
{
    wasi_io_streams_input_stream_drop_own(source->stream);
    wasi_http_types_own_future_trailers_t future =
        wasi_http_types_static_incoming_body_finish(source->body);
    wasi_http_types_borrow_future_trailers_t borrow =
        wasi_http_types_borrow_future_trailers(future);
    wasi_http_types_result_result_option_own_trailers_error_code_void_t result;

    wait_on(wasi_http_types_method_future_trailers_subscribe(borrow));
    bool there = wasi_http_types_method_future_trailers_get(borrow, &result);
    if (!there || result.is_err) {
        note("trailers: %s", there ? "taken before" : "ready, and then not");
        there = false;
    } else if (result.val.ok.is_err) {
        note("trailers: %s", error_code_name(&result.val.ok.val.err));
        wasi_http_types_error_code_free(&result.val.ok.val.err);
        there = false;
    } else {
        there = result.val.ok.val.ok.is_some;
        *ret_trailers = result.val.ok.val.ok.val;
    }
    wasi_http_types_future_trailers_drop_own(future);
    return there;
}

void source_drop(struct source *source)
{
    wasi_io_streams_input_stream_drop_own(source->stream);
    wasi_http_types_incoming_body_drop_own(source->body);
}
