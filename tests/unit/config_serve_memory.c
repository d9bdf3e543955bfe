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

#include "alloc_sweep.h"
#include "config/serve.h"

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
    bool has_failed = true;
    for (; has_failed; n++) {
        struct serve_config config;
        struct error err = {0};
        alloc_sweep_begin(n);
        int r = read_all(what, &config, &err);
        has_failed = alloc_sweep_end() == 0;
        if (has_failed) {
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
