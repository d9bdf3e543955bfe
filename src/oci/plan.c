/* From a container's description to hythe's command line. See plan.h.
 *
 *   1. pause containers, containers that say so, and all that is no WebAssembly are left alone
 *   2. run or serve: what the annotation says, else by what the file is
 *   3. loader, program, command, options for it, "--", the file, the container's own arguments
 *
 * Each setting is an annotation, io.hythe.NAME, or else a variable of the container, HYTHE_NAME:
 * Docker's older clients cannot set the former. */
#include "oci/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "oci/entry.h"

enum { PLAN_NAME_MAX = 64 };

static const char default_listen[] = "0.0.0.0:8080";

enum plan_command { COMMAND_AUTO, COMMAND_RUN, COMMAND_SERVE, COMMAND_NONE };

/* A plan being made. */
struct planner {
    const struct spec *spec;
    int bundle_fd;
    bool is_activated;
    bool is_served;
    enum plan_command command; /* as asked for */
    struct entry entry;
    struct plan *plan;
    struct error *err;
};

/* -- settings --------------------------------------------------------------------------------- */

/* NULL when it is not set. "dirs" is io.hythe.dirs and HYTHE_DIRS. */
static const char *setting(const struct spec *spec, const char *name)
{
    char key[PLAN_NAME_MAX] = "io.hythe.";
    char variable[PLAN_NAME_MAX] = "HYTHE_";
    size_t key_len = strlen(key);
    size_t variable_len = strlen(variable);
    for (size_t i = 0; name[i] != '\0'; i++) {
        key[key_len + i] = name[i];
        variable[variable_len + i] = (char)(name[i] - 'a' + 'A'); /* our own names */
    }
    const char *value = spec_annotation(spec, key);
    return value != NULL ? value : spec_env(spec, variable);
}

static bool is_set_to(const struct spec *spec, const char *annotation, const char *value)
{
    const char *text = spec_annotation(spec, annotation);
    return text != NULL && strcmp(text, value) == 0;
}

/* The container that only holds a pod's namespaces. */
static bool is_sandbox(const struct spec *spec)
{
    return is_set_to(spec, "io.kubernetes.cri.container-type", "sandbox") ||
           is_set_to(spec, "io.kubernetes.cri-o.ContainerType", "sandbox");
}

/* What other runtimes' images carry. Their "smart" forms ask to look at the file, as is done here
 * anyway. */
static bool is_forced(const struct spec *spec)
{
    return is_set_to(spec, "run.oci.handler", "wasm") ||
           is_set_to(spec, "module.wasm.image/variant", "compat");
}

static int read_command(struct planner *planner)
{
    static const char *const words[] = {
        [COMMAND_AUTO] = "auto",
        [COMMAND_RUN] = "run",
        [COMMAND_SERVE] = "serve",
        [COMMAND_NONE] = "none",
    };
    const char *text = setting(planner->spec, "command");
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            planner->command = (enum plan_command)i;
            return 0;
        }
    }
    return error_set(planner->err, -EINVAL,
                     "io.hythe.command is \"%.64s\"; it can be run, serve, auto or none", text);
}

/* -- words ------------------------------------------------------------------------------------ */

static int add(struct planner *planner, const char *word)
{
    return strings_add(&planner->plan->args, word);
}

static int add_pair(struct planner *planner, const char *option, const char *value)
{
    int r = add(planner, option);
    return r < 0 ? r : add(planner, value);
}

/* A file of the host's folder, as the container sees it. */
static int add_own(struct planner *planner, const char *name)
{
    char path[PLAN_NAME_MAX] = "";
    (void)snprintf(path, sizeof path, "%s/%s", planner->plan->place, name); /* always fits */
    return add(planner, path);
}

/* Add each item of a list with commas or line ends between, behind `option`. */
static int add_list(struct planner *planner, const char *option, const char *list)
{
    while (*list != '\0') {
        list += strspn(list, ", \t\r\n");
        size_t len = strcspn(list, ",\r\n");
        while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t')) {
            len--;
        }
        char *item = strndup(list, len);
        int r = item == NULL ? -ENOMEM : len == 0 ? 0 : add_pair(planner, option, item);
        free(item);
        if (r < 0) {
            return r;
        }
        list += strcspn(list, ",\r\n");
    }
    return 0;
}

/* Take one word from `*at`: quotes of both kinds keep blanks together, a backslash keeps what
 * follows. 1, 0 at the end, or a negative errno. `word` holds strlen(*at) + 1 bytes. */
static int take_word(const char **at, char *word)
{
    static const char blanks[] = " \t\r\n";
    const char *from = *at + strspn(*at, blanks);
    char quote = '\0';
    bool is_there = *from != '\0';
    for (; *from != '\0' && (quote != '\0' || strchr(blanks, *from) == NULL); from++) {
        if (*from == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*from == '"' || *from == '\'')) {
            quote = *from;
        } else {
            if (*from == '\\' && quote != '\'' && from[1] != '\0') {
                from++;
            }
            *word = *from;
            word++;
        }
    }
    *word = '\0';
    *at = from;
    return quote != '\0' ? -EINVAL : is_there;
}

/* What the operator adds by hand; it comes last, and so goes before the rest. */
static int add_options(struct planner *planner)
{
    const char *text = setting(planner->spec, "options");
    if (text == NULL) {
        return 0;
    }
    char *word = malloc(strlen(text) + 1);
    if (word == NULL) {
        return -ENOMEM;
    }
    int r = take_word(&text, word);
    while (r > 0) {
        r = add(planner, word);
        r = r < 0 ? r : take_word(&text, word);
    }
    free(word);
    return r == -EINVAL ? error_set(planner->err, r, "io.hythe.options has a quote that never ends")
                        : r;
}

/* Whatever the container's environment has, by name: the values are where they were. */
static int add_env(struct planner *planner)
{
    const struct spec *spec = planner->spec;
    for (size_t i = 0; i < spec->env_count; i++) {
        size_t len = strcspn(spec->env[i], "=");
        bool is_pair = len > 0 && spec->env[i][len] == '=';
        char *name = is_pair ? strndup(spec->env[i], len) : NULL;
        if (is_pair && name == NULL) {
            return -ENOMEM;
        }
        bool is_later = false; /* given again: once is enough */
        for (size_t j = i + 1; is_pair && j < spec->env_count && !is_later; j++) {
            is_later = strncmp(spec->env[j], spec->env[i], len + 1) == 0;
        }
        int r = is_pair && !is_later ? add_pair(planner, "--env", name) : 0;
        free(name);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_dirs(struct planner *planner)
{
    const char *dirs = setting(planner->spec, "dirs");
    if (dirs == NULL) {
        return add_pair(planner, "--dir", "/::/");
    }
    return strcmp(dirs, "none") == 0 ? 0 : add_list(planner, "--dir", dirs);
}

static const char *listen_asked_for(const struct spec *spec)
{
    const char *text = setting(spec, "listen");
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Where a module is served that says nothing of it: under the names that other shims give this. */
static const char *listen_of_served(const struct planner *planner)
{
    static const char *const aliases[] = {"WASMTIME_HTTP_PROXY_SOCKET_ADDR",
                                          "SPIN_HTTP_LISTEN_ADDR"};
    const char *text = listen_asked_for(planner->spec);
    for (size_t i = 0; i < ARRAY_COUNT(aliases) && text == NULL; i++) {
        text = spec_env(planner->spec, aliases[i]);
        text = text != NULL && text[0] != '\0' ? text : NULL;
    }
    if (text == NULL && !planner->is_activated && !planner->entry.kind.has_listener) {
        text = default_listen;
    }
    return text;
}

/* A server that opens its own sockets needs the port itself. */
static bool takes_listener(const struct module_kind *kind)
{
    return kind->accepts && !kind->opens && kind->form != KIND_COMPONENT;
}

static int add_listen(struct planner *planner, const char *option)
{
    const char *listen = listen_of_served(planner);
    return listen == NULL ? 0 : add_list(planner, option, listen);
}

/* -- the two commands ------------------------------------------------------------------------- */

static int add_run(struct planner *planner)
{
    const struct entry *entry = &planner->entry;
    const char *function = entry->function;
    int r = add_pair(planner, "run", "--net");
    if (r == 0 && takes_listener(&entry->kind)) {
        r = add_listen(planner, "--tcplisten");
    }
    if (r == 0) {
        r = add_pair(planner, "--argv0", planner->spec->args[0]);
    }
    if (r == 0 && function != NULL && strcmp(function, "_start") != 0) {
        r = add_pair(planner, "--invoke", function);
    }
    return r;
}

/* A hythe.toml says itself what its guests are given. */
static int add_grants(struct planner *planner)
{
    if (planner->entry.kind.form == KIND_SITE) {
        return 0;
    }
    /* No compiled module is kept: the guest could write where it would lie. */
    int r = add(planner, "--no-cache");
    r = r < 0 ? r : add_dirs(planner);
    return r < 0 ? r : add_env(planner);
}

static int add_serve(struct planner *planner)
{
    int r = add(planner, "serve");
    if (r == 0 && planner->entry.kind.form != KIND_SITE) {
        r = add(planner, "--net");
    }
    return r < 0 ? r : add_listen(planner, "--listen");
}

static int add_guest(struct planner *planner)
{
    const struct spec *spec = planner->spec;
    planner->plan->module_index = planner->plan->args.count + 1;
    int r = add_pair(planner, "--", planner->entry.path);
    for (size_t i = 1; r == 0 && !planner->is_served && i < spec->arg_count; i++) {
        r = add(planner, spec->args[i]);
    }
    return r;
}

/* The loader is the host's too: a container from scratch has none. */
static int add_program(struct planner *planner)
{
    static const char *const files[] = {"ld.so", "lib", "hythe"};
    static const char *const words[][4] = {
        {NULL},
        {"--inhibit-cache", "--library-path", NULL},
        {"--argv0", "hythe", NULL},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_COUNT(files) && r == 0; i++) {
        for (size_t j = 0; words[i][j] != NULL && r == 0; j++) {
            r = add(planner, words[i][j]);
        }
        r = r < 0 ? r : add_own(planner, files[i]);
    }
    return r;
}

static int add_words(struct planner *planner)
{
    int (*const steps[])(struct planner * planner) = {
        add_program, planner->is_served ? add_serve : add_run, add_grants, add_options, add_guest,
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        int r = steps[i](planner);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* -- deciding --------------------------------------------------------------------------------- */

/* A module that cannot accept connections and is given a listener answers as a CGI program. */
static bool is_served(const struct planner *planner)
{
    const struct module_kind *kind = &planner->entry.kind;
    bool is_component = kind->form == KIND_COMPONENT || kind->serves_http;
    if (planner->command != COMMAND_AUTO) {
        return planner->command == COMMAND_SERVE;
    }
    if (kind->form == KIND_SITE || kind->serves_http || kind->has_routes) {
        return true;
    }
    return !is_component && !kind->accepts && !kind->opens && planner->entry.function == NULL &&
           listen_asked_for(planner->spec) != NULL;
}

/* Find what the container runs. 1 when that is hythe's, 0 when it is not, or a negative errno. */
static int find_entry(struct planner *planner)
{
    const struct spec *spec = planner->spec;
    int r = entry_find(spec, planner->bundle_fd, &planner->entry);
    if (r == 0 && module_kind_is_wasm(&planner->entry.kind)) {
        return 1;
    }
    bool is_native = r == 0 && planner->entry.kind.form == KIND_NATIVE;
    if ((r < 0 && r != -ENOENT) || is_native || !is_forced(spec)) {
        return r == -ENOENT ? 0 : r;
    }
    /* hythe says what is wrong with it. */
    if (r == -ENOENT) {
        planner->entry.path = strdup(spec->args[0]);
    }
    planner->entry.kind.form = KIND_CORE;
    return planner->entry.path == NULL ? -ENOMEM : 1;
}

static int make(struct planner *planner)
{
    if (is_sandbox(planner->spec)) {
        return 0;
    }
    int r = find_entry(planner);
    if (r <= 0) {
        return r;
    }
    /* Only now: a mistake in a pod's annotation is no matter of its other containers. */
    r = read_command(planner);
    if (r < 0 || planner->command == COMMAND_NONE) {
        return r;
    }
    bool is_in_dev =
        planner->spec->has_devices && !entry_is_root_writable(planner->spec, planner->bundle_fd);
    planner->plan->place = is_in_dev ? PLAN_PLACE_IN_DEV : PLAN_PLACE;
    planner->plan->needs_certificates =
        !is_in_dev && !entry_has_file(planner->spec, planner->bundle_fd, PLAN_CERTIFICATES);
    planner->plan->is_wrapped = true;
    planner->is_served = is_served(planner);
    if (planner->entry.kind.form == KIND_CORE || planner->entry.kind.form == KIND_COMPONENT) {
        planner->plan->module_fd = planner->entry.fd;
        planner->entry.fd = -1;
    }
    return add_words(planner);
}

int plan_make(const struct spec *spec, int bundle_fd, bool is_activated, struct plan *ret_plan,
              struct error *err)
{
    struct plan plan = {.module_fd = -1};
    struct error cause = {0};
    struct planner planner = {.spec = spec,
                              .bundle_fd = bundle_fd,
                              .is_activated = is_activated,
                              .plan = &plan,
                              .entry = {.fd = -1},
                              .err = &cause};
    int r = make(&planner);
    entry_done(&planner.entry);
    if (r < 0) {
        plan_done(&plan);
        return cause.code != 0 ? error_set(err, r, "%s", cause.text)
                               : error_set_errno(err, r, "looking at the container's entry point");
    }
    *ret_plan = plan;
    return 0;
}

int plan_use_compiled(struct plan *plan, const char *path)
{
    char place[PLAN_NAME_MAX];
    (void)snprintf(place, sizeof place, "%s/%s", plan->place, PLAN_COMPILED); /* always fits */
    char *source = strdup(path);
    char *inside = strdup(place);
    if (source == NULL || inside == NULL) {
        free(source);
        free(inside);
        return -ENOMEM;
    }
    plan->compiled = source;
    free(plan->args.items[plan->module_index]);
    plan->args.items[plan->module_index] = inside;
    return 0;
}

void plan_done(struct plan *plan)
{
    strings_done(&plan->args);
    free(plan->compiled);
    if (plan->module_fd >= 0) {
        (void)close(plan->module_fd); /* was only read */
    }
    *plan = (struct plan){.module_fd = -1};
}
