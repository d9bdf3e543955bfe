/* Names of images, read as Docker reads them: [HOST[:PORT]/]PATH[:TAG]. */
#ifndef HYTHE_OCI_REFERENCE_H
#define HYTHE_OCI_REFERENCE_H

#include "base/error.h"

enum { REFERENCE_NAME_MAX = 255, REFERENCE_TAG_MAX = 128 };

struct reference {
    char full[REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1]; /* docker.io/library/app:latest */
    char tag[REFERENCE_TAG_MAX + 1];
};

/* Read a name and make it complete: without a host it is docker.io's, and there without a user
 * library's; without a tag it is latest. 0, or -EINVAL with what is wrong. */
int reference_parse(const char *text, struct reference *ret_reference, struct error *err);

#endif
