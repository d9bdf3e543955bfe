/* Paths, hosts, ranges and dates of requests. A path's canonical form has nothing left that a file
 * system or a router could read otherwise; written as a URL and read again it is the same. The input
 * is "AUTHORITY PATH", and the path stands for the values of headers too. */
#include "handlers/path.h"

#include "handlers/files_internal.h"
#include "handlers/router.h"
#include "input.h"

enum { TEXT_MAX = 1 << 20 };

static bool has(struct span text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static bool ends_with(struct span text, const char *part)
{
    size_t len = strlen(part);
    return text.len >= len && memcmp(text.data + text.len - len, part, len) == 0;
}

static void check_path(struct span path)
{
    must(path.len > 0 && path.data[0] == '/');
    must(memchr(path.data, '\0', path.len) == NULL);
    must(!has(path, "//"));
    must(!has(path, "/./") && !has(path, "/../"));
    must(!ends_with(path, "/.") && !ends_with(path, "/.."));
}

static void check_again(struct span path)
{
    struct buffer scratch;
    struct span again;
    uint8_t *url = malloc(path.len * 3);
    if (url == NULL) {
        return;
    }
    size_t len = (size_t)(path_encode(url, path) - url);
    buffer_init(&scratch, TEXT_MAX);
    must(path_canonical((struct span){url, len}, &scratch, &again) == 0);
    must(again.len == path.len && memcmp(again.data, path.data, path.len) == 0);
    for (size_t i = 0; i < len; i++) {
        must(url[i] > ' ' && url[i] < 0x7f);
    }
    must((size_t)(path_plain(url, path) - url) <= path.len);
    buffer_done(&scratch);
    free(url);
}

/* "/api" and all below go to 1, "*.example" to 2, the rest to 0; told without the router's help. */
static void check_route(const struct router *router, struct span authority, struct span path)
{
    uint32_t number = 99;
    must(router_find(router, authority, path, &number));
    bool is_api = path.len >= 4 && memcmp(path.data, "/api", 4) == 0 &&
                  (path.len == 4 || path.data[4] == '/');
    char host[ROUTER_HOST_MAX];
    size_t len = router_host(authority, host);
    bool is_example = len > 8 && host[0] != '.' && memcmp(host + len - 8, ".example", 8) == 0;
    must(number == (is_example ? 2U : is_api ? 1U : 0U));
}

static void check_values(struct span text)
{
    struct file_range ranges[FILES_RANGES_MAX];
    for (uint64_t size = 0; size < 300; size += 99) {
        int count = files_parse_ranges(text, size, ranges);
        uint64_t total = 0;
        must(count <= FILES_RANGES_MAX);
        for (int i = 0; i < count; i++) {
            must(ranges[i].len > 0 && ranges[i].begin < size);
            must(ranges[i].len <= size - ranges[i].begin);
            total += ranges[i].len;
        }
        must(count < 2 || total <= size);
    }
    time_t when = 0;
    (void)files_parse_date(text, &when);
    (void)files_type_of(text);
    const struct http_header headers[] = {
        {span_of("if-match"), text},
        {span_of("if-none-match"), text},
        {span_of("if-range"), text},
        {span_of("if-modified-since"), text},
    };
    const struct http_inbound inbound = {.headers = headers, .header_count = 4};
    const struct file_found found = {.etag = "\"1-2\""};
    (void)files_judge(&inbound, &found);
    (void)files_may_range(&inbound, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct router *router = NULL;
    struct buffer scratch;
    struct span path;
    uint32_t other = 0;
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL || router_new(&router) < 0) {
        free(copy);
        return 0;
    }
    if (len > 0) {
        memcpy(copy, data, len);
    }
    const uint8_t *blank = memchr(copy, ' ', len);
    size_t cut = blank != NULL ? (size_t)(blank - copy) : 0;
    struct span authority = {copy, cut};
    struct span raw = {copy + cut + (blank != NULL ? 1 : 0), len - cut - (blank != NULL ? 1 : 0)};
    buffer_init(&scratch, TEXT_MAX);
    must(router_add(router, NULL, span_of(""), true, 0, &other) == 0);
    must(router_add(router, NULL, span_of("/api"), true, 1, &other) == 0);
    must(router_add(router, "*.example", span_of(""), true, 2, &other) == 0);
    if (path_canonical(raw, &scratch, &path) == 0) {
        check_path(path);
        check_again(path);
        check_route(router, authority, path);
    }
    check_values(raw);
    buffer_done(&scratch);
    router_free(router);
    free(copy);
    return 0;
}
