/* Describing images. See inspect.h. */
#include "oci/inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "oci/layer.h"

static const uint64_t layer_bytes_max = UINT64_C(8) << 30;

int inspect_verify(const struct layout *layout, const struct images *images, struct error *err)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->items[i];
        for (size_t j = 0; j < image->layer_count; j++) {
            struct layer *layer = NULL;
            struct image_layer row = image->layers[j];
            if (row.kind == LAYER_OTHER) { /* nothing to unpack, and its digest can be told */
                row.kind = LAYER_WASM;
                row.diff_id = NULL;
            }
            int r = layer_open(layout, &row, layer_bytes_max, &layer, err);
            if (r == 0) {
                r = layer_finish(layer, err);
            }
            layer_close(layer);
            if (r < 0) {
                return error_wrap(err, "%s: %s", layout_path(layout), image->digest);
            }
        }
    }
    return 0;
}

/* -- text ------------------------------------------------------------------------------------- */

/* Names in an image are anybody's choice: what could steer a terminal is shown as "?". */
static void write_clean(FILE *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        (void)fputc(c < ' ' || c == 127 ? '?' : c, out);
    }
}

static void write_label(FILE *out, const char *label)
{
    (void)fprintf(out, "  %-14s", label);
}

static void write_line(FILE *out, const char *label, const char *text)
{
    write_label(out, label);
    write_clean(out, text);
    (void)fputc('\n', out);
}

static void write_words(FILE *out, const char *label, const struct strings *words)
{
    if (words->count == 0) {
        return;
    }
    write_label(out, label);
    for (size_t i = 0; i < words->count; i++) {
        (void)fputs(i > 0 ? " " : "", out);
        write_clean(out, words->items[i]);
    }
    (void)fputc('\n', out);
}

static void write_lines(FILE *out, const char *label, const struct strings *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        write_line(out, i == 0 ? label : "", lines->items[i]);
    }
}

/* An object of texts, or of objects, whose names then are what matters. */
static void write_object(FILE *out, const char *label, const cJSON *object)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, object)
    {
        write_label(out, item == object->child ? label : "");
        write_clean(out, item->string != NULL ? item->string : "");
        if (cJSON_IsString(item)) {
            (void)fputc('=', out);
            write_clean(out, item->valuestring);
        }
        (void)fputc('\n', out);
    }
}

static void write_image(FILE *out, const struct image *image)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(image->config, "config");
    const char *created = json_text(image->config, "created");
    const char *name = image->name != NULL ? image->name : image->tag;
    write_clean(out, name != NULL ? name : "without a name");
    (void)fputs(", ", out);
    write_clean(out, image->os);
    (void)fputc('/', out);
    write_clean(out, image->architecture);
    (void)fputs(image_wasm_layer(image) != NULL ? ", a wasm artifact\n" : "\n", out);
    write_line(out, "manifest", image->digest);
    write_words(out, "entry point", &image->entrypoint);
    write_words(out, "arguments", &image->cmd);
    write_lines(out, "environment", &image->env);
    if (image->working_dir[0] != '\0') {
        write_line(out, "directory", image->working_dir);
    }
    if (image->user[0] != '\0') {
        write_line(out, "user", image->user);
    }
    write_object(out, "ports", cJSON_GetObjectItemCaseSensitive(config, "ExposedPorts"));
    write_object(out, "labels", cJSON_GetObjectItemCaseSensitive(config, "Labels"));
    write_object(out, "annotations",
                 cJSON_GetObjectItemCaseSensitive(image->manifest, "annotations"));
    if (created != NULL) {
        write_line(out, "created", created);
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_layer *layer = &image->layers[i];
        write_label(out, i == 0 ? "layers" : "");
        (void)fprintf(out, "%s, %" PRIu64 " bytes", layer->digest, layer->size);
        (void)fputs(", ", out);
        write_clean(out, layer->media_type);
        (void)fputc('\n', out);
    }
}

/* Finish a text that is being written: 0 or -ENOMEM. */
static int finish_text(FILE *out, char **text, char **ret_text)
{
    bool is_whole = ferror(out) == 0;
    is_whole = fclose(out) == 0 && is_whole;
    if (!is_whole) {
        free(*text);
        return -ENOMEM;
    }
    *ret_text = *text;
    return 0;
}

int inspect_text(const struct layout *layout, const struct images *images, char **ret_text)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return -ENOMEM;
    }
    (void)fprintf(out, "%s: %zu %s, all digests are right\n", layout_path(layout), images->count,
                  images->count == 1 ? "image" : "images");
    for (size_t i = 0; i < images->count; i++) {
        (void)fputc('\n', out);
        write_image(out, &images->items[i]);
    }
    if (images->absent_count > 0) {
        (void)fprintf(out, "\n%zu of those that its index names are not there\n",
                      images->absent_count);
    }
    return finish_text(out, &text, ret_text);
}

int inspect_program_text(const struct program *program, char **ret_text)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return -ENOMEM;
    }
    write_clean(out, program->image);
    (void)fputs(", ", out);
    write_clean(out, program->platform);
    (void)fputc('\n', out);
    write_line(out, "starts", program->entry[0] != '\0' ? program->entry : "the artifact's module");
    write_words(out, "arguments", &program->args);
    write_lines(out, "environment", &program->env);
    return finish_text(out, &text, ret_text);
}

/* -- JSON ------------------------------------------------------------------------------------- */

/* A copy of a member that is an object, or an empty one. */
static cJSON *copy_object(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsObject(item) ? cJSON_Duplicate(item, /* recurse */ 1) : cJSON_CreateObject();
}

static cJSON *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *layers_array(struct json_writer *writer, const struct image *image)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_layer *layer = &image->layers[i];
        cJSON *object = cJSON_CreateObject();
        json_put_text(writer, object, "media_type", layer->media_type);
        json_put_text(writer, object, "digest", layer->digest);
        json_put_u64(writer, object, "size", layer->size);
        json_put(writer, object, "diff_id", text_or_null(layer->diff_id));
        json_append(writer, array, object);
    }
    return array;
}

static cJSON *ports_array(struct json_writer *writer, const cJSON *config)
{
    const cJSON *item = NULL;
    cJSON *array = cJSON_CreateArray();
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(config, "ExposedPorts"))
    {
        json_append(writer, array, cJSON_CreateString(item->string != NULL ? item->string : ""));
    }
    return array;
}

static cJSON *image_object(struct json_writer *writer, const struct image *image)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(image->config, "config");
    cJSON *object = cJSON_CreateObject();
    json_put(writer, object, "name", text_or_null(image->name));
    json_put(writer, object, "tag", text_or_null(image->tag));
    json_put_text(writer, object, "digest", image->digest);
    json_put_text(writer, object, "os", image->os);
    json_put_text(writer, object, "architecture", image->architecture);
    json_put_strings(writer, object, "entrypoint", &image->entrypoint);
    json_put_strings(writer, object, "cmd", &image->cmd);
    json_put_strings(writer, object, "env", &image->env);
    json_put(writer, object, "working_dir", text_or_null(image->working_dir));
    json_put(writer, object, "user", text_or_null(image->user));
    json_put(writer, object, "ports", ports_array(writer, config));
    json_put(writer, object, "labels", copy_object(config, "Labels"));
    json_put(writer, object, "annotations", copy_object(image->manifest, "annotations"));
    json_put(writer, object, "created", text_or_null(json_text(image->config, "created")));
    json_put(writer, object, "layers", layers_array(writer, image));
    return object;
}

static cJSON *program_object(struct json_writer *writer, const struct program *program)
{
    cJSON *object = cJSON_CreateObject();
    json_put_text(writer, object, "name", program->image);
    json_put_text(writer, object, "platform", program->platform);
    json_put_text(writer, object, "entry", program->entry);
    json_put_strings(writer, object, "args", &program->args);
    json_put_strings(writer, object, "env", &program->env);
    return object;
}

int inspect_json(const struct layout *layout, const struct images *images,
                 const struct program *program, const char *check, char **ret_text)
{
    struct json_writer writer = {0};
    cJSON *object = cJSON_CreateObject();
    cJSON *array = cJSON_CreateArray();
    json_put_text(&writer, object, "path", layout_path(layout));
    for (size_t i = 0; i < images->count; i++) {
        json_append(&writer, array, image_object(&writer, &images->items[i]));
    }
    json_put(&writer, object, "images", array);
    json_put(&writer, object, "program",
             program != NULL ? program_object(&writer, program) : cJSON_CreateNull());
    json_put(&writer, object, "check", check != NULL ? cJSON_Parse(check) : cJSON_CreateNull());
    return json_finish(&writer, object, ret_text);
}

int inspect_add_program(const char *check, const struct program *program, char **ret_text)
{
    struct json_writer writer = {0};
    cJSON *object = cJSON_Parse(check);
    json_put(&writer, object, "image", program_object(&writer, program));
    return json_finish(&writer, object, ret_text);
}
