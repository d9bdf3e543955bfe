/* What a process gives up before it meets peers and guests: privileges, most of the file system,
 * most system calls. */
#ifndef HYTHE_SERVE_SANDBOX_H
#define HYTHE_SERVE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "config/serve.h"

enum { SANDBOX_TEXT_MAX = 512 };

struct sandbox_path {
    const char *path; /* borrowed */
    bool may_write;
    bool is_optional; /* it need not exist */
};

struct sandbox_user {
    char name[64]; /* for initgroups; empty: a number that has no name */
    uid_t uid;
    gid_t gid;
};

struct sandbox_options {
    const char *user;  /* NULL: stay who we are */
    const char *group; /* NULL: the user's */
    bool is_off;       /* only the user changes */
    bool is_strict;    /* it runs no guests: no memory that can be executed, no connections */
    bool may_connect;  /* guests have a way out */
    bool may_listen;   /* guests may open listeners */
    const struct sandbox_path *paths;
    size_t path_count;
};

/* Give up. `ret_text` takes SANDBOX_TEXT_MAX bytes and tells people what is on, and what is not and
 * why. 0, or a negative errno with the reason in `err` when the user cannot be changed; what the
 * kernel does not have is no error. */
int sandbox_apply(const struct sandbox_options *options, char *ret_text, struct error *err);

/* The directories and files that the workers of a configuration need: owned by the caller, texts
 * borrowed from the configuration. 0 or -ENOMEM. */
int sandbox_paths_new(const struct serve_config *config, struct sandbox_path **ret_paths,
                      size_t *ret_count);

/* May any route, or the worker itself, call out? May any route listen? */
bool sandbox_has_egress(const struct serve_config *config);
bool sandbox_has_listeners(const struct serve_config *config);

/* -- its parts -------------------------------------------------------------------------------- */

/* Look up a user and a group (NULL: the user's), by name or number. `ret_user` may be NULL. 0, or a
 * negative errno with the reason in `err`. */
int sandbox_find_user(const char *user, const char *group, struct sandbox_user *ret_user,
                      struct error *err);

/* Become that user. 0, or a negative errno with the reason in `err`. */
int sandbox_change_user(const char *user, const char *group, struct error *err);

/* Forget all capabilities. 0 or a negative errno. */
int sandbox_drop_capabilities(void);

/* Make Landlock's rules, while the paths can be opened: before the user changes. The ABI version and
 * in `ret_ruleset` a descriptor, or a negative errno: -ENOSYS or -EOPNOTSUPP when the kernel has no
 * Landlock. Entering them needs no new privileges to be possible. */
int sandbox_prepare_landlock(const struct sandbox_options *options, int *ret_ruleset);
int sandbox_enter_landlock(int ruleset);

/* Open what sandbox_seccomp needs, while libraries can be opened. 0, or a negative errno with the
 * reason in `err`. */
int sandbox_open_seccomp(struct error *err);

/* Allow only the system calls that are needed. Their number, or a negative errno with the reason. */
int sandbox_seccomp(const struct sandbox_options *options, struct error *err);

#endif
