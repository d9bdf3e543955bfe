/* Spans as a collector reads them; who is in which trace; nothing is forged and nothing overflows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/container.h"
#include "handlers/notes.h"
#include "serve/access_log.h"
#include "serve/trace_context.h"
#include "serve/traces.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define PARENT_ID "b7ad6b7169203331"
#define REQUEST_ID "0123456789abcdef0123456789abcdef"
#define SPAN_ID "00f067aa0ba902b7"
#define NOW_NS UINT64_C(1795265576123456789)

struct sample {
    struct http_header headers[2];
    struct http_inbound inbound;
    struct http_report report;
    struct notes notes;
    struct access_entry entry;
    struct buffer text;
    cJSON *span;
};

static int setup(void **state)
{
    static const uint8_t octets[4] = {192, 0, 2, 10};
    struct sample *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return -1;
    }
    s->headers[0] = (struct http_header){span_of("user-agent"), span_of("curl/8")};
    s->headers[1] =
        (struct http_header){span_of("traceparent"), span_of("00-" TRACE_ID "-" PARENT_ID "-01")};
    s->inbound = (struct http_inbound){.method = span_of("GET"),
                                       .target = span_of("/a/b?c=d"),
                                       .authority = span_of("test"),
                                       .path = span_of("/a/b"),
                                       .query = span_of("c=d"),
                                       .has_query = true,
                                       .version = 11,
                                       .headers = s->headers,
                                       .header_count = 2};
    net_address_set_v4(&s->inbound.peer, octets, 4711);
    s->report = (struct http_report){.status = 200,
                                     .outcome = HTTP_ANSWERED,
                                     .body_in = 1,
                                     .body_out = 20,
                                     .begin_ns = 1000,
                                     .end_ns = 1501000};
    s->notes = (struct notes){
        .route = 0, .name = "/a/...", .cpu_ns = 77000, .memory = 65536, .end = NOTES_EXITED};
    s->entry = (struct access_entry){.inbound = &s->inbound,
                                     .report = &s->report,
                                     .notes = &s->notes,
                                     .id = REQUEST_ID,
                                     .now_ns = NOW_NS};
    buffer_init(&s->text, 1 << 20);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sample *s = *state;
    cJSON_Delete(s->span);
    buffer_done(&s->text);
    free(s);
    return 0;
}

static void format(struct sample *s)
{
    cJSON_Delete(s->span);
    s->text.len = 0;
    const struct trace_context context = trace_context_find(&s->inbound);
    assert_int_equal(traces_format(&s->text, &s->entry, &context, SPAN_ID), 0);
    s->span = cJSON_Parse(buffer_text(&s->text));
    assert_non_null(s->span);
}

static const char *member(const struct sample *s, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s->span, name));
}

/* The value of an attribute as text, or NULL. */
static const char *attribute(const struct sample *s, const char *key)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(s->span, "attributes"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(item, "key"));
        if (name != NULL && strcmp(name, key) == 0) {
            return cJSON_GetStringValue(cJSON_GetObjectItem(item, "value")->child);
        }
    }
    return NULL;
}

static void a_span_has_all(void **state)
{
    static const char *const wanted[][2] = {
        {"http.request.method", "GET"},
        {"url.scheme", "http"},
        {"url.path", "/a/b"},
        {"url.query", "c=d"},
        {"server.address", "test"},
        {"network.protocol.version", "1.1"},
        {"user_agent.original", "curl/8"},
        {"client.address", "192.0.2.10"},
        {"http.response.status_code", "200"},
        {"http.request.body.size", "1"},
        {"http.response.body.size", "20"},
        {"http.route", "/a/..."},
        {"hythe.request_id", REQUEST_ID},
        {"hythe.outcome", "answered"},
        {"hythe.guest.end", "exited"},
        {"hythe.guest.cpu_us", "77"},
        {"hythe.guest.memory", "65536"},
    };
    struct sample *s = *state;
    format(s);
    assert_string_equal(member(s, "traceId"), TRACE_ID);
    assert_string_equal(member(s, "parentSpanId"), PARENT_ID);
    assert_string_equal(member(s, "spanId"), SPAN_ID);
    assert_string_equal(member(s, "name"), "GET /a/...");
    assert_string_equal(member(s, "startTimeUnixNano"), "1795265576121956789");
    assert_string_equal(member(s, "endTimeUnixNano"), "1795265576123456789");
    assert_int_equal(cJSON_GetObjectItem(s->span, "kind")->valueint, 2);
    assert_null(cJSON_GetObjectItem(s->span, "status"));
    const cJSON *attributes = cJSON_GetObjectItem(s->span, "attributes");
    assert_int_equal(cJSON_GetArraySize(attributes), ARRAY_COUNT(wanted));
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        assert_non_null(attribute(s, wanted[i][0]));
        assert_string_equal(attribute(s, wanted[i][0]), wanted[i][1]);
    }
}

static void without_a_parent_the_request_is_the_trace(void **state)
{
    struct sample *s = *state;
    s->inbound.header_count = 1;
    format(s);
    assert_string_equal(member(s, "traceId"), REQUEST_ID);
    assert_null(member(s, "parentSpanId"));
}

static void failures_are_errors(void **state)
{
    static const struct {
        uint16_t status;
        enum http_outcome outcome;
        const char *type; /* NULL: no error */
    } rows[] = {
        {404, HTTP_ANSWERED, NULL},
        {400, HTTP_REFUSED, NULL},
        {500, HTTP_ANSWERED, "500"},
        {503, HTTP_REFUSED, "503"},
        {200, HTTP_FAILED, "failed"},
        {0, HTTP_PEER_LEFT, "peer_left"},
        {408, HTTP_BODY_TIMEOUT, "body_timeout"},
    };
    struct sample *s = *state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        s->report.status = rows[i].status;
        s->report.outcome = rows[i].outcome;
        format(s);
        const cJSON *status = cJSON_GetObjectItem(s->span, "status");
        assert_int_equal(status != NULL, rows[i].type != NULL);
        if (rows[i].type != NULL) {
            assert_int_equal(cJSON_GetObjectItem(status, "code")->valueint, 2);
            assert_string_equal(attribute(s, "error.type"), rows[i].type);
        } else {
            assert_null(attribute(s, "error.type"));
        }
        assert_int_equal(attribute(s, "http.response.status_code") != NULL, rows[i].status > 0);
    }
}

static void a_refused_request_has_no_route(void **state)
{
    struct sample *s = *state;
    s->entry.notes = NULL;
    s->inbound = (struct http_inbound){.version = 0};
    format(s);
    assert_string_equal(member(s, "name"), "HTTP");
    assert_null(attribute(s, "http.route"));
    assert_null(attribute(s, "client.address"));
}

static void nothing_is_forged(void **state)
{
    struct sample *s = *state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    s->inbound.path = (struct span){bytes + 1, 255}; /* cJSON's texts end at a NUL */
    s->inbound.method = span_of("G\"},{");
    format(s);
    assert_string_equal(member(s, "name"), "G\"},{ /a/...");
    assert_non_null(attribute(s, "url.path"));
    for (size_t i = 0; i < s->text.len; i++) {
        assert_in_range(s->text.data[i], ' ', 0x7e);
    }
}

static void ipv6_stands_without_brackets(void **state)
{
    struct sample *s = *state;
    uint8_t octets[16] = {0x20, 1, 0xd, 0xb8};
    octets[15] = 1;
    net_address_set_v6(&s->inbound.peer, octets, 4711);
    format(s);
    assert_string_equal(attribute(s, "client.address"), "2001:db8::1");
}

static void what_does_not_fit_leaves_nothing(void **state)
{
    struct sample *s = *state;
    format(s);
    size_t whole = s->text.len;
    const struct trace_context context = trace_context_find(&s->inbound);
    for (size_t max = 0; max < whole; max += 7) {
        struct buffer small;
        buffer_init(&small, max);
        assert_int_equal(traces_format(&small, &s->entry, &context, SPAN_ID), -EMSGSIZE);
        assert_int_equal(small.len, 0);
        buffer_done(&small);
    }
}

static void long_texts_are_cut(void **state)
{
    static uint8_t bytes[100000];
    struct sample *s = *state;
    memset(bytes, 0xff, sizeof bytes);
    s->inbound.path = s->inbound.query = s->inbound.authority = s->inbound.method =
        (struct span){bytes, sizeof bytes};
    s->headers[0].value = (struct span){bytes, sizeof bytes};
    format(s);
    assert_in_range(s->text.len, 1, 32 << 10);
}

static void a_parent_is_right_or_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE_ID "-" PARENT_ID,
        "00-" TRACE_ID "-" PARENT_ID "-0",
        "00-" TRACE_ID "-" PARENT_ID "-01x",
        "00-" TRACE_ID "-" PARENT_ID "-01-more",
        "01-" TRACE_ID "-" PARENT_ID "-01more",
        "ff-" TRACE_ID "-" PARENT_ID "-01",
        "00_" TRACE_ID "-" PARENT_ID "-01",
        "00-" TRACE_ID "_" PARENT_ID "-01",
        "00-" TRACE_ID "-" PARENT_ID "_01",
        "0g-" TRACE_ID "-" PARENT_ID "-01",
        "00-0AF7651916cd43dd8448eb211c80319c-" PARENT_ID "-01",
        "00-" TRACE_ID "-b7ad6b716920333\"-01",
        "00-" TRACE_ID "-" PARENT_ID "-0 ",
        "00-00000000000000000000000000000000-" PARENT_ID "-01",
        "00-" TRACE_ID "-0000000000000000-01",
    };
    static const struct {
        const char *text;
        bool is_sampled;
    } good[] = {
        {"00-" TRACE_ID "-" PARENT_ID "-01", true},
        {"00-" TRACE_ID "-" PARENT_ID "-00", false},
        {"00-" TRACE_ID "-" PARENT_ID "-fe", false},
        {"cc-" TRACE_ID "-" PARENT_ID "-03", true},
        {"01-" TRACE_ID "-" PARENT_ID "-01-more", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct trace_context context = trace_context_of(span_of(bad[i]));
        assert_int_equal(context.trace_id.len, 0);
        assert_false(context.is_sampled);
    }
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct trace_context context = trace_context_of(span_of(good[i].text));
        assert_true(span_is(context.trace_id, TRACE_ID));
        assert_true(span_is(context.parent_id, PARENT_ID));
        assert_int_equal(context.is_sampled, good[i].is_sampled);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_span_has_all),
        TEST(without_a_parent_the_request_is_the_trace),
        TEST(failures_are_errors),
        TEST(a_refused_request_has_no_route),
        TEST(nothing_is_forged),
        TEST(ipv6_stands_without_brackets),
        TEST(what_does_not_fit_leaves_nothing),
        TEST(long_texts_are_cut),
        cmocka_unit_test(a_parent_is_right_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
