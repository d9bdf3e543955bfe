/* Where an image is written to: an archive or a directory beside the place where it will be, which
 * it takes at once when it is whole. */
#ifndef HYTHE_OCI_BUILD_OUTPUT_H
#define HYTHE_OCI_BUILD_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "oci/build_layer.h"

struct build_output {
    const char *path; /* borrowed: where it will be */
    char temporary[PATH_MAX];
    bool is_archive;
    bool is_forced;
    bool is_made; /* the temporary one is there */
    int fd;       /* of the archive, or of the layout's directory */
    int layer_fd; /* of a layout: the layer's file */
    uint64_t at;  /* of an archive: where its next file begins */
    uint64_t mtime_s;
};

/* Begin. What is there already is refused, or with `is_forced` replaced in the end if it is an image.
 * 0 or a negative errno. */
int build_output_open(struct build_output *output, struct error *err);

/* Remove what is not whole and close. */
void build_output_done(struct build_output *output);

/* Say where the layer is to be written, and once it has been, give it its name. */
int build_output_begin_layer(struct build_output *output, struct build_layer *layer,
                             struct error *err);
int build_output_end_layer(struct build_output *output, const struct build_layer *layer,
                           struct error *err);

/* Write a file of the layout. */
int build_output_put(struct build_output *output, const char *name, struct span bytes,
                     struct error *err);

/* Put all in its place. */
int build_output_commit(struct build_output *output, struct error *err);

#endif
