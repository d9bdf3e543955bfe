/* The documents of an image. See build_document.h. */
#include "oci/build_document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/container.h"
#include "base/json.h"
#include "base/num.h"
#include "base/text.h"
#include "base/utf8.h"
#include "oci/layout.h"

static const char index_type[] = "application/vnd.oci.image.index.v1+json";
static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";
static const char config_type[] = "application/vnd.oci.image.config.v1+json";
static const char layer_type[] = "application/vnd.oci.image.layer.v1.tar";

/* -- options ---------------------------------------------------------------------------------- */

static int copy_word(const char *text, size_t len, char word[BUILD_WORD_MAX])
{
    if (len == 0 || len >= BUILD_WORD_MAX ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") < len) {
        return -EINVAL;
    }
    memcpy(word, text, len);
    word[len] = '\0';
    return 0;
}

/* Read OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT. */
static int read_platform(const char *text, size_t len, struct build_platform *ret_platform)
{
    struct build_platform platform = {0};
    char *words[] = {platform.os, platform.architecture, platform.variant};
    const char *end = text + len;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        const char *slash = memchr(text, '/', (size_t)(end - text));
        const char *stop = slash != NULL ? slash : end;
        if (copy_word(text, (size_t)(stop - text), words[i]) < 0) {
            return -EINVAL;
        }
        if (slash == NULL) {
            *ret_platform = platform;
            return i >= 1 ? 0 : -EINVAL;
        }
        text = slash + 1;
    }
    return -EINVAL;
}

static bool is_same(const struct build_platform *a, const struct build_platform *b)
{
    return strcmp(a->os, b->os) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
           strcmp(a->variant, b->variant) == 0;
}

static int add_platform(struct build_platforms *platforms, const char *text, size_t len,
                        struct error *err)
{
    struct build_platform platform;
    if (read_platform(text, len, &platform) < 0) {
        return error_set(err, -EINVAL, "'%.*s' is no platform; write linux/amd64", (int)len, text);
    }
    for (size_t i = 0; i < platforms->count; i++) {
        if (is_same(&platforms->items[i], &platform)) {
            return 0; /* wasi/wasm is there anyway */
        }
    }
    if (strcmp(platform.os, "linux") != 0) {
        return error_set(err, -EINVAL,
                         "'%.*s': beside wasi/wasm only platforms of Linux are of use, such as "
                         "linux/amd64",
                         (int)len, text);
    }
    if (platforms->count == BUILD_PLATFORMS_MAX) {
        return error_set(err, -E2BIG, "more than %d platforms", (int)BUILD_PLATFORMS_MAX);
    }
    platforms->items[platforms->count++] = platform;
    return 0;
}

int build_platforms_set(struct build_platforms *platforms, const struct string_list *list,
                        struct error *err)
{
    *platforms =
        (struct build_platforms){.items = {{.os = "wasi", .architecture = "wasm"}}, .count = 1};
    for (uint32_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        struct span part;
        while (text_next_part(&text, ',', &part)) {
            int r = add_platform(platforms, (const char *)part.data, part.len, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int build_entry_set(struct build_entry *entry, const struct image_options *options,
                    struct error *err)
{
    const char *path = "hythe.toml";
    if (options->entrypoint.count > 0) {
        path = options->entrypoint.items[0];
    } else if (!entry->is_dir) {
        const char *slash = strrchr(options->operand, '/');
        path = slash != NULL ? slash + 1 : options->operand;
    }
    int r = tar_clean_path(path, entry->path);
    if (r < 0 || entry->path[0] == '\0') {
        return error_set(err, -EINVAL, "'%s' cannot be the path of an entry point in an image",
                         path);
    }
    if (!utf8_is_valid(span_of(entry->path))) {
        return error_set(err, -EINVAL, "the entry point's name is no UTF-8; give --entrypoint");
    }
    return 0;
}

static int check_texts(const char *option, const struct string_list *list, bool is_pair,
                       struct error *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        size_t name_len = strcspn(text, "=");
        if (!utf8_is_valid(span_of(text))) {
            return error_set(err, -EINVAL, "option --%s: the value is no UTF-8", option);
        }
        if (is_pair && (name_len == 0 || text[name_len] == '\0')) {
            return error_set(err, -EINVAL, "option --%s: '%s' is no pair; write NAME=VALUE", option,
                             text);
        }
    }
    return 0;
}

/* PORT, or PORT/tcp, /udp, /sctp. */
static int check_port(const char *text, struct error *err)
{
    char digits[8] = "";
    uint64_t port = 0;
    size_t len = strcspn(text, "/");
    const char *kind = text[len] == '/' ? text + len + 1 : "tcp";
    bool is_kind =
        strcmp(kind, "tcp") == 0 || strcmp(kind, "udp") == 0 || strcmp(kind, "sctp") == 0;
    if (len < sizeof digits) {
        memcpy(digits, text, len);
    }
    if (!is_kind || num_parse_u64(digits, 65535, &port) < 0 || port == 0) {
        return error_set(err, -EINVAL,
                         "option --port: '%s' is no port; write 8080, 8080/tcp or 53/udp", text);
    }
    return 0;
}

int build_lists_check(const struct image_options *options, struct error *err)
{
    const struct {
        const char *option;
        const struct string_list *list;
        bool is_pair;
    } rows[] = {
        {"entrypoint", &options->entrypoint, false},
        {"cmd", &options->cmd, false},
        {"env", &options->env, true},
        {"annotation", &options->annotations, true},
        {"label", &options->labels, true},
        {"port", &options->ports, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int r = check_texts(rows[i].option, rows[i].list, rows[i].is_pair, err);
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < options->ports.count; i++) {
        int r = check_port(options->ports.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    if (options->user != NULL && !utf8_is_valid(span_of(options->user))) {
        return error_set(err, -EINVAL, "option --user: the value is no UTF-8");
    }
    return 0;
}

/* -- parts ------------------------------------------------------------------------------------ */

static void put_texts(struct json_writer *writer, cJSON *object, const char *key,
                      const struct string_list *list)
{
    if (list->count > 0) {
        json_put(writer, object, key, json_texts(writer, list->items, list->count));
    }
}

/* An object of NAME=VALUE; of two with one name the later one is taken. */
static cJSON *pairs(struct json_writer *writer, const struct string_list *list)
{
    cJSON *object = cJSON_CreateObject();
    for (uint32_t i = 0; object != NULL && i < list->count; i++) {
        size_t len = strcspn(list->items[i], "=");
        char *name = strndup(list->items[i], len);
        if (name == NULL) {
            writer->has_failed = true;
            break;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(object, name);
        json_put_text(writer, object, name, list->items[i] + len + 1);
        free(name);
    }
    return object;
}

static cJSON *ports(struct json_writer *writer, const struct string_list *list)
{
    cJSON *object = cJSON_CreateObject();
    for (uint32_t i = 0; object != NULL && i < list->count; i++) {
        char name[24];
        const char *text = list->items[i];
        (void)snprintf(name, sizeof name, "%s%s", text, strchr(text, '/') == NULL ? "/tcp" : "");
        cJSON_DeleteItemFromObjectCaseSensitive(object, name);
        json_put(writer, object, name, cJSON_CreateObject());
    }
    return object;
}

static cJSON *descriptor(struct json_writer *writer, const char *media_type,
                         const struct build_blob *blob)
{
    cJSON *object = cJSON_CreateObject();
    json_put_text(writer, object, "mediaType", media_type);
    json_put_text(writer, object, "digest", blob->digest);
    json_put_u64(writer, object, "size", blob->size);
    return object;
}

static void put_platform(struct json_writer *writer, cJSON *object,
                         const struct build_platform *platform)
{
    json_put_text(writer, object, "architecture", platform->architecture);
    json_put_text(writer, object, "os", platform->os);
    if (platform->variant[0] != '\0') {
        json_put_text(writer, object, "variant", platform->variant);
    }
}

static cJSON *platform_object(struct json_writer *writer, const struct build_platform *platform)
{
    cJSON *object = cJSON_CreateObject();
    put_platform(writer, object, platform);
    return object;
}

/* A document that begins as all of OCI's do. */
static cJSON *document(struct json_writer *writer, const char *media_type)
{
    cJSON *object = cJSON_CreateObject();
    json_put_u64(writer, object, "schemaVersion", 2);
    json_put_text(writer, object, "mediaType", media_type);
    return object;
}

/* -- documents -------------------------------------------------------------------------------- */

static cJSON *entrypoint(struct json_writer *writer, const struct image_options *options,
                         const struct build_entry *entry)
{
    char path[TAR_NAME_MAX + 1];
    cJSON *array = cJSON_CreateArray();
    (void)snprintf(path, sizeof path, "/%s", entry->path);
    json_append(writer, array, cJSON_CreateString(path));
    for (uint32_t i = 1; i < options->entrypoint.count; i++) {
        json_append(writer, array, cJSON_CreateString(options->entrypoint.items[i]));
    }
    return array;
}

static cJSON *config_object(struct json_writer *writer, const struct image_options *options,
                            const struct build_entry *entry)
{
    cJSON *object = cJSON_CreateObject();
    if (options->user != NULL) {
        json_put_text(writer, object, "User", options->user);
    }
    if (options->ports.count > 0) {
        json_put(writer, object, "ExposedPorts", ports(writer, &options->ports));
    }
    put_texts(writer, object, "Env", &options->env);
    json_put(writer, object, "Entrypoint", entrypoint(writer, options, entry));
    put_texts(writer, object, "Cmd", &options->cmd);
    if (options->labels.count > 0) {
        json_put(writer, object, "Labels", pairs(writer, &options->labels));
    }
    return object;
}

static void put_created(struct json_writer *writer, cJSON *object,
                        const struct image_options *options)
{
    char text[64] = "";
    struct tm parts;
    time_t when = (time_t)options->epoch_s;
    if (options->has_epoch && gmtime_r(&when, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0) {
        json_put_text(writer, object, "created", text);
    }
}

int build_config_text(const struct image_options *options, const struct build_entry *entry,
                      const struct build_platform *platform, const char *diff_id, char **ret_text)
{
    struct json_writer writer = {0};
    cJSON *object = cJSON_CreateObject();
    cJSON *rootfs = cJSON_CreateObject();
    cJSON *diff_ids = cJSON_CreateArray();
    put_created(&writer, object, options);
    put_platform(&writer, object, platform);
    json_put(&writer, object, "config", config_object(&writer, options, entry));
    json_append(&writer, diff_ids, cJSON_CreateString(diff_id));
    json_put_text(&writer, rootfs, "type", "layers");
    json_put(&writer, rootfs, "diff_ids", diff_ids);
    json_put(&writer, object, "rootfs", rootfs);
    return json_finish(&writer, object, ret_text);
}

int build_manifest_text(const struct image_options *options, const struct build_blob *config,
                        const struct build_blob *layer, char **ret_text)
{
    struct json_writer writer = {0};
    cJSON *object = document(&writer, manifest_type);
    cJSON *layers = cJSON_CreateArray();
    json_put(&writer, object, "config", descriptor(&writer, config_type, config));
    json_append(&writer, layers, descriptor(&writer, layer_type, layer));
    json_put(&writer, object, "layers", layers);
    if (options->annotations.count > 0) {
        json_put(&writer, object, "annotations", pairs(&writer, &options->annotations));
    }
    return json_finish(&writer, object, ret_text);
}

int build_index_text(const struct build_platforms *platforms, const struct build_blob *manifests,
                     char **ret_text)
{
    struct json_writer writer = {0};
    cJSON *object = document(&writer, index_type);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < platforms->count; i++) {
        cJSON *item = descriptor(&writer, manifest_type, &manifests[i]);
        json_put(&writer, item, "platform", platform_object(&writer, &platforms->items[i]));
        json_append(&writer, array, item);
    }
    json_put(&writer, object, "manifests", array);
    return json_finish(&writer, object, ret_text);
}

int build_top_text(const struct build_platforms *platforms, const struct build_blob *top,
                   const struct reference *reference, char **ret_text)
{
    struct json_writer writer = {0};
    bool is_single = platforms->count == 1;
    cJSON *object = document(&writer, index_type);
    cJSON *array = cJSON_CreateArray();
    cJSON *names = cJSON_CreateObject();
    cJSON *item = descriptor(&writer, is_single ? manifest_type : index_type, top);
    if (is_single) {
        json_put(&writer, item, "platform", platform_object(&writer, &platforms->items[0]));
    }
    json_put_text(&writer, names, "io.containerd.image.name", reference->full);
    json_put_text(&writer, names, "org.opencontainers.image.ref.name", reference->tag);
    json_put(&writer, item, "annotations", names);
    json_append(&writer, array, item);
    json_put(&writer, object, "manifests", array);
    return json_finish(&writer, object, ret_text);
}

int build_docker_text(const struct build_blob *config, const struct build_blob *layer,
                      const char *name, char **ret_text)
{
    struct json_writer writer = {0};
    char path[LAYOUT_BLOB_NAME_SIZE];
    cJSON *object = cJSON_CreateObject();
    cJSON *tags = cJSON_CreateArray();
    cJSON *layers = cJSON_CreateArray();
    cJSON *array = cJSON_CreateArray();
    layout_blob_name(config->digest, path);
    json_put_text(&writer, object, "Config", path);
    json_append(&writer, tags, cJSON_CreateString(name));
    json_put(&writer, object, "RepoTags", tags);
    layout_blob_name(layer->digest, path);
    json_append(&writer, layers, cJSON_CreateString(path));
    json_put(&writer, object, "Layers", layers);
    json_append(&writer, array, object);
    return json_finish(&writer, array, ret_text);
}
