/* Header texts, in and out. See http.h. What a request's headers may hold beyond their form is the
 * client's to check. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"
#include "imports/wasi_experimental_http/http.h"

enum { ITEMS_FIRST = 16 };

/* -- characters ------------------------------------------------------------------------------- */

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* -- requests --------------------------------------------------------------------------------- */

static int reserve(struct ehttp_headers *headers, uint32_t count)
{
    if (count <= headers->cap) {
        return 0;
    }
    uint32_t cap = headers->cap == 0 ? ITEMS_FIRST : headers->cap;
    while (cap < count) {
        cap *= 2;
    }
    struct http_header *items = realloc(headers->items, cap * sizeof *items);
    if (items == NULL) {
        return -ENOMEM;
    }
    headers->items = items;
    headers->cap = cap;
    return 0;
}

static int add(struct ehttp_headers *headers, struct span name, struct span value)
{
    if (headers->count == EHTTP_HEADERS_MAX) {
        return -EINVAL;
    }
    int r = reserve(headers, headers->count + 1);
    if (r == 0) {
        headers->items[headers->count] = (struct http_header){name, value};
        headers->count++;
    }
    return r;
}

static struct span trim_blanks(struct span text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static int add_line(struct ehttp_headers *headers, struct span line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    if (line.len == 0) {
        return 0;
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL) {
        return -EINVAL;
    }
    struct span name = {line.data, (size_t)(colon - line.data)};
    return add(headers, name, trim_blanks((struct span){colon + 1, line.len - name.len - 1}));
}

int ehttp_headers_parse_lines(struct span text, struct ehttp_headers *headers)
{
    int r = 0;
    *headers = (struct ehttp_headers){0};
    while (r == 0 && text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.data) : text.len;
        r = add_line(headers, (struct span){text.data, len});
        size_t used = newline != NULL ? len + 1 : len;
        text = (struct span){text.data + used, text.len - used};
    }
    return r;
}

static void drop_named(struct ehttp_headers *headers, const char *name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        if (!http_is_same_name(headers->items[i].name, span_of(name))) {
            headers->items[kept] = headers->items[i];
            kept++;
        }
    }
    headers->count = kept;
}

int ehttp_headers_parse_json(struct span text, struct ehttp_headers *headers)
{
    *headers = (struct ehttp_headers){0};
    if (text.len > EHTTP_JSON_MAX) {
        return -EINVAL;
    }
    headers->json = cJSON_ParseWithLength((const char *)text.data, text.len);
    if (!cJSON_IsObject(headers->json)) {
        return -EINVAL;
    }
    int r = 0;
    for (const cJSON *item = headers->json->child; r == 0 && item != NULL; item = item->next) {
        if (!cJSON_IsString(item)) {
            return -EINVAL;
        }
        drop_named(headers, item->string);
        r = add(headers, span_of(item->string), span_of(item->valuestring));
    }
    return r;
}

void ehttp_headers_done(struct ehttp_headers *headers)
{
    free(headers->items);
    cJSON_Delete(headers->json);
    *headers = (struct ehttp_headers){0};
}

/* -- responses -------------------------------------------------------------------------------- */

int ehttp_headers_borrow(const struct http_exchange *exchange, struct ehttp_headers *headers)
{
    uint32_t count = http_exchange_header_count(exchange);
    *headers = (struct ehttp_headers){0};
    int r = reserve(headers, count);
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < count; i++) {
        headers->items[i] = http_exchange_header(exchange, i);
    }
    headers->count = count;
    return 0;
}

/* A header among the others while they are put in order. */
struct place {
    const struct http_header *header; /* borrowed */
    uint32_t index;                   /* its own */
    uint32_t first;                   /* that of the first one of its name */
};

static int compare_spans(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    int order = compare_spans(a->header->name, b->header->name);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int by_arrival(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    return a->first != b->first ? (a->first > b->first) - (a->first < b->first)
                                : (a->index > b->index) - (a->index < b->index);
}

static bool is_same_name(const struct place *a, const struct place *b)
{
    return compare_spans(a->header->name, b->header->name) == 0;
}

/* Make an array of all headers, sorted by name; NULL without memory. */
static struct place *sort(const struct ehttp_headers *headers)
{
    struct place *places = calloc(headers->count + 1, sizeof *places);
    if (places == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < headers->count; i++) {
        places[i] = (struct place){&headers->items[i], i, i};
    }
    qsort(places, headers->count, sizeof *places, by_name);
    for (uint32_t i = 1; i < headers->count; i++) {
        if (is_same_name(&places[i - 1], &places[i])) {
            places[i].first = places[i - 1].first;
        }
    }
    return places;
}

static bool is_line_name(struct span name)
{
    static const char banned[] = "(),/:;<=>?@[\\]{}";
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] != '\0' && strchr(banned, name.data[i]) != NULL) {
            return false;
        }
    }
    return !has_control(name) && utf8_is_valid(name);
}

static int put_line(struct buffer *text, const struct http_header *header, const char *newline)
{
    if (!is_line_name(header->name) || has_control(header->value) ||
        !utf8_is_valid(header->value)) {
        return -EILSEQ;
    }
    int r = buffer_append(text, header->name);
    if (r == 0) {
        r = buffer_append(text, span_of(":"));
    }
    if (r == 0) {
        r = buffer_append(text, header->value);
    }
    return r == 0 ? buffer_append(text, span_of(newline)) : r;
}

static int encode_lines(const struct ehttp_headers *headers, struct place *places,
                        const char *newline, struct buffer *text)
{
    int r = 0;
    qsort(places, headers->count, sizeof *places, by_arrival);
    for (uint32_t i = 0; r == 0 && i < headers->count; i++) {
        r = put_line(text, places[i].header, newline);
    }
    return r;
}

/* Put a JSON string of visible ASCII, blanks and tabs. */
static int put_string(struct buffer *text, struct span bytes)
{
    int r = buffer_append(text, span_of("\""));
    for (size_t i = 0; r == 0 && i < bytes.len; i++) {
        uint8_t c = bytes.data[i];
        if (c == '\t') {
            r = buffer_append(text, span_of("\\t"));
        } else if (c < ' ' || c >= 0x7f) {
            r = -EILSEQ;
        } else {
            struct span one = {&bytes.data[i], 1};
            r = c == '"' || c == '\\' ? buffer_append(text, span_of("\\")) : 0;
            r = r == 0 ? buffer_append(text, one) : r;
        }
    }
    return r == 0 ? buffer_append(text, span_of("\"")) : r;
}

static int encode_json(const struct ehttp_headers *headers, const struct place *places,
                       struct buffer *text)
{
    int r = buffer_append(text, span_of("{"));
    const char *gap = "";
    for (uint32_t i = 0; r == 0 && i < headers->count; i++) {
        if (i + 1 < headers->count && is_same_name(&places[i], &places[i + 1])) {
            continue; /* the last one counts */
        }
        r = buffer_append(text, span_of(gap));
        r = r == 0 ? put_string(text, places[i].header->name) : r;
        r = r == 0 ? buffer_append(text, span_of(":")) : r;
        r = r == 0 ? put_string(text, places[i].header->value) : r;
        gap = ",";
    }
    return r == 0 ? buffer_append(text, span_of("}")) : r;
}

int ehttp_headers_encode(const struct ehttp_headers *headers, enum ehttp_encoding encoding,
                         struct buffer *text)
{
    struct place *places = sort(headers);
    if (places == NULL) {
        return -ENOMEM;
    }
    int r = encoding == EHTTP_JSON
                ? encode_json(headers, places, text)
                : encode_lines(headers, places, encoding == EHTTP_LINES ? "\n" : "\r\n", text);
    free(places);
    return r;
}
