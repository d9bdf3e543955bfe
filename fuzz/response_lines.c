/* The header and trailer lines of a response, as libcurl gives them to the client: each line lies in a
 * piece of memory of its own, and what has been kept of it can be read back. */
#include "http/exchange.h"

#include "input.h"

enum { HEAD_MAX = 4096, LINES_MAX = 1000 };

static void read_back(struct http_exchange *exchange)
{
    const struct http_header *trailers = NULL;
    volatile uint8_t sum = 0;
    for (uint32_t i = 0; i < http_exchange_header_count(exchange); i++) {
        struct http_header header = http_exchange_header(exchange, i);
        for (size_t n = 0; n < header.name.len; n++) {
            must(header.name.data[n] < 'A' || header.name.data[n] > 'Z');
        }
        for (size_t n = 0; n < header.value.len; n++) {
            sum = (uint8_t)(sum + header.value.data[n]);
        }
    }
    uint32_t count = http_exchange_trailers(exchange, &trailers);
    must(count <= exchange->trailers.count);
    for (uint32_t i = 0; i < count; i++) {
        must(http_is_token(trailers[i].name) && http_is_value(trailers[i].value));
        must(!http_is_forbidden_trailer(trailers[i].name));
    }
    (void)exchange_find_header(exchange, "location");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct http_exchange exchange; /* large, and no more than its lines are used */
    struct input in = {data, len};
    exchange = (struct http_exchange){.state = EXCHANGE_DONE};
    buffer_init(&exchange.head.bytes, HEAD_MAX);
    buffer_init(&exchange.trailers.bytes, HEAD_MAX);
    for (unsigned i = 0; in.len > 0 && i < LINES_MAX; i++) {
        uint64_t what = input_number(&in, 1);
        const uint8_t *end = in.len > 0 ? memchr(in.data, '\n', in.len) : NULL;
        size_t count = end != NULL ? (size_t)(end - in.data) + 1 : in.len;
        uint8_t *copy = malloc(count > 0 ? count : 1);
        if (copy == NULL) {
            break;
        }
        memcpy(copy, in.data, count);
        struct span line = {copy, count};
        if (what % 16 == 0) {
            exchange_clear_head(&exchange);
        }
        (void)(what % 2 == 0 ? exchange_add_line : exchange_add_trailer)(&exchange, line);
        free(copy);
        in.data += count;
        in.len -= count;
    }
    read_back(&exchange);
    field_lines_done(&exchange.head);
    field_lines_done(&exchange.trailers);
    free(exchange.trailer_headers);
    return 0;
}
