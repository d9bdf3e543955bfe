/* wasi:config: settings by name. See config.h. Nothing here can fail: the errors that the interface has
 * are those of stores elsewhere. */
#include "imports/wasi_config/config.h"

#include <string.h>

#include "guest/guest.h"
#include "imports/wasi_cli/texts.h"

static bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* A name given twice has the value that was given last. */
static bool find_value(const struct guest *guest, struct span key, struct span *ret_value)
{
    struct texts texts = texts_of_strings(guest->config_pairs);
    struct span text;
    struct span name;
    struct span value;
    bool is_found = false;
    while (texts.next(&texts, &text)) {
        text_split(text, &name, &value);
        if (span_equal(name, key)) {
            *ret_value = value;
            is_found = true;
        }
    }
    return is_found;
}

/* result<option<string>, error>: 0, then 0 or 1, then the string. */
static int32_t get(struct component_call *call)
{
    struct span value;
    if (!find_value(call->guest, component_bytes(call, 0), &value)) {
        return component_ok(call, 0);
    }
    (void)component_ok(call, 1); /* the answer is given below */
    return text_answer(call, 2, value);
}

/* result<list<tuple<string, string>>, error>: 0, then the list. */
static int32_t get_all(struct component_call *call)
{
    const struct guest *guest = call->guest;
    return texts_answer(call, 1, texts_of_strings(guest->config_pairs), true /* as_pairs */);
}

static const struct component_func funcs[] = {
    {"get", "key$", get, NULL},
    {"get-all", "", get_all, NULL},
};

const struct component_interface wasi_config_store = {
    .name = "wasi:config/store", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
const struct component_interface wasi_config_runtime = {
    .name = "wasi:config/runtime", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
