/* The images of a layout: its index, their manifests and configurations, read and verified. */
#ifndef HYTHE_OCI_IMAGE_H
#define HYTHE_OCI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/digest.h"
#include "oci/layout.h"

enum {
    IMAGES_MAX = 256, /* manifests of a layout */
    LAYERS_MAX = 256, /* of an image */
};

/* What a layer is, by its media type. */
enum layer_kind { LAYER_TAR, LAYER_TAR_GZIP, LAYER_TAR_ZSTD, LAYER_WASM, LAYER_OTHER };

/* A descriptor and what the configuration says of it. Texts are borrowed from the image's trees. */
struct image_layer {
    enum layer_kind kind;
    const char *media_type;
    const char *digest;
    const char *diff_id; /* NULL when the configuration has none for it */
    uint64_t size;
};

struct image {
    const char *name;   /* io.containerd.image.name, or NULL; borrowed from an index, as are */
    const char *tag;    /* org.opencontainers.image.ref.name, or NULL */
    const char *digest; /* the manifest's */
    cJSON *manifest;    /* owned */
    cJSON *config;      /* owned */
    const char *os;     /* these four are borrowed from the trees, "" when not said */
    const char *architecture;
    const char *working_dir;
    const char *user;
    struct strings entrypoint;
    struct strings cmd;
    struct strings env;
    struct image_layer *layers; /* owned */
    size_t layer_count;
};

struct images {
    struct image *items; /* owned */
    size_t count;
    cJSON *indexes;      /* owned: the documents that name them */
    size_t absent_count; /* named in the index, and not in the layout */
};

/* Read all images of a layout. 0 with at least one, or a negative errno. */
int images_read(const struct layout *layout, struct images *ret_images, struct error *err);

/* Release them. */
void images_done(struct images *images);

/* A wasm module as OCI's artifact: its bytes are the layer. NULL for an image of a file system. */
const struct image_layer *image_wasm_layer(const struct image *image);

#endif
