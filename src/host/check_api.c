/* hythe_check. See hythe/check.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/linked.h"
#include "host/check.h"
#include "host/config.h"
#include "host/error.h"
#include "host/load.h"
#include "hythe/check.h"

/* What is released together, in the order in which it depends on each other. */
struct checked {
    struct engine *engine;     /* owned */
    struct load_result loaded; /* its module is owned */
    struct error refusal;
    struct dialect_report report;
};

/* Describe a component that the engine does not compile, if it tells itself why not. */
static int scan_and_describe(const char *path, struct checked *checked)
{
    struct span bytes;
    int r = load_read_file(path, &bytes, /* err */ NULL);
    if (r < 0) {
        return r;
    }
    r = check_scan(bytes, &checked->loaded.module, &checked->report);
    load_free_file(bytes);
    return r;
}

/* A component's imports may have hythe's names and other types, which linking tells. */
static int check_link(struct checked *checked)
{
    struct load_links links;
    struct linked *linked = NULL;
    struct module *module = checked->loaded.module;
    if (!module_is_component(module) || checked->report.missing_count > 0) {
        return 0;
    }
    int r = load_links(module, &links);
    if (r < 0) {
        return r;
    }
    r = linked_new_component(module, links.offers, links.offer_count, /* stub_unknown */ false,
                             &linked, &checked->refusal);
    if (r == -ENOTSUP) {
        checked->report.refusal = checked->refusal.text;
        r = 0;
    }
    linked_free(linked);
    load_links_done(&links);
    return r;
}

static int load_and_describe(const char *path, struct checked *checked, struct error *err)
{
    const struct hythe_guest_config config = {0};
    const struct engine_options options = {.fuel = false};
    int r = engine_new(&options, &checked->engine, err);
    if (r < 0) {
        return r;
    }
    r = load_module(checked->engine, path, &config, &checked->loaded, err);
    if (r < 0) {
        return scan_and_describe(path, checked) == 0 ? 0 : r;
    }
    r = check_describe(checked->loaded.module, &checked->report);
    if (r == 0) {
        r = check_link(checked);
    }
    return r < 0 ? error_set_errno(err, r, "%s: looking at its imports", path) : 0;
}

static int render(const struct dialect_report *report, const char *path, bool json, char **ret_text)
{
    struct buffer out;
    buffer_init(&out, CHECK_TEXT_MAX);
    int r = json ? check_json(report, path, &out) : check_text(report, path, &out);
    const char *text = r == 0 ? buffer_text(&out) : NULL;
    char *copy = text != NULL ? strdup(text) : NULL;
    buffer_done(&out);
    if (copy == NULL) {
        return r < 0 ? r : -ENOMEM;
    }
    *ret_text = copy;
    return 0;
}

int hythe_check(const char *module_path, bool json, char **ret_text, hythe_error **ret_error)
{
    struct error err = {0};
    struct checked checked = {0};
    int r = load_and_describe(module_path, &checked, &err);
    if (r == 0) {
        r = render(&checked.report, module_path, json, ret_text);
        if (r < 0) {
            (void)error_set_errno(&err, r, "%s: describing it", module_path);
        }
    }
    bool is_runnable = r == 0 && check_is_runnable(&checked.report);
    dialect_report_done(&checked.report);
    module_unref(checked.loaded.module);
    engine_free(checked.engine);
    if (r < 0) {
        (void)host_error_give(&err, ret_error);
        return -1;
    }
    return is_runnable ? 0 : 1;
}
