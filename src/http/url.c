/* URLs. See url.h. */
#include "http/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum {
    URL_MAX = 64 << 10,
    HOST_MAX = 255,
    PARSE_FLAGS = CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME
};
enum { IDN_FLAGS = 1 | 8 }; /* IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL, as browsers do */

static enum http_error from_code(CURLUcode code)
{
    return code == CURLUE_OUT_OF_MEMORY ? HTTP_NO_MEMORY : HTTP_BAD_URL;
}

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f || text.data[i] == '\\') {
            return true;
        }
    }
    return false;
}

static enum http_error set_text(const struct curl_library *curl, struct http_url *url,
                                struct span text, const struct http_url *base)
{
    if (text.len > URL_MAX) {
        return HTTP_URL_TOO_LONG;
    }
    if (text.len == 0 || has_control(text)) {
        return HTTP_BAD_URL;
    }
    url->handle = curl->url();
    char *copy = strndup((const char *)text.data, text.len);
    CURLUcode code = url->handle == NULL || copy == NULL ? CURLUE_OUT_OF_MEMORY : CURLUE_OK;
    if (code == CURLUE_OK && base != NULL) {
        code = curl->url_set(url->handle, CURLUPART_URL, base->url, PARSE_FLAGS);
    }
    if (code == CURLUE_OK) {
        code = curl->url_set(url->handle, CURLUPART_URL, copy, PARSE_FLAGS);
    }
    free(copy);
    return code == CURLUE_OK ? HTTP_OK : from_code(code);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) {
            return false;
        }
    }
    return true;
}

static void lower(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (char)tolower((unsigned char)*text);
    }
}

/* Write the whole URL with the host in punycode and parse it again: what looked like letters may
 * be the dots and digits of an address. */
static enum http_error use_ascii_host(const struct curl_library *curl, struct http_url *url,
                                      const char *host)
{
    uint8_t *ascii = NULL;
    char *text = NULL;
    if (curl->idn_lookup == NULL ||
        curl->idn_lookup((const uint8_t *)host, &ascii, IDN_FLAGS) != 0) {
        return HTTP_BAD_URL;
    }
    CURLUcode code = curl->url_set(url->handle, CURLUPART_HOST, (const char *)ascii, 0);
    curl->idn_free(ascii);
    if (code == CURLUE_OK) {
        code = curl->url_get(url->handle, CURLUPART_URL, &text, 0);
    }
    if (code == CURLUE_OK) {
        code = curl->url_set(url->handle, CURLUPART_URL, text, PARSE_FLAGS);
        curl->free(text);
    }
    return code == CURLUE_OK ? HTTP_OK : from_code(code);
}

static enum http_error convert_host(const struct curl_library *curl, struct http_url *url)
{
    char *host = NULL;
    CURLUcode code = curl->url_get(url->handle, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    enum http_error error = is_ascii(host) ? HTTP_OK : use_ascii_host(curl, url, host);
    curl->free(host);
    return error;
}

/* Give the host in lower case and punycode, without the brackets of an IPv6 address. */
static enum http_error get_host(const struct curl_library *curl, struct http_url *url)
{
    char *zone = NULL;
    if (curl->url_get(url->handle, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK) {
        curl->free(zone);
        return HTTP_BAD_URL; /* an interface of the host's is no business of a guest */
    }
    char *host = NULL;
    enum http_error error = convert_host(curl, url);
    if (error != HTTP_OK) {
        return error;
    }
    CURLUcode code = curl->url_get(url->handle, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    lower(host);
    code = curl->url_set(url->handle, CURLUPART_HOST, host, 0);
    size_t len = strlen(host);
    bool is_bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
    url->host = is_bracketed ? strndup(host + 1, len - 2) : strdup(host);
    curl->free(host);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    if (url->host == NULL) {
        return HTTP_NO_MEMORY;
    }
    return url->host[0] == '\0' || strlen(url->host) > HOST_MAX ? HTTP_BAD_URL : HTTP_OK;
}

static enum http_error get_port(const struct curl_library *curl, struct http_url *url)
{
    char *port = NULL;
    uint64_t value = 0;
    CURLUcode code = curl->url_get(url->handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    int r = num_parse_u64(port, UINT16_MAX, &value);
    curl->free(port);
    if (r < 0 || value == 0) {
        return HTTP_BAD_URL;
    }
    url->target.port = (uint16_t)value;
    return HTTP_OK;
}

static enum http_error get_parts(const struct curl_library *curl, struct http_url *url)
{
    CURLUcode code = curl->url_get(url->handle, CURLUPART_SCHEME, &url->scheme, 0);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0) {
        return HTTP_BAD_SCHEME;
    }
    enum http_error error = get_host(curl, url);
    if (error == HTTP_OK) {
        error = get_port(curl, url);
    }
    if (error != HTTP_OK) {
        return error;
    }
    (void)curl->url_set(url->handle, CURLUPART_FRAGMENT, NULL, 0); /* removing cannot fail */
    code = curl->url_get(url->handle, CURLUPART_URL, &url->url, 0);
    if (code != CURLUE_OK) {
        return from_code(code);
    }
    url->target.url = url->url;
    url->target.scheme = url->scheme;
    url->target.host = url->host;
    return HTTP_OK;
}

/* -- without libcurl -------------------------------------------------------------------------- */

/* "HOST" or "HOST:PORT", with an IPv6 address in brackets, into the target. */
static enum http_error take_authority(struct http_url *url, struct span authority)
{
    const char *text = (const char *)authority.data;
    bool is_v6 = authority.len > 0 && text[0] == '[';
    const char *end = memchr(text, is_v6 ? ']' : ':', authority.len);
    size_t host_len = end != NULL ? (size_t)(end - text) : authority.len;
    size_t port_at = is_v6 ? host_len + 1 : host_len;
    uint64_t port = strcmp(url->scheme, "https") == 0 ? 443 : 80;
    if (host_len <= (size_t)is_v6 || host_len > HOST_MAX || port_at > authority.len) {
        return HTTP_BAD_URL;
    }
    url->host = strndup(text + is_v6, host_len - is_v6);
    if (url->host == NULL) {
        return HTTP_NO_MEMORY;
    }
    if (!is_ascii(url->host)) {
        return HTTP_BAD_URL;
    }
    lower(url->host);
    char digits[8] = "";
    size_t rest = authority.len - port_at; /* with its colon */
    if (rest > 0 && (text[port_at] != ':' || rest > sizeof digits)) {
        return HTTP_BAD_URL;
    }
    if (rest > 1) {
        memcpy(digits, text + port_at + 1, rest - 1);
    }
    if (rest > 1 && (num_parse_u64(digits, UINT16_MAX, &port) < 0 || port == 0)) {
        return HTTP_BAD_URL;
    }
    url->target.port = (uint16_t)port;
    return HTTP_OK;
}

/* Of a guest that may reach nothing libcurl is not opened. What it wanted is only said to the operator
 * and never dialled, so that another reading of a strange URL than libcurl's does no harm. */
static enum http_error parse_plain(struct span text, struct http_url *url)
{
    static const char mark[] = "://";
    if (text.len > URL_MAX) {
        return HTTP_URL_TOO_LONG;
    }
    if (text.len == 0 || has_control(text)) {
        return HTTP_BAD_URL;
    }
    url->url = strndup((const char *)text.data, text.len);
    if (url->url == NULL) {
        return HTTP_NO_MEMORY;
    }
    const char *scheme_end = strstr(url->url, mark);
    if (scheme_end == NULL) {
        return HTTP_BAD_URL;
    }
    url->scheme = strndup(url->url, (size_t)(scheme_end - url->url));
    if (url->scheme == NULL) {
        return HTTP_NO_MEMORY;
    }
    lower(url->scheme);
    if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0) {
        return HTTP_BAD_SCHEME;
    }
    const char *authority = scheme_end + sizeof mark - 1;
    size_t len = strcspn(authority, "/?#");
    const char *user_end = memrchr(authority, '@', len);
    if (user_end != NULL) {
        len -= (size_t)(user_end + 1 - authority);
        authority = user_end + 1;
    }
    enum http_error error = take_authority(url, (struct span){(const uint8_t *)authority, len});
    url->target.url = url->url;
    url->target.scheme = url->scheme;
    url->target.host = url->host;
    return error;
}

enum http_error http_url_parse(const struct curl_library *curl, struct span text,
                               const struct http_url *base, struct http_url *ret_url)
{
    *ret_url = (struct http_url){0};
    if (curl->handle == NULL) {
        return parse_plain(text, ret_url);
    }
    enum http_error error = set_text(curl, ret_url, text, base);
    return error == HTTP_OK ? get_parts(curl, ret_url) : error;
}

void http_url_done(const struct curl_library *curl, struct http_url *url)
{
    void (*release)(void *) = curl->handle != NULL ? curl->free : free;
    if (url->handle != NULL) {
        curl->url_cleanup(url->handle);
    }
    release(url->url);
    release(url->scheme);
    free(url->host);
    *url = (struct http_url){0};
}
