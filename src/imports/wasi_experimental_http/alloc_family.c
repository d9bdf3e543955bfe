/* `req` of the alloc family: 3, 7, 8, 12 or 15 parameters. The whole response is read, and the
 * guest's exported `alloc` makes room for it.
 *
 *   1. begin finds out which ABI it is, reads and checks the request, sends it, and waits
 *   2. finish gathers the body (GATHER)
 *   3. alloc has been called for the headers (PLACE_HEADERS): they and the status are written
 *   4. alloc has been called for the body (PLACE_BODY): it is written, and the call is over
 *
 * Failure modes: with 15 parameters, a code, and a text for which alloc is called (PLACE_ERROR);
 * the older ones have no way to tell, so the guest is ended. `alloc` may grow the memory; nothing
 * that points into it is kept over a step. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/utf8.h"
#include "engine/instance.h"
#include "imports/wasi_experimental_http/http.h"

enum {
    BODY_MAX = 64 << 20, /* bytes of a response; it has to fit twice, here and in the guest */
    METHOD_MAX = 64,     /* for telling a method's length from an address */
    URL_SHOWN = 1024,

    CODE_NO_ALLOC = 1,
    CODE_REQUEST = 3,
    CODE_PARTS = 4,

    NONE = 0xff, /* a parameter that an ABI lacks */
    URL = 0,
};

/* One ABI: parameters by number. A pointer is followed by its length, in and out alike unless a
 * number of its own says otherwise. */
struct alloc_abi {
    const char *params;
    bool by_pointer; /* lengths stand in memory */
    bool has_errors; /* a code is the result, not the body's address */
    uint8_t method;
    uint8_t body;
    uint8_t headers;
    uint8_t ret_body;
    uint8_t ret_body_len;
    uint8_t ret_headers;
    uint8_t ret_headers_len;
    uint8_t ret_status;
    uint8_t status_size; /* bytes */
    uint8_t ret_error;
    uint8_t ret_error_len;
};

static const struct alloc_abi abis[] = {
    {"iii", true, false, NONE, NONE, NONE, NONE, 2, NONE, NONE, NONE, 0, NONE, NONE},
    {"iiiiiii", true, false, NONE, NONE, 2, NONE, 4, 6, 5, NONE, 0, NONE, NONE},
    {"iiiiiiii", true, false, NONE, NONE, 2, NONE, 4, 6, 5, 7, 4, NONE, NONE},
    {"iiiiiiiiiiii", true, false, 2, 4, 6, NONE, 8, 10, 9, 11, 4, NONE, NONE},
};

/* Upstream turned the headers' slots around when it changed how lengths are passed. */
static const struct alloc_abi abi_by_pointer = {
    "iiiiiiiiiiiiiii", true, true, 2, 4, 6, 8, 9, 11, 10, 12, 4, 13, 14};
static const struct alloc_abi abi_direct = {
    "iiiiiiiiiiiiiii", false, true, 2, 4, 6, 8, 9, 10, 11, 12, 2, 13, 14};

enum transfer_step { GATHER, PLACE_HEADERS, PLACE_BODY, PLACE_ERROR };

struct ehttp_transfer {
    const struct alloc_abi *abi;
    struct ehttp_response *response; /* owned */
    enum transfer_step step;
    enum ehttp_encoding encoding; /* the answer's is the request's */
    struct buffer headers;
    struct buffer body; /* or the error's text */
    uint16_t status;
    int32_t code;
};

/* The parts of a request, borrowed from the guest's memory. */
struct parts {
    struct http_request request;
    struct ehttp_headers headers; /* owned */
};

void ehttp_transfer_free(struct ehttp_transfer *transfer)
{
    if (transfer == NULL) {
        return;
    }
    ehttp_response_free(transfer->response);
    buffer_done(&transfer->headers);
    buffer_done(&transfer->body);
    free(transfer);
}

/* -- ends ------------------------------------------------------------------------------------- */

static void end(struct ehttp_session *session)
{
    ehttp_transfer_free(session->transfer);
    session->transfer = NULL;
}

static int32_t trap(struct call *call, const char *text, int len)
{
    if (call->instance != NULL) { /* there is none in unit tests */
        instance_fail(call->instance,
                      "wasi_experimental_http.req: %.*s; this generation of it "
                      "cannot tell the guest about errors",
                      len, text);
    }
    return CALL_TRAP;
}

/* Have the guest make room for `bytes`. */
static int32_t ask_for_room(struct call *call, struct ehttp_transfer *transfer,
                            enum transfer_step step, size_t bytes)
{
    transfer->step = step;
    call->callee = "alloc";
    call->callee_arg = (int32_t)(uint32_t)bytes;
    return CALL_GUEST;
}

/* Tell the guest what went wrong, in the way that it knows. */
static int32_t fail(struct call *call, struct ehttp_session *session, int32_t code,
                    struct span text)
{
    struct ehttp_transfer *transfer = session->transfer;
    if (!transfer->abi->has_errors) {
        end(session);
        return trap(call, (const char *)text.data, (int)text.len);
    }
    buffer_done(&transfer->body);
    transfer->code = code;
    if (buffer_append(&transfer->body, text) < 0) {
        end(session);
        return code; /* the slots keep what the guest put there */
    }
    return ask_for_room(call, transfer, PLACE_ERROR, text.len);
}

static int32_t fail_with(struct call *call, struct ehttp_session *session, int32_t code,
                         const char *text)
{
    return fail(call, session, code, span_of(text));
}

static int32_t fail_parts(struct call *call, struct ehttp_session *session)
{
    return fail_with(call, session, CODE_PARTS, "cannot get HTTP parts from memory");
}

static int32_t fail_not_allowed(struct call *call, struct ehttp_session *session, struct span url)
{
    char text[URL_SHOWN + 128];
    int shown = url.len < URL_SHOWN ? (int)url.len : (int)URL_SHOWN;
    int len = snprintf(text, sizeof text,
                       "URL %.*s not allowed because domain or subdomain not in allowed list",
                       shown, (const char *)url.data);
    return fail(call, session, CODE_PARTS, (struct span){(const uint8_t *)text, (size_t)len});
}

static int32_t fail_http(struct call *call, struct ehttp_session *session, enum http_error error,
                         struct span url)
{
    enum http_error kind = http_error_kind(error); /* the guests know no more */
    switch (kind) {
    case HTTP_DENIED:
        return fail_not_allowed(call, session, url);
    case HTTP_BAD_URL:
        return fail_with(call, session, CODE_PARTS, http_error_text(kind));
    case HTTP_BAD_METHOD:
    case HTTP_BAD_HEADER:
        return fail_parts(call, session);
    default:
        return fail_with(call, session, CODE_REQUEST, http_error_text(kind));
    }
}

/* -- the request ------------------------------------------------------------------------------ */

static bool read_span(const struct call *call, const struct alloc_abi *abi, unsigned index,
                      struct span *ret_bytes)
{
    uint32_t len = call_u32(call, index + 1);
    if (abi->by_pointer && call_read_u32(call, len, &len) < 0) {
        return false;
    }
    return call_span(call, call_u32(call, index), len, ret_bytes) == 0;
}

static bool is_method(struct span method)
{
    return method.len <= METHOD_MAX && http_is_token(method);
}

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return utf8_is_valid(text);
}

static bool can_be_direct(const struct call *call)
{
    struct span method;
    struct span url;
    return read_span(call, &abi_direct, abi_direct.method, &method) && is_method(method) &&
           read_span(call, &abi_direct, URL, &url) && is_printable(url);
}

static bool can_be_by_pointer(const struct call *call)
{
    struct span method;
    for (unsigned i = 1; i <= 7; i += 2) {
        if (!call_in_memory(call, call_u32(call, i), sizeof(uint32_t))) {
            return false;
        }
    }
    return read_span(call, &abi_by_pointer, abi_by_pointer.method, &method) && is_method(method);
}

/* With 15 parameters the first call that makes sense either way tells; NULL: this one does not. */
static const struct alloc_abi *sniff(const struct call *call, struct ehttp_session *session)
{
    if (session->lengths == EHTTP_LENGTHS_UNKNOWN) {
        session->lengths = can_be_direct(call)       ? EHTTP_LENGTHS_DIRECT
                           : can_be_by_pointer(call) ? EHTTP_LENGTHS_BY_POINTER
                                                     : EHTTP_LENGTHS_UNKNOWN;
    }
    switch (session->lengths) {
    case EHTTP_LENGTHS_DIRECT:
        return &abi_direct;
    case EHTTP_LENGTHS_BY_POINTER:
        return &abi_by_pointer;
    default:
        return NULL;
    }
}

static const struct alloc_abi *find_abi(const struct call *call)
{
    for (size_t i = 0; i < ARRAY_COUNT(abis); i++) {
        if (strcmp(abis[i].params, call->func->params) == 0) {
            return &abis[i];
        }
    }
    return NULL;
}

static bool read_headers(const struct call *call, struct ehttp_transfer *transfer,
                         struct ehttp_headers *headers)
{
    struct span text;
    const struct alloc_abi *abi = transfer->abi;
    if (abi->headers == NONE) {
        return true;
    }
    if (!read_span(call, abi, abi->headers, &text) || !utf8_is_valid(text)) {
        return false;
    }
    bool is_json = !abi->has_errors || (text.len > 0 && text.data[0] == '{');
    transfer->encoding = is_json ? EHTTP_JSON : EHTTP_LINES;
    if (text.len == 0) {
        return true;
    }
    return (is_json ? ehttp_headers_parse_json(text, headers)
                    : ehttp_headers_parse_lines(text, headers)) == 0;
}

/* Read what the guest gives; false when some of it cannot be read. parts->headers is to be
 * released in any case. */
static bool read_parts(const struct call *call, struct ehttp_transfer *transfer,
                       struct parts *parts)
{
    const struct alloc_abi *abi = transfer->abi;
    struct http_request *request = &parts->request;
    request->method = span_of("GET");
    bool ok = read_span(call, abi, URL, &request->url) && utf8_is_valid(request->url);
    ok = ok && read_headers(call, transfer, &parts->headers);
    if (ok && abi->method != NONE) {
        ok = read_span(call, abi, abi->method, &request->method);
    }
    if (ok && abi->body != NONE) {
        ok = read_span(call, abi, abi->body, &request->body);
    }
    request->headers = parts->headers.items;
    request->header_count = parts->headers.count;
    return ok;
}

static int32_t begin_request(struct call *call, struct ehttp_session *session, struct parts *parts)
{
    struct ehttp_transfer *transfer = session->transfer;
    struct http_request *request = &parts->request;
    if (!read_parts(call, transfer, parts)) {
        return fail_parts(call, session);
    }
    if (session->guest->http == NULL) {
        return fail_not_allowed(call, session, request->url);
    }
    transfer->response = ehttp_response_new(session);
    enum http_error error = transfer->response == NULL
                                ? HTTP_NO_MEMORY
                                : ehttp_response_begin(transfer->response, request);
    if (error != HTTP_OK) {
        return fail_http(call, session, error, request->url);
    }
    int32_t answer = ehttp_response_wait(transfer->response);
    return answer == CALL_WAIT ? answer : fail_http(call, session, HTTP_NO_MEMORY, request->url);
}

static struct ehttp_transfer *transfer_new(const struct alloc_abi *abi)
{
    struct ehttp_transfer *transfer = calloc(1, sizeof *transfer);
    if (transfer != NULL) {
        transfer->abi = abi;
        buffer_init(&transfer->headers, EHTTP_ENCODED_MAX);
        buffer_init(&transfer->body, BODY_MAX);
    }
    return transfer;
}

/* An end for which there is no room to be made: before it is known how, or within alloc. */
static int32_t fail_early(struct call *call, const char *text)
{
    return find_abi(call) == NULL ? CODE_NO_ALLOC : trap(call, text, (int)strlen(text));
}

int32_t ehttp_alloc_begin(struct call *call)
{
    struct guest *guest = call_guest(call);
    if (call->memory == NULL || !guest->http_has_alloc) {
        return fail_early(call, "the module does not export memory and alloc(i32) -> i32");
    }
    struct ehttp_session *session = ehttp_session_get(guest);
    if (session == NULL || session->transfer != NULL) {
        return fail_early(call, session == NULL ? "out of memory" : "called from within alloc");
    }
    const struct alloc_abi *abi = find_abi(call);
    abi = abi == NULL ? sniff(call, session) : abi;
    session->transfer = transfer_new(abi == NULL ? &abi_direct : abi);
    if (session->transfer == NULL) {
        return fail_early(call, "out of memory");
    }
    if (abi == NULL) {
        return fail_parts(call, session);
    }
    struct parts parts = {0};
    int32_t answer = begin_request(call, session, &parts);
    ehttp_headers_done(&parts.headers);
    return answer;
}

/* -- the answer ------------------------------------------------------------------------------- */

static bool write_u32(struct call *call, unsigned index, size_t value)
{
    return index == NONE || call_write_u32(call, call_u32(call, index), (uint32_t)value) == 0;
}

static bool write_status(struct call *call, const struct ehttp_transfer *transfer)
{
    const struct alloc_abi *abi = transfer->abi;
    if (abi->ret_status == NONE) {
        return true;
    }
    uint32_t at = call_u32(call, abi->ret_status);
    return (abi->status_size == sizeof(uint16_t) ? call_write_u16(call, at, transfer->status)
                                                 : call_write_u32(call, at, transfer->status)) == 0;
}

/* Write bytes where alloc said. */
static bool place(struct call *call, const struct buffer *bytes)
{
    return call_write(call, (uint32_t)call->callee_result, bytes->data, (uint32_t)bytes->len) == 0;
}

static int32_t fail_to_write(struct call *call, struct ehttp_session *session)
{
    return fail_with(call, session, CODE_REQUEST,
                     "the response cannot be written to the guest's memory");
}

static int32_t place_headers(struct call *call, struct ehttp_session *session)
{
    struct ehttp_transfer *transfer = session->transfer;
    const struct alloc_abi *abi = transfer->abi;
    if (!place(call, &transfer->headers) ||
        !write_u32(call, abi->ret_headers, (uint32_t)call->callee_result) ||
        !write_u32(call, abi->ret_headers_len, transfer->headers.len) ||
        !write_status(call, transfer)) {
        return fail_to_write(call, session);
    }
    return ask_for_room(call, transfer, PLACE_BODY, transfer->body.len);
}

static int32_t place_body(struct call *call, struct ehttp_session *session)
{
    struct ehttp_transfer *transfer = session->transfer;
    const struct alloc_abi *abi = transfer->abi;
    int32_t address = call->callee_result;
    bool is_answer = address <= CALL_WAIT && address >= CALL_GUEST; /* would be taken for one */
    if (!place(call, &transfer->body) || (is_answer && !abi->has_errors) ||
        !write_u32(call, abi->ret_body_len, transfer->body.len) ||
        !write_u32(call, abi->ret_body, (uint32_t)address)) {
        return fail_to_write(call, session);
    }
    int32_t answer = abi->has_errors ? 0 : address;
    end(session);
    return answer;
}

static int32_t place_error(struct call *call, struct ehttp_session *session)
{
    struct ehttp_transfer *transfer = session->transfer;
    const struct alloc_abi *abi = transfer->abi;
    int32_t code = transfer->code;
    if (place(call, &transfer->body) && write_u32(call, abi->ret_error_len, transfer->body.len)) {
        /* Where it cannot be told either, the code alone must do. */
        (void)write_u32(call, abi->ret_error, (uint32_t)call->callee_result);
    }
    end(session);
    return code;
}

/* The body is complete: begin to hand it over. */
static int32_t hand_over(struct call *call, struct ehttp_session *session)
{
    struct ehttp_transfer *transfer = session->transfer;
    struct ehttp_headers headers = {0};
    transfer->status = http_exchange_status(transfer->response->exchange);
    if (transfer->abi->ret_headers == NONE) {
        return ask_for_room(call, transfer, PLACE_BODY, transfer->body.len);
    }
    int r = ehttp_headers_borrow(transfer->response->exchange, &headers);
    if (r == 0) {
        r = ehttp_headers_encode(&headers, transfer->encoding, &transfer->headers);
    }
    ehttp_headers_done(&headers);
    if (r < 0) {
        return fail_with(call, session, CODE_REQUEST,
                         r == -ENOMEM ? "out of memory"
                                      : "the response's headers cannot be given to the guest");
    }
    return ask_for_room(call, transfer, PLACE_HEADERS, transfer->headers.len);
}

/* Take what has arrived of the body. HTTP_OK and *ret_is_done, or why it failed. */
static enum http_error take(struct ehttp_transfer *transfer, bool *ret_is_done)
{
    struct http_exchange *exchange = transfer->response->exchange;
    struct buffer *body = &transfer->body;
    *ret_is_done = false;
    if (!http_exchange_has_head(exchange)) {
        return HTTP_OK;
    }
    size_t waiting = http_exchange_waiting(exchange);
    int r = buffer_reserve(body, waiting);
    if (r < 0) {
        return r == -ENOMEM ? HTTP_NO_MEMORY : HTTP_TOO_LARGE;
    }
    if (waiting > 0) {
        (void)http_exchange_read(exchange, body->data + body->len, waiting); /* they are there */
        body->len += waiting;
    }
    uint8_t nothing[1];
    int64_t count = http_exchange_read(exchange, nothing, sizeof nothing);
    if (count < 0) {
        return count == -EAGAIN ? HTTP_OK : http_exchange_error(exchange);
    }
    *ret_is_done = true;
    return HTTP_OK;
}

static int32_t gather(struct call *call, struct ehttp_session *session)
{
    struct ehttp_transfer *transfer = session->transfer;
    bool is_done = false;
    session->awaited = NULL;
    enum http_error error = take(transfer, &is_done);
    if (is_done) {
        return hand_over(call, session);
    }
    if (error == HTTP_OK) {
        int32_t answer = ehttp_response_wait(transfer->response);
        if (answer == CALL_WAIT) {
            return answer;
        }
        error = HTTP_NO_MEMORY;
    }
    struct span url = {NULL, 0};
    /* Only for its words: a guest that has changed its memory meanwhile gets other ones. */
    (void)read_span(call, transfer->abi, URL, &url);
    return fail_http(call, session, error, url);
}

int32_t ehttp_alloc_finish(struct call *call)
{
    struct ehttp_session *session = ehttp_session_get(call_guest(call));
    switch (session->transfer->step) {
    case PLACE_HEADERS:
        return place_headers(call, session);
    case PLACE_BODY:
        return place_body(call, session);
    case PLACE_ERROR:
        return place_error(call, session);
    default:
        return gather(call, session);
    }
}
