/* Arguments and results as text. See instance_parts.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/instance_parts.h"

static bool parse_value(char letter, const char *text, wasmtime_val_t *ret_value)
{
    char *end = NULL;
    long long wide = 0;
    errno = 0;
    switch (letter) {
    case 'i':
        wide = strtoll(text, &end, 0);
        ret_value->kind = WASMTIME_I32;
        ret_value->of.i32 = (int32_t)wide;
        if (wide < INT32_MIN || wide > UINT32_MAX) { /* both readings of 32 bits are meant */
            return false;
        }
        break;
    case 'I':
        ret_value->kind = WASMTIME_I64;
        ret_value->of.i64 = strtoll(text, &end, 0);
        break;
    case 'f':
        ret_value->kind = WASMTIME_F32;
        ret_value->of.f32 = strtof(text, &end);
        break;
    case 'F':
        ret_value->kind = WASMTIME_F64;
        ret_value->of.f64 = strtod(text, &end);
        break;
    default:
        return false;
    }
    return errno == 0 && end != text && *end == '\0';
}

static const char *type_name(char letter)
{
    switch (letter) {
    case 'i':
        return "32-bit number";
    case 'I':
        return "64-bit number";
    default:
        return "number";
    }
}

int invoke_parse(struct invoke *invoke, const struct module_export *export, const char *const *args,
                 uint32_t arg_count, struct error *err)
{
    size_t want = strlen(export->params);
    if (want != arg_count || want > CALL_VALUES_MAX || strlen(export->results) > CALL_VALUES_MAX) {
        return error_set(err, -EINVAL, "the function %s takes %zu arguments and was given %" PRIu32,
                         export->name, want, arg_count);
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        if (!parse_value(export->params[i], args[i], &invoke->values[i])) {
            return error_set(err, -EINVAL, "argument %" PRIu32 " of %s, \"%s\", is no %s", i + 1,
                             export->name, args[i], type_name(export->params[i]));
        }
    }
    invoke->output_count = (uint32_t)strlen(export->results);
    invoke->results[0] = '\0';
    return 0;
}

void invoke_print(struct invoke *invoke)
{
    size_t len = 0;
    for (uint32_t i = 0; i < invoke->output_count; i++) {
        const wasmtime_val_t *value = &invoke->outputs[i];
        char *at = invoke->results + len;
        size_t room = sizeof invoke->results - len;
        const char *gap = i > 0 ? " " : "";
        int put = 0;
        if (value->kind == WASMTIME_I32) {
            put = snprintf(at, room, "%s%" PRId32, gap, value->of.i32);
        } else if (value->kind == WASMTIME_I64) {
            put = snprintf(at, room, "%s%" PRId64, gap, value->of.i64);
        } else if (value->kind == WASMTIME_F32) {
            put = snprintf(at, room, "%s%.9g", gap, (double)value->of.f32);
        } else if (value->kind == WASMTIME_F64) {
            put = snprintf(at, room, "%s%.17g", gap, value->of.f64);
        } else {
            put = snprintf(at, room, "%s?", gap);
        }
        len += put > 0 && (size_t)put < room ? (size_t)put : 0;
    }
}
