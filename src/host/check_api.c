/* hythe_check. See hythe/check.h.
 *
 * A component cannot be compiled by the core engine; it is told by its bytes, so that check can
 * still say what it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "host/check.h"
#include "host/config.h"
#include "host/error.h"
#include "host/load.h"
#include "hythe/check.h"

/* What is released together, in the order in which it depends on each other. */
struct checked {
    struct engine *engine;     /* owned */
    struct load_result loaded; /* its module is owned */
    struct dialect_report report;
};

/* Describe the file if it is a component. False when not, or when it cannot be read, which loading
 * it then explains. */
static bool describe_component(const char *path, struct dialect_report *ret_report)
{
    struct span bytes;
    if (load_read_file(path, &bytes, /* err */ NULL) < 0) {
        return false;
    }
    bool is_component = module_form_of(bytes) == MODULE_COMPONENT;
    if (is_component) {
        dialect_describe_component(bytes, ret_report);
    }
    load_free_file(bytes);
    return is_component;
}

static int load_and_describe(const char *path, struct checked *checked, struct error *err)
{
    const struct hythe_guest_config config = {0};
    const struct engine_options options = {.fuel = false};
    if (describe_component(path, &checked->report)) {
        return 0;
    }
    int r = engine_new(&options, &checked->engine, err);
    if (r < 0) {
        return r;
    }
    r = load_module(checked->engine, path, &config, &checked->loaded, err);
    if (r < 0) {
        return r;
    }
    r = check_describe(checked->loaded.module, &checked->report);
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
