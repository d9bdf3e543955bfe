/* Compiling, mapping and looking into modules. See module.h. */
#include "engine/module.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "engine/handles.h"

/* Through wasmtime_valtype_new, since wasm_valtype_kind aborts on the types it does not know. */
static char type_letter(const wasm_valtype_t *type)
{
    static const char letters[] = {'i', 'I', 'f', 'F', 'v'};
    wasmtime_valtype_t known;
    wasmtime_valtype_new(type, &known);
    char letter = known.kind < sizeof letters ? letters[known.kind] : 'r';
    wasmtime_valtype_delete(&known);
    return letter;
}

static char *type_letters(const wasm_valtype_vec_t *types)
{
    char *letters = malloc(types->size + 1);
    if (letters == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < types->size; i++) {
        letters[i] = type_letter(types->data[i]);
    }
    letters[types->size] = '\0';
    return letters;
}

static char *copy_name(const wasm_name_t *name)
{
    return strndup(name->size > 0 ? name->data : "", name->size);
}

static enum extern_kind extern_kind_of(const wasm_externtype_t *type)
{
    switch (wasm_externtype_kind(type)) {
    case WASM_EXTERN_FUNC:
        return EXTERN_FUNC;
    case WASM_EXTERN_MEMORY:
        return EXTERN_MEMORY;
    case WASM_EXTERN_TABLE:
        return EXTERN_TABLE;
    case WASM_EXTERN_GLOBAL:
        return EXTERN_GLOBAL;
    default:
        return EXTERN_TAG;
    }
}

/* Fill the two type strings; for anything but a function they are empty. */
static int read_func_type(const wasm_externtype_t *type, const char **ret_params,
                          const char **ret_results)
{
    if (wasm_externtype_kind(type) != WASM_EXTERN_FUNC) {
        *ret_params = strdup("");
        *ret_results = strdup("");
    } else {
        const wasm_functype_t *func = wasm_externtype_as_functype_const(type);
        *ret_params = type_letters(wasm_functype_params(func));
        *ret_results = type_letters(wasm_functype_results(func));
    }
    return *ret_params == NULL || *ret_results == NULL ? -ENOMEM : 0;
}

static int read_imports(struct module *module)
{
    wasm_importtype_vec_t types;
    wasmtime_module_imports(module->wasm, &types);
    int r = 0;
    module->imports = calloc(types.size + 1, sizeof *module->imports);
    if (module->imports == NULL) {
        r = -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < types.size; i++) {
        struct module_import *import = &module->imports[module->import_count++];
        import->module = copy_name(wasm_importtype_module(types.data[i]));
        import->name = copy_name(wasm_importtype_name(types.data[i]));
        import->kind = extern_kind_of(wasm_importtype_type(types.data[i]));
        r = read_func_type(wasm_importtype_type(types.data[i]), &import->params, &import->results);
        if (import->module == NULL || import->name == NULL) {
            r = -ENOMEM;
        }
    }
    wasm_importtype_vec_delete(&types);
    return r;
}

static int read_exports(struct module *module)
{
    wasm_exporttype_vec_t types;
    wasmtime_module_exports(module->wasm, &types);
    int r = 0;
    module->exports = calloc(types.size + 1, sizeof *module->exports);
    if (module->exports == NULL) {
        r = -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < types.size; i++) {
        const wasm_externtype_t *type = wasm_exporttype_type(types.data[i]);
        struct module_export *export = &module->exports[module->export_count++];
        export->name = copy_name(wasm_exporttype_name(types.data[i]));
        export->kind = extern_kind_of(type);
        r = read_func_type(type, &export->params, &export->results);
        if (export->name == NULL) {
            r = -ENOMEM;
        }
        if (export->kind == EXTERN_MEMORY) {
            const wasm_memorytype_t *memory = wasm_externtype_as_memorytype_const(type);
            uint64_t max = UINT64_MAX;
            export->memory_pages = wasmtime_memorytype_minimum(memory);
            export->memory_pages_max = wasmtime_memorytype_maximum(memory, &max) ? max : UINT64_MAX;
        }
    }
    wasm_exporttype_vec_delete(&types);
    return r;
}

/* -- what a component imports and exports -------------------------------------------------------- */

enum { NAMES_STEP = 16 };

struct names_reader {
    struct module *module;
    bool is_out_of_memory;
};

/* Make room for one more in a list that grows by steps; gives the list, or NULL without memory. */
static void *grow(void *items, uint32_t count, size_t size)
{
    if (count % NAMES_STEP != 0) {
        return items;
    }
    return reallocarray(items, count + NAMES_STEP, size);
}

static int add_import(struct module *module, struct span name, struct span inner)
{
    struct module_import *imports =
        grow(module->imports, module->import_count, sizeof *module->imports);
    if (imports == NULL) {
        return -ENOMEM;
    }
    module->imports = imports;
    struct module_import *import = &imports[module->import_count++];
    import->module = strndup((const char *)name.data, name.len);
    import->name = inner.data != NULL ? strndup((const char *)inner.data, inner.len) : strdup("");
    import->kind = inner.data != NULL ? EXTERN_FUNC : EXTERN_INTERFACE;
    import->params = strdup("");
    import->results = strdup("");
    bool is_whole = import->module != NULL && import->name != NULL && import->params != NULL &&
                    import->results != NULL;
    return is_whole ? 0 : -ENOMEM;
}

static int add_export(struct module *module, struct span name, bool is_interface)
{
    struct module_export *exports =
        grow(module->exports, module->export_count, sizeof *module->exports);
    if (exports == NULL) {
        return -ENOMEM;
    }
    module->exports = exports;
    struct module_export *export = &exports[module->export_count++];
    *export = (struct module_export){.kind = is_interface ? EXTERN_INTERFACE : EXTERN_FUNC};
    export->name = strndup((const char *)name.data, name.len);
    export->params = strdup("");
    export->results = strdup("");
    bool is_whole = export->name != NULL && export->params != NULL && export->results != NULL;
    return is_whole ? 0 : -ENOMEM;
}

static void on_name(void *env, bool is_export, const char *name, size_t name_len, const char *inner,
                    size_t inner_len)
{
    struct names_reader *reader = env;
    struct span whole = {(const uint8_t *)name, name_len};
    struct span part = {(const uint8_t *)inner, inner_len};
    int r = 0;
    if (reader->is_out_of_memory || (is_export && inner_len > 0)) {
        return;
    }
    r = is_export ? add_export(reader->module, whole, /* is_interface */ inner == NULL)
                  : add_import(reader->module, whole, part);
    reader->is_out_of_memory = r < 0;
}

static int read_component(struct module *module)
{
    struct names_reader reader = {.module = module};
    hythe_component_visit(module->engine->wasm, module->component, on_name, &reader);
    return reader.is_out_of_memory ? -ENOMEM : 0;
}

int module_scan(struct span bytes, struct module **ret_module, struct error *err)
{
    struct names_reader reader = {.module = calloc(1, sizeof *reader.module)};
    if (reader.module == NULL) {
        return error_set_errno(err, -ENOMEM, "reading the component's imports");
    }
    reader.module->refs = 1;
    reader.module->is_component = true;
    wasm_byte_vec_t binary = {0};
    wasmtime_error_t *error = NULL;
    if (module_form_of(bytes) == MODULE_TEXT) {
        error = wasmtime_wat2wasm((const char *)bytes.data, bytes.len, &binary);
        bytes = (struct span){(const uint8_t *)binary.data, binary.size};
    }
    if (error == NULL) {
        error = hythe_component_scan(bytes.data, bytes.len, on_name, &reader);
    }
    wasm_byte_vec_delete(&binary);
    int r = error != NULL ? engine_take_error(err, -ENOEXEC, error) : 0;
    if (r == 0 && reader.is_out_of_memory) {
        r = error_set_errno(err, -ENOMEM, "reading the component's imports");
    }
    if (r < 0) {
        module_unref(reader.module);
        return r;
    }
    *ret_module = reader.module;
    return 0;
}

/* -- making ----------------------------------------------------------------------------------- */

/* What the engine made of the bytes: one of the two. */
struct compiled {
    wasmtime_module_t *module;
    wasmtime_component_t *component;
};

static void compiled_delete(const struct compiled *compiled)
{
    if (compiled->module != NULL) {
        wasmtime_module_delete(compiled->module);
    }
    if (compiled->component != NULL) {
        wasmtime_component_delete(compiled->component);
    }
}

/* Make the handle around it, which it owns from here on, also when it fails. */
static int module_wrap(struct engine *engine, const struct compiled *compiled,
                       struct module **ret_module, struct error *err)
{
    struct module *module = calloc(1, sizeof *module);
    if (module == NULL) {
        compiled_delete(compiled);
        return error_set_errno(err, -ENOMEM, "reading the module's imports");
    }
    module->refs = 1;
    module->engine = engine;
    module->wasm = compiled->module;
    module->component = compiled->component;
    module->is_component = compiled->component != NULL;
    int r = 0;
    if (module->is_component) {
        r = read_component(module);
    } else {
        r = read_imports(module);
        r = r == 0 ? read_exports(module) : r;
    }
    if (r < 0) {
        module_unref(module);
        return error_set_errno(err, r, "reading the module's imports");
    }
    *ret_module = module;
    return 0;
}

enum module_form module_form_of(struct span bytes)
{
    static const uint8_t core[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    static const uint8_t elf[4] = {0x7f, 'E', 'L', 'F'};
    if (bytes.len == 0) {
        return MODULE_EMPTY;
    }
    if (bytes.len >= 8 && memcmp(bytes.data, core, 8) == 0) {
        return MODULE_CORE;
    }
    if (bytes.len >= 8 && memcmp(bytes.data, core, 4) == 0 && bytes.data[6] == 1) {
        return MODULE_COMPONENT;
    }
    if (bytes.len >= 4 && memcmp(bytes.data, elf, 4) == 0) {
        return MODULE_COMPILED;
    }
    size_t i = 0;
    while (i < bytes.len && (bytes.data[i] == ' ' || bytes.data[i] == '\n' ||
                             bytes.data[i] == '\t' || bytes.data[i] == '\r')) {
        i++;
    }
    bool text = i < bytes.len && (bytes.data[i] == '(' || bytes.data[i] == ';');
    return text ? MODULE_TEXT : MODULE_UNKNOWN;
}

bool module_is_component(const struct module *module)
{
    return module->is_component;
}

/* The compiler starts its threads when it is first used. Do so with every signal blocked, which
 * they inherit: a thread that could take SIGTERM would end the process in place of the loop that
 * watches for it. Compiling itself stays open to Ctrl-C. */
static void start_threads(struct engine *engine)
{
    static const uint8_t smallest[] = {0, 'a', 's', 'm',  1, 0, 0, 0, /* a type: () -> () */
                                       1, 4,   1,   0x60, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b};
    wasmtime_module_t *wasm = NULL;
    sigset_t all;
    sigset_t old;
    if (engine->has_threads) {
        return;
    }
    (void)sigfillset(&all); /* cannot fail on an own set */
    (void)pthread_sigmask(SIG_BLOCK, &all, &old);
    wasmtime_error_t *error = wasmtime_module_new(engine->wasm, smallest, sizeof smallest, &wasm);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error != NULL) {
        wasmtime_error_delete(error); /* whatever it is, the real module will meet it, too */
    } else {
        wasmtime_module_delete(wasm);
    }
    engine->has_threads = true;
}

/* A module that is valid and refused all the same is too large for the pool. */
static int take_refusal(const struct engine *engine, struct span bytes, wasmtime_error_t *error,
                        struct error *err)
{
    wasmtime_error_t *invalid = NULL;
    if (engine->has_pool) {
        invalid = wasmtime_module_validate(engine->wasm, bytes.data, bytes.len);
    }
    if (!engine->has_pool || invalid != NULL) {
        if (invalid != NULL) {
            wasmtime_error_delete(invalid);
        }
        return engine_take_error(err, -ENOEXEC, error);
    }
    return engine_take_error(err, -E2BIG, error);
}

int module_compile(struct engine *engine, struct span bytes, struct module **ret_module,
                   struct error *err)
{
    struct compiled compiled = {0};
    wasm_byte_vec_t binary = {0};
    wasmtime_error_t *error = NULL;
    if (module_form_of(bytes) == MODULE_TEXT) {
        error = wasmtime_wat2wasm((const char *)bytes.data, bytes.len, &binary);
        if (error != NULL) {
            return engine_take_error(err, -ENOEXEC, error);
        }
        bytes = (struct span){(const uint8_t *)binary.data, binary.size};
    }
    start_threads(engine);
    int r = 0;
    if (module_form_of(bytes) == MODULE_COMPONENT) {
        error = wasmtime_component_new(engine->wasm, bytes.data, bytes.len, &compiled.component);
        r = error != NULL ? engine_take_error(err, -ENOEXEC, error) : 0;
    } else {
        error = wasmtime_module_new(engine->wasm, bytes.data, bytes.len, &compiled.module);
        r = error != NULL ? take_refusal(engine, bytes, error, err) : 0;
    }
    wasm_byte_vec_delete(&binary);
    if (r < 0) {
        return r;
    }
    return module_wrap(engine, &compiled, ret_module, err);
}

int module_map(struct engine *engine, const char *path, struct module **ret_module,
               struct error *err)
{
    struct compiled compiled = {0};
    wasmtime_error_t *error = NULL;
    if (hythe_precompiled_kind(path) == HYTHE_PRECOMPILED_COMPONENT) {
        error = wasmtime_component_deserialize_file(engine->wasm, path, &compiled.component);
    } else {
        error = wasmtime_module_deserialize_file(engine->wasm, path, &compiled.module);
    }
    if (error != NULL) {
        return engine_take_error(err, -ESTALE, error);
    }
    return module_wrap(engine, &compiled, ret_module, err);
}

int module_serialize(const struct module *module, struct span *ret_bytes, struct error *err)
{
    wasm_byte_vec_t bytes;
    wasmtime_error_t *error = module->is_component
                                  ? wasmtime_component_serialize(module->component, &bytes)
                                  : wasmtime_module_serialize(module->wasm, &bytes);
    if (error != NULL) {
        return engine_take_error(err, -EIO, error);
    }
    *ret_bytes = (struct span){(const uint8_t *)bytes.data, bytes.size};
    return 0;
}

void module_serialized_free(struct span bytes)
{
    wasm_byte_vec_t vec = {.size = bytes.len, .data = (wasm_byte_t *)(uintptr_t)bytes.data};
    wasm_byte_vec_delete(&vec);
}

/* The strings are const for everyone but their owner. */
static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

struct module *module_ref(struct module *module)
{
    module->refs++;
    return module;
}

void module_unref(struct module *module)
{
    if (module == NULL || --module->refs > 0) {
        return;
    }
    for (uint32_t i = 0; i < module->import_count; i++) {
        free_text(module->imports[i].module);
        free_text(module->imports[i].name);
        free_text(module->imports[i].params);
        free_text(module->imports[i].results);
    }
    for (uint32_t i = 0; i < module->export_count; i++) {
        free_text(module->exports[i].name);
        free_text(module->exports[i].params);
        free_text(module->exports[i].results);
    }
    free(module->imports);
    free(module->exports);
    compiled_delete(&(struct compiled){module->wasm, module->component});
    free(module);
}

uint32_t module_import_count(const struct module *module)
{
    return module->import_count;
}

const struct module_import *module_import(const struct module *module, uint32_t index)
{
    assert(index < module->import_count);
    return &module->imports[index];
}

uint32_t module_export_count(const struct module *module)
{
    return module->export_count;
}

const struct module_export *module_export(const struct module *module, uint32_t index)
{
    assert(index < module->export_count);
    return &module->exports[index];
}

const struct module_export *module_find_export(const struct module *module, const char *name)
{
    for (uint32_t i = 0; i < module->export_count; i++) {
        if (strcmp(module->exports[i].name, name) == 0) {
            return &module->exports[i];
        }
    }
    return NULL;
}
