/* The files of container engines. See install_parts.h.
 *
 * A file changes in one step, so that an engine that starts meanwhile reads the old one or the new
 * one. Links are refused and not replaced: what they lead to is looked after by somebody. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "oci/file.h"
#include "oci/install_parts.h"

enum { FOLDER_MODE = 0755, FILE_MODE = 0644, BACKUPS_MAX = 100 };

/* The path as this program opens it. */
static int full_path(const struct install_file *file, char path[INSTALL_PATH_MAX],
                     struct error *err)
{
    int len = snprintf(path, INSTALL_PATH_MAX, "%s%s", file->root, file->path);
    return len < 0 || len >= INSTALL_PATH_MAX ? error_set(err, -ENAMETOOLONG, "a path is too long")
                                              : 0;
}

/* The system's words, and the advice that helps most often. */
static int fail(struct error *err, int code, const char *what, const char *path)
{
    (void)error_set_errno(err, code, "%s %s", what, path);
    if (code == -EACCES || code == -EPERM) {
        (void)error_set(err, code, "%s %s: it may not be; run this as root", what, path);
    } else if (code == -EROFS) {
        (void)error_set(
            err, code,
            "%s %s: its file system is read-only; print the snippet without --write and "
            "put it where this machine's configuration is made",
            what, path);
    }
    return code;
}

int install_file_read(struct install_file *file, struct buffer *text, struct error *err)
{
    char path[INSTALL_PATH_MAX];
    struct stat st;
    int r = full_path(file, path, err);
    if (r < 0) {
        return r;
    }
    if (lstat(path, &st) < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, -errno, "reading", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, -EINVAL,
                         "%s is %s; change what it stands for by hand, with what this prints "
                         "without --write",
                         path, S_ISLNK(st.st_mode) ? "a link" : "no file");
    }
    r = file_read_path(path, text);
    if (r < 0) {
        return fail(err, r, "reading", path);
    }
    file->is_there = true;
    return 0;
}

/* Make the folders on the way to `path`. */
static int make_folders(const struct install_file *file, char *path, struct error *err)
{
    char *from = path + strlen(file->root) + 1;
    for (char *slash = strchr(from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
        if (r < 0) {
            (void)fail(err, r, "making the folder", path);
        }
        *slash = '/';
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* The backup's name, relative to the file's folder: beside it, or one folder up where engines read
 * every file of the folder. */
static int name_backup(int dir_fd, const char *path, char name[INSTALL_PATH_MAX])
{
    char stamp[32];
    struct tm tm;
    struct stat st;
    time_t now = time(NULL);
    const char *base = strrchr(path, '/') + 1;
    size_t folder_len = (size_t)(base - 1 - path);
    bool is_dropin = folder_len > 2 && memcmp(path + folder_len - 2, ".d", 2) == 0;
    if (gmtime_r(&now, &tm) == NULL || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm) == 0) {
        return -EOVERFLOW;
    }
    for (int i = 1; i < BACKUPS_MAX; i++) {
        char number[16] = "";
        if (i > 1) {
            (void)snprintf(number, sizeof number, "-%d", i); /* always fits */
        }
        int len = snprintf(name, INSTALL_PATH_MAX, "%s%s.hythe-backup-%s%s", is_dropin ? "../" : "",
                           base, stamp, number);
        if (len < 0 || len >= INSTALL_PATH_MAX) {
            return -ENAMETOOLONG;
        }
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            return errno == ENOENT ? 0 : -errno;
        }
    }
    return -EEXIST;
}

/* A file where there was none: whole under another name, then under its own. */
static int make_file(int dir_fd, const char *name, struct span text)
{
    char fresh[INSTALL_PATH_MAX];
    int len = snprintf(fresh, sizeof fresh, ".%s.hythe-%d", name, (int)getpid());
    if (len < 0 || (size_t)len >= sizeof fresh) {
        return -ENAMETOOLONG;
    }
    int r = file_write_new(dir_fd, fresh, FILE_MODE, /* like */ NULL, text);
    if (r < 0) {
        return r;
    }
    if (linkat(dir_fd, fresh, dir_fd, name, 0) < 0) {
        r = -errno; /* somebody else has made it meanwhile */
    }
    (void)unlinkat(dir_fd, fresh, 0); /* it has its own name now, or none */
    return r;
}

static int remove_file(int dir_fd, const char *name, const char *kept)
{
    return renameat(dir_fd, name, dir_fd, kept) < 0 ? -errno : 0;
}

static int change_in(int dir_fd, const struct install_file *file, const char *base,
                     struct span text, const char *kept)
{
    if (!file->is_there) {
        return make_file(dir_fd, base, text);
    }
    return text.len > 0 ? file_replace(dir_fd, base, kept, text) : remove_file(dir_fd, base, kept);
}

/* The backup's name from the root on. 0 or -ENAMETOOLONG. */
static int tell_kept(const char *path, const char *kept, char *ret_kept)
{
    const char *end = strrchr(path, '/');
    if (strncmp(kept, "../", 3) == 0) {
        kept += 3;
        do {
            end--;
        } while (end > path && *end != '/');
    }
    int len = snprintf(ret_kept, INSTALL_PATH_MAX, "%.*s/%s", (int)(end - path), path, kept);
    return len < 0 || len >= INSTALL_PATH_MAX ? -ENAMETOOLONG : 0;
}

int install_file_change(const struct install_file *file, struct span text,
                        char ret_kept[INSTALL_PATH_MAX], struct error *err)
{
    char path[INSTALL_PATH_MAX];
    char kept[INSTALL_PATH_MAX];
    const char *base = strrchr(file->path, '/') + 1;
    int r = full_path(file, path, err);
    r = r < 0 ? r : make_folders(file, path, err);
    if (r < 0) {
        return r;
    }
    size_t folder_len = strlen(path) - strlen(base);
    path[folder_len - 1] = '\0';
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    path[folder_len - 1] = '/';
    if (dir_fd < 0) {
        return fail(err, -errno, "writing", path);
    }
    r = name_backup(dir_fd, file->path, kept);
    r = r < 0 ? r : tell_kept(file->path, kept, ret_kept);
    r = r < 0 ? r : change_in(dir_fd, file, base, text, kept);
    (void)close(dir_fd); /* only a place */
    if (r < 0) {
        return fail(err, r, "writing", path);
    }
    if (!file->is_there) {
        ret_kept[0] = '\0';
    }
    return 0;
}
