/* wasi:http/types without memory: whichever allocation fails, the guest is told or ended, the
 * transaction is not left half-way, and nothing is left behind.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_trailers http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail malloc calloc realloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "base/container.h"
#include "http_guest.h"
#include "imports/wasi_http/body.h"

enum { SWEEP_MAX = 500 };

static unsigned countdown; /* of the allocations that the host makes for the guest */

/* Only what the host does for the guest is to fail, not the test around it. */
static bool step(struct http_guest *g, const struct component_interface *interface,
                 const char *name, const struct fake_arg *args, size_t count)
{
    const struct component_func *func = NULL;
    union component_value values[8] = {{0}};
    for (size_t i = 0; i < interface->func_count; i++) {
        func = strcmp(interface->funcs[i].name, name) == 0 ? &interface->funcs[i] : func;
    }
    assert_non_null(func);
    for (size_t i = 0; i < count; i++) {
        values[i] = args[i].value;
    }
    memset(g->results, 0, sizeof g->f->results);
    struct component_call call = {.func = func,
                                  .args = values,
                                  .results = g->results,
                                  .guest = &g->f->guest,
                                  .instance = g->f->instance};
    alloc_sweep_begin(countdown);
    int32_t answer = func->begin(&call);
    countdown = alloc_sweep_end();
    return answer == 0 && countdown != 0;
}

#define STEP(g, interface, name, ...)                                                              \
    step((g), &(interface), (name), (const struct fake_arg[]){__VA_ARGS__},                        \
         sizeof((const struct fake_arg[]){__VA_ARGS__}) / sizeof(struct fake_arg))

static uint32_t rep(const struct http_guest *g, unsigned slot)
{
    return (uint32_t)g->results[slot].number;
}

/* A whole request, until something fails. */
static void run_guest(struct http_guest *g)
{
    static char long_value[2000];
    memset(long_value, 'v', sizeof long_value - 1);
    if (!STEP(g, wasi_http_types, "[method]incoming-request.headers", NUMBER(g->request)) ||
        !STEP(g, wasi_http_types, "[method]fields.clone", NUMBER(rep(g, 0)))) {
        return;
    }
    uint32_t fields = rep(g, 0);
    const union component_value values[2] = {{.bytes = span_of(long_value)},
                                             {.bytes = span_of("b")}};
    if (!STEP(g, wasi_http_types, "[method]fields.set", NUMBER(fields), TEXT("n"),
              LIST(values, 2)) ||
        !STEP(g, wasi_http_types, "[method]fields.get", NUMBER(fields), TEXT("n")) ||
        !STEP(g, wasi_http_types, "[method]fields.entries", NUMBER(fields)) ||
        !STEP(g, wasi_http_types, "[method]fields.delete", NUMBER(fields),
              TEXT("content-length")) ||
        !STEP(g, wasi_http_types, "[constructor]outgoing-response", NUMBER(fields))) {
        return;
    }
    uint32_t response = rep(g, 0);
    if (!STEP(g, wasi_http_types, "[method]outgoing-response.headers", NUMBER(response)) ||
        !STEP(g, wasi_http_types, "[method]outgoing-response.body", NUMBER(response))) {
        return;
    }
    uint32_t body = rep(g, 1);
    if (!STEP(g, wasi_http_types, "[method]outgoing-body.write", NUMBER(body))) {
        return;
    }
    uint32_t out = rep(g, 1);
    if (!STEP(g, wasi_io_streams, "[method]output-stream.blocking-write-and-flush", NUMBER(out),
              TEXT("hello")) ||
        !STEP(g, wasi_http_types, "[method]incoming-request.consume", NUMBER(g->request))) {
        return;
    }
    uint32_t in_body = rep(g, 1);
    if (!STEP(g, wasi_http_types, "[method]incoming-body.stream", NUMBER(in_body))) {
        return;
    }
    uint32_t in = rep(g, 1);
    if (!STEP(g, wasi_io_streams, "[method]input-stream.read", NUMBER(in), NUMBER(100)) ||
        !STEP(g, wasi_io_streams, "[method]input-stream.read", NUMBER(in), NUMBER(100))) {
        return;
    }
    http_guest_drop_stream(g, "input-stream", in);
    http_guest_drop_stream(g, "output-stream", out);
    if (!STEP(g, wasi_http_types, "[static]incoming-body.finish", NUMBER(in_body)) ||
        !STEP(g, wasi_http_types, "[method]future-trailers.get", NUMBER(rep(g, 0))) ||
        !STEP(g, wasi_http_types, "[constructor]fields", NUMBER(0))) {
        return;
    }
    uint32_t trailers = rep(g, 0);
    if (!STEP(g, wasi_http_types, "[static]response-outparam.set", NUMBER(g->outparam), NUMBER(0),
              NUMBER(response)) ||
        !STEP(g, wasi_http_types, "[static]outgoing-body.finish", NUMBER(body), NUMBER(1),
              NUMBER(trailers))) {
        return;
    }
    (void)STEP(g, wasi_http_types, "[method]incoming-request.method", NUMBER(g->request));
}

/* True when the failure came before all was done. */
static bool run_with_failure(unsigned nth)
{
    static const char names[26][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    const struct http_header trailer = {span_of("x-sum"), span_of("7")};
    struct http_guest *g = http_guest_new("POST", "/");
    for (unsigned i = 0; i < 12; i++) {
        fake_transaction_header(g->t, names[i], "a value of some length, so that there is more");
    }
    fake_transaction_body(g->t, "body", true);
    g->t->trailers = &trailer;
    g->t->trailer_count = 1;
    struct buffer *const kept[] = {&g->t->head, &g->t->content, &g->t->tail};
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        assert_int_equal(buffer_reserve(kept[i], 8192), 0); /* the front's, not the host's */
    }
    http_guest_begin(g);
    countdown = nth;
    run_guest(g);
    bool has_failed = countdown == 0;
    countdown = 0;
    if (!has_failed) {
        assert_true(g->t->is_ended);
        assert_string_equal(fake_transaction_content(g->t), "hello");
    }
    http_guest_free(g);
    return has_failed;
}

static void each_allocation_of_a_request(void **state)
{
    (void)state;
    unsigned nth = 1;
    while (run_with_failure(nth)) {
        nth++;
        assert_true(nth < SWEEP_MAX);
    }
    assert_true(nth > 15);
}

/* The handler is told, and the guest has nothing in its table. */
static void each_allocation_of_the_beginning(void **state)
{
    (void)state;
    int r = -1;
    for (unsigned nth = 1; r < 0; nth++) {
        struct http_guest *g = http_guest_new("GET", "/");
        const struct wasi_http_inbound_options options = {.transaction = fake_transaction(g->t)};
        struct wasi_http_inbound *inbound = NULL;
        uint32_t reps[2];
        alloc_sweep_begin(nth);
        r = wasi_http_inbound_new(&g->f->guest, &options, &inbound, reps);
        (void)alloc_sweep_end(); /* what came of it tells */
        assert_int_equal(g->f->guest.resources.count, r < 0 ? 0 : 2);
        wasi_http_inbound_free(inbound);
        http_guest_free(g);
        assert_true(nth < 6);
    }
}

/* A table that is full is no half of a request either. */
static void a_full_table(void **state)
{
    (void)state;
    for (uint32_t max = 0; max < 2; max++) {
        struct http_guest *g = http_guest_new("GET", "/");
        const struct wasi_http_inbound_options options = {.transaction = fake_transaction(g->t)};
        struct wasi_http_inbound *inbound = NULL;
        uint32_t reps[2];
        g->f->guest.resources.max = max;
        assert_true(wasi_http_inbound_new(&g->f->guest, &options, &inbound, reps) < 0);
        assert_int_equal(g->f->guest.resources.count, 0);
        http_guest_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_request),
        cmocka_unit_test(each_allocation_of_the_beginning),
        cmocka_unit_test(a_full_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
