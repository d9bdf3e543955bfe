/* Every key of hythe.toml: a value it takes, one that it refuses, and the default that hythe.toml(5)
 * states for it. */
#include "config/serve_keys.h"

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

enum { TEXT_MAX = 1024, PAGE_MAX = 256 << 10 };

#define ROUTE "[[route]]\npath = \"/x/...\"\n"
#define MODULE_ROUTE ROUTE "module = \"m.wasm\"\n"
#define FILES_ROUTE ROUTE "files = \"d\"\n"
#define TEXT_ROUTE ROUTE "text = \"t\"\n"
#define WAGI "[[module]]\nroute = \"/\"\nmodule = \"m.wasm\"\n"

/* `before` stands before the key; NULL: the table's own header. */
static const struct {
    const char *key;
    const char *before;
    const char *good;
    const char *bad;
} rows[] = {
    {"listen", "", "[\":80\", \"https://[::1]:443\"]", "[\"\"]"},
    {"workers", "", "4", "1025"},
    {"grace", "", "\"1m\"", "\"1 minute\""},
    {"user", "", "\"www-data\"", "\"\""},
    {"group", "", "\"www-data\"", "7"},
    {"sandbox", "", "false", "\"false\""},
    {"watch", "", "true", "1"},
    {"admin", "", "\"127.0.0.1:9901\"", "9901"},
    {"otlp", "", "\"http://127.0.0.1:4318\"", "\"\""},
    {"default_host", "", "\"localhost:3000\"", "3000"},
    {"listener.address", "[[listener]]\n", "\":80\"", "80"},
    {"listener.tls", "[[listener]]\naddress = \":80\"\n", "false", "\"no\""},
    {"listener.http2", "[[listener]]\naddress = \":80\"\n", "false", "0"},
    {"listener.proxy_from", "[[listener]]\naddress = \":80\"\n", "[\"10.0.0.0/8\"]", "[10]"},
    {"listener.mode", "[[listener]]\naddress = \"unix:/s\"\n", "\"0660\"", "660"},
    {"tls.certificate", NULL, "\"c.pem\"", "\"\""},
    {"tls.key", NULL, "\"k.pem\"", "false"},
    {"tls.client_ca", NULL, "\"ca.pem\"", "\"\""},
    {"tls.client_auth", NULL, "\"required\"", "\"always\""},
    {"tls.minimum", NULL, "\"1.3\"", "1.3"},
    {"tls.certificates.certificate", "[[tls.certificates]]\nkey = \"k\"\n", "\"c\"", "\"\""},
    {"tls.certificates.key", "[[tls.certificates]]\ncertificate = \"c\"\n", "\"k\"", "[]"},
    {"timeouts.tls", NULL, "5", "-1"},
    {"timeouts.header", NULL, "\"500ms\"", "\"10x\""},
    {"timeouts.body", NULL, "1.5", "true"},
    {"timeouts.write", NULL, "\"1h\"", "\"\""},
    {"timeouts.idle", NULL, "0", "\"1000000h\""},
    {"limits.head", NULL, "\"16K\"", "100"},
    {"limits.headers", NULL, "64", "\"64\""},
    {"limits.url", NULL, "4096", "\"2M\""},
    {"limits.connections", NULL, "100", "0"},
    {"limits.connections_per_address", NULL, "10", "-1"},
    {"limits.requests", NULL, "1", "0"},
    {"limits.requests_per_connection", NULL, "1000", "1.5"},
    {"limits.http2_streams", NULL, "32", "70000"},
    {"limits.module", NULL, "\"64M\"", "-1"},
    {"limits.compile_cpu", NULL, "\"1m\"", "\"long\""},
    {"log.access", NULL, "\"-\"", "true"},
    {"log.format", NULL, "\"json\"", "\"xml\""},
    {"cache.dir", NULL, "\"c\"", "\"\""},
    {"cache.enabled", NULL, "false", "0"},
    {"guest.dirs", NULL, "[\"a::b:ro\"]", "[\"::b\"]"},
    {"guest.env", NULL, "{ A = \"1\" }", "{ A = 1 }"},
    {"guest.config", NULL, "{ level = \"high\" }", "{ level = 1 }"},
    {"guest.allow_http", NULL, "[\"https://example.org\"]", "{}"},
    {"guest.allow_connect", NULL, "[\"db:5432\"]", "[\"\"]"},
    {"guest.allow_listen", NULL, "\":8000\"", "8000"},
    {"guest.hosts", NULL, "[\"db=10.0.0.1\"]", "[[]]"},
    {"guest.net", NULL, "true", "\"true\""},
    {"guest.http_concurrency", NULL, "8", "0"},
    {"guest.memory", NULL, "\"64M\"", "100"},
    {"guest.cpu", NULL, "\"1s\"", "\"fast\""},
    {"guest.wall", NULL, "\"1m\"", "[]"},
    {"guest.descriptors", NULL, "64", "2"},
    {"guest.stderr", NULL, "\"4K\"", "\"4 K\""},
    {"route.path", "[[route]]\ntext = \"\"\n", "\"/a/b\"", "\"a/b\""},
    {"route.host", TEXT_ROUTE, "\"*.example.org\"", "\"example.org:80\""},
    {"route.kind", MODULE_ROUTE, "\"wcgi\"", "\"files\""},
    {"route.module", ROUTE, "\"m.wasm\"", "\"\""},
    {"route.entry", MODULE_ROUTE, "\"hello\"", "\"\""},
    {"route.argv", MODULE_ROUTE "kind = \"wagi\"\n", "\"a ${ARGS}\"", "[\"a\"]"},
    {"route.args", MODULE_ROUTE, "[\"-v\", \"\"]", "[1]"},
    {"route.body", MODULE_ROUTE, "\"1M\"", "\"big\""},
    {"route.concurrency", MODULE_ROUTE, "10", "-1"},
    {"route.retry_after", MODULE_ROUTE, "\"1.5s\"", "\"2 s\""},
    {"route.reuse", MODULE_ROUTE, "100", "0"},
    {"route.reuse_idle", MODULE_ROUTE, "\"5s\"", "\"soon\""},
    {"route.stub_unknown", MODULE_ROUTE, "true", "1"},
    {"route.headers", TEXT_ROUTE, "{ X-A = \"b\" }", "{ Content-Length = \"1\" }"},
    {"route.files", ROUTE, "\"d\"", "\"\""},
    {"route.index", FILES_ROUTE, "\"\"", "\"../secret\""},
    {"route.fallback", FILES_ROUTE, "\"index.html\"", "\"/etc/passwd\""},
    {"route.precompressed", FILES_ROUTE, "true", "\"br\""},
    {"route.cache_control", FILES_ROUTE, "\"no-store\"", "\"a\\nb\""},
    {"route.redirect", ROUTE, "\"https://example.org${path}\"", "\"/\\r\\nSet-Cookie: a\""},
    {"route.status", TEXT_ROUTE, "404", "100"},
    {"route.text", ROUTE, "\"\"", "1"},
    {"route.type", TEXT_ROUTE, "\"text/html\"", "\"a\\r\\nb\""},
    {"module.route", "[[module]]\nmodule = \"m.wasm\"\n", "\"/a/...\"", "\"a\""},
    {"module.module", "[[module]]\nroute = \"/\"\n", "\"file:///m.wasm\"", "\"oci:a/b:1\""},
    {"module.host", WAGI, "\"localhost:3000\"", "\"a b\""},
    {"module.entrypoint", WAGI, "\"hello\"", "\"\""},
    {"module.argv", WAGI, "\"${SCRIPT_NAME}\"", "\"\""},
    {"module.volumes", WAGI, "{ \"/g\" = \"h\" }", "[\"h::/g\"]"},
    {"module.environment", WAGI, "{ A = \"1\" }", "[\"A=1\"]"},
    {"module.allowed_hosts", WAGI, "[\"https://example.org\"]", "[1]"},
    {"module.http_max_concurrency", WAGI, "2", "\"2\""},
    {"module.bindle_server", WAGI, "\"http://localhost:8080/v1\"", "1"},
    {"module.repository", WAGI, "\"x\"", "[]"},
};

static int parse(const char *text, struct serve_config *config, struct error *err)
{
    *err = (struct error){0};
    serve_config_init(config);
    return serve_config_parse(config, "conf/hythe.toml", text, strlen(text), err);
}

/* The text that has row `i`'s key with that value; its key stands in the last line. */
static void write_text(char text[TEXT_MAX], size_t i, const char *value)
{
    char header[64] = "";
    const char *dot = strrchr(rows[i].key, '.');
    const char *name = dot != NULL ? dot + 1 : rows[i].key;
    if (rows[i].before == NULL) {
        (void)snprintf(header, sizeof header, "[%.*s]\n", (int)(dot - rows[i].key), rows[i].key);
    }
    int len = snprintf(text, TEXT_MAX, "%s%s = %s\n",
                       rows[i].before != NULL ? rows[i].before : header, name, value);
    assert_true(len > 0 && len < TEXT_MAX);
}

static void every_key_is_in_the_table(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (; serve_config_key(count) != NULL; count++) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            is_known = is_known || strcmp(rows[i].key, serve_config_key(count)) == 0;
        }
        if (!is_known) {
            fail_msg("%s has no test", serve_config_key(count));
        }
    }
    assert_int_equal(count, ARRAY_COUNT(rows));
}

static void every_key_takes_a_good_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[TEXT_MAX];
        struct serve_config config;
        struct error err;
        write_text(text, i, rows[i].good);
        if (parse(text, &config, &err) != 0) {
            fail_msg("%s: %s", rows[i].key, err.text);
        }
        serve_config_done(&config);
    }
}

static void every_key_refuses_a_bad_value_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[TEXT_MAX];
        char place[32];
        unsigned line = 0;
        struct serve_config config;
        struct error err;
        write_text(text, i, rows[i].bad);
        for (const char *c = text; *c != '\0'; c++) {
            line += *c == '\n';
        }
        if (parse(text, &config, &err) != -EINVAL || err.exit != 2) {
            fail_msg("%s: not refused: %s", rows[i].key, text);
        }
        /* Only what needs the whole route is told where the route begins. */
        bool is_of_route = strcmp(rows[i].key, "route.kind") == 0;
        (void)snprintf(place, sizeof place, "conf/hythe.toml:%u:", is_of_route ? 1 : line);
        if (strncmp(err.text, place, strlen(place)) != 0 || strchr(err.text, '\n') != NULL) {
            fail_msg("%s: not one line at line %u: %s", rows[i].key, line, err.text);
        }
        serve_config_done(&config);
    }
}

static void a_value_of_a_wrong_type_is_refused_everywhere(void **state)
{
    static const char *const values[] = {"1979-05-27", "[[1], [2]]", "{ a = { b = 1 } }", "nan"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(values); i++) {
        char text[TEXT_MAX];
        struct serve_config config;
        struct error err;
        write_text(text, i / ARRAY_COUNT(values), values[i % ARRAY_COUNT(values)]);
        if (parse(text, &config, &err) != -EINVAL) {
            fail_msg("taken: %s", text);
        }
        serve_config_done(&config);
    }
}

/* -- the manual ------------------------------------------------------------------------------- */

/* The default stated behind a key's line in the manual, or NULL. The page's text is changed. */
static char *stated_default(char *page, const char *section, const char *name)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\n# %s\n", section);
    char *at = strstr(page, line);
    if (at == NULL) {
        fail_msg("hythe.toml(5) lacks the section %s", section);
        return NULL;
    }
    (void)snprintf(line, sizeof line, "\n*%s* = ", name);
    at = strstr(at, line);
    if (at == NULL) {
        fail_msg("hythe.toml(5) lacks %s in %s", name, section);
        return NULL;
    }
    char *end = strstr(at + 1, "\n*");
    char *stated = strstr(at, "Default: _");
    if (stated == NULL || (end != NULL && stated > end)) {
        return NULL;
    }
    stated += strlen("Default: _");
    stated[strcspn(stated, "_")] = '\0';
    return stated;
}

/* Setting a key to what the manual calls its default changes nothing. */
static void check_default(const char *page, const char *section, const char *key)
{
    struct serve_config before;
    struct serve_config set;
    struct error err = {0};
    char *copy = strdup(page);
    const char *name = strrchr(key, '.') != NULL ? strrchr(key, '.') + 1 : key;
    assert_non_null(copy);
    const char *stated = stated_default(copy, section, name);
    serve_config_init(&set);
    assert_int_equal(serve_config_add_module(&set, "m", &err), 0);
    struct serve_route route;
    memcpy(&route, set.routes, sizeof route);
    memcpy(&before, &set, sizeof before); /* padding, too */
    if (stated == NULL || serve_config_set(&set, key, stated, &err) != 0) {
        fail_msg("%s: default %s: %s", key, stated != NULL ? stated : "not stated", err.text);
    }
    if (memcmp(&before, &set, sizeof before) != 0 ||
        memcmp(&route, set.routes, sizeof route) != 0) {
        fail_msg("%s: %s is not its default", key, stated);
    }
    serve_config_done(&set);
    free(copy);
}

static void the_manual_states_the_defaults(void **state)
{
    static const struct {
        const char *section;
        const char *keys[14];
    } sections[] = {
        {"THE TOP", {"workers", "grace", "sandbox", "watch"}},
        {"TLS", {"tls.client_auth", "tls.minimum"}},
        {"TIMEOUTS",
         {"timeouts.tls", "timeouts.header", "timeouts.body", "timeouts.write", "timeouts.idle"}},
        {"LIMITS",
         {"limits.head", "limits.headers", "limits.url", "limits.connections",
          "limits.connections_per_address", "limits.requests", "limits.requests_per_connection",
          "limits.http2_streams", "limits.module", "limits.compile_cpu"}},
        {"LOG", {"log.access", "log.format"}},
        {"CACHE", {"cache.enabled"}},
        {"GUEST",
         {"guest.net", "guest.memory", "guest.cpu", "guest.wall", "guest.descriptors",
          "guest.stderr"}},
        {"ROUTE",
         {"route.body", "route.concurrency", "route.retry_after", "route.reuse",
          "route.reuse_idle"}},
    };
    (void)state;
    char *page = calloc(1, PAGE_MAX);
    FILE *file = fopen(TESTS_DIR "/../docs/man/hythe.toml.5.scd", "re");
    assert_non_null(page);
    assert_non_null(file);
    assert_true(fread(page, 1, PAGE_MAX - 1, file) > 0);
    (void)fclose(file);
    for (size_t i = 0; i < ARRAY_COUNT(sections); i++) {
        for (size_t j = 0; sections[i].keys[j] != NULL; j++) {
            check_default(page, sections[i].section, sections[i].keys[j]);
        }
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_in_the_table),
        cmocka_unit_test(every_key_takes_a_good_value),
        cmocka_unit_test(every_key_refuses_a_bad_value_at_its_place),
        cmocka_unit_test(a_value_of_a_wrong_type_is_refused_everywhere),
        cmocka_unit_test(the_manual_states_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
