/* Changing config.json. See rewrite.h.
 *
 * A few places of the text are replaced; all other bytes stay. Printing a parsed tree anew would turn
 * 18446744073709551615, a limit that means "none", into 1.8446744073709552e+19, which runc refuses. */
#include "oci/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/json.h"
#include "oci/file.h"
#include "oci/json_text.h"
#include "oci/precompile.h"

enum { REWRITE_NAME_MAX = 256, REWRITE_PATH_MAX = 4096 };

static int append_args(struct buffer *out, const struct strings *args)
{
    struct json_writer writer = {0};
    const char *const *items = (const char *const *)args->items;
    return json_append_tree(&writer, json_texts(&writer, items, args->count), out);
}

/* Append a bind mount of the host's `source`. */
static int append_mount(struct buffer *out, const char *source, const char *place)
{
    static const char *const options[] = {"rbind", "ro", "nosuid", "nodev", "rprivate"};
    struct json_writer writer = {0};
    cJSON *mount = cJSON_CreateObject();
    json_put_text(&writer, mount, "destination", place);
    json_put_text(&writer, mount, "type", "bind");
    json_put_text(&writer, mount, "source", source);
    json_put(&writer, mount, "options", json_texts(&writer, options, ARRAY_COUNT(options)));
    return json_append_tree(&writer, mount, out);
}

/* The module's place in the arguments is where its compiled form is to be seen. */
static int append_compiled(struct buffer *out, const struct plan *plan)
{
    int r = buffer_append(out, span_of(","));
    return r < 0 ? r : append_mount(out, plan->compiled, plan->args.items[plan->module_index]);
}

static int append_certificates(struct buffer *out, const char *host)
{
    char source[REWRITE_PATH_MAX];
    int len = snprintf(source, sizeof source, "%s/ca-certificates.crt", host);
    if (len < 0 || (size_t)len >= sizeof source) {
        return -ENAMETOOLONG;
    }
    int r = buffer_append(out, span_of(","));
    return r < 0 ? r : append_mount(out, source, PLAN_CERTIFICATES);
}

static int append_mounts(const struct plan *plan, const char *host, struct buffer *out)
{
    int r = append_mount(out, host, plan->place);
    if (r == 0 && plan->compiled != NULL) {
        r = append_compiled(out, plan);
    }
    return r < 0 || !plan->needs_certificates ? r : append_certificates(out, host);
}

enum edit_kind { EDIT_ARGS, EDIT_MOUNTS, EDIT_FORCED };
enum { FORCED_COUNT = 2, EDIT_COUNT_MAX = 2 + FORCED_COUNT };

/* A place of the text, and what comes there. */
struct edit {
    const uint8_t *at;
    size_t drop; /* bytes that go */
    enum edit_kind kind;
};

/* crun may have engines of its own, and these force one upon whatever the first argument is by
 * now. With "-smart" behind, which is how the edit changes them, it looks first and leaves ours
 * alone. */
static size_t find_forced(const struct spec *spec, struct edit *edits)
{
    static const struct {
        const char *name;
        const char *value;
    } forced[FORCED_COUNT] = {{"run.oci.handler", "wasm"}, {"module.wasm.image/variant", "compat"}};
    struct span annotations;
    struct span value;
    size_t count = 0;
    if (!json_text_member(spec->text, "annotations", &annotations)) {
        return 0;
    }
    for (size_t i = 0; i < FORCED_COUNT; i++) {
        const char *is = spec_annotation(spec, forced[i].name);
        if (is != NULL && strcmp(is, forced[i].value) == 0 &&
            json_text_member(annotations, forced[i].name, &value)) {
            edits[count] = (struct edit){value.data + value.len - 1, 0, EDIT_FORCED};
            count++;
        }
    }
    return count;
}

/* Fill in what is to be done, from the front of the text to its end; gives how much there is. */
static size_t find_edits(const struct spec *spec, struct edit *edits)
{
    const struct span mounts = spec->mounts_text;
    edits[0] = (struct edit){spec->args_text.data, spec->args_text.len, EDIT_ARGS};
    /* Before the bracket that ends the list, or behind the brace that begins the object. */
    edits[1] = (struct edit){mounts.len > 0 ? mounts.data + mounts.len - 1 : spec->text.data + 1, 0,
                             EDIT_MOUNTS};
    size_t count = 2 + find_forced(spec, edits + 2);
    for (size_t i = 1; i < count; i++) {
        struct edit moved = edits[i];
        size_t place = i;
        for (; place > 0 && edits[place - 1].at > moved.at; place--) {
            edits[place] = edits[place - 1];
        }
        edits[place] = moved;
    }
    return count;
}

/* Append our mounts with what separates them from the others. They come last: over all others. */
static int append_mounts_edit(const struct spec *spec, const struct plan *plan, const char *host,
                              struct buffer *out)
{
    bool is_list = spec->mounts_text.len > 0;
    bool is_first = is_list && cJSON_GetArraySize(spec->mounts) == 0;
    int r = buffer_append(out, span_of(!is_list ? "\"mounts\":[" : is_first ? "" : ","));
    r = r < 0 ? r : append_mounts(plan, host, out);
    return r < 0 || is_list ? r : buffer_append(out, span_of("],"));
}

int rewrite_text(const struct spec *spec, const struct plan *plan, const char *host,
                 struct buffer *out)
{
    struct edit edits[EDIT_COUNT_MAX];
    size_t count = find_edits(spec, edits);
    const uint8_t *from = spec->text.data;
    const uint8_t *end = spec->text.data + spec->text.len;
    for (size_t i = 0; i < count; i++) {
        int r = buffer_append(out, (struct span){from, (size_t)(edits[i].at - from)});
        if (r == 0) {
            r = edits[i].kind == EDIT_ARGS     ? append_args(out, &plan->args)
                : edits[i].kind == EDIT_MOUNTS ? append_mounts_edit(spec, plan, host, out)
                                               : buffer_append(out, span_of("-smart"));
        }
        if (r < 0) {
            return r;
        }
        from = edits[i].at + edits[i].drop;
    }
    return buffer_append(out, (struct span){from, (size_t)(end - from)});
}

/* -- the bundle ------------------------------------------------------------------------------- */

/* The folder must be there before a container is made that needs it. */
static int check_host(const char *host, struct error *err)
{
    struct stat st;
    char path[REWRITE_PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/ld.so", host);
    if (host[0] != '/' || len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0) {
        return error_set(err, -ENOENT,
                         "%s: the folder with the host that runs inside containers is not there; "
                         "make it with scripts/portable, or name it in /etc/hythe/runc.conf: "
                         "host = FOLDER",
                         host);
    }
    return 0;
}

static int replace(int dir_fd, const char *name, struct span text, struct error *err)
{
    char kept[REWRITE_NAME_MAX];
    int len = snprintf(kept, sizeof kept, "%s.hythe", name);
    int r = len < 0 || (size_t)len >= sizeof kept ? -ENAMETOOLONG
                                                  : file_replace(dir_fd, name, kept, text);
    return r < 0 ? error_set_errno(err, r, "writing %s of the bundle", name) : 0;
}

/* Where that cannot be done, the container does it. */
static void compile_ahead(const struct rewrite *rewrite, struct plan *plan)
{
    char path[PRECOMPILE_PATH_MAX];
    const struct precompile job = {.host = rewrite->host, .folder = rewrite->cache};
    if (rewrite->cache != NULL && plan->module_fd >= 0 &&
        precompile_get(&job, plan->module_fd, path) == 0) {
        (void)plan_use_compiled(plan, path); /* as above */
    }
}

/* Everything about one file, whose text is `text`. */
static int rewrite_file(const struct rewrite *rewrite, int bundle_fd, struct span text,
                        struct buffer *out, struct error *err)
{
    struct spec spec;
    struct plan plan = {.module_fd = -1};
    if (!spec_read(&spec, text)) {
        return 0;
    }
    int r = plan_make(&spec, bundle_fd, rewrite->is_activated, &plan, err);
    if (r == 0 && plan.is_wrapped) {
        r = check_host(rewrite->host, err);
        if (r == 0) {
            compile_ahead(rewrite, &plan);
            r = rewrite_text(&spec, &plan, rewrite->host, out);
            r = r < 0 ? error_set_errno(err, r, "rewriting the bundle's configuration") : 0;
        }
    }
    plan_done(&plan);
    spec_done(&spec);
    return r;
}

static int rewrite_in(const struct rewrite *rewrite, int bundle_fd, int dir_fd, const char *name,
                      struct error *err)
{
    struct buffer text;
    struct buffer out;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return 0; /* the real runtime says so */
    }
    buffer_init(&text, REWRITE_MAX);
    buffer_init(&out, REWRITE_MAX);
    int r = file_read(fd, &text);
    (void)close(fd); /* was only read */
    if (r == 0) {
        r = rewrite_file(rewrite, bundle_fd, buffer_span(&text), &out, err);
    } else {
        r = r == -ENOMEM ? error_set_errno(err, r, "reading the bundle's configuration") : 0;
    }
    if (r == 0 && out.len > 0) {
        r = replace(dir_fd, name, buffer_span(&out), err);
    }
    buffer_done(&text);
    buffer_done(&out);
    return r;
}

/* Take crun's --config FILE apart: it need not lie in the bundle. */
static int rewrite_other(const struct rewrite *rewrite, int bundle_fd, struct error *err)
{
    const char *slash = strrchr(rewrite->config, '/');
    if (slash == NULL) {
        return rewrite_in(rewrite, bundle_fd, bundle_fd, rewrite->config, err);
    }
    char *dir = strndup(rewrite->config, (size_t)(slash - rewrite->config) + 1);
    if (dir == NULL) {
        return error_set_errno(err, -ENOMEM, "reading the bundle's configuration");
    }
    int r = 0;
    int dir_fd = openat(bundle_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        r = rewrite_in(rewrite, bundle_fd, dir_fd, slash + 1, err);
        (void)close(dir_fd); /* only a place */
    }
    free(dir);
    return r;
}

int rewrite_bundle(const struct rewrite *rewrite, struct error *err)
{
    int bundle_fd = open(rewrite->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bundle_fd < 0) {
        return 0; /* the real runtime says so */
    }
    int r = rewrite->config != NULL ? rewrite_other(rewrite, bundle_fd, err)
                                    : rewrite_in(rewrite, bundle_fd, bundle_fd, "config.json", err);
    (void)close(bundle_fd); /* only a place */
    return r;
}
