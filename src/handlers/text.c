/* Routes whose answer is in the configuration. */
#include "handlers/internal.h"

void text_handle(const struct site_request *request)
{
    const struct serve_route *config = request->route->config;
    const struct http_header type = {
        span_of("content-type"),
        span_of(config->type != NULL ? config->type : "text/plain; charset=utf-8"),
    };
    const struct http_outbound outbound = {
        .status = config->status != 0 ? config->status : 200,
        .headers = &type,
        .header_count = 1,
    };
    struct span body = span_of(config->body != NULL ? config->body : "");
    site_respond_all(request->route, request->transaction, &outbound, body);
}
