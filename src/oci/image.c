/* Reading images. See image.h.
 *
 * index.json names manifests, or further indexes, which name manifests; each document is told by
 * what it has, since not every writer says what it is. What Docker's builder adds of its own
 * (attestations, of platform unknown) is left out. */
#include "oci/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/json.h"

enum { INDEX_DEPTH_MAX = 4 };

/* What is handed down from index to index. */
struct walk {
    const struct layout *layout;
    struct images *images;
    struct error *err;
    uint32_t document_count;
};

/* The annotations that name an image: of the nearest descriptor above it that has them. */
struct names {
    const char *name;
    const char *tag;
};

static int read_index(struct walk *walk, cJSON *index, struct names names, int depth);

static enum layer_kind layer_kind_of(const char *media_type)
{
    static const struct {
        const char *media_type;
        enum layer_kind kind;
    } rows[] = {
        {"application/vnd.oci.image.layer.v1.tar", LAYER_TAR},
        {"application/vnd.oci.image.layer.v1.tar+gzip", LAYER_TAR_GZIP},
        {"application/vnd.oci.image.layer.v1.tar+zstd", LAYER_TAR_ZSTD},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar", LAYER_TAR},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LAYER_TAR_GZIP},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", LAYER_TAR_ZSTD},
        {"application/vnd.docker.image.rootfs.diff.tar", LAYER_TAR},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER_TAR_GZIP},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", LAYER_TAR_ZSTD},
        {"application/wasm", LAYER_WASM},
        {"application/vnd.wasm.content.layer.v1+wasm", LAYER_WASM},
        {"application/vnd.module.wasm.content.layer.v1+wasm", LAYER_WASM},
        {"application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", LAYER_WASM},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].media_type, media_type) == 0) {
            return rows[i].kind;
        }
    }
    return LAYER_OTHER;
}

static const char *text_or_empty(const cJSON *object, const char *key)
{
    const char *text = json_text(object, key);
    return text != NULL ? text : "";
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void image_done(struct image *image)
{
    cJSON_Delete(image->manifest);
    cJSON_Delete(image->config);
    strings_done(&image->entrypoint);
    strings_done(&image->cmd);
    strings_done(&image->env);
    free(image->layers);
}

void images_done(struct images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        image_done(&images->items[i]);
    }
    free(images->items);
    cJSON_Delete(images->indexes);
    *images = (struct images){0};
}

/* -- one image -------------------------------------------------------------------------------- */

static int read_json_blob(struct walk *walk, const cJSON *descriptor, cJSON **ret_tree)
{
    const char *digest = text_or_empty(descriptor, "digest");
    uint64_t size = 0;
    if (json_u64(descriptor, "size", &size) < 0) {
        return error_set(walk->err, -EBADMSG, "a descriptor has no size");
    }
    struct buffer text;
    buffer_init(&text, LAYOUT_JSON_MAX);
    int r = layout_read_blob(walk->layout, digest, size, &text, walk->err);
    if (r == 0) {
        r = json_parse(digest, buffer_span(&text), ret_tree, walk->err);
    }
    buffer_done(&text);
    return r;
}

static int read_layer(struct image *image, const cJSON *descriptor, const cJSON *diff_ids,
                      int *diff_at, struct error *err)
{
    struct image_layer layer = {.media_type = text_or_empty(descriptor, "mediaType"),
                                .digest = text_or_empty(descriptor, "digest")};
    layer.kind = layer_kind_of(layer.media_type);
    if (!digest_is_valid(layer.digest) || json_u64(descriptor, "size", &layer.size) < 0) {
        return error_set(err, -EBADMSG, "the manifest %s has a layer without digest or size",
                         image->digest);
    }
    if (layer.kind != LAYER_WASM) { /* diff_ids are of file systems only */
        layer.diff_id = cJSON_GetStringValue(cJSON_GetArrayItem(diff_ids, (*diff_at)++));
    }
    image->layers[image->layer_count++] = layer;
    return 0;
}

static int read_layers(struct image *image, struct error *err)
{
    const cJSON *layers = member(image->manifest, "layers");
    const cJSON *diff_ids = member(member(image->config, "rootfs"), "diff_ids");
    const cJSON *descriptor = NULL;
    int count = cJSON_GetArraySize(layers);
    int diff_at = 0;
    if (count > LAYERS_MAX) {
        return error_set(err, -E2BIG, "the manifest %s has more than %d layers", image->digest,
                         (int)LAYERS_MAX);
    }
    image->layers = calloc((size_t)count + 1, sizeof *image->layers);
    if (image->layers == NULL) {
        return error_set(err, -ENOMEM, "out of memory for an image's layers");
    }
    cJSON_ArrayForEach(descriptor, layers)
    {
        int r = read_layer(image, descriptor, diff_ids, &diff_at, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_config(struct image *image, const cJSON *platform, struct error *err)
{
    const cJSON *config = member(image->config, "config");
    image->os = text_or_empty(image->config, "os");
    image->architecture = text_or_empty(image->config, "architecture");
    if (*image->os == '\0') {
        image->os = text_or_empty(platform, "os");
    }
    if (*image->architecture == '\0') {
        image->architecture = text_or_empty(platform, "architecture");
    }
    image->working_dir = text_or_empty(config, "WorkingDir");
    image->user = text_or_empty(config, "User");
    int r = json_strings(config, "Entrypoint", &image->entrypoint);
    if (r == 0) {
        r = json_strings(config, "Cmd", &image->cmd);
    }
    if (r == 0) {
        r = json_strings(config, "Env", &image->env);
    }
    if (r == -EINVAL) {
        return error_set(err, -EBADMSG,
                         "the configuration of %s has an Entrypoint, Cmd or Env that is no list of "
                         "texts",
                         image->digest);
    }
    return r < 0 ? error_set(err, r, "out of memory for an image's configuration") : 0;
}

/* Fill an image; what the index says of it, and its manifest, are in it already. */
static int fill_image(struct walk *walk, struct image *image, const cJSON *platform)
{
    int r = read_json_blob(walk, member(image->manifest, "config"), &image->config);
    if (r < 0) {
        return error_wrap(walk->err, "the configuration of %s", image->digest);
    }
    r = read_config(image, platform, walk->err);
    return r < 0 ? r : read_layers(image, walk->err);
}

static int add_image(struct walk *walk, cJSON *manifest, const cJSON *descriptor,
                     struct names names)
{
    struct images *images = walk->images;
    struct image *items = NULL;
    if (images->count < IMAGES_MAX) {
        items = realloc(images->items, (images->count + 1) * sizeof *items);
    }
    if (items == NULL) {
        cJSON_Delete(manifest);
        return images->count < IMAGES_MAX
                   ? error_set(walk->err, -ENOMEM, "out of memory for the images")
                   : error_set(walk->err, -E2BIG, "it has more than %d images", (int)IMAGES_MAX);
    }
    images->items = items;
    struct image *image = &images->items[images->count++];
    *image = (struct image){.name = names.name,
                            .tag = names.tag,
                            .digest = json_text(descriptor, "digest"),
                            .manifest = manifest};
    return fill_image(walk, image, member(descriptor, "platform"));
}

/* -- the index -------------------------------------------------------------------------------- */

static bool is_attestation(const cJSON *descriptor)
{
    const cJSON *platform = member(descriptor, "platform");
    return strcmp(text_or_empty(platform, "os"), "unknown") == 0 ||
           json_text(member(descriptor, "annotations"), "vnd.docker.reference.type") != NULL;
}

static int read_document(struct walk *walk, const cJSON *descriptor, struct names names, int depth)
{
    const cJSON *annotations = member(descriptor, "annotations");
    const char *name = json_text(annotations, "io.containerd.image.name");
    const char *tag = json_text(annotations, "org.opencontainers.image.ref.name");
    cJSON *document = NULL;
    names.name = name != NULL ? name : names.name;
    names.tag = tag != NULL ? tag : names.tag;
    if (++walk->document_count > 2 * IMAGES_MAX) {
        return error_set(walk->err, -E2BIG, "it has more than %d indexes and manifests",
                         2 * (int)IMAGES_MAX);
    }
    int r = read_json_blob(walk, descriptor, &document);
    if (r == -ENOENT) {
        walk->images->absent_count++; /* of several platforms perhaps one was copied */
        return 0;
    }
    if (r < 0) {
        return r;
    }
    if (cJSON_IsArray(member(document, "layers")) && cJSON_IsObject(member(document, "config"))) {
        return add_image(walk, document, descriptor, names);
    }
    if (cJSON_IsArray(member(document, "manifests"))) {
        return read_index(walk, document, names, depth + 1);
    }
    cJSON_Delete(document);
    return error_set(walk->err, -EBADMSG, "%s is neither a manifest nor an index",
                     json_text(descriptor, "digest"));
}

/* The tree is kept: images borrow from it. */
static int read_index(struct walk *walk, cJSON *index, struct names names, int depth)
{
    const cJSON *descriptor = NULL;
    if (!cJSON_AddItemToArray(walk->images->indexes, index)) {
        cJSON_Delete(index);
        return error_set(walk->err, -ENOMEM, "out of memory for an index");
    }
    if (depth > INDEX_DEPTH_MAX) {
        return error_set(walk->err, -E2BIG, "its indexes are nested more than %d deep",
                         (int)INDEX_DEPTH_MAX);
    }
    cJSON_ArrayForEach(descriptor, member(index, "manifests"))
    {
        int r = is_attestation(descriptor) ? 0 : read_document(walk, descriptor, names, depth);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int images_read(const struct layout *layout, struct images *ret_images, struct error *err)
{
    struct images images = {.indexes = cJSON_CreateArray()};
    struct walk walk = {.layout = layout, .images = &images, .err = err};
    struct buffer text;
    cJSON *index = NULL;
    buffer_init(&text, LAYOUT_JSON_MAX);
    int r = layout_read_index(layout, &text, err);
    if (r == 0) {
        r = json_parse("index.json", buffer_span(&text), &index, err);
        if (r == 0) {
            r = read_index(&walk, index, (struct names){0}, /* depth */ 0);
        }
        if (r == 0 && images.count == 0) {
            r = error_set(err, -ENOENT, "it holds no image%s",
                          images.absent_count > 0 ? ": the manifests it names are not there" : "");
        }
        if (r < 0) {
            (void)error_wrap(err, "%s", layout_path(layout));
        }
    }
    buffer_done(&text);
    if (r < 0) {
        images_done(&images);
        return r;
    }
    *ret_images = images;
    return 0;
}

const struct image_layer *image_wasm_layer(const struct image *image)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        if (image->layers[i].kind == LAYER_WASM) {
            return &image->layers[i];
        }
    }
    return NULL;
}
