/* Environment and arguments of CGI guests, byte for byte.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "base/container.h"
#include "fake_transaction.h"
#include "guest/guest.h"
#include "handlers/cgi_env.h"
#include "handlers/internal.h"
#include "handlers/path.h"

/* A route without a site around it, a request to it, and a guest to be told. */
struct fixture {
    struct site site;
    struct serve_route config;
    struct site_route route;
    struct fake_transaction *t;
    struct notes notes;
    struct site_request request;
    struct guest guest;
    struct buffer scratch;
};

static void begin(struct fixture *f, enum serve_kind kind, const char *pattern, const char *target)
{
    static char path[64];
    size_t len = strlen(pattern);
    memset(f, 0, sizeof *f);
    f->config.is_prefix = len >= 4 && strcmp(pattern + len - 4, "/...") == 0;
    (void)snprintf(path, sizeof path, "%s", pattern);
    path[f->config.is_prefix ? len - 4 : len] = '\0';
    f->config.module = (char *)(uintptr_t) "dir/app.wasm";
    f->config.path = path;
    f->site.options.software = "hythe/0.0.1";
    f->route.site = &f->site;
    f->route.config = &f->config;
    f->route.kind = kind;
    f->route.pattern = (char *)(uintptr_t)pattern;
    buffer_init(&f->route.path, 4096);
    buffer_init(&f->route.env, 4096);
    buffer_init(&f->scratch, 1 << 20);
    assert_int_equal(buffer_append(&f->route.path, span_of(path)), 0);
    assert_int_equal(cgi_env_prepare(&f->route), 0);
    f->t = fake_transaction_new("GET", target);
    f->request =
        (struct site_request){&f->route, fake_transaction(f->t), &f->t->inbound, &f->notes, {0}};
    assert_int_equal(path_canonical(f->t->inbound.path, &f->scratch, &f->request.path), 0);
    guest_init(&f->guest, NULL /* loop */);
}

static void end(struct fixture *f)
{
    guest_done(&f->guest, 0);
    fake_transaction_free(f->t);
    buffer_done(&f->route.path);
    buffer_done(&f->route.env);
    buffer_done(&f->scratch);
}

/* NUL-terminated strings in a row, as lines. */
static char *lines_of(const struct buffer *texts, uint32_t count)
{
    char *lines = calloc(1, texts->len + 1);
    uint32_t ends = 0;
    assert_non_null(lines);
    for (size_t i = 0; i < texts->len; i++) {
        lines[i] = texts->data[i] == '\0' ? '\n' : (char)texts->data[i];
        ends += texts->data[i] == '\0' ? 1 : 0;
    }
    assert_int_equal(ends, count);
    return lines;
}

static void check_env(struct fixture *f, const char *want)
{
    assert_int_equal(cgi_env_fill(&f->request, &f->guest), 0);
    char *lines = lines_of(&f->guest.env, f->guest.env_count);
    assert_string_equal(lines, want);
    free(lines);
}

/* The value of a variable, or NULL. It must not be there twice. */
static const char *value_of(struct fixture *f, const char *name)
{
    const char *value = NULL;
    size_t len = strlen(name);
    const char *at = (const char *)f->guest.env.data;
    for (uint32_t i = 0; i < f->guest.env_count; i++) {
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            assert_null(value);
            value = at + len + 1;
        }
        at += strlen(at) + 1;
    }
    return value;
}

static void a_plain_request(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, SERVE_CGI, "/app/...", "/app/x%20y/z?a=1&b=%20");
    fake_transaction_header(f.t, "accept", "*/*");
    fake_transaction_header(f.t, "user-agent", "test");
    check_env(&f, "GATEWAY_INTERFACE=CGI/1.1\n"
                  "SERVER_SOFTWARE=hythe/0.0.1\n"
                  "REQUEST_METHOD=GET\n"
                  "SERVER_PROTOCOL=HTTP/1.1\n"
                  "REQUEST_SCHEME=http\n"
                  "SCRIPT_NAME=/app\n"
                  "PATH_INFO=/x y/z\n"
                  "QUERY_STRING=a=1&b=%20\n"
                  "REQUEST_URI=/app/x%20y/z?a=1&b=%20\n"
                  "SERVER_NAME=example.org\n"
                  "SERVER_PORT=80\n"
                  "REMOTE_ADDR=192.0.2.7\n"
                  "REMOTE_HOST=192.0.2.7\n"
                  "REMOTE_PORT=4711\n"
                  "HTTP_ACCEPT=*/*\n"
                  "HTTP_USER_AGENT=test\n"
                  "HTTP_HOST=example.org:8080\n"
                  "HTTP_X_REQUEST_ID=0123456789abcdef0123456789abcdef\n");
    end(&f);
}

static void a_wagi_request(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, SERVE_WAGI, "/app/...", "/app/x%20y?q");
    fake_transaction_header(f.t, "authorization", "Basic eA==");
    fake_transaction_header(f.t, "x-request-id", "mine");
    check_env(&f, "GATEWAY_INTERFACE=CGI/1.1\n"
                  "SERVER_SOFTWARE=hythe/0.0.1\n"
                  "X_MATCHED_ROUTE=/app/...\n"
                  "AUTH_TYPE=\n"
                  "REMOTE_USER=\n"
                  "REQUEST_METHOD=GET\n"
                  "SERVER_PROTOCOL=HTTP/1.1\n"
                  "REQUEST_SCHEME=http\n"
                  "SCRIPT_NAME=/app\n"
                  "PATH_INFO=/x y\n"
                  "PATH_TRANSLATED=/x y\n"
                  "X_RAW_PATH_INFO=/x%20y\n"
                  "QUERY_STRING=q\n"
                  "REQUEST_URI=/app/x%20y?q\n"
                  "X_FULL_URL=http://example.org:8080/app/x%20y?q\n"
                  "SERVER_NAME=example.org\n"
                  "SERVER_PORT=8080\n"
                  "REMOTE_ADDR=192.0.2.7\n"
                  "REMOTE_HOST=192.0.2.7\n"
                  "REMOTE_PORT=4711\n"
                  "CONTENT_TYPE=\n"
                  "CONTENT_LENGTH=0\n"
                  "HTTP_X_REQUEST_ID=mine\n"
                  "HTTP_HOST=example.org:8080\n");
    end(&f);
}

static void names_and_paths_of_routes(void **state)
{
    (void)state;
    static const struct {
        enum serve_kind kind;
        const char *pattern;
        const char *target;
        const char *script;
        const char *info;
    } rows[] = {
        {SERVE_CGI, "/...", "/x", "", "/x"},
        {SERVE_CGI, "/...", "/", "", "/"},
        {SERVE_CGI, "/", "/", "/", ""},
        {SERVE_CGI, "/app", "/app", "/app", ""},
        {SERVE_CGI, "/app/...", "/app", "/app", ""},
        {SERVE_CGI, "/app/...", "/app/", "/app", "/"},
        {SERVE_CGI, "/app/...", "/app/a%2Fb", "/app", "/a%2Fb"},
        {SERVE_CGI, "/app/...", "/app/%2e%2e%2fetc", "/app", "/..%2Fetc"},
        {SERVE_CGI, "/app/...", "/app/100%25", "/app", "/100%"},
        {SERVE_CGI, "/app/...", "/%61pp//x/./y", "/app", "/x/y"},
        {SERVE_WAGI, "/...", "/x", "/", "/x"},
        {SERVE_WAGI, "/", "/", "/", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture f;
        begin(&f, rows[i].kind, rows[i].pattern, rows[i].target);
        assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
        assert_string_equal(value_of(&f, "SCRIPT_NAME"), rows[i].script);
        assert_string_equal(value_of(&f, "PATH_INFO"), rows[i].info);
        end(&f);
    }
}

static void httpoxy_and_names_that_collide(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, SERVE_CGI, "/", "/");
    fake_transaction_header(f.t, "proxy", "http://evil.example/");
    fake_transaction_header(f.t, "foo_bar", "forged");
    fake_transaction_header(f.t, "foo-bar", "real");
    fake_transaction_header(f.t, "x.y", "1");
    fake_transaction_header(f.t, "x!", "1");
    fake_transaction_header(f.t, "content_length", "99");
    fake_transaction_header(f.t, "content-length", "98");
    fake_transaction_header(f.t, "content-type", "a/b");
    fake_transaction_header(f.t, "authorization", "Basic eA==");
    fake_transaction_header(f.t, "traceparent", "00-x");
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
    assert_null(value_of(&f, "HTTP_PROXY"));
    assert_string_equal(value_of(&f, "HTTP_FOO_BAR"), "real");
    assert_null(value_of(&f, "HTTP_X.Y"));
    assert_null(value_of(&f, "HTTP_X_Y"));
    assert_null(value_of(&f, "HTTP_CONTENT_LENGTH"));
    assert_null(value_of(&f, "HTTP_CONTENT_TYPE"));
    assert_null(value_of(&f, "CONTENT_LENGTH")); /* there is no body */
    assert_string_equal(value_of(&f, "CONTENT_TYPE"), "a/b");
    assert_string_equal(value_of(&f, "HTTP_AUTHORIZATION"), "Basic eA==");
    assert_string_equal(value_of(&f, "HTTP_TRACEPARENT"), "00-x");
    end(&f);
}

static void headers_that_come_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, SERVE_CGI, "/", "/");
    fake_transaction_header(f.t, "x-a", "1");
    fake_transaction_header(f.t, "cookie", "a=1");
    fake_transaction_header(f.t, "x-b", "2");
    fake_transaction_header(f.t, "x-a", "");
    fake_transaction_header(f.t, "cookie", "b=2");
    fake_transaction_header(f.t, "x-a", "3");
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
    assert_string_equal(value_of(&f, "HTTP_X_A"), "1, , 3");
    assert_string_equal(value_of(&f, "HTTP_X_B"), "2");
    assert_string_equal(value_of(&f, "HTTP_COOKIE"), "a=1; b=2");
    end(&f);
}

static void bodies_and_peers(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, SERVE_CGI, "/", "/");
    fake_transaction_body(f.t, "hello", /* is_length_knfixed */ true);
    f.t->inbound.is_tls = true;
    f.t->inbound.version = 20;
    f.t->inbound.authority = span_of("[::1]:8443");
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &f.t->inbound.peer.u.v6.sin6_addr), 1);
    f.t->inbound.peer.u.any.sa_family = AF_INET6;
    f.t->inbound.local = (struct net_address){0};
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
    assert_string_equal(value_of(&f, "CONTENT_LENGTH"), "5");
    assert_null(value_of(&f, "CONTENT_TYPE"));
    assert_string_equal(value_of(&f, "HTTPS"), "on");
    assert_string_equal(value_of(&f, "REQUEST_SCHEME"), "https");
    assert_string_equal(value_of(&f, "SERVER_PROTOCOL"), "HTTP/2.0");
    assert_string_equal(value_of(&f, "SERVER_NAME"), "[::1]");
    assert_string_equal(value_of(&f, "SERVER_PORT"), "8443");
    assert_string_equal(value_of(&f, "REMOTE_ADDR"), "2001:db8::1");
    end(&f);
    begin(&f, SERVE_CGI, "/", "/");
    fake_transaction_body(f.t, "hello", /* is_length_knfixed */ false);
    f.t->inbound.version = 10;
    f.t->inbound.authority = (struct span){0};
    assert_int_equal(net_address_set_unix(&f.t->inbound.peer, "/x", 2), 0);
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
    assert_null(value_of(&f, "CONTENT_LENGTH"));
    assert_null(value_of(&f, "HTTP_HOST"));
    assert_string_equal(value_of(&f, "SERVER_PROTOCOL"), "HTTP/1.0");
    assert_string_equal(value_of(&f, "SERVER_NAME"), "127.0.0.1");
    assert_string_equal(value_of(&f, "REMOTE_ADDR"), "unix:");
    end(&f);
}

static void an_environment_has_an_end(void **state)
{
    (void)state;
    struct fixture f;
    char *huge = malloc(CGI_ENV_MAX);
    assert_non_null(huge);
    memset(huge, 'x', CGI_ENV_MAX - 1);
    huge[CGI_ENV_MAX - 1] = '\0';
    begin(&f, SERVE_CGI, "/", "/");
    fake_transaction_header(f.t, "x", huge);
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), -EMSGSIZE);
    assert_int_equal(f.guest.env_count, 0);
    end(&f);
    free(huge);
}

/* Everything that a peer sends written as long as it can be: the sanitizer watches the room that was
 * reckoned. */
static void the_room_is_enough(void **state)
{
    (void)state;
    struct fixture f;
    char target[4096] = "/app/";
    for (size_t i = 5; i + 1 < sizeof target - 1000; i++) {
        target[i] = i % 2 == 0 ? '"' : '\377';
    }
    target[sizeof target - 1000] = '\0';
    begin(&f, SERVE_WAGI, "/app/...", target);
    for (int i = 0; i < 200; i++) {
        fake_transaction_header(f.t, i % 2 == 0 ? "a" : "b", "");
    }
    assert_int_equal(cgi_env_fill(&f.request, &f.guest), 0);
    end(&f);
}

/* -- arguments -------------------------------------------------------------------------------- */

static void check_args(struct fixture *f, const char *want)
{
    assert_int_equal(cgi_args_fill(&f->request, &f->guest), 0);
    char *lines = lines_of(&f->guest.args, f->guest.arg_count);
    assert_string_equal(lines, want);
    free(lines);
}

static void arguments(void **state)
{
    (void)state;
    static const struct {
        enum serve_kind kind;
        const char *method;
        const char *argv;
        const char *target;
        const char *want;
    } rows[] = {
        {SERVE_CGI, "GET", NULL, "/app", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?a+b%20c", "app.wasm\nfixed\na\nb c\n"},
        {SERVE_CGI, "GET", NULL, "/app?%2b%41", "app.wasm\nfixed\n+A\n"},
        {SERVE_CGI, "GET", NULL, "/app?a=b", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?a%3db", "app.wasm\nfixed\na=b\n"},
        {SERVE_CGI, "POST", NULL, "/app?a", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?-s", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?a+%2ds+b", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?a+b%00", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?a%4", "app.wasm\nfixed\n"},
        {SERVE_CGI, "GET", NULL, "/app?", "app.wasm\nfixed\n"},
        {SERVE_WCGI, "GET", NULL, "/app?a+b", "app.wasm\nfixed\n"},
        {SERVE_WAGI, "GET", NULL, "/app", "/app\nfixed\n"},
        {SERVE_WAGI, "GET", NULL, "/app?greet=matt&foo=bar", "/app\ngreet=matt\nfoo=bar\nfixed\n"},
        {SERVE_WAGI, "POST", NULL, "/app?a%20b", "/app\na%20b\nfixed\n"},
        {SERVE_WAGI, "GET", NULL, "/app?&&a&&", "/app\na\nfixed\n"},
        {SERVE_WAGI, "GET", NULL, "/app?-x&--y=1&a", "/app\na\nfixed\n"},
        {SERVE_WAGI, "GET", "ruby  -v /lib/${SCRIPT_NAME}.rb ${ARGS} end", "/app?x&y",
         "ruby\n-v\n/lib//app.rb\nx\ny\nend\nfixed\n"},
        {SERVE_WAGI, "GET", "${SCRIPT_NAME}${SCRIPT_NAME}", "/app?x", "/app/app\nfixed\n"},
        {SERVE_WAGI, "GET", "", "/app?x", "fixed\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture f;
        begin(&f, rows[i].kind, "/app", rows[i].target);
        f.t->inbound.method = span_of(rows[i].method);
        f.config.argv = (char *)(uintptr_t)rows[i].argv;
        assert_int_equal(strings_add(&f.config.args, "fixed"), 0);
        check_args(&f, rows[i].want);
        strings_done(&f.config.args);
        end(&f);
    }
}

static void arguments_have_an_end(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    char *target = malloc(LEN);
    assert_non_null(target);
    for (int is_many = 0; is_many < 2; is_many++) {
        for (int is_wagi = 0; is_wagi < 2; is_wagi++) {
            struct fixture f;
            memcpy(target, "/app?", 5);
            for (size_t i = 5; i < LEN - 1; i++) {
                target[i] = is_many && i % 2 == 0 ? (is_wagi ? '&' : '+') : 'a';
            }
            target[LEN - 1] = '\0';
            begin(&f, is_wagi ? SERVE_WAGI : SERVE_CGI, "/app", target);
            assert_int_equal(cgi_args_fill(&f.request, &f.guest), -EMSGSIZE);
            end(&f);
        }
    }
    free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request),
        cmocka_unit_test(a_wagi_request),
        cmocka_unit_test(names_and_paths_of_routes),
        cmocka_unit_test(httpoxy_and_names_that_collide),
        cmocka_unit_test(headers_that_come_again),
        cmocka_unit_test(bodies_and_peers),
        cmocka_unit_test(an_environment_has_an_end),
        cmocka_unit_test(the_room_is_enough),
        cmocka_unit_test(arguments),
        cmocka_unit_test(arguments_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
