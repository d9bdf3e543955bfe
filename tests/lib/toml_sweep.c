/* See toml_sweep.h. */
#include "toml_sweep.h"

#include "alloc_sweep.h"

int32_t __real_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env);

struct visit {
    toml_visit_fn *visit;
    void *env;
    unsigned left; /* while nothing may fail */
};

static bool on_visit(void *env, const struct toml_item *item)
{
    struct visit *inner = env;
    alloc_sweep_begin(inner->left);
    bool goes_on = inner->visit(inner->env, item);
    inner->left = alloc_sweep_end();
    return goes_on;
}

int32_t __wrap_hythe_toml_read(const char *text, size_t len, toml_visit_fn *visit, void *env)
{
    struct visit inner = {visit, env, alloc_sweep_end()};
    int32_t status = __real_hythe_toml_read(text, len, on_visit, &inner);
    alloc_sweep_begin(inner.left);
    return status;
}
