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

#include "alloc_sweep.h"
#include "base/container.h"
#include "oci/install_parts.h"

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

/* With the allocation number `number` failing, 0 for none. The result, or what it may be; and whether
 * there were as many. */
static int make(size_t row, unsigned number, struct buffer *out, bool *ret_has_failed)
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
    alloc_sweep_begin(number);
    int r = rows[row].fn(&in, out, &err);
    *ret_has_failed = alloc_sweep_end() == 0;
    buffer_done(&notes);
    return r;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    cJSON_Hooks hooks = {.malloc_fn = malloc, .free_fn = free};
    cJSON_InitHooks(&hooks);
    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        struct buffer right;
        unsigned number = 1;
        bool has_failed = false;
        assert_int_equal(make(row, 0, &right, &has_failed), 0);
        do {
            struct buffer out;
            int r = make(row, number, &out, &has_failed);
            assert_true(r < 0 ||
                        (out.len == right.len && memcmp(out.data, right.data, out.len) == 0));
            buffer_done(&out);
            number++;
        } while (has_failed);
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
