/* URLs, names and addresses: what the HTTP client has judged is what it dials. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_dns.h"
#include "http_fetch.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

enum { WAIT_NS = 1000000, TURNS_NS = 50000000 };

static void an_address_is_judged_where_it_is_dialled(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    struct http_fetch *fetch = NULL;
    t->env.denies_dialling = true;
    http_fetch_begin(t, "GET", "/", &fetch);
    http_fetch_head(t, fetch);
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_DENIED_ADDRESS);
    assert_true(t->env.dialled > 0);
    http_test_turn(t, TURNS_NS);
    assert_int_equal(http_peer_connections(t->peer), 0);
    http_fetch_close(fetch);
    http_test_end(t);
}

static enum http_error resolve_and_fail(struct http_test *t, const char *url)
{
    struct http_fetch *fetch = NULL;
    enum http_error error = http_fetch_url(t, "GET", url, &fetch);
    if (error == HTTP_OK) {
        http_fetch_head(t, fetch);
        error = http_exchange_error(fetch->exchange);
    }
    http_fetch_close(fetch);
    return error;
}

static void names_that_lead_nowhere(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    struct fake_dns *dns = fake_dns_new(t->loop);
    assert_int_equal(names_set_servers(t->env.names, fake_dns_address(dns)), 0);
    t->env.options.connect_timeout_ns = 100 * (uint64_t)WAIT_NS;
    assert_int_equal(resolve_and_fail(t, "http://none.test/"), HTTP_NO_NAME);
    assert_int_equal(resolve_and_fail(t, "http://silent.test/"), HTTP_NAME_TIMED_OUT);
    t->env.denied_host = "192.0.2.1";
    unsigned dialled = t->env.dialled;
    assert_int_equal(resolve_and_fail(t, "http://one.test/"), HTTP_DENIED_ADDRESS);
    assert_int_equal(t->env.dialled, dialled + 1); /* judged once resolved, and never tried */
    assert_string_equal(t->env.host, "one.test");
    struct http_fetch *fetch = NULL; /* closed while it is being resolved */
    assert_int_equal(http_fetch_url(t, "GET", "http://silent.test/", &fetch), HTTP_OK);
    assert_int_equal(loop_turn(t->loop, 0), 0);
    http_fetch_close(fetch);
    http_test_turn(t, TURNS_NS);
    fake_dns_free(dns);
    http_test_end(t);
}

static void a_name_leads_to_its_addresses(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char url[128];
    struct http_fetch *fetch = NULL;
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    (void)snprintf(url, sizeof url, "http://LocalHost:%u/", http_peer_port(t->peer));
    assert_int_equal(http_fetch_url(t, "GET", url, &fetch), HTTP_OK);
    http_fetch_head(t, fetch);
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    assert_string_equal(t->env.host, "localhost");
    assert_true(http_test_sent(t, 0, "Host: localhost:"));
    assert_true(t->env.dialled > 0);
    http_fetch_close(fetch);
    http_test_end(t);
}

/* -- URLs ------------------------------------------------------------------------------------- */

static void spellings_are_judged_as_they_are_dialled(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *host; /* NULL: it is no URL */
        uint16_t port;
        enum http_error error;
    } cases[] = {
        {"http://allowed@evil/", "evil", 80, HTTP_OK},
        {"http://allowed:80@evil:81/", "evil", 81, HTTP_OK},
        {"http://evil#allowed", "evil", 80, HTTP_OK},
        {"http://evil#@allowed/", "evil", 80, HTTP_OK},
        {"http://evil?@allowed/", "evil", 80, HTTP_OK},
        {"http://evil/@allowed/", "evil", 80, HTTP_OK},
        {"http://evil\\@allowed/", NULL, 0, HTTP_BAD_URL},
        {"http://allowed\\.evil/", NULL, 0, HTTP_BAD_URL},
        {"http://EVIL.Example/", "evil.example", 80, HTTP_OK},
        {"HTTPS://evil.example/", "evil.example", 443, HTTP_OK},
        {"http://evil.example./", "evil.example.", 80, HTTP_OK},
        {"http://b\u00fccher.example/", "xn--bcher-kva.example", 80, HTTP_OK},
        {"http://127\u30020.0.1/", "127.0.0.1", 80, HTTP_OK},
        {"http://127%2e0%2e0%2e1/", "127.0.0.1", 80, HTTP_OK},
        {"http://2130706433/", "127.0.0.1", 80, HTTP_OK},
        {"http://0x7f000001/", "127.0.0.1", 80, HTTP_OK},
        {"http://0177.1/", "127.0.0.1", 80, HTTP_OK},
        {"http://127.1/", "127.0.0.1", 80, HTTP_OK},
        {"http://[::1]/", "::1", 80, HTTP_OK},
        {"http://[0:0:0:0:0:0:0:1]:81/", "::1", 81, HTTP_OK},
        {"http://[::FFFF:127.0.0.1]/", "::ffff:127.0.0.1", 80, HTTP_OK},
        {"http://[fe80::1%25eth0]/", NULL, 0, HTTP_BAD_URL},
        {"http://[fe80::1%eth0]/", NULL, 0, HTTP_BAD_URL},
        {"http://[::1/", NULL, 0, HTTP_BAD_URL},
        {"http://[]/", NULL, 0, HTTP_BAD_URL},
        {"http:///path", "path", 80, HTTP_OK}, /* so do browsers */
        {"http://", NULL, 0, HTTP_BAD_URL},
        {"http://:80/", NULL, 0, HTTP_BAD_URL},
        {"http://@/", NULL, 0, HTTP_BAD_URL},
        {"http://host:0/", NULL, 0, HTTP_BAD_URL},
        {"http://host:65536/", NULL, 0, HTTP_BAD_URL},
        {"http://host:-1/", NULL, 0, HTTP_BAD_URL},
        {"http://host:080/", "host", 80, HTTP_OK},
        {"http://host:/", "host", 80, HTTP_OK},
        {"http://host:80x/", NULL, 0, HTTP_BAD_URL},
        {"http://ho st/", NULL, 0, HTTP_BAD_URL},
        {"http://host/a b", "host", 80, HTTP_OK},
        {"http://host\r\n/", NULL, 0, HTTP_BAD_URL},
        {"http://host/\nX: y", NULL, 0, HTTP_BAD_URL},
        {"http://ho\tst/", NULL, 0, HTTP_BAD_URL},
        {"//host/", NULL, 0, HTTP_BAD_URL},
        {"host", NULL, 0, HTTP_BAD_URL},
        {"/path", NULL, 0, HTTP_BAD_URL},
        {"", NULL, 0, HTTP_BAD_URL},
        {"ftp://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"file:///etc/passwd", NULL, 0, HTTP_BAD_SCHEME},
        {"gopher://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"javascript://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"ws://host/", NULL, 0, HTTP_BAD_SCHEME},
    };
    struct http_test *t = http_test_begin();
    (void)http_env_open(&t->env);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        t->env.judged = 0;
        enum http_error error = http_client_judge(t->env.client, span_of(cases[i].url));
        bool is_right = error == cases[i].error &&
                        (cases[i].host == NULL ||
                         (strcmp(t->env.host, cases[i].host) == 0 && t->env.port == cases[i].port));
        if (!is_right) {
            print_error("%s: error %d, host %s port %u\n", cases[i].url, (int)error, t->env.host,
                        t->env.port);
        }
        assert_true(is_right);
        assert_int_equal(t->env.judged, cases[i].host != NULL ? 1 : 0);
        if (cases[i].host != NULL) { /* and what libcurl is given means the same to it */
            char given[sizeof t->env.url];
            memcpy(given, t->env.url, sizeof given);
            assert_int_equal(http_client_judge(t->env.client, span_of(given)), HTTP_OK);
            assert_string_equal(t->env.host, cases[i].host);
            assert_int_equal(t->env.port, cases[i].port);
            assert_string_equal(t->env.url, given);
        }
    }
    http_test_end(t);
}

static void odd_spellings_of_the_loopback_arrive_there(void **state)
{
    (void)state;
    static const char *const hosts[] = {"2130706433", "0x7f.1", "127%2e0.0.1", "x:y@127.0.0.1",
                                        "127\u30020.0.1"};
    struct http_test *t = http_test_begin();
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(hosts); i++) {
        char url[128];
        struct http_fetch *fetch = NULL;
        (void)snprintf(url, sizeof url, "http://%s:%u/", hosts[i], http_peer_port(t->peer));
        assert_int_equal(http_fetch_url(t, "GET", url, &fetch), HTTP_OK);
        assert_string_equal(t->env.host, "127.0.0.1");
        http_fetch_head(t, fetch);
        assert_int_equal(http_exchange_status(fetch->exchange), 200);
        assert_true(http_test_sent(t, i, "Host: 127.0.0.1:"));
        http_fetch_close(fetch);
    }
    http_test_end(t);
}

static void a_denied_url_is_not_begun(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    struct http_fetch *fetch = NULL;
    t->env.denies_requests = true;
    assert_int_equal(http_fetch_url(t, "GET", http_peer_url(t->peer, "/"), &fetch), HTTP_DENIED);
    assert_int_equal(http_client_judge(t->env.client, span_of("http://x/")), HTTP_DENIED);
    http_test_end(t);
}

static void long_urls(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static char url[100000];
    struct http_fetch *fetch = NULL;
    memset(url, 'a', sizeof url - 1);
    memcpy(url, "http://", 7);
    memcpy(url + 7 + 300, "/", 2); /* a host longer than any name */
    assert_int_equal(http_fetch_url(t, "GET", url, &fetch), HTTP_BAD_URL);
    memcpy(url + 7 + 300, "aa", 2);
    struct http_header h = {span_of("host"), span_of("x")};
    struct http_request request = {.url = {(const uint8_t *)url, 8000},
                                   .method = span_of("GET"),
                                   .headers = &h,
                                   .header_count = 1};
    assert_int_equal(http_fetch_start(t, &request, &fetch), HTTP_BAD_URL);
    request.url.len = 70000;
    assert_int_equal(http_fetch_start(t, &request, &fetch), HTTP_URL_TOO_LONG);
    http_test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_judged_where_it_is_dialled),
        cmocka_unit_test(names_that_lead_nowhere),
        cmocka_unit_test(a_name_leads_to_its_addresses),
        cmocka_unit_test(spellings_are_judged_as_they_are_dialled),
        cmocka_unit_test(odd_spellings_of_the_loopback_arrive_there),
        cmocka_unit_test(a_denied_url_is_not_begun),
        cmocka_unit_test(long_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
