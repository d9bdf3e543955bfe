/* Telling what is in a layout. */
#ifndef HYTHE_OCI_INSPECT_H
#define HYTHE_OCI_INSPECT_H

#include <stdbool.h>

#include "base/error.h"
#include "oci/image.h"
#include "oci/program.h"

/* Verify all layers of all images. 0, or a negative errno with the first thing that is wrong. */
int inspect_verify(const struct layout *layout, const struct images *images, struct error *err);

/* Describe images that have been verified, for people: text that free() releases. 0 or -ENOMEM. */
int inspect_text(const struct layout *layout, const struct images *images, char **ret_text);

/* The same for machines: an object, in which `check` is the member "check" if it is not NULL: what
 * hythe_check said of the module. 0 or -ENOMEM. */
int inspect_json(const struct layout *layout, const struct images *images,
                 const struct program *program, const char *check, char **ret_text);

/* Describe the module that was chosen, in one paragraph. 0 or -ENOMEM. */
int inspect_program_text(const struct program *program, char **ret_text);

/* Put what an image says of its module into `check`, the object of hythe_check, as the member
 * "image". 0 or -ENOMEM. */
int inspect_add_program(const char *check, const struct program *program, char **ret_text);

#endif
