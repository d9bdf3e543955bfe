/* Running a guest: what it is given, what it may reach, and the call that runs it.
 *
 * A fresh configuration grants nothing: no directory, no environment, no network. stdin, stdout
 * and stderr are the process's own. */
#ifndef HYTHE_GUEST_H
#define HYTHE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "hythe/error.h"
#include "hythe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hythe_guest_config hythe_guest_config;

/* How write readiness is reported to a guest that polls. */
enum hythe_poll_mode {
    HYTHE_POLL_DEFAULT = 0, /* what suits the module's dialect */
    HYTHE_POLL_LEVEL,       /* as the specification says */
    HYTHE_POLL_AUTO,        /* as edges, so that an idle server sleeps */
};

enum { HYTHE_WORKERS_AUTO = 0 }; /* as many workers as processors */

/* Make a configuration that grants nothing; NULL without memory. Release it with
 * hythe_guest_config_free. Since 0.1.0. */
HYTHE_API hythe_guest_config *hythe_guest_config_new(void);

/* Release a configuration. NULL is fine; no run may be using it. Since 0.1.0. */
HYTHE_API void hythe_guest_config_free(hythe_guest_config *config);

/* The functions below copy what they are given. Those with `ret_error` return 0 or a negative
 * errno: -EINVAL for a value that makes no sense, -ENOMEM. */

/* Append an argument; argv[0] is not among them (see hythe_guest_config_set_argv0). Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_arg(hythe_guest_config *config, const char *arg,
                                         hythe_error **ret_error);

/* Set an environment variable of the guest, replacing one of that name. Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_env(hythe_guest_config *config, const char *key,
                                         const char *value, hythe_error **ret_error);

/* Answer `value` to a component that asks wasi:config for `name`, in place of what was set for that
 * name. Both are UTF-8. Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_wasi_config(hythe_guest_config *config, const char *name,
                                                 const char *value, hythe_error **ret_error);

/* Give the guest the directory `host` under the name `guest`. It is opened by hythe_run. With
 * `read_only` every way to write, link, rename or truncate below it is refused. Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_dir(hythe_guest_config *config, const char *host,
                                         const char *guest, bool read_only,
                                         hythe_error **ret_error);

/* Have hythe_run listen on "HOST:PORT", "[V6]:PORT", ":PORT" or "unix:PATH" and hand the listener
 * to the guest, the first as descriptor 3. Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_listen(hythe_guest_config *config, const char *address,
                                            hythe_error **ret_error);

/* Let the guest itself bind and listen: "ADDR:PORT", ":PORT", "CIDR:PORT" or "unix:PATH", where
 * PORT may be "*" or "LOW-HIGH". Since 0.1.0. */
HYTHE_API int hythe_guest_config_allow_listen(hythe_guest_config *config, const char *rule,
                                              hythe_error **ret_error);

/* Let the guest connect and send: "HOST:PORT", "ADDR:PORT", "CIDR:PORT" or "unix:PATH". A rule
 * with a name also lets it resolve that name. Since 0.1.0. */
HYTHE_API int hythe_guest_config_allow_connect(hythe_guest_config *config, const char *rule,
                                               hythe_error **ret_error);

/* Let a guest with an HTTP client make requests. "https://example.org" is that host, whatever scheme
 * and port, as the original host of wasi_experimental_http had it; "https://example.org:443" is
 * exactly this scheme, host and port. Also "HOST", "HOST:PORT", "CIDR", "CIDR:PORT" and
 * "insecure:allow-all". HOST may be "*.example.org" (all names below, not example.org itself), and
 * "*" in a strict one; PORT may be "*" or "LOW-HIGH". A rule with a name does not reach private,
 * loopback, link-local or other special addresses, unless ",private" stands behind it. Since
 * 0.1.0. */
HYTHE_API int hythe_guest_config_allow_http(hythe_guest_config *config, const char *pattern,
                                            hythe_error **ret_error);

/* Let the guest use the network as a whole. Since 0.1.0. */
HYTHE_API void hythe_guest_config_allow_net(hythe_guest_config *config);

/* Refuse nothing on the network, and print a line for each thing that would have been refused.
 * Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_policy_dry_run(hythe_guest_config *config, bool dry_run);

/* Take a name for a numeric address and ask no name server: "NAME=ADDRESS". A name may be given more
 * than once. What the guest may reach stays as it is. Since 0.1.0. */
HYTHE_API int hythe_guest_config_add_host(hythe_guest_config *config, const char *entry,
                                          hythe_error **ret_error);

/* The functions below are for guests with an HTTP client. */

/* Trust the certificates in this file (PEM) and not the system's. Since 0.1.0. */
HYTHE_API int hythe_guest_config_set_http_ca_file(hythe_guest_config *config, const char *path,
                                                  hythe_error **ret_error);

/* Make requests through the proxy at this URL: http, https, socks5 or socks5h. The proxy resolves
 * the names, so no address is checked. The environment's proxy is never used. Since 0.1.0. */
HYTHE_API int hythe_guest_config_set_http_proxy(hythe_guest_config *config, const char *url,
                                                hythe_error **ret_error);

/* End a request that takes longer, in nanoseconds: in all (by default no limit), for resolving and
 * connecting (10 s), until the response's head is there (60 s), and between two pieces of its body
 * (60 s). 0: no limit. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_http_timeout_ns(hythe_guest_config *config, uint64_t ns);
HYTHE_API void hythe_guest_config_set_http_connect_timeout_ns(hythe_guest_config *config,
                                                              uint64_t ns);
HYTHE_API void hythe_guest_config_set_http_first_byte_timeout_ns(hythe_guest_config *config,
                                                                 uint64_t ns);
HYTHE_API void hythe_guest_config_set_http_idle_timeout_ns(hythe_guest_config *config, uint64_t ns);

/* End a response whose body is larger (0, the default: no limit), or whose header lines together
 * are (64 KiB; more than 300 KiB are never taken). Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_http_max_body(hythe_guest_config *config, uint64_t bytes);
HYTHE_API void hythe_guest_config_set_http_max_head(hythe_guest_config *config, uint32_t bytes);

/* Follow redirects over at most `count` URLs, the first one counted. 10 is the default; with 0 the
 * guest sees the redirects. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_http_redirects(hythe_guest_config *config, uint32_t count);

/* Let the guest hold at most `count` responses that it has not closed: each may hold a connection
 * and 256 KiB. 1024 is the default, 16384 the most; 0 stands for it. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_http_concurrency(hythe_guest_config *config, uint32_t count);

/* End the guest when its memories together would pass `bytes`. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_max_memory(hythe_guest_config *config, uint64_t bytes);

/* End the guest `ns` nanoseconds after its start. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_timeout_ns(hythe_guest_config *config, uint64_t ns);

/* End the guest after about `fuel` WebAssembly instructions. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_fuel(hythe_guest_config *config, uint64_t fuel);

/* Let the guest have at most `count` descriptors open. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_max_fds(hythe_guest_config *config, uint32_t count);

/* Give sockets that the guest has closed up to `ns` nanoseconds to send what they still hold when
 * the guest ends. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_grace_ns(hythe_guest_config *config, uint64_t ns);

/* Print each host call with its arguments and its result on stderr. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_trace(hythe_guest_config *config, bool trace);

/* Print on stderr how long the parts of starting took, and running. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_timing(hythe_guest_config *config, bool timing);

/* Choose how write readiness is reported. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_poll_mode(hythe_guest_config *config,
                                                enum hythe_poll_mode mode);

/* Run `count` processes that share the guest's listening ports; HYTHE_WORKERS_AUTO for as many as
 * there are processors. 1 is the default and stays in the calling process. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_workers(hythe_guest_config *config, uint32_t count);

/* Answer fd_prestat_get on a listener with BADF, as Wasmtime did: programs then do not find the
 * directories behind it. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_strict_prestat(hythe_guest_config *config, bool strict);

/* Start a component although it imports what hythe does not have: it traps when it calls that. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_stub_unknown(hythe_guest_config *config, bool stub);

/* Call this exported function and not _start. Since 0.1.0. */
HYTHE_API int hythe_guest_config_set_invoke(hythe_guest_config *config, const char *function,
                                            hythe_error **ret_error);

/* Set argv[0]; by default it is the last part of the module's path. Since 0.1.0. */
HYTHE_API int hythe_guest_config_set_argv0(hythe_guest_config *config, const char *name,
                                           hythe_error **ret_error);

/* Keep compiled modules in this directory, which must belong to the caller and be writable by
 * nobody else. By default it is hythe's directory in the user's cache. Since 0.1.0. */
HYTHE_API int hythe_guest_config_set_cache_dir(hythe_guest_config *config, const char *path,
                                               hythe_error **ret_error);

/* Neither read nor write compiled modules. Since 0.1.0. */
HYTHE_API void hythe_guest_config_set_no_cache(hythe_guest_config *config);

/* Run the module in the file `module_path` until it ends.
 *
 * Call it from a program's main thread: while it runs it handles SIGTERM and SIGINT, and with
 * workers it forks. The configuration is only read. Returns the guest's exit code, 0 to 255, or -1
 * with an error: a file that cannot be run, something refused before the start, a trap, a limit.
 * hythe_error_exit has the code a program should end with. Since 0.1.0. */
HYTHE_API int hythe_run(const char *module_path, const hythe_guest_config *config,
                        hythe_error **ret_error);

#ifdef __cplusplus
}
#endif

#endif
