/* Header texts of wasi_experimental_http: lines and JSON, in and out. What has been read lies within
 * the text, and what has been written reads back. The first byte chooses the form. */
#include "base/utf8.h"
#include "imports/wasi_experimental_http/http.h"

#include "input.h"

enum { ENCODED_MAX = 4 << 20 };

static void check_lines(struct span text, const struct ehttp_headers *headers)
{
    must(headers->count <= EHTTP_HEADERS_MAX);
    for (uint32_t i = 0; i < headers->count; i++) {
        struct span name = headers->items[i].name;
        struct span value = headers->items[i].value;
        must(name.data >= text.data && name.data + name.len <= text.data + text.len);
        must(value.data >= text.data && value.data + value.len <= text.data + text.len);
        must(memchr(name.data, ':', name.len) == NULL);
        must(memchr(value.data, '\n', value.len) == NULL);
    }
}

static void check_encoded(const struct ehttp_headers *headers, enum ehttp_encoding encoding)
{
    struct buffer text;
    struct ehttp_headers again;
    buffer_init(&text, ENCODED_MAX);
    if (ehttp_headers_encode(headers, encoding, &text) == 0) {
        struct span written = buffer_span(&text);
        int r = encoding == EHTTP_JSON ? ehttp_headers_parse_json(written, &again)
                                       : ehttp_headers_parse_lines(written, &again);
        must(r == 0);
        must(encoding == EHTTP_JSON ? again.count <= headers->count
                                    : again.count == headers->count);
        must(utf8_is_valid(written));
        ehttp_headers_done(&again);
    }
    buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    bool is_json = input_number(&in, 1) % 2 != 0;
    struct ehttp_headers headers;
    /* On the heap and without a NUL behind it, so that a read past its end is seen. */
    uint8_t *copy = malloc(in.len > 0 ? in.len : 1);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, in.data, in.len);
    struct span text = {copy, in.len};
    int r = is_json ? ehttp_headers_parse_json(text, &headers)
                    : ehttp_headers_parse_lines(text, &headers);
    if (r == 0 && !is_json) {
        check_lines(text, &headers);
    }
    if (r == 0) {
        check_encoded(&headers, EHTTP_LINES);
        check_encoded(&headers, EHTTP_CRLF_LINES);
        check_encoded(&headers, EHTTP_JSON);
    }
    ehttp_headers_done(&headers);
    (void)http_is_token(text);
    (void)ehttp_tls_config_is_plain(text);
    free(copy);
    return 0;
}
