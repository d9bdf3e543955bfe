/* `req` of the handle family: 10 parameters, or 12 with a configuration.
 *
 *   1. begin reads and checks everything in upstream's order, sends, and waits
 *   2. finish looks whether the head is there, and gives status and handle
 *
 * The response streams: what upstream reads whole before it returns, body_read waits for here. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "imports/wasi_experimental_http/http.h"

/* Parameters by number; status and handle are the last two, after the configuration if any. */
enum { URL = 0, METHOD = 2, HEADERS = 4, BODY = 6, CONFIG = 8, WITH_CONFIG = 12 };

static uint32_t param_count(const struct call *call)
{
    return (uint32_t)strlen(call->func->params);
}

static int32_t read_bytes(const struct call *call, unsigned index, struct span *ret_bytes)
{
    return call_span(call, call_u32(call, index), call_u32(call, index + 1), ret_bytes) < 0
               ? EHTTP_BUFFER_TOO_SMALL
               : EHTTP_SUCCESS;
}

static int32_t read_text(const struct call *call, unsigned index, struct span *ret_text)
{
    int32_t code = read_bytes(call, index, ret_text);
    return code == EHTTP_SUCCESS && !utf8_is_valid(*ret_text) ? EHTTP_UTF8 : code;
}

static int32_t read_headers(const struct call *call, struct ehttp_headers *headers)
{
    struct span text;
    int32_t code = read_text(call, HEADERS, &text);
    if (code != EHTTP_SUCCESS) {
        return code;
    }
    int r = ehttp_headers_parse_lines(text, headers);
    return r == 0 ? EHTTP_SUCCESS : r == -ENOMEM ? EHTTP_RUNTIME : EHTTP_INVALID_ENCODING;
}

/* A configuration may ask for more trust than the operator gives; that is refused, never ignored. */
static int32_t check_config(const struct call *call)
{
    struct span config;
    if (param_count(call) != WITH_CONFIG) {
        return EHTTP_SUCCESS;
    }
    int32_t code = read_bytes(call, CONFIG, &config);
    if (code == EHTTP_SUCCESS && !ehttp_tls_config_is_plain(config)) {
        guest_report(call_guest(call),
                     "wasi_experimental_http: the guest brings its own TLS settings (a client "
                     "certificate, trusted certificates, or no verification); they are the "
                     "operator's, so the request is refused with \"runtime error\"");
        return EHTTP_RUNTIME;
    }
    return code;
}

/* Read what stands behind the URL, in upstream's order. */
static int32_t read_rest(const struct call *call, struct http_request *request,
                         struct ehttp_headers *headers)
{
    int32_t code = read_text(call, METHOD, &request->method);
    if (code == EHTTP_SUCCESS && !http_is_token(request->method)) {
        code = EHTTP_INVALID_METHOD;
    }
    if (code == EHTTP_SUCCESS) {
        code = read_bytes(call, BODY, &request->body);
    }
    if (code == EHTTP_SUCCESS) {
        code = read_headers(call, headers);
        request->headers = headers->items;
        request->header_count = headers->count;
    }
    return code == EHTTP_SUCCESS ? check_config(call) : code;
}

/* Read all parts. `headers` is to be released in any case. */
static int32_t read_request(const struct call *call, struct http_request *request,
                            struct ehttp_headers *headers)
{
    struct http_client *client = call_guest(call)->http;
    int32_t code = read_text(call, URL, &request->url);
    if (code != EHTTP_SUCCESS) {
        return code;
    }
    if (client == NULL) {
        return EHTTP_NOT_ALLOWED;
    }
    code = read_rest(call, request, headers);
    if (code == EHTTP_SUCCESS) {
        return code; /* the URL is judged when the exchange begins */
    }
    /* What is wrong with the URL comes before what is wrong with the rest. */
    int32_t url_code = ehttp_code_from(http_client_judge(client, request->url));
    return url_code != EHTTP_SUCCESS ? url_code : code;
}

static int32_t begin_request(struct call *call, struct ehttp_session *session)
{
    struct http_request request = {0};
    struct ehttp_headers headers = {0};
    int32_t code = read_request(call, &request, &headers);
    if (code == EHTTP_SUCCESS) {
        session->pending = ehttp_response_new(session);
        code = session->pending == NULL
                   ? EHTTP_RUNTIME
                   : ehttp_code_from(ehttp_response_begin(session->pending, &request));
    }
    ehttp_headers_done(&headers);
    return code;
}

static int32_t end(struct ehttp_session *session, int32_t code)
{
    ehttp_response_free(session->pending);
    session->pending = NULL;
    return code;
}

/* The head is there: hand out status and handle. */
static int32_t give(struct call *call, struct ehttp_session *session)
{
    struct ehttp_response *response = session->pending;
    uint32_t count = param_count(call);
    if (http_exchange_status(response->exchange) == 0) {
        return end(session, ehttp_code_from(http_exchange_error(response->exchange)));
    }
    uint16_t status = http_exchange_status(response->exchange);
    if (call_write_u16(call, call_u32(call, count - 2), status) < 0) {
        return end(session, EHTTP_MEMORY_ACCESS);
    }
    session->pending = NULL;
    ehttp_session_insert(session, response);
    if (call_write_u32(call, call_u32(call, count - 1), response->handle) < 0) {
        ehttp_response_free(response);
        return EHTTP_MEMORY_ACCESS;
    }
    return EHTTP_SUCCESS;
}

/* Give what is there, or wait. */
static int32_t look(struct call *call, struct ehttp_session *session)
{
    session->awaited = NULL;
    if (http_exchange_has_head(session->pending->exchange)) {
        return give(call, session);
    }
    int32_t answer = ehttp_response_wait(session->pending);
    return answer == CALL_WAIT ? answer : end(session, answer);
}

int32_t ehttp_req_begin(struct call *call)
{
    struct guest *guest = call_guest(call);
    if (param_count(call) == WITH_CONFIG && !guest->http_has_handles) {
        return ehttp_alloc_begin(call); /* two ABIs have one type */
    }
    if (call->memory == NULL) {
        return EHTTP_MEMORY_NOT_FOUND;
    }
    struct ehttp_session *session = ehttp_session_get(guest);
    if (session == NULL) {
        return EHTTP_RUNTIME;
    }
    if (ehttp_session_is_full(session)) {
        return EHTTP_TOO_MANY_SESSIONS;
    }
    int32_t code = begin_request(call, session);
    return code == EHTTP_SUCCESS ? look(call, session) : end(session, code);
}

int32_t ehttp_req_finish(struct call *call)
{
    struct guest *guest = call_guest(call);
    if (param_count(call) == WITH_CONFIG && !guest->http_has_handles) {
        return ehttp_alloc_finish(call);
    }
    return look(call, ehttp_session_get(guest));
}
