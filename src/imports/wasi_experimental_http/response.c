/* What a guest does with a handle: close, header_get, headers_get_all, header_get_all, body_read. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "imports/wasi_experimental_http/http.h"

/* Parameters by number. */
enum { HANDLE = 0 };
enum { HEADER_NAME = 1, HEADER_NAME_LEN, HEADER_VALUE, HEADER_VALUE_LEN, HEADER_WRITTEN };
enum { BUFFER = 1, BUFFER_LEN, WRITTEN };

static int32_t find(struct call *call, struct ehttp_response **ret_response)
{
    if (call->memory == NULL) {
        return EHTTP_MEMORY_NOT_FOUND;
    }
    struct ehttp_session *session = ehttp_session_get(call_guest(call));
    if (session == NULL) {
        return EHTTP_RUNTIME;
    }
    *ret_response = ehttp_session_find(session, call_u32(call, HANDLE));
    return *ret_response == NULL ? EHTTP_INVALID_HANDLE : EHTTP_SUCCESS;
}

/* Always a success: Rust's guests unwrap the answer within a destructor. */
int32_t ehttp_close(struct call *call)
{
    struct ehttp_session *session = ehttp_session_get(call_guest(call));
    if (session != NULL) {
        ehttp_response_free(ehttp_session_find(session, call_u32(call, HANDLE)));
    }
    return EHTTP_SUCCESS;
}

/* -- headers ---------------------------------------------------------------------------------- */

static bool find_value(const struct http_exchange *exchange, struct span name,
                       struct span *ret_value)
{
    for (uint32_t i = 0; i < http_exchange_header_count(exchange); i++) {
        struct http_header header = http_exchange_header(exchange, i);
        if (http_is_same_name(header.name, name)) {
            *ret_value = header.value;
            return true;
        }
    }
    return false;
}

/* Write bytes to the buffer at parameter `index` and `index` + 1, and their number to the one
 * after these. */
static int32_t write_out(struct call *call, unsigned index, struct span bytes)
{
    if (bytes.len > call_u32(call, index + 1)) {
        return EHTTP_BUFFER_TOO_SMALL;
    }
    uint32_t len = (uint32_t)bytes.len;
    if (call_write(call, call_u32(call, index), bytes.data, len) < 0 ||
        call_write_u32(call, call_u32(call, index + 2), len) < 0) {
        return EHTTP_MEMORY_ACCESS;
    }
    return EHTTP_SUCCESS;
}

int32_t ehttp_header_get(struct call *call)
{
    struct ehttp_response *response = NULL;
    struct span name;
    struct span value;
    int32_t code = find(call, &response);
    if (code != EHTTP_SUCCESS) {
        return code;
    }
    if (call_span(call, call_u32(call, HEADER_NAME), call_u32(call, HEADER_NAME_LEN), &name) < 0) {
        return EHTTP_BUFFER_TOO_SMALL;
    }
    if (!utf8_is_valid(name)) {
        return EHTTP_UTF8;
    }
    if (!find_value(response->exchange, name, &value)) {
        return EHTTP_HEADER_NOT_FOUND;
    }
    return write_out(call, HEADER_VALUE, value);
}

static int32_t get_all(struct call *call, enum ehttp_encoding encoding)
{
    struct ehttp_response *response = NULL;
    struct ehttp_headers headers;
    struct buffer text;
    int32_t code = find(call, &response);
    if (code != EHTTP_SUCCESS) {
        return code;
    }
    buffer_init(&text, EHTTP_ENCODED_MAX);
    int r = ehttp_headers_borrow(response->exchange, &headers);
    if (r == 0) {
        r = ehttp_headers_encode(&headers, encoding, &text);
    }
    code = r < 0 ? EHTTP_RUNTIME : write_out(call, BUFFER, buffer_span(&text));
    ehttp_headers_done(&headers);
    buffer_done(&text);
    return code;
}

int32_t ehttp_headers_get_all(struct call *call)
{
    return get_all(call, EHTTP_LINES);
}

/* The older name; the guests that know it want every line to end in CRLF. */
int32_t ehttp_header_get_all(struct call *call)
{
    return get_all(call, EHTTP_CRLF_LINES);
}

/* -- the body --------------------------------------------------------------------------------- */

/* Hand out what has arrived. -EAGAIN when nothing has; otherwise an answer for the guest. */
static int32_t read_body(struct call *call, struct http_exchange *exchange)
{
    uint32_t buffer = call_u32(call, BUFFER);
    size_t waiting = http_exchange_waiting(exchange);
    size_t wanted = call_u32(call, BUFFER_LEN);
    size_t len = waiting < wanted ? waiting : wanted;
    uint8_t *room = NULL;
    if (wanted > 0 && waiting == 0) {
        /* It ends here, or is yet to come; either way no byte is written. */
        uint8_t nothing[1];
        int64_t count = http_exchange_read(exchange, nothing, sizeof nothing);
        if (count == -EAGAIN) {
            return -EAGAIN;
        }
        if (count < 0) {
            return EHTTP_REQUEST;
        }
    }
    /* Only what is written must fit: the buffer may reach past the memory. */
    if (len > 0 && call_room(call, buffer, (uint32_t)len, &room) < 0) {
        return EHTTP_MEMORY_ACCESS;
    }
    int64_t count = len > 0 ? http_exchange_read(exchange, room, len) : 0;
    uint32_t written = count > 0 ? (uint32_t)count : 0;
    return call_write_u32(call, call_u32(call, WRITTEN), written) < 0 ? EHTTP_MEMORY_ACCESS
                                                                      : EHTTP_SUCCESS;
}

static int32_t body_step(struct call *call)
{
    struct ehttp_response *response = NULL;
    int32_t code = find(call, &response);
    if (code != EHTTP_SUCCESS) {
        return code;
    }
    response->session->awaited = NULL;
    code = read_body(call, response->exchange);
    return code == -EAGAIN ? ehttp_response_wait(response) : code;
}

int32_t ehttp_body_read_begin(struct call *call)
{
    return body_step(call);
}

int32_t ehttp_body_read_finish(struct call *call)
{
    return body_step(call);
}
