/* `fields` of wasi:http/types: any names and values in any order of changes, beside a model of what the
 * lists have to hold. What a list took can be sent as it is; what it refused has changed nothing.
 *
 * The input is calls: the function, the list it is for, a name, and for some a number of values. */
#include "base/container.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "http/field.h"
#include "imports/wasi_http/fields.h"
#include "imports/wasi_http/functions.h"
#include "input.h"

enum { LISTS = 3, ENTRIES_MAX = 256, VALUES_MAX = 5, CALLS_MAX = 64, NAME_MAX_LEN = 40 };

/* A line as a list has to hold it. */
struct line {
    uint8_t *name; /* owned, in lower case */
    size_t name_len;
    uint8_t *value; /* owned */
    size_t value_len;
};

struct model {
    struct line lines[ENTRIES_MAX];
    size_t count;
};

static struct engine *engine;
static struct instance *instance;
static struct guest guest;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct engine_options options = {.serial = true};
    const struct instance_options instance_options = {.guest = &guest};
    struct error err = {0};
    (void)argc;
    (void)argv;
    must(engine_new(&options, &engine, &err) == 0);
    must(instance_new(engine, &instance_options, &instance, &err) == 0);
    return 0;
}

/* -- the model -------------------------------------------------------------------------------- */

static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1); /* exactly, so that a read past its end is seen */
    must(copy != NULL);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

static uint8_t *lower_of(struct span name)
{
    uint8_t *lower = copy_of(name.data, name.len);
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = (uint8_t)(lower[i] >= 'A' && lower[i] <= 'Z' ? lower[i] + 32 : lower[i]);
    }
    return lower;
}

static void free_line(struct line *line)
{
    free(line->name);
    free(line->value);
}

static bool is_line(const struct line *line, struct span name)
{
    uint8_t *lower = lower_of(name);
    bool is_same = line->name_len == name.len && memcmp(line->name, lower, name.len) == 0;
    free(lower);
    return is_same;
}

static void model_add(struct model *model, struct span name, struct span value)
{
    struct span trimmed = http_trim(value);
    must(model->count < ENTRIES_MAX);
    model->lines[model->count] =
        (struct line){lower_of(name), name.len, copy_of(trimmed.data, trimmed.len), trimmed.len};
    model->count++;
}

static void model_remove(struct model *model, struct span name)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (is_line(&model->lines[i], name)) {
            free_line(&model->lines[i]);
        } else {
            model->lines[kept] = model->lines[i];
            kept++;
        }
    }
    model->count = kept;
}

static void model_clear(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        free_line(&model->lines[i]);
    }
    model->count = 0;
}

/* -- calls ------------------------------------------------------------------------------------ */

static union component_value results[COMPONENT_SLOTS_MAX];

static int32_t run(component_fn *function, const union component_value *args)
{
    static const struct component_func func = {.name = "fields"};
    struct component_call call = {
        .func = &func, .args = args, .results = results, .guest = &guest, .instance = instance};
    memset(results, 0, sizeof results);
    return function(&call);
}

static bool is_same(struct span a, const uint8_t *bytes, size_t len)
{
    return a.len == len && (len == 0 || memcmp(a.data, bytes, len) == 0);
}

/* The list is what the model says, and could be sent. */
static void check(uint32_t rep, const struct model *model)
{
    const union component_value args[1] = {{.number = rep}};
    size_t lengths = 0;
    must(run(fields_entries, args) == 0);
    must(results[0].list.count == model->count);
    for (size_t i = 0; i < model->count; i++) {
        struct span name = results[0].list.items[2 * i].bytes;
        struct span value = results[0].list.items[2 * i + 1].bytes;
        must(is_same(name, model->lines[i].name, model->lines[i].name_len));
        must(is_same(value, model->lines[i].value, model->lines[i].value_len));
        must(http_is_token(name) && http_is_value(value));
        must(!http_is_hop_by_hop(name) && !http_is_name(name, "host"));
        lengths += http_is_name(name, "content-length");
    }
    must(lengths <= 1);
}

static void check_get(uint32_t rep, const struct model *model, struct span name)
{
    const union component_value args[2] = {{.number = rep}, {.bytes = name}};
    size_t at = 0;
    must(run(fields_get, args) == 0);
    struct component_list got = results[0].list;
    for (size_t i = 0; i < model->count; i++) {
        if (is_line(&model->lines[i], name)) {
            must(at < got.count);
            must(is_same(got.items[at].bytes, model->lines[i].value, model->lines[i].value_len));
            at++;
        }
    }
    must(at == got.count);
    must(run(fields_has, args) == 0);
    must((results[0].number != 0) == (at > 0));
}

struct lists {
    uint32_t reps[LISTS];
    struct model models[LISTS];
};

static void make(struct lists *lists, size_t index, uint32_t rep)
{
    resource_drop(&guest, lists->reps[index]);
    lists->reps[index] = rep;
}

/* A name and values of the input, each in memory of its own. */
struct given {
    uint8_t *name;
    size_t name_len;
    union component_value values[2 * VALUES_MAX];  /* as for set */
    union component_value entries[2 * VALUES_MAX]; /* as for from-list */
    size_t count;
};

static void take_given(struct input *in, struct given *ret)
{
    static const char *const known[] = {"content-length", "Content-Length", "a", "A", "Host", "te"};
    uint8_t kind = (uint8_t)input_number(in, 1);
    struct input name = input_take(in, kind % NAME_MAX_LEN);
    if (kind >= 128) {
        const char *text = known[kind % ARRAY_COUNT(known)];
        name = (struct input){(const uint8_t *)text, strlen(text)};
    }
    ret->name = copy_of(name.data, name.len);
    ret->name_len = name.len;
    ret->count = input_number(in, 1) % (VALUES_MAX + 1);
    for (size_t i = 0; i < ret->count; i++) {
        uint8_t len = (uint8_t)input_number(in, 1);
        struct input value = input_take(in, len);
        ret->values[i].bytes = (struct span){copy_of(value.data, value.len), value.len};
        ret->entries[2 * i].bytes = (struct span){ret->name, ret->name_len};
        ret->entries[2 * i + 1] = ret->values[i];
    }
}

static void free_given(struct given *given)
{
    for (size_t i = 0; i < given->count; i++) {
        free((void *)(uintptr_t)given->values[i].bytes.data);
    }
    free(given->name);
}

static void add_all(struct model *model, struct span name, const struct given *given)
{
    for (size_t i = 0; i < given->count; i++) {
        model_add(model, name, given->values[i].bytes);
    }
}

static void change(struct lists *lists, size_t index, uint8_t function, const struct given *given)
{
    struct model *model = &lists->models[index];
    struct span name = {given->name, given->name_len};
    union component_value args[3] = {{.number = lists->reps[index]}, {.bytes = name}};
    if (function == 0 && given->count > 0) {
        args[2] = given->values[0];
        must(run(fields_append, args) == 0);
        if (results[0].number == 0) {
            model_add(model, name, given->values[0].bytes);
        }
    } else if (function == 1) {
        args[2].list = (struct component_list){given->values, given->count};
        must(run(fields_set, args) == 0);
        if (results[0].number == 0) {
            model_remove(model, name);
            add_all(model, name, given);
        }
    } else {
        must(run(fields_delete, args) == 0);
        if (results[0].number == 0) {
            model_remove(model, name);
        }
    }
}

static void copy_list(struct lists *lists, size_t from, size_t to)
{
    const union component_value args[1] = {{.number = lists->reps[from]}};
    must(run(fields_clone, args) == 0);
    uint32_t rep = (uint32_t)results[0].number;
    if (from == to) {
        resource_drop(&guest, rep);
        return;
    }
    make(lists, to, rep);
    model_clear(&lists->models[to]);
    for (size_t i = 0; i < lists->models[from].count; i++) {
        const struct line *line = &lists->models[from].lines[i];
        model_add(&lists->models[to], (struct span){line->name, line->name_len},
                  (struct span){line->value, line->value_len});
    }
}

static void from_list(struct lists *lists, size_t index, const struct given *given)
{
    const union component_value args[1] = {{.list = {given->entries, given->count}}};
    must(run(fields_from_list, args) == 0);
    if (results[0].number == 0) {
        make(lists, index, (uint32_t)results[1].number);
        model_clear(&lists->models[index]);
        add_all(&lists->models[index], (struct span){given->name, given->name_len}, given);
    }
}

static void call_one(struct lists *lists, struct input *in)
{
    uint8_t function = (uint8_t)(input_number(in, 1) % 6);
    size_t index = input_number(in, 1) % LISTS;
    struct given given = {0};
    take_given(in, &given);
    if (function < 3) {
        change(lists, index, function, &given);
    } else if (function == 3) {
        copy_list(lists, index, given.count % LISTS);
    } else if (function == 4) {
        from_list(lists, index, &given);
    } else {
        check_get(lists->reps[index], &lists->models[index],
                  (struct span){given.name, given.name_len});
    }
    free_given(&given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct lists *lists = calloc(1, sizeof *lists);
    must(lists != NULL);
    guest_init(&guest, NULL /* loop */);
    for (size_t i = 0; i < LISTS; i++) {
        must(run(fields_constructor, results) == 0);
        lists->reps[i] = (uint32_t)results[0].number;
    }
    for (unsigned calls = 0; in.len > 0 && calls < CALLS_MAX / 2; calls++) {
        call_one(lists, &in);
        for (size_t i = 0; i < LISTS; i++) {
            check(lists->reps[i], &lists->models[i]);
        }
    }
    for (size_t i = 0; i < LISTS; i++) {
        model_clear(&lists->models[i]);
    }
    guest_done(&guest, 0 /* linger_ms */);
    must(guest.http_bytes == 0);
    free(lists);
    return 0;
}
