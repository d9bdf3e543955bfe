/* The arguments of a CGI guest. See cgi_env.h.
 *
 * What a peer writes never becomes an option: a word of the query that begins with "-" is left out
 * (in plain CGI all of them are then, since the query is no list of words). It is in QUERY_STRING in
 * any case. */
#include <errno.h>

#include "guest/guest.h"
#include "handlers/cgi_env.h"
#include "handlers/internal.h"
#include "handlers/path.h"

/* Arguments being added. */
struct args {
    struct guest *guest;
    const struct site_request *request;
    uint32_t count; /* made from the query */
    size_t len;
};

static int add(struct guest *guest, struct span word)
{
    int r = buffer_reserve(&guest->args, word.len + 1);
    if (r < 0) {
        return r;
    }
    if (word.len > 0) {
        memcpy(guest->args.data + guest->args.len, word.data, word.len);
    }
    guest->args.len += word.len;
    guest->args.data[guest->args.len] = '\0';
    guest->args.len++;
    guest->arg_count++;
    return 0;
}

static int add_of_query(struct args *args, struct span word)
{
    args->count++;
    args->len += word.len + 1;
    if (args->count > CGI_ARGS_MAX || args->len > CGI_ARGS_BYTES) {
        return -EMSGSIZE;
    }
    return add(args->guest, word);
}

/* The next piece of `rest` up to the separator; false when nothing is left. */
static bool next_piece(struct span *rest, uint8_t separator, struct span *ret_piece)
{
    if (rest->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, separator, rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    *ret_piece = (struct span){rest->data, len};
    size_t used = len + (end != NULL ? 1 : 0);
    rest->data += used;
    rest->len -= used;
    return true;
}

/* -- WAGI ------------------------------------------------------------------------------------- */

/* "a=1&b" as "a=1" and "b", escapes and all, as WAGI had it: so there is no NUL in them. */
static int add_pairs(struct args *args)
{
    struct span rest = args->request->inbound->query;
    struct span pair;
    while (next_piece(&rest, '&', &pair)) {
        if (pair.len == 0 || pair.data[0] == '-') {
            continue;
        }
        int r = add_of_query(args, pair);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A word of the template with ${SCRIPT_NAME} in it replaced. */
static int add_expanded(struct args *args, struct span word)
{
    static const char variable[] = "${SCRIPT_NAME}";
    struct span script = buffer_span(&args->request->route->path);
    struct buffer *out = &args->guest->args;
    if (script.len == 0) {
        script = span_of("/");
    }
    while (word.len > 0) {
        const uint8_t *at = memmem(word.data, word.len, variable, sizeof variable - 1);
        size_t len = at != NULL ? (size_t)(at - word.data) : word.len;
        int r = buffer_append(out, (struct span){word.data, len});
        word.data += len;
        word.len -= len;
        if (r == 0 && at != NULL) {
            r = buffer_append(out, script);
            word.data += sizeof variable - 1;
            word.len -= sizeof variable - 1;
        }
        if (r < 0) {
            return r;
        }
    }
    return add(args->guest, (struct span){0}); /* its NUL, and it counts */
}

static int fill_wagi(struct args *args)
{
    const char *argv = args->request->route->config->argv;
    struct span rest = span_of(argv != NULL ? argv : "${SCRIPT_NAME} ${ARGS}");
    struct span word;
    while (next_piece(&rest, ' ', &word)) {
        int r = 0;
        if (span_is(word, "${ARGS}")) {
            r = add_pairs(args);
        } else if (word.len > 0) {
            r = add_expanded(args, word);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* -- plain CGI -------------------------------------------------------------------------------- */

/* RFC 3875 section 4.4: a query without "=" is a search, its words are between the plus signs. All of
 * them or none: none if one cannot be decoded or would be an option. */
static int add_search(struct args *args)
{
    const struct http_inbound *inbound = args->request->inbound;
    bool is_asking = span_is(inbound->method, "GET") || span_is(inbound->method, "HEAD");
    struct buffer *out = &args->guest->args;
    struct span rest = inbound->query;
    struct span word;
    if (!is_asking || rest.len == 0 || memchr(rest.data, '=', rest.len) != NULL) {
        return 0;
    }
    size_t begin = out->len;
    uint32_t count = args->guest->arg_count;
    while (next_piece(&rest, '+', &word)) {
        int r = add_of_query(args, word);
        if (r < 0) {
            return r;
        }
        uint8_t *text = out->data + out->len - word.len - 1;
        int64_t len = path_decode_word(text, word);
        if (len < 0 || (len > 0 && text[0] == '-')) {
            out->len = begin;
            args->guest->arg_count = count;
            return 0;
        }
        text[len] = '\0';
        out->len = (size_t)(text - out->data) + (size_t)len + 1;
    }
    return 0;
}

static struct span base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return span_of(slash != NULL ? slash + 1 : path);
}

int cgi_args_fill(const struct site_request *request, struct guest *guest)
{
    const struct site_route *route = request->route;
    const struct strings *own = &route->config->args;
    struct args args = {.guest = guest, .request = request};
    int r = 0;
    if (route->kind == SERVE_WAGI) {
        r = fill_wagi(&args);
    } else {
        r = add(guest, base_name(route->config->module));
    }
    for (size_t i = 0; r == 0 && i < own->count; i++) {
        r = add(guest, span_of(own->items[i]));
    }
    if (r == 0 && route->kind == SERVE_CGI) {
        r = add_search(&args);
    }
    return r;
}
