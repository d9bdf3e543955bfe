/*
 * A wasi:http responder that does what its path says, well or badly, for the end-to-end tests:
 * /NAME/ARGUMENTS?QUERY. The ways are in the files ways_*.c, each with its own comment. What a way
 * cannot tell its client any more it writes to stderr, one line each.
 */
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

static const struct way *const tables[] = {
    ways_of_bodies,  ways_of_heads, ways_of_handles,
    ways_of_streams, ways_of_host,  ways_of_upstreams,
};

static const struct way *find(const char **at)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct way *way = tables[i]; way->name != NULL; way++) {
            if (word_at(at, way->name)) {
                return way;
            }
        }
    }
    return NULL;
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t param)
{
    world_string_t target = {0};
    (void)wasi_http_types_method_incoming_request_path_with_query(
        wasi_http_types_borrow_incoming_request(request), &target);
    char *path = copy_of(target);
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    struct exchange exchange = {
        .request = request,
        .param = param,
        .rest = path[0] == '/' ? path + 1 : path,
        .query = query != NULL ? query : "",
    };

    const struct way *way = find(&exchange.rest);
    if (way != NULL) {
        way->take(&exchange);
    } else {
        reply_line(&exchange, 404, "no such way");
    }
    if (!exchange.request_gone) {
        wasi_http_types_incoming_request_drop_own(request);
    }
    free(path);
    world_string_free(&target);
}
