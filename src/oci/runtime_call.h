/* The command line of an OCI runtime, as far as a wrapper has to understand it. */
#ifndef HYTHE_OCI_RUNTIME_CALL_H
#define HYTHE_OCI_RUNTIME_CALL_H

#include <stdbool.h>

struct runtime_call {
    bool is_create;     /* `create` or `run`: a bundle is about to become a container */
    const char *bundle; /* borrowed from argv; "." when none is given */
    const char *config; /* borrowed: crun's --config, a file in place of the bundle's; or NULL */
    const char *log;    /* borrowed: where errors go as well; or NULL */
    bool is_log_json;
};

/* Read runc's and crun's flags in all of their forms: one dash or two, the value behind "=" or in
 * the next word. What is unknown is skipped: the real runtime judges it. Cannot fail. */
void runtime_call_read(int argc, char *const *argv, struct runtime_call *ret_call);

#endif
