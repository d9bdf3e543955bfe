/* hythe: one host for every way a WebAssembly module speaks HTTP. The public C API.
 *
 * Opaque handles, one header per concept. All strings are UTF-8 and NUL-terminated and are copied
 * by whoever keeps them. Nothing here is thread-safe on the same handle; different handles may be
 * used by different threads.
 *
 *     hythe_guest_config *config = hythe_guest_config_new();
 *     hythe_error *error = NULL;
 *     int exit_code = -1;
 *
 *     if (config != NULL && hythe_guest_config_add_listen(config, "127.0.0.1:8080", &error) == 0) {
 *         exit_code = hythe_run("server.wasm", config, &error);
 *     }
 *     if (exit_code < 0) {
 *         fprintf(stderr, "%s\n", hythe_error_text(error));
 *     }
 *     hythe_error_free(error);
 *     hythe_guest_config_free(config);
 */
#ifndef HYTHE_H
#define HYTHE_H

#include "hythe/check.h"
#include "hythe/error.h"
#include "hythe/export.h"
#include "hythe/guest.h"
#include "hythe/module.h"
#include "hythe/server.h"
#include "hythe/version.h"

#endif
