/*
 * Request lines, fields, statuses.
 *
 *   /status/N          answers with that status; 400 "refused" when it is refused
 *   /method            "METHOD"
 *   /authority         scheme, authority and path-with-query, a line each, "-" for none
 *   /echo-headers      the request's fields, a line each
 *   /field?NAME        the values of that request field, a line each, by fields.get
 *   /bad-header        what append, set and from-list say to each bad field; /KIND for one
 *   /bad-header/send/KIND   sends a response with that field if append takes it
 *   /many-fields/N     a response with N fields; /many-fields/N/BYTES with values of that length
 *   /one-field/N       a response with one field of N bytes
 *   /fields-api        every function of fields
 *   /error-code/N      no response but the error code of that number, with all its case carries
 */
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

static void status(struct exchange *exchange)
{
    unsigned code = (unsigned)number_at(&exchange->rest, 200);
    own_response probe = wasi_http_types_constructor_outgoing_response(fields_new());
    bool taken = wasi_http_types_method_outgoing_response_set_status_code(
        wasi_http_types_borrow_outgoing_response(probe), (uint16_t)code);
    bool kept = wasi_http_types_method_outgoing_response_status_code(
                    wasi_http_types_borrow_outgoing_response(probe)) == code;
    wasi_http_types_outgoing_response_drop_own(probe);
    if (taken && kept) {
        reply_line(exchange, code, "status");
    } else {
        reply_line(exchange, 400, taken ? "forgotten" : "refused");
    }
}

static void method(struct exchange *exchange)
{
    static const char *const names[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                        "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    wasi_http_types_method_t method;
    struct text text = {0};
    wasi_http_types_method_incoming_request_method(
        wasi_http_types_borrow_incoming_request(exchange->request), &method);
    if (method.tag == WASI_HTTP_TYPES_METHOD_OTHER) {
        text_add(&text, "other ");
        text_add_bytes(&text, method.val.other.ptr, method.val.other.len);
    } else {
        text_add(&text, "%s", names[method.tag]);
    }
    text_add(&text, "\n");
    wasi_http_types_method_free(&method);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void add_option(struct text *text, const char *name, bool there, world_string_t *string)
{
    text_add(text, "%s ", name);
    if (there) {
        text_add_bytes(text, string->ptr, string->len);
        world_string_free(string);
    } else {
        text_add(text, "-");
    }
    text_add(text, "\n");
}

static void authority(struct exchange *exchange)
{
    static const char *const schemes[] = {"HTTP", "HTTPS", "other"};
    wasi_http_types_borrow_incoming_request_t request =
        wasi_http_types_borrow_incoming_request(exchange->request);
    wasi_http_types_scheme_t scheme;
    world_string_t string;
    struct text text = {0};

    bool there = wasi_http_types_method_incoming_request_scheme(request, &scheme);
    text_add(&text, "scheme %s\n", there ? schemes[scheme.tag] : "-");
    if (there) {
        wasi_http_types_scheme_free(&scheme);
    }
    there = wasi_http_types_method_incoming_request_authority(request, &string);
    add_option(&text, "authority", there, &string);
    there = wasi_http_types_method_incoming_request_path_with_query(request, &string);
    add_option(&text, "path", there, &string);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static own_fields request_headers(struct exchange *exchange)
{
    return wasi_http_types_method_incoming_request_headers(
        wasi_http_types_borrow_incoming_request(exchange->request));
}

static void echo_headers(struct exchange *exchange)
{
    struct text text = {0};
    own_fields headers = request_headers(exchange);
    fields_print(headers, "", &text);
    wasi_http_types_fields_drop_own(headers);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void print_values(own_fields fields, const char *name, struct text *text)
{
    world_string_t key = string_of(name);
    wasi_http_types_list_field_value_t values;
    wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(fields), &key, &values);
    for (size_t i = 0; i < values.len; i++) {
        text_add_bytes(text, values.ptr[i].ptr, values.ptr[i].len);
        text_add(text, "\n");
    }
    wasi_http_types_list_field_value_free(&values);
}

static void field(struct exchange *exchange)
{
    struct text text = {0};
    own_fields headers = request_headers(exchange);
    print_values(headers, exchange->query, &text);
    wasi_http_types_fields_drop_own(headers);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- bad fields --------------------------------------------------------------------------------- */

static const struct bad_field {
    const char *kind;
    const char *name;
    const char *value;
    size_t value_len; /* 0: up to the NUL. */
} bad_fields[] = {
    {"fine", "x-fine", "fine", 0},
    {"crlf", "x-bad", "a\r\nx-split: b", 0},
    {"cr", "x-bad", "a\rb", 0},
    {"lf", "x-bad", "a\nb", 0},
    {"nul", "x-bad", "a\0b", 3},
    {"del", "x-bad", "a\x7f", 0},
    {"bytes-above-127", "x-bytes", "\xc3\xa9\xff", 0},
    {"space-around", "x-space", "  a  ", 0},
    {"empty-name", "", "a", 0},
    {"name-space", "x bad", "a", 0},
    {"name-colon", "x:bad", "a", 0},
    {"name-crlf", "x\r\nbad", "a", 0},
    {"name-above-127", "x-\xc3\xa9", "a", 0},
    {"name-upper", "X-Upper", "a", 0},
    {"connection", "connection", "close", 0},
    {"Connection", "Connection", "close", 0},
    {"keep-alive", "keep-alive", "timeout=5", 0},
    {"proxy-connection", "proxy-connection", "close", 0},
    {"proxy-authenticate", "proxy-authenticate", "basic", 0},
    {"proxy-authorization", "proxy-authorization", "basic", 0},
    {"transfer-encoding", "transfer-encoding", "chunked", 0},
    {"upgrade", "upgrade", "websocket", 0},
    {"host", "host", "elsewhere.example", 0},
    {"te", "te", "trailers", 0},
    {"trailer", "trailer", "x-guest", 0},
    {"http2-settings", "http2-settings", "AAAA", 0},
    {"expect", "expect", "100-continue", 0},
    {"content-length", "content-length", "5", 0},
    {"content-length-bad", "content-length", "5, 6", 0},
    {"content-length-sign", "content-length", "+5", 0},
};

static wasi_http_types_field_value_t bad_value(const struct bad_field *bad)
{
    return (wasi_http_types_field_value_t){
        (uint8_t *)(uintptr_t)bad->value, bad->value_len > 0 ? bad->value_len : strlen(bad->value)};
}

static bool append_bad(own_fields fields, const struct bad_field *bad, header_error *err)
{
    world_string_t name = string_of(bad->name);
    wasi_http_types_field_value_t value = bad_value(bad);
    return wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &name,
                                                &value, err);
}

static const char *outcome(bool good, const header_error *err)
{
    return good ? "ok" : header_error_name(err);
}

static void try_bad(const struct bad_field *bad, struct text *text)
{
    header_error err;
    own_fields fields = fields_new();
    bool good = append_bad(fields, bad, &err);
    text_add(text, "%s append=%s", bad->kind, outcome(good, &err));

    world_string_t name = string_of(bad->name);
    wasi_http_types_field_value_t value = bad_value(bad);
    wasi_http_types_list_field_value_t values = {&value, 1};
    good = wasi_http_types_method_fields_set(wasi_http_types_borrow_fields(fields), &name, &values,
                                             &err);
    text_add(text, " set=%s", outcome(good, &err));
    good = wasi_http_types_method_fields_delete(wasi_http_types_borrow_fields(fields), &name, &err);
    text_add(text, " delete=%s", outcome(good, &err));
    good = wasi_http_types_method_fields_has(wasi_http_types_borrow_fields(fields), &name);
    text_add(text, " has=%s", good ? "yes" : "no");
    wasi_http_types_fields_drop_own(fields);

    wasi_http_types_tuple2_field_name_field_value_t entry = {name, value};
    wasi_http_types_list_tuple2_field_name_field_value_t list = {&entry, 1};
    good = wasi_http_types_static_fields_from_list(&list, &fields, &err);
    text_add(text, " from-list=%s\n", outcome(good, &err));
    if (good) {
        wasi_http_types_fields_drop_own(fields);
    }
}

static void send_bad(struct exchange *exchange)
{
    own_fields headers = fields_new();
    for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
        header_error err;
        if (strcmp(bad_fields[i].kind, exchange->rest) == 0 &&
            !append_bad(headers, &bad_fields[i], &err)) {
            note("append: %s", header_error_name(&err));
        }
    }
    struct reply reply = reply_open(exchange, 200, headers);
    reply_write(&reply, "sent\n", 5);
    reply_close(&reply, NULL);
}

static void bad_header(struct exchange *exchange)
{
    struct text text = {0};
    if (word_at(&exchange->rest, "send")) {
        send_bad(exchange);
        return;
    }
    for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
        if (exchange->rest[0] == '\0' || strcmp(bad_fields[i].kind, exchange->rest) == 0) {
            try_bad(&bad_fields[i], &text);
        }
    }
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- many fields -------------------------------------------------------------------------------- */

static char *letters(uint64_t len)
{
    char *value = must_alloc((size_t)len + 1);
    memset(value, 'v', (size_t)len);
    value[len] = '\0';
    return value;
}

static void many_fields(struct exchange *exchange)
{
    uint64_t count = number_at(&exchange->rest, 10);
    char *value = letters(number_at(&exchange->rest, 1));
    own_fields headers = fields_new();
    for (uint64_t i = 0; i < count; i++) {
        struct text name = {0};
        header_error err;
        text_add(&name, "x-field-%llu", (unsigned long long)i);
        bool taken = fields_add(headers, name.bytes, value, &err);
        text_free(&name);
        if (!taken) {
            note("field %llu: %s", (unsigned long long)i, header_error_name(&err));
            break;
        }
    }
    free(value);
    struct reply reply = reply_open(exchange, 200, headers);
    reply_write(&reply, "many\n", 5);
    reply_close(&reply, NULL);
}

static void one_field(struct exchange *exchange)
{
    char *value = letters(number_at(&exchange->rest, 10));
    own_fields headers = fields_new();
    header_error err;
    if (!fields_add(headers, "x-field", value, &err)) {
        note("field: %s", header_error_name(&err));
    }
    free(value);
    struct reply reply = reply_open(exchange, 200, headers);
    reply_write(&reply, "one\n", 4);
    reply_close(&reply, NULL);
}

/* --- the functions of fields, one after the other ------------------------------------------------ */

static bool values_are(own_fields fields, const char *name, const char *expected)
{
    struct text text = {0};
    text_add(&text, "%s", "");
    print_values(fields, name, &text);
    bool same = strcmp(text.bytes, expected) == 0;
    text_free(&text);
    return same;
}

static bool entries_are(own_fields fields, const char *expected)
{
    struct text text = {0};
    text_add(&text, "%s", "");
    fields_print(fields, "", &text);
    bool same = strcmp(text.bytes, expected) == 0;
    text_free(&text);
    return same;
}

static bool set_two(own_fields fields, const char *name, header_error *err)
{
    world_string_t key = string_of(name);
    wasi_http_types_field_value_t two[2] = {{(uint8_t *)(uintptr_t) "one", 3},
                                            {(uint8_t *)(uintptr_t) "two", 3}};
    wasi_http_types_list_field_value_t values = {two, 2};
    return wasi_http_types_method_fields_set(wasi_http_types_borrow_fields(fields), &key, &values,
                                             err);
}

static bool has(own_fields fields, const char *name)
{
    world_string_t key = string_of(name);
    return wasi_http_types_method_fields_has(wasi_http_types_borrow_fields(fields), &key);
}

static bool delete (own_fields fields, const char *name, header_error *err)
{
    world_string_t key = string_of(name);
    return wasi_http_types_method_fields_delete(wasi_http_types_borrow_fields(fields), &key, err);
}

static void check_mutable(struct text *text)
{
    header_error err;
    own_fields fields = fields_new();
    text_check(text, "empty", entries_are(fields, "") && !has(fields, "x-a"));
    text_check(text, "append",
               fields_add(fields, "x-a", "1", &err) && values_are(fields, "x-a", "1\n"));
    text_check(text, "append-second",
               fields_add(fields, "x-a", "2", &err) && values_are(fields, "x-a", "1\n2\n"));
    text_check(text, "any-case", has(fields, "X-A") && values_are(fields, "X-a", "1\n2\n"));
    text_check(text, "append-other", fields_add(fields, "x-b", "3", &err));
    text_check(text, "entries", entries_are(fields, "x-a: 1\nx-a: 2\nx-b: 3\n"));
    text_check(text, "set",
               set_two(fields, "x-a", &err) && values_are(fields, "x-a", "one\ntwo\n"));
    text_check(text, "get-none",
               values_are(fields, "x-none", "") && values_are(fields, "not valid", ""));
    text_check(text, "has-invalid", !has(fields, "not valid"));
    text_check(text, "empty-value",
               fields_add(fields, "x-empty", "", &err) && values_are(fields, "x-empty", "\n"));

    own_fields copy = wasi_http_types_method_fields_clone(wasi_http_types_borrow_fields(fields));
    text_check(text, "delete", delete (fields, "x-a", &err) && !has(fields, "x-a"));
    text_check(text, "delete-none", delete (fields, "x-a", &err));
    text_check(text, "delete-invalid",
               !delete (fields, "not valid", &err) &&
                   err.tag == WASI_HTTP_TYPES_HEADER_ERROR_INVALID_SYNTAX);
    text_check(text, "clone-apart", values_are(copy, "x-a", "one\ntwo\n"));
    world_string_t name = string_of("x-b");
    wasi_http_types_list_field_value_t none = {NULL, 0};
    text_check(text, "set-none",
               wasi_http_types_method_fields_set(wasi_http_types_borrow_fields(fields), &name,
                                                 &none, &err) &&
                   !has(fields, "x-b"));
    wasi_http_types_fields_drop_own(fields);
    text_check(text, "clone-outlives", values_are(copy, "x-b", "3\n"));
    wasi_http_types_fields_drop_own(copy);
}

static void check_from_list(struct text *text)
{
    header_error err;
    own_fields fields;
    wasi_http_types_tuple2_field_name_field_value_t entries[3] = {
        {string_of("x-a"), {(uint8_t *)(uintptr_t) "1", 1}},
        {string_of("x-b"), {(uint8_t *)(uintptr_t) "2", 1}},
        {string_of("x-a"), {(uint8_t *)(uintptr_t) "3", 1}},
    };
    wasi_http_types_list_tuple2_field_name_field_value_t list = {entries, 3};
    bool good = wasi_http_types_static_fields_from_list(&list, &fields, &err);
    text_check(text, "from-list",
               good && values_are(fields, "x-a", "1\n3\n") && values_are(fields, "x-b", "2\n"));
    if (good) {
        wasi_http_types_fields_drop_own(fields);
    }
}

static void check_immutable(own_fields fields, const char *whose, struct text *text)
{
    header_error err = {0};
    bool all =
        !fields_add(fields, "x-a", "1", &err) && err.tag == WASI_HTTP_TYPES_HEADER_ERROR_IMMUTABLE;
    all = all && !set_two(fields, "x-a", &err) && err.tag == WASI_HTTP_TYPES_HEADER_ERROR_IMMUTABLE;
    all = all && !delete (fields, "x-a", &err) && err.tag == WASI_HTTP_TYPES_HEADER_ERROR_IMMUTABLE;
    text_check(text, whose, all);

    own_fields copy = wasi_http_types_method_fields_clone(wasi_http_types_borrow_fields(fields));
    text_check(text, "clone-mutable", fields_add(copy, "x-a", "1", &err) && has(copy, "x-a"));
    wasi_http_types_fields_drop_own(copy);
}

static void fields_api(struct exchange *exchange)
{
    struct text text = {0};
    check_mutable(&text);
    check_from_list(&text);

    own_fields headers = request_headers(exchange);
    check_immutable(headers, "request-immutable", &text);
    wasi_http_types_fields_drop_own(headers);

    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    headers = wasi_http_types_method_outgoing_response_headers(
        wasi_http_types_borrow_outgoing_response(response));
    check_immutable(headers, "response-immutable", &text);
    wasi_http_types_fields_drop_own(headers);
    wasi_http_types_outgoing_response_drop_own(response);

    wasi_http_types_own_outgoing_request_t request =
        wasi_http_types_constructor_outgoing_request(fields_new());
    headers = wasi_http_types_method_outgoing_request_headers(
        wasi_http_types_borrow_outgoing_request(request));
    check_immutable(headers, "outgoing-immutable", &text);
    wasi_http_types_fields_drop_own(headers);
    wasi_http_types_outgoing_request_drop_own(request);

    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- error codes -------------------------------------------------------------------------------- */

static void fill_payload(error_code *code)
{
    wasi_http_types_field_size_payload_t size = {{true, string_of("x-large")}, {true, 70000}};
    switch (code->tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
        code->val.dns_error =
            (wasi_http_types_dns_error_payload_t){{true, string_of("NXDOMAIN")}, {true, 3}};
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED:
        code->val.tls_alert_received = (wasi_http_types_tls_alert_received_payload_t){
            {true, 40}, {true, string_of("handshake failure")}};
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE:
        code->val.http_request_body_size = (world_option_u64_t){true, UINT64_C(1) << 40};
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SECTION_SIZE:
        code->val.http_request_header_section_size = (world_option_u32_t){true, 70000};
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SIZE:
        code->val.http_request_header_size =
            (wasi_http_types_option_field_size_payload_t){true, size};
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SIZE:
        code->val.http_request_trailer_size = size;
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRANSFER_CODING:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_CONTENT_CODING:
    case WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR:
        code->val.internal_error = (world_option_string_t){true, string_of("of the guest")};
        break;
    default:
        break;
    }
}

static void give_error_code(struct exchange *exchange)
{
    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.is_err = true};
    answer.val.err.tag = (uint8_t)number_at(&exchange->rest, 0);
    fill_payload(&answer.val.err);
    wasi_http_types_static_response_outparam_set(exchange->param, &answer);
}

const struct way ways_of_heads[] = {
    {"status", status},
    {"method", method},
    {"authority", authority},
    {"echo-headers", echo_headers},
    {"field", field},
    {"bad-header", bad_header},
    {"many-fields", many_fields},
    {"one-field", one_field},
    {"fields-api", fields_api},
    {"error-code", give_error_code},
    {NULL, NULL},
};
