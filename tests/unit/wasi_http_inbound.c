/* wasi:http/types, responses of a served transaction: set, bodies and their lengths, back-pressure, the
 * end of the transaction at every moment, and drops in every order.
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

static struct http_guest *begin(const char *method)
{
    struct http_guest *g = http_guest_new(method, "/a?b");
    http_guest_begin(g);
    return g;
}

static void expect_end(struct http_guest *g, uint16_t status, const char *content)
{
    assert_true(g->t->is_ended);
    assert_int_equal(g->t->status, status);
    assert_string_equal(fake_transaction_content(g->t), content);
    assert_int_equal(g->tellings, 1);
    assert_int_equal(g->told, WASI_HTTP_COMPLETE);
}

static void expect_broken(struct http_guest *g, bool is_page, const char *why)
{
    assert_int_equal(g->t->is_page, is_page);
    assert_int_equal(g->t->is_broken, !is_page);
    assert_int_equal(g->tellings, 1);
    assert_int_equal(g->told, WASI_HTTP_BROKEN);
    assert_non_null(strstr(g->why, why));
}

/* Finish that fails: the error-code's case and number. */
static void finish_failing(struct http_guest *g, uint32_t body, uint64_t kind, uint64_t number)
{
    assert_int_equal(
        types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0)), 0);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, kind);
    if (kind == WASI_HTTP_RESPONSE_BODY_SIZE) {
        assert_int_equal(g->results[2].number, 1);
        assert_int_equal(g->results[3].number, number);
    }
}

static void hello(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "Content-Type: text/plain\n");
    assert_int_equal(
        types_call(g, "[method]outgoing-response.set-status-code", NUMBER(response), NUMBER(201)),
        0);
    assert_int_equal(g->results[0].number, 0);
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    assert_int_equal(wasi_http_inbound_state(g->inbound), WASI_HTTP_ANSWERED);
    uint32_t stream = http_guest_stream(g, body);
    http_guest_write(g, stream, "hel");
    http_guest_write(g, stream, "lo");
    http_guest_finish(g, stream, body, NULL);
    expect_end(g, 201, "hello");
    assert_int_equal(g->t->length, HTTP_LENGTH_UNKNOWN);
    assert_string_equal(fake_transaction_head(g->t), "content-type: text/plain\n");
    assert_int_equal(wasi_http_inbound_state(g->inbound), WASI_HTTP_COMPLETE);
    http_guest_free(g);
}

static void a_response_without_a_body_ends_at_once(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    assert_int_equal(types_call(g, "[method]outgoing-response.status-code", NUMBER(response)), 0);
    assert_int_equal(g->results[0].number, 200);
    http_guest_set(g, response);
    expect_end(g, 200, "");
    assert_int_equal(g->t->length, 0);
    http_guest_free(g);
}

static void a_body_finished_before_it_is_set_has_its_length_told(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    uint32_t stream = http_guest_stream(g, body);
    http_guest_write(g, stream, "all of it");
    http_guest_finish(g, stream, body, NULL);
    assert_int_equal(g->t->status, 0);
    http_guest_set(g, response);
    expect_end(g, 200, "all of it");
    assert_int_equal(g->t->length, 9);
    http_guest_drop(g, "incoming-request", g->request);
    assert_int_equal(g->f->guest.http_bytes, 0);
    http_guest_free(g);
}

static void trailers_leave_without_those_that_may_not(void **state)
{
    (void)state;
    for (int is_set_first = 0; is_set_first < 2; is_set_first++) {
        struct http_guest *g = begin("GET");
        uint32_t response = http_guest_response(g, "");
        uint32_t body = http_guest_body(g, response);
        if (is_set_first) {
            http_guest_set(g, response);
        }
        uint32_t stream = http_guest_stream(g, body);
        http_guest_write(g, stream, "x");
        http_guest_finish(g, stream, body, "x-sum: 7\ncontent-length: 5\nset-cookie: a\nx-b: 2\n");
        if (!is_set_first) {
            http_guest_set(g, response);
        }
        expect_end(g, 200, "x");
        assert_string_equal(fake_transaction_tail(g->t), "x-sum: 7\nx-b: 2\n");
        http_guest_free(g);
    }
}

/* Each a guest that declares 5 bytes. */
static void a_declared_length_is_kept(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "content-length: 5\n");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    assert_int_equal(g->t->length, 5);
    uint32_t stream = http_guest_stream(g, body);
    http_guest_write(g, stream, "hello");
    http_guest_finish(g, stream, body, NULL);
    expect_end(g, 200, "hello");
    http_guest_free(g);
}

static void too_much_breaks_the_response_off(void **state)
{
    (void)state;
    for (int is_set_first = 0; is_set_first < 2; is_set_first++) {
        for (int is_blocking = 0; is_blocking < 2; is_blocking++) {
            struct http_guest *g = begin("GET");
            uint32_t response = http_guest_response(g, "content-length: 5\n");
            uint32_t body = http_guest_body(g, response);
            if (is_set_first) {
                http_guest_set(g, response);
            }
            uint32_t stream = http_guest_stream(g, body);
            http_guest_write(g, stream, "hel");
            assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)),
                             0);
            const char *name = is_blocking ? "[method]output-stream.blocking-write-and-flush"
                                           : "[method]output-stream.write";
            assert_int_equal(streams_call(g, name, NUMBER(stream), TEXT("loo")), 0);
            assert_int_equal(http_guest_failure(g), WASI_HTTP_RESPONSE_BODY_SIZE);
            assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)),
                             0);
            fake_expect_closed(g->f);
            http_guest_drop_stream(g, "output-stream", stream);
            finish_failing(g, body, WASI_HTTP_RESPONSE_BODY_SIZE, 6);
            if (!is_set_first) {
                assert_int_equal(g->tellings, 0);
                http_guest_set(g, response);
            }
            expect_broken(g, !is_set_first, is_set_first ? "content-length" : "gave the body up");
            http_guest_free(g);
        }
    }
}

static void too_little_breaks_the_response_off(void **state)
{
    (void)state;
    for (int is_set_first = 0; is_set_first < 2; is_set_first++) {
        for (unsigned len = 0; len < 2; len++) {
            struct http_guest *g = begin("GET");
            uint32_t response = http_guest_response(g, "content-length: 5\n");
            uint32_t body = http_guest_body(g, response);
            if (is_set_first) {
                http_guest_set(g, response);
            }
            uint32_t stream = http_guest_stream(g, body);
            http_guest_write(g, stream, len == 0 ? "" : "h");
            http_guest_drop_stream(g, "output-stream", stream);
            finish_failing(g, body, WASI_HTTP_RESPONSE_BODY_SIZE, len);
            if (!is_set_first) {
                http_guest_set(g, response);
            }
            assert_int_equal(g->told, WASI_HTTP_BROKEN);
            assert_true(g->t->is_broken || g->t->is_page);
            assert_false(g->t->is_ended);
            http_guest_free(g);
        }
    }
}

static void a_length_without_a_body_is_wrong(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    http_guest_set(g, http_guest_response(g, "content-length: 5\n"));
    expect_broken(g, true, "content-length");
    http_guest_free(g);
    g = begin("GET");
    http_guest_set(g, http_guest_response(g, "content-length: 0\n"));
    expect_end(g, 200, "");
    http_guest_free(g);
}

/* HEAD tells the length of what it does not send. */
static void a_response_to_head(void **state)
{
    (void)state;
    struct http_guest *g = begin("HEAD");
    http_guest_set(g, http_guest_response(g, "content-length: 5\n"));
    expect_end(g, 200, "");
    assert_int_equal(g->t->length, 5);
    http_guest_free(g);
    for (int is_written = 0; is_written < 2; is_written++) {
        g = begin("HEAD");
        uint32_t response = http_guest_response(g, "content-length: 5\n");
        uint32_t body = http_guest_body(g, response);
        http_guest_set(g, response);
        uint32_t stream = http_guest_stream(g, body);
        http_guest_write(g, stream, is_written ? "hello" : "");
        http_guest_finish(g, stream, body, NULL);
        expect_end(g, 200, "");
        assert_int_equal(g->t->length, 5);
        http_guest_free(g);
    }
    g = begin("HEAD"); /* finished before anyone can know that it is for HEAD */
    uint32_t response = http_guest_response(g, "content-length: 5\n");
    uint32_t body = http_guest_body(g, response);
    finish_failing(g, body, WASI_HTTP_RESPONSE_BODY_SIZE, 0);
    http_guest_set(g, response);
    expect_end(g, 200, "");
    assert_int_equal(g->t->length, 5);
    http_guest_free(g);
}

static void statuses_without_content(void **state)
{
    (void)state;
    static const uint16_t statuses[] = {204, 304};
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        struct http_guest *g = begin("GET");
        uint32_t response = http_guest_response(g, "content-length: 5\n");
        assert_int_equal(types_call(g, "[method]outgoing-response.set-status-code",
                                    NUMBER(response), NUMBER(statuses[i])),
                         0);
        uint32_t body = http_guest_body(g, response);
        http_guest_set(g, response);
        assert_int_equal(
            types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0)), 0);
        assert_int_equal(g->results[0].number, 0);
        assert_int_equal(g->told, WASI_HTTP_COMPLETE);
        http_guest_free(g);
    }
}

static void statuses_that_are_none(void **state)
{
    (void)state;
    static const uint16_t bad[] = {0, 99, 100, 101, 199, 600, 999, 65535};
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(types_call(g, "[method]outgoing-response.set-status-code",
                                    NUMBER(response), NUMBER(bad[i])),
                         0);
        assert_int_equal(g->results[0].number, 1);
    }
    http_guest_set(g, response);
    expect_end(g, 200, "");
    http_guest_free(g);
}

static void halves_are_given_once(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    assert_int_equal(types_call(g, "[method]outgoing-response.body", NUMBER(response)), 0);
    assert_int_equal(g->results[0].number, 1);
    uint32_t stream = http_guest_stream(g, body);
    assert_int_equal(types_call(g, "[method]outgoing-body.write", NUMBER(body)), 0);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(
        types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0)),
        CALL_TRAP);
    assert_int_equal(fake_component_drop(g->f, &wasi_http_types, "outgoing-body", body), CALL_TRAP);
    http_guest_set(g, response);
    http_guest_finish(g, stream, body, NULL);
    expect_end(g, 200, "");
    http_guest_free(g);
}

static void a_body_that_is_never_finished(void **state)
{
    (void)state;
    for (int is_set_first = 0; is_set_first < 2; is_set_first++) {
        struct http_guest *g = begin("GET");
        uint32_t response = http_guest_response(g, "");
        uint32_t body = http_guest_body(g, response);
        if (is_set_first) {
            http_guest_set(g, response);
        }
        uint32_t stream = http_guest_stream(g, body);
        http_guest_write(g, stream, "half");
        http_guest_drop_stream(g, "output-stream", stream);
        http_guest_drop(g, "outgoing-body", body);
        if (!is_set_first) {
            http_guest_set(g, response);
        }
        expect_broken(g, !is_set_first, is_set_first ? "without finishing" : "gave the body up");
        http_guest_free(g);
    }
}

static void a_response_that_is_never_set(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    uint32_t stream = http_guest_stream(g, body);
    http_guest_write(g, stream, "lost");
    http_guest_drop(g, "outgoing-response", response);
    assert_int_equal(g->f->guest.http_bytes, 0);
    assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)), 0);
    fake_expect_closed(g->f);
    http_guest_finish(g, stream, body, "a: b\n");
    http_guest_drop(g, "response-outparam", g->outparam);
    assert_int_equal(g->tellings, 0);
    assert_int_equal(wasi_http_inbound_state(g->inbound), WASI_HTTP_UNANSWERED);
    http_guest_free(g);
}

static void an_error_code_is_for_the_handler(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    assert_int_equal(types_call(g, "[static]response-outparam.set", NUMBER(g->outparam), NUMBER(1),
                                NUMBER(WASI_HTTP_INTERNAL_ERROR), NUMBER(1), TEXT("no such thing")),
                     0);
    assert_int_equal(g->told, WASI_HTTP_REFUSED);
    assert_string_equal(g->why, "internal-error: no such thing");
    assert_int_equal(wasi_http_inbound_refusal(g->inbound), WASI_HTTP_INTERNAL_ERROR);
    assert_false(fake_transaction_is_over(g->t)); /* it is the handler that fails it */
    wasi_http_inbound_detach(g->inbound);
    assert_int_equal(wasi_http_inbound_state(g->inbound), WASI_HTTP_REFUSED);
    http_guest_free(g);
}

static void a_head_that_the_front_cannot_send(void **state)
{
    (void)state;
    static const int refusals[] = {-EINVAL, -EMSGSIZE, -ENOMEM};
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        struct http_guest *g = begin("GET");
        uint32_t response = http_guest_response(g, "");
        uint32_t body = http_guest_body(g, response);
        uint32_t stream = http_guest_stream(g, body);
        g->refusal = refusals[i];
        http_guest_set(g, response);
        expect_broken(g, true, "head");
        assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)), 0);
        assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
        http_guest_free(g);
    }
}

/* -- back-pressure ---------------------------------------------------------------------------- */

static void a_parked_guest_is_not_copied_from(void **state)
{
    (void)state;
    static char text[4097];
    struct http_guest *g = begin("GET");
    memset(text, 'a', sizeof text - 1);
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t stream = http_guest_stream(g, body);
    g->t->room = 1000;
    assert_int_equal(component_fake_begin(g->f, &wasi_io_streams,
                                          "[method]output-stream.blocking-write-and-flush",
                                          NUMBER(stream), TEXT(text)),
                     CALL_WAIT);
    assert_int_equal(g->f->guest.http_bytes, 0);
    assert_true(g->t->wants_write);
    fake_transaction_writable(g->t, 1000);
    assert_int_equal(g->f->guest.wait.is_due, true);
    fake_transaction_writable(g->t, SIZE_MAX);
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(g->results[0].number, 0);
    http_guest_finish(g, stream, body, NULL);
    expect_end(g, 200, text);
    http_guest_free(g);
}

static uint64_t check_write(struct http_guest *g, uint32_t stream)
{
    assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)), 0);
    assert_int_equal(g->results[0].number, 0);
    return g->results[1].number;
}

static void write_all(struct http_guest *g, uint32_t stream, const uint8_t *bytes, size_t len)
{
    assert_int_equal(
        streams_call(g, "[method]output-stream.write", NUMBER(stream), BYTES(bytes, len)), 0);
    assert_int_equal(g->results[0].number, 0);
}

/* A front that takes 1,000 bytes now and then, a guest that polls: the order holds, and so does the
 * memory. */
static void back_pressure_with_constant_memory(void **state)
{
    (void)state;
    enum { TOTAL = 1 << 20 };
    struct http_guest *g = begin("GET");
    uint8_t *bytes = malloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    uint32_t stream = http_guest_stream(g, body);
    write_all(g, stream, bytes, (size_t)check_write(g, stream)); /* before it is set */
    assert_int_equal(check_write(g, stream), 0);
    size_t done = OUTGOING_HELD_MAX;
    g->t->room = 1000;
    http_guest_set(g, response);
    while (done < TOTAL) {
        uint64_t room = check_write(g, stream);
        if (room == 0) {
            assert_true(g->t->wants_write);
            fake_transaction_writable(g->t, 30000);
            continue;
        }
        size_t len = room < TOTAL - done ? (size_t)room : TOTAL - done;
        write_all(g, stream, bytes + done, len);
        done += len;
        assert_true(g->f->guest.http_bytes <= OUTGOING_HELD_MAX);
    }
    http_guest_finish(g, stream, body, "x-end: 1\n");
    while (g->tellings == 0) {
        assert_true(g->t->wants_write);
        fake_transaction_writable(g->t, 5000);
    }
    assert_int_equal(g->told, WASI_HTTP_COMPLETE);
    assert_int_equal(g->t->content.len, TOTAL);
    assert_memory_equal(g->t->content.data, bytes, TOTAL);
    assert_string_equal(fake_transaction_tail(g->t), "x-end: 1\n");
    http_guest_drop(g, "incoming-request", g->request);
    assert_int_equal(g->f->guest.http_bytes, 0);
    http_guest_free(g);
    free(bytes);
}

static void a_wait_that_cannot_end_fails(void **state)
{
    (void)state;
    static char text[4097];
    struct http_guest *g = begin("GET");
    memset(text, 'a', sizeof text - 1);
    uint32_t response = http_guest_response(g, "");
    uint32_t stream = http_guest_stream(g, http_guest_body(g, response));
    for (unsigned i = 0; i < OUTGOING_HELD_MAX / 4096; i++) {
        http_guest_write(g, stream, text);
    }
    assert_int_equal(streams_call(g, "[method]output-stream.blocking-write-and-flush",
                                  NUMBER(stream), TEXT("x")),
                     0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_INTERNAL_ERROR);
    http_guest_free(g);
}

/* What is kept for a guest's messages is limited in all. */
static void a_guest_that_keeps_too_much_is_told(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    uint32_t stream = http_guest_stream(g, body);
    g->f->guest.http_bytes = GUEST_HTTP_BYTES_MAX - 100;
    assert_int_equal(streams_call(g, "[method]output-stream.blocking-write-and-flush",
                                  NUMBER(stream), TEXT("x")),
                     0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_INTERNAL_ERROR);
    assert_int_equal(g->f->guest.http_bytes, GUEST_HTTP_BYTES_MAX - 100);
    g->f->guest.http_bytes = 0;
    http_guest_set(g, response);
    expect_broken(g, true, "gave the body up");
    http_guest_free(g);
}

static void a_pollable_follows_the_room(void **state)
{
    (void)state;
    static uint8_t bytes[OUTGOING_HELD_MAX];
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t stream = http_guest_stream(g, body);
    assert_int_equal(streams_call(g, "[method]output-stream.subscribe", NUMBER(stream)), 0);
    uint32_t pollable = (uint32_t)g->results[0].number;
    g->t->room = 0;
    write_all(g, stream, bytes, (size_t)check_write(g, stream));
    assert_int_equal(
        component_fake_begin(g->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)),
        CALL_WAIT);
    fake_transaction_writable(g->t, 1000);
    assert_false(g->f->guest.wait.is_due); /* not all has left */
    fake_transaction_writable(g->t, SIZE_MAX);
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(check_write(g, stream), IO_PERMIT_MAX);
    http_guest_free(g);
}

/* -- the other end ---------------------------------------------------------------------------- */

/* The client goes after each step of a response. */
static bool abort_after(unsigned steps)
{
    struct http_guest *g = begin("POST");
    uint32_t stream = 0;
    uint32_t body = 0;
    uint32_t response = 0;
    unsigned step = 0;
    for (; step < 7; step++) {
        if (step == steps) {
            http_guest_abort(g);
        }
        if (step == 0) {
            response = http_guest_response(g, "content-length: 10\n");
        } else if (step == 1) {
            body = http_guest_body(g, response);
        } else if (step == 2) {
            http_guest_set(g, response);
        } else if (step == 3) {
            stream = http_guest_stream(g, body);
        } else if (step < 6) {
            (void)streams_call(g, "[method]output-stream.blocking-write-and-flush", NUMBER(stream),
                               TEXT("hello"));
            bool is_late = steps <= step;
            assert_int_equal(g->results[0].number, is_late);
            if (is_late && (step == 4 || steps == 5)) {
                assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
            } else if (is_late) {
                fake_expect_closed(g->f);
            }
        } else {
            http_guest_drop_stream(g, "output-stream", stream);
            (void)types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0));
            assert_int_equal(g->results[0].number, steps <= step);
        }
    }
    assert_int_equal(wasi_http_inbound_state(g->inbound),
                     steps < step ? WASI_HTTP_GONE : WASI_HTTP_COMPLETE);
    assert_int_equal(g->tellings, steps < step ? 0 : 1);
    http_guest_free(g);
    return steps < step;
}

static void the_client_goes_at_any_moment(void **state)
{
    (void)state;
    unsigned steps = 0;
    while (abort_after(steps)) {
        steps++;
    }
    assert_int_equal(steps, 7);
}

static void a_parked_write_ends_with_the_client(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t stream = http_guest_stream(g, body);
    g->t->room = 0;
    assert_int_equal(component_fake_begin(g->f, &wasi_io_streams,
                                          "[method]output-stream.blocking-write-and-flush",
                                          NUMBER(stream), TEXT("x")),
                     CALL_WAIT);
    http_guest_abort(g);
    guest_wake(&g->f->guest);
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
    http_guest_drop_stream(g, "output-stream", stream);
    http_guest_drop(g, "outgoing-body", body);
    assert_int_equal(g->tellings, 0); /* it is not the guest's fault */
    http_guest_free(g);
}

/* A handle of each kind, dropped in every order that the text allows, with and without the client. */
static void drops_in_every_order(void **state)
{
    (void)state;
    enum { KINDS = 5 };
    unsigned order[KINDS];
    for (unsigned permutation = 0; permutation < 5 * 5 * 5 * 5 * 5; permutation++) {
        unsigned seen = 0;
        unsigned rest = permutation;
        for (unsigned i = 0; i < KINDS; i++, rest /= 5) {
            order[i] = rest % 5;
            seen |= 1U << order[i];
        }
        if (seen != 31 || permutation % 7 > 3) {
            continue; /* no permutation, or one of those left out for the time's sake */
        }
        struct http_guest *g = begin("GET");
        uint32_t response = http_guest_response(g, "a: b\n");
        uint32_t body = http_guest_body(g, response);
        uint32_t stream = http_guest_stream(g, body);
        assert_int_equal(types_call(g, "[method]outgoing-response.headers", NUMBER(response)), 0);
        const uint32_t reps[KINDS] = {stream, body, response, (uint32_t)g->results[0].number,
                                      g->outparam};
        static const char *const kinds[KINDS] = {
            "output-stream", "outgoing-body", "outgoing-response", "fields", "response-outparam"};
        bool has_stream = true;
        for (unsigned i = 0; i < KINDS; i++) {
            unsigned kind = order[i];
            if (i == permutation % 6) {
                http_guest_abort(g);
            }
            if (kind == 0) {
                http_guest_drop_stream(g, kinds[0], reps[0]);
                has_stream = false;
            } else if (kind == 1 && has_stream) {
                assert_int_equal(fake_component_drop(g->f, &wasi_http_types, kinds[1], reps[1]),
                                 CALL_TRAP);
            } else {
                http_guest_drop(g, kinds[kind], reps[kind]);
            }
        }
        http_guest_free(g);
    }
}

/* A reused instance: what one request left behind meets the next. */
static void resources_outlive_the_handler(void **state)
{
    (void)state;
    struct http_guest *g = begin("GET");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t stream = http_guest_stream(g, body);
    wasi_http_inbound_free(g->inbound);
    g->inbound = NULL;
    assert_int_equal(types_call(g, "[method]incoming-request.method", NUMBER(g->request)), 0);
    assert_int_equal(g->results[0].number, 0);
    assert_int_equal(streams_call(g, "[method]output-stream.blocking-write-and-flush",
                                  NUMBER(stream), TEXT("x")),
                     0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
    http_guest_drop(g, "incoming-request", g->request);
    http_guest_drop_stream(g, "output-stream", stream);
    http_guest_drop(g, "outgoing-body", body);
    http_guest_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello),
        cmocka_unit_test(a_response_without_a_body_ends_at_once),
        cmocka_unit_test(a_body_finished_before_it_is_set_has_its_length_told),
        cmocka_unit_test(trailers_leave_without_those_that_may_not),
        cmocka_unit_test(a_declared_length_is_kept),
        cmocka_unit_test(too_much_breaks_the_response_off),
        cmocka_unit_test(too_little_breaks_the_response_off),
        cmocka_unit_test(a_length_without_a_body_is_wrong),
        cmocka_unit_test(a_response_to_head),
        cmocka_unit_test(statuses_without_content),
        cmocka_unit_test(statuses_that_are_none),
        cmocka_unit_test(halves_are_given_once),
        cmocka_unit_test(a_body_that_is_never_finished),
        cmocka_unit_test(a_response_that_is_never_set),
        cmocka_unit_test(an_error_code_is_for_the_handler),
        cmocka_unit_test(a_head_that_the_front_cannot_send),
        cmocka_unit_test(a_parked_guest_is_not_copied_from),
        cmocka_unit_test(back_pressure_with_constant_memory),
        cmocka_unit_test(a_wait_that_cannot_end_fails),
        cmocka_unit_test(a_guest_that_keeps_too_much_is_told),
        cmocka_unit_test(a_pollable_follows_the_room),
        cmocka_unit_test(the_client_goes_at_any_moment),
        cmocka_unit_test(a_parked_write_ends_with_the_client),
        cmocka_unit_test(drops_in_every_order),
        cmocka_unit_test(resources_outlive_the_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
