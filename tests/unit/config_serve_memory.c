/* Every allocation that reading a configuration makes fails once: it ends with -ENOMEM or does
 * without, and nothing is lost. The crate's own allocations are left alone.
 *
 * Wraps: malloc calloc realloc strdup strndup hythe_toml_read
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/serve.h"
#include "config/toml.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
int32_t __real_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int32_t __wrap_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env);

/* Global, since malloc has no context. */
static struct {
    unsigned left; /* allocations up to and with the one that fails; 0: none does */
    bool is_paused;
    bool has_failed;
} fault;

static bool strikes(void)
{
    if (fault.left == 0 || fault.is_paused) {
        return false;
    }
    fault.left--;
    fault.has_failed = fault.has_failed || fault.left == 0;
    return fault.left == 0;
}

void *__wrap_malloc(size_t size)
{
    return strikes() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return strikes() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return strikes() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return strikes() ? NULL : __real_strndup(text, len);
}

/* The visitor is ours again. */
struct visit {
    toml_visit_fn *visit;
    void *env;
};

static bool on_visit(void *env, const struct toml_item *item)
{
    const struct visit *inner = env;
    fault.is_paused = false;
    bool goes_on = inner->visit(inner->env, item);
    fault.is_paused = true;
    return goes_on;
}

int32_t __wrap_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env)
{
    struct visit inner = {visit, env};
    fault.is_paused = true;
    int32_t status = __real_hythe_toml_read(text, len, on_visit, &inner);
    fault.is_paused = false;
    return status;
}

static const char text[] =
    "listen = [\":80\", \"https://:443\"]\nuser = \"u\"\n"
    "[tls]\ncertificate = \"c\"\nkey = \"k\"\n[[tls.certificates]]\ncertificate = \"d\"\nkey = "
    "\"l\"\n"
    "[[listener]]\naddress = \":81\"\nproxy_from = [\"10.0.0.0/8\"]\n"
    "[guest]\ndirs = [\"a::b\"]\nenv = { A = \"b\" }\nallow_http = [\"x\"]\n"
    "[[route]]\npath = \"/a/...\"\nhost = \"a.example\"\nmodule = \"m\"\nargs = [\"-v\"]\n"
    "headers = { B = [\"c\", \"d\"] }\nenv = { C = \"d\" }\n"
    "[[route]]\npath = \"/b\"\ntext = \"t\"\n"
    "[[module]]\nroute = \"/c\"\nmodule = \"m\"\nhost = \"h:80\"\nvolumes = { g = \"h\" }\n";

static const char wrong[] = "listn = 1\n[limits]\nhead = \"x\"\n[[route]]\nheaders = { A = 1 }\n";

static int read_all(const char *what, struct serve_config *config, struct error *err)
{
    serve_config_init(config);
    int r = serve_config_parse(config, "d/f.toml", what, strlen(what), err);
    if (r == 0) {
        r = serve_config_set(config, "guest.env", "E=f", err);
    }
    if (r == 0) {
        r = serve_config_set(config, "listen", ":90", err);
    }
    return r < 0 ? r : serve_config_finish(config, err);
}

static void sweep(const char *what, int expected)
{
    unsigned n = 1;
    fault.has_failed = true;
    for (; fault.has_failed; n++) {
        struct serve_config config;
        struct error err = {0};
        fault.has_failed = false;
        fault.left = n;
        int r = read_all(what, &config, &err);
        fault.left = 0;
        if (fault.has_failed) {
            assert_true(r < 0);
            assert_true(err.text[0] != '\0');
        } else {
            assert_int_equal(r, expected);
        }
        serve_config_done(&config);
    }
    assert_true(n > 10);
}

static void a_configuration(void **state)
{
    (void)state;
    sweep(text, 0);
}

static void a_wrong_one(void **state)
{
    (void)state;
    sweep(wrong, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration),
        cmocka_unit_test(a_wrong_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
