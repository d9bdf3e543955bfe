/* Binding imports, and the way from guest code into host functions. See linked.h. */
#include "engine/linked.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/handles.h"
#include "engine/instance.h"
#include "engine/instance_parts.h"

_Static_assert(sizeof(struct linked_offer) == sizeof(struct hythe_offer), "one layout");

static struct hythe_import import_of(const struct host_func *func)
{
    return (struct hythe_import){
        .row = func,
        .begin = instance_step_begin,
        .finish = func->finish != NULL ? instance_step_finish : NULL,
    };
}

int linked_new(struct module *module, const struct host_func *const *funcs,
               struct linked **ret_linked, struct error *err)
{
    int r = -ENOMEM;
    uint32_t count = module->import_count;
    struct hythe_import *imports = calloc(count + 1, sizeof *imports);
    struct linked *linked = calloc(1, sizeof *linked);
    if (imports == NULL || linked == NULL) {
        (void)error_set_errno(err, r, "binding the module's imports");
        goto fail;
    }
    for (uint32_t i = 0; i < count; i++) {
        imports[i] = import_of(funcs[i]);
    }
    linked->module = module;
    wasmtime_error_t *error =
        hythe_linked_new(module->engine->wasm, module->wasm, imports, count, &linked->wasm);
    if (error != NULL) {
        r = engine_take_error(err, -ENOTSUP, error);
        goto fail;
    }
    free(imports);
    *ret_linked = linked;
    return 0;
fail:
    free(imports);
    linked_free(linked);
    return r;
}

int linked_new_component(struct module *module, const struct linked_offer *offers, uint32_t count,
                         bool stub_unknown, struct linked **ret_linked, struct error *err)
{
    static const struct hythe_component_steps steps = {instance_component_step,
                                                       instance_component_drop};
    struct linked *linked = calloc(1, sizeof *linked);
    if (linked == NULL) {
        return error_set_errno(err, -ENOMEM, "binding the component's imports");
    }
    linked->module = module;
    wasmtime_error_t *error = hythe_component_link(module->engine->wasm, module->component,
                                                   (const struct hythe_offer *)offers, count,
                                                   &steps, stub_unknown, &linked->component);
    if (error != NULL) {
        free(linked);
        return engine_take_error(err, -ENOTSUP, error);
    }
    *ret_linked = linked;
    return 0;
}

void linked_free(struct linked *linked)
{
    if (linked != NULL) {
        hythe_linked_delete(linked->wasm);
        hythe_component_delete(linked->component);
        free(linked);
    }
}

int linked_entry_new(const struct linked *linked, const char *name, struct linked_entry **ret_entry)
{
    const struct module_export *export = module_find_export(linked->module, name);
    if (export == NULL || export->kind != EXTERN_FUNC) {
        return -ENOENT;
    }
    if (export->params[0] != '\0' || export->results[0] != '\0') {
        return -EINVAL;
    }
    struct hythe_entry *entry = hythe_linked_entry(linked->wasm, name);
    assert(entry != NULL); /* the module said so */
    *ret_entry = (struct linked_entry *)entry;
    return 0;
}

void linked_entry_free(struct linked_entry *entry)
{
    hythe_entry_delete((struct hythe_entry *)entry);
}
