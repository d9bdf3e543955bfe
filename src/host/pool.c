/* The engine of a server: one with a pool if it can be had. See task.h. */
#include <errno.h>

#include "base/log.h"
#include "engine/engine.h"
#include "host/task.h"

int host_engine_new(uint32_t guests, struct seen *seen, struct engine **ret_engine,
                    struct error *err)
{
    struct engine_options options = {.pool_instances = guests, .seen = seen};
    struct error why = {0};
    int r = engine_new(&options, ret_engine, &why);
    if (r != -ENOMEM) {
        return r < 0 ? error_set(err, r, "%s", why.text) : r;
    }
    log_line("each request's guest gets memory of its own, which is slower: %s; allow this process "
             "more address space (ulimit -v, or the container's limit), or set [limits] requests "
             "below %u",
             why.text, guests);
    options.pool_instances = 0;
    return engine_new(&options, ret_engine, err);
}
