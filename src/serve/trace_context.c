/* The traceparent header: "00-TRACE-PARENT-FLAGS", in lower case. See trace_context.h. */
#include "serve/trace_context.h"

#include <stdint.h>

enum {
    VERSION_LEN = 2,
    TRACE_ID_AT = VERSION_LEN + 1,
    PARENT_ID_AT = TRACE_ID_AT + TRACE_ID_LEN + 1,
    FLAGS_AT = PARENT_ID_AT + TRACE_SPAN_ID_LEN + 1,
    FLAGS_LEN = 2,
    WHOLE_LEN = FLAGS_AT + FLAGS_LEN,
};

static int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_hex(struct span text)
{
    bool is_good = true;
    for (size_t i = 0; i < text.len; i++) {
        is_good = is_good && digit_of(text.data[i]) >= 0;
    }
    return is_good;
}

/* An identifier of zeros only stands for none. */
static bool is_id(struct span text)
{
    bool has_bits = false;
    for (size_t i = 0; i < text.len; i++) {
        has_bits = has_bits || text.data[i] != '0';
    }
    return has_bits && is_hex(text);
}

struct trace_context trace_context_of(struct span traceparent)
{
    const struct trace_context none = {.is_sampled = false};
    const uint8_t *text = traceparent.data;
    if (traceparent.len < WHOLE_LEN) {
        return none;
    }
    struct span version = {text, VERSION_LEN};
    struct span flags = {text + FLAGS_AT, FLAGS_LEN};
    struct trace_context context = {.trace_id = {text + TRACE_ID_AT, TRACE_ID_LEN},
                                    .parent_id = {text + PARENT_ID_AT, TRACE_SPAN_ID_LEN}};
    bool has_more = traceparent.len > WHOLE_LEN;
    bool is_parted =
        text[TRACE_ID_AT - 1] == '-' && text[PARENT_ID_AT - 1] == '-' && text[FLAGS_AT - 1] == '-';
    /* Versions to come may have more behind a hyphen; this one has not. */
    if (!is_parted || !is_hex(version) || span_is(version, "ff") || !is_hex(flags) ||
        !is_id(context.trace_id) || !is_id(context.parent_id) ||
        (has_more && (span_is(version, "00") || text[WHOLE_LEN] != '-'))) {
        return none;
    }
    context.is_sampled = (digit_of(flags.data[1]) & 1) != 0;
    return context;
}

struct trace_context trace_context_find(const struct http_inbound *inbound)
{
    struct span found = {NULL, 0};
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        const struct http_header *header = &inbound->headers[i];
        if (header->name.len == 11 && span_is(header->name, "traceparent")) {
            found = header->value;
        }
    }
    return trace_context_of(found);
}
