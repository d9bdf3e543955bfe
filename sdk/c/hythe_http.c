/*
 * hythe_http.h says what each function is for. The five imports are those that all releases of the
 * interface from 0.3 on have; docs/wasi_experimental_http.witx describes them.
 */
#include "hythe_http.h"

#include <stdlib.h>
#include <string.h>

/* Natively, for tests, they are functions like any other. */
#ifdef __wasm__
#define IMPORT(name)                                                                               \
    __attribute__((__import_module__("wasi_experimental_http"), __import_name__(#name)))
#else
#define IMPORT(name)
#endif

IMPORT(req)
int32_t hythe_http_import_req(const char *url, uint32_t url_len, const char *method,
                              uint32_t method_len, const char *headers, uint32_t headers_len,
                              const void *body, uint32_t body_len, uint16_t *ret_status,
                              uint32_t *ret_handle);
IMPORT(close) int32_t hythe_http_import_close(uint32_t handle);
IMPORT(header_get)
int32_t hythe_http_import_header_get(uint32_t handle, const char *name, uint32_t name_len,
                                     char *value, uint32_t value_size, uint32_t *ret_len);
IMPORT(headers_get_all)
int32_t hythe_http_import_headers_get_all(uint32_t handle, char *block, uint32_t block_size,
                                          uint32_t *ret_len);
IMPORT(body_read)
int32_t hythe_http_import_body_read(uint32_t handle, void *buffer, uint32_t size,
                                    uint32_t *ret_len);

enum {
    HEADERS_FIRST_SIZE = 4096,
    HEADERS_MAX_SIZE = 1 << 20, /* what hosts allow is far below */
    BODY_FIRST_SIZE = 16384,
};

static enum hythe_http_error error_from(int32_t code)
{
    bool known = code >= HYTHE_HTTP_OK && code <= HYTHE_HTTP_TOO_MANY_SESSIONS;

    return known ? (enum hythe_http_error)code : HYTHE_HTTP_UNKNOWN;
}

/* Headers travel as lines, so what could end a line or a name must not be in them. Whether the
 * rest is fit for HTTP is the host's to say. */
static bool is_name(const char *name)
{
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        if (*at <= ' ' || *at == ':' || *at == 0x7f) {
            return false;
        }
    }
    return *name != '\0';
}

static bool is_value(const char *value)
{
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
        if ((*at < ' ' && *at != '\t') || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static char *append(char *to, const char *text, char end)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    to[len] = end;
    return to + len + 1;
}

/* `NAME:VALUE\n` for each header. */
static enum hythe_http_error encode_headers(const struct hythe_http_request *request,
                                            char **ret_lines, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        const struct hythe_http_header *header = &request->headers[i];
        if (!is_name(header->name) || !is_value(header->value)) {
            return HYTHE_HTTP_INVALID_ENCODING;
        }
        len += strlen(header->name) + strlen(header->value) + 2;
    }
    char *lines = malloc(len + 1);
    if (lines == NULL) {
        return HYTHE_HTTP_NO_MEMORY;
    }
    char *at = lines;
    for (size_t i = 0; i < request->header_count; i++) {
        at = append(at, request->headers[i].name, ':');
        at = append(at, request->headers[i].value, '\n');
    }
    *ret_lines = lines;
    *ret_len = len;
    return HYTHE_HTTP_OK;
}

enum hythe_http_error hythe_http_send(const struct hythe_http_request *request,
                                      struct hythe_http_response *ret_response)
{
    const char *method = request->method != NULL ? request->method : "GET";
    char *lines = NULL;
    size_t lines_len = 0;
    uint16_t status = 0;
    uint32_t handle = 0;

    enum hythe_http_error r = encode_headers(request, &lines, &lines_len);
    if (r != HYTHE_HTTP_OK) {
        return r;
    }
    r = error_from(hythe_http_import_req(
        request->url, (uint32_t)strlen(request->url), method, (uint32_t)strlen(method), lines,
        (uint32_t)lines_len, request->body, (uint32_t)request->body_len, &status, &handle));
    free(lines);
    if (r != HYTHE_HTTP_OK) {
        return r;
    }
    ret_response->status = status;
    ret_response->handle = handle;
    ret_response->open = true;
    return HYTHE_HTTP_OK;
}

enum hythe_http_error hythe_http_get(const char *url, struct hythe_http_response *ret_response)
{
    struct hythe_http_request request = {.url = url};

    return hythe_http_send(&request, ret_response);
}

enum hythe_http_error hythe_http_post(const char *url, const char *content_type, const void *body,
                                      size_t body_len, struct hythe_http_response *ret_response)
{
    struct hythe_http_header header = {"content-type", content_type};
    struct hythe_http_request request = {
        .method = "POST",
        .url = url,
        .headers = &header,
        .header_count = content_type != NULL ? 1 : 0,
        .body = body,
        .body_len = body_len,
    };

    return hythe_http_send(&request, ret_response);
}

enum hythe_http_error hythe_http_read(struct hythe_http_response *response, void *buffer,
                                      size_t size, size_t *ret_len)
{
    uint32_t len = 0;

    if (!response->open) {
        return HYTHE_HTTP_INVALID_HANDLE;
    }
    enum hythe_http_error r =
        error_from(hythe_http_import_body_read(response->handle, buffer, (uint32_t)size, &len));
    if (r != HYTHE_HTTP_OK) {
        return r;
    }
    *ret_len = len;
    return HYTHE_HTTP_OK;
}

/* Has room for one byte more than `used`, and for the zero byte behind it; never over `max` + 2, so
 * that one byte too many is seen as such. */
static bool grow(char **bytes, size_t *size, size_t used, size_t max)
{
    if (used + 1 < *size) {
        return true;
    }
    size_t wanted = *size == 0 ? BODY_FIRST_SIZE : *size * 2;
    if (wanted < *size || wanted > max + 2) {
        wanted = max + 2;
    }
    char *grown = realloc(*bytes, wanted);
    if (grown == NULL) {
        return false;
    }
    *bytes = grown;
    *size = wanted;
    return true;
}

enum hythe_http_error hythe_http_read_all(struct hythe_http_response *response, size_t max,
                                          char **ret_body, size_t *ret_len)
{
    enum hythe_http_error r = HYTHE_HTTP_OK;
    char *body = NULL;
    size_t size = 0;
    size_t len = 0;
    size_t part = 0;

    if (max > SIZE_MAX - 2) {
        max = SIZE_MAX - 2;
    }
    do {
        if (len > max) {
            r = HYTHE_HTTP_TOO_LARGE;
            goto fail;
        }
        if (!grow(&body, &size, len, max)) {
            r = HYTHE_HTTP_NO_MEMORY;
            goto fail;
        }
        r = hythe_http_read(response, body + len, size - len - 1, &part);
        if (r != HYTHE_HTTP_OK) {
            goto fail;
        }
        len += part;
    } while (part > 0);
    body[len] = '\0';
    *ret_body = body;
    *ret_len = len;
    return HYTHE_HTTP_OK;
fail:
    free(body);
    return r;
}

enum hythe_http_error hythe_http_header_get(const struct hythe_http_response *response,
                                            const char *name, char *buffer, size_t size)
{
    uint32_t len = 0;

    if (!response->open) {
        return HYTHE_HTTP_INVALID_HANDLE;
    }
    if (size == 0) {
        return HYTHE_HTTP_BUFFER_TOO_SMALL;
    }
    enum hythe_http_error r = error_from(hythe_http_import_header_get(
        response->handle, name, (uint32_t)strlen(name), buffer, (uint32_t)(size - 1), &len));
    if (r != HYTHE_HTTP_OK) {
        return r;
    }
    buffer[len] = '\0';
    return HYTHE_HTTP_OK;
}

/* The host does not say how much it has, only that it was too much. */
enum hythe_http_error hythe_http_headers_all(const struct hythe_http_response *response,
                                             struct hythe_http_headers *ret_headers)
{
    enum hythe_http_error r = HYTHE_HTTP_BUFFER_TOO_SMALL;

    if (!response->open) {
        return HYTHE_HTTP_INVALID_HANDLE;
    }
    for (size_t size = HEADERS_FIRST_SIZE; size <= HEADERS_MAX_SIZE; size *= 2) {
        uint32_t len = 0;
        char *block = malloc(size + 1);
        if (block == NULL) {
            return HYTHE_HTTP_NO_MEMORY;
        }
        r = error_from(
            hythe_http_import_headers_get_all(response->handle, block, (uint32_t)size, &len));
        if (r == HYTHE_HTTP_OK) {
            block[len] = '\0';
            *ret_headers = (struct hythe_http_headers){.block = block, .len = len};
            return HYTHE_HTTP_OK;
        }
        free(block);
        if (r != HYTHE_HTTP_BUFFER_TOO_SMALL) {
            break;
        }
    }
    return r;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts `NAME:VALUE` in two and trims the value: some hosts send a blank after the colon, some end
 * lines with CR and LF. */
static bool split_line(char *line, size_t len, struct hythe_http_header *ret_header)
{
    char *colon = memchr(line, ':', len);

    if (colon == NULL) {
        return false;
    }
    char *end = line + len;
    while (end > colon + 1 && is_blank(end[-1])) {
        end--;
    }
    char *value = colon + 1;
    while (value < end && is_blank(*value)) {
        value++;
    }
    *colon = '\0';
    *end = '\0';
    ret_header->name = line;
    ret_header->value = value;
    return true;
}

bool hythe_http_headers_next(struct hythe_http_headers *headers,
                             struct hythe_http_header *ret_header)
{
    while (headers->at < headers->len) {
        char *line = headers->block + headers->at;
        size_t rest = headers->len - headers->at;
        const char *end = memchr(line, '\n', rest);
        size_t len = end != NULL ? (size_t)(end - line) : rest;
        headers->at += end != NULL ? len + 1 : len;
        if (split_line(line, len, ret_header)) {
            return true;
        }
    }
    return false;
}

void hythe_http_headers_done(struct hythe_http_headers *headers)
{
    free(headers->block);
    *headers = (struct hythe_http_headers){0};
}

void hythe_http_close(struct hythe_http_response *response)
{
    if (response->open) {
        /* There is nothing to do about a host that cannot close. */
        (void)hythe_http_import_close(response->handle);
        response->open = false;
    }
}

const char *hythe_http_error_text(enum hythe_http_error error)
{
    switch (error) {
    case HYTHE_HTTP_OK:
        return "success";
    case HYTHE_HTTP_INVALID_HANDLE:
        return "the response is closed";
    case HYTHE_HTTP_MEMORY_NOT_FOUND:
        return "the module exports no memory";
    case HYTHE_HTTP_MEMORY_ACCESS:
        return "the host cannot write to that memory";
    case HYTHE_HTTP_BUFFER_TOO_SMALL:
        return "the buffer is too small";
    case HYTHE_HTTP_HEADER_NOT_FOUND:
        return "the response has no such header";
    case HYTHE_HTTP_UTF8:
        return "the URL, the method or a header is not UTF-8";
    case HYTHE_HTTP_DESTINATION_NOT_ALLOWED:
        return "the host does not allow this destination";
    case HYTHE_HTTP_INVALID_METHOD:
        return "that is not an HTTP method";
    case HYTHE_HTTP_INVALID_ENCODING:
        return "a header name or value cannot be sent";
    case HYTHE_HTTP_INVALID_URL:
        return "that is not an absolute URL";
    case HYTHE_HTTP_REQUEST:
        return "the request failed";
    case HYTHE_HTTP_RUNTIME:
        return "the host failed";
    case HYTHE_HTTP_TOO_MANY_SESSIONS:
        return "too many responses are open";
    case HYTHE_HTTP_NO_MEMORY:
        return "out of memory";
    case HYTHE_HTTP_TOO_LARGE:
        return "the response is too large";
    case HYTHE_HTTP_UNKNOWN:
    default:
        return "the host gave an error that this library does not know";
    }
}
