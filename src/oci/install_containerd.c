/* containerd's config.toml, versions 2, 3 and 4. See install_parts.h.
 *
 * What is ours stands between two marks, as text. The file is parsed to know its version and what it
 * has, and the result is parsed before it is taken; it is never printed from a tree, which would cost
 * the user's comments. A drop-in by `imports` will not do: containerd 1 then takes the importing file's
 * table of the CRI plugin, or the imported one's, but does not merge them. */
#include <errno.h>
#include <string.h>

#include "config/toml.h"
#include "oci/install_parts.h"

static const char begin_mark[] = "# >>> hythe: put here by 'hythe install containerd --write'\n";
static const char end_mark[] = "# <<< hythe\n";
static const char plugin_of_2[] = "io.containerd.grpc.v1.cri";
static const char plugin_of_3[] = "io.containerd.cri.v1.runtime";

/* The text without what is ours. */
struct split {
    struct span head; /* up to our block, or all */
    struct span tail; /* behind it */
    bool has_block;
};

/* What the file says apart from us. */
struct facts {
    bool is_blank;
    bool is_3;         /* or 4 (containerd 2.3), which moved nothing of the CRI plugin's */
    bool has_runtimes; /* it names runtimes: containerd 1 adds no built-in ones to these */
    bool has_own;      /* one is called as ours is */
    bool lacks_runc;   /* it names runtimes and not runc, which is the default one */
    bool lacks_other;  /* the default is another one, and it does not name that */
    bool is_default;   /* the default is ours */
    bool has_imports;
    bool is_cri_off;
    bool is_systemd; /* its runtimes' cgroups are systemd's */
};

/* -- reading ---------------------------------------------------------------------------------- */

static const uint8_t *find_mark(struct span text, const char *mark)
{
    return text.len > 0 ? memmem(text.data, text.len, mark, strlen(mark)) : NULL;
}

static int split(const struct install *in, struct split *ret_split, struct error *err)
{
    struct span text = in->before;
    const uint8_t *begin = find_mark(text, begin_mark);
    const uint8_t *end = find_mark(text, end_mark);
    if (begin == NULL && end == NULL) {
        *ret_split = (struct split){.head = text};
        return 0;
    }
    if (begin == NULL || end == NULL || end < begin) {
        return error_set(
            err, -EBADMSG,
            "%s has one of the two marks around hythe's block and not the other; nothing "
            "was changed: mend that first",
            in->path);
    }
    const uint8_t *behind = end + strlen(end_mark);
    *ret_split = (struct split){
        .head = {text.data, (size_t)(begin - text.data)},
        .tail = {behind, (size_t)(text.data + text.len - behind)},
        .has_block = true,
    };
    return 0;
}

/* Follow keys into tables; NULL when one is not there. */
static const struct toml_value *get_in(const struct toml_value *table, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        table = toml_get(table, *keys);
    }
    return table;
}

static bool is_true(const struct toml_value *value)
{
    return value != NULL && value->type == TOML_BOOLEAN && strcmp(value->text, "true") == 0;
}

static bool has_systemd(const struct toml_value *runtimes)
{
    static const char *const keys[] = {"options", "SystemdCgroup", NULL};
    for (const struct toml_value *one = runtimes->first; one != NULL; one = one->next) {
        if (is_true(get_in(one, keys))) {
            return true;
        }
    }
    return false;
}

static bool has_cri(const struct toml_value *names)
{
    const struct toml_value *name = names != NULL ? names->first : NULL;
    for (; name != NULL; name = name->next) {
        bool is_text = name->type == TOML_STRING;
        if (is_text && (strcmp(name->text, "cri") == 0 || strcmp(name->text, plugin_of_2) == 0 ||
                        strcmp(name->text, plugin_of_3) == 0)) {
            return true;
        }
    }
    return false;
}

/* The CRI plugin does not load without the runtime of containers that ask for none. */
static void read_default(const struct toml_value *containerd, const struct toml_value *runtimes,
                         struct facts *facts)
{
    const struct toml_value *value = toml_get(containerd, "default_runtime_name");
    const char *name = value != NULL && value->type == TOML_STRING ? value->text : "runc";
    bool has_old_form = toml_get(containerd, "default_runtime") != NULL;
    bool is_lacking = !has_old_form && toml_get(runtimes, name) == NULL;
    facts->is_default = strcmp(name, "hythe") == 0;
    facts->lacks_runc = is_lacking && facts->has_runtimes && strcmp(name, "runc") == 0;
    facts->lacks_other = is_lacking && !facts->is_default && strcmp(name, "runc") != 0;
}

static void read_tree(const struct toml_value *root, struct facts *facts)
{
    const char *const keys[] = {"plugins", facts->is_3 ? plugin_of_3 : plugin_of_2, "containerd",
                                NULL};
    const struct toml_value *imports = toml_get(root, "imports");
    const struct toml_value *containerd = get_in(root, keys);
    const struct toml_value *runtimes = toml_get(containerd, "runtimes");
    facts->has_imports = imports != NULL && imports->count > 0;
    facts->is_cri_off = has_cri(toml_get(root, "disabled_plugins"));
    if (runtimes != NULL && runtimes->type == TOML_TABLE) {
        facts->has_runtimes = runtimes->count > 0;
        facts->has_own = toml_get(runtimes, "hythe") != NULL;
        facts->is_systemd = has_systemd(runtimes);
    }
    read_default(containerd, runtimes, facts);
}

/* Keep the first thing that is wrong. */
static void take_error(void *env, struct serve_place place, const char *message)
{
    struct error *err = env;
    if (err->code == 0) {
        (void)error_set(err, -EBADMSG, "line %u: %s", (unsigned)place.line, message);
    }
}

static int parse(const struct install *in, struct span text, struct toml_value **ret_root,
                 struct error *err)
{
    struct error cause = {0};
    int r = toml_parse((const char *)text.data, text.len, take_error, &cause, ret_root);
    if (r == -EINVAL) {
        return error_set(err, -EBADMSG, "%s: %s; nothing was changed", in->path, cause.text);
    }
    return r;
}

static int check_version(const struct install *in, const struct toml_value *root,
                         struct facts *facts, struct error *err)
{
    const struct toml_value *version = toml_get(root, "version");
    bool is_number = version != NULL && version->type == TOML_INTEGER;
    facts->is_3 = is_number && (strcmp(version->text, "3") == 0 || strcmp(version->text, "4") == 0);
    if (facts->is_3 || (is_number && strcmp(version->text, "2") == 0)) {
        return 0;
    }
    return error_set(
        err, -EINVAL,
        "%s is of another version than 2, 3 or 4, and nothing was changed; a file without "
        "'version =' is of version 1: 'containerd config migrate' prints it as a newer one",
        in->path);
}

static int check_facts(const struct install *in, const struct facts *facts, struct error *err)
{
    if (facts->is_cri_off) {
        return error_set(
            err, -EINVAL,
            "%s switches the CRI plugin off (disabled_plugins), so that nothing has to "
            "be said there: ctr, nerdctl and Docker find %s/bin/containerd-shim-hythe-v1 "
            "by --runtime io.containerd.hythe.v1",
            in->path, in->prefix);
    }
    if (facts->has_own) {
        return error_set(err, -EEXIST,
                         "%s has a runtime called hythe outside of our marks; nothing was changed: "
                         "remove that first",
                         in->path);
    }
    return 0;
}

/* `text` is what the file says without our block. */
static int read_facts(const struct install *in, struct span text, struct facts *facts,
                      struct error *err)
{
    struct toml_value *root = NULL;
    *facts = (struct facts){.is_blank = install_is_blank(text)};
    if (facts->is_blank) {
        return 0;
    }
    int r = parse(in, text, &root, err);
    r = r < 0 ? r : check_version(in, root, facts, err);
    if (r == 0) {
        read_tree(root, facts);
    }
    toml_free(root);
    return r < 0 ? r : check_facts(in, facts, err);
}

/* -- writing ---------------------------------------------------------------------------------- */

/* A runtime of the CRI plugin, by the shim of runc with another program in runc's place: unlike a
 * shim of our own it need not be on containerd's PATH, and takes the options that runc takes. */
static int append_runtime(const struct install *in, const struct facts *facts, const char *name,
                          struct buffer *out)
{
    const char *plugin = facts->is_3 ? plugin_of_3 : plugin_of_2;
    bool is_own = strcmp(name, "hythe") == 0;
    int r = buffer_printf(out,
                          "[plugins.\"%s\".containerd.runtimes.%s]\n"
                          "  runtime_type = \"io.containerd.runc.v2\"\n",
                          plugin, name);
    if (r == 0 && !is_own && facts->lacks_runc) {
        return 0; /* containerd 2 keeps what else its own runc has */
    }
    if (r == 0 && is_own) {
        r = buffer_append(out, span_of("  pod_annotations = [\"io.hythe.*\", \"run.oci.handler\", "
                                       "\"module.wasm.image/*\"]\n"));
    }
    r = r < 0 ? r
              : buffer_printf(out, "  [plugins.\"%s\".containerd.runtimes.%s.options]\n", plugin,
                              name);
    if (r == 0 && is_own) {
        r = buffer_printf(out, "    BinaryName = \"%s/bin/hythe-runc\"\n", in->prefix);
    }
    return r < 0 ? r
                 : buffer_printf(out, "    SystemdCgroup = %s\n",
                                 facts->is_systemd ? "true" : "false");
}

static int append_block(const struct install *in, const struct facts *facts, struct buffer *out)
{
    int r = facts->is_blank ? buffer_append(out, span_of("version = 2\n")) : 0;
    if (r == 0 && (!facts->has_runtimes || facts->lacks_runc)) {
        /* Named runtimes replace the built-in one, which all other pods use, in containerd 1. */
        r = append_runtime(in, facts, "runc", out);
    }
    return r < 0 ? r : append_runtime(in, facts, "hythe", out);
}

static int add_notes(const struct install *in, const struct facts *facts)
{
    int r =
        facts->has_imports
            ? buffer_append(in->notes,
                            span_of("config.toml imports other files; where these have a table of "
                                    "the CRI plugin, look at 'containerd config dump'\n"))
            : 0;
    if (r == 0 && facts->lacks_runc) {
        r = buffer_append(
            in->notes,
            span_of("config.toml names runtimes, and runc, the default one, is not among "
                    "them: without it containerd 1 runs no pod, so it is named, too\n"));
    }
    if (r == 0 && facts->lacks_other && !facts->has_imports) {
        r = buffer_append(in->notes,
                          span_of("config.toml has a default_runtime_name that is none of its "
                                  "runtimes' names: as it is, containerd runs no pod\n"));
    }
    if (r == 0 && (!facts->is_systemd || facts->lacks_runc)) {
        r = buffer_append(
            in->notes, span_of("if the kubelet's cgroupDriver is systemd, SystemdCgroup has to be "
                               "true, for runc as for hythe\n"));
    }
    return r;
}

/* Append the file with our block; where it was before, or at the end. */
static int append_file(const struct install *in, const struct split *parts,
                       const struct facts *facts, struct buffer *out)
{
    int r = buffer_append(out, parts->head);
    if (r == 0 && out->len > 0 && out->data[out->len - 1] != '\n') {
        r = buffer_append(out, span_of("\n"));
    }
    r = r < 0 ? r : buffer_append(out, span_of(begin_mark));
    r = r < 0 ? r : append_block(in, facts, out);
    r = r < 0 ? r : buffer_append(out, span_of(end_mark));
    return r < 0 ? r : buffer_append(out, parts->tail);
}

/* Append the text without our block. */
static int append_rest(const struct split *parts, struct buffer *out)
{
    int r = buffer_append(out, parts->head);
    return r < 0 ? r : buffer_append(out, parts->tail);
}

static int read_file(const struct install *in, struct split *parts, struct facts *facts,
                     struct error *err)
{
    struct buffer rest;
    buffer_init(&rest, INSTALL_FILE_MAX);
    int r = split(in, parts, err);
    r = r < 0 ? r : append_rest(parts, &rest);
    r = r < 0 ? r : read_facts(in, buffer_span(&rest), facts, err);
    buffer_done(&rest);
    return r;
}

int install_containerd_print(const struct install *in, struct buffer *out, struct error *err)
{
    struct split parts = {0};
    struct facts facts = {0};
    int r = read_file(in, &parts, &facts, err);
    r = r < 0 ? r : append_block(in, &facts, out);
    return r < 0 ? r : add_notes(in, &facts);
}

int install_containerd_put(const struct install *in, struct buffer *out, struct error *err)
{
    struct split parts = {0};
    struct facts facts = {0};
    struct toml_value *root = NULL;
    int r = read_file(in, &parts, &facts, err);
    r = r < 0 ? r : append_file(in, &parts, &facts, out);
    /* A table of the file may be such that ours cannot be added to it. */
    r = r < 0 ? r : parse(in, buffer_span(out), &root, err);
    toml_free(root);
    return r < 0 ? r : add_notes(in, &facts);
}

/* What cannot be read does not run either: our block goes from there, too. */
static int check_drop(const struct install *in, struct span rest, struct error *err)
{
    struct toml_value *root = NULL;
    struct facts facts = {0};
    struct error ignored = {0};
    int r = parse(in, rest, &root, &ignored);
    if (r == 0 && check_version(in, root, &facts, &ignored) == 0) {
        read_tree(root, &facts);
    }
    toml_free(root);
    if (facts.is_default && !facts.has_own) {
        return error_set(err, -EBUSY,
                         "%s has default_runtime_name = \"hythe\", without which containerd runs "
                         "no pod; nothing was changed: change that first",
                         in->path);
    }
    return r == -ENOMEM ? r : 0;
}

int install_containerd_drop(const struct install *in, struct buffer *out, struct error *err)
{
    struct split parts = {0};
    int r = split(in, &parts, err);
    r = r < 0 ? r : append_rest(&parts, out);
    return r < 0 || !parts.has_block ? r : check_drop(in, buffer_span(out), err);
}
