/*
 * A CGI command that sends back what it gets, as it comes, with the type it came with. It holds one
 * buffer, however much goes through. With a query of "length" it says the length first, if it was told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buffer[65536];

static int put_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(1, bytes, len);
        if (n <= 0) {
            return -1;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

int main(void)
{
    const char *type = getenv("CONTENT_TYPE");
    const char *length = getenv("CONTENT_LENGTH");
    const char *query = getenv("QUERY_STRING");
    char head[512];
    if (type == NULL || type[0] == '\0') {
        type = "application/octet-stream";
    }
    int len = snprintf(head, sizeof head, "Content-Type: %.256s\n", type);
    if (length != NULL && query != NULL && strcmp(query, "length") == 0) {
        len += snprintf(head + len, sizeof head - (size_t)len, "Content-Length: %.32s\n", length);
    }
    head[len++] = '\n';
    if (put_all(head, (size_t)len) < 0) {
        return 1;
    }
    for (;;) {
        ssize_t n = read(0, buffer, sizeof buffer);
        if (n < 0) {
            return 2;
        }
        if (n == 0) {
            return 0;
        }
        if (put_all(buffer, (size_t)n) < 0) {
            return 1;
        }
    }
}
