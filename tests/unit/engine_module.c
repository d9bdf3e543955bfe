/* Modules: what a file is, what a module imports and exports, and files that are none. */
#include "engine/module.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"

static struct engine *engine;

static int setup(void **state)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    (void)state;
    return engine_new(&options, &engine, &err);
}

static int teardown(void **state)
{
    (void)state;
    engine_free(engine);
    return 0;
}

static int compile(const char *text, struct module **ret_module, struct error *err)
{
    return module_compile(engine, span_of(text), ret_module, err);
}

static enum module_form form(const char *bytes, size_t len)
{
    return module_form_of((struct span){(const uint8_t *)bytes, len});
}

static void first_bytes_tell_the_form(void **state)
{
    (void)state;
    assert_int_equal(form(NULL, 0), MODULE_EMPTY);
    assert_int_equal(form("\0asm\1\0\0\0", 8), MODULE_CORE);
    assert_int_equal(form("\0asm\1\0\0\0rest", 12), MODULE_CORE);
    assert_int_equal(form("\0asm\x0d\0\1\0", 8), MODULE_COMPONENT);
    assert_int_equal(form("\0asm\2\0\0\0", 8), MODULE_UNKNOWN);
    assert_int_equal(form("\x7f"
                          "ELF\2",
                          5),
                     MODULE_COMPILED);
    assert_int_equal(form(" \n\t(module)", 11), MODULE_TEXT);
    assert_int_equal(form(";; note", 7), MODULE_TEXT);
    assert_int_equal(form("#!/bin/sh", 9), MODULE_UNKNOWN);
    assert_int_equal(form("   ", 3), MODULE_UNKNOWN);
    for (size_t len = 1; len < 8; len++) {
        assert_int_equal(form("\0asm\1\0\0\0", len), MODULE_UNKNOWN);
    }
}

static void lists_imports_with_their_types(void **state)
{
    static const char text[] = "(module"
                               " (import \"m\" \"f\" (func (param i32 i64 f32 f64) (result i32)))"
                               " (import \"m\" \"\" (func))"
                               " (import \"n\" \"mem\" (memory 1))"
                               " (import \"n\" \"t\" (table 1 funcref))"
                               " (import \"n\" \"g\" (global i32))"
                               " (import \"n\" \"r\" (func (param externref v128))))";
    static const struct module_import want[] = {
        {"m", "f", EXTERN_FUNC, "iIfF", "i"}, {"m", "", EXTERN_FUNC, "", ""},
        {"n", "mem", EXTERN_MEMORY, "", ""},  {"n", "t", EXTERN_TABLE, "", ""},
        {"n", "g", EXTERN_GLOBAL, "", ""},    {"n", "r", EXTERN_FUNC, "rv", ""},
    };
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(compile(text, &module, &err), 0);
    assert_int_equal(module_import_count(module), 6);
    for (uint32_t i = 0; i < 6; i++) {
        const struct module_import *import = module_import(module, i);
        assert_string_equal(import->module, want[i].module);
        assert_string_equal(import->name, want[i].name);
        assert_int_equal(import->kind, want[i].kind);
        assert_string_equal(import->params, want[i].params);
        assert_string_equal(import->results, want[i].results);
    }
    module_unref(module);
}

static void lists_exports_with_their_types(void **state)
{
    static const char text[] = "(module (memory (export \"memory\") 2 7)"
                               " (memory (export \"more\") 1)"
                               " (func (export \"f\") (param i64) (result i32) i32.const 0))";
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(compile(text, &module, &err), 0);
    assert_int_equal(module_import_count(module), 0);
    assert_int_equal(module_export_count(module), 3);
    const struct module_export *memory = module_find_export(module, "memory");
    assert_int_equal(memory->kind, EXTERN_MEMORY);
    assert_int_equal(memory->memory_pages, 2);
    assert_int_equal(memory->memory_pages_max, 7);
    assert_true(module_find_export(module, "more")->memory_pages_max == UINT64_MAX);
    const struct module_export *f = module_find_export(module, "f");
    assert_int_equal(f->kind, EXTERN_FUNC);
    assert_string_equal(f->params, "I");
    assert_string_equal(f->results, "i");
    assert_null(module_find_export(module, "g"));
    assert_null(module_find_export(module, ""));
    module_unref(module);
}

static void refuse(const char *bytes, size_t len)
{
    struct module *module = NULL;
    struct error err = {0};
    int r = module_compile(engine, (struct span){(const uint8_t *)bytes, len}, &module, &err);
    if (r != -ENOEXEC) {
        fail_msg("%zu bytes: %d", len, r);
    }
    assert_int_equal(err.code, -ENOEXEC);
    assert_true(strlen(err.text) > 0);
    assert_null(module);
}

static void what_is_no_module_is_refused_with_a_reason(void **state)
{
    (void)state;
    refuse("", 0);
    refuse("\0asm", 4);
    refuse("\0asm\1\0\0\0\x01", 9);
    refuse("\0asm\1\0\0\0\x0a\xff\xff\xff\xff\x0f", 14);
    refuse("\0asm\x0d\0\1\0\x01", 9);
    refuse("(module", 7);
    refuse("(module (func $f (call $g)))", 28);
    refuse("(module (func (result i32)))", 28);
    refuse("(\xff\xfe", 3);
}

/* Every beginning of a good module that is not the whole. */
static void a_module_cut_short_is_refused(void **state)
{
    static const char bytes[] = "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\5\1\1"
                                "f\0\0\x0a\4\1\2\0\x0b";
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    size_t len = sizeof bytes - 1;
    assert_int_equal(
        module_compile(engine, (struct span){(const uint8_t *)bytes, len}, &module, &err), 0);
    module_unref(module);
    for (size_t cut = 0; cut < len; cut++) {
        char *copy = malloc(cut + 1); /* so that the sanitizer sees a read past the end */
        struct error cut_err = {0};
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        module = NULL;
        int r =
            module_compile(engine, (struct span){(const uint8_t *)copy, cut}, &module, &cut_err);
        /* Cut between two sections it may be whole again. */
        assert_true(r == 0 || (r == -ENOEXEC && module == NULL));
        module_unref(module);
        free(copy);
    }
}

static void is_the_same_after_serializing(void **state)
{
    struct module *module = NULL;
    struct span bytes = {0};
    struct error err = {0};
    (void)state;
    assert_int_equal(compile("(module (func (export \"f\")))", &module, &err), 0);
    assert_int_equal(module_serialize(module, &bytes, &err), 0);
    assert_int_equal(module_form_of(bytes), MODULE_COMPILED);
    module_serialized_free(bytes);
    module_unref(module);
    module_unref(NULL);
}

static void a_missing_file_cannot_be_mapped(void **state)
{
    struct module *module = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(module_map(engine, "/nonexistent/x.cwasm", &module, &err), -ESTALE);
    assert_null(module);
}

/* Whether a thread of this process has SIGTERM blocked, from its line in /proc. */
static bool blocks_sigterm(const char *task)
{
    char path[300];
    char line[256];
    unsigned long long blocked = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "SigBlk: %llx", &blocked);
    }
    (void)fclose(file);
    return (blocked >> (SIGTERM - 1) & 1) != 0;
}

/* Else SIGTERM to the process goes to one of them and ends it at once: a server that had just
 * compiled its module died without sending what it held. */
static void compiler_threads_take_no_signals(void **state)
{
    struct engine_options options = {.serial = false};
    struct engine *parallel = NULL;
    struct module *module = NULL;
    struct error err = {0};
    unsigned open_to_it = 0;
    (void)state;
    assert_int_equal(engine_new(&options, &parallel, &err), 0);
    assert_int_equal(module_compile(parallel, span_of("(module (func))"), &module, &err), 0);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        open_to_it += task->d_name[0] != '.' && !blocks_sigterm(task->d_name);
    }
    closedir(tasks);
    assert_int_equal(open_to_it, 1); /* this one */
    module_unref(module);
    engine_free(parallel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_tell_the_form),
        cmocka_unit_test(lists_imports_with_their_types),
        cmocka_unit_test(lists_exports_with_their_types),
        cmocka_unit_test(what_is_no_module_is_refused_with_a_reason),
        cmocka_unit_test(a_module_cut_short_is_refused),
        cmocka_unit_test(is_the_same_after_serializing),
        cmocka_unit_test(a_missing_file_cannot_be_mapped),
        cmocka_unit_test(compiler_threads_take_no_signals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
