/* WAGI's modules.toml, as its documentation has it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "config/serve.h"

#define MODULE "[[module]]\nroute = \"/\"\nmodule = \"m.wasm\"\n"

static void parse_ok(const char *text, struct serve_config *config)
{
    struct error err = {0};
    serve_config_init(config);
    if (serve_config_parse(config, "apps/modules.toml", text, strlen(text), &err) < 0 ||
        serve_config_finish(config, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static void refused(const char *text, const char *words)
{
    struct serve_config config;
    struct error err = {0};
    serve_config_init(&config);
    assert_int_equal(serve_config_parse(&config, "m.toml", text, strlen(text), &err), -EINVAL);
    assert_string_equal(err.text, words);
    assert_int_equal(err.exit, 2);
    serve_config_done(&config);
}

static void every_key(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok("default_host = \"localhost:3000\"\n"
             "[[module]]\n"
             "# a comment\n"
             "route = \"/\"\n"
             "module = \"/srv/root.wasm\"\n"
             "[[module]]\n"
             "route = \"/bar/...\"\n"
             "module = \"file:///srv/bar.wasm\"\n"
             "host = \"Example.com:3000\"\n"
             "entrypoint = \"hello\"\n"
             "argv = \"ruby index.rb ${SCRIPT_NAME} ${ARGS}\"\n"
             "volumes = {\"/in\" = \"/out\", \"/b\" = \"data\"}\n"
             "environment.TEST_NAME = \"test value\"\n"
             "allowed_hosts = [\"https://example.com\", \"http://localhost:8081\"]\n"
             "http_max_concurrency = 2\n",
             &c);
    assert_int_equal(c.route_count, 2);
    const struct serve_route *root = &c.routes[0];
    assert_int_equal(root->kind, SERVE_WAGI);
    assert_string_equal(root->path, "/");
    assert_false(root->is_prefix);
    assert_null(root->host);
    assert_null(root->entry);
    assert_null(root->argv);
    assert_string_equal(root->module, "/srv/root.wasm");
    assert_int_equal(root->guest.http_concurrency, 0);
    const struct serve_route *bar = &c.routes[1];
    assert_string_equal(bar->name, "example.com/bar/...");
    assert_string_equal(bar->path, "/bar");
    assert_true(bar->is_prefix);
    assert_string_equal(bar->module, "/srv/bar.wasm");
    assert_string_equal(bar->host, "example.com");
    assert_string_equal(bar->entry, "hello");
    assert_string_equal(bar->argv, "ruby index.rb ${SCRIPT_NAME} ${ARGS}");
    assert_int_equal(bar->guest.dir_count, 2);
    assert_string_equal(bar->guest.dirs[0].guest, "/in");
    assert_string_equal(bar->guest.dirs[0].host, "/out");
    assert_false(bar->guest.dirs[0].is_read_only);
    assert_string_equal(bar->guest.dirs[1].host, "apps/data");
    assert_string_equal(bar->guest.env.items[0].name, "TEST_NAME");
    assert_string_equal(bar->guest.env.items[0].value, "test value");
    assert_int_equal(bar->guest.allow_http.count, 2);
    assert_string_equal(bar->guest.allow_http.items[1], "http://localhost:8081");
    assert_int_equal(bar->guest.http_concurrency, 2);
    assert_int_equal(bar->place.line, 6);
    serve_config_done(&c);
}

static void it_may_stand_beside_our_own_tables(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok("listen = \":3000\"\n[guest]\nmemory = \"1M\"\nallow_http = [\"a.example\"]\n" MODULE
             "[[route]]\npath = \"/static/...\"\nfiles = \"d\"\n",
             &c);
    assert_int_equal(c.route_count, 2);
    assert_int_equal(c.routes[0].guest.max_memory, 1 << 20);
    assert_int_equal(c.routes[0].guest.allow_http.count, 1);
    serve_config_done(&c);
}

static void hosts_lose_their_port(void **state)
{
    static const struct {
        const char *written;
        const char *host;
    } rows[] = {{"localhost", "localhost"}, {"localhost:3000", "localhost"}, {"[::1]:80", "[::1]"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[256];
        struct serve_config c;
        (void)snprintf(text, sizeof text, MODULE "host = \"%s\"\n", rows[i].written);
        parse_ok(text, &c);
        assert_string_equal(c.routes[0].host, rows[i].host);
        serve_config_done(&c);
    }
}

/* Beside the file first, then where hythe runs. */
static void relative_paths(void **state)
{
    char folder[] = "/tmp/hythe-wagi-XXXXXX";
    struct serve_config c;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("apps", 0700), 0);
    assert_int_equal(mkdir("m.wasm", 0700), 0); /* what it is does not matter here */
    parse_ok(MODULE, &c);
    assert_string_equal(c.routes[0].module, "m.wasm");
    serve_config_done(&c);
    assert_int_equal(mkdir("apps/m.wasm", 0700), 0);
    parse_ok(MODULE, &c);
    assert_string_equal(c.routes[0].module, "apps/m.wasm");
    serve_config_done(&c);
    (void)rmdir("m.wasm");
    (void)rmdir("apps/m.wasm");
    (void)rmdir("apps");
    (void)rmdir(folder);
}

static void what_is_refused(void **state)
{
    (void)state;
    refused("[[module]]\nroute = \"/\"\n", "m.toml:1:1: [[module]] needs a route and a module");
    refused("[[module]]\nroute = \"/\"\nmodule = \"oci:foo/bar:1.2.3\"\n",
            "m.toml:3:10: hythe fetches no modules; get 'oci:foo/bar:1.2.3' into a file and name "
            "that");
    refused("[[module]]\nroute = \"/\"\nmodule = \"bindle:example.com/foo/1.2.3\"\n",
            "m.toml:3:10: hythe fetches no modules; get 'bindle:example.com/foo/1.2.3' into a file "
            "and name that");
    refused("[[module]]\nroute = \"/\"\nmodule = \"file://\"\n", "m.toml:3:10: module is empty");
    refused(MODULE "allowed_host = []\n",
            "m.toml:4:1: unknown key 'allowed_host' in [[module]]; did you mean 'allowed_hosts'?");
    refused(MODULE "path = \"/\"\n",
            "m.toml:4:1: unknown key 'path' in [[module]]; it belongs in [[route]]");
    refused(MODULE "volumes = {\"\" = \"a\"}\n", "m.toml:4:17: a volume takes two names");
    refused(MODULE MODULE, "m.toml:4:1: / is also the route of line 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key),
        cmocka_unit_test(it_may_stand_beside_our_own_tables),
        cmocka_unit_test(hosts_lose_their_port),
        cmocka_unit_test(relative_paths),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
