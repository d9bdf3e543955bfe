/* Serving: an HTTP front with modules, files and redirects behind it.
 *
 * A fresh configuration listens nowhere and serves nothing; what is not said has the defaults of
 * hythe.toml(5). Routes come from a file or from one module; single keys are set over either. */
#ifndef HYTHE_SERVER_H
#define HYTHE_SERVER_H

#include "hythe/error.h"
#include "hythe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hythe_server_config hythe_server_config;

/* Make a configuration without routes; NULL without memory. Release it with
 * hythe_server_config_free. Since 0.1.0. */
HYTHE_API hythe_server_config *hythe_server_config_new(void);

/* Release a configuration. NULL is fine; no server may be using it. Since 0.1.0. */
HYTHE_API void hythe_server_config_free(hythe_server_config *config);

/* The functions below copy what they are given and return 0 or a negative errno. After an error the
 * configuration can only be released. */

/* Read a hythe.toml, or a modules.toml of WAGI. What is wrong with it is told by line and column, one
 * line of text for each fault, up to ten. The file is read again whenever the server reloads. Since
 * 0.1.0. */
HYTHE_API int hythe_server_config_read(hythe_server_config *config, const char *path,
                                       hythe_error **ret_error);

/* Send every request to the module in the file `path`. Since 0.1.0. */
HYTHE_API int hythe_server_config_add_module(hythe_server_config *config, const char *path,
                                             hythe_error **ret_error);

/* Set one key of hythe.toml over what was read before: "timeouts.header" to "10s". Lists are added
 * to, one item a call; the first "listen" takes the place of the file's listeners. Keys of a route,
 * such as "route.body", are those of the module that was added. Since 0.1.0. */
HYTHE_API int hythe_server_config_set(hythe_server_config *config, const char *key,
                                      const char *value, hythe_error **ret_error);

/* Serve until a signal ends it: SIGTERM and SIGINT when the requests under way have been answered, a
 * second one at once; SIGHUP reads the configuration again and takes it over if it is right.
 *
 * Call it from a program's main thread and before any other thread exists: it handles signals and
 * forks workers. The configuration is only read. Returns the exit code a program should end with, or
 * -1 with an error when it could not begin. Since 0.1.0. */
HYTHE_API int hythe_serve(const hythe_server_config *config, hythe_error **ret_error);

/* Load all that hythe_serve would, and serve nothing. The text says for people which routes there are
 * and what stands behind each; release it with free(). 0, or -1 with an error; then `ret_text` is
 * untouched. Since 0.1.0. */
HYTHE_API int hythe_serve_check(const hythe_server_config *config, char **ret_text,
                                hythe_error **ret_error);

#ifdef __cplusplus
}
#endif

#endif
