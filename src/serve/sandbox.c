/* All that a process gives up, in order: a user, privileges, files, system calls. See sandbox.h. */
#include "serve/sandbox.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/container.h"

/* What resolving and calling out read: addresses, names, certificates. */
static const char *const egress_paths[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
};

static bool can_call_out(const struct serve_guest *guest)
{
    return guest->net || guest->allow_http.count > 0 || guest->allow_connect.count > 0;
}

static bool runs_guest(const struct serve_route *route)
{
    return route->kind != SERVE_FILES && route->kind != SERVE_REDIRECT && route->kind != SERVE_TEXT;
}

bool sandbox_has_egress(const struct serve_config *config)
{
    bool calls_out = config->otlp != NULL; /* the worker itself */
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct serve_route *route = &config->routes[i];
        calls_out = calls_out || (runs_guest(route) && can_call_out(&route->guest));
    }
    return calls_out;
}

bool sandbox_has_listeners(const struct serve_config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct serve_guest *guest = &config->routes[i].guest;
        if (runs_guest(&config->routes[i]) && (guest->net || guest->allow_listen.count > 0)) {
            return true;
        }
    }
    return false;
}

static size_t paths_of(const struct serve_route *route, struct sandbox_path *to)
{
    size_t count = 0;
    if (route->kind == SERVE_FILES && route->root != NULL) {
        to[count++] = (struct sandbox_path){.path = route->root};
    }
    for (uint32_t i = 0; runs_guest(route) && i < route->guest.dir_count; i++) {
        const struct serve_dir *dir = &route->guest.dirs[i];
        to[count++] = (struct sandbox_path){.path = dir->host, .may_write = !dir->is_read_only};
    }
    return count;
}

int sandbox_paths_new(const struct serve_config *config, struct sandbox_path **ret_paths,
                      size_t *ret_count)
{
    size_t max = ARRAY_COUNT(egress_paths);
    size_t count = 0;
    for (uint32_t i = 0; i < config->route_count; i++) {
        max += (size_t)config->routes[i].guest.dir_count + 1;
    }
    struct sandbox_path *paths = calloc(max, sizeof *paths);
    if (paths == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->route_count; i++) {
        count += paths_of(&config->routes[i], paths + count);
    }
    for (size_t i = 0; sandbox_has_egress(config) && i < ARRAY_COUNT(egress_paths); i++) {
        paths[count++] = (struct sandbox_path){.path = egress_paths[i], .is_optional = true};
    }
    *ret_paths = paths;
    *ret_count = count;
    return 0;
}

__attribute__((format(printf, 2, 3))) static void say(char *text, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;
    if (len > 0) {
        (void)snprintf(text + len, SANDBOX_TEXT_MAX - len, ", "); /* too long is cut, as below */
        len = strlen(text);
    }
    va_start(args, format);
    (void)vsnprintf(text + len, SANDBOX_TEXT_MAX - len, format, args);
    va_end(args);
}

static size_t granted(const struct sandbox_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < options->path_count; i++) {
        bool is_new = !options->paths[i].is_optional;
        for (size_t j = 0; is_new && j < i; j++) {
            is_new = strcmp(options->paths[i].path, options->paths[j].path) != 0;
        }
        count += is_new;
    }
    return count;
}

/* What has been prepared. */
struct preparation {
    int landlock; /* ABI, or a negative errno */
    int ruleset;  /* owned; -1: none */
    struct error seccomp;
};

/* Libraries and paths are opened as whoever we are now, and before anything is closed. */
static void prepare(const struct sandbox_options *options, struct preparation *preparation)
{
    *preparation = (struct preparation){.ruleset = -1};
    if (!options->is_off) {
        preparation->landlock = sandbox_prepare_landlock(options, &preparation->ruleset);
        (void)sandbox_open_seccomp(&preparation->seccomp); /* restrict_calls tells */
    }
}

static void preparation_done(struct preparation *preparation)
{
    if (preparation->ruleset >= 0) {
        (void)close(preparation->ruleset); /* it has been entered, or never will be */
    }
}

static void restrict_files(const struct sandbox_options *options,
                           const struct preparation *preparation, char *text)
{
    char words[128];
    int r = preparation->landlock;
    if (r >= 0) {
        int entered = sandbox_enter_landlock(preparation->ruleset);
        r = entered < 0 ? entered : r;
    }
    if (r >= 0) {
        size_t count = granted(options);
        say(text, "Landlock ABI %d (%zu %s)", r, count, count == 1 ? "directory" : "directories");
    } else if (r == -ENOSYS || r == -EOPNOTSUPP) {
        say(text, "no Landlock (this kernel has none)");
    } else {
        say(text, "no Landlock (%s)", strerror_r(-r, words, sizeof words));
    }
}

/* `err` says why not, when the library could not be opened. */
static void restrict_calls(const struct sandbox_options *options, char *text, struct error *err)
{
    int r = err->code == 0 ? sandbox_seccomp(options, err) : err->code;
    if (r >= 0) {
        say(text, "seccomp (%d system calls)", r);
    } else {
        say(text, "no seccomp (%s)", err->text);
    }
}

static void confine(const struct sandbox_options *options, struct preparation *preparation,
                    char *text)
{
    char words[128];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        say(text, "no new privileges");
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail: no other process looks into this */
    int r = sandbox_drop_capabilities();
    if (r < 0) {
        say(text, "capabilities kept (%s)", strerror_r(-r, words, sizeof words));
    }
    restrict_files(options, preparation, text);
    restrict_calls(options, text, &preparation->seccomp);
}

int sandbox_apply(const struct sandbox_options *options, char *ret_text, struct error *err)
{
    struct preparation preparation;
    int r = 0;
    ret_text[0] = '\0';
    prepare(options, &preparation);
    if (options->user != NULL) {
        r = sandbox_change_user(options->user, options->group, err);
        say(ret_text, "user %s", options->user);
    }
    if (r == 0 && options->is_off) {
        say(ret_text, "no sandbox (sandbox = false)");
    } else if (r == 0) {
        confine(options, &preparation, ret_text);
    }
    preparation_done(&preparation);
    return r;
}
