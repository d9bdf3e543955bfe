/* Making an image of a module or a directory: the same bytes for the same input. */
#ifndef HYTHE_OCI_BUILD_H
#define HYTHE_OCI_BUILD_H

#include <stdint.h>

#include "base/error.h"
#include "config/image_options.h"

/* What was made. */
struct build_result {
    char name[400];  /* in full */
    char digest[80]; /* of the manifest or index that the name stands for */
    uint64_t size;   /* bytes of the image: layer, configuration, manifest */
};

/* Make the image that the options ask for. 0, or a negative errno with a reason; then nothing is left behind. */
int build_image(const struct image_options *options, struct build_result *ret_result,
                struct error *err);

#endif
