/* Making images. See build.h.
 *
 * The layer is written first, since its digest stands in all else: a configuration and a manifest
 * for each platform, an index above them when there are several, and index.json, which names the
 * image. Nothing of the machine or of the time of day goes in. */
#include "oci/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "oci/build_document.h"
#include "oci/build_output.h"
#include "oci/layout.h"
#include "oci/reference.h"
#include "oci/tar.h"

/* An image being made. */
struct build {
    const struct image_options *options; /* borrowed */
    struct build_output output;
    struct build_layer layer;
    struct reference reference;
    struct build_platforms platforms;
    struct build_entry entry;
    struct build_blob manifests[BUILD_PLATFORMS_MAX];
    struct build_blob docker_config; /* of the first platform of Linux */
    struct build_blob top;           /* what the name stands for */
    uint64_t size;
    struct error *err;
};

/* -- what goes in ----------------------------------------------------------------------------- */

static int check_module(const char *path, int fd, struct error *err)
{
    uint8_t bytes[64];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    if (n >= 4 && memcmp(bytes, "\0asm", 4) == 0) {
        return 0;
    }
    if (text_has_ending(path, ".wat")) {
        return 0;
    }
    if (text_has_ending(path, ".toml")) {
        return error_set(err, -EINVAL,
                         "%s: it is a configuration; give the directory that holds it and its "
                         "modules",
                         path);
    }
    return error_set(err, -ENOEXEC, "%s: it is no WebAssembly module%s", path,
                     n >= 4 && memcmp(bytes, "\177ELF", 4) == 0
                         ? " but machine code; an image takes the .wasm it was made from"
                         : "");
}

static int check_file(const struct build *build, int fd, const struct stat *st)
{
    const char *input = build->options->operand;
    if (!S_ISREG(st->st_mode)) {
        return error_set(build->err, -EINVAL, "%s: it is neither a file nor a directory", input);
    }
    return check_module(input, fd, build->err);
}

/* Of a directory the entry point has to be in it. */
static int check_dir(const struct build *build, int fd)
{
    const char *path = build->entry.path;
    struct stat st;
    if (fstatat(fd, path, &st, /* flags */ 0) == 0 && S_ISREG(st.st_mode)) {
        return 0;
    }
    if (build->options->entrypoint.count > 0) {
        return error_set(build->err, -ENOENT, "%s: there is no file %s in it to be the entry point",
                         build->options->operand, path);
    }
    return error_set(build->err, -ENOENT,
                     "%s: it has no hythe.toml; name what is to be started: --entrypoint /app.wasm",
                     build->options->operand);
}

static int check_input(struct build *build)
{
    const char *input = build->options->operand;
    struct stat st;
    int fd = open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int code = -errno;
        if (fd >= 0) {
            (void)close(fd); /* was only looked at */
        }
        if (code != -ENOENT) {
            return error_set_errno(build->err, code, "%s: it cannot be read", input);
        }
        (void)error_set(build->err, code,
                        "%s: there is no such file; give a .wasm module or a directory", input);
        (void)error_set_exit(build->err, 127);
        return code;
    }
    build->entry.is_dir = S_ISDIR(st.st_mode);
    int r = build_entry_set(&build->entry, build->options, build->err);
    if (r == 0) {
        r = build->entry.is_dir ? check_dir(build, fd) : check_file(build, fd, &st);
    }
    (void)close(fd); /* was only looked at */
    return r;
}

/* -- what comes out --------------------------------------------------------------------------- */

/* Write a text as a blob and release it. */
static int put_blob(struct build *build, char *text, struct build_blob *ret_blob)
{
    char name[LAYOUT_BLOB_NAME_SIZE];
    struct build_blob blob = {.size = strlen(text)};
    struct span bytes = span_of(text);
    int r = digest_of(bytes, blob.digest, build->err);
    if (r == 0) {
        layout_blob_name(blob.digest, name);
        r = build_output_put(&build->output, name, bytes, build->err);
    }
    free(text);
    build->size += blob.size;
    *ret_blob = blob;
    return r;
}

static int put_text(struct build *build, const char *name, char *text)
{
    int r = build_output_put(&build->output, name, span_of(text), build->err);
    free(text);
    return r;
}

static int fail_memory(const struct build *build)
{
    return error_set(build->err, -ENOMEM, "out of memory for an image's documents");
}

static int write_layer(struct build *build)
{
    const char *input = build->options->operand;
    int r = build_output_begin_layer(&build->output, &build->layer, build->err);
    if (r == 0) {
        r = build->entry.is_dir
                ? build_layer_of_dir(&build->layer, input, build->err)
                : build_layer_of_file(&build->layer, input, build->entry.path, build->err);
    }
    if (r == 0) {
        r = build_output_end_layer(&build->output, &build->layer, build->err);
    }
    build->size += build->layer.blob.size;
    return r;
}

static int write_platform(struct build *build, size_t index)
{
    const struct build_platform *platform = &build->platforms.items[index];
    struct build_blob config;
    char *text = NULL;
    if (build_config_text(build->options, &build->entry, platform, build->layer.blob.digest,
                          &text) < 0) {
        return fail_memory(build);
    }
    int r = put_blob(build, text, &config);
    if (r < 0) {
        return r;
    }
    if (index == 1) {
        build->docker_config = config;
    }
    if (build_manifest_text(build->options, &config, &build->layer.blob, &text) < 0) {
        return fail_memory(build);
    }
    return put_blob(build, text, &build->manifests[index]);
}

static int write_index(struct build *build)
{
    char *text = NULL;
    if (build->platforms.count == 1) {
        build->top = build->manifests[0];
        return 0;
    }
    if (build_index_text(&build->platforms, build->manifests, &text) < 0) {
        return fail_memory(build);
    }
    return put_blob(build, text, &build->top);
}

static int write_docker(struct build *build)
{
    char *text = NULL;
    if (!build->options->docker_archive) {
        return 0;
    }
    if (build_docker_text(&build->docker_config, &build->layer.blob, build->reference.full, &text) <
        0) {
        return fail_memory(build);
    }
    return put_text(build, "manifest.json", text);
}

static int write_all(struct build *build)
{
    int r = write_layer(build);
    for (size_t i = 0; i < build->platforms.count && r == 0; i++) {
        r = write_platform(build, i);
    }
    if (r == 0) {
        r = write_index(build);
    }
    if (r < 0) {
        return r;
    }
    char *text = NULL;
    if (build_top_text(&build->platforms, &build->top, &build->reference, &text) < 0) {
        return fail_memory(build);
    }
    r = put_text(build, "index.json", text);
    if (r == 0) {
        r = build_output_put(&build->output, "oci-layout",
                             span_of("{\"imageLayoutVersion\":\"1.0.0\"}"), build->err);
    }
    if (r == 0) {
        r = write_docker(build);
    }
    return r < 0 ? r : build_output_commit(&build->output, build->err);
}

static int check_options(struct build *build)
{
    const struct image_options *options = build->options;
    int r = reference_parse(options->tag, &build->reference, build->err);
    if (r == 0) {
        r = build_platforms_set(&build->platforms, &options->index, build->err);
    }
    if (r == 0 && options->docker_archive && build->platforms.count < 2) {
        r = error_set(
            build->err, -EINVAL,
            "Docker's classic store takes no image for wasi/wasm; give --index linux/amd64 "
            "as well");
    }
    if (r == 0) {
        r = build_lists_check(options, build->err);
    }
    if (r < 0) {
        (void)error_set_exit(build->err, 2);
    }
    return r;
}

int build_image(const struct image_options *options, struct build_result *ret_result,
                struct error *err)
{
    struct build *build = calloc(1, sizeof *build);
    if (build == NULL) {
        return error_set(err, -ENOMEM, "out of memory for making an image");
    }
    build->options = options;
    build->err = err;
    build->output = (struct build_output){
        .path = options->output,
        .is_archive = text_has_ending(options->output, ".tar"),
        .is_forced = options->force,
        .mtime_s = options->epoch_s,
        .fd = -1,
        .layer_fd = -1,
    };
    int r = check_options(build);
    if (r == 0) {
        r = check_input(build);
    }
    if (r == 0) {
        r = build_output_open(&build->output, err);
    }
    if (r == 0) {
        r = write_all(build);
    }
    if (r == 0) {
        *ret_result = (struct build_result){.size = build->size};
        (void)snprintf(ret_result->name, sizeof ret_result->name, "%s", build->reference.full);
        (void)snprintf(ret_result->digest, sizeof ret_result->digest, "%s", build->top.digest);
    }
    build_output_done(&build->output);
    free(build);
    return r;
}
