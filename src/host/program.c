/* Programs: modules made ready, with what each of their guests gets. See program.h and task.h. */
#include "host/program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/check.h"
#include "host/config.h"
#include "host/load.h"
#include "host/task.h"
#include "imports/wasi_keyvalue/store.h"

enum { WASM_PAGE = 64 << 10 };

/* -- what the module says ------------------------------------------------------------------------ */

static bool imports_name(const struct module *module, const char *name, const char *params)
{
    for (uint32_t i = 0; i < module_import_count(module); i++) {
        const struct module_import *import = module_import(module, i);
        if (strcmp(import->name, name) == 0 &&
            (params == NULL || strcmp(import->params, params) == 0)) {
            return true;
        }
    }
    return false;
}

/* From an interface whose name begins so? */
static bool imports_from(const struct module *module, const char *prefix)
{
    for (uint32_t i = 0; i < module_import_count(module); i++) {
        if (strncmp(module_import(module, i)->module, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* What the dialect decides, unless the configuration does: guests that open their own sockets have
 * a runtime that expects edges. */
static void read_dialect(struct host_program *program)
{
    switch (program->config->poll_mode) {
    case HYTHE_POLL_LEVEL:
        program->poll_mode = GUEST_POLL_LEVEL;
        break;
    case HYTHE_POLL_AUTO:
        program->poll_mode = GUEST_POLL_AUTO;
        break;
    case HYTHE_POLL_DEFAULT:
        program->poll_mode =
            imports_name(program->module, "sock_open", NULL) ? GUEST_POLL_AUTO : GUEST_POLL_LEVEL;
        break;
    }
    /* Go's net package for this dialect, told by its 3-parameter form, reads an IPv6 answer of
     * sock_getaddrinfo from another place than the others. */
    if (imports_name(program->module, "sock_getlocaladdr", "iii")) {
        program->dialect_flags |= DIALECT_V6_AT_2;
    }
    program->http = outbound_form_of(program->module);
}

/* -- what the configuration grants ----------------------------------------------------------- */

static int read_policy(struct host_program *program, struct error *err)
{
    const struct hythe_guest_config *config = program->config;
    struct policy *policy = &program->policy;
    policy->allow_all = config->allow_net;
    policy->is_dry_run = config->policy_dry_run;
    int r = 0;
    for (size_t i = 0; r == 0 && i < config->allow_listen.count; i++) {
        r = policy_allow_listen(policy, config->allow_listen.items[i], err);
    }
    for (size_t i = 0; r == 0 && i < config->allow_connect.count; i++) {
        r = policy_allow_connect(policy, config->allow_connect.items[i], err);
    }
    for (size_t i = 0; r == 0 && i < config->allow_http.count; i++) {
        r = policy_allow_http(policy, config->allow_http.items[i], err);
    }
    return r;
}

static int open_dirs(struct host_program *program, struct error *err)
{
    const struct hythe_guest_config *config = program->config;
    program->dirs = calloc(config->dir_count + 1, sizeof *program->dirs);
    if (program->dirs == NULL) {
        return error_set_errno(err, -ENOMEM, "opening the guest's directories");
    }
    for (size_t i = 0; i < config->dir_count; i++) {
        const struct dir_grant *grant = &config->dirs[i];
        int r =
            dir_source_open(grant->host, grant->guest, grant->read_only, &program->dirs[i], err);
        if (r < 0) {
            return r;
        }
        program->dir_count++;
    }
    return 0;
}

static int read_env(struct host_program *program, struct error *err)
{
    const struct strings *env = &program->config->env;
    for (size_t i = 0; i < env->count; i++) {
        const char *entry = env->items[i];
        struct span bytes = {(const uint8_t *)entry, strlen(entry) + 1};
        int r = buffer_append(&program->env, bytes);
        if (r < 0) {
            return error_set_errno(err, r, "giving the guest its environment");
        }
        program->env_count++;
    }
    return 0;
}

/* -- its life -------------------------------------------------------------------------------- */

/* Only functions () -> () can be called so; others are for --invoke to explain. */
static void find_entries(struct host_program *program)
{
    if (program->is_component) {
        return;
    }
    (void)linked_entry_new(program->linked, "_start", &program->start);
    (void)linked_entry_new(program->linked, "_initialize", &program->initialize);
}

static int make_keyvalue(struct host_program *program, struct error *err)
{
    static const struct keyvalue_limits limits = {KEYVALUE_BYTES_DEFAULT, KEYVALUE_KEYS_DEFAULT};
    if (!program->is_component || !imports_from(program->module, "wasi:keyvalue/")) {
        return 0;
    }
    program->keyvalue = keyvalue_new(&limits);
    return program->keyvalue != NULL ? 0 : error_set_errno(err, -ENOMEM, "preparing the module");
}

static int link_imports(struct host_program *program, const struct load_links *links,
                        struct error *err)
{
    if (program->is_component) {
        int r = linked_new_component(program->module, links->offers, links->offer_count,
                                     program->config->stub_unknown, &program->linked, err);
        return r == -ENOTSUP ? check_explain_link(err) : r;
    }
    return linked_new(program->module, links->funcs, &program->linked, err);
}

int host_program_of(struct engine *engine, struct module *module, const struct load_links *links,
                    const struct hythe_guest_config *config, struct host_program **ret_program,
                    struct error *err)
{
    struct host_program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing the module");
    }
    program->engine = engine;
    program->module = module;
    program->is_component = module_is_component(module);
    program->config = config;
    program->reach = calloc(1, sizeof *program->reach);
    policy_init(&program->policy);
    buffer_init(&program->env, GUEST_TEXT_MAX);
    read_dialect(program);
    int r = program->reach == NULL ? error_set_errno(err, -ENOMEM, "preparing the module")
                                   : link_imports(program, links, err);
    if (r < 0) {
        goto fail;
    }
    find_entries(program);
    r = make_keyvalue(program, err);
    if (r < 0) {
        goto fail;
    }
    r = read_policy(program, err);
    if (r < 0) {
        goto fail;
    }
    r = open_dirs(program, err);
    if (r < 0) {
        goto fail;
    }
    r = read_env(program, err);
    if (r < 0) {
        goto fail;
    }
    *ret_program = program;
    return 0;
fail:
    host_program_free(program);
    return r;
}

/* What can be known of the memory limit before a guest is made: the memory it exports. */
int host_program_check_memory(const char *path, const struct module *module, uint64_t max_memory,
                              struct error *err)
{
    for (uint32_t i = 0; i < module_export_count(module) && max_memory > 0; i++) {
        const struct module_export *export = module_export(module, i);
        if (export->kind == EXTERN_MEMORY && export->memory_pages > max_memory / WASM_PAGE) {
            (void)error_set(err, -ENOMEM,
                            "%s: it wants %" PRIu64 " bytes of memory at the start and may have "
                            "%" PRIu64 " (--max-memory)",
                            path, export->memory_pages * WASM_PAGE, max_memory);
            return error_set_exit(err, EXIT_CANNOT_RUN);
        }
    }
    return 0;
}

static int link_module(struct engine *engine, const char *path, struct module *module,
                       const struct hythe_guest_config *config, struct host_program **ret_program,
                       struct error *err)
{
    struct load_links links = {0};
    int r = load_links(module, &links);
    if (r == -ENOMEM) {
        return error_set_errno(err, r, "linking %s", path);
    }
    const struct dialect_start start = {START_SERVE, config->invoke, config->stub_unknown};
    r = check_runnable(path, module, &start, err);
    if (r == 0) {
        r = host_program_check_memory(path, module, config->max_memory, err);
    }
    if (r == 0) {
        r = host_program_of(engine, module, &links, config, ret_program, err);
        r = r == -ENOTSUP ? error_wrap(err, "%s", path) : r;
    }
    load_links_done(&links);
    return r;
}

/* Make a program that owns its reference of the module; a failure drops it. */
static int adopt_module(struct engine *engine, const char *path, struct module *module,
                        const struct hythe_guest_config *config, struct host_program **ret_program,
                        struct error *err)
{
    int r = link_module(engine, path, module, config, ret_program, err);
    if (r < 0) {
        module_unref(module);
        return r;
    }
    (*ret_program)->owns_module = true;
    return 0;
}

int host_program_new(struct engine *engine, const char *path,
                     const struct hythe_guest_config *config, struct host_program **ret_program,
                     struct error *err)
{
    struct load_result loaded = {0};
    int r = load_module(engine, path, config, &loaded, err);
    if (r < 0) {
        return r;
    }
    return adopt_module(engine, path, loaded.module, config, ret_program, err);
}

int host_program_share(const struct host_program *other, const char *path,
                       const struct hythe_guest_config *config, struct host_program **ret_program,
                       struct error *err)
{
    return adopt_module(other->engine, path, module_ref(other->module), config, ret_program, err);
}

void host_program_free(struct host_program *program)
{
    if (program == NULL) {
        return;
    }
    for (size_t i = 0; i < program->dir_count; i++) {
        dir_source_close(&program->dirs[i]);
    }
    free(program->dirs);
    if (program->reach != NULL) {
        reach_close(program->reach);
        free(program->reach);
    }
    keyvalue_free(program->keyvalue);
    buffer_done(&program->env);
    policy_done(&program->policy);
    linked_entry_free(program->start);
    linked_entry_free(program->initialize);
    linked_free(program->linked);
    if (program->owns_module) {
        module_unref(program->module);
    }
    free(program);
}

void host_program_leave_loop(const struct host_program *program)
{
    reach_close(program->reach);
}

bool host_program_is_component(const struct host_program *program)
{
    return program->is_component;
}

bool host_program_has_entry(const struct host_program *program, const char *name)
{
    const struct module_export *export = module_find_export(program->module, name);
    return export != NULL && export->kind == EXTERN_FUNC && export->params[0] == '\0' &&
           export->results[0] == '\0';
}

const struct module *host_program_module(const struct host_program *program)
{
    return program->module;
}

/* -- guests ---------------------------------------------------------------------------------- */

static int give_dirs(const struct host_program *program, struct guest *guest, uint32_t from)
{
    for (size_t i = 0; i < program->dir_count; i++) {
        struct guest_dir *dir = NULL;
        uint32_t fd = 0;
        int r = guest_dir_preopen_source(guest, &program->dirs[i], &dir);
        if (r < 0) {
            return r;
        }
        r = fd_table_insert(&guest->fds, &dir->base, from, &fd);
        if (r < 0) {
            descriptor_unref(&dir->base);
            return r;
        }
    }
    return 0;
}

int host_program_equip(const struct host_program *program, struct guest *guest, uint32_t dirs_from,
                       struct error *err)
{
    const struct hythe_guest_config *config = program->config;
    guest->fds.max = config->max_fds;
    guest->strict_prestat = config->strict_prestat;
    guest->poll_mode = program->poll_mode;
    guest->dialect_flags = program->dialect_flags;
    guest->http_has_handles = program->http.has_handles;
    guest->http_has_alloc = program->http.has_alloc;
    guest->config_pairs = &config->wasi_config;
    guest->keyvalue = program->keyvalue;
    int r = policy_share(&guest->policy, &program->policy);
    if (r == 0) {
        r = give_dirs(program, guest, dirs_from);
    }
    if (r == 0) {
        r = buffer_append(&guest->env, buffer_span(&program->env));
        guest->env_count = program->env_count;
    }
    if (r < 0) {
        return error_set_errno(err, r, "giving the guest what it was granted");
    }
    r = reach_open(program->reach, guest->loop, &config->hosts, err);
    if (r == 0) {
        guest_share_names(guest, program->reach->names);
    }
    return r;
}
