/* The body of an HTTP/1 request: every case of tests/cases/h1_body, in one piece and in every cut.
 *
 * Outcomes: "done", "more", or a status. Keys:
 *     kind chunked | length N | none    (chunked)
 *     content BYTES                     what was decoded before the outcome, (none)
 *     trailer NAME: VALUE               each one that is left, in order
 *     left BYTES                        behind the end of the body, (none)
 *
 * Wraps: realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/h1_body.h"
#include "wire_case.h"

enum { CONTENT_MAX = 1 << 20, CASES_MIN = 60, CUTS_MAX = 1000 };

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool has_no_memory;

void *__wrap_realloc(void *memory, size_t size)
{
    return has_no_memory ? NULL : __real_realloc(memory, size);
}

struct decoding {
    struct h1_body body;
    struct buffer content;
    size_t used; /* of the input */
    int status;  /* 0 while nothing is wrong */
};

static struct h1_head head_of(struct wire_case *c)
{
    struct span kind = wire_case_text(c, "kind", "chunked");
    struct h1_head head = {.body = H1_BODY_CHUNKED};
    if (span_is(kind, "none")) {
        head.body = H1_BODY_NONE;
    } else if (kind.len > 7 && memcmp(kind.data, "length ", 7) == 0) {
        head.body = H1_BODY_LENGTH;
        head.content_length = strtoull((const char *)kind.data + 7, NULL, 10);
    } else {
        wire_check(c, span_is(kind, "chunked"), "no such kind");
    }
    return head;
}

/* Take what comes out at the front of `piece`. False when nothing more can. */
static bool decode_some(struct decoding *d, struct span piece, size_t *at)
{
    size_t content = 0;
    int64_t framing = h1_body_frame(&d->body, piece.data + *at, piece.len - *at, &content);
    if (framing < 0) {
        d->status = (int)-framing;
        size_t ignored = 0;
        assert_int_equal(h1_body_frame(&d->body, (const uint8_t *)"0", 1, &ignored), -400);
        assert_int_equal(h1_body_direct(&d->body), 0);
        return false;
    }
    *at += (size_t)framing;
    assert_true(content <= piece.len - *at);
    uint64_t direct = h1_body_direct(&d->body);
    assert_int_equal(content, direct < piece.len - *at ? direct : piece.len - *at);
    assert_int_equal(buffer_append(&d->content, (struct span){piece.data + *at, content}), 0);
    if (content > 1) {
        h1_body_take(&d->body, 1); /* a reader may take less than there is */
        assert_false(d->body.is_done);
        h1_body_take(&d->body, content - 1);
    } else if (content == 1) {
        h1_body_take(&d->body, 1);
    }
    *at += content;
    return framing > 0 || content > 0;
}

static void decode_piece(struct decoding *d, struct span piece)
{
    uint8_t *copy = malloc(piece.len > 0 ? piece.len : 1); /* exact: a read past its end is seen */
    assert_non_null(copy);
    if (piece.len > 0) {
        memcpy(copy, piece.data, piece.len);
    }
    size_t at = 0;
    while (!d->body.is_done && decode_some(d, (struct span){copy, piece.len}, &at)) {
    }
    if (!d->body.is_done && d->status == 0) {
        assert_int_equal(at, piece.len); /* nothing waits for bytes behind it */
    }
    d->used += at;
    free(copy);
}

/* Decode in pieces: up to `cut`, then `step` bytes at a time. */
static struct decoding *decode(const struct h1_head *head, struct span input, size_t cut,
                               size_t step)
{
    struct decoding *d = calloc(1, sizeof *d);
    assert_non_null(d);
    h1_body_init(&d->body, head);
    buffer_init(&d->content, CONTENT_MAX);
    size_t from = 0;
    size_t to = cut;
    for (;;) {
        decode_piece(d, (struct span){input.data + from, to - from});
        if (d->body.is_done || d->status != 0 || to == input.len) {
            return d;
        }
        from = to;
        to = input.len - to < step ? input.len : to + step;
    }
}

static void decoding_free(struct decoding *d)
{
    h1_body_done(&d->body);
    buffer_done(&d->content);
    free(d);
}

static void check_trailers(struct wire_case *c, struct h1_body *body)
{
    struct http_header headers[H1_TRAILER_COUNT_MAX];
    uint32_t count = h1_body_trailers(body, headers, H1_TRAILER_COUNT_MAX);
    uint32_t expected = 0;
    for (;; expected++) {
        const struct buffer *line = wire_case_take(c, "trailer");
        if (line == NULL) {
            break;
        }
        wire_check(c, expected < count, (const char *)line->data);
        struct span text = buffer_span(line);
        const uint8_t *colon = memchr(text.data, ':', text.len);
        assert_non_null(colon);
        struct span value = {colon + 1, text.len - (size_t)(colon + 1 - text.data)};
        wire_check_text(c, "name", headers[expected].name,
                        (struct span){text.data, (size_t)(colon - text.data)});
        wire_check_text(c, "value", headers[expected].value, http_trim(value));
    }
    wire_check_number(c, "the number of trailers", count, expected);
}

static void check_outcome(struct wire_case *c, struct decoding *d)
{
    const char *expected = c->outcome.name;
    bool is_done = strcmp(expected, "done") == 0;
    bool is_more = strcmp(expected, "more") == 0;
    wire_check_number(c, "status", d->status, is_done || is_more ? 0 : strtoll(expected, NULL, 10));
    wire_check_number(c, "is_done", d->body.is_done, is_done);
    wire_check_text(c, "content", buffer_span(&d->content), wire_case_text(c, "content", ""));
    if (is_done) {
        struct span left = {c->input.data + d->used, c->input.len - d->used};
        wire_check_text(c, "left", left, wire_case_text(c, "left", ""));
        check_trailers(c, &d->body);
    }
}

static void check_same(struct wire_case *c, struct decoding *got, struct decoding *whole)
{
    wire_check_number(c, "status in pieces", got->status, whole->status);
    wire_check_number(c, "is_done in pieces", got->body.is_done, whole->body.is_done);
    wire_check_text(c, "content in pieces", buffer_span(&got->content),
                    buffer_span(&whole->content));
    if (whole->status == 0) {
        wire_check_number(c, "used in pieces", (int64_t)got->used, (int64_t)whole->used);
        wire_check_text(c, "trailers in pieces", buffer_span(&got->body.trailer),
                        buffer_span(&whole->body.trailer));
    }
    decoding_free(got);
}

static void run_case(struct wire_case *c)
{
    struct h1_head head = head_of(c);
    struct span input = buffer_span(&c->input);
    struct decoding *whole = decode(&head, input, input.len, 1);
    check_same(c, decode(&head, input, 0, 1), whole);
    check_same(c, decode(&head, input, 0, 3), whole);
    for (size_t i = 1; i < input.len && i < CUTS_MAX; i++) {
        check_same(c, decode(&head, input, i, input.len), whole);
    }
    check_outcome(c, whole); /* puts the trailers' names in lower case */
    decoding_free(whole);
}

static void every_case(void **state)
{
    (void)state;
    unsigned count = wire_cases_run("h1_body", run_case);
    print_message("%u cases\n", count);
    assert_true(count >= CASES_MIN);
}

/* What a byte may be at each place where only a few are right. */
static void every_byte_in_every_place(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *allowed;
        bool allows_text; /* all but controls */
    } places[] = {
        {"", "0123456789abcdefABCDEF", false},
        {"1", "0123456789abcdefABCDEF;\r \t", false},
        {"1 ", "; \t", false},
        {"1;", "\r\t", true},
        {"1;a=\"", "\t", true},
        {"1;a=\"\\", "\t", true},
        {"1\r", "\n", false},
        {"1\r\na", "\r", false},
        {"1\r\na\r", "\n", false},
        {"1\r\na\r\n", "0123456789abcdefABCDEF", false},
        {"0;a\r", "\n", false},
    };
    struct h1_head head = {.body = H1_BODY_CHUNKED};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char input[32];
            int len = snprintf(input, sizeof input, "%s", places[i].before);
            input[len] = (char)byte;
            struct decoding *d = decode(
                &head, (struct span){(const uint8_t *)input, (size_t)len + 1}, (size_t)len + 1, 1);
            bool is_allowed = (byte != 0 && strchr(places[i].allowed, (int)byte) != NULL) ||
                              (places[i].allows_text && byte >= 0x20 && byte != 0x7f);
            if ((d->status == 0) != is_allowed || (d->status != 0 && d->status != 400)) {
                print_error("place %zu, byte 0x%02x: %d\n", i, byte, d->status);
                fail();
            }
            decoding_free(d);
        }
    }
}

static void a_length_may_be_read_past_the_parser(void **state)
{
    (void)state;
    struct h1_head head = {.body = H1_BODY_LENGTH, .content_length = INT64_MAX};
    struct h1_body body;
    h1_body_init(&body, &head);
    assert_int_equal(h1_body_direct(&body), INT64_MAX);
    h1_body_take(&body, 1000);
    assert_int_equal(h1_body_direct(&body), INT64_MAX - 1000);
    h1_body_take(&body, (size_t)h1_body_direct(&body));
    assert_int_equal(h1_body_direct(&body), 0);
    assert_true(body.is_done);
    h1_body_done(&body);
}

static void trailers_fit_into_less_room(void **state)
{
    (void)state;
    static const char input[] = "0\r\nA: 1\r\nB: 2\r\n\r\n";
    struct h1_head head = {.body = H1_BODY_CHUNKED};
    struct http_header headers[2] = {0};
    struct decoding *d =
        decode(&head, (struct span){(const uint8_t *)input, sizeof input - 1}, 0, 1);
    assert_true(d->body.is_done);
    assert_int_equal(h1_body_trailers(&d->body, headers, 0), 0);
    assert_int_equal(h1_body_trailers(&d->body, headers, 1), 1);
    assert_true(span_is(headers[0].name, "a"));
    assert_null(headers[1].name.data);
    assert_int_equal(h1_body_trailers(&d->body, headers, 2), 2);
    assert_true(span_is(headers[1].name, "b"));
    decoding_free(d);
}

static void a_trailer_without_memory(void **state)
{
    (void)state;
    static const char input[] = "0\r\nA: 1\r\n\r\n";
    struct h1_head head = {.body = H1_BODY_CHUNKED};
    has_no_memory = true;
    struct decoding *d =
        decode(&head, (struct span){(const uint8_t *)input, sizeof input - 1}, 0, 1);
    has_no_memory = false;
    assert_int_equal(d->status, 503);
    assert_false(d->body.is_done);
    decoding_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),
        cmocka_unit_test(every_byte_in_every_place),
        cmocka_unit_test(a_length_may_be_read_past_the_parser),
        cmocka_unit_test(trailers_fit_into_less_room),
        cmocka_unit_test(a_trailer_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
