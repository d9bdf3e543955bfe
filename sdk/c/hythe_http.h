/*
 * HTTP requests from a WebAssembly module, on the imports of `wasi_experimental_http`.
 *
 * Compile hythe_http.c along with your program; it needs nothing but the C library. A whole
 * exchange:
 *
 *     struct hythe_http_response response;
 *     enum hythe_http_error r = hythe_http_get("http://127.0.0.1:8000/", &response);
 *     if (r != HYTHE_HTTP_OK) {
 *         fprintf(stderr, "%s\n", hythe_http_error_text(r));
 *         return 1;
 *     }
 *     char part[4096];
 *     size_t len;
 *     while (hythe_http_read(&response, part, sizeof(part), &len) == HYTHE_HTTP_OK && len > 0) {
 *         fwrite(part, 1, len, stdout);
 *     }
 *     hythe_http_close(&response);
 *
 * All calls wait until they have their answer. Plain C11; C++ may include it.
 */
#ifndef HYTHE_HTTP_H
#define HYTHE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0 to 13 are the host's own numbers; those from 1000 on are made by this library. */
enum hythe_http_error {
    HYTHE_HTTP_OK = 0,
    HYTHE_HTTP_INVALID_HANDLE = 1,
    HYTHE_HTTP_MEMORY_NOT_FOUND = 2,
    HYTHE_HTTP_MEMORY_ACCESS = 3,
    HYTHE_HTTP_BUFFER_TOO_SMALL = 4,
    HYTHE_HTTP_HEADER_NOT_FOUND = 5,
    HYTHE_HTTP_UTF8 = 6,
    HYTHE_HTTP_DESTINATION_NOT_ALLOWED = 7,
    HYTHE_HTTP_INVALID_METHOD = 8,
    HYTHE_HTTP_INVALID_ENCODING = 9,
    HYTHE_HTTP_INVALID_URL = 10,
    HYTHE_HTTP_REQUEST = 11,
    HYTHE_HTTP_RUNTIME = 12,
    HYTHE_HTTP_TOO_MANY_SESSIONS = 13,

    HYTHE_HTTP_NO_MEMORY = 1000, /* malloc in the guest */
    HYTHE_HTTP_TOO_LARGE = 1001, /* more than the caller's limit, or than 32 bits can say */
    HYTHE_HTTP_UNKNOWN = 1002,   /* a number that this library does not know */
};

/* A header. In a request both are borrowed; from the iterator they belong to it. */
struct hythe_http_header {
    const char *name;
    const char *value;
};

/* Zero what you do not need. Everything is borrowed for the length of hythe_http_send. */
struct hythe_http_request {
    const char *method; /* NULL: GET */
    const char *url;
    const struct hythe_http_header *headers; /* a name may occur more than once */
    size_t header_count;
    const void *body;
    size_t body_len; /* bytes; 0: no body */
};

/* Filled by hythe_http_send; everything but `status` is the library's. */
struct hythe_http_response {
    uint16_t status;
    uint32_t handle;
    bool open;
};

/* All headers of a response, one after the other; the fields are the library's. */
struct hythe_http_headers {
    char *block; /* owned */
    size_t len;
    size_t at;
};

/* Send a request and wait for the head of the response. On success the response is open, and the
 * caller closes it. Otherwise `ret_response` is untouched.
 *
 * HYTHE_HTTP_DESTINATION_NOT_ALLOWED when the host's operator has not granted the URL;
 * HYTHE_HTTP_REQUEST when no response came; HYTHE_HTTP_INVALID_ENCODING for a header name or value
 * that cannot be sent, such as one with a line break. */
enum hythe_http_error hythe_http_send(const struct hythe_http_request *request,
                                      struct hythe_http_response *ret_response);

/* hythe_http_send of a plain GET. */
enum hythe_http_error hythe_http_get(const char *url, struct hythe_http_response *ret_response);

/* hythe_http_send of a POST; `content_type` may be NULL. */
enum hythe_http_error hythe_http_post(const char *url, const char *content_type, const void *body,
                                      size_t body_len, struct hythe_http_response *ret_response);

/* Read the next part of the body: at least one byte unless it has ended, at most `size`. Sets
 * `ret_len`, which is 0 at the end and then stays so. A body that breaks off ends in
 * HYTHE_HTTP_REQUEST. `size` may not be 0. */
enum hythe_http_error hythe_http_read(struct hythe_http_response *response, void *buffer,
                                      size_t size, size_t *ret_len);

/* Read the rest of the body, at most `max` bytes. `ret_body` is the caller's to free; a zero byte
 * that `ret_len` does not count follows it. HYTHE_HTTP_TOO_LARGE when there is more. */
enum hythe_http_error hythe_http_read_all(struct hythe_http_response *response, size_t max,
                                          char **ret_body, size_t *ret_len);

/* Copy the first header called `name`, in any case, into `buffer` and end it with a zero byte.
 * HYTHE_HTTP_HEADER_NOT_FOUND if there is none, HYTHE_HTTP_BUFFER_TOO_SMALL if it does not fit. */
enum hythe_http_error hythe_http_header_get(const struct hythe_http_response *response,
                                            const char *name, char *buffer, size_t size);

/* Take a copy of all headers, to be walked with hythe_http_headers_next and released with
 * hythe_http_headers_done. The response may be closed meanwhile. */
enum hythe_http_error hythe_http_headers_all(const struct hythe_http_response *response,
                                             struct hythe_http_headers *ret_headers);

/* Give the next header, names in lower case, repeated ones repeated; false after the last. The
 * strings live until hythe_http_headers_done. */
bool hythe_http_headers_next(struct hythe_http_headers *headers,
                             struct hythe_http_header *ret_header);

/* Release the headers; more than once is fine. */
void hythe_http_headers_done(struct hythe_http_headers *headers);

/* Let go of the response, read to its end or not; more than once is fine. Until then it counts
 * against the host's limit of open responses. */
void hythe_http_close(struct hythe_http_response *response);

/* What an error means, in a few words; never NULL. */
const char *hythe_http_error_text(enum hythe_http_error error);

#ifdef __cplusplus
}
#endif

#endif
