/*
 * Makes one HTTP request: the body goes to stdout as it arrives, status and headers to stderr.
 *
 *   outbound get URL
 *   outbound post URL TEXT
 *
 * Exit status 0 for a response of 200 to 299, 1 for any other, 2 when there is none.
 */
#include "hythe_http.h"

#include <stdio.h>
#include <string.h>

enum { PART_LEN = 65536 };

static int failed(const char *what, enum hythe_http_error error)
{
    fprintf(stderr, "outbound: %s: %s\n", what, hythe_http_error_text(error));
    return 2;
}

static int print_head(const struct hythe_http_response *response)
{
    struct hythe_http_headers headers;
    struct hythe_http_header header;

    fprintf(stderr, "status %u\n", (unsigned)response->status);
    enum hythe_http_error r = hythe_http_headers_all(response, &headers);
    if (r != HYTHE_HTTP_OK) {
        return failed("headers", r);
    }
    while (hythe_http_headers_next(&headers, &header)) {
        fprintf(stderr, "%s: %s\n", header.name, header.value);
    }
    hythe_http_headers_done(&headers);
    return 0;
}

static int print_body(struct hythe_http_response *response)
{
    static char part[PART_LEN];
    enum hythe_http_error r;
    size_t len = 0;

    while ((r = hythe_http_read(response, part, sizeof(part), &len)) == HYTHE_HTTP_OK && len > 0) {
        fwrite(part, 1, len, stdout);
        fflush(stdout);
    }
    return r == HYTHE_HTTP_OK ? 0 : failed("body", r);
}

static int print_response(struct hythe_http_response *response)
{
    int status = print_head(response);

    if (status == 0) {
        status = print_body(response);
    }
    if (status == 0 && response->status / 100 != 2) {
        status = 1;
    }
    return status;
}

int main(int argc, char **argv)
{
    struct hythe_http_response response;
    enum hythe_http_error r;

    if (argc == 3 && strcmp(argv[1], "get") == 0) {
        r = hythe_http_get(argv[2], &response);
    } else if (argc == 4 && strcmp(argv[1], "post") == 0) {
        r = hythe_http_post(argv[2], "text/plain; charset=utf-8", argv[3], strlen(argv[3]),
                            &response);
    } else {
        fputs("usage: outbound get URL | outbound post URL TEXT\n", stderr);
        return 2;
    }
    if (r != HYTHE_HTTP_OK) {
        return failed(argv[2], r);
    }
    int status = print_response(&response);
    hythe_http_close(&response);
    return status;
}
