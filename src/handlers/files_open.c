/* From a path to an open file beneath the route's folder.
 *
 * The kernel walks, and refuses every way out (guest/path.h). Beyond that nothing is served that has
 * a segment with a dot in front, ".well-known" at the front excepted; that has an encoded slash; and
 * that is no regular file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "guest/path.h"
#include "handlers/files_internal.h"
#include "handlers/internal.h"
#include "handlers/path.h"

/* Longer than any ending that is put behind a name. */
enum { ENDING_ROOM = 8, NAME_LEN_MAX = GUEST_PATH_MAX - ENDING_ROOM };

struct file_name {
    char text[GUEST_PATH_MAX];
    size_t len;
};

static int append(struct file_name *name, struct span bytes)
{
    if (name->len + bytes.len >= NAME_LEN_MAX) {
        return -ENOENT;
    }
    if (bytes.len > 0) {
        memcpy(name->text + name->len, bytes.data, bytes.len);
    }
    name->len += bytes.len;
    name->text[name->len] = '\0';
    return 0;
}

static bool is_hidden(struct span path)
{
    static const char allowed[] = "/.well-known/";
    size_t at = 0;
    if (path.len >= sizeof allowed - 1 && memcmp(path.data, allowed, sizeof allowed - 1) == 0) {
        at = sizeof allowed - 2;
    }
    for (; at + 1 < path.len; at++) {
        if (path.data[at] == '/' && path.data[at + 1] == '.') {
            return true;
        }
    }
    return false;
}

/* The last segment with the slash before it. */
static struct span last_segment(struct span path)
{
    const uint8_t *slash = path.len > 0 ? memrchr(path.data, '/', path.len) : NULL;
    size_t begin = slash != NULL ? (size_t)(slash - path.data) : 0;
    return (struct span){path.data + begin, path.len - begin};
}

/* What the path names, as a name beneath the folder: a prefix's rest, an exact route's last segment.
 * FILES_IS_FOLDER for a prefix without anything behind it. */
static int name_of(const struct site_request *request, struct file_name *name)
{
    const struct serve_route *config = request->route->config;
    struct span rest = config->is_prefix ? site_rest(request) : last_segment(request->path);
    uint8_t plain[GUEST_PATH_MAX];
    name->len = 0;
    if (rest.len == 0) {
        return FILES_IS_FOLDER;
    }
    if (rest.len >= sizeof plain || is_hidden(rest) ||
        memmem(rest.data, rest.len, "%2F", 3) != NULL) {
        return -ENOENT;
    }
    size_t len = (size_t)(path_plain(plain, rest) - plain);
    int r = append(name, (struct span){plain + 1, len - 1});
    if (r == 0 && plain[len - 1] == '/') {
        const char *index = config->index != NULL ? config->index : "index.html";
        r = index[0] != '\0' ? append(name, span_of(index)) : -ENOENT;
    }
    return r;
}

/* Open a regular file and say what it is. FILES_IS_FOLDER for a folder. */
static int open_regular(int root, const char *name, struct file_found *found)
{
    struct stat st;
    int fd = guest_path_open(root, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0 /* mode */);
    if (fd < 0) {
        return fd;
    }
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(st.st_mode)) {
        r = S_ISDIR(st.st_mode) ? FILES_IS_FOLDER : -ENOENT;
    }
    if (r != 0) {
        (void)close(fd); /* nothing was written */
        return r;
    }
    found->fd = fd;
    found->size = (uint64_t)st.st_size;
    found->mtime = st.st_mtim.tv_sec;
    (void)snprintf(found->etag, sizeof found->etag, "\"%llx-%llx%08lx-%llx\"",
                   (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
                   (unsigned long)st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
    http_date_print(found->mtime, found->date);
    return 0;
}

/* Is the weight of a list's element, ";q=0.5", nought? */
static bool is_refused(struct span parameters)
{
    const uint8_t *q = memmem(parameters.data, parameters.len, "q=", 2);
    if (q == NULL) {
        return false;
    }
    for (q += 2; q < parameters.data + parameters.len; q++) {
        if (*q >= '1' && *q <= '9') {
            return false;
        }
    }
    return true;
}

static bool accepts(const struct http_inbound *inbound, const char *coding)
{
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        struct span rest = inbound->headers[i].value;
        struct span element;
        if (!span_is(inbound->headers[i].name, "accept-encoding")) {
            continue;
        }
        while (http_list_next(&rest, &element)) {
            const uint8_t *semicolon = memchr(element.data, ';', element.len);
            size_t len = semicolon != NULL ? (size_t)(semicolon - element.data) : element.len;
            struct span parameters = {element.data + len, element.len - len};
            if (http_is_name(http_trim((struct span){element.data, len}), coding)) {
                return !is_refused(parameters);
            }
        }
    }
    return false;
}

/* Take NAME.br or NAME.gz for NAME where the peer takes it and there is one. */
static void choose_coding(const struct site_request *request, struct file_name *name,
                          struct file_found *found)
{
    static const struct {
        const char *coding;
        const char *ending;
    } codings[] = {{"br", ".br"}, {"gzip", ".gz"}};
    for (size_t i = 0; i < ARRAY_COUNT(codings); i++) {
        struct file_found packed = *found;
        if (!accepts(request->inbound, codings[i].coding)) {
            continue;
        }
        memcpy(name->text + name->len, codings[i].ending, strlen(codings[i].ending) + 1);
        int r = open_regular(request->route->root, name->text, &packed);
        name->text[name->len] = '\0';
        if (r == 0) {
            (void)close(found->fd); /* nothing was written */
            *found = packed;
            found->encoding = codings[i].coding;
            return;
        }
    }
}

/* What the kernel says of a name that is not to be had. */
static int plain_reason(int r)
{
    switch (r) {
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -ELOOP:
    case -EPERM: /* it leads out */
    case -ENXIO: /* a socket */
        return -ENOENT;
    default:
        return r;
    }
}

int files_open(const struct site_request *request, struct file_found *ret_found)
{
    const struct serve_route *config = request->route->config;
    struct file_name name = {.len = 0};
    struct file_found found = {.fd = -1};
    int r = name_of(request, &name);
    if (r == 0) {
        r = plain_reason(open_regular(request->route->root, name.text, &found));
    }
    /* The index of a folder is a folder: there is none. */
    if (r == FILES_IS_FOLDER && request->path.data[request->path.len - 1] == '/') {
        r = -ENOENT;
    }
    if (r == -ENOENT && config->fallback != NULL) {
        name.len = 0;
        r = append(&name, span_of(config->fallback));
        r = r == 0 ? plain_reason(open_regular(request->route->root, name.text, &found)) : r;
        r = r == FILES_IS_FOLDER ? -ENOENT : r;
    }
    if (r != 0) {
        return r;
    }
    found.type = files_type_of((struct span){(const uint8_t *)name.text, name.len});
    if (config->precompressed) {
        choose_coding(request, &name, &found);
    }
    *ret_found = found;
    return 0;
}
