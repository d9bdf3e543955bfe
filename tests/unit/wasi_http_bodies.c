/* wasi:http/types, incoming bodies: their stream, what is left for the trailers, and each way in which
 * they end.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_trailers http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_guest.h"
#include "imports/wasi_http/body.h"

struct taken {
    struct http_guest *g;
    uint32_t body;
    uint32_t stream;
};

static struct taken begin(const char *body)
{
    struct taken taken = {.g = http_guest_new("POST", "/")};
    struct http_guest *g = taken.g;
    if (body != NULL) {
        fake_transaction_body(g->t, body, false);
    }
    http_guest_begin(g);
    assert_int_equal(types_call(g, "[method]incoming-request.consume", NUMBER(g->request)), 0);
    taken.body = (uint32_t)g->results[1].number;
    assert_int_equal(types_call(g, "[method]incoming-body.stream", NUMBER(taken.body)), 0);
    assert_int_equal(g->results[0].number, 0);
    taken.stream = (uint32_t)g->results[1].number;
    return taken;
}

static void expect_read(const struct taken *taken, const char *name, size_t len, const char *text)
{
    struct http_guest *g = taken->g;
    assert_int_equal(streams_call(g, name, NUMBER(taken->stream), NUMBER(len)), 0);
    assert_int_equal(g->results[0].number, 0);
    assert_int_equal(g->results[1].bytes.len, strlen(text));
    assert_memory_equal(g->results[1].bytes.data, text, strlen(text));
}

static void read_more(const struct taken *taken)
{
    assert_int_equal(
        streams_call(taken->g, "[method]input-stream.read", NUMBER(taken->stream), NUMBER(100)), 0);
}

static uint32_t finish(const struct taken *taken)
{
    struct http_guest *g = taken->g;
    assert_int_equal(types_call(g, "[static]incoming-body.finish", NUMBER(taken->body)), 0);
    return (uint32_t)g->results[0].number;
}

static void get_trailers(const struct taken *taken, uint32_t future)
{
    assert_int_equal(types_call(taken->g, "[method]future-trailers.get", NUMBER(future)), 0);
}

static void a_body_is_read_to_its_end(void **state)
{
    (void)state;
    struct taken taken = begin("hello");
    struct http_guest *g = taken.g;
    expect_read(&taken, "[method]input-stream.read", 2, "he");
    expect_read(&taken, "[method]input-stream.blocking-read", 100, "llo");
    read_more(&taken);
    fake_expect_closed(g->f);
    assert_int_equal(types_call(g, "[method]incoming-body.stream", NUMBER(taken.body)), 0);
    assert_int_equal(g->results[0].number, 1);
    http_guest_free(g);
}

static void a_request_without_a_body_has_an_empty_one(void **state)
{
    (void)state;
    struct taken taken = begin(NULL);
    read_more(&taken);
    fake_expect_closed(taken.g->f);
    http_guest_free(taken.g);
}

/* Asking whether there is something takes nothing away. */
static void bytes_come_one_by_one_to_a_guest_that_polls(void **state)
{
    (void)state;
    static const char text[] = "some bytes";
    struct taken taken = begin(text);
    struct http_guest *g = taken.g;
    g->t->body_ready = 0;
    assert_int_equal(streams_call(g, "[method]input-stream.subscribe", NUMBER(taken.stream)), 0);
    uint32_t pollable = (uint32_t)g->results[0].number;
    for (size_t i = 0; i < strlen(text); i++) {
        assert_int_equal(
            component_fake_begin(g->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)),
            CALL_WAIT);
        assert_true(g->t->wants_read);
        g->t->body_ready++;
        fake_transaction_readable(g->t);
        assert_int_equal(fake_component_finish(g->f), 0);
        assert_true(fake_is_ready(g->f, pollable));
        const char one[2] = {text[i], '\0'};
        expect_read(&taken, "[method]input-stream.read", 7, one);
        if (i + 1 < strlen(text)) {
            expect_read(&taken, "[method]input-stream.read", 7, "");
        }
    }
    assert_int_equal(
        component_fake_call(g->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)), 0);
    assert_int_equal(g->f->waits, 0);
    read_more(&taken);
    fake_expect_closed(g->f);
    http_guest_free(g);
}

static void a_peeked_byte_comes_first(void **state)
{
    (void)state;
    struct taken taken = begin("abcdef");
    struct http_guest *g = taken.g;
    assert_int_equal(streams_call(g, "[method]input-stream.subscribe", NUMBER(taken.stream)), 0);
    uint32_t pollable = (uint32_t)g->results[0].number;
    static const struct {
        size_t len;
        const char *text;
    } reads[] = {{1, "a"}, {2, "bc"}, {100, "def"}};
    for (size_t i = 0; i < ARRAY_COUNT(reads); i++) {
        for (unsigned times = 0; times < 3; times++) {
            assert_true(fake_is_ready(g->f, pollable));
        }
        expect_read(&taken, "[method]input-stream.read", reads[i].len, reads[i].text);
    }
    read_more(&taken);
    fake_expect_closed(g->f);
    http_guest_free(g);
}

static void a_parked_read_is_woken(void **state)
{
    (void)state;
    struct taken taken = begin("late");
    struct http_guest *g = taken.g;
    g->t->body_ready = 0;
    assert_int_equal(component_fake_begin(g->f, &wasi_io_streams,
                                          "[method]input-stream.blocking-read",
                                          NUMBER(taken.stream), NUMBER(100)),
                     CALL_WAIT);
    g->t->body_ready = 4;
    fake_transaction_readable(g->t);
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(g->results[1].bytes.len, 4);
    http_guest_free(g);
}

static void failures_are_told_truly(void **state)
{
    (void)state;
    static const struct {
        int64_t error;
        uint64_t kind;
    } rows[] = {{-EMSGSIZE, WASI_HTTP_REQUEST_BODY_SIZE},
                {-EPROTO, WASI_HTTP_PROTOCOL_ERROR},
                {-ECONNRESET, WASI_HTTP_CONNECTION_TERMINATED}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct taken taken = begin("hello");
        struct http_guest *g = taken.g;
        expect_read(&taken, "[method]input-stream.read", 1, "h");
        g->t->read_error = rows[i].error;
        read_more(&taken);
        assert_int_equal(http_guest_failure(g), rows[i].kind);
        read_more(&taken);
        fake_expect_closed(g->f);
        http_guest_drop_stream(g, "input-stream", taken.stream);
        uint32_t future = finish(&taken);
        get_trailers(&taken, future);
        assert_int_equal(g->results[0].number, 1); /* some(ok(error(kind))) */
        assert_int_equal(g->results[1].number, 0);
        assert_int_equal(g->results[2].number, 1);
        assert_int_equal(g->results[3].number, rows[i].kind);
        get_trailers(&taken, future);
        assert_int_equal(g->results[0].number, 1); /* some(error) */
        assert_int_equal(g->results[1].number, 1);
        http_guest_free(g);
    }
}

static void trailers_come_behind_what_is_thrown_away(void **state)
{
    (void)state;
    const struct http_header lines[] = {{span_of("x-sum"), span_of("7")},
                                        {span_of("connection"), span_of("close")},
                                        {span_of("x-b"), span_of("")}};
    struct taken taken = begin("hello");
    struct http_guest *g = taken.g;
    g->t->trailers = lines;
    g->t->trailer_count = ARRAY_COUNT(lines);
    g->t->body_ready = 3;
    expect_read(&taken, "[method]input-stream.read", 2, "he");
    assert_int_equal(types_call(g, "[static]incoming-body.finish", NUMBER(taken.body)), CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(g->f), "still alive"));
    assert_int_equal(fake_component_drop(g->f, &wasi_http_types, "incoming-body", taken.body),
                     CALL_TRAP);
    http_guest_drop_stream(g, "input-stream", taken.stream);
    uint32_t future = finish(&taken);
    assert_int_equal(types_call(g, "[method]future-trailers.subscribe", NUMBER(future)), 0);
    uint32_t pollable = (uint32_t)g->results[0].number;
    get_trailers(&taken, future);
    assert_int_equal(g->results[0].number, 0); /* none */
    assert_int_equal(
        component_fake_begin(g->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)),
        CALL_WAIT);
    g->t->body_ready = 5;
    fake_transaction_readable(g->t);
    assert_int_equal(fake_component_finish(g->f), 0);
    get_trailers(&taken, future);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, 0);
    assert_int_equal(g->results[2].number, 0);
    assert_int_equal(g->results[3].number, 1);
    uint32_t trailers = (uint32_t)g->results[4].number;
    http_guest_drop(g, "future-trailers", future); /* the pollable outlives it */
    http_guest_expect_entries(g, trailers, "x-sum: 7\nx-b: \n");
    assert_int_equal(types_call(g, "[method]fields.delete", NUMBER(trailers), TEXT("x-b")), 0);
    assert_int_equal(g->results[1].number, HEADER_IMMUTABLE);
    assert_true(fake_is_ready(g->f, pollable));
    http_guest_free(g);
}

static void no_trailers_are_no_error(void **state)
{
    (void)state;
    struct taken taken = begin("hello");
    struct http_guest *g = taken.g;
    http_guest_drop_stream(g, "input-stream", taken.stream);
    uint32_t future = finish(&taken);
    get_trailers(&taken, future);
    assert_int_equal(g->results[0].number, 1);
    for (unsigned slot = 1; slot < 4; slot++) {
        assert_int_equal(g->results[slot].number, 0); /* ok(ok(none)) */
    }
    http_guest_free(g);
}

/* A body that comes faster than it is thrown away does not keep the others from their turn. */
static void a_long_body_is_thrown_away_in_turns(void **state)
{
    (void)state;
    enum { LEN = 3 << 20 };
    char *text = malloc(LEN + 1);
    memset(text, 'a', LEN);
    text[LEN] = '\0';
    struct taken taken = begin(text);
    struct http_guest *g = taken.g;
    http_guest_drop_stream(g, "input-stream", taken.stream);
    uint32_t future = finish(&taken);
    get_trailers(&taken, future);
    assert_int_equal(g->results[0].number, 0);
    assert_true(g->t->body_at < 1 << 20);
    assert_int_equal(types_call(g, "[method]future-trailers.subscribe", NUMBER(future)), 0);
    uint32_t pollable = (uint32_t)g->results[0].number;
    assert_int_equal(
        component_fake_call(g->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)), 0);
    assert_true(g->f->waits > 1);
    get_trailers(&taken, future);
    assert_int_equal(g->results[0].number, 1);
    http_guest_free(g);
    free(text);
}

static void a_body_outlives_its_request_and_the_client(void **state)
{
    (void)state;
    struct taken taken = begin("hello");
    struct http_guest *g = taken.g;
    http_guest_drop(g, "incoming-request", g->request);
    http_guest_drop(g, "response-outparam", g->outparam);
    expect_read(&taken, "[method]input-stream.read", 1, "h");
    http_guest_abort(g);
    wasi_http_inbound_free(g->inbound);
    g->inbound = NULL;
    read_more(&taken);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
    http_guest_drop_stream(g, "input-stream", taken.stream);
    http_guest_drop(g, "incoming-body", taken.body);
    http_guest_free(g);
}

static void a_parked_read_ends_with_the_client(void **state)
{
    (void)state;
    struct taken taken = begin("late");
    struct http_guest *g = taken.g;
    g->t->body_ready = 0;
    assert_int_equal(component_fake_begin(g->f, &wasi_io_streams,
                                          "[method]input-stream.blocking-read",
                                          NUMBER(taken.stream), NUMBER(100)),
                     CALL_WAIT);
    http_guest_abort(g);
    guest_wake(&g->f->guest);
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
    http_guest_free(g);
}

/* The response is complete before the guest asks for the trailers of what it has read. */
static void trailers_are_kept_beyond_the_response(void **state)
{
    (void)state;
    const struct http_header line = {span_of("x-sum"), span_of("7")};
    struct taken taken = begin("hello");
    struct http_guest *g = taken.g;
    g->t->trailers = &line;
    g->t->trailer_count = 1;
    expect_read(&taken, "[method]input-stream.read", 100, "hello");
    read_more(&taken);
    fake_expect_closed(g->f);
    http_guest_drop(g, "incoming-request", g->request);
    http_guest_set(g, http_guest_response(g, ""));
    http_guest_drop_stream(g, "input-stream", taken.stream);
    uint32_t future = finish(&taken);
    get_trailers(&taken, future);
    assert_int_equal(g->results[3].number, 1);
    http_guest_expect_entries(g, (uint32_t)g->results[4].number, "x-sum: 7\n");
    http_guest_free(g);
}

static void other_errors_are_none_of_http(void **state)
{
    (void)state;
    struct http_guest *g = http_guest_new("GET", "/");
    struct io_error *error = calloc(1, sizeof *error);
    uint32_t rep = 0;
    resource_init(&error->base, &g->f->guest, &io_error_kind);
    error->domain = IO_ERROR_FILE;
    error->code = -ECONNRESET;
    assert_int_equal(resource_add(&error->base, &rep), 0);
    assert_int_equal(types_call(g, "http-error-code", NUMBER(rep)), 0);
    assert_int_equal(g->results[0].number, 0);
    http_guest_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_read_to_its_end),
        cmocka_unit_test(a_request_without_a_body_has_an_empty_one),
        cmocka_unit_test(bytes_come_one_by_one_to_a_guest_that_polls),
        cmocka_unit_test(a_peeked_byte_comes_first),
        cmocka_unit_test(a_parked_read_is_woken),
        cmocka_unit_test(failures_are_told_truly),
        cmocka_unit_test(trailers_come_behind_what_is_thrown_away),
        cmocka_unit_test(no_trailers_are_no_error),
        cmocka_unit_test(a_long_body_is_thrown_away_in_turns),
        cmocka_unit_test(a_body_outlives_its_request_and_the_client),
        cmocka_unit_test(a_parked_read_ends_with_the_client),
        cmocka_unit_test(trailers_are_kept_beyond_the_response),
        cmocka_unit_test(other_errors_are_none_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
