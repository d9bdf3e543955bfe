/* Docker's daemon.json. See install_parts.h.
 *
 * cJSON says whether the text is right and what it holds; the change itself is made in the text, at
 * one place, so that all else stays byte for byte: printed anew, large numbers would change and the
 * layout would be gone. */
#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "oci/install_parts.h"
#include "oci/json_text.h"

static const char runtimes_key[] = "runtimes";
static const char own_key[] = "hythe";
static const char default_key[] = "default-runtime";

/* Where our runtime is, or would come, in the text; parts that are not there are empty. */
struct places {
    struct span object;   /* the whole file's, from its brace on */
    struct span runtimes; /* values */
    struct span own;
    struct span path;
    bool is_default; /* containers get ours when they do not say otherwise */
};

/* -- finding ---------------------------------------------------------------------------------- */

static int fail_odd(const struct install *in, const char *key, struct error *err)
{
    return error_set(
        err, -EBADMSG,
        "%s: \"%s\" stands there twice or is no object; nothing was changed: mend that "
        "first",
        in->path, key);
}

/* Find an object among the members. 1, 0 when it is not there, or a negative errno. */
static int find_object(const struct install *in, const cJSON *tree, struct span object,
                       const char *key, struct span *ret_value, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);
    if (item == NULL) {
        return 0;
    }
    if (!cJSON_IsObject(item) || !json_text_member(object, key, ret_value)) {
        return fail_odd(in, key, err);
    }
    return 1;
}

static int find_in(const struct install *in, const cJSON *tree, struct places *places,
                   struct error *err)
{
    const char *by_default =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, default_key));
    places->is_default = by_default != NULL && strcmp(by_default, own_key) == 0;
    int r = find_object(in, tree, places->object, runtimes_key, &places->runtimes, err);
    if (r <= 0) {
        return r;
    }
    const cJSON *runtimes = cJSON_GetObjectItemCaseSensitive(tree, runtimes_key);
    r = find_object(in, runtimes, places->runtimes, own_key, &places->own, err);
    if (r > 0) {
        /* Without a path, as with a runtimeType, the whole of it is replaced. */
        (void)json_text_member(places->own, "path", &places->path);
        r = 0;
    }
    return r;
}

static int find(const struct install *in, struct places *places, struct error *err)
{
    struct span text = in->before;
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0') {
        text = (struct span){text.data + 1, text.len - 1};
    }
    *places = (struct places){.object = text};
    if (text.len == 0) {
        return 0;
    }
    /* A byte order mark, which cJSON passes over, is no brace. */
    cJSON *tree = text.data[0] == '{' ? json_text_parse(text) : NULL;
    if (!cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        return error_set(
            err, -EBADMSG,
            "%s is no JSON object, so Docker does not start with it either; nothing was "
            "changed: mend that first",
            in->path);
    }
    int r = find_in(in, tree, places, err);
    cJSON_Delete(tree);
    return r;
}

/* -- changing --------------------------------------------------------------------------------- */

static struct span before_of(const struct install *in, const uint8_t *at)
{
    return (struct span){in->before.data, (size_t)(at - in->before.data)};
}

static struct span behind(const struct install *in, const uint8_t *at)
{
    return (struct span){at, (size_t)(in->before.data + in->before.len - at)};
}

/* Append the file with `text` in the place of `old`. */
static int replace(const struct install *in, struct span old, struct span text, struct buffer *out)
{
    int r = buffer_append(out, before_of(in, old.data));
    r = r < 0 ? r : buffer_append(out, text);
    return r < 0 ? r : buffer_append(out, behind(in, old.data + old.len));
}

/* Append `count` steps of the indentation that the file has. */
static int indent(const struct install *in, int count, struct buffer *out)
{
    static const char usual[] = "    ";
    struct span unit = span_of(usual);
    const uint8_t *line = in->before.len > 0 ? memchr(in->before.data, '\n', in->before.len) : NULL;
    if (line != NULL) {
        struct span rest = behind(in, line + 1);
        size_t len = 0;
        while (len < rest.len && (rest.data[len] == ' ' || rest.data[len] == '\t')) {
            len++;
        }
        unit = len > 0 && len <= 16 ? (struct span){rest.data, len} : unit;
    }
    int r = 0;
    for (int i = 0; i < count && r == 0; i++) {
        r = buffer_append(out, unit);
    }
    return r;
}

/* One line of what is inserted. */
static int line(const struct install *in, int depth, const char *text, struct buffer *out)
{
    int r = buffer_append(out, span_of("\n"));
    r = r < 0 ? r : indent(in, depth, out);
    return r < 0 ? r : buffer_append(out, span_of(text));
}

static int append_path(const struct install *in, struct buffer *out)
{
    return buffer_printf(out, "\"%s/bin/hythe-runc\"", in->prefix);
}

/* The member that is ours, from its value's brace to the last one. */
static int append_own(const struct install *in, struct buffer *out)
{
    int r = buffer_append(out, span_of("{"));
    r = r < 0 ? r : line(in, 3, "\"path\": ", out);
    r = r < 0 ? r : append_path(in, out);
    return r < 0 ? r : line(in, 2, "}", out);
}

static int append_member(const struct install *in, bool has_runtimes, struct buffer *out)
{
    int r = has_runtimes ? 0 : line(in, 1, "\"runtimes\": {", out);
    r = r < 0 ? r : line(in, 2, "\"hythe\": ", out);
    r = r < 0 ? r : append_own(in, out);
    return r < 0 || has_runtimes ? r : line(in, 1, "}", out);
}

static bool is_empty_object(struct span object)
{
    return object.len < 2 || install_is_blank((struct span){
                                 object.data + 1, strcspn((const char *)object.data + 1, "}")});
}

/* Append the file with our member at the beginning of an object. */
static int insert(const struct install *in, const struct places *places, struct buffer *out)
{
    bool has_runtimes = places->runtimes.len > 0;
    struct span object = has_runtimes ? places->runtimes : places->object;
    const uint8_t *at = object.data + 1;
    int r = buffer_append(out, before_of(in, at));
    r = r < 0 ? r : append_member(in, has_runtimes, out);
    if (r == 0 && !is_empty_object(object)) {
        r = buffer_append(out, span_of(","));
    } else if (r == 0) {
        const uint8_t *brace = memchr(at, '}', in->before.len - (size_t)(at - in->before.data));
        r = line(in, has_runtimes ? 1 : 0, "", out);
        at = brace != NULL ? brace : at;
    }
    return r < 0 ? r : buffer_append(out, behind(in, at));
}

int install_docker_print(const struct install *in, struct buffer *out, struct error *err)
{
    (void)err; /* only memory can lack */
    const struct install alone = {.prefix = in->prefix, .path = in->path};
    int r = buffer_append(out, span_of("{"));
    r = r < 0 ? r : append_member(&alone, /* has_runtimes */ false, out);
    return r < 0 ? r : buffer_append(out, span_of("\n}\n"));
}

int install_docker_put(const struct install *in, struct buffer *out, struct error *err)
{
    struct places places;
    struct buffer text;
    int r = find(in, &places, err);
    if (r < 0) {
        return r;
    }
    if (places.object.len == 0) {
        return install_docker_print(in, out, err);
    }
    if (places.own.len == 0) {
        return insert(in, &places, out);
    }
    buffer_init(&text, INSTALL_FILE_MAX);
    bool has_path = places.path.len > 0;
    r = has_path ? append_path(in, &text) : append_own(in, &text);
    r = r < 0 ? r : replace(in, has_path ? places.path : places.own, buffer_span(&text), out);
    buffer_done(&text);
    return r;
}

/* -- removing --------------------------------------------------------------------------------- */

static bool is_blank_byte(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* A member with the comma and the blanks that go with it. Behind the brace of the object there is
 * always something to stop at. */
static struct span widen(const struct install *in, struct span value, const char *key)
{
    const uint8_t *begin = value.data;
    const uint8_t *end = value.data + value.len;
    const uint8_t *last = in->before.data + in->before.len;
    while (is_blank_byte(begin[-1]) || begin[-1] == ':') {
        begin--;
    }
    begin -= strlen(key) + 2; /* as the parser has found it: plain, between quotes */
    while (is_blank_byte(begin[-1])) {
        begin--;
    }
    const uint8_t *next = end;
    while (next < last && is_blank_byte(*next)) {
        next++;
    }
    if (next < last && *next == ',') {
        end = next + 1;
    } else if (begin[-1] == ',') {
        begin--;
    } else {
        end = next; /* nothing is left between the braces */
    }
    return (struct span){begin, (size_t)(end - begin)};
}

int install_docker_drop(const struct install *in, struct buffer *out, struct error *err)
{
    struct places places;
    int r = find(in, &places, err);
    if (r < 0 || places.own.len == 0) {
        return r < 0 ? r : buffer_append(out, in->before);
    }
    if (places.is_default) {
        return error_set(
            err, -EBUSY,
            "%s has \"default-runtime\": \"hythe\", without which Docker does not start; "
            "nothing was changed: take that out first",
            in->path);
    }
    struct span own = widen(in, places.own, own_key);
    struct span all = widen(in, places.runtimes, runtimes_key);
    bool is_only = own.data == places.runtimes.data + 1 &&
                   own.data + own.len == places.runtimes.data + places.runtimes.len - 1;
    bool is_file = is_only && all.data == places.object.data + 1 && all.data[all.len] == '}';
    return is_file ? 0 : replace(in, is_only ? all : own, (struct span){0}, out);
}
