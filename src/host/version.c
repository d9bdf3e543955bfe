/* Which hythe, and which engine. See hythe/version.h. */
#include "hythe/version.h"

#include "engine/engine.h"

const char *hythe_version(void)
{
    return HYTHE_VERSION;
}

const char *hythe_engine_version(void)
{
    return "wasmtime " ENGINE_VERSION;
}
