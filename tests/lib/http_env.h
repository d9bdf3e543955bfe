/* An HTTP client with a policy that a test can turn.
 *
 *     struct http_env env;
 *     http_env_init(&env, loop);
 *     env.options.redirects_max = 0;   (anything before the client is opened)
 *     f->guest.http = http_env_open(&env);
 *     ...
 *     http_env_done(&env);             (after the guest's end) */
#ifndef HYTHE_TESTS_LIB_HTTP_ENV_H
#define HYTHE_TESTS_LIB_HTTP_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_call.h"
#include "http/client.h"
#include "net/names.h"

struct http_env {
    struct names *names;                /* owned */
    struct http_client_options options; /* ten redirects, 64 KiB of head, no time limits at first */
    struct http_client *client;         /* owned */

    /* What the policy says: all is allowed at first. */
    bool denies_requests;
    bool denies_dialling;
    const char *denied_host; /* by name, or by address when dialled; NULL: none */

    /* What it was asked last, and how often. */
    unsigned judged;
    unsigned dialled;
    char url[1024];
    char scheme[16];
    char host[256];
    uint16_t port;
};

/* All fail the test when they cannot. */
void http_env_init(struct http_env *env, struct loop *loop);
struct http_client *http_env_open(struct http_env *env);
void http_env_done(struct http_env *env);

/* A guest that may call out, has handles, and exports alloc; freed with its env. */
struct fake_guest *http_env_guest(struct http_env *env);
void http_env_guest_free(struct http_env *env, struct fake_guest *f);

/* Where http_env_req puts the parts, and has status and handle written: unaligned on purpose. */
enum {
    REQ_STATUS = 65,
    REQ_HANDLE = 73,
    REQ_URL = 1024,
    REQ_METHOD = 2048,
    REQ_HEADERS = 3072,
    REQ_BODY = 8192,
    REQ_MARK = 0xcc, /* stands around status and handle before the call */
};

/* Call `req` of ten parameters. */
int32_t http_env_req(struct fake_guest *f, const char *method, const char *url, const char *headers,
                     const char *body);

/* GET that URL, which must succeed; gives the handle. */
uint32_t http_env_get(struct fake_guest *f, const char *url);

#endif
