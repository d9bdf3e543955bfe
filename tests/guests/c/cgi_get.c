/*
 * A CGI program that calls out: it GETs the URL that the query string is, and answers with that
 * response's status and body, the body as it arrives. When it gets no response it answers 403 if the
 * host does not allow the destination and 502 otherwise, with the SDK's number and words. HOLD in the
 * environment is how many responses it opens before and keeps.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hythe_http.h"

static int fail(enum hythe_http_error error)
{
    printf("Status: %d\r\nContent-Type: text/plain\r\n\r\n%d: %s\n",
           error == HYTHE_HTTP_DESTINATION_NOT_ALLOWED ? 403 : 502, (int)error,
           hythe_http_error_text(error));
    return 0;
}

int main(void)
{
    static char part[16384];
    const char *query = getenv("QUERY_STRING");
    const char *url = query != NULL ? query : "";
    const char *hold = getenv("HOLD");
    struct hythe_http_response response;
    size_t len = 0;
    enum hythe_http_error r = HYTHE_HTTP_OK;
    for (int i = hold != NULL ? atoi(hold) : 0; i > 0 && r == HYTHE_HTTP_OK; i--) {
        struct hythe_http_response held;
        r = hythe_http_get(url, &held);
    }
    if (r == HYTHE_HTTP_OK) {
        r = hythe_http_get(url, &response);
    }
    if (r != HYTHE_HTTP_OK) {
        return fail(r);
    }
    printf("Status: %u\r\nContent-Type: text/plain\r\n\r\n", (unsigned)response.status);
    do {
        r = hythe_http_read(&response, part, sizeof part, &len);
        if (r != HYTHE_HTTP_OK) {
            fprintf(stderr, "the body broke off: %s\n", hythe_http_error_text(r));
            return 1;
        }
        (void)fwrite(part, 1, len, stdout); /* a client that is gone ends this program */
        (void)fflush(stdout);
    } while (len > 0);
    hythe_http_close(&response);
    return 0;
}
