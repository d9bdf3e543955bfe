/* The options of `hythe install`. See install_options.h.
 *
 * docs/man/hythe-install.1.scd documents each row; scripts/check-docs compares. */
#include "config/install_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config/options.h"

static const char *const target_names[INSTALL_TARGET_COUNT] = {
    [INSTALL_DOCKER] = "docker", [INSTALL_CONTAINERD] = "containerd",
    [INSTALL_PODMAN] = "podman", [INSTALL_CRIO] = "crio",
    [INSTALL_K8S] = "k8s",
};

/* Prefixes stand in JSON and TOML between quotes, where these signs mean themselves. */
static bool is_plain(const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789/._+@~-";
    return path[strspn(path, plain)] == '\0';
}

static int take_prefix(const char *value, void *field, struct error *err)
{
    if (value[0] != '/' || !is_plain(value)) {
        return error_set(
            err, -EINVAL,
            "'%s' is no absolute path of letters, digits and /._+@~- such as /usr/local", value);
    }
    *(const char **)field = value;
    return 0;
}

const struct option install_option_table[INSTALL_OPTION_COUNT] = {
    {.name = "write",
     .section = "Options",
     .help = "Put the snippet into the engine's configuration and keep a backup beside it, unless "
             "it is there already. Nothing is restarted.",
     .parse = option_parse_flag,
     .field = offsetof(struct install_options, write)},
    {.name = "remove",
     .section = "Options",
     .help = "Take out what --write has put; all else stays.",
     .parse = option_parse_flag,
     .field = offsetof(struct install_options, remove)},
    {.name = "prefix",
     .placeholder = "DIR",
     .section = "Options",
     .help = "Where hythe is installed, with hythe-runc in DIR/bin. By default where this program "
             "is.",
     .parse = take_prefix,
     .field = offsetof(struct install_options, prefix)},
    {.name = "root",
     .placeholder = "DIR",
     .section = "Options",
     .help =
         "Look for the files below DIR and not below /, as for an image or a package. What they "
         "say stays the same.",
     .parse = option_parse_text,
     .field = offsetof(struct install_options, root)},
};

const char *install_target_name(enum install_target target)
{
    return target_names[target];
}

static int find_target(const char *word, enum install_target *ret_target, struct error *err)
{
    for (int i = 0; i < INSTALL_TARGET_COUNT; i++) {
        if (strcmp(word, target_names[i]) == 0) {
            *ret_target = (enum install_target)i;
            return 0;
        }
    }
    (void)error_set(err, -EINVAL,
                    "'%s' is no engine that hythe knows; they are docker, containerd, podman, crio "
                    "and k8s",
                    word);
    return error_set_exit(err, 2);
}

int install_options_parse(int argc, char **argv, struct install_options *options, struct error *err)
{
    *options = (struct install_options){0};
    struct operands operands = {0};
    int r =
        command_line_parse(options_find_command("install"), argc, argv, options, &operands, err);
    if (r == 0) {
        r = find_target(operands.items[0], &options->target, err);
    }
    if (r == 0 && options->write && options->remove) {
        (void)error_set(err, -EINVAL, "--write and --remove contradict; give one of them");
        return error_set_exit(err, 2);
    }
    return r;
}
