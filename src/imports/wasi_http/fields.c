/* `fields` of wasi:http/types. See fields.h.
 *
 * Names are in lower case from the moment they come in: guests compare what `entries` gives them.
 * Blanks around a value are no part of it (RFC 9110 section 5.5) and are taken off.
 *
 * A list that would grow past its limit is refused as `forbidden`: what was given is well-formed, and
 * it is the host that will not have it. */
#include "imports/wasi_http/fields.h"

#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_http/functions.h"

/* -- the resource ----------------------------------------------------------------------------- */

static void free_fields(struct resource *resource)
{
    struct fields *fields = (struct fields *)(void *)resource;
    field_list_done(&fields->own);
    resource_unref(fields->parent);
    free(fields);
}

const struct resource_kind fields_kind = {.name = "fields", .free = free_fields};

struct fields *fields_new(struct guest *guest, bool is_immutable)
{
    struct fields *fields = calloc(1, sizeof *fields);
    if (fields == NULL) {
        return NULL;
    }
    resource_init(&fields->base, guest, &fields_kind);
    field_list_init(&fields->own, guest);
    fields->list = &fields->own;
    fields->is_immutable = is_immutable;
    return fields;
}

int32_t fields_give_view(struct component_call *call, unsigned slot, struct fields *headers,
                         struct resource *message)
{
    struct fields *view = fields_new(call->guest, true /* immutable */);
    if (view == NULL) {
        return component_trap(call, "out of memory");
    }
    view->list = headers->list;
    view->parent = resource_ref(message);
    return component_give(call, slot, &view->base);
}

static struct fields *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct fields, &fields_kind);
}

/* -- what may be in one ----------------------------------------------------------------------- */

enum { FIELD_GOOD = -1, LENGTH_DIGITS_MAX = 64 };

/* enum header_error, or FIELD_GOOD. */
static int judge_name(struct span name)
{
    if (name.len > FIELD_LIST_MAX) {
        return HEADER_FORBIDDEN; /* before each byte of it is looked at */
    }
    if (!http_is_token(name)) {
        return HEADER_INVALID_SYNTAX;
    }
    return field_is_forbidden(name) ? HEADER_FORBIDDEN : FIELD_GOOD;
}

static int judge_change(const struct fields *fields, struct span name)
{
    int error = judge_name(name);
    return error == FIELD_GOOD && fields->is_immutable ? HEADER_IMMUTABLE : error;
}

static bool is_length(struct span name)
{
    return name.len == 14 && http_is_name(name, "content-length");
}

/* Two lengths, or one that is none, leave it open where the content ends. */
static bool is_good_value(const struct field_list *list, struct span name, struct span value)
{
    int64_t length = 0;
    if (!is_length(name)) {
        return http_is_value(value);
    }
    return field_parse_length(value, &length) == 0 && field_list_find(list, name, 0) == list->count;
}

/* Append one that has a good name, to a list of at most `max`. enum header_error, FIELD_GOOD, or
 * -ENOMEM. */
static int append_value(struct field_list *list, struct span name, struct span untrimmed,
                        size_t max)
{
    if (untrimmed.len > FIELD_LIST_MAX) {
        return HEADER_FORBIDDEN; /* likewise */
    }
    struct span value = http_trim(untrimmed);
    if (!is_good_value(list, name, value)) {
        return HEADER_INVALID_SYNTAX;
    }
    size_t cost = name.len + value.len + FIELD_COST;
    if (list->size > max || cost > max - list->size) {
        return HEADER_FORBIDDEN;
    }
    return field_list_add(list, name, value) == 0 ? FIELD_GOOD : -ENOMEM;
}

static int32_t answer(struct component_call *call, int error)
{
    if (error == -ENOMEM) {
        return component_trap(call, "out of memory");
    }
    return error == FIELD_GOOD ? component_ok(call, 0) : component_error(call, (uint64_t)error);
}

/* -- functions -------------------------------------------------------------------------------- */

int32_t fields_constructor(struct component_call *call)
{
    struct fields *fields = fields_new(call->guest, false /* immutable */);
    return fields != NULL ? component_give(call, 0, &fields->base)
                          : component_trap(call, "out of memory");
}

int32_t fields_from_list(struct component_call *call)
{
    struct component_list entries = call->args[0].list;
    struct fields *fields = fields_new(call->guest, false /* immutable */);
    int error = fields != NULL ? FIELD_GOOD : -ENOMEM;
    for (size_t i = 0; error == FIELD_GOOD && i < entries.count; i++) {
        struct span name = entries.items[2 * i].bytes;
        error = judge_name(name);
        if (error == FIELD_GOOD) {
            error =
                append_value(fields->list, name, entries.items[2 * i + 1].bytes, FIELD_LIST_MAX);
        }
    }
    if (error != FIELD_GOOD) {
        resource_unref(fields != NULL ? &fields->base : NULL);
        return answer(call, error);
    }
    return component_give(call, 1, &fields->base); /* results[0] is ok */
}

int32_t fields_get(struct component_call *call)
{
    const struct field_list *list = self_of(call)->list;
    struct span name = component_bytes(call, 1);
    uint32_t count = 0;
    for (uint32_t at = field_list_find(list, name, 0); at < list->count;
         at = field_list_find(list, name, at + 1)) {
        count++;
    }
    if (count == 0) {
        return 0; /* the empty list */
    }
    union component_value *values = component_scratch(call, count * sizeof *values);
    if (values == NULL) {
        return component_trap(call, "out of memory");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        at = field_list_find(list, name, at);
        values[i].bytes = list->items[at].value;
        at++;
    }
    call->results[0].list = (struct component_list){values, count};
    return 0;
}

int32_t fields_has(struct component_call *call)
{
    const struct field_list *list = self_of(call)->list;
    call->results[0].number = field_list_find(list, component_bytes(call, 1), 0) < list->count;
    return 0;
}

/* What all of that name count for. */
static size_t cost_of(const struct field_list *list, struct span name)
{
    size_t cost = 0;
    for (uint32_t at = field_list_find(list, name, 0); at < list->count;
         at = field_list_find(list, name, at + 1)) {
        cost += name.len + list->items[at].value.len + FIELD_COST;
    }
    return cost;
}

/* The new values are appended first, so that nothing has changed when one of them is refused. */
static int set_values(struct field_list *list, struct span name, struct component_list values)
{
    uint32_t count = list->count;
    size_t max = FIELD_LIST_MAX + cost_of(list, name);
    int error = FIELD_GOOD;
    for (size_t i = 0; error == FIELD_GOOD && i < values.count; i++) {
        error = append_value(list, name, values.items[i].bytes, max);
    }
    if (error != FIELD_GOOD) {
        field_list_cut(list, count);
        return error;
    }
    field_list_remove(list, name, count);
    return FIELD_GOOD;
}

/* A length takes the place of the one before, which append_value would not have beside it. */
static int set_length(struct field_list *list, struct span name, struct component_list values)
{
    int64_t length = 0;
    if (values.count == 1 && values.items[0].bytes.len > LENGTH_DIGITS_MAX) {
        return HEADER_FORBIDDEN; /* nobody writes so many noughts */
    }
    if (values.count > 1 ||
        (values.count == 1 && field_parse_length(http_trim(values.items[0].bytes), &length) < 0)) {
        return HEADER_INVALID_SYNTAX;
    }
    field_list_remove(list, name, list->count);
    return set_values(list, name, values);
}

int32_t fields_set(struct component_call *call)
{
    struct fields *fields = self_of(call);
    struct span name = component_bytes(call, 1);
    struct component_list values = call->args[2].list;
    int error = judge_change(fields, name);
    if (error == FIELD_GOOD) {
        error = is_length(name) ? set_length(fields->list, name, values)
                                : set_values(fields->list, name, values);
    }
    return answer(call, error);
}

int32_t fields_delete(struct component_call *call)
{
    struct fields *fields = self_of(call);
    struct span name = component_bytes(call, 1);
    int error = judge_change(fields, name);
    if (error == FIELD_GOOD) {
        field_list_remove(fields->list, name, fields->list->count);
    }
    return answer(call, error);
}

int32_t fields_append(struct component_call *call)
{
    struct fields *fields = self_of(call);
    struct span name = component_bytes(call, 1);
    int error = judge_change(fields, name);
    if (error == FIELD_GOOD) {
        error = append_value(fields->list, name, component_bytes(call, 2), FIELD_LIST_MAX);
    }
    return answer(call, error);
}

int32_t fields_entries(struct component_call *call)
{
    const struct field_list *list = self_of(call)->list;
    if (list->count == 0) {
        return 0;
    }
    union component_value *entries = component_scratch(call, 2 * list->count * sizeof *entries);
    if (entries == NULL) {
        return component_trap(call, "out of memory");
    }
    for (uint32_t i = 0; i < list->count; i++) {
        entries[2 * i].bytes = list->items[i].name;
        entries[2 * i + 1].bytes = list->items[i].value;
    }
    call->results[0].list = (struct component_list){entries, list->count};
    return 0;
}

int32_t fields_clone(struct component_call *call)
{
    const struct field_list *list = self_of(call)->list;
    struct fields *fields = fields_new(call->guest, false /* immutable */);
    if (fields == NULL) {
        return component_trap(call, "out of memory");
    }
    if (field_list_copy(fields->list, list->items, list->count) < 0) {
        resource_unref(&fields->base);
        return component_trap(call, "out of memory, or past what a guest's fields may take in all");
    }
    return component_give(call, 0, &fields->base);
}
