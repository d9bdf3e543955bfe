/* What to do for which engine. See install.h.
 *
 *   1. print: the snippet, with what the engine's file has already taken into account
 *   2. write, remove: read the file, make its next text, and if that differs put it in its place
 *   3. say what to do next; nothing is ever restarted from here */
#include "oci/install.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/install_parts.h"

static const char default_prefix[] = "/usr/local";

/* One engine. */
struct engine {
    const char *path; /* its file; NULL: it has none on this machine */
    install_text_fn *print;
    install_text_fn *put;
    install_text_fn *drop;
    const char *restart; /* has it read the file */
    const char *attempt; /* a first container */
};

static const struct engine engines[INSTALL_TARGET_COUNT] = {
    [INSTALL_DOCKER] = {"/etc/docker/daemon.json", install_docker_print, install_docker_put,
                        install_docker_drop, "systemctl reload docker",
                        "docker run --rm --runtime hythe IMAGE"},
    [INSTALL_CONTAINERD] = {"/etc/containerd/config.toml", install_containerd_print,
                            install_containerd_put, install_containerd_drop,
                            "systemctl restart containerd (running containers go on)",
                            "kubectl apply a RuntimeClass: hythe install k8s"},
    [INSTALL_PODMAN] = {"/etc/containers/containers.conf.d/50-hythe.conf", install_podman_print,
                        install_podman_put, install_dropin_drop,
                        "nothing: podman reads it each time", "podman --runtime hythe run IMAGE"},
    [INSTALL_CRIO] = {"/etc/crio/crio.conf.d/50-hythe.conf", install_crio_print, install_crio_put,
                      install_dropin_drop, "systemctl restart crio (running containers go on)",
                      "kubectl apply a RuntimeClass: hythe install k8s"},
    [INSTALL_K8S] = {NULL, install_k8s_print, NULL, NULL, NULL, NULL},
};

bool install_is_blank(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Where this program is installed: it lies in the prefix's bin, else a guess. */
static void find_prefix(char prefix[INSTALL_PATH_MAX])
{
    static const char tail[] = "/bin/hythe";
    const size_t tail_len = sizeof tail - 1;
    ssize_t len = readlink("/proc/self/exe", prefix, INSTALL_PATH_MAX - 1);
    size_t prefix_len = len > 0 ? (size_t)len : 0;
    if (prefix_len > tail_len && memcmp(prefix + prefix_len - tail_len, tail, tail_len) == 0) {
        prefix[prefix_len - tail_len] = '\0';
        return;
    }
    (void)snprintf(prefix, INSTALL_PATH_MAX, "%s", default_prefix); /* always fits */
}

static void drop_slashes(char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/') {
        len--;
        path[len] = '\0';
    }
}

/* An engine that is told of a program that is not there starts no container at all. */
static int check_program(const char *root, const char *prefix, struct error *err)
{
    char path[2 * INSTALL_PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s%s/bin/hythe-runc", root, prefix);
    if (len < 0 || (size_t)len >= sizeof path) {
        return error_set(err, -ENAMETOOLONG, "the prefix is too long");
    }
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
        return error_set(err, -ENOENT,
                         "%s is not there, so nothing was changed; install it with 'make install', "
                         "or name where it is: --prefix DIR",
                         path);
    }
    return 0;
}

/* Write the file, or tell that it need not be. */
static int change(const struct engine *engine, const struct install_file *file, struct span before,
                  struct span after, struct buffer *out, struct error *err)
{
    char kept[INSTALL_PATH_MAX];
    bool is_same = before.len == after.len &&
                   (after.len == 0 || memcmp(before.data, after.data, after.len) == 0);
    if (is_same && (file->is_there || after.len == 0)) {
        return buffer_printf(out, "%s%s: nothing to change\n", file->root, file->path);
    }
    int r = install_file_change(file, after, kept, err);
    if (r < 0) {
        return r;
    }
    r = buffer_printf(out, "%s%s: %s\n", file->root, file->path,
                      after.len > 0 ? "written" : "removed");
    if (r == 0 && kept[0] != '\0') {
        r = buffer_printf(out, "%s%s: what was there before\n", file->root, kept);
    }
    return r < 0 ? r : buffer_printf(out, "To do: %s\n", engine->restart);
}

static int change_file(const struct install_options *options, const struct engine *engine,
                       struct install *in, struct install_file *file, struct buffer *out,
                       struct error *err)
{
    struct buffer after;
    buffer_init(&after, INSTALL_FILE_MAX);
    int r = options->write ? check_program(file->root, in->prefix, err) : 0;
    if (r == 0) {
        r = (options->write ? engine->put : engine->drop)(in, &after, err);
    }
    if (r == 0) {
        r = change(engine, file, in->before, buffer_span(&after), out, err);
    }
    buffer_done(&after);
    return r;
}

static int print(const struct engine *engine, const struct install *in, const char *name,
                 struct buffer *out, struct error *err)
{
    int r = engine->print(in, out, err);
    if (r < 0 || engine->path == NULL) {
        return r;
    }
    return buffer_printf(in->notes,
                         "this belongs in %s; 'hythe install %s --write' puts it there\n"
                         "then: %s\n"
                         "try it: %s\n",
                         engine->path, name, engine->restart, engine->attempt);
}

/* Read the engine's file and go on with that. */
static int work(const struct install_options *options, struct install *in, const char *root,
                struct buffer *out, struct error *err)
{
    const struct engine *engine = &engines[options->target];
    struct install_file file = {.root = root, .path = engine->path};
    struct buffer before;
    buffer_init(&before, INSTALL_FILE_MAX);
    int r = engine->path != NULL ? install_file_read(&file, &before, err) : 0;
    bool is_change = options->write || options->remove;
    if (r == -EACCES && !is_change) {
        r = 0; /* then the snippet is for a file that says nothing yet */
    }
    if (r == 0) {
        in->before = buffer_span(&before);
        in->path = engine->path;
        r = is_change ? change_file(options, engine, in, &file, out, err)
                      : print(engine, in, install_target_name(options->target), out, err);
    }
    buffer_done(&before);
    return r;
}

int install_work(const struct install_options *options, struct buffer *out, struct buffer *notes,
                 struct error *err)
{
    char prefix[INSTALL_PATH_MAX];
    char root[INSTALL_PATH_MAX] = "";
    struct error cause = {0};
    if (engines[options->target].put == NULL && (options->write || options->remove)) {
        (void)error_set(err, -EINVAL,
                        "it has no file on this machine; have kubectl do it: 'hythe install k8s | "
                        "kubectl apply -f -', or 'delete' in place of 'apply'");
        (void)error_set_exit(err, 2);
        return -EINVAL;
    }
    find_prefix(prefix);
    int len = options->prefix == NULL ? 0 : snprintf(prefix, sizeof prefix, "%s", options->prefix);
    int root_len = options->root == NULL ? 0 : snprintf(root, sizeof root, "%s", options->root);
    if (len < 0 || (size_t)len >= sizeof prefix || root_len < 0 ||
        (size_t)root_len >= sizeof root) {
        return error_set(err, -ENAMETOOLONG, "a path is too long");
    }
    drop_slashes(prefix);
    drop_slashes(root);
    struct install in = {.prefix = prefix, .notes = notes};
    int r = work(options, &in, root, out, &cause);
    if (r < 0) {
        return cause.code != 0 ? error_set(err, r, "%s", cause.text)
                               : error_set_errno(err, r, "making the text");
    }
    return 0;
}
