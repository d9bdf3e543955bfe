/* Bundles of containers for tests: a folder with a root filesystem that has an entry point of every
 * kind, links of every kind, and what lies outside of it. */
#ifndef HYTHE_TESTS_LIB_OCI_BUNDLE_H
#define HYTHE_TESTS_LIB_OCI_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

enum { OCI_BUNDLE_PATH_MAX = 256 };

struct oci_bundle {
    char path[OCI_BUNDLE_PATH_MAX]; /* the bundle's folder */
    char host[OCI_BUNDLE_PATH_MAX]; /* a folder as scripts/portable makes one, as far as is asked */
};

/* Make the folder below TMPDIR. False when that fails. */
bool oci_bundle_open(struct oci_bundle *bundle);

/* Remove all of it. */
void oci_bundle_close(struct oci_bundle *bundle);

/* Write a file below the bundle's folder, in the place of one that is there. */
bool oci_bundle_write(const struct oci_bundle *bundle, const char *name, const void *data,
                      size_t len);

/* Read a file of the bundle as a string with its length, which the caller frees; NULL when there is
 * none. */
char *oci_bundle_read(const struct oci_bundle *bundle, const char *name, size_t *ret_len);

#endif
