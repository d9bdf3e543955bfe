/*
 * The library on a host of the test's own making, natively: what goes over, what comes back, and
 * that each response is closed once. sdk/check builds and runs it with the sanitizers.
 */
#include "../hythe_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLE = 7 };

/* What the next request is answered with, and what was seen of it. */
static struct {
    int32_t refuse;
    const char *headers;
    const char *parts[3];
    int32_t end; /* what body_read gives after the parts */

    char url[64];
    char method[16];
    char sent_headers[128];
    char sent_body[64];
    size_t part;
    size_t part_at;
    int open;
    int calls;
} host;

static int failures;

static void expect_at(int line, bool is_so, const char *what)
{
    if (!is_so) {
        fprintf(stderr, "hythe_http_test.c:%d: not so: %s\n", line, what);
        failures++;
    }
}

#define EXPECT(what) expect_at(__LINE__, what, #what)

static void keep(char *to, size_t size, const void *from, uint32_t len)
{
    if (len >= size) {
        abort();
    }
    if (len > 0) {
        memcpy(to, from, len);
    }
    to[len] = '\0';
}

static int32_t give(const char *from, size_t len, void *to, uint32_t size, uint32_t *ret_len)
{
    if (len > size) {
        return HYTHE_HTTP_BUFFER_TOO_SMALL;
    }
    memcpy(to, from, len);
    *ret_len = (uint32_t)len;
    return 0;
}

int32_t hythe_http_import_req(const char *url, uint32_t url_len, const char *method,
                              uint32_t method_len, const char *headers, uint32_t headers_len,
                              const void *body, uint32_t body_len, uint16_t *ret_status,
                              uint32_t *ret_handle);
int32_t hythe_http_import_close(uint32_t handle);
int32_t hythe_http_import_header_get(uint32_t handle, const char *name, uint32_t name_len,
                                     char *value, uint32_t value_size, uint32_t *ret_len);
int32_t hythe_http_import_headers_get_all(uint32_t handle, char *block, uint32_t block_size,
                                          uint32_t *ret_len);
int32_t hythe_http_import_body_read(uint32_t handle, void *buffer, uint32_t size,
                                    uint32_t *ret_len);

int32_t hythe_http_import_req(const char *url, uint32_t url_len, const char *method,
                              uint32_t method_len, const char *headers, uint32_t headers_len,
                              const void *body, uint32_t body_len, uint16_t *ret_status,
                              uint32_t *ret_handle)
{
    host.calls++;
    keep(host.url, sizeof(host.url), url, url_len);
    keep(host.method, sizeof(host.method), method, method_len);
    keep(host.sent_headers, sizeof(host.sent_headers), headers, headers_len);
    keep(host.sent_body, sizeof(host.sent_body), body, body_len);
    if (host.refuse != 0) {
        return host.refuse;
    }
    host.open++;
    *ret_status = 201;
    *ret_handle = HANDLE;
    return 0;
}

int32_t hythe_http_import_close(uint32_t handle)
{
    EXPECT(handle == HANDLE);
    host.open--;
    return 0;
}

int32_t hythe_http_import_header_get(uint32_t handle, const char *name, uint32_t name_len,
                                     char *value, uint32_t value_size, uint32_t *ret_len)
{
    EXPECT(handle == HANDLE);
    if (name_len != 4 || memcmp(name, "Date", 4) != 0) {
        return HYTHE_HTTP_HEADER_NOT_FOUND;
    }
    return give("14:00:00", 8, value, value_size, ret_len);
}

int32_t hythe_http_import_headers_get_all(uint32_t handle, char *block, uint32_t block_size,
                                          uint32_t *ret_len)
{
    EXPECT(handle == HANDLE);
    host.calls++;
    return give(host.headers, strlen(host.headers), block, block_size, ret_len);
}

int32_t hythe_http_import_body_read(uint32_t handle, void *buffer, uint32_t size, uint32_t *ret_len)
{
    EXPECT(handle == HANDLE);
    EXPECT(size > 0);
    const char *part = host.parts[host.part];
    if (part == NULL) {
        *ret_len = 0;
        return host.end;
    }
    size_t len = strlen(part) - host.part_at;
    size_t given = len < size ? len : size;
    int32_t r = give(part + host.part_at, given, buffer, size, ret_len);
    host.part_at += given;
    if (given == len) {
        host.part++;
        host.part_at = 0;
    }
    return r;
}

static struct hythe_http_response open_one(void)
{
    struct hythe_http_response response = {0};

    host.part = 0;
    host.part_at = 0;
    host.calls = 0;
    host.refuse = 0;
    EXPECT(hythe_http_get("http://h/", &response) == HYTHE_HTTP_OK);
    return response;
}

static void test_request_parts(void)
{
    const struct hythe_http_header headers[] = {{"A", "1:2"}, {"a", ""}};
    struct hythe_http_request request = {
        .method = "DELETE",
        .url = "http://h:1/p",
        .headers = headers,
        .header_count = 2,
        .body = "text",
        .body_len = 4,
    };
    struct hythe_http_response response = {0};

    EXPECT(hythe_http_send(&request, &response) == HYTHE_HTTP_OK);
    EXPECT(response.status == 201);
    EXPECT(strcmp(host.url, "http://h:1/p") == 0);
    EXPECT(strcmp(host.method, "DELETE") == 0);
    EXPECT(strcmp(host.sent_headers, "A:1:2\na:\n") == 0);
    EXPECT(strcmp(host.sent_body, "text") == 0);
    hythe_http_close(&response);
    hythe_http_close(&response);
    EXPECT(host.open == 0);

    EXPECT(hythe_http_post("http://h/", "a/b", "xy", 2, &response) == HYTHE_HTTP_OK);
    EXPECT(strcmp(host.sent_headers, "content-type:a/b\n") == 0);
    hythe_http_close(&response);
}

static void test_smuggled_headers(void)
{
    const struct hythe_http_header bad[] = {{"a", "1\nb:2"}, {"a", "1\rb:2"}, {"a:b", "1"},
                                            {"a b", "1"},    {"", "1"},       {"a\n", "1"}};
    struct hythe_http_response response = {0};

    host.calls = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hythe_http_request request = {
            .url = "http://h/", .headers = &bad[i], .header_count = 1};
        EXPECT(hythe_http_send(&request, &response) == HYTHE_HTTP_INVALID_ENCODING);
    }
    EXPECT(host.calls == 0);
}

static void test_refused(void)
{
    struct hythe_http_response response = {.status = 9};

    host.refuse = HYTHE_HTTP_DESTINATION_NOT_ALLOWED;
    EXPECT(hythe_http_get("http://h/", &response) == HYTHE_HTTP_DESTINATION_NOT_ALLOWED);
    EXPECT(response.status == 9 && !response.open);
    host.refuse = 77;
    EXPECT(hythe_http_get("http://h/", &response) == HYTHE_HTTP_UNKNOWN);
    host.refuse = -1;
    EXPECT(hythe_http_get("http://h/", &response) == HYTHE_HTTP_UNKNOWN);
    EXPECT(host.open == 0);
}

static void expect_header(struct hythe_http_headers *headers, const char *name, const char *value)
{
    struct hythe_http_header header = {"", ""};

    EXPECT(hythe_http_headers_next(headers, &header));
    EXPECT(strcmp(header.name, name) == 0);
    EXPECT(strcmp(header.value, value) == 0);
}

static void test_headers(void)
{
    struct hythe_http_headers headers;
    struct hythe_http_header header;
    char value[9];

    host.headers = "a:1\na: 2 \r\nno colon\n\ndate:14:00:00\nempty:\nlast:x";
    struct hythe_http_response response = open_one();
    EXPECT(hythe_http_headers_all(&response, &headers) == HYTHE_HTTP_OK);
    EXPECT(hythe_http_header_get(&response, "Date", value, 9) == HYTHE_HTTP_OK);
    EXPECT(strcmp(value, "14:00:00") == 0);
    EXPECT(hythe_http_header_get(&response, "Date", value, 8) == HYTHE_HTTP_BUFFER_TOO_SMALL);
    EXPECT(hythe_http_header_get(&response, "Date", value, 0) == HYTHE_HTTP_BUFFER_TOO_SMALL);
    EXPECT(hythe_http_header_get(&response, "x", value, 9) == HYTHE_HTTP_HEADER_NOT_FOUND);
    hythe_http_close(&response);
    expect_header(&headers, "a", "1");
    expect_header(&headers, "a", "2");
    expect_header(&headers, "date", "14:00:00");
    expect_header(&headers, "empty", "");
    expect_header(&headers, "last", "x");
    EXPECT(!hythe_http_headers_next(&headers, &header));
    hythe_http_headers_done(&headers);
    hythe_http_headers_done(&headers);
}

static void test_long_headers(void)
{
    struct hythe_http_headers headers;
    struct hythe_http_header header;
    char *block = malloc((1 << 20) + 2);

    if (block == NULL) {
        abort();
    }
    memset(block, 'x', (1 << 20) + 1);
    block[(1 << 20) + 1] = '\0';
    host.headers = block;
    struct hythe_http_response response = open_one();
    EXPECT(hythe_http_headers_all(&response, &headers) == HYTHE_HTTP_BUFFER_TOO_SMALL);
    hythe_http_close(&response);

    block[9000] = '\0';
    block[4] = ':';
    response = open_one();
    EXPECT(hythe_http_headers_all(&response, &headers) == HYTHE_HTTP_OK);
    EXPECT(host.calls == 1 + 3); /* the request, then 4096, 8192, 16384 */
    EXPECT(hythe_http_headers_next(&headers, &header) && strlen(header.value) == 8995);
    hythe_http_headers_done(&headers);
    hythe_http_close(&response);
    free(block);
}

static void test_body(void)
{
    char part[3];
    char *body = NULL;
    size_t len = 0;

    host.parts[0] = "abcd";
    host.parts[1] = "ef";
    struct hythe_http_response response = open_one();
    EXPECT(hythe_http_read(&response, part, 3, &len) == HYTHE_HTTP_OK && len == 3);
    EXPECT(hythe_http_read(&response, part, 3, &len) == HYTHE_HTTP_OK && len == 1);
    EXPECT(hythe_http_read_all(&response, SIZE_MAX, &body, &len) == HYTHE_HTTP_OK);
    EXPECT(len == 2 && strcmp(body, "ef") == 0);
    free(body);
    EXPECT(hythe_http_read(&response, part, 3, &len) == HYTHE_HTTP_OK && len == 0);
    hythe_http_close(&response);
    EXPECT(hythe_http_read(&response, part, 3, &len) == HYTHE_HTTP_INVALID_HANDLE);

    response = open_one();
    EXPECT(hythe_http_read_all(&response, 6, &body, &len) == HYTHE_HTTP_OK && len == 6);
    EXPECT(strcmp(body, "abcdef") == 0);
    free(body);
    hythe_http_close(&response);
    for (size_t max = 0; max < 6; max++) {
        response = open_one();
        EXPECT(hythe_http_read_all(&response, max, &body, &len) == HYTHE_HTTP_TOO_LARGE);
        hythe_http_close(&response);
    }
}

static void test_long_body(void)
{
    size_t size = 100000;
    char *long_part = malloc(size + 1);
    char *body = NULL;
    size_t len = 0;

    if (long_part == NULL) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        long_part[i] = (char)('a' + i % 26);
    }
    long_part[size] = '\0';
    host.parts[0] = long_part;
    host.parts[1] = NULL;
    struct hythe_http_response response = open_one();
    EXPECT(hythe_http_read_all(&response, SIZE_MAX, &body, &len) == HYTHE_HTTP_OK);
    EXPECT(len == size && strcmp(body, long_part) == 0);
    hythe_http_close(&response);
    free(body);
    free(long_part);
}

static void test_broken_body(void)
{
    char *body = NULL;
    size_t len = 0;

    host.parts[0] = "half";
    host.parts[1] = NULL;
    host.end = HYTHE_HTTP_REQUEST;
    struct hythe_http_response response = open_one();
    EXPECT(hythe_http_read_all(&response, 100, &body, &len) == HYTHE_HTTP_REQUEST);
    EXPECT(body == NULL);
    hythe_http_close(&response);
    host.end = 0;
}

static void test_texts(void)
{
    for (int code = 0; code < 14; code++) {
        const char *text = hythe_http_error_text((enum hythe_http_error)code);
        EXPECT(strcmp(text, hythe_http_error_text(HYTHE_HTTP_UNKNOWN)) != 0);
    }
}

int main(void)
{
    test_request_parts();
    test_smuggled_headers();
    test_refused();
    test_headers();
    test_long_headers();
    test_body();
    test_long_body();
    test_broken_body();
    test_texts();
    EXPECT(host.open == 0);
    puts(failures == 0 ? "hythe_http_test: ok" : "hythe_http_test: FAILED");
    return failures == 0 ? 0 : 1;
}
