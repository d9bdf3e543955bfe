/* Loading modules. See load.h. */
#include "host/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "host/check.h"
#include "host/config.h"
#include "imports/component.h"
#include "imports/registry.h"
#include "loop/loop.h"

enum { SAY_COMPILING_FROM = 2 << 20, HEAD_LEN = 4096 };

/* A module's file. It is read as a whole only where it has to be compiled. */
struct load_source {
    const char *path;
    int fd;
    size_t len;        /* bytes, when it was opened */
    struct span bytes; /* owned; NULL before it is read */
    bool is_cached;
};

static int explain_open(const char *path, int code, struct error *err)
{
    if (code == -ENOENT || code == -ENOTDIR) {
        (void)error_set(err, code, "%s: there is no such file; give the path of a .wasm module",
                        path);
        (void)error_set_exit(err, EXIT_NOT_FOUND);
        return code;
    }
    if (code == -EACCES) {
        (void)error_set(err, code, "%s: this user may not read it; check the file's mode and owner",
                        path);
    } else {
        (void)error_set_errno(err, code, "%s: it cannot be read", path);
    }
    (void)error_set_exit(err, EXIT_CANNOT_RUN);
    return code;
}

/* Read all of a regular file. It is not mapped: somebody may cut it short while it is compiled. */
static int read_all(int fd, size_t len, struct span *ret_bytes)
{
    size_t have = 0;
    uint8_t *data = malloc(len > 0 ? len : 1);
    if (data == NULL) {
        return -ENOMEM;
    }
    while (have < len) {
        ssize_t got = read(fd, data + have, len - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int r = -errno;
            free(data);
            return r;
        }
        if (got == 0) {
            break; /* cut short meanwhile: what is there is looked at */
        }
        have += (size_t)got;
    }
    *ret_bytes = (struct span){data, have};
    return 0;
}

/* Open a file that can be a module. 0 or a negative errno. */
static int open_source(const char *path, struct load_source *source, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return explain_open(path, -errno, err);
    }
    struct stat st;
    int r = fstat(fd, &st) < 0 ? explain_open(path, -errno, err) : 0;
    if (r == 0 && S_ISDIR(st.st_mode)) {
        r = error_set(err, -EISDIR, "%s: it is a directory; give the path of a .wasm module", path);
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
    } else if (r == 0 && !S_ISREG(st.st_mode)) {
        r = error_set(err, -EINVAL, "%s: it is no regular file; give the path of a .wasm module",
                      path);
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
    }
    if (r < 0) {
        (void)close(fd); /* opened for reading */
        return r;
    }
    *source = (struct load_source){.path = path, .fd = fd, .len = (size_t)st.st_size};
    return 0;
}

static int read_source(void *context, struct span *ret_bytes, struct error *err)
{
    struct load_source *source = context;
    int r = lseek(source->fd, 0, SEEK_SET) < 0 ? -errno : 0;
    if (r == 0) {
        r = read_all(source->fd, source->len, &source->bytes);
    }
    if (r < 0) {
        return explain_open(source->path, r, err);
    }
    *ret_bytes = source->bytes;
    return 0;
}

static void close_source(struct load_source *source)
{
    (void)close(source->fd); /* opened for reading */
    load_free_file(source->bytes);
}

int load_read_file(const char *path, struct span *ret_bytes, struct error *err)
{
    struct load_source source = {.fd = -1};
    int r = open_source(path, &source, err);
    if (r < 0) {
        return r;
    }
    r = read_source(&source, ret_bytes, err);
    source.bytes = (struct span){NULL, 0}; /* the caller's */
    close_source(&source);
    return r;
}

void load_free_file(struct span bytes)
{
    free((uint8_t *)(uintptr_t)bytes.data); /* owned; const for those who look */
}

/* Say what a file is that is no core module; 0 for one that is. */
static int check_form(const char *path, enum module_form form, struct error *err)
{
    switch (form) {
    case MODULE_CORE:
    case MODULE_TEXT:
    case MODULE_COMPONENT:
    case MODULE_COMPILED:
        return 0;
    case MODULE_EMPTY:
        return error_set(err, -ENOEXEC, "%s: the file is empty", path);
    case MODULE_UNKNOWN:
        break;
    }
    return error_set(err, -ENOEXEC,
                     "%s: it is no WebAssembly: it does not begin with \"\\0asm\" and version 1, "
                     "and it is no text format either",
                     path);
}

/* Compiling megabytes takes seconds: say so, since it is once. */
static void say_compiling(void *context)
{
    const struct load_source *source = context;
    if (source->len >= SAY_COMPILING_FROM) {
        log_line("compiling %s (%.1f MB)%s", source->path, (double)source->len / 1e6,
                 source->is_cached ? "; the next start takes it from the cache" : "");
    }
}

/* What the file's first bytes say that it is. */
static int read_form(const struct load_source *source, enum module_form *ret_form,
                     struct error *err)
{
    uint8_t head[HEAD_LEN];
    ssize_t len = pread(source->fd, head, sizeof head, 0);
    if (len < 0) {
        return explain_open(source->path, -errno, err);
    }
    *ret_form = module_form_of((struct span){head, (size_t)len});
    return check_form(source->path, *ret_form, err);
}

static int compile(struct engine *engine, struct load_source *source,
                   const struct hythe_guest_config *config, struct load_result *result,
                   struct error *err)
{
    char dir_text[PATH_MAX];
    const char *dir = config->cache_dir;
    if (dir == NULL && cache_default_dir(dir_text, sizeof dir_text) == 0) {
        dir = dir_text;
    }
    if (config->no_cache) {
        dir = NULL;
    }
    source->is_cached = dir != NULL;
    struct cache_request request = {.engine = engine,
                                    .read = read_source,
                                    .dir = dir,
                                    .on_compile = say_compiling,
                                    .context = source};
    int r = dir != NULL ? cache_hash_file(engine, source->fd, request.hash) : 0;
    if (r < 0) {
        return explain_open(source->path, r, err);
    }
    r = cache_load(&request, &result->module, &result->cache, err);
    if (r == -E2BIG) {
        (void)error_wrap(err, "%s: it wants more than a guest of a server can have", source->path);
    } else if (r < 0 && source->bytes.data != NULL &&
               !check_explain_refusal(source->path, source->bytes, err)) {
        (void)error_wrap(err,
                         "%s: it is no valid module, perhaps cut short or built for features "
                         "that this engine has not",
                         source->path);
    }
    return r;
}

int load_module(struct engine *engine, const char *path, const struct hythe_guest_config *config,
                struct load_result *ret_result, struct error *err)
{
    struct load_result result = {.cache = CACHE_HIT};
    struct load_source source = {.fd = -1};
    enum module_form form = MODULE_UNKNOWN;
    uint64_t begin = loop_clock_ns();
    int r = open_source(path, &source, err);
    if (r < 0) {
        return r;
    }
    r = read_form(&source, &form, err);
    result.read_ns = loop_clock_ns() - begin;
    if (r == 0 && form == MODULE_COMPILED) {
        r = cache_map_file(engine, path, &result.module, err);
    } else if (r == 0) {
        r = compile(engine, &source, config, &result, err);
    }
    close_source(&source);
    if (r < 0) {
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
        return r;
    }
    result.load_ns = loop_clock_ns() - begin - result.read_ns;
    *ret_result = result;
    return 0;
}

static int choose_funcs(const struct module *module, struct load_links *links)
{
    uint32_t count = module_import_count(module);
    links->funcs = calloc(count + 1, sizeof(const struct host_func *));
    if (links->funcs == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        links->funcs[i] = imports_find(module_import(module, i));
        if (links->funcs[i] == NULL) {
            return -ENOTSUP;
        }
    }
    return 0;
}

static int choose_offers(const struct module *module, struct load_links *links)
{
    uint32_t count = module_import_count(module);
    links->offers = calloc(count + 1, sizeof *links->offers);
    if (links->offers == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct module_import *import = module_import(module, i);
        if (import->kind != EXTERN_INTERFACE) {
            continue;
        }
        const struct component_interface *interface = component_interface_find(import->module);
        if (interface != NULL) {
            links->offers[links->offer_count++] = (struct linked_offer){import->module, interface};
        }
    }
    return 0;
}

int load_links(const struct module *module, struct load_links *ret_links)
{
    struct load_links links = {0};
    int r =
        module_is_component(module) ? choose_offers(module, &links) : choose_funcs(module, &links);
    if (r < 0) {
        load_links_done(&links);
        return r;
    }
    *ret_links = links;
    return 0;
}

void load_links_done(struct load_links *links)
{
    free(links->funcs);
    free(links->offers);
    *links = (struct load_links){0};
}
