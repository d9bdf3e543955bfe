/* The access log's lines: exact, not to be forged, never too long, written whole. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "handlers/notes.h"
#include "serve/access_log.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define NOW_NS (UINT64_C(1795265576) * 1000000000 + 123456789)

struct sample {
    struct http_header headers[3];
    struct http_inbound inbound;
    struct http_report report;
    struct notes notes;
    struct access_entry entry;
};

static struct http_header header(const char *name, const char *value)
{
    return (struct http_header){.name = span_of(name), .value = span_of(value)};
}

static void fill(struct sample *sample)
{
    static const uint8_t octets[4] = {192, 0, 2, 10};
    memset(sample, 0, sizeof *sample);
    sample->headers[0] = header("user-agent", "curl/8");
    sample->headers[1] = header("traceparent", "00-" TRACE_ID "-b7ad6b7169203331-01");
    sample->headers[2] = header("referer", "http://a/");
    sample->inbound.method = span_of("GET");
    sample->inbound.target = span_of("/a?b");
    sample->inbound.authority = span_of("test");
    sample->inbound.version = 11;
    sample->inbound.headers = sample->headers;
    sample->inbound.header_count = 3;
    net_address_set_v4(&sample->inbound.peer, octets, 4711);
    sample->report = (struct http_report){.status = 200,
                                          .outcome = HTTP_ANSWERED,
                                          .body_in = 1,
                                          .body_out = 20,
                                          .begin_ns = 1000,
                                          .end_ns = 1501000};
    sample->notes = (struct notes){
        .route = 0, .name = "/a", .cpu_ns = 77000, .memory = 65536, .end = NOTES_EXITED};
    sample->entry = (struct access_entry){.inbound = &sample->inbound,
                                          .report = &sample->report,
                                          .notes = &sample->notes,
                                          .id = "0123456789abcdef0123456789abcdef",
                                          .now_ns = NOW_NS};
}

static void check_line(const struct sample *sample, enum serve_log_format format,
                       const char *wanted)
{
    struct access_log log = {.fd = -1, .format = format};
    char line[ACCESS_LOG_LINE_MAX + 1];
    size_t len = access_log_format(&log, &sample->entry, line);
    line[len] = '\0';
    assert_string_equal(line, wanted);
}

static void combined_is_as_apache_has_it(void **state)
{
    struct sample sample;
    (void)state;
    fill(&sample);
    check_line(&sample, SERVE_LOG_COMBINED,
               "192.0.2.10 - - [21/Nov/2026:12:52:56 +0000] \"GET /a?b HTTP/1.1\" 200 20 "
               "\"http://a/\" \"curl/8\"\n");
}

static void json_has_all(void **state)
{
    struct sample sample;
    (void)state;
    fill(&sample);
    check_line(
        &sample, SERVE_LOG_JSON,
        "{\"time\":\"2026-11-21T12:52:56.123456Z\",\"id\":\"0123456789abcdef0123456789abcdef\","
        "\"peer\":\"192.0.2.10\",\"method\":\"GET\",\"host\":\"test\",\"target\":\"/a?b\","
        "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes_in\":1,\"bytes_out\":20,"
        "\"duration_us\":1500,\"outcome\":\"answered\",\"route\":\"/a\",\"cpu_us\":77,"
        "\"memory\":65536,\"guest\":\"exited\",\"referer\":\"http://a/\","
        "\"user_agent\":\"curl/8\",\"trace_id\":\"" TRACE_ID "\"}\n");
}

static void a_refused_request_has_dashes(void **state)
{
    struct sample sample;
    (void)state;
    fill(&sample);
    sample.inbound = (struct http_inbound){.version = 0};
    sample.report = (struct http_report){.status = 400, .outcome = HTTP_REFUSED};
    sample.entry.notes = NULL;
    check_line(&sample, SERVE_LOG_COMBINED,
               "- - - [21/Nov/2026:12:52:56 +0000] \"  -\" 400 0 \"-\" \"-\"\n");
}

static void an_exit_code_is_told(void **state)
{
    struct sample sample;
    struct access_log log = {.fd = -1, .format = SERVE_LOG_JSON};
    char line[ACCESS_LOG_LINE_MAX + 1];
    (void)state;
    fill(&sample);
    sample.notes.end = NOTES_EXIT_CODE;
    sample.notes.exit_code = 3;
    line[access_log_format(&log, &sample.entry, line)] = '\0';
    assert_non_null(strstr(line, "\"guest\":\"exit_code\",\"exit_code\":3,"));
}

static void nothing_steers_a_terminal_or_forges_a_line(void **state)
{
    struct sample sample;
    char line[ACCESS_LOG_LINE_MAX + 1];
    char all[255];
    (void)state;
    fill(&sample);
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)(i + 1);
    }
    struct span bytes = {(const uint8_t *)all, sizeof all};
    sample.inbound.method = bytes;
    sample.inbound.target = bytes;
    sample.inbound.authority = bytes;
    sample.headers[0].value = bytes;
    sample.headers[2].value = bytes;
    for (int format = 0; format < 2; format++) {
        struct access_log log = {.fd = -1, .format = (enum serve_log_format)format};
        size_t len = access_log_format(&log, &sample.entry, line);
        for (size_t i = 0; i + 1 < len; i++) {
            assert_true(line[i] >= ' ' && line[i] < 0x7f);
        }
        assert_int_equal(line[len - 1], '\n');
    }
}

static void a_line_is_never_too_long(void **state)
{
    struct sample sample;
    static uint8_t much[100000];
    char line[ACCESS_LOG_LINE_MAX + 1];
    static char name[3000];
    (void)state;
    fill(&sample);
    memset(much, 1, sizeof much); /* each becomes several */
    memset(name, '"', sizeof name - 1);
    struct span bytes = {much, sizeof much};
    sample.inbound.method = sample.inbound.target = sample.inbound.authority = bytes;
    sample.headers[0].value = sample.headers[2].value = bytes;
    sample.notes.name = name;
    sample.notes.end = NOTES_EXIT_CODE;
    sample.notes.exit_code = -1;
    sample.report = (struct http_report){
        .status = UINT16_MAX, .body_in = UINT64_MAX, .body_out = UINT64_MAX, .end_ns = UINT64_MAX};
    for (int format = 0; format < 2; format++) {
        struct access_log log = {.fd = -1, .format = (enum serve_log_format)format};
        size_t len = access_log_format(&log, &sample.entry, line);
        assert_true(len <= ACCESS_LOG_LINE_MAX);
        assert_int_equal(line[len - 1], '\n');
    }
}

static void a_trace_id_is_one_or_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE_ID,
        "00-" TRACE_ID "_b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"-b7ad6b7169203331-01"};
    struct sample sample;
    char line[ACCESS_LOG_LINE_MAX + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct access_log log = {.fd = -1, .format = SERVE_LOG_JSON};
        fill(&sample);
        sample.headers[1].value = span_of(bad[i]);
        line[access_log_format(&log, &sample.entry, line)] = '\0';
        assert_non_null(strstr(line, "\"trace_id\":\"\"}"));
    }
}

static void ipv6_stands_without_brackets(void **state)
{
    static const uint8_t octets[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct sample sample;
    struct access_log log = {.fd = -1, .format = SERVE_LOG_COMBINED};
    char line[ACCESS_LOG_LINE_MAX + 1];
    (void)state;
    fill(&sample);
    net_address_set_v6(&sample.inbound.peer, octets, 80);
    line[access_log_format(&log, &sample.entry, line)] = '\0';
    assert_memory_equal(line, "2001:db8::1 - - [", 17);
}

/* -- writing ---------------------------------------------------------------------------------- */

static void a_full_pipe_waits_and_then_loses_whole_lines(void **state)
{
    struct access_log log;
    struct sample sample;
    int pipe_fds[2];
    static char got[1 << 20];
    (void)state;
    fill(&sample);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(access_log_init(&log, pipe_fds[1], SERVE_LOG_COMBINED), 0);
    uint64_t count = 0;
    while (log.lost == 0) {
        access_log_add(&log, &sample.entry);
        count++;
        assert_true(count < 100000);
    }
    ssize_t total = 0;
    uint64_t lines = 0;
    for (int i = 0; i < 100; i++) {
        ssize_t n = read(pipe_fds[0], got + total, 4096);
        total += n > 0 ? n : 0;
        assert_int_equal(access_log_flush(&log), 0);
    }
    assert_int_equal(log.len, 0);
    for (ssize_t i = 0; i < total; i++) {
        lines += got[i] == '\n';
    }
    assert_int_equal(lines + log.lost, count);
    assert_int_equal(got[total - 1], '\n');
    access_log_done(&log);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static void a_broken_file_is_told_once(void **state)
{
    struct access_log log;
    struct sample sample;
    (void)state;
    fill(&sample);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        skip();
    }
    assert_int_equal(access_log_init(&log, fd, SERVE_LOG_JSON), 0);
    access_log_add(&log, &sample.entry);
    access_log_add(&log, &sample.entry);
    assert_int_equal(access_log_flush(&log), -ENOSPC);
    assert_int_equal(log.lost, 2);
    assert_int_equal(access_log_flush(&log), 0);
    access_log_add(&log, &sample.entry);
    assert_int_equal(access_log_flush(&log), 0); /* has been told */
    assert_int_equal(log.lost, 3);
    access_log_done(&log);
    (void)close(fd);
}

static void a_moved_log_goes_on_elsewhere(void **state)
{
    struct access_log log;
    struct sample sample;
    (void)state;
    fill(&sample);
    int old = memfd_create("old", MFD_CLOEXEC);
    int keep = dup(old);
    int fresh = memfd_create("new", MFD_CLOEXEC);
    int keep_fresh = dup(fresh);
    assert_int_equal(access_log_init(&log, old, SERVE_LOG_COMBINED), 0);
    access_log_add(&log, &sample.entry);
    access_log_move(&log, fresh);
    access_log_add(&log, &sample.entry);
    assert_int_equal(access_log_flush(&log), 0);
    off_t len = lseek(keep, 0, SEEK_END);
    assert_true(len > 0);
    assert_int_equal(lseek(keep_fresh, 0, SEEK_END), len);
    assert_int_equal(fcntl(old, F_GETFD), -1);
    access_log_done(&log);
    (void)close(keep);
    (void)close(keep_fresh);
    (void)close(fresh);
}

static void a_line_costs_little(void **state)
{
    struct sample sample;
    char line[ACCESS_LOG_LINE_MAX + 1];
    struct timespec from;
    struct timespec to;
    enum { COUNT = 200000 };
    (void)state;
    fill(&sample);
    for (int format = 0; format < 2; format++) {
        struct access_log log = {.fd = -1, .format = (enum serve_log_format)format};
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (int i = 0; i < COUNT; i++) {
            (void)access_log_format(&log, &sample.entry, line);
        }
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double ns =
            ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / COUNT;
        print_message("%s: %.0f ns a line\n", format == SERVE_LOG_JSON ? "JSON" : "combined", ns);
        assert_true(ns < 20000); /* with sanitizers, on a busy machine */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combined_is_as_apache_has_it),
        cmocka_unit_test(json_has_all),
        cmocka_unit_test(a_refused_request_has_dashes),
        cmocka_unit_test(an_exit_code_is_told),
        cmocka_unit_test(nothing_steers_a_terminal_or_forges_a_line),
        cmocka_unit_test(a_line_is_never_too_long),
        cmocka_unit_test(a_trace_id_is_one_or_none),
        cmocka_unit_test(ipv6_stands_without_brackets),
        cmocka_unit_test(a_full_pipe_waits_and_then_loses_whole_lines),
        cmocka_unit_test(a_broken_file_is_told_once),
        cmocka_unit_test(a_moved_log_goes_on_elsewhere),
        cmocka_unit_test(a_line_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
