/* See http_env.h. */
#include "http_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imports/wasi_experimental_http/http.h"

static bool may_request(void *context, const struct http_target *target)
{
    struct http_env *env = context;
    env->judged++;
    (void)snprintf(env->url, sizeof env->url, "%s", target->url); /* too long is cut */
    (void)snprintf(env->scheme, sizeof env->scheme, "%s", target->scheme);
    (void)snprintf(env->host, sizeof env->host, "%s", target->host);
    env->port = target->port;
    return !env->denies_requests &&
           (env->denied_host == NULL || strcmp(env->denied_host, target->host) != 0);
}

static bool may_dial(void *context, const struct http_target *target,
                     const struct net_address *address)
{
    struct http_env *env = context;
    char text[NET_ADDRESS_TEXT_MAX];
    (void)target;
    env->dialled++;
    (void)net_address_print(address, text);
    *strrchr(text, ':') = '\0';
    return !env->denies_dialling &&
           (env->denied_host == NULL || strcmp(env->denied_host, text) != 0);
}

void http_env_init(struct http_env *env, struct loop *loop)
{
    *env = (struct http_env){0};
    assert_int_equal(names_new(loop, &env->names), 0);
    env->options = (struct http_client_options){
        .loop = loop,
        .names = env->names,
        .head_max = 64 << 10,
        .redirects_max = 10,
        .context = env,
        .may_request = may_request,
        .may_dial = may_dial,
    };
}

struct http_client *http_env_open(struct http_env *env)
{
    struct error err = {0};
    if (http_client_new(&env->options, &env->client, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return env->client;
}

void http_env_done(struct http_env *env)
{
    http_client_free(env->client);
    names_free(env->names);
}

struct fake_guest *http_env_guest(struct http_env *env)
{
    struct fake_guest *f = fake_guest_new();
    http_env_init(env, f->loop);
    f->guest.http = http_env_open(env);
    f->guest.http_has_handles = true;
    f->guest.http_has_alloc = true;
    return f;
}

void http_env_guest_free(struct http_env *env, struct fake_guest *f)
{
    /* The guest's exchanges end before their client, and the client before its loop. */
    guest_done(&f->guest, 0 /* linger_ms */);
    http_env_done(env);
    guest_init(&f->guest, f->loop);
    fake_guest_free(f);
}

int32_t http_env_req(struct fake_guest *f, const char *method, const char *url, const char *headers,
                     const char *body)
{
    fake_fill(f, REQ_STATUS - 5, REQ_MARK, 24);
    uint32_t url_len = fake_text(f, REQ_URL, url);
    uint32_t method_len = fake_text(f, REQ_METHOD, method);
    uint32_t headers_len = fake_text(f, REQ_HEADERS, headers);
    uint32_t body_len = fake_text(f, REQ_BODY, body);
    return fake_call_as(f, &experimental_http, "req", "iiiiiiiiii", REQ_URL, url_len, REQ_METHOD,
                        method_len, REQ_HEADERS, headers_len, REQ_BODY, body_len, REQ_STATUS,
                        REQ_HANDLE);
}

uint32_t http_env_get(struct fake_guest *f, const char *url)
{
    assert_int_equal(http_env_req(f, "GET", url, "", ""), 0);
    return fake_u32(f, REQ_HANDLE);
}
