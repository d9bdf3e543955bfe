/* The front's own answers: small pages that say what is wrong, in the form the peer accepts, with
 * the request's id and nothing of a guest's inside. */
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "http/internal.h"

enum { PAGE_MAX = 1024, PAGE_HEADERS_MAX = 4 };

static const struct {
    uint16_t status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *status_text(uint16_t status)
{
    if (status == 200) {
        return "OK";
    }
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].text;
        }
    }
    return "";
}

/* What a person can do about it; NULL: nothing that helps. */
static const char *advice(uint16_t status)
{
    switch (status) {
    case 400:
        return "The request is not valid HTTP.";
    case 404:
        return "Nothing is served at this address.";
    case 405:
        return "This method is not served here.";
    case 408:
        return "The request took too long to arrive.";
    case 413:
        return "The request's body is larger than this server takes.";
    case 414:
        return "The address is longer than this server takes.";
    case 431:
        return "The request's headers are larger than this server takes.";
    case 500:
        return "The program behind this address failed.";
    case 502:
        return "The program behind this address gave no valid answer.";
    case 503:
        return "The server is busy. Please try again soon.";
    case 504:
        return "The program behind this address took too long.";
    default:
        return NULL;
    }
}

enum page_form { PAGE_TEXT, PAGE_HTML, PAGE_JSON };

/* The first of the three media types that the Accept header names wins; weights are for content that
 * matters more. */
static enum page_form choose_form(const struct http_transaction *t)
{
    const struct http_header *accept =
        http_find_header(t->inbound.headers, t->inbound.header_count, "accept");
    struct span rest = accept != NULL ? accept->value : (struct span){0};
    struct span element;
    while (http_list_next(&rest, &element)) {
        const uint8_t *semicolon = memchr(element.data, ';', element.len);
        if (semicolon != NULL) {
            element.len = (size_t)(semicolon - element.data);
        }
        element = http_trim(element);
        if (http_is_name(element, "text/html") || http_is_name(element, "application/xhtml+xml")) {
            return PAGE_HTML;
        }
        if (http_is_name(element, "application/json") ||
            http_is_name(element, "application/problem+json")) {
            return PAGE_JSON;
        }
    }
    return PAGE_TEXT;
}

static struct span print_page(char text[PAGE_MAX], enum page_form form, struct http_transaction *t,
                              uint16_t status)
{
    const char *title = status_text(status);
    const char *words = advice(status) != NULL ? advice(status) : "";
    const char *id = http_transaction_id(t);
    int len = 0;
    switch (form) {
    case PAGE_HTML:
        len = snprintf(text, PAGE_MAX,
                       "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
                       "<title>%u %s</title>"
                       "<style>body{font:1rem/1.5 system-ui,sans-serif;margin:15vh auto;"
                       "max-width:34rem;padding:0 1rem}small{color:#767676}</style>"
                       "<h1>%s</h1><p>%s</p><p><small>Request %s</small></p></html>\n",
                       status, title, title, words, id);
        break;
    case PAGE_JSON:
        len = snprintf(text, PAGE_MAX,
                       "{\"status\":%u,\"title\":\"%s\",\"detail\":\"%s\",\"request\":\"%s\"}\n",
                       status, title, words, id);
        break;
    case PAGE_TEXT:
        len = snprintf(text, PAGE_MAX, "%u %s\n%s%sRequest %s\n", status, title, words,
                       words[0] != '\0' ? "\n" : "", id);
        break;
    }
    return (struct span){(const uint8_t *)text, (size_t)len}; /* always fits */
}

void page_answer(struct http_transaction *t, uint16_t status, uint32_t retry_after_s)
{
    static const char *const types[] = {
        [PAGE_TEXT] = "text/plain; charset=utf-8",
        [PAGE_HTML] = "text/html; charset=utf-8",
        [PAGE_JSON] = "application/json",
    };
    char text[PAGE_MAX];
    char seconds[16];
    enum page_form form = choose_form(t);
    struct http_header headers[PAGE_HEADERS_MAX] = {
        {span_of("content-type"), span_of(types[form])},
        {span_of("cache-control"), span_of("no-store")},
        {span_of("x-content-type-options"), span_of("nosniff")},
    };
    uint32_t count = 3;
    if (retry_after_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", retry_after_s); /* always fits */
        headers[count++] = (struct http_header){span_of("retry-after"), span_of(seconds)};
    }
    const struct http_outbound outbound = {
        .status = status,
        .headers = headers,
        .header_count = count,
    };
    transaction_answer(t, &outbound, print_page(text, form, t, status));
}
