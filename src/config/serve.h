/* What `hythe serve` is told, as plain structs: by hythe.toml, by a WAGI modules.toml, by options of
 * the command line. Addresses, rules and patterns are text here; what they mean is for whoever uses
 * them, and errors they find name the place (serve_place). All strings and arrays are owned. */
#ifndef HYTHE_CONFIG_SERVE_H
#define HYTHE_CONFIG_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

struct serve_place { /* where in the file something stands */
    uint32_t line;   /* 0: it came from the command line */
    uint32_t column;
};

struct serve_certificate {
    char *certificate;
    char *key;
};

enum serve_client_auth { SERVE_CLIENT_NONE, SERVE_CLIENT_OPTIONAL, SERVE_CLIENT_REQUIRED };
struct serve_tls {
    struct serve_certificate *certificates;
    uint32_t certificate_count;
    char *client_ca;
    enum serve_client_auth client_auth;
    bool is_13_only;
};

struct serve_listener {
    char *address; /* as net_address_parse reads it */
    bool is_tls;
    bool is_tls_given; /* not: there is TLS when there is a certificate (serve_config_finish) */
    bool no_http2;
    struct strings proxy_from; /* numeric addresses or CIDRs, or "unix": peers that send a PROXY
                                * preface; empty: none does */
    uint32_t unix_mode;        /* of a Unix socket's file; 0: as umask has it */
    struct serve_place place;
};

struct serve_timeouts { /* nanoseconds; 0: none */
    uint64_t tls_ns;
    uint64_t header_ns;
    uint64_t body_ns;
    uint64_t write_ns;
    uint64_t idle_ns;
};

struct serve_limits {      /* 0: none, where a comment does not say otherwise */
    uint32_t head_bytes;   /* never 0 */
    uint32_t header_count; /* never 0 */
    uint32_t target_bytes; /* never 0 */
    uint32_t connections;  /* never 0 */
    uint32_t connections_per_address;
    uint32_t requests; /* in flight in a worker; never 0: it sizes the pool */
    uint32_t requests_per_connection;
    uint32_t http2_streams;  /* at a time on one connection; never 0 */
    uint64_t module_bytes;   /* of a module's file */
    uint64_t compile_cpu_ns; /* of compiling all modules */
};

enum serve_log_format { SERVE_LOG_COMBINED, SERVE_LOG_JSON };
struct serve_log {
    char *access; /* a file's path, "-" for stdout, NULL: off */
    enum serve_log_format format;
};

struct serve_dir {
    char *host;
    char *guest;
    bool is_read_only;
};

struct serve_pair { /* a header, or an environment variable */
    char *name;
    char *value;
};

struct serve_pairs {
    struct serve_pair *items;
    uint32_t count;
};

enum serve_kind {
    SERVE_AUTO,      /* by the module: a component or CGI */
    SERVE_CGI,       /* RFC 3875 */
    SERVE_WAGI,      /* CGI with WAGI's conventions: query as arguments, X_ variables */
    SERVE_WCGI,      /* CGI as Wasmer's runner has it */
    SERVE_WASI_HTTP, /* a component with wasi:http/incoming-handler */
    SERVE_FILES,
    SERVE_REDIRECT,
    SERVE_TEXT, /* a fixed answer from memory */
};

/* What a guest gets. A route that says nothing has the defaults of [guest]. */
struct serve_guest {
    struct serve_dir *dirs;
    uint32_t dir_count;
    struct serve_pairs env;
    struct serve_pairs config; /* what wasi:config answers */
    struct strings allow_http;
    struct strings allow_connect;
    struct strings allow_listen;
    struct strings hosts;      /* "NAME=ADDRESS" */
    uint32_t http_concurrency; /* responses the guest's HTTP client may hold; 0: the client's own */
    bool net;
    uint64_t max_memory;      /* bytes */
    uint64_t cpu_ns, wall_ns; /* of one request; 0: none */
    uint32_t max_fds;
    uint64_t output_max; /* bytes of stderr of one request that are logged */
};

struct serve_route {
    char *host;     /* lower case; "*.name" for all below; NULL: any */
    char *path;     /* begins with "/"; without the "/..." of a prefix */
    bool is_prefix; /* the path and all below it */
    enum serve_kind kind;
    struct serve_place place; /* of the route, for errors */
    char *name;               /* for logs and metrics: as written, host and path */

    char *module; /* absolute, or relative to where hythe runs and not to the file */
    char *entry;  /* NULL: _start */
    char *argv;   /* WAGI's template, NULL: "${SCRIPT_NAME} ${ARGS}" */
    struct strings args;
    struct serve_guest guest;
    uint64_t guest_keys;    /* bits: keys of `guest` that are the route's own, not the defaults' */
    uint64_t body_max;      /* bytes of a request's body; 0: no limit */
    uint32_t concurrency;   /* requests at a time; 0: no limit of its own */
    uint32_t retry_after_s; /* told with 503 */
    uint32_t reuse;         /* requests an instance may serve; 1: a fresh one each */
    uint64_t reuse_idle_ns;
    bool stub_unknown;          /* unknown imports trap when called */
    struct serve_pairs headers; /* put into every answer */
    char *root;                 /* files: the folder */
    char *index;                /* files: served for a folder, NULL: index.html; "" : none */
    char *fallback;             /* files: served where none is found, or NULL */
    bool precompressed;         /* files: NAME.br, NAME.gz beside NAME */
    char *cache_control;        /* files: NULL: none */

    char *to;        /* redirect: a URL or path; "${path}" and "${query}" stand for the request's */
    uint16_t status; /* redirect and text */
    char *body;      /* text */
    char *type;      /* text: its content type */
};

struct serve_config {
    char *path; /* the file, NULL: command line only */
    struct serve_listener *listeners;
    uint32_t listener_count;
    struct serve_tls tls;
    struct serve_timeouts timeouts;
    struct serve_limits limits;
    struct serve_log log;
    struct serve_guest guest; /* defaults of the routes */
    struct serve_route *routes;
    uint32_t route_count;
    char *admin;      /* address of the admin listener, NULL: none */
    char *otlp;       /* URL of an OTLP/HTTP collector, NULL: none */
    uint32_t workers; /* 0: as many as processors */
    uint64_t grace_ns;
    bool watch;
    char *user; /* NULL: stay who we are */
    char *group;
    bool no_sandbox;
    char *cache_dir;
    bool no_cache;
};

/* Fill in the defaults. */
void serve_config_init(struct serve_config *config);
void serve_config_done(struct serve_config *config);

/* Read a hythe.toml or modules.toml, told apart by what stands in it, over what `config` holds. 0,
 * or a negative errno and one or more lines "FILE:LINE:COLUMN: what is wrong, what to do" in `err`,
 * exit code 2; 127 when there is no such file. */
int serve_config_read(struct serve_config *config, const char *path, struct error *err);

/* From memory; `path` names it in errors and anchors relative paths. */
int serve_config_parse(struct serve_config *config, const char *path, const char *text, size_t len,
                       struct error *err);

/* Set one key outside of routes, as in the file: "timeouts.header", "10s"; lists are added to. With
 * a key of [route], such as "route.body", the route that `hythe serve MODULE` makes. 0, or -EINVAL
 * with the reason in `err`. */
int serve_config_set(struct serve_config *config, const char *key, const char *value,
                     struct error *err);

/* Add the route of `hythe serve MODULE`: everything goes to that module. 0 or a negative errno. */
int serve_config_add_module(struct serve_config *config, const char *module, struct error *err);

/* What no single key can tell: at least a listener and a route, TLS with a certificate, keys that do
 * not go together. Adds 127.0.0.1:8080 when there is no listener. As serve_config_read. */
int serve_config_finish(struct serve_config *config, struct error *err);

/* All keys, for the manual's check and help: "timeouts.header", and so on. NULL behind the last. */
const char *serve_config_key(uint32_t index);

#endif
