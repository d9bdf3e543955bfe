/* Every allocation that rewriting a bundle makes fails once: it ends with a sentence and the file is
 * as it was, or the file is left to the real runtime, and nothing is lost. cJSON's own fail as well.
 *
 * Wraps: malloc calloc realloc strdup strndup
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "alloc_sweep.h"
#include "oci/rewrite.h"
#include "oci_bundle.h"

static const char config[] =
    "{\"process\":{\"args\":[\"/app.wasm#f\",\"x\"],\"cwd\":\"/\",\"env\":[\"A=1\",\"B=2\"]},"
    "\"root\":{\"path\":\"rootfs\"},\"mounts\":[{\"destination\":\"/x\",\"source\":\"y\"}],"
    "\"annotations\":{\"io.hythe.listen\":\":80\",\"io.hythe.dirs\":\"/a,/b\","
    "\"io.hythe.options\":\"--x 'y z'\"}}";

/* With the allocation number `number` failing; false when there were fewer. */
static bool rewrite_once(const struct oci_bundle *bundle, unsigned number)
{
    const struct rewrite rewrite = {.bundle = bundle->path, .host = bundle->host};
    struct error err = {0};
    size_t len = 0;
    assert_true(oci_bundle_write(bundle, "config.json", config, strlen(config)));
    alloc_sweep_begin(number);
    int r = rewrite_bundle(&rewrite, &err);
    bool has_failed = alloc_sweep_end() == 0;
    char *text = oci_bundle_read(bundle, "config.json", &len);
    assert_non_null(text);
    if (has_failed) {
        assert_string_equal(text, config);
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(r == 0, err.text[0] == '\0');
    } else {
        assert_int_equal(r, 0);
        assert_non_null(strstr(text, "/.hythe/ld.so"));
    }
    free(text);
    return has_failed;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    cJSON_Hooks hooks = {malloc, free};
    struct oci_bundle bundle;
    unsigned number = 1;
    assert_true(oci_bundle_open(&bundle));
    cJSON_InitHooks(&hooks);
    while (rewrite_once(&bundle, number)) {
        number++;
    }
    assert_true(number > 100);
    cJSON_InitHooks(NULL);
    oci_bundle_close(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
