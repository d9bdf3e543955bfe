/* containerd-shim-hythe-v1: has containerd's own shim for runc call hythe-runc.
 *
 * The shim looks for `runc` on its PATH, so a folder that has hythe-runc under that name is put first
 * there; then this program becomes the shim, with the same arguments and the same descriptors. In
 * `start` containerd takes all output for the shim's address, so nothing is said unless it fails, and
 * then on standard output, which containerd makes its error of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "hythe/version.h"
#include "oci/file.h"
#include "oci/real.h"
#include "oci/settings.h"

enum { PROTO_NAME = 1 << 3 | 2, PROTO_VERSION = 2 << 3 | 2, PROTO_VERSION_TEXT = 1 << 3 | 2 };

static const char *const shims[] = {"containerd-shim-runc-v2", NULL};

/* Where the folder with `runc` lies, from this program's own: installed, and in a build folder. */
static const char *const runc_folders[] = {"../lib/hythe/shim", "shim", NULL};

static int put_first_on_path(struct error *err)
{
    char folder[REAL_PATH_MAX];
    int r = real_find_beside(runc_folders, "runc", folder, err);
    if (r < 0) {
        return r;
    }
    const char *before = getenv("PATH");
    struct buffer path;
    buffer_init(&path, 1 << 20);
    r = buffer_printf(&path, "%s%s%s", folder, before != NULL ? ":" : "",
                      before != NULL ? before : ":/usr/sbin:/usr/bin:/sbin:/bin");
    const char *text = r == 0 ? buffer_text(&path) : NULL;
    if (text == NULL || setenv("PATH", text, /* overwrite */ 1) < 0) {
        r = error_set_errno(err, -ENOMEM, "setting PATH");
    }
    buffer_done(&path);
    return r;
}

static int become_shim(char **argv, struct oci_settings *settings, struct error *err)
{
    char path[REAL_PATH_MAX];
    int r = oci_settings_read(settings, err);
    if (r < 0) {
        return r;
    }
    const struct real_search search = {.given = settings->shim, .names = shims};
    r = real_find(&search, path, err);
    if (r == 0) {
        r = put_first_on_path(err);
    }
    if (r < 0) {
        return r;
    }
    argv[0] = path;
    (void)execv(path, argv);
    return error_set_errno(err, -errno, "starting %s", path);
}

/* containerd's RuntimeInfo {name = 1, version = 2 {version = 1}}, whose texts are short. */
static int print_info(void)
{
    static const char name[] = "io.containerd.hythe.v1";
    uint8_t bytes[128];
    size_t len = 0;
    const size_t version_len = strlen(HYTHE_VERSION);
    bytes[len++] = PROTO_NAME;
    bytes[len++] = (uint8_t)strlen(name);
    memcpy(bytes + len, name, strlen(name));
    len += strlen(name);
    bytes[len++] = PROTO_VERSION;
    bytes[len++] = (uint8_t)(version_len + 2);
    bytes[len++] = PROTO_VERSION_TEXT;
    bytes[len++] = (uint8_t)version_len;
    memcpy(bytes + len, HYTHE_VERSION, version_len);
    len += version_len;
    return file_write(STDOUT_FILENO, (struct span){bytes, len}) < 0 ? 1 : 0;
}

static int print_version(void)
{
    static const char text[] = "containerd-shim-hythe-v1:\n  Version: " HYTHE_VERSION "\n";
    return file_write(STDOUT_FILENO, span_of(text)) < 0 ? 1 : 0;
}

/* Go's flags have one dash or two. */
static bool is_flag(const char *word, const char *name)
{
    return word[0] == '-' && strcmp(word + (word[1] == '-' ? 2 : 1), name) == 0;
}

/* A flag's value may be a word that looks like anything; these have none. */
static bool has_flag(int argc, char *const *argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (is_flag(argv[i], name)) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct oci_settings settings = {0};
    struct error err = {0};
    struct buffer line;
    if (has_flag(argc, argv, "v") || has_flag(argc, argv, "version")) {
        return print_version();
    }
    if (has_flag(argc, argv, "info")) {
        return print_info();
    }
    int r = argc > 0 ? become_shim(argv, &settings, &err) : -EINVAL;
    buffer_init(&line, ERROR_TEXT_MAX + 64);
    if (buffer_printf(&line, "containerd-shim-hythe-v1: %s\n",
                      err.text[0] != '\0' ? err.text : strerror(-r)) == 0) {
        (void)file_write(STDOUT_FILENO, buffer_span(&line)); /* the exit code says it too */
    }
    buffer_done(&line);
    oci_settings_done(&settings);
    return 1;
}
