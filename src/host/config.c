/* The configuration's setters. See hythe/guest.h. */
#include "host/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/container.h"
#include "guest/guest.h"
#include "host/error.h"
#include "net/address.h"
#include "net/hosts.h"

enum {
    GRACE_DEFAULT_S = 2,
    WORKERS_MAX = 1024,
    CONNECT_TIMEOUT_DEFAULT_S = 10,
    QUIET_TIMEOUT_DEFAULT_S = 60,
    HEAD_DEFAULT = 64 << 10,
    REDIRECTS_DEFAULT = 10, /* as the original host of wasi_experimental_http */
    CONCURRENCY_DEFAULT = 1024,
};

hythe_guest_config *hythe_guest_config_new(void)
{
    struct hythe_guest_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return NULL;
    }
    config->grace_ns = (uint64_t)GRACE_DEFAULT_S * 1000000000;
    config->max_fds = GUEST_FDS_DEFAULT;
    config->workers = 1;
    config->http.connect_timeout_ns = (uint64_t)CONNECT_TIMEOUT_DEFAULT_S * 1000000000;
    config->http.first_byte_timeout_ns = (uint64_t)QUIET_TIMEOUT_DEFAULT_S * 1000000000;
    config->http.idle_timeout_ns = (uint64_t)QUIET_TIMEOUT_DEFAULT_S * 1000000000;
    config->http.max_head = HEAD_DEFAULT;
    config->http.redirects = REDIRECTS_DEFAULT;
    config->http.concurrency = CONCURRENCY_DEFAULT;
    return config;
}

void hythe_guest_config_free(hythe_guest_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->dir_count; i++) {
        free(config->dirs[i].host);
        free(config->dirs[i].guest);
    }
    free(config->dirs);
    strings_done(&config->args);
    strings_done(&config->env);
    strings_done(&config->wasi_config);
    strings_done(&config->listen);
    strings_done(&config->allow_listen);
    strings_done(&config->allow_connect);
    strings_done(&config->allow_http);
    strings_done(&config->hosts);
    free(config->http.ca_file);
    free(config->http.proxy);
    free(config->invoke);
    free(config->argv0);
    free(config->cache_dir);
    free(config);
}

/* The common end of the setters that allocate. */
static int finish(int r, const char *what, hythe_error **ret_error)
{
    struct error err = {0};
    if (r == 0) {
        return 0;
    }
    (void)error_set_errno(&err, r, "setting %s", what);
    return host_error_give(&err, ret_error);
}

static int set_text(char **field, const char *text, const char *what, hythe_error **ret_error)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return finish(-ENOMEM, what, ret_error);
    }
    free(*field);
    *field = copy;
    return 0;
}

int hythe_guest_config_add_arg(hythe_guest_config *config, const char *arg, hythe_error **ret_error)
{
    return finish(strings_add(&config->args, arg), "an argument", ret_error);
}

/* Find the entry "KEY=..." and put another in its place. */
static bool replace_entry(struct strings *list, const char *entry, size_t key_len, char **ret_old)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], entry, key_len + 1) == 0) {
            *ret_old = list->items[i];
            list->items[i] = strdup(entry);
            if (list->items[i] == NULL) {
                list->items[i] = *ret_old;
                *ret_old = NULL;
            }
            return true;
        }
    }
    return false;
}

/* Add "KEY=value", in place of the one of that name. */
static int set_entry(struct strings *list, const char *key, const char *value)
{
    struct buffer entry;
    char *old = NULL;
    if (key[0] == '\0' || strchr(key, '=') != NULL) {
        return -EINVAL;
    }
    buffer_init(&entry, GUEST_TEXT_MAX);
    int r = buffer_printf(&entry, "%s=%s", key, value);
    const char *text = r == 0 ? buffer_text(&entry) : NULL;
    if (text == NULL) {
        r = -ENOMEM;
    } else if (!replace_entry(list, text, strlen(key), &old)) {
        r = strings_add(list, text);
    } else if (old == NULL) {
        r = -ENOMEM;
    }
    free(old);
    buffer_done(&entry);
    return r;
}

int hythe_guest_config_add_env(hythe_guest_config *config, const char *key, const char *value,
                               hythe_error **ret_error)
{
    int r = set_entry(&config->env, key, value);
    return finish(r,
                  r == -EINVAL ? "an environment variable of that name" : "an environment variable",
                  ret_error);
}

int hythe_guest_config_add_wasi_config(hythe_guest_config *config, const char *name,
                                       const char *value, hythe_error **ret_error)
{
    int r = set_entry(&config->wasi_config, name, value);
    return finish(r,
                  r == -EINVAL ? "a value of wasi:config of that name" : "a value of wasi:config",
                  ret_error);
}

int hythe_guest_config_add_dir(hythe_guest_config *config, const char *host, const char *guest,
                               bool read_only, hythe_error **ret_error)
{
    struct dir_grant *dirs = realloc(config->dirs, (config->dir_count + 1) * sizeof *dirs);
    if (dirs == NULL) {
        return finish(-ENOMEM, "a directory", ret_error);
    }
    config->dirs = dirs;
    struct dir_grant grant = {strdup(host), strdup(guest), read_only};
    if (grant.host == NULL || grant.guest == NULL) {
        free(grant.host);
        free(grant.guest);
        return finish(-ENOMEM, "a directory", ret_error);
    }
    dirs[config->dir_count] = grant;
    config->dir_count++;
    return 0;
}

int hythe_guest_config_add_listen(hythe_guest_config *config, const char *address,
                                  hythe_error **ret_error)
{
    struct error err = {0};
    struct net_address parsed;
    if (net_address_parse(address, &parsed, &err) < 0) {
        (void)error_set_exit(&err, 2);
        return host_error_give(&err, ret_error);
    }
    return finish(strings_add(&config->listen, address), "a listener", ret_error);
}

/* Check a rule by adding it to a policy that is thrown away. */
static int add_rule(struct strings *rules, const char *rule,
                    int (*allow)(struct policy *, const char *, struct error *),
                    hythe_error **ret_error)
{
    struct error err = {0};
    struct policy probe;
    policy_init(&probe);
    int r = allow(&probe, rule, &err);
    policy_done(&probe);
    if (r < 0) {
        (void)error_set_exit(&err, 2);
        return host_error_give(&err, ret_error);
    }
    return finish(strings_add(rules, rule), "a rule", ret_error);
}

int hythe_guest_config_allow_listen(hythe_guest_config *config, const char *rule,
                                    hythe_error **ret_error)
{
    return add_rule(&config->allow_listen, rule, policy_allow_listen, ret_error);
}

int hythe_guest_config_allow_connect(hythe_guest_config *config, const char *rule,
                                     hythe_error **ret_error)
{
    return add_rule(&config->allow_connect, rule, policy_allow_connect, ret_error);
}

int hythe_guest_config_allow_http(hythe_guest_config *config, const char *pattern,
                                  hythe_error **ret_error)
{
    return add_rule(&config->allow_http, pattern, policy_allow_http, ret_error);
}

void hythe_guest_config_allow_net(hythe_guest_config *config)
{
    config->allow_net = true;
}

void hythe_guest_config_set_policy_dry_run(hythe_guest_config *config, bool dry_run)
{
    config->policy_dry_run = dry_run;
}

int hythe_guest_config_add_host(hythe_guest_config *config, const char *entry,
                                hythe_error **ret_error)
{
    struct error err = {0};
    struct hosts probe = {0};
    int r = hosts_add(&probe, entry, &err);
    hosts_done(&probe);
    if (r < 0) {
        (void)error_set_exit(&err, 2);
        return host_error_give(&err, ret_error);
    }
    return finish(strings_add(&config->hosts, entry), "a name", ret_error);
}

void hythe_guest_config_set_max_memory(hythe_guest_config *config, uint64_t bytes)
{
    config->max_memory = bytes;
}

void hythe_guest_config_set_timeout_ns(hythe_guest_config *config, uint64_t ns)
{
    config->timeout_ns = ns;
}

void hythe_guest_config_set_fuel(hythe_guest_config *config, uint64_t fuel)
{
    config->fuel = fuel;
}

void hythe_guest_config_set_max_fds(hythe_guest_config *config, uint32_t count)
{
    config->max_fds = count;
}

void hythe_guest_config_set_grace_ns(hythe_guest_config *config, uint64_t ns)
{
    config->grace_ns = ns;
}

void hythe_guest_config_set_trace(hythe_guest_config *config, bool trace)
{
    config->trace = trace;
}

void hythe_guest_config_set_timing(hythe_guest_config *config, bool timing)
{
    config->timing = timing;
}

void hythe_guest_config_set_poll_mode(hythe_guest_config *config, enum hythe_poll_mode mode)
{
    config->poll_mode = mode;
}

void hythe_guest_config_set_workers(hythe_guest_config *config, uint32_t count)
{
    if (count == HYTHE_WORKERS_AUTO) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        count = processors > 0 ? (uint32_t)processors : 1;
    }
    config->workers = count < WORKERS_MAX ? count : WORKERS_MAX;
}

void hythe_guest_config_set_stub_unknown(hythe_guest_config *config, bool stub)
{
    config->stub_unknown = stub;
}

void hythe_guest_config_set_strict_prestat(hythe_guest_config *config, bool strict)
{
    config->strict_prestat = strict;
}

int hythe_guest_config_set_invoke(hythe_guest_config *config, const char *function,
                                  hythe_error **ret_error)
{
    return set_text(&config->invoke, function, "the function to invoke", ret_error);
}

int hythe_guest_config_set_argv0(hythe_guest_config *config, const char *name,
                                 hythe_error **ret_error)
{
    return set_text(&config->argv0, name, "argv[0]", ret_error);
}

int hythe_guest_config_set_cache_dir(hythe_guest_config *config, const char *path,
                                     hythe_error **ret_error)
{
    return set_text(&config->cache_dir, path, "the cache directory", ret_error);
}

void hythe_guest_config_set_no_cache(hythe_guest_config *config)
{
    config->no_cache = true;
}

/* -- the HTTP client -------------------------------------------------------------------------- */

int hythe_guest_config_set_http_ca_file(hythe_guest_config *config, const char *path,
                                        hythe_error **ret_error)
{
    return set_text(&config->http.ca_file, path, "the file of certificates", ret_error);
}

/* What libcurl takes for a proxy; everything else it would find out at the first request. */
static bool is_proxy_url(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(url, schemes[i], len) == 0 && url[len] != '\0' && url[len] != ':' &&
            url[len] != '/') {
            return true;
        }
    }
    return false;
}

int hythe_guest_config_set_http_proxy(hythe_guest_config *config, const char *url,
                                      hythe_error **ret_error)
{
    if (!is_proxy_url(url)) {
        struct error err = {0};
        (void)error_set(&err, -EINVAL,
                        "\"%.200s\" is no proxy's URL; write SCHEME://HOST:PORT, where SCHEME is "
                        "http, https, socks5 or socks5h",
                        url);
        (void)error_set_exit(&err, 2);
        return host_error_give(&err, ret_error);
    }
    return set_text(&config->http.proxy, url, "the proxy", ret_error);
}

void hythe_guest_config_set_http_timeout_ns(hythe_guest_config *config, uint64_t ns)
{
    config->http.timeout_ns = ns;
}

void hythe_guest_config_set_http_connect_timeout_ns(hythe_guest_config *config, uint64_t ns)
{
    config->http.connect_timeout_ns = ns;
}

void hythe_guest_config_set_http_first_byte_timeout_ns(hythe_guest_config *config, uint64_t ns)
{
    config->http.first_byte_timeout_ns = ns;
}

void hythe_guest_config_set_http_idle_timeout_ns(hythe_guest_config *config, uint64_t ns)
{
    config->http.idle_timeout_ns = ns;
}

void hythe_guest_config_set_http_max_body(hythe_guest_config *config, uint64_t bytes)
{
    config->http.max_body = bytes;
}

void hythe_guest_config_set_http_max_head(hythe_guest_config *config, uint32_t bytes)
{
    config->http.max_head = bytes;
}

void hythe_guest_config_set_http_redirects(hythe_guest_config *config, uint32_t count)
{
    config->http.redirects = count;
}

void hythe_guest_config_set_http_concurrency(hythe_guest_config *config, uint32_t count)
{
    config->http.concurrency = count;
}
