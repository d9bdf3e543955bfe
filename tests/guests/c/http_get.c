/*
 * One request through wasi_experimental_http's ten-parameter form.
 *
 *   http_get METHOD URL [HEADER...] [-]    a last argument "-" sends stdin as the body
 *
 * It prints the status, the header lines, an empty line and the body, the body as it arrives. The
 * exit status is the error code of the first call that failed, which stderr names. HTTP_GET_TIMES
 * in the environment repeats the request without closing, for limits on open handles.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_IMPORT(name)                                                                          \
    __attribute__((import_module("wasi_experimental_http"), import_name(#name)))

HTTP_IMPORT(req)
int32_t http_req(const char *url, size_t url_len, const char *method, size_t method_len,
                 const char *headers, size_t headers_len, const void *body, size_t body_len,
                 uint16_t *ret_status, uint32_t *ret_handle);
HTTP_IMPORT(close) int32_t http_close(uint32_t handle);
HTTP_IMPORT(headers_get_all)
int32_t http_headers_get_all(uint32_t handle, char *text, size_t len, size_t *ret_len);
HTTP_IMPORT(body_read)
int32_t http_body_read(uint32_t handle, void *bytes, size_t len, size_t *ret_len);

enum { HEADERS_MAX = 65536, BODY_MAX = 1 << 20, READ_LEN = 16384, REQUESTS_MAX = 1024 };

static char request_headers[HEADERS_MAX];
static char response_headers[HEADERS_MAX];
static char request_body[BODY_MAX];
static char bytes[READ_LEN];

static void check(const char *call, int32_t code)
{
    if (code != 0) {
        fflush(stdout);
        fprintf(stderr, "%s: error %d\n", call, (int)code);
        exit(code);
    }
}

static size_t join_headers(char *const *lines, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        size_t line_len = strlen(lines[i]);
        if (line_len + 1 > sizeof request_headers - len) {
            fprintf(stderr, "the headers are too long\n");
            exit(2);
        }
        memcpy(request_headers + len, lines[i], line_len);
        len += line_len;
        request_headers[len] = '\n';
        len++;
    }
    return len;
}

static void print_body(uint32_t handle)
{
    size_t len = 0;
    do {
        check("body_read", http_body_read(handle, bytes, sizeof bytes, &len));
        fwrite(bytes, 1, len, stdout);
        fflush(stdout);
    } while (len > 0);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: http_get METHOD URL [HEADER...] [-]\n");
        return 2;
    }
    int has_body = strcmp(argv[argc - 1], "-") == 0;
    size_t headers_len = join_headers(argv + 3, argc - 3 - has_body);
    size_t body_len = has_body ? fread(request_body, 1, sizeof request_body, stdin) : 0;
    const char *times_text = getenv("HTTP_GET_TIMES");
    int times = times_text != NULL ? atoi(times_text) : 1;
    uint32_t handle = 0;
    for (int i = 0; i < times && i < REQUESTS_MAX; i++) {
        struct {
            uint16_t status;
            uint16_t beside; /* stays what it is: the status has two bytes */
        } out = {0, 0x5a5a};
        check("req", http_req(argv[2], strlen(argv[2]), argv[1], strlen(argv[1]), request_headers,
                              headers_len, request_body, body_len, &out.status, &handle));
        if (out.beside != 0x5a5a) {
            fprintf(stderr, "the status took more than two bytes\n");
            return 3;
        }
        printf("%d\n", (int)out.status);
    }
    size_t len = 0;
    check("headers_get_all",
          http_headers_get_all(handle, response_headers, sizeof response_headers, &len));
    printf("%.*s\n", (int)len, response_headers);
    print_body(handle);
    check("close", http_close(handle));
    return 0;
}
