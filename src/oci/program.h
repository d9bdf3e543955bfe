/* The module that an image starts, taken out of its layers into memory, with the arguments and the
 * environment that the image gives it. */
#ifndef HYTHE_OCI_PROGRAM_H
#define HYTHE_OCI_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/image.h"

struct program {
    int fd;                      /* owned: a sealed memfd with the module */
    char path[32];               /* by which it can be opened while the descriptor is */
    char *image;                 /* owned: the image's name, or its manifest's digest */
    char *platform;              /* owned: wasi/wasm */
    char *entry;                 /* owned: the path of the module in the image; of an artifact "" */
    char *argv0;                 /* owned */
    struct strings args;         /* behind argv0 */
    size_t entrypoint_arg_count; /* those of them that stay when others are given */
    struct strings env;          /* NAME=VALUE */
};

/* Tell whether `name` means an image: "oci:PATH" or "oci-archive:FILE", or a path of one. */
bool program_is_image(const char *name);

/* Open the module of an image. `name` may end with ":TAG" to choose one of several. 0; or a negative
 * errno with a reason, and the exit code 127 for what is not there, else 126. */
int program_open(const char *name, struct program **ret_program, struct error *err);

/* The same for images that have been read: the best of those whose tag or name is `tag`, if it is
 * not NULL. */
int program_choose(const struct layout *layout, const struct images *images, const char *tag,
                   struct program **ret_program, struct error *err);

/* Release it. NULL is fine. */
void program_free(struct program *program);

/* Open the layout that `name` means. The rest of the name, behind the path, is `*ret_tag`, borrowed
 * from `name`; NULL without one. */
int program_open_layout(const char *name, struct layout **ret_layout, const char **ret_tag,
                        struct error *err);

#endif
