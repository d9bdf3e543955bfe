/* The parts of `hythe install`: for each engine functions from a file's text to its next text, and the
 * files. */
#ifndef HYTHE_OCI_INSTALL_PARTS_H
#define HYTHE_OCI_INSTALL_PARTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/span.h"

/* What the functions below are given. */
struct install {
    const char *prefix;   /* borrowed: hythe-runc is in its bin; it needs no quoting anywhere */
    const char *path;     /* borrowed: the engine's file, for errors; NULL where it has none */
    struct span before;   /* what the file says; empty when it is not there */
    struct buffer *notes; /* borrowed: what the operator should know, a line each */
};

/* Append to `out`: the snippet, or the file's whole next text, which is empty when the file goes, and
 * the same as before when all is as it should be. 0, or a negative errno with the reason in `err`. */
typedef int install_text_fn(const struct install *in, struct buffer *out, struct error *err);

install_text_fn install_docker_print, install_docker_put, install_docker_drop;
install_text_fn install_containerd_print, install_containerd_put, install_containerd_drop;
install_text_fn install_podman_print, install_podman_put;
install_text_fn install_crio_print, install_crio_put;
install_text_fn install_dropin_drop; /* a file that is all ours */
install_text_fn install_k8s_print;

/* Tell whether a text has nothing but blanks in it. */
bool install_is_blank(struct span text);

/* -- files ------------------------------------------------------------------------------------ */

enum { INSTALL_PATH_MAX = 4096, INSTALL_FILE_MAX = 1 << 20 };

struct install_file {
    const char *root; /* borrowed; "" for the machine itself */
    const char *path; /* borrowed: absolute, below `root` */
    bool is_there;
};

/* Append the file's text, if it is there. 0, or a negative errno with the reason in `err`. */
int install_file_read(struct install_file *file, struct buffer *text, struct error *err);

/* Put `text` in the file's place, or remove it when that is empty, and keep what was there.
 * `ret_kept` is given the backup's name without `root`, "" when there was nothing to keep. 0, or a
 * negative errno with the reason in `err`. */
int install_file_change(const struct install_file *file, struct span text,
                        char ret_kept[INSTALL_PATH_MAX], struct error *err);

#endif
