/* Every allocation that `hythe install` makes on its way from a text to the next one fails once: it ends
 * with an error or with the right text, and nothing is lost. The crate's own allocations are left alone,
 * cJSON's fail as well.
 *
 * Wraps: malloc calloc realloc strdup strndup hythe_toml_read
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/container.h"
#include "config/toml.h"
#include "oci/install_parts.h"

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

static const struct {
    install_text_fn *fn;
    const char *before;
} rows[] = {
    {install_docker_put, "{\"a\": 1, \"runtimes\": {\"x\": {}}}"},
    {install_docker_put, "{\"runtimes\": {\"hythe\": {\"path\": \"/old\"}}}"},
    {install_docker_drop, "{\"a\": 1, \"runtimes\": {\"hythe\": {}, \"x\": {}}}"},
    {install_containerd_print, "version = 3\nimports = ['x']\n"},
    {install_containerd_put,
     "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]\n"
     "SystemdCgroup = true\n"},
    {install_podman_put, ""},
};

/* With the allocation number `number` failing, 0 for none. The result, or what it may be. */
static int make(size_t row, unsigned number, struct buffer *out)
{
    struct buffer notes;
    struct error err = {0};
    buffer_init(&notes, 1 << 20);
    buffer_init(out, 1 << 20);
    const struct install in = {
        .prefix = "/opt/h",
        .path = "/etc/FILE",
        .before = span_of(rows[row].before),
        .notes = &notes,
    };
    fault.has_failed = false;
    fault.left = number;
    int r = rows[row].fn(&in, out, &err);
    fault.left = 0;
    buffer_done(&notes);
    return r;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    cJSON_Hooks hooks = {.malloc_fn = __wrap_malloc, .free_fn = free};
    cJSON_InitHooks(&hooks);
    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        struct buffer right;
        unsigned number = 1;
        assert_int_equal(make(row, 0, &right), 0);
        do {
            struct buffer out;
            int r = make(row, number, &out);
            assert_true(r < 0 ||
                        (out.len == right.len && memcmp(out.data, right.data, out.len) == 0));
            buffer_done(&out);
            number++;
        } while (fault.has_failed);
        assert_true(number > 2); /* some did */
        buffer_done(&right);
    }
    cJSON_InitHooks(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
