/* hythe_compile. See hythe/module.h. */
#include "engine/cache.h"
#include "engine/engine.h"
#include "host/config.h"
#include "host/error.h"
#include "host/load.h"
#include "hythe/module.h"

static int compile_to(const char *module_path, const char *output_path, struct error *err)
{
    const struct hythe_guest_config config = {.no_cache = true};
    const struct engine_options options = {.fuel = false};
    struct engine *engine = NULL;
    struct load_result loaded = {0};
    int r = engine_new(&options, &engine, err);
    if (r == 0) {
        r = load_module(engine, module_path, &config, &loaded, err);
    }
    if (r == 0) {
        r = cache_write_file(loaded.module, output_path, err);
    }
    module_unref(loaded.module);
    engine_free(engine);
    return r;
}

int hythe_compile(const char *module_path, const char *output_path, hythe_error **ret_error)
{
    struct error err = {0};
    if (compile_to(module_path, output_path, &err) < 0) {
        (void)host_error_give(&err, ret_error);
        return -1;
    }
    return 0;
}
