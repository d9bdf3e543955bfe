/* Bundles for tests. See oci_bundle.h. */
#include "oci_bundle.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/span.h"

#define CORE "\0asm\1\0\0\0"
#define COMPONENT "\0asm\x0d\0\1\0"
/* A custom section first, so that sections have to be skipped. */
#define CUSTOM "\0\4\1xyz"
#define FILE_OF(name, text)                                                                        \
    {                                                                                              \
        name, text, sizeof text - 1                                                                \
    }

static const struct {
    const char *name;
    const char *data;
    size_t len;
} files[] = {
    FILE_OF("rootfs/app.wasm", CORE CUSTOM),
    FILE_OF("rootfs/odd#name.wasm", CORE),
    FILE_OF("rootfs/usr/bin/cmd.wasm", CORE),
    FILE_OF("rootfs/work/app.wasm", CORE),
    FILE_OF("rootfs/work/deep.wasm", CORE),
    FILE_OF("rootfs/listener.wasm", CORE CUSTOM "\2\x0f\1\1m\x0bsock_accept"),
    FILE_OF("rootfs/own.wasm", CORE "\2\x19\1\1m\x0bsock_accept\x09sock_open"),
    FILE_OF("rootfs/routes.wasm", CORE "\7\x0b\1\7_routes\0\0"),
    FILE_OF("rootfs/http.wasm",
            COMPONENT CUSTOM "\x0b\x24\1\0\x20wasi:http/incoming-handler@0.2.0\5"),
    FILE_OF("rootfs/cli.wasm", COMPONENT "\x0b\x15\1\0\x12wasi:cli/run@0.2.0"),
    FILE_OF("rootfs/app.wat", " \n;; text\n(module)"),
    FILE_OF("rootfs/app.cwasm", "\x7f"
                                "ELF\2\1\1\xc8 code"),
    FILE_OF("rootfs/http.cwasm", "\x7f"
                                 "ELF\2\1\1\xc8 code wasi:http/incoming-handler@0.2.0"),
    FILE_OF("rootfs/bin/tool", "\x7f"
                               "ELF\2\1\1\0 code"),
    FILE_OF("rootfs/script.sh", "#!/bin/sh\n"),
    FILE_OF("rootfs/garbage.wasm", "\0asn\1\0\0\0"),
    FILE_OF("rootfs/site/hythe.toml", "# listen = is not said\n[[route]]\npath = \"/\"\n"),
    FILE_OF("rootfs/listens/hythe.toml", "\n  listen = [\":7000\"]\n"),
    FILE_OF("outside/bound.wasm", CORE),
    FILE_OF("certificates/certs/ca-certificates.crt", "PEM"),
    FILE_OF("host/ld.so", ""),
};

static const struct {
    const char *name;
    const char *target;
} links[] = {
    {"rootfs/link.wasm", "work/app.wasm"},
    {"rootfs/absolute.wasm", "/work/app.wasm"},
    {"rootfs/loop", "loop"},
    {"rootfs/out", "../outside/bound.wasm"},
};

/* Make the folders that lie above `path`. */
static void make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0755); /* writing the file tells */
        *at = '/';
    }
}

static bool path_of(const struct oci_bundle *bundle, const char *name,
                    char path[OCI_BUNDLE_PATH_MAX])
{
    int len = snprintf(path, OCI_BUNDLE_PATH_MAX, "%s/%s", bundle->path, name);
    return len > 0 && len < OCI_BUNDLE_PATH_MAX;
}

bool oci_bundle_write(const struct oci_bundle *bundle, const char *name, const void *data,
                      size_t len)
{
    char path[OCI_BUNDLE_PATH_MAX];
    if (!path_of(bundle, name, path)) {
        return false;
    }
    make_folders(path);
    FILE *file = fopen(path, "we");
    bool is_written = file != NULL && fwrite(data, 1, len, file) == len;
    return file != NULL && fclose(file) == 0 && is_written;
}

char *oci_bundle_read(const struct oci_bundle *bundle, const char *name, size_t *ret_len)
{
    enum { MOST = 1 << 20 };
    char path[OCI_BUNDLE_PATH_MAX];
    FILE *file = path_of(bundle, name, path) ? fopen(path, "re") : NULL;
    char *data = file != NULL ? calloc(1, MOST) : NULL;
    if (data != NULL) {
        *ret_len = fread(data, 1, MOST - 1, file);
    }
    if (file != NULL) {
        (void)fclose(file); /* was only read */
    }
    return data;
}

bool oci_bundle_open(struct oci_bundle *bundle)
{
    char path[OCI_BUNDLE_PATH_MAX];
    const char *folder = getenv("TMPDIR");
    (void)snprintf(bundle->path, sizeof bundle->path, "%s/hythe-oci-XXXXXX",
                   folder != NULL ? folder : "/tmp");
    if (mkdtemp(bundle->path) == NULL || !path_of(bundle, "host", bundle->host)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (!oci_bundle_write(bundle, files[i].name, files[i].data, files[i].len)) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
        if (!path_of(bundle, links[i].name, path) || symlink(links[i].target, path) < 0) {
            return false;
        }
    }
    return path_of(bundle, "rootfs/fifo", path) && mkfifo(path, 0644) == 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void oci_bundle_close(struct oci_bundle *bundle)
{
    (void)nftw(bundle->path, remove_one, 8,
               FTW_DEPTH | FTW_PHYS); /* a left-over folder of TMPDIR */
}
