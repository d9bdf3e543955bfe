/* The guest's side of fetch.h, on the C SDK. */
#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "hythe_http.h"

static char part[FETCH_PART];

static void check(const char *what, enum hythe_http_error error)
{
    if (error != HYTHE_HTTP_OK) {
        fprintf(stderr, "fetch: %s: %s\n", what, hythe_http_error_text(error));
        exit(1);
    }
}

static void get(const char *url, struct fetch_result *result)
{
    struct hythe_http_response response;
    size_t len = 0;

    check("req", hythe_http_get(url, &response));
    if (response.status != 200) {
        fprintf(stderr, "fetch: status %u\n", (unsigned)response.status);
        exit(1);
    }
    do {
        check("body_read", hythe_http_read(&response, part, sizeof(part), &len));
        result->bytes += len;
    } while (len > 0);
    hythe_http_close(&response);
    result->count++;
}

int main(int argc, char **argv)
{
    struct fetch_result result = {0};
    unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 1;

    if (argc < 3) {
        fputs("usage: fetch gets URL COUNT | fetch download URL\n", stderr);
        return 2;
    }
    for (int i = 0; i < FETCH_WARM && strcmp(argv[1], "gets") == 0; i++) {
        get(argv[2], &result);
    }
    memset(part, 1, sizeof(part)); /* the guest's own memory does not grow later */
    result = (struct fetch_result){0};
    uint64_t begin_ns = fetch_begin();
    while (result.count < count) {
        get(argv[2], &result);
    }
    fetch_end(&result, begin_ns);
    return 0;
}
