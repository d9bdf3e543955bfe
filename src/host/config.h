/* What a configuration holds; include/hythe/guest.h says what each part means. */
#ifndef HYTHE_HOST_CONFIG_H
#define HYTHE_HOST_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strings.h"
#include "guest/policy.h"
#include "hythe/guest.h"

struct dir_grant {
    char *host;  /* owned */
    char *guest; /* owned */
    bool read_only;
};

/* What a guest that calls out over HTTP gets. */
struct http_config {
    char *ca_file;       /* owned; NULL: the system's */
    char *proxy;         /* owned; NULL: none */
    uint64_t timeout_ns; /* this and the next three: 0: none */
    uint64_t connect_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t max_body; /* bytes; 0: no limit */
    uint32_t max_head; /* bytes */
    uint32_t redirects;
    uint32_t concurrency; /* 0: no limit */
};

struct hythe_guest_config {
    struct strings args;
    struct strings env;         /* "KEY=value" */
    struct strings wasi_config; /* "NAME=value", UTF-8: what wasi:config answers */
    struct dir_grant *dirs;     /* owned */
    size_t dir_count;
    struct strings listen;
    struct strings allow_listen;
    struct strings allow_connect;
    struct strings allow_http;
    struct strings hosts; /* "NAME=ADDRESS" */
    bool allow_net;
    bool policy_dry_run;
    bool trace;
    bool timing;
    bool strict_prestat;
    bool stub_unknown;
    bool no_cache;
    uint64_t max_memory; /* bytes; 0: no limit */
    uint64_t timeout_ns; /* 0: none */
    uint64_t fuel;       /* 0: not counted */
    uint64_t grace_ns;
    uint32_t max_fds;
    uint32_t workers;
    enum hythe_poll_mode poll_mode;
    char *invoke;    /* owned; NULL: _start */
    char *argv0;     /* owned; NULL: the module's name */
    char *cache_dir; /* owned; NULL: the default */
    struct http_config http;
};

#endif
