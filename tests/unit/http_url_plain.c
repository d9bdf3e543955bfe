/* URLs of guests that may reach nothing: read without libcurl, and what is said of them is what
 * libcurl would have said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http/pool.h"
#include "http/url.h"
#include "loop/loop.h"
#include "net/names.h"

static const struct curl_library none;

static enum http_error parse(const char *text, struct http_url *ret_url)
{
    return http_url_parse(&none, span_of(text), /* base */ NULL, ret_url);
}

static void both_read_the_same(void **state)
{
    static const char *const urls[] = {
        "http://example.test",
        "http://example.test/",
        "https://example.test/a/b?c=d&e#f",
        "HTTP://EXAMPLE.Test:8080/A",
        "https://example.test:443/",
        "http://example.test:65535?x",
        "http://user:word@example.test:81/",
        "http://example.test:/x",
        "http://10.0.0.1:9/x",
        "https://[2001:db8::1]/",
        "https://[2001:DB8::1]:8443#y",
        "http://example.test/http://other.test:99/",
        "http://example.test/@other.test",
    };
    struct curl_library curl;
    struct error err;
    (void)state;
    assert_int_equal(curl_library_open(&curl, &err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        struct http_url theirs;
        struct http_url ours;
        assert_int_equal(http_url_parse(&curl, span_of(urls[i]), NULL, &theirs), HTTP_OK);
        assert_int_equal(parse(urls[i], &ours), HTTP_OK);
        assert_string_equal(ours.target.scheme, theirs.target.scheme);
        assert_string_equal(ours.target.host, theirs.target.host);
        assert_int_equal(ours.target.port, theirs.target.port);
        http_url_done(&curl, &theirs);
        http_url_done(&none, &ours);
    }
    curl_library_close(&curl);
}

static void what_names_no_server_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum http_error error;
    } urls[] = {
        {"", HTTP_BAD_URL},
        {"example.test", HTTP_BAD_URL},
        {"/path", HTTP_BAD_URL},
        {"http:/x", HTTP_BAD_URL},
        {"://x", HTTP_BAD_SCHEME},
        {"ftp://example.test/", HTTP_BAD_SCHEME},
        {"httpx://example.test/", HTTP_BAD_SCHEME},
        {"http://", HTTP_BAD_URL},
        {"http:///x", HTTP_BAD_URL},
        {"http://:80/", HTTP_BAD_URL},
        {"http://@/", HTTP_BAD_URL},
        {"http://[]/", HTTP_BAD_URL},
        {"http://[::1/", HTTP_BAD_URL},
        {"http://[::1]8/", HTTP_BAD_URL},
        {"http://x:0/", HTTP_BAD_URL},
        {"http://x:65536/", HTTP_BAD_URL},
        {"http://x:12345678901/", HTTP_BAD_URL},
        {"http://x:8a/", HTTP_BAD_URL},
        {"http://x:-1/", HTTP_BAD_URL},
        {"http://x\n/", HTTP_BAD_URL},
        {"http://x\\y/", HTTP_BAD_URL},
        {"http://\xc3\xa4.test/", HTTP_BAD_URL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        struct http_url url;
        assert_int_equal(parse(urls[i].text, &url), urls[i].error);
        http_url_done(&none, &url);
    }
}

static void a_long_one_is_refused(void **state)
{
    enum { LONG = (64 << 10) + 1, HOST = 256 };
    static const char begin[] = "http://x/";
    struct http_url url;
    char *text = calloc(LONG + 1, 1);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', LONG);
    memcpy(text, begin, sizeof begin - 1);
    assert_int_equal(parse(text, &url), HTTP_URL_TOO_LONG);
    http_url_done(&none, &url);
    text[LONG - 1] = '\0';
    assert_int_equal(parse(text, &url), HTTP_OK);
    http_url_done(&none, &url);
    text[sizeof begin - 2] = 'x'; /* the host is longer than a name can be */
    text[sizeof begin - 2 + HOST] = '\0';
    assert_int_equal(parse(text, &url), HTTP_BAD_URL);
    http_url_done(&none, &url);
    free(text);
}

static bool may_request(void *context, const struct http_target *target)
{
    unsigned *asked = context;
    (*asked)++;
    assert_string_equal(target->host, "example.test");
    return true; /* a mistake, which must not lead anywhere */
}

static void on_event(void *context)
{
    (void)context;
}

static void a_pool_that_reaches_nothing_denies_all(void **state)
{
    struct loop *loop = NULL;
    struct names *names = NULL;
    struct http_pool *pool = NULL;
    struct http_client *client = NULL;
    struct http_exchange *exchange = NULL;
    struct error err;
    unsigned asked = 0;
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(names_new(loop, &names), 0);
    assert_int_equal(http_pool_new(loop, /* reaches_out */ false, &pool, &err), 0);
    const struct http_client_options options = {
        .loop = loop, .names = names, .pool = pool, .context = &asked, .may_request = may_request};
    assert_int_equal(http_client_new(&options, &client, &err), 0);
    const struct http_request request = {.url = span_of("http://example.test/"),
                                         .method = span_of("GET")};
    assert_int_equal(http_client_judge(client, request.url), HTTP_DENIED);
    assert_int_equal(http_exchange_begin(client, &request, on_event, NULL, &exchange), HTTP_DENIED);
    assert_null(exchange);
    assert_int_equal(asked, 2); /* so that the operator is told */
    http_client_free(client);
    http_pool_free(pool);
    names_free(names);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_read_the_same),
        cmocka_unit_test(what_names_no_server_is_refused),
        cmocka_unit_test(a_long_one_is_refused),
        cmocka_unit_test(a_pool_that_reaches_nothing_denies_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
