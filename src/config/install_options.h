/* The options of `hythe install`. */
#ifndef HYTHE_CONFIG_INSTALL_OPTIONS_H
#define HYTHE_CONFIG_INSTALL_OPTIONS_H

#include <stdbool.h>

#include "base/error.h"
#include "config/command_line.h"

enum { INSTALL_OPTION_COUNT = 4 };

extern const struct option install_option_table[INSTALL_OPTION_COUNT];

enum install_target {
    INSTALL_DOCKER,
    INSTALL_CONTAINERD,
    INSTALL_PODMAN,
    INSTALL_CRIO,
    INSTALL_K8S,
    INSTALL_TARGET_COUNT,
};

struct install_options {
    enum install_target target;
    bool write;         /* put it; at most one of these two */
    bool remove;        /* take it out again; neither of them: print it */
    const char *root;   /* the folder that stands for "/", or NULL */
    const char *prefix; /* where hythe is installed, or NULL */
};

/* As run_options_parse; there is nothing to release. */
int install_options_parse(int argc, char **argv, struct install_options *options,
                          struct error *err);

/* The word for a target on the command line. */
const char *install_target_name(enum install_target target);

#endif
