/* wasi:config 0.2.0-rc.1: the settings of guest->config_pairs. Its interface was called runtime in the
 * drafts before. */
#ifndef HYTHE_IMPORTS_WASI_CONFIG_CONFIG_H
#define HYTHE_IMPORTS_WASI_CONFIG_CONFIG_H

#include "imports/component.h"

extern const struct component_interface wasi_config_store; /* config.c, as both */
extern const struct component_interface wasi_config_runtime;

#endif
