#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *header_find(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

static bool header_is(const char *head, const char *name, const char *value)
{
    const char *found = header_find(head, name);

    return found != NULL && strncasecmp(found, value, strlen(value)) == 0;
}

/* METHOD SP PATH SP VERSION; a head that is not even that is refused. */
static bool head_parse(const char *head, struct http_request *request)
{
    const char *path = strchr(head, ' ');
    if (path == NULL) {
        return false;
    }
    path++;
    size_t path_len = strcspn(path, " \r\n");
    if (path_len == 0 || path_len >= sizeof(request->path) || path[path_len] != ' ') {
        return false;
    }
    const char *version = path + path_len + 1;
    if (strncmp(version, "HTTP/1.", 7) != 0) {
        return false;
    }

    memcpy(request->path, path, path_len);
    request->path[path_len] = '\0';
    request->is_get = strncmp(head, "GET ", 4) == 0;
    request->keep_alive = version[7] == '0' ? header_is(head, "connection", "keep-alive")
                                            : !header_is(head, "connection", "close");
    return true;
}

/*
 * Adds bytes to the head up to and including its blank line. Looks for the line feed that ends it
 * in the new bytes only, so that a head sent byte by byte is not searched from its start each time.
 */
static bool head_append(struct http_reader *reader, const char *bytes, size_t len, size_t *ret_used)
{
    size_t used = 0;

    while (used < len && reader->head_len < HTTP_HEAD_MAX) {
        const char *end = memchr(bytes + used, '\n', len - used);
        size_t part = end == NULL ? len - used : (size_t)(end - bytes) + 1 - used;
        if (part > HTTP_HEAD_MAX - reader->head_len) {
            part = HTTP_HEAD_MAX - reader->head_len;
        }
        memcpy(reader->head + reader->head_len, bytes + used, part);
        reader->head_len += part;
        used += part;
        if (reader->head_len >= 4 &&
            memcmp(reader->head + reader->head_len - 4, "\r\n\r\n", 4) == 0) {
            *ret_used = used;
            return true;
        }
    }
    *ret_used = used;
    return false;
}

enum http_step http_feed(struct http_reader *reader, const char *bytes, size_t len,
                         size_t *ret_used, struct http_request *request)
{
    size_t skipped = reader->body_left < len ? reader->body_left : len;
    size_t used = 0;

    reader->body_left -= skipped;
    bool complete = head_append(reader, bytes + skipped, len - skipped, &used);
    *ret_used = skipped + used;
    if (!complete) {
        return reader->head_len < HTTP_HEAD_MAX ? HTTP_NEEDS_MORE : HTTP_BAD;
    }

    reader->head[reader->head_len] = '\0';
    reader->head_len = 0;
    if (!head_parse(reader->head, request)) {
        return HTTP_BAD;
    }
    const char *length = header_find(reader->head, "content-length");
    reader->body_left = length == NULL ? 0 : strtoul(length, NULL, 10);
    return HTTP_COMPLETE;
}
