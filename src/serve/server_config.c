/* The server configuration's public functions. See hythe/server.h and server_config.h. */
#include "serve/server_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/error.h"

hythe_server_config *hythe_server_config_new(void)
{
    struct hythe_server_config *config = calloc(1, sizeof *config);
    if (config != NULL) {
        serve_config_init(&config->config);
    }
    return config;
}

static void step_done(struct server_step *step)
{
    free(step->name);
    free(step->value);
}

void hythe_server_config_free(hythe_server_config *config)
{
    if (config == NULL) {
        return;
    }
    for (uint32_t i = 0; i < config->step_count; i++) {
        step_done(&config->steps[i]);
    }
    free(config->steps);
    serve_config_done(&config->config);
    free(config);
}

static int take_step(struct serve_config *config, const struct server_step *step, struct error *err)
{
    switch (step->kind) {
    case SERVER_STEP_READ:
        return serve_config_read(config, step->name, err);
    case SERVER_STEP_MODULE:
        return serve_config_add_module(config, step->name, err);
    case SERVER_STEP_SET:
        return serve_config_set(config, step->name, step->value, err);
    }
    return error_set(err, -EINVAL, "no such step");
}

int server_config_load(const struct hythe_server_config *config, struct serve_config *ret_config,
                       struct error *err)
{
    struct serve_config fresh;
    int r = 0;
    serve_config_init(&fresh);
    for (uint32_t i = 0; i < config->step_count && r == 0; i++) {
        r = take_step(&fresh, &config->steps[i], err);
    }
    if (r == 0) {
        r = serve_config_finish(&fresh, err);
    }
    if (r < 0) {
        serve_config_done(&fresh);
        return r;
    }
    *ret_config = fresh;
    return 0;
}

/* Remember a step. `value` may be NULL. 0 or -ENOMEM. */
static int append_step(struct hythe_server_config *config, enum server_step_kind kind,
                       const char *name, const char *value)
{
    size_t size = (config->step_count + (size_t)1) * sizeof *config->steps;
    struct server_step *steps = realloc(config->steps, size);
    if (steps == NULL) {
        return -ENOMEM;
    }
    config->steps = steps;
    struct server_step step = {
        .kind = kind, .name = strdup(name), .value = value != NULL ? strdup(value) : NULL};
    if (step.name == NULL || (value != NULL && step.value == NULL)) {
        step_done(&step);
        return -ENOMEM;
    }
    config->steps[config->step_count] = step;
    config->step_count++;
    return 0;
}

static int add_step(struct hythe_server_config *config, enum server_step_kind kind,
                    const char *name, const char *value, hythe_error **ret_error)
{
    struct error err = {0};
    int r = append_step(config, kind, name, value);
    if (r < 0) {
        (void)error_set_errno(&err, r, "configuring the server"); /* r is handed on below */
    } else {
        r = take_step(&config->config, &config->steps[config->step_count - 1], &err);
    }
    return r < 0 ? host_error_give(&err, ret_error) : 0;
}

int hythe_server_config_read(hythe_server_config *config, const char *path, hythe_error **ret_error)
{
    return add_step(config, SERVER_STEP_READ, path, /* value */ NULL, ret_error);
}

int hythe_server_config_add_module(hythe_server_config *config, const char *path,
                                   hythe_error **ret_error)
{
    return add_step(config, SERVER_STEP_MODULE, path, /* value */ NULL, ret_error);
}

int hythe_server_config_set(hythe_server_config *config, const char *key, const char *value,
                            hythe_error **ret_error)
{
    return add_step(config, SERVER_STEP_SET, key, value, ret_error);
}
