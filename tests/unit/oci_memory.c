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

#include "oci/rewrite.h"
#include "oci_bundle.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

/* Global, since malloc has no context: allocations up to and with the one that fails; 0: none. */
static unsigned left;
static bool has_failed;

static bool strikes(void)
{
    if (left == 0) {
        return false;
    }
    left--;
    has_failed = has_failed || left == 0;
    return left == 0;
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
    has_failed = false;
    left = number;
    int r = rewrite_bundle(&rewrite, &err);
    left = 0;
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
    cJSON_Hooks hooks = {__wrap_malloc, free};
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
