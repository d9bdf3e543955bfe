/* What config.json says of a container's first process, as far as a wrapper asks. */
#ifndef HYTHE_OCI_SPEC_H
#define HYTHE_OCI_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct cJSON;

/* A file or folder of the host that the container sees at a place of its own. */
struct spec_bind {
    const char *source;      /* borrowed from the trees */
    const char *destination; /* the same */
};

struct spec {
    struct cJSON *process;     /* owned trees of the parts below */
    struct cJSON *root;        /* owned */
    struct cJSON *mounts;      /* owned, or NULL */
    struct cJSON *annotations; /* owned, or NULL */
    const char *root_path;     /* borrowed from the trees, as all strings are */
    const char *cwd;
    const char **args; /* owned array; at least one */
    size_t arg_count;
    const char **env; /* owned array, "NAME=VALUE" each */
    size_t env_count;
    struct span text;        /* borrowed: all of the file */
    struct span args_text;   /* where the array of arguments stands in it */
    struct span mounts_text; /* the same for mounts; empty when there are none */
    bool has_devices;        /* a tmpfs is mounted on /dev */
};

/* Read the file's text, which stays as long as `spec`. False when it is not what a container with a
 * process needs: the real runtime finds the words for that. */
bool spec_read(struct spec *spec, struct span text);

void spec_done(struct spec *spec);

/* The value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *spec, const char *name);

/* The value of an environment variable, the last one of that name, or NULL. */
const char *spec_env(const struct spec *spec, const char *name);

/* Give the bind mount number `index`, counted from 0. False when there are no more. */
bool spec_bind_at(const struct spec *spec, size_t index, struct spec_bind *ret_bind);

#endif
