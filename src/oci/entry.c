/* Finding the entry point. See entry.h.
 *
 * All that is walked here is an image's, and this program may be root's: every walk is the kernel's
 * own openat2 with RESOLVE_IN_ROOT, so that no link and no ".." leads out of the root filesystem, and
 * nothing is opened for reading before it is known to be a regular file. */
#include "oci/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"
#include "oci/real.h"

enum { ENTRY_PATH_MAX = 4096 };

/* The root filesystem, and what is looked for in it. */
struct search {
    const struct spec *spec;
    int bundle_fd;
    struct entry *entry;
    char path[ENTRY_PATH_MAX]; /* inside the container */
};

/* -- walking ---------------------------------------------------------------------------------- */

static int open_within(int dir_fd, const char *path)
{
    const struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

static int open_root(const struct spec *spec, int bundle_fd)
{
    int fd = openat(bundle_fd, spec->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* What of `path` lies behind the mount point `at`; NULL when it is not below. */
static const char *below(const char *path, const char *at)
{
    size_t len = strlen(at);
    while (len > 0 && at[len - 1] == '/') {
        len--;
    }
    if (strncmp(path, at, len) != 0 || (path[len] != '/' && path[len] != '\0')) {
        return NULL;
    }
    return path + len;
}

/* The bind mount that covers `path`: of those above it the last one made, as mounts cover. */
static bool find_bind(const struct spec *spec, const char *path, struct spec_bind *ret_bind,
                      const char **ret_rest)
{
    struct spec_bind bind;
    bool found = false;
    for (size_t i = 0; spec_bind_at(spec, i, &bind); i++) {
        const char *rest = below(path, bind.destination);
        if (rest != NULL) {
            *ret_bind = bind;
            *ret_rest = rest + strspn(rest, "/");
            found = true;
        }
    }
    return found;
}

/* Open a path of the container without reading it: through a bind mount, or in its root. */
static int open_inside(const struct spec *spec, int bundle_fd, const char *path)
{
    struct spec_bind bind;
    const char *rest = NULL;
    if (!find_bind(spec, path, &bind, &rest)) {
        int root_fd = open_root(spec, bundle_fd);
        int fd = root_fd < 0 ? root_fd : open_within(root_fd, path);
        if (root_fd >= 0) {
            (void)close(root_fd); /* only a place */
        }
        return fd;
    }
    int source_fd = openat(bundle_fd, bind.source, O_PATH | O_CLOEXEC);
    if (source_fd < 0) {
        return -errno;
    }
    if (rest[0] == '\0') {
        return source_fd;
    }
    int fd = open_within(source_fd, rest);
    (void)close(source_fd); /* only a place */
    return fd;
}

/* Open for reading what `place_fd` stands for, if that is a regular file. */
static int open_regular(int place_fd)
{
    struct stat st;
    char self[64];
    if (fstat(place_fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return S_ISDIR(st.st_mode) ? -EISDIR : -ENOENT;
    }
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", place_fd); /* always fits */
    int fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int open_file(const struct spec *spec, int bundle_fd, const char *path)
{
    int place_fd = open_inside(spec, bundle_fd, path);
    if (place_fd < 0) {
        return place_fd;
    }
    int fd = open_regular(place_fd);
    (void)close(place_fd); /* only a place */
    return fd;
}

/* -- searching -------------------------------------------------------------------------------- */

/* Look at search->path, and at the hythe.toml in it if it is a folder. */
static int try_path(struct search *search)
{
    int fd = open_file(search->spec, search->bundle_fd, search->path);
    if (fd == -EISDIR) {
        size_t len = strlen(search->path);
        int put = snprintf(search->path + len, sizeof search->path - len, "/hythe.toml");
        if (put < 0 || (size_t)put >= sizeof search->path - len) {
            return -ENOENT;
        }
        fd = open_file(search->spec, search->bundle_fd, search->path);
    }
    if (fd < 0) {
        return fd == -ENOMEM ? fd : -ENOENT;
    }
    module_kind_read(fd, search->path, &search->entry->kind);
    if (search->entry->fd >= 0) {
        (void)close(search->entry->fd); /* an earlier one, which was not taken */
    }
    search->entry->fd = fd;
    return 0;
}

/* Drop the doubled slashes that joining made. */
static void squeeze(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; from++) {
        if (*from != '/' || to == path || to[-1] != '/') {
            *to = *from;
            to++;
        }
    }
    *to = '\0';
}

/* Try `name` in the folder `dir` of the container, which is relative to its working folder. */
static int try_in(struct search *search, struct span dir, const char *name)
{
    bool is_absolute = dir.len > 0 && dir.data[0] == '/';
    const char *begin = is_absolute ? "" : search->spec->cwd;
    if (!is_absolute && begin[0] != '/') {
        return -ENOENT;
    }
    int put = snprintf(search->path, sizeof search->path, "%s%s%.*s%s%s", begin,
                       is_absolute || dir.len == 0 ? "" : "/", (int)dir.len,
                       dir.len > 0 ? (const char *)dir.data : "", name[0] == '\0' ? "" : "/", name);
    if (put < 0 || (size_t)put >= sizeof search->path) {
        return -ENOENT;
    }
    squeeze(search->path);
    return try_path(search);
}

static int try_along_path(struct search *search, const char *name)
{
    struct span folder;
    const char *list = spec_env(search->spec, "PATH");
    int r = -ENOENT;
    list = list != NULL ? list : REAL_DEFAULT_PATH;
    while (r == -ENOENT && text_next_part(&list, ':', &folder)) {
        r = folder.len > ENTRY_PATH_MAX ? -ENOENT : try_in(search, folder, name);
        /* A folder of that name is none to run, as for a shell. */
        if (r == 0 && search->entry->kind.form == KIND_SITE) {
            r = -ENOENT;
        }
    }
    return r;
}

static int try_name(struct search *search, const char *name)
{
    if (name[0] == '/') {
        return try_in(search, (struct span){(const uint8_t *)"/", 1}, name + strspn(name, "/"));
    }
    if (name[0] == '\0') {
        return -ENOENT;
    }
    int r = strchr(name, '/') == NULL ? try_along_path(search, name) : -ENOENT;
    return r == -ENOENT ? try_in(search, (struct span){0}, name) : r;
}

static int search_name(struct search *search, const char *name)
{
    int r = try_name(search, name);
    const char *hash = strrchr(name, '#');
    if (r != -ENOENT || hash == NULL || hash == name || hash[1] == '\0') {
        return r;
    }
    char *file = strndup(name, (size_t)(hash - name));
    search->entry->function = strdup(hash + 1);
    r = file == NULL || search->entry->function == NULL ? -ENOMEM : try_name(search, file);
    free(file);
    return r;
}

int entry_find(const struct spec *spec, int bundle_fd, struct entry *ret_entry)
{
    struct entry entry = {.fd = -1};
    struct search search = {.spec = spec, .bundle_fd = bundle_fd, .entry = &entry};
    int r = search_name(&search, spec->args[0]);
    if (r == 0) {
        entry.path = strdup(search.path);
        r = entry.path == NULL ? -ENOMEM : 0;
    }
    if (r < 0) {
        entry_done(&entry);
        return r;
    }
    *ret_entry = entry;
    return 0;
}

bool entry_has_file(const struct spec *spec, int bundle_fd, const char *path)
{
    int fd = open_file(spec, bundle_fd, path);
    if (fd >= 0) {
        (void)close(fd); /* was only looked for */
    }
    return fd >= 0;
}

bool entry_is_root_writable(const struct spec *spec, int bundle_fd)
{
    struct statvfs st;
    int fd = open_root(spec, bundle_fd);
    bool is_known = fd >= 0 && fstatvfs(fd, &st) == 0;
    if (fd >= 0) {
        (void)close(fd); /* only a place */
    }
    return !is_known || (st.f_flag & ST_RDONLY) == 0;
}

void entry_done(struct entry *entry)
{
    free(entry->path);
    free(entry->function);
    if (entry->fd >= 0) {
        (void)close(entry->fd); /* was only read */
    }
    *entry = (struct entry){.fd = -1};
}
