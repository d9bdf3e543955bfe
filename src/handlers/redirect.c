/* Routes that send the peer elsewhere.
 *
 * "${path}" is the request's whole path in canonical form (path.h), "${query}" its query; both are
 * escaped, so that no line can be ended by them. A "?" that nothing follows is left out. */
#include <errno.h>

#include "base/container.h"
#include "handlers/internal.h"
#include "handlers/path.h"

enum {
    LOCATION_MAX = 64 << 10,
    STATUS_DEFAULT = 308,
};

struct variable {
    const char *text;
    bool is_path; /* or the query */
};

static const struct variable variables[] = {{"${path}", true}, {"${query}", false}};

static const struct variable *variable_at(struct span text)
{
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        size_t len = strlen(variables[i].text);
        if (text.len >= len && memcmp(text.data, variables[i].text, len) == 0) {
            return &variables[i];
        }
    }
    return NULL;
}

int redirect_check(const struct site_route *route, struct error *err)
{
    const char *to = route->config->to;
    uint16_t status = route->config->status;
    if (to == NULL || to[0] == '\0') {
        return site_refuse(route, err, -EINVAL, "it says not where to; add to = \"https://...\"");
    }
    for (const char *at = to; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return site_refuse(route, err, -EINVAL,
                               "to has a blank or control character; write it as %%%02X",
                               (unsigned char)*at);
        }
        if (at[0] == '$' && at[1] == '{' && variable_at(span_of(at)) == NULL) {
            return site_refuse(route, err, -EINVAL,
                               "to has an unknown variable; there are ${path} and ${query}");
        }
    }
    if (status != 0 && (status < 300 || status > 399 || status == 304)) {
        return site_refuse(route, err, -EINVAL,
                           "%u is no status of a redirect; use 301, 302, 303, 307 or 308", status);
    }
    return 0;
}

static int append_path(struct buffer *out, struct span path)
{
    int r = buffer_reserve(out, path.len * 3);
    if (r == 0) {
        uint8_t *begin = out->data + out->len;
        out->len += (size_t)(path_encode(begin, path) - begin);
    }
    return r;
}

/* The query as it came, but what a URL may not have is escaped: the parser lets none of it through,
 * yet that is not for this file to rely on. */
static int append_query(struct buffer *out, struct span query)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < query.len; i++) {
        uint8_t byte = query.data[i];
        if (byte > ' ' && byte < 0x7f && byte != '"' && byte != '<' && byte != '>') {
            r = buffer_append(out, (struct span){&byte, 1});
        } else {
            r = buffer_printf(out, "%%%02X", byte);
        }
    }
    return r;
}

static int expand(const struct site_request *request, struct buffer *out)
{
    struct span rest = span_of(request->route->config->to);
    int r = 0;
    while (r == 0 && rest.len > 0) {
        const struct variable *variable = variable_at(rest);
        size_t used = variable != NULL ? strlen(variable->text) : 1;
        if (variable == NULL) {
            r = buffer_append(out, (struct span){rest.data, 1});
        } else if (variable->is_path) {
            r = append_path(out, request->path);
        } else {
            r = append_query(out, request->inbound->query);
        }
        rest.data += used;
        rest.len -= used;
    }
    if (r == 0 && out->len > 0 && out->data[out->len - 1] == '?') {
        out->len--;
    }
    return r;
}

void redirect_handle(const struct site_request *request)
{
    struct buffer location;
    buffer_init(&location, LOCATION_MAX);
    int r = expand(request, &location);
    if (r < 0) {
        buffer_done(&location);
        http_transaction_fail(request->transaction, r == -EMSGSIZE ? 414 : 500, 0);
        return;
    }
    const struct http_header header = {span_of("location"), buffer_span(&location)};
    uint16_t status = request->route->config->status;
    const struct http_outbound outbound = {
        .status = status != 0 ? status : STATUS_DEFAULT,
        .headers = &header,
        .header_count = 1,
    };
    site_respond_all(request->route, request->transaction, &outbound, (struct span){0});
    buffer_done(&location);
}
