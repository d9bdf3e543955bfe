/* Which hythe this is. */
#ifndef HYTHE_VERSION_H
#define HYTHE_VERSION_H

#include "hythe/export.h"

#define HYTHE_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* Give the version of the library in use, "MAJOR.MINOR.PATCH".
 *
 * It may differ from HYTHE_VERSION, which is the header's. The string is constant. Since 0.1.0. */
HYTHE_API const char *hythe_version(void);

/* Give name and version of the WebAssembly engine inside, for example "wasmtime 48.0.8".
 *
 * The string is constant. Since 0.1.0. */
HYTHE_API const char *hythe_engine_version(void);

#ifdef __cplusplus
}
#endif

#endif
