/* What a program's guests share on the way out. See reach.h. */
#include "host/reach.h"

#include <assert.h>
#include <stddef.h>

#include "base/strings.h"
#include "http/pool.h"
#include "net/names.h"

int reach_open(struct host_reach *reach, struct loop *loop, const struct strings *hosts,
               struct error *err)
{
    struct names *names = NULL;
    if (reach->names != NULL) {
        assert(reach->loop == loop);
        return 0;
    }
    int r = names_new(loop, &names);
    if (r < 0) {
        return error_set_errno(err, r, "making the resolver");
    }
    for (size_t i = 0; r == 0 && i < hosts->count; i++) {
        r = names_add_host(names, hosts->items[i], err);
    }
    if (r < 0) {
        names_free(names);
        return r;
    }
    reach->loop = loop;
    reach->names = names;
    return 0;
}

int reach_open_http(struct host_reach *reach, bool reaches_out, struct error *err)
{
    assert(reach->loop != NULL);
    return reach->pool != NULL ? 0 : http_pool_new(reach->loop, reaches_out, &reach->pool, err);
}

void reach_close(struct host_reach *reach)
{
    http_pool_free(reach->pool);
    names_free(reach->names);
    *reach = (struct host_reach){.loop = NULL};
}
