/* Where each import module's tables are listed. See registry.h. */
#include "imports/registry.h"

#include <string.h>

#include "base/container.h"
#include "imports/wasi_experimental_http/http.h"
#include "imports/wasi_snapshot_preview1/preview1.h"
#include "imports/wasmedge_sockets/wasmedge.h"

static const struct {
    const char *module;
    const struct func_table *table;
} registry[] = {
    {"wasi_snapshot_preview1", &preview1_args},      {"wasi_snapshot_preview1", &preview1_clock},
    {"wasi_snapshot_preview1", &preview1_fd},        {"wasi_snapshot_preview1", &preview1_file},
    {"wasi_snapshot_preview1", &preview1_path},      {"wasi_snapshot_preview1", &preview1_poll},
    {"wasi_snapshot_preview1", &preview1_process},   {"wasi_snapshot_preview1", &preview1_sock},
    {"wasi_snapshot_preview1", &wasmedge_lifecycle}, {"wasi_snapshot_preview1", &wasmedge_transfer},
    {"wasi_snapshot_preview1", &wasmedge_address},   {"wasi_snapshot_preview1", &wasmedge_options},
    {"wasi_snapshot_preview1", &wasmedge_addrinfo},  {"wasi_experimental_http", &experimental_http},
};

static bool has_type(const struct host_func *func, const struct module_import *import)
{
    return strcmp(func->params, import->params) == 0 && strcmp(func->results, import->results) == 0;
}

static const struct host_func *find(const struct module_import *import)
{
    for (size_t i = 0; i < ARRAY_COUNT(registry); i++) {
        if (strcmp(registry[i].module, import->module) != 0) {
            continue;
        }
        const struct func_table *table = registry[i].table;
        for (size_t row = 0; row < table->count; row++) {
            const struct host_func *func = &table->rows[row];
            if (strcmp(func->name, import->name) == 0 && has_type(func, import)) {
                return func;
            }
        }
    }
    return NULL;
}

const struct host_func *imports_find(const struct module_import *import)
{
    return import->kind == EXTERN_FUNC ? find(import) : NULL;
}

bool imports_offer(const struct module_import *import)
{
    return imports_find(import) != NULL;
}
