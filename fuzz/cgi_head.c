/* Heads of CGI responses. However the bytes come in pieces, the same is made of them; and what is let
 * through can be sent. The first byte is the size of the pieces. */
#include "handlers/cgi_head.h"

#include "handlers/cgi_log.h"
#include "input.h"

enum { LINE_MAX_LEN = 256 };

/* Feed in pieces. What the last feed answered; how much was taken in all. */
static int feed(struct cgi_head *head, struct span bytes, size_t piece, size_t *ret_used)
{
    size_t at = 0;
    int r = 0;
    while (r == 0 && at < bytes.len) {
        size_t used = 0;
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        r = cgi_head_feed(head, (struct span){bytes.data + at, len}, &used);
        must(r < 0 || used <= len);
        must(r != 0 || used == len);
        at += r < 0 ? 0 : used;
    }
    *ret_used = at;
    return r;
}

static void check_answer(const struct cgi_answer *answer)
{
    must(answer->status >= 200 && answer->status <= 599);
    must(answer->length >= -1);
    must(answer->header_count <= CGI_HEADERS_MAX);
    for (uint32_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];
        must(http_is_token(header->name));
        must(http_is_value(header->value));
        must(!http_is_name(header->name, "status"));
        must(!http_is_name(header->name, "content-length"));
        must(!http_is_name(header->name, "transfer-encoding"));
        must(!http_is_name(header->name, "connection"));
    }
}

static void check_same(const struct cgi_answer *a, const struct cgi_answer *b)
{
    must(a->status == b->status);
    must(a->length == b->length);
    must(a->header_count == b->header_count);
}

/* The same bytes as a guest's stderr. */
static void check_line(void *context, const char *line)
{
    (void)context;
    for (; *line != '\0'; line++) {
        must((unsigned char)*line >= 0x20 || *line == '\t');
        must(*line != 0x7f);
    }
}

static void check_log(struct span bytes, size_t piece)
{
    struct cgi_log log;
    cgi_log_init(&log, LINE_MAX_LEN * 16, check_line, NULL);
    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        cgi_log_write(&log, (struct span){bytes.data + at, len});
    }
    cgi_log_end(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct cgi_answer whole_answer;
    static struct cgi_answer piece_answer;
    struct input in = {data, len};
    size_t piece = (size_t)input_number(&in, 1) + 1;
    struct cgi_head whole;
    struct cgi_head pieces;
    size_t whole_used = 0;
    size_t piece_used = 0;
    /* On the heap and without a NUL behind it, so that a read past its end is seen. */
    uint8_t *copy = malloc(in.len > 0 ? in.len : 1);
    if (copy == NULL) {
        return 0;
    }
    if (in.len > 0) {
        memcpy(copy, in.data, in.len);
    }
    struct span bytes = {copy, in.len};
    cgi_head_init(&whole);
    cgi_head_init(&pieces);
    int r = feed(&whole, bytes, SIZE_MAX, &whole_used);
    int piece_r = feed(&pieces, bytes, piece, &piece_used);
    must(r == piece_r);
    if (r == 1) {
        must(whole_used == piece_used);
        r = cgi_head_parse(&whole, &whole_answer);
        must(r == cgi_head_parse(&pieces, &piece_answer));
        must(r == 0 || whole_answer.why != NULL);
    } else {
        r = -1;
    }
    if (r == 0) {
        check_answer(&whole_answer);
        check_same(&whole_answer, &piece_answer);
    }
    check_log(bytes, piece);
    cgi_head_done(&whole);
    cgi_head_done(&pieces);
    free(copy);
    return 0;
}
