/* URLs, through libcurl's parser only: what is judged is what is dialled. Where libcurl is not open,
 * nothing is dialled. */
#ifndef HYTHE_HTTP_URL_H
#define HYTHE_HTTP_URL_H

#include "base/span.h"
#include "http/client.h"
#include "http/curl.h"

/* An http_target and what it is made of. */
struct http_url {
    struct http_target target; /* its strings are those below */
    CURLU *handle;             /* owned */
    char *url;                 /* owned, libcurl's, or malloc's where that is not open */
    char *scheme;              /* likewise */
    char *host;                /* owned, malloc's */
};

/* Parse an absolute URL, or with `base` one that may be relative to it. HTTP_OK, HTTP_BAD_URL,
 * HTTP_URL_TOO_LONG, HTTP_BAD_SCHEME or HTTP_NO_MEMORY. Without an open library, of an absolute URL
 * only what names its server is looked at. Release it with http_url_done, also after a failure. */
enum http_error http_url_parse(const struct curl_library *curl, struct span text,
                               const struct http_url *base, struct http_url *ret_url);

/* Harmless on a zeroed one. */
void http_url_done(const struct curl_library *curl, struct http_url *url);

#endif
