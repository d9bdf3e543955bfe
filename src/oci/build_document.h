/* The documents of an image that is made: configuration, manifest, index, each as one line of JSON.
 * Members stand in a fixed order, so that the bytes depend on the options only. */
#ifndef HYTHE_OCI_BUILD_DOCUMENT_H
#define HYTHE_OCI_BUILD_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/build.h"
#include "oci/build_layer.h"
#include "oci/reference.h"
#include "oci/tar.h"

enum { BUILD_PLATFORMS_MAX = 16, BUILD_WORD_MAX = 32 };

struct build_platform {
    char os[BUILD_WORD_MAX];
    char architecture[BUILD_WORD_MAX];
    char variant[BUILD_WORD_MAX]; /* "" when it has none */
};

struct build_platforms {
    struct build_platform items[BUILD_PLATFORMS_MAX]; /* wasi/wasm is the first */
    size_t count;
};

/* What an image starts. */
struct build_entry {
    bool is_dir;             /* set by the caller: the input is a directory */
    char path[TAR_NAME_MAX]; /* in the image, without a slash at its beginning */
};

/* Read the list of further platforms: "linux/amd64,linux/arm64/v8". */
int build_platforms_set(struct build_platforms *platforms, const struct string_list *list,
                        struct error *err);

/* Read where the module is to be in the image. */
int build_entry_set(struct build_entry *entry, const struct image_options *options,
                    struct error *err);

/* Refuse pairs without a name, ports that are none, and what is no UTF-8. */
int build_lists_check(const struct image_options *options, struct error *err);

/* Make a document; free() releases the text. 0 or -ENOMEM. */
int build_config_text(const struct image_options *options, const struct build_entry *entry,
                      const struct build_platform *platform, const char *diff_id, char **ret_text);
int build_manifest_text(const struct image_options *options, const struct build_blob *config,
                        const struct build_blob *layer, char **ret_text);
int build_index_text(const struct build_platforms *platforms, const struct build_blob *manifests,
                     char **ret_text);

/* index.json: the manifest or the index `top`, with the image's name. */
int build_top_text(const struct build_platforms *platforms, const struct build_blob *top,
                   const struct reference *reference, char **ret_text);

/* manifest.json, which Docker's classic store reads. */
int build_docker_text(const struct build_blob *config, const struct build_blob *layer,
                      const char *name, char **ret_text);

#endif
