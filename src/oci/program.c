/* From an image to its module. See program.h.
 *
 * An image is chosen by its platform: one for WebAssembly before one for Linux. Its layers are
 * read once to learn which files there are, and to verify them; the layer that has the entry point is
 * read again to copy that one file into memory. An artifact's layer is the module itself. */
#include "oci/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/container.h"
#include "base/text.h"
#include "oci/file.h"
#include "oci/layer.h"
#include "oci/real.h"
#include "oci/rootfs.h"

enum {
    EXIT_NOT_FOUND = 127,
    EXIT_CANNOT_RUN = 126,
    MODULE_BYTES_MAX = 512 << 20,
};

static const uint64_t image_bytes_max = UINT64_C(8) << 30; /* of all layers, unpacked */

/* How well an image's platform suits; the best comes first. */
enum rank { RANK_WASM, RANK_WASM32, RANK_ARTIFACT, RANK_WASI, RANK_NATIVE, RANK_LINUX, RANK_NONE };

/* -- names ------------------------------------------------------------------------------------ */

static const char *strip_prefix(const char *name)
{
    static const char *const prefixes[] = {"oci-archive:", "oci:"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], len) == 0 && name[len] != '\0') {
            return name + len;
        }
    }
    return NULL;
}

/* Take PATH or PATH:TAG apart. A path may have colons; only where there is no such file the last
 * parts of it are a tag. 0 with an owned path and a borrowed tag, or -ENOMEM. */
static int split_tag(const char *name, char **ret_path, const char **ret_tag)
{
    const char *colon = access(name, F_OK) < 0 ? strchr(name, ':') : NULL;
    for (; colon != NULL; colon = strchr(colon + 1, ':')) {
        char *before = strndup(name, (size_t)(colon - name));
        if (before == NULL) {
            return -ENOMEM;
        }
        if (colon[1] != '\0' && access(before, F_OK) == 0) {
            *ret_path = before;
            *ret_tag = colon + 1;
            return 0;
        }
        free(before);
    }
    *ret_path = strdup(name);
    *ret_tag = NULL;
    return *ret_path == NULL ? -ENOMEM : 0;
}

bool program_is_image(const char *name)
{
    char *path = NULL;
    const char *tag = NULL;
    if (strip_prefix(name) != NULL) {
        return true;
    }
    bool is_image = split_tag(name, &path, &tag) == 0 && layout_is_at(path);
    free(path);
    return is_image;
}

int program_open_layout(const char *name, struct layout **ret_layout, const char **ret_tag,
                        struct error *err)
{
    const char *rest = strip_prefix(name);
    const char *tag = NULL;
    char *path = NULL;
    if (split_tag(rest != NULL ? rest : name, &path, &tag) < 0) {
        return error_set(err, -ENOMEM, "out of memory for a path");
    }
    int r = layout_open(path, ret_layout, err);
    free(path);
    if (r < 0) {
        bool is_lacking = r == -ENOENT || r == -ENOTDIR;
        (void)error_set_exit(err, is_lacking ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
        return r;
    }
    *ret_tag = tag;
    return 0;
}

/* -- choosing --------------------------------------------------------------------------------- */

/* The processor as OCI calls it; "" for one that it is not known for. */
static const char *native_architecture(const struct utsname *host)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"riscv64", "riscv64"}, {"s390x", "s390x"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(host->machine, names[i][0]) == 0) {
            return names[i][1];
        }
    }
    return "";
}

static enum rank rank_of(const struct image *image)
{
    struct utsname host = {0};
    bool is_wasi = strncmp(image->os, "wasi", 4) == 0;
    if (image_wasm_layer(image) != NULL) {
        return RANK_ARTIFACT;
    }
    if (is_wasi && strcmp(image->architecture, "wasm") == 0) {
        return RANK_WASM;
    }
    if (is_wasi && strcmp(image->architecture, "wasm32") == 0) {
        return RANK_WASM32;
    }
    if (is_wasi || strncmp(image->architecture, "wasm", 4) == 0) {
        return RANK_WASI;
    }
    if (strcmp(image->os, "linux") != 0) {
        return RANK_NONE;
    }
    (void)uname(&host); /* without it no architecture is the host's own */
    return strcmp(image->architecture, native_architecture(&host)) == 0 ? RANK_NATIVE : RANK_LINUX;
}

static bool has_tag(const struct image *image, const char *tag)
{
    size_t len = strlen(tag);
    if ((image->tag != NULL && strcmp(image->tag, tag) == 0) ||
        (image->name != NULL && strcmp(image->name, tag) == 0)) {
        return true;
    }
    /* app:1 of docker.io/library/app:1 */
    size_t name_len = image->name != NULL ? strlen(image->name) : 0;
    return name_len > len && strcmp(image->name + name_len - len, tag) == 0 &&
           strchr("/:", image->name[name_len - len - 1]) != NULL;
}

static const char *shown_name(const struct image *image)
{
    if (image->name != NULL) {
        return image->name;
    }
    return image->tag != NULL ? image->tag : image->digest;
}

/* Several platforms of one image have one name; without a tag there may be one name only. */
static int check_single(const struct images *images, const char *tag, struct error *err)
{
    const struct image *first = NULL;
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->items[i];
        if ((tag != NULL && !has_tag(image, tag)) || rank_of(image) == RANK_NONE) {
            continue;
        }
        bool is_named = image->name != NULL || image->tag != NULL;
        if (first != NULL && is_named && strcmp(shown_name(first), shown_name(image)) != 0) {
            return error_set(err, -EINVAL,
                             "it holds several images, '%s' and '%s' among them; put a colon and "
                             "the name of one behind the path",
                             shown_name(first), shown_name(image));
        }
        first = first == NULL && is_named ? image : first;
    }
    return 0;
}

/* -- reading ---------------------------------------------------------------------------------- */

static int add_layer(struct rootfs *rootfs, struct layer *layer, struct error *err)
{
    const struct tar_options options = {
        .read = layer_read, .context = layer, .max_entries = ROOTFS_NODES_MAX};
    const struct tar_entry *entry = NULL;
    struct tar *tar = NULL;
    int r = tar_new(&options, &tar);
    if (r < 0) {
        return error_set(err, r, "out of memory for reading a layer");
    }
    rootfs_next_layer(rootfs);
    do {
        r = tar_next(tar, &entry, err);
        if (r > 0) {
            int added = rootfs_add(rootfs, entry, err);
            r = added < 0 ? added : r;
        }
    } while (r > 0);
    tar_free(tar);
    return r;
}

static int fill_rootfs(const struct layout *layout, const struct image *image,
                       struct rootfs *rootfs, struct error *err)
{
    uint64_t left = image_bytes_max;
    for (size_t i = 0; i < image->layer_count; i++) {
        struct layer *layer = NULL;
        int r = layer_open(layout, &image->layers[i], left, &layer, err);
        if (r < 0) {
            return r;
        }
        r = add_layer(rootfs, layer, err);
        if (r == 0) {
            r = layer_finish(layer, err);
        }
        left -= r == 0 ? layer_unpacked(layer) : 0;
        layer_close(layer);
        if (r < 0) {
            return error_wrap(err, "layer %zu", i + 1);
        }
    }
    return 0;
}

/* Find what a shell's rules would: a name with a slash from the working directory, another one in
 * PATH and then there. */
static int find_entry(const struct image *image, const struct rootfs *rootfs, const char *word,
                      struct rootfs_file *ret_file)
{
    char path[2 * TAR_NAME_MAX];
    const char *folders = REAL_DEFAULT_PATH;
    struct span folder;
    for (size_t i = 0; i < image->env.count; i++) {
        if (strncmp(image->env.items[i], "PATH=", 5) == 0) {
            folders = image->env.items[i] + 5;
        }
    }
    while (strchr(word, '/') == NULL && text_next_part(&folders, ':', &folder)) {
        int made = snprintf(path, sizeof path, "%.*s/%s", (int)folder.len,
                            (const char *)folder.data, word);
        bool is_path = folder.len > 0 && made > 0 && (size_t)made < sizeof path;
        if (is_path && rootfs_find(rootfs, path, ret_file) == 0) {
            return 0;
        }
    }
    const char *dir = word[0] == '/' ? "" : image->working_dir;
    int made = snprintf(path, sizeof path, "%s/%s", dir, word);
    if (made < 0 || (size_t)made >= sizeof path) {
        return -ENAMETOOLONG;
    }
    return rootfs_find(rootfs, path, ret_file);
}

/* Refuse what is no module by its first bytes. A compiled one is machine code, which may come from
 * the operator only, never from an image. */
static int check_magic(const uint8_t *bytes, size_t len, const char *entry, struct error *err)
{
    if (len >= 4 && memcmp(bytes, "\0asm", 4) == 0) {
        return 0;
    }
    size_t at = 0;
    while (at < len && isspace(bytes[at])) {
        at++;
    }
    if (text_has_ending(entry, ".wat") && at < len && (bytes[at] == '(' || bytes[at] == ';')) {
        return 0;
    }
    if (text_has_ending(entry, ".toml")) {
        return error_set(
            err, -ENOEXEC,
            "its entry point is %s, a configuration with further files; run the image "
            "with a container engine (see hythe-image(1)), or unpack it and serve that "
            "file",
            entry);
    }
    return error_set(err, -ENOEXEC, "its entry point %s is no WebAssembly module%s", entry,
                     len >= 4 && memcmp(bytes, "\177ELF", 4) == 0 ? ": it is machine code" : "");
}

/* -- the module ------------------------------------------------------------------------------- */

/* Copy `size` bytes from where the layer is into the memfd. */
static int copy_module(struct layer *layer, uint64_t size, struct program *program,
                       struct error *err)
{
    uint8_t bytes[32768];
    uint64_t left = size;
    if (size == 0) {
        return error_set(err, -ENOEXEC, "its entry point %s is empty", program->entry);
    }
    while (left > 0) {
        size_t got = 0;
        size_t part = left < sizeof bytes ? (size_t)left : sizeof bytes;
        int r = layer_read(layer, bytes, part, &got, err);
        if (r < 0) {
            return r;
        }
        if (got == 0) {
            return error_set(err, -EBADMSG, "the layer is cut short");
        }
        if (left == size) {
            r = check_magic(bytes, got, program->entry, err);
            if (r < 0) {
                return r;
            }
        }
        r = file_write(program->fd, (struct span){bytes, got});
        if (r < 0) {
            return error_set_errno(err, r, "keeping the module in memory");
        }
        left -= got;
    }
    return 0;
}

static int skip_bytes(struct layer *layer, uint64_t len, struct error *err)
{
    uint8_t waste[32768];
    while (len > 0) {
        size_t got = 0;
        size_t part = len < sizeof waste ? (size_t)len : sizeof waste;
        int r = layer_read(layer, waste, part, &got, err);
        if (r < 0) {
            return r;
        }
        if (got == 0) {
            return error_set(err, -EBADMSG, "the layer is cut short");
        }
        len -= got;
    }
    return 0;
}

static int make_memfd(struct program *program, struct error *err)
{
    program->fd = memfd_create("module", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (program->fd < 0) {
        return error_set_errno(err, -errno, "making room for the module in memory");
    }
    (void)snprintf(program->path, sizeof program->path, "/proc/self/fd/%d", program->fd);
    return 0;
}

static int take_module(const struct layout *layout, const struct image_layer *row,
                       const struct rootfs_file *file, struct program *program, struct error *err)
{
    struct layer *layer = NULL;
    if (file->size > MODULE_BYTES_MAX) {
        return error_set(err, -EFBIG, "its module has %llu bytes, more than %d",
                         (unsigned long long)file->size, (int)MODULE_BYTES_MAX);
    }
    int r = make_memfd(program, err);
    if (r < 0) {
        return r;
    }
    r = layer_open(layout, row, image_bytes_max, &layer, err);
    if (r == 0) {
        r = skip_bytes(layer, file->offset, err);
    }
    if (r == 0) {
        r = copy_module(layer, file->size, program, err);
    }
    if (r == 0) {
        r = layer_finish(layer, err); /* it may have been changed since it was first read */
    }
    layer_close(layer);
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (r == 0 && fcntl(program->fd, F_ADD_SEALS, seals) < 0) {
        r = error_set_errno(err, -errno, "sealing the module in memory");
    }
    return r;
}

/* A directory stands for the hythe.toml in it, as for hythe-runc. */
static int find_site(const struct image *image, const struct rootfs *rootfs, const char *word,
                     struct rootfs_file *ret_file)
{
    char path[TAR_NAME_MAX];
    int made = snprintf(path, sizeof path, "%s/hythe.toml", word);
    bool is_there =
        made > 0 && (size_t)made < sizeof path && find_entry(image, rootfs, path, ret_file) == 0;
    return is_there ? 0 : -EISDIR;
}

static int take_entry(const struct layout *layout, const struct image *image,
                      const struct rootfs *rootfs, struct program *program, struct error *err)
{
    struct rootfs_file file;
    const char *word = program->argv0;
    int r = find_entry(image, rootfs, word, &file);
    if (r == -EISDIR) {
        r = find_site(image, rootfs, word, &file);
    }
    if (r < 0) {
        return error_set(err, -ENOEXEC, "its entry point '%s' %s", word,
                         r == -EISDIR   ? "is a directory"
                         : r == -EINVAL ? "is neither a file nor a directory"
                                        : "is not in the image");
    }
    program->entry = strdup(file.path);
    if (program->entry == NULL) {
        return error_set(err, -ENOMEM, "out of memory for a path");
    }
    return take_module(layout, &image->layers[file.layer], &file, program, err);
}

static int from_layers(const struct layout *layout, const struct image *image,
                       struct program *program, struct error *err)
{
    struct rootfs *rootfs = NULL;
    if (program->argv0[0] == '\0') {
        return error_set(err, -ENOEXEC, "it has no entry point: neither Entrypoint nor Cmd");
    }
    int r = rootfs_new(&rootfs);
    if (r < 0) {
        return error_set(err, r, "out of memory for an image's files");
    }
    r = fill_rootfs(layout, image, rootfs, err);
    if (r == 0) {
        r = take_entry(layout, image, rootfs, program, err);
    }
    rootfs_free(rootfs);
    return r;
}

static int from_artifact(const struct layout *layout, const struct image_layer *row,
                         struct program *program, struct error *err)
{
    struct rootfs_file file = {.size = row->size};
    program->entry = strdup("");
    if (program->entry == NULL) {
        return error_set(err, -ENOMEM, "out of memory for a path");
    }
    return take_module(layout, row, &file, program, err);
}

/* -- what goes with it ------------------------------------------------------------------------ */

static int add_args(struct program *program, const struct image *image)
{
    const struct strings *lists[] = {&image->entrypoint, &image->cmd};
    const char *argv0 = NULL;
    int r = 0;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        for (size_t j = 0; j < lists[i]->count && r == 0; j++) {
            if (argv0 == NULL) {
                argv0 = lists[i]->items[j];
            } else {
                r = strings_add(&program->args, lists[i]->items[j]);
            }
        }
        if (i == 0) {
            program->entrypoint_arg_count = program->args.count;
        }
    }
    program->argv0 = strdup(argv0 != NULL ? argv0 : "");
    return program->argv0 == NULL ? -ENOMEM : r;
}

static int describe(struct program *program, const struct image *image)
{
    int r = add_args(program, image);
    for (size_t i = 0; i < image->env.count && r == 0; i++) {
        r = strings_add(&program->env, image->env.items[i]);
    }
    program->image = strdup(shown_name(image));
    if (asprintf(&program->platform, "%s/%s", image->os, image->architecture) < 0) {
        program->platform = NULL;
    }
    return program->image == NULL || program->platform == NULL ? -ENOMEM : r;
}

static int open_image(const struct layout *layout, const struct image *image,
                      struct program **ret_program, struct error *err)
{
    struct program *program = calloc(1, sizeof *program);
    const struct image_layer *wasm = image_wasm_layer(image);
    int r = -ENOMEM;
    if (program != NULL) {
        program->fd = -1;
        r = describe(program, image);
    }
    if (r < 0) {
        program_free(program);
        return error_set(err, r, "out of memory for an image's configuration");
    }
    r = wasm != NULL ? from_artifact(layout, wasm, program, err)
                     : from_layers(layout, image, program, err);
    if (r < 0) {
        (void)error_wrap(err, "%s", program->platform);
        program_free(program);
        return r == -ENOENT ? -EBADMSG : r; /* a blob that is not there: the image is damaged */
    }
    *ret_program = program;
    return 0;
}

void program_free(struct program *program)
{
    if (program == NULL) {
        return;
    }
    if (program->fd >= 0) {
        (void)close(program->fd); /* it lies in memory: nothing is left to fail */
    }
    free(program->image);
    free(program->platform);
    free(program->entry);
    free(program->argv0);
    strings_done(&program->args);
    strings_done(&program->env);
    free(program);
}

/* Try the images of one rank. 0; -ENOEXEC when none has a module; -ENOENT when there is none. */
static int try_rank(const struct layout *layout, const struct images *images, const char *tag,
                    enum rank rank, struct program **ret_program, struct error *err)
{
    int result = -ENOENT;
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->items[i];
        if (rank_of(image) != rank || (tag != NULL && !has_tag(image, tag))) {
            continue;
        }
        int r = open_image(layout, image, ret_program, err);
        if (r != -ENOEXEC) {
            return r;
        }
        result = r;
    }
    return result;
}

int program_choose(const struct layout *layout, const struct images *images, const char *tag,
                   struct program **ret_program, struct error *err)
{
    int result = -ENOENT;
    int r = check_single(images, tag, err);
    for (int rank = RANK_WASM; rank < RANK_NONE && r == 0; rank++) {
        struct error reason = {0};
        int tried = try_rank(layout, images, tag, (enum rank)rank, ret_program, &reason);
        if (tried == 0) {
            return 0;
        }
        if (result == -ENOENT && tried != -ENOENT && err != NULL) {
            *err = reason; /* the reason of the best one is the one to tell */
        }
        result = tried != -ENOENT && result == -ENOENT ? tried : result;
        r = tried == -ENOENT || tried == -ENOEXEC ? 0 : tried;
        if (r < 0 && err != NULL) {
            *err = reason;
        }
    }
    if (r == 0 && result == -ENOENT) {
        r = tag != NULL ? error_set(err, -ENOEXEC, "it holds no image '%s' that hythe can run", tag)
                        : error_set(err, -ENOEXEC,
                                    "it holds no image for wasi/wasm or linux, the platforms that "
                                    "hythe can run");
    }
    r = r < 0 ? r : result;
    (void)error_wrap(err, "%s", layout_path(layout));
    (void)error_set_exit(err, EXIT_CANNOT_RUN);
    return r;
}

int program_open(const char *name, struct program **ret_program, struct error *err)
{
    struct layout *layout = NULL;
    struct images images = {0};
    const char *tag = NULL;
    int r = program_open_layout(name, &layout, &tag, err);
    if (r < 0) {
        return r;
    }
    r = images_read(layout, &images, err);
    if (r < 0) {
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
    } else {
        r = program_choose(layout, &images, tag, ret_program, err);
        images_done(&images);
    }
    layout_close(layout);
    return r;
}
