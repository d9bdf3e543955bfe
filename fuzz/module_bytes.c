/* Files that are said to be modules, binary or text: recognised and compiled, or refused. */
#include "engine/engine.h"
#include "engine/module.h"
#include "input.h"

static struct engine *engine;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    (void)argc;
    (void)argv;
    must(engine_new(&options, &engine, &err) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct module *module = NULL;
    struct error err = {0};
    struct span bytes = {data, len};
    enum module_form form = module_form_of(bytes);
    must((form == MODULE_EMPTY) == (len == 0));
    if (form == MODULE_COMPILED || len > 1 << 14) {
        return 0; /* trusted by definition; or too long for a fuzzer's patience */
    }
    int r = module_compile(engine, bytes, &module, &err);
    if (r < 0) {
        must(module == NULL && err.code == r && err.text[0] != '\0');
        return 0;
    }
    must(form == MODULE_TEXT ||
         form == (module_is_component(module) ? MODULE_COMPONENT : MODULE_CORE));
    for (uint32_t i = 0; i < module_import_count(module); i++) {
        const struct module_import *import = module_import(module, i);
        must(import->module != NULL && import->name != NULL);
        must(strlen(import->params) < SIZE_MAX && strlen(import->results) < SIZE_MAX);
    }
    for (uint32_t i = 0; i < module_export_count(module); i++) {
        must(module_find_export(module, module_export(module, i)->name) != NULL);
    }
    module_unref(module);
    return 0;
}
