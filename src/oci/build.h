/* Making an image of a module or a directory: the same bytes for the same input. */
#ifndef HYTHE_OCI_BUILD_H
#define HYTHE_OCI_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A list of texts, borrowed. */
struct build_list {
    const char *const *items;
    uint32_t count;
};

struct build_options {
    const char *input;            /* a module, or a directory that becomes the root */
    const char *name;             /* NAME[:TAG] */
    const char *output;           /* ending with .tar an archive, else a directory */
    const char *user;             /* NULL: none */
    struct build_list platforms;  /* "linux/amd64", beside wasi/wasm */
    struct build_list entrypoint; /* empty: the module, or hythe.toml of a directory */
    struct build_list cmd;
    struct build_list env;         /* NAME=VALUE */
    struct build_list ports;       /* 8080 or 8080/udp */
    struct build_list annotations; /* NAME=VALUE */
    struct build_list labels;      /* NAME=VALUE */
    bool is_for_docker;            /* with manifest.json, for Docker's classic store */
    bool is_forced;                /* what is there is replaced */
    uint64_t epoch_s;              /* time of all files */
    bool has_epoch;                /* and of the image */
};

/* What was made. */
struct build_result {
    char name[400];   /* in full */
    char digest[80];  /* of the manifest or index that the name stands for */
    uint64_t size;    /* bytes of the image: layer, configuration, manifest */
    uint64_t written; /* bytes of the archive or of the layout's files */
};

/* Make an image. 0, or a negative errno with a reason; then nothing is left behind. */
int build_image(const struct build_options *options, struct build_result *ret_result,
                struct error *err);

#endif
