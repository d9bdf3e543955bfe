/* The options of `hythe run` for the HTTP client and its policy, and the setters behind them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "config/options.h"
#include "host/config.h"

enum { WORDS_MAX = 32 };

static int parse(const char *text, struct run_options *options, struct error *err)
{
    static char copy[1024];
    static char *argv[WORDS_MAX + 1];
    int argc = 0;
    char *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = word;
        argc++;
    }
    argv[argc] = NULL;
    *err = (struct error){0};
    return run_options_parse(argc, argv, options, err);
}

static void nothing_given(void **state)
{
    (void)state;
    struct run_options o;
    struct error err;
    assert_int_equal(parse("run m.wasm", &o, &err), 0);
    assert_int_equal(o.allow_http.count, 0);
    assert_int_equal(o.hosts.count, 0);
    assert_false(o.policy_dry_run);
    assert_false(o.timing);
    assert_null(o.http.ca_file);
    assert_null(o.http.proxy);
    assert_int_equal(o.http.timeout_ns, 0);
    assert_int_equal(o.http.connect_timeout_ns, 0);
    assert_int_equal(o.http.first_byte_timeout_ns, UINT64_MAX);
    assert_int_equal(o.http.idle_timeout_ns, UINT64_MAX);
    assert_int_equal(o.http.max_body, 0);
    assert_int_equal(o.http.max_head, 0);
    assert_int_equal(o.http.redirects, UINT64_MAX);
    assert_int_equal(o.http.concurrency, 0);
    run_options_done(&o);
}

static void everything_given(void **state)
{
    (void)state;
    struct run_options o;
    struct error err;
    assert_int_equal(parse("run --allow-http https://a --allow-http=b:1,private --host x=::1 "
                           "--policy-dry-run --timing --ca-file ca.pem --http-proxy http://p:1 "
                           "--http-timeout 1m --http-connect-timeout 2s "
                           "--http-first-byte-timeout 0 --http-idle-timeout 300ms "
                           "--http-max-body 1G --http-max-head 8K --http-redirects 0 "
                           "--http-concurrency 3 m.wasm",
                           &o, &err),
                     0);
    assert_int_equal(o.allow_http.count, 2);
    assert_string_equal(o.allow_http.items[1], "b:1,private");
    assert_string_equal(o.hosts.items[0], "x=::1");
    assert_true(o.policy_dry_run);
    assert_true(o.timing);
    assert_string_equal(o.http.ca_file, "ca.pem");
    assert_string_equal(o.http.proxy, "http://p:1");
    assert_int_equal(o.http.timeout_ns, 60000000000);
    assert_int_equal(o.http.connect_timeout_ns, 2000000000);
    assert_int_equal(o.http.first_byte_timeout_ns, 0);
    assert_int_equal(o.http.idle_timeout_ns, 300000000);
    assert_int_equal(o.http.max_body, 1 << 30);
    assert_int_equal(o.http.max_head, 8 << 10);
    assert_int_equal(o.http.redirects, 0);
    assert_int_equal(o.http.concurrency, 3);
    run_options_done(&o);
}

static void wrong_values(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "run --http-max-head 257K m",     "run --http-max-head 0 m",
        "run --http-redirects 101 m",     "run --http-redirects -1 m",
        "run --http-redirects many m",    "run --http-concurrency 0 m",
        "run --http-concurrency 1.5 m",   "run --http-timeout 0 m",
        "run --http-connect-timeout 0 m", "run --http-idle-timeout soon m",
        "run --http-max-body 0 m",        "run --policy-dry-run=1 m",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        struct run_options o;
        struct error err;
        if (parse(lines[i], &o, &err) >= 0) {
            fail_msg("taken: %s", lines[i]);
        }
        assert_int_equal(err.exit, 2);
        run_options_done(&o);
    }
}

/* -- the library ------------------------------------------------------------------------------ */

static void defaults_of_a_configuration(void **state)
{
    (void)state;
    hythe_guest_config *config = hythe_guest_config_new();
    assert_non_null(config);
    assert_int_equal(config->http.timeout_ns, 0);
    assert_int_equal(config->http.connect_timeout_ns, 10000000000);
    assert_int_equal(config->http.first_byte_timeout_ns, 60000000000);
    assert_int_equal(config->http.idle_timeout_ns, 60000000000);
    assert_int_equal(config->http.max_body, 0);
    assert_int_equal(config->http.max_head, 64 << 10);
    assert_int_equal(config->http.redirects, 10);
    assert_int_equal(config->http.concurrency, 1024);
    assert_null(config->http.proxy);
    assert_null(config->http.ca_file);
    hythe_guest_config_free(config);
}

static void setters_set(void **state)
{
    (void)state;
    hythe_guest_config *config = hythe_guest_config_new();
    assert_non_null(config);
    hythe_guest_config_set_http_timeout_ns(config, 1);
    hythe_guest_config_set_http_connect_timeout_ns(config, 2);
    hythe_guest_config_set_http_first_byte_timeout_ns(config, 3);
    hythe_guest_config_set_http_idle_timeout_ns(config, 4);
    hythe_guest_config_set_http_max_body(config, 5);
    hythe_guest_config_set_http_max_head(config, 6);
    hythe_guest_config_set_http_redirects(config, 7);
    hythe_guest_config_set_http_concurrency(config, 8);
    hythe_guest_config_set_policy_dry_run(config, true);
    hythe_guest_config_set_timing(config, true);
    assert_int_equal(hythe_guest_config_set_http_ca_file(config, "a", NULL), 0);
    assert_int_equal(hythe_guest_config_set_http_ca_file(config, "b", NULL), 0);
    assert_int_equal(hythe_guest_config_set_http_proxy(config, "socks5h://[::1]:1080", NULL), 0);
    assert_int_equal(config->http.timeout_ns, 1);
    assert_int_equal(config->http.connect_timeout_ns, 2);
    assert_int_equal(config->http.first_byte_timeout_ns, 3);
    assert_int_equal(config->http.idle_timeout_ns, 4);
    assert_int_equal(config->http.max_body, 5);
    assert_int_equal(config->http.max_head, 6);
    assert_int_equal(config->http.redirects, 7);
    assert_int_equal(config->http.concurrency, 8);
    assert_true(config->policy_dry_run);
    assert_true(config->timing);
    assert_string_equal(config->http.ca_file, "b");
    assert_string_equal(config->http.proxy, "socks5h://[::1]:1080");
    hythe_guest_config_free(config);
}

static void setters_refuse(void **state)
{
    (void)state;
    static const char *const proxies[] = {"", "proxy:3128", "ftp://proxy", "http://", "http://:80"};
    hythe_guest_config *config = hythe_guest_config_new();
    assert_non_null(config);
    for (size_t i = 0; i < ARRAY_COUNT(proxies); i++) {
        hythe_error *error = NULL;
        assert_int_equal(hythe_guest_config_set_http_proxy(config, proxies[i], &error), -EINVAL);
        assert_non_null(strstr(hythe_error_text(error), "SCHEME://HOST:PORT"));
        assert_int_equal(hythe_error_exit(error), 2);
        hythe_error_free(error);
    }
    hythe_error *error = NULL;
    assert_int_equal(hythe_guest_config_allow_http(config, "ftp://x", &error), -EINVAL);
    assert_non_null(strstr(hythe_error_text(error), "\"ftp://x\""));
    assert_int_equal(hythe_error_exit(error), 2);
    hythe_error_free(error);
    assert_int_equal(hythe_guest_config_add_host(config, "x", &error), -EINVAL);
    assert_non_null(strstr(hythe_error_text(error), "NAME=ADDRESS"));
    hythe_error_free(error);
    assert_int_equal(hythe_guest_config_allow_http(config, "https://x", NULL), 0);
    assert_int_equal(hythe_guest_config_add_host(config, "x=1.2.3.4", NULL), 0);
    assert_int_equal(config->allow_http.count, 1);
    assert_int_equal(config->hosts.count, 1);
    hythe_guest_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given), cmocka_unit_test(everything_given),
        cmocka_unit_test(wrong_values),  cmocka_unit_test(defaults_of_a_configuration),
        cmocka_unit_test(setters_set),   cmocka_unit_test(setters_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
