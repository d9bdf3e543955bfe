/* Finding programs. See real.h. */
#include "oci/real.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/text.h"

enum { DEPTH_MAX = 4 };

static const char self_link[] = "/proc/self/exe";
static const char depth_variable[] = "HYTHE_RUNC_DEPTH";

enum found { FOUND_NOTHING, FOUND_SELF, FOUND };

static enum found look_at(const char *path)
{
    struct stat st;
    struct stat self;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0) {
        return FOUND_NOTHING;
    }
    bool is_self =
        stat(self_link, &self) == 0 && st.st_dev == self.st_dev && st.st_ino == self.st_ino;
    return is_self ? FOUND_SELF : FOUND;
}

/* Put the first file `name` on PATH that is not this program. */
static bool find_on_path(const char *name, char path[REAL_PATH_MAX])
{
    struct span folder;
    const char *list = getenv("PATH");
    list = list != NULL && list[0] != '\0' ? list : REAL_DEFAULT_PATH;
    while (text_next_part(&list, ':', &folder)) {
        if (folder.len == 0 || folder.len >= REAL_PATH_MAX || folder.data[0] != '/') {
            continue;
        }
        int put = snprintf(path, REAL_PATH_MAX, "%.*s/%s", (int)folder.len,
                           (const char *)folder.data, name);
        if (put > 0 && put < REAL_PATH_MAX && look_at(path) == FOUND) {
            return true;
        }
    }
    return false;
}

static int take_given(const char *given, char path[REAL_PATH_MAX], struct error *err)
{
    enum found found = look_at(given);
    if (found == FOUND_SELF) {
        return error_set(err, -ELOOP, "%s is this program itself; name the real one", given);
    }
    int put = snprintf(path, REAL_PATH_MAX, "%s", given);
    if (found == FOUND_NOTHING || put >= REAL_PATH_MAX) {
        return error_set(err, -ENOENT, "%s: there is no such program", given);
    }
    return 0;
}

int real_find(const struct real_search *search, char ret_path[REAL_PATH_MAX], struct error *err)
{
    if (search->given != NULL) {
        return take_given(search->given, ret_path, err);
    }
    for (const char *const *name = search->names; *name != NULL; name++) {
        if (find_on_path(*name, ret_path)) {
            return 0;
        }
    }
    return error_set(err, -ENOENT,
                     "no %s but this program is on PATH; install it, or name it in "
                     "/etc/hythe/runc.conf",
                     search->names[0]);
}

int real_count_depth(struct error *err)
{
    char text[16];
    uint64_t depth = 0;
    const char *before = getenv(depth_variable);
    if (before != NULL && num_parse_u64(before, DEPTH_MAX, &depth) < 0) {
        depth = DEPTH_MAX;
    }
    if (depth >= DEPTH_MAX) {
        return error_set(err, -ELOOP,
                         "it is called by itself, %d deep; name the real runtime in "
                         "/etc/hythe/runc.conf: real = PATH",
                         (int)DEPTH_MAX);
    }
    (void)snprintf(text, sizeof text, "%d", (int)depth + 1); /* always fits */
    return setenv(depth_variable, text, /* overwrite */ 1) < 0 ? -errno : 0;
}

/* Join, and resolve; false when nothing is there. */
static bool resolve(const char *dir, size_t dir_len, const char *tail, char path[REAL_PATH_MAX])
{
    char joined[REAL_PATH_MAX];
    char resolved[PATH_MAX];
    int put = snprintf(joined, sizeof joined, "%.*s/%s", (int)dir_len, dir, tail);
    if (put < 0 || (size_t)put >= sizeof joined || realpath(joined, resolved) == NULL) {
        return false;
    }
    put = snprintf(path, REAL_PATH_MAX, "%s", resolved);
    return put > 0 && put < REAL_PATH_MAX;
}

int real_find_beside(const char *const *tails, const char *file, char ret_path[REAL_PATH_MAX],
                     struct error *err)
{
    char self[REAL_PATH_MAX];
    ssize_t len = readlink(self_link, self, sizeof self - 1);
    while (len > 0 && self[len - 1] != '/') {
        len--;
    }
    for (const char *const *tail = tails; len > 0 && *tail != NULL; tail++) {
        char probe[REAL_PATH_MAX + 64];
        if (!resolve(self, (size_t)len, *tail, ret_path)) {
            continue;
        }
        (void)snprintf(probe, sizeof probe, "%s/%s", ret_path, file); /* fits: it is long enough */
        if (access(probe, F_OK) == 0) {
            return 0;
        }
    }
    return error_set(err, -ENOENT, "%s with %s is not beside this program", tails[0], file);
}
