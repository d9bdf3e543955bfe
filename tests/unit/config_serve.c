/* The configuration of a server: what a file and single keys lead to, and in which words they are
 * refused. */
#include "config/serve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

#define FILE_NAME "conf/hythe.toml"

static void parse_ok(const char *text, struct serve_config *config)
{
    struct error err = {0};
    serve_config_init(config);
    if (serve_config_parse(config, FILE_NAME, text, strlen(text), &err) < 0 ||
        serve_config_finish(config, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

/* The text is refused, when it is read or finished, in exactly these words. */
static void refused(const char *text, const char *words)
{
    struct serve_config config;
    struct error err = {0};
    serve_config_init(&config);
    int r = serve_config_parse(&config, FILE_NAME, text, strlen(text), &err);
    if (r == 0) {
        r = serve_config_finish(&config, &err);
    }
    assert_int_equal(r, -EINVAL);
    assert_int_equal(err.exit, 2);
    assert_string_equal(err.text, words);
    serve_config_done(&config);
}

#define AT(place) FILE_NAME ":" place ": "
#define TEXT "[[route]]\npath = \"/x\"\ntext = \"t\"\n"

/* -- what a file says ------------------------------------------------------------------------- */

static void six_routes(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok(
        "listen = [\":80\", \"https://[::1]:443/\"]\n"
        "workers = \"auto\"\n"
        "[tls]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n"
        "[guest]\nmemory = \"64MiB\"\nenv = { A = \"1\", B = \"2\" }\n"
        "allow_http = [\"https://a.example\"]\ndirs = [\"data::/data:ro\"]\n"
        "[[route]]\npath = \"/api/...\"\nmodule = \"api.wasm\"\nenv = { B = \"3\", C = \"4\" }\n"
        "allow_http = []\nconcurrency = 8\nretry_after = 1.2\n"
        "[[route]]\npath = \"/\"\nmodule = \"/abs.wasm\"\nkind = \"wagi\"\nmemory = 131072\n"
        "[[route]]\npath = \"/static/...\"\nfiles = \"public\"\n"
        "[[route]]\npath = \"/old\"\nredirect = \"/new\"\n"
        "[[route]]\npath = \"/gone\"\ntext = \"gone\\n\"\nstatus = 410\n"
        "[[route]]\npath = \"/...\"\nhost = \"*.Example.ORG\"\ntext = \"\"\n",
        &c);
    assert_int_equal(c.listener_count, 2);
    assert_string_equal(c.listeners[0].address, ":80");
    assert_true(c.listeners[0].is_tls); /* there is a certificate */
    assert_string_equal(c.listeners[1].address, "[::1]:443");
    assert_int_equal(c.listeners[1].place.line, 1);
    assert_int_equal(c.listeners[1].place.column, 18);
    assert_int_equal(c.workers, 0);
    assert_string_equal(c.tls.certificates[0].certificate, "conf/c.pem");
    assert_string_equal(c.tls.certificates[0].key, "/k.pem");
    assert_int_equal(c.route_count, 6);

    const struct serve_route *api = &c.routes[0];
    assert_string_equal(api->name, "/api/...");
    assert_string_equal(api->path, "/api");
    assert_true(api->is_prefix);
    assert_int_equal(api->kind, SERVE_AUTO);
    assert_string_equal(api->module, "conf/api.wasm");
    assert_int_equal(api->place.line, 11);
    assert_int_equal(api->guest.max_memory, 64 << 20);
    assert_int_equal(api->guest.env.count, 3); /* added up, the route's own winning */
    assert_string_equal(api->guest.env.items[0].name, "B");
    assert_string_equal(api->guest.env.items[0].value, "3");
    assert_string_equal(api->guest.env.items[2].name, "A");
    assert_int_equal(api->guest.allow_http.count, 0); /* a list replaces */
    assert_int_equal(api->guest.dir_count, 1);
    assert_string_equal(api->guest.dirs[0].host, "conf/data");
    assert_string_equal(api->guest.dirs[0].guest, "/data");
    assert_true(api->guest.dirs[0].is_read_only);
    assert_int_equal(api->concurrency, 8);
    assert_int_equal(api->retry_after_s, 2);

    assert_string_equal(c.routes[1].path, "/");
    assert_false(c.routes[1].is_prefix);
    assert_string_equal(c.routes[1].module, "/abs.wasm");
    assert_int_equal(c.routes[1].kind, SERVE_WAGI);
    assert_int_equal(c.routes[1].guest.max_memory, 131072);
    assert_int_equal(c.routes[1].guest.allow_http.count, 1);
    assert_int_equal(c.routes[2].kind, SERVE_FILES);
    assert_string_equal(c.routes[2].root, "conf/public");
    assert_int_equal(c.routes[3].kind, SERVE_REDIRECT);
    assert_int_equal(c.routes[3].status, 302);
    assert_int_equal(c.routes[4].status, 410);
    assert_string_equal(c.routes[4].type, "text/plain; charset=utf-8");
    assert_string_equal(c.routes[5].host, "*.example.org");
    assert_string_equal(c.routes[5].name, "*.example.org/...");
    assert_string_equal(c.routes[5].path, "/");
    serve_config_done(&c);
}

static void defaults(void **state)
{
    const uint64_t s = 1000000000;
    struct serve_config c;
    (void)state;
    parse_ok(TEXT, &c);
    assert_int_equal(c.listener_count, 1);
    assert_string_equal(c.listeners[0].address, "127.0.0.1:8080");
    assert_false(c.listeners[0].is_tls);
    assert_int_equal(c.timeouts.tls_ns, 10 * s);
    assert_int_equal(c.timeouts.header_ns, 10 * s);
    assert_int_equal(c.timeouts.body_ns, 30 * s);
    assert_int_equal(c.timeouts.write_ns, 30 * s);
    assert_int_equal(c.timeouts.idle_ns, 60 * s);
    assert_int_equal(c.limits.head_bytes, 64 << 10);
    assert_int_equal(c.limits.header_count, 128);
    assert_int_equal(c.limits.target_bytes, 16 << 10);
    assert_int_equal(c.limits.connections, 10000);
    assert_int_equal(c.limits.connections_per_address, 0);
    assert_int_equal(c.limits.requests, 256);
    assert_int_equal(c.limits.http2_streams, 128);
    assert_int_equal(c.limits.module_bytes, 256 << 20);
    assert_int_equal(c.limits.compile_cpu_ns, 600 * s);
    assert_null(c.log.access);
    assert_null(c.admin);
    assert_int_equal(c.workers, 0);
    assert_int_equal(c.grace_ns, 30 * s);
    assert_false(c.no_sandbox);
    const struct serve_route *route = &c.routes[0];
    assert_int_equal(route->guest.max_memory, 128 << 20);
    assert_int_equal(route->guest.cpu_ns, 10 * s);
    assert_int_equal(route->guest.wall_ns, 60 * s);
    assert_false(route->guest.net);
    assert_int_equal(route->body_max, 10 << 20);
    assert_int_equal(route->concurrency, 0);
    assert_int_equal(route->reuse, 1);
    serve_config_done(&c);
}

static void listeners(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok("listen = [\"unix:/run/h.sock\", \"http://:80\", \":0\", \":0\"]\n"
             "[tls]\nclient_ca = \"ca\"\nclient_auth = \"required\"\nminimum = \"1.3\"\n"
             "[[tls.certificates]]\ncertificate = \"a\"\nkey = \"ak\"\n"
             "[[tls.certificates]]\ncertificate = \"b\"\nkey = \"bk\"\n"
             "[[listener]]\naddress = \":443\"\nhttp2 = false\nproxy_from = \"10.0.0.0/8\"\n"
             "[[listener]]\naddress = \"unix:/t.sock\"\ntls = true\nmode = \"660\"\n" TEXT,
             &c);
    assert_int_equal(c.listener_count, 6);
    assert_false(c.listeners[0].is_tls); /* a Unix socket, not asked for */
    assert_false(c.listeners[1].is_tls);
    assert_string_equal(c.listeners[1].address, ":80");
    assert_true(c.listeners[2].is_tls);
    assert_true(c.listeners[4].no_http2);
    assert_string_equal(c.listeners[4].proxy_from.items[0], "10.0.0.0/8");
    assert_true(c.listeners[5].is_tls);
    assert_int_equal(c.listeners[5].unix_mode, 0660);
    assert_int_equal(c.tls.certificate_count, 2);
    assert_string_equal(c.tls.certificates[1].key, "conf/bk");
    assert_int_equal(c.tls.client_auth, SERVE_CLIENT_REQUIRED);
    assert_true(c.tls.is_13_only);
    serve_config_done(&c);
}

static void headers_keep_their_order(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok(TEXT "headers = { Z = \"1\", Link = [\"a\", \"b\"], A = \"\" }\n", &c);
    const struct serve_pairs *headers = &c.routes[0].headers;
    assert_int_equal(headers->count, 4);
    assert_string_equal(headers->items[0].name, "Z");
    assert_string_equal(headers->items[1].value, "a");
    assert_string_equal(headers->items[2].value, "b");
    assert_string_equal(headers->items[3].name, "A");
    serve_config_done(&c);
}

static void a_file_without_a_folder_anchors_nothing(void **state)
{
    static const char text[] = "[[route]]\npath = \"/\"\nmodule = \"m.wasm\"\n";
    struct serve_config c;
    struct error err = {0};
    (void)state;
    serve_config_init(&c);
    assert_int_equal(serve_config_parse(&c, "hythe.toml", text, strlen(text), &err), 0);
    assert_string_equal(c.routes[0].module, "m.wasm");
    serve_config_done(&c);
}

/* -- what is refused -------------------------------------------------------------------------- */

static void names_that_are_not_known(void **state)
{
    (void)state;
    refused("listn = [\":80\"]\n",
            AT("1:1") "unknown key 'listn' at the top of the file; did you mean 'listen'?");
    refused("[timeouts]\nhead = 1\n",
            AT("2:1") "unknown key 'head' in [timeouts]; it belongs in [limits]");
    refused(TEXT "workers = 4\n",
            AT("4:1") "unknown key 'workers' in [[route]]; it belongs at the top of the file");
    refused(TEXT "pth = 4\n", AT("4:1") "unknown key 'pth' in [[route]]; did you mean 'path'?");
    refused("[tls]\ncertifcates = []\n",
            AT("2:1") "unknown key 'certifcates' in [tls]; did you mean 'certificates'?");
    refused("[gest]\nnet = true\n",
            AT("1:2") "unknown key 'gest' at the top of the file; did you mean 'guest'?");
    refused("\"a\\nb\" = 1\n",
            AT("1:1") "unknown key 'a?b' at the top of the file; hythe.toml(5) lists all");
    refused("\"tls.certificates\" = 1\n", AT("1:1") "unknown key 'tls.certificates' at the top of "
                                                    "the file; hythe.toml(5) lists all");
    refused("[route]\npath = \"/\"\n",
            AT("1:2") "there may be more than one route; write [[route]] with two brackets");
    refused("tls = true\n", AT("1:1") "tls is a table: [tls]");
    refused("route = [1]\n", AT("1:10") "route is a list of tables, not of a number");
}

static void values_that_make_no_sense(void **state)
{
    (void)state;
    refused("[timeouts]\nheader = \"10x\"\n",
            AT("2:10") "'10x' is no time; write seconds, or a number with ms, s, m or h in quotes: "
                       "\"1.5s\"");
    refused("[guest]\nmemory = \"64X\"\n",
            AT("2:10") "'64X' is no size; write bytes, or a number with K, M or G in quotes: "
                       "\"64K\"");
    refused("[limits]\nhead = 5\n", AT("2:8") "'5' is not from 1024 to 1048576 bytes");
    refused("workers = 0\n", AT("1:11") "'0' is neither \"auto\" nor a number from 1 to 1024");
    refused("watch = \"yes\"\n", AT("1:9") "watch takes true or false, without quotes");
    refused("[log]\nformat = \"xml\"\n", AT("2:10") "'xml' is none of 'combined', 'json'");
    refused("[limits]\nrequests = -1\n", AT("2:12") "'-1' is no number from 1 to 65536");
    refused("user = 7\n", AT("1:8") "user takes a string, not a number");
    refused("[guest]\ndirs = [\"a\", \"::b\"]\n",
            AT("2:8") "'::b' lacks a name; write HOST, HOST::GUEST or HOST::GUEST:ro");
    refused("listen = [\":80\\n\"]\n", AT("1:11") "listen takes addresses: [\"127.0.0.1:8080\"]");
    refused("admin = \":1\\u0007\"\n", AT("1:9") "admin has a control character in it");
    refused("[guest.env]\n\"A=B\" = \"c\"\n", AT("2:1") "'A=B' is no name of a variable");
}

static void routes_that_make_no_sense(void **state)
{
    (void)state;
    refused("[[route]]\ntext = \"\"\n", AT("1:1") "a route needs its path: path = \"/api/...\"");
    refused("[[route]]\npath = \"/\"\n",
            AT("1:1") "a route needs one of module, files, redirect and text");
    refused(TEXT "redirect = \"/y\"\n", AT("1:1") "a route is one thing, not redirect and text");
    refused("[[route]]\npath = \"/\"\nfiles = \"d\"\n",
            AT("1:1") "files lie below a path that ends in /...: path = \"/static/...\"");
    refused(TEXT "index = \"a\"\n", AT("4:1") "index goes with files, and this route has text");
    refused(TEXT "memory = \"1M\"\n", AT("4:1") "memory goes with module, and this route has text");
    refused(TEXT "kind = \"cgi\"\n", AT("1:1") "a route with text is not of the kind cgi");
    refused(TEXT "status = 204\n", AT("1:1") "an answer of status 204 has no text");
    refused("[[route]]\npath = \"/\"\nredirect = \"/\"\nstatus = 200\n",
            AT("1:1") "200 redirects nowhere; write 301, 302, 303, 307 or 308");
    refused("[[route]]\npath = \"/\"\nmodule = \"m\"\nargv = \"a\"\n",
            AT("1:1") "argv is WAGI's; give the route kind = \"wagi\", or use args");
    refused(TEXT "\n" TEXT, AT("5:1") "/x is also the route of line 1");
    refused(TEXT "host = \"A.example\"\n" TEXT "host = \"a.example\"\n",
            AT("5:1") "a.example/x is also the route of line 1");
}

static void the_same_path_as_prefix_or_elsewhere_is_another_route(void **state)
{
    struct serve_config c;
    (void)state;
    parse_ok(TEXT TEXT "host = \"a\"\n[[route]]\npath = \"/x/...\"\ntext = \"\"\n", &c);
    assert_int_equal(c.route_count, 3);
    serve_config_done(&c);
}

static void refused_path(const char *path, const char *reason)
{
    char text[256];
    char words[256];
    (void)snprintf(text, sizeof text, "[[route]]\ntext = \"\"\npath = \"%s\"\n", path);
    (void)snprintf(words, sizeof words, AT("3:8") "'%s': %s", path, reason);
    refused(text, words);
}

static void paths(void **state)
{
    static const char *const good[] = {
        "/", "/...", "/a/", "/a b", "/%2F", "/a%25b", "/é/...", "/a...b", "/.well-known/..."};
    (void)state;
    refused_path("", "a path begins with '/'");
    refused_path("a", "a path begins with '/'");
    refused_path("/a//b", "a path has no empty parts, '.' or '..'");
    refused_path("/a//...", "a path has no empty parts, '.' or '..'");
    refused_path("/a/../b", "a path has no empty parts, '.' or '..'");
    refused_path("/a/.", "a path has no empty parts, '.' or '..'");
    refused_path("/a...", "'...' stands alone, at the end: /api/...");
    refused_path("/a/.../b", "'...' stands alone, at the end: /api/...");
    refused_path("/a?b", "a path has no control characters, '?' or '#'");
    refused_path("/a%20b",
                 "write characters as they are, without escapes; only '%25' and '%2F' stay");
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        char text[128];
        struct serve_config c;
        (void)snprintf(text, sizeof text, "[[route]]\ntext = \"\"\npath = \"%s\"\n", good[i]);
        parse_ok(text, &c);
        serve_config_done(&c);
    }
}

static void hosts(void **state)
{
    static const char *const bad[] = {"",     "a:80", "*.", "a..b", ".a",
                                      "*a.b", "a b",  "[1", "[g]",  "https://a"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        char text[256];
        char words[256];
        (void)snprintf(text, sizeof text, TEXT "host = \"%s\"\n", bad[i]);
        (void)snprintf(words, sizeof words,
                       AT("4:8") "'%s' is no host; write example.org, *.example.org or an address, "
                                 "without a port",
                       bad[i]);
        refused(text, words);
    }
    struct serve_config c;
    parse_ok(TEXT "host = \"*\"\n" TEXT "host = \"[::1]\"\n" TEXT "host = \"my_host-1\"\n", &c);
    assert_null(c.routes[0].host);
    assert_string_equal(c.routes[1].host, "[::1]");
    serve_config_done(&c);
}

static void headers_that_would_break_a_message(void **state)
{
    (void)state;
    refused(TEXT "headers = { \"A b\" = \"\" }\n", AT("4:13") "'A b' is no name of a header");
    refused(TEXT "headers = { A = \"b\\r\\nC: d\" }\n",
            AT("4:17") "the header A has a line end or another control character in it");
    refused(TEXT "headers = { A = [\"b\", \"\\u0001\"] }\n",
            AT("4:23") "the header A has a line end or another control character in it");
    refused(TEXT "headers = { Transfer-Encoding = \"chunked\" }\n",
            AT("4:13") "the header Transfer-Encoding is the server's own and cannot be set");
}

static void what_no_single_key_can_tell(void **state)
{
    (void)state;
    refused("", FILE_NAME ": there is no [[route]]: nothing would be served");
    refused("listen = \"https://:443\"\n" TEXT,
            AT("1:10") "TLS on :443 needs a certificate: tls.certificate and tls.key");
    refused("[tls]\ncertificate = \"c\"\n" TEXT,
            FILE_NAME ": tls has a certificate and lacks its key");
    refused("listen = \"http://:80\"\n[tls]\ncertificate = \"c\"\nkey = \"k\"\n" TEXT,
            FILE_NAME ": a certificate is given, and no listener has TLS");
    refused("[tls]\nclient_auth = \"required\"\n" TEXT,
            FILE_NAME ": tls.client_auth needs tls.client_ca, a file of certificates");
    refused("listen = [\":80\", \":80\"]\n" TEXT, AT("1:18") ":80 is listened on twice");
    refused("listen = [\":80\"]\nadmin = \":80\"\n" TEXT,
            AT("1:11") ":80 is also the admin listener's address");
    refused("[[listener]]\naddress = \":80\"\nmode = \"0660\"\n" TEXT,
            AT("1:1") "mode is for unix: sockets, not for :80");
    refused("[[listener]]\ntls = true\n" TEXT, AT("1:1") "[[listener]] lacks its address");
    refused("[cache]\ndir = \"c\"\nenabled = false\n" TEXT,
            FILE_NAME ": cache.dir and cache.enabled = false contradict");
    refused("otlp = \"collector:4318\"\n" TEXT,
            FILE_NAME ": otlp takes a URL: http://127.0.0.1:4318");
}

static void texts_that_are_no_toml(void **state)
{
    (void)state;
    refused("a = 1\nb = \"\xff\"\n", AT("2:6") "no UTF-8");
    refused("user = \"a\\u0000b\"\n", AT("1:8") "a string may not contain a NUL character");
    refused("workers = 1\nworkers = 2\n", AT("2:1") "duplicate key");
    refused("user = www\n", AT("1:8") "string values must be quoted, expected literal string");
    refused("workers = 99999999999999999999\n", AT("1:11") "a number of more than 64 bits");
}

static void several_faults_are_told_at_once(void **state)
{
    (void)state;
    refused("[timeouts]\ntls = true\nheadr = 1\n[[route]]\npath = \"x\"\n",
            AT("2:7") "'true' is no time; write seconds, or a number with ms, s, m or h in quotes: "
                      "\"1.5s\"\n" AT("3:1") "unknown key 'headr' in [timeouts]; did you mean "
                                             "'header'?\n" AT("5:8") "'x': a path begins with '/'");
    char text[1024] = "";
    for (int i = 0; i < 25; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "k%d = 1\n", i);
    }
    struct serve_config config;
    struct error err = {0};
    serve_config_init(&config);
    assert_int_equal(serve_config_parse(&config, "f", text, strlen(text), &err), -EINVAL);
    unsigned lines = 1;
    for (const char *c = err.text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 11);
    assert_non_null(strstr(err.text, "f:10:1: unknown key 'k9'"));
    assert_non_null(strstr(err.text, "\nand 15 more"));
    serve_config_done(&config);
}

/* -- texts without end ------------------------------------------------------------------------ */

static void refused_repeated(const char *before, const char *part, size_t len)
{
    size_t part_len = strlen(part);
    char *text = malloc(len + 1);
    struct serve_config config;
    struct error err = {0};
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = part[i % part_len];
    }
    memcpy(text, before, strlen(before));
    serve_config_init(&config);
    assert_int_equal(serve_config_parse(&config, "f", text, len, &err), -EINVAL);
    assert_int_equal(err.exit, 2);
    serve_config_done(&config);
    free(text);
}

static void hostile_texts_are_refused_in_no_time(void **state)
{
    const size_t most = 1 << 20;
    (void)state;
    refused_repeated("a=", "[", most);
    refused_repeated("a=", "{a=", most);
    refused_repeated("", "a.", most);
    refused_repeated("[", "a.", most);
    refused_repeated("a=[", "{a.a.a.a.a.a.a.a.a=[", most);
    refused_repeated("", "=\n", most);
    refused_repeated("a=[", ",", most);
    refused_repeated("", "[[a]]\n", most);
    refused_repeated("a=[1", ",1", most);
    refused_repeated("", "#", most + 1);
    refused_repeated("a=\"\"\"", "\n", most);
}

/* -- files ------------------------------------------------------------------------------------ */

static void files(void **state)
{
    char path[] = "/tmp/hythe-config-XXXXXX";
    struct serve_config c;
    struct error err = {0};
    (void)state;
    serve_config_init(&c);
    assert_int_equal(serve_config_read(&c, "/nowhere/hythe.toml", &err), -ENOENT);
    assert_int_equal(err.exit, 127);
    assert_string_equal(err.text, "cannot read /nowhere/hythe.toml: No such file or directory");
    assert_int_equal(serve_config_read(&c, "/tmp", &err), -EISDIR);
    assert_int_equal(err.exit, 126);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, TEXT, strlen(TEXT)), strlen(TEXT));
    (void)close(fd);
    assert_int_equal(serve_config_read(&c, path, &err), 0);
    assert_string_equal(c.path, path);
    assert_int_equal(c.route_count, 1);
    (void)unlink(path);
    serve_config_done(&c);
}

static void the_examples_are_right(void **state)
{
    static const struct {
        const char *name;
        uint32_t routes;
    } rows[] = {{"hythe.toml", 6}, {"tls.toml", 1}, {"proxy.toml", 1}, {"modules.toml", 4}};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char path[512];
        struct serve_config c;
        struct error err = {0};
        (void)snprintf(path, sizeof path, TESTS_DIR "/../examples/serve/%s", rows[i].name);
        serve_config_init(&c);
        if (serve_config_read(&c, path, &err) < 0 || serve_config_finish(&c, &err) < 0) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(c.route_count, rows[i].routes);
        serve_config_done(&c);
    }
}

/* -- single keys ------------------------------------------------------------------------------ */

static void set(struct serve_config *config, const char *key, const char *value)
{
    struct error err = {0};
    if (serve_config_set(config, key, value, &err) != 0) {
        fail_msg("%s = %s: %s", key, value, err.text);
    }
}

static void set_refused(struct serve_config *config, const char *key, const char *value,
                        const char *words)
{
    struct error err = {0};
    assert_true(serve_config_set(config, key, value, &err) < 0);
    assert_int_equal(err.exit, 2);
    assert_string_equal(err.text, words);
}

static void keys_over_a_module(void **state)
{
    struct serve_config c;
    struct error err = {0};
    (void)state;
    serve_config_init(&c);
    set_refused(&c, "route.body", "1M", "route.body is a route's; write it into its [[route]]");
    assert_int_equal(serve_config_add_module(&c, "m.wasm", &err), 0);
    set(&c, "timeouts.header", "3s");
    set(&c, "workers", "2");
    set(&c, "sandbox", "false");
    set(&c, "listen", ":80");
    set(&c, "listen", ":81");
    set(&c, "guest.dirs", "data::/d:ro");
    set(&c, "guest.dirs", "more");
    set(&c, "guest.env", "A=b=c");
    set(&c, "guest.allow_http", "https://a.example");
    set(&c, "route.body", "1M");
    set(&c, "route.memory", "2M");
    set(&c, "route.headers", "X-A:  b");
    set(&c, "route.kind", "cgi");
    set(&c, "log.access", "-");
    set(&c, "tls.certificate", "c");
    set(&c, "tls.key", "k");
    assert_int_equal(serve_config_finish(&c, &err), 0);
    assert_int_equal(c.timeouts.header_ns, UINT64_C(3000000000));
    assert_int_equal(c.workers, 2);
    assert_true(c.no_sandbox);
    assert_int_equal(c.listener_count, 2);
    assert_true(c.listeners[1].is_tls);
    const struct serve_route *route = &c.routes[0];
    assert_string_equal(route->name, "/...");
    assert_string_equal(route->path, "/");
    assert_int_equal(route->kind, SERVE_CGI);
    assert_int_equal(route->guest.dir_count, 2);
    assert_string_equal(route->guest.dirs[0].host, "data");
    assert_string_equal(route->guest.env.items[0].value, "b=c");
    assert_int_equal(route->guest.allow_http.count, 1);
    assert_int_equal(route->guest.max_memory, 2 << 20);
    assert_int_equal(route->body_max, 1 << 20);
    assert_string_equal(route->headers.items[0].value, "b");
    set(&c, "log.access", "off");
    assert_null(c.log.access);
    serve_config_done(&c);
}

static void keys_over_a_file(void **state)
{
    struct serve_config c;
    struct error err = {0};
    (void)state;
    static const char text[] = "listen = [\":80\", \":81\"]\nuser = \"a\"\n"
                               "[guest]\nallow_http = [\"a.example\"]\nmemory = \"1M\"\n"
                               "[[route]]\npath = \"/\"\nmodule = \"m\"\n"
                               "[[route]]\npath = \"/b\"\nmodule = \"m\"\nmemory = \"3M\"\n";
    serve_config_init(&c);
    assert_int_equal(serve_config_parse(&c, "f", text, strlen(text), &err), 0);
    set(&c, "listen", ":90");
    set(&c, "listen", ":91");
    set(&c, "user", "b");
    set(&c, "guest.allow_http", "b.example");
    set(&c, "guest.memory", "2M");
    set_refused(&c, "route.body", "1M", "route.body is a route's; write it into its [[route]]");
    assert_int_equal(serve_config_finish(&c, &err), 0);
    assert_int_equal(c.listener_count, 2);
    assert_string_equal(c.listeners[0].address, ":90");
    assert_string_equal(c.listeners[1].address, ":91");
    assert_string_equal(c.user, "b");
    assert_int_equal(c.routes[0].guest.allow_http.count, 2);
    assert_int_equal(c.routes[0].guest.max_memory, 2 << 20);
    assert_int_equal(c.routes[1].guest.max_memory, 3 << 20);
    serve_config_done(&c);
}

static void keys_that_are_refused(void **state)
{
    struct serve_config c;
    struct error err = {0};
    (void)state;
    serve_config_init(&c);
    assert_int_equal(serve_config_add_module(&c, "m.wasm", &err), 0);
    set_refused(&c, "timeouts.heder", "1",
                "there is no key 'timeouts.heder'; did you mean 'timeouts.header'?");
    set_refused(&c, "route.pth", "1", "there is no key 'route.pth'; did you mean 'route.path'?");
    set_refused(&c, "", "1", "there is no key ''; hythe.toml(5) lists all");
    set_refused(&c, "listener.address", "1",
                "listener.address is in a list of tables; write it into a file");
    set_refused(&c, "timeouts.header", "soon",
                "timeouts.header: 'soon' is no time; write seconds, or a number with ms, s, m or h "
                "in quotes: \"1.5s\"");
    set_refused(&c, "guest.net", "yes", "guest.net: net takes true or false, without quotes");
    set_refused(&c, "guest.env", "=a",
                "guest.env: '=a' has no name; write NAME=VALUE, or NAME to inherit it");
    set_refused(&c, "guest.env", "HYTHE_NO_SUCH",
                "guest.env: 'HYTHE_NO_SUCH' is not set here; write HYTHE_NO_SUCH=VALUE");
    set_refused(&c, "route.headers", "a", "route.headers: 'a' is no header; write NAME: VALUE");
    serve_config_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_routes),
        cmocka_unit_test(defaults),
        cmocka_unit_test(listeners),
        cmocka_unit_test(headers_keep_their_order),
        cmocka_unit_test(a_file_without_a_folder_anchors_nothing),
        cmocka_unit_test(names_that_are_not_known),
        cmocka_unit_test(values_that_make_no_sense),
        cmocka_unit_test(routes_that_make_no_sense),
        cmocka_unit_test(the_same_path_as_prefix_or_elsewhere_is_another_route),
        cmocka_unit_test(paths),
        cmocka_unit_test(hosts),
        cmocka_unit_test(headers_that_would_break_a_message),
        cmocka_unit_test(what_no_single_key_can_tell),
        cmocka_unit_test(texts_that_are_no_toml),
        cmocka_unit_test(several_faults_are_told_at_once),
        cmocka_unit_test(hostile_texts_are_refused_in_no_time),
        cmocka_unit_test(files),
        cmocka_unit_test(the_examples_are_right),
        cmocka_unit_test(keys_over_a_module),
        cmocka_unit_test(keys_over_a_file),
        cmocka_unit_test(keys_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
