/* hythe_serve and hythe_serve_check. See hythe/server.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "handlers/site.h"
#include "host/error.h"
#include "hythe/server.h"
#include "hythe/version.h"
#include "loop/loop.h"
#include "serve/front.h"
#include "serve/master.h"
#include "serve/sandbox.h"
#include "serve/server_config.h"
#include "serve/traces.h"
#include "serve/upgrade.h"

enum { CHECK_TEXT_MAX = 16 << 20 };

/* What can be known of the listeners without opening them. */
static int check_listeners(const struct serve_config *config, struct error *err)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < config->listener_count; i++) {
        struct front_listener front = {.tls = NULL};
        struct net_address address;
        r = net_address_parse(config->listeners[i].address, &address, err);
        if (r == 0) {
            r = front_listener_init(config, &config->listeners[i], &front, err);
        }
        front_listener_done(&front);
    }
    if (r == 0 && config->user != NULL) {
        struct sandbox_user user;
        r = sandbox_find_user(config->user, config->group, &user, err);
    }
    return r;
}

static int describe(const struct site *site, char **ret_text, struct error *err)
{
    struct buffer text;
    buffer_init(&text, CHECK_TEXT_MAX);
    int r = site_describe(site, &text);
    const char *words = r == 0 ? buffer_text(&text) : NULL;
    char *copy = words != NULL ? strdup(words) : NULL;
    buffer_done(&text);
    if (copy == NULL) {
        return error_set_errno(err, r < 0 ? r : -ENOMEM, "describing the routes");
    }
    *ret_text = copy;
    return 0;
}

static int check(const struct serve_config *config, char **ret_text, struct error *err)
{
    struct loop *loop = NULL;
    struct site *site = NULL;
    int r = check_listeners(config, err);
    if (r < 0) {
        return r;
    }
    r = loop_new(&loop);
    if (r < 0) {
        return error_set_errno(err, r, "making a loop");
    }
    if (config->otlp != NULL) {
        struct traces *traces = NULL;
        r = traces_new(loop, config->otlp, &traces, err);
        traces_free(traces);
    }
    struct site_options options = {
        .loop = loop, .config = config, .software = "hythe/" HYTHE_VERSION};
    if (r == 0) {
        r = site_new(&options, &site, err);
    }
    if (r == 0) {
        r = describe(site, ret_text, err);
    }
    site_free(site);
    loop_free(loop);
    return r;
}

int hythe_serve_check(const hythe_server_config *config, char **ret_text, hythe_error **ret_error)
{
    struct serve_config loaded;
    struct error err = {0};
    int r = server_config_load(config, &loaded, &err);
    if (r == 0) {
        r = check(&loaded, ret_text, &err);
        serve_config_done(&loaded);
    }
    if (r < 0) {
        (void)host_error_give(&err, ret_error); /* -1 is what this function returns */
        return -1;
    }
    return 0;
}

/* The program that runs asks whether this one could take its place. */
static int check_for_upgrade(const hythe_server_config *config, hythe_error **ret_error)
{
    char *text = NULL;
    int r = hythe_serve_check(config, &text, ret_error);
    free(text);
    return r;
}

int hythe_serve(const hythe_server_config *config, hythe_error **ret_error)
{
    struct error err = {0};
    if (upgrade_is_check()) {
        return check_for_upgrade(config, ret_error);
    }
    int r = master_run(config, &err);
    if (r < 0) {
        (void)host_error_give(&err, ret_error); /* as above */
        return -1;
    }
    return r;
}
