/* Compiling on the host. See precompile.h.
 *
 *   1. the module's bytes and the host's program give the entry's name; if it is there, done
 *   2. a work folder for the compiler, which owns it and nothing else: the module's copy
 *   3. the compiler, as nobody, in that folder
 *   4. what it made is copied to a file of root's and gets the entry's name in one step
 *
 * Whoever takes over the compiler with a module chooses the code of that module only, which runs in
 * containers of its own image. An entry goes when it is among the oldest of too many. */
#include "oci/precompile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/file.h"

enum {
    MODULE_MAX = 64 << 20,
    COMPILED_MAX = 1 << 30,
    ENTRIES_MAX = 512,
    NAME_LEN_MAX = 160,
    NOBODY = 65534,
    COMPILE_SECONDS = 120,
    DEPTH_MAX = 16, /* of folders that the compiler leaves */
};

static const char module_name[] = "module.wasm";
static const char compiled_name[] = "module.cwasm";

/* -- entries ---------------------------------------------------------------------------------- */

/* A module's name in the cache: its digest, and which program's code it is. */
static int entry_name(const struct precompile *job, struct span module, char name[NAME_LEN_MAX])
{
    char path[PRECOMPILE_PATH_MAX];
    char digest[DIGEST_TEXT_SIZE];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/hythe", job->host);
    if (len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0) {
        return -ENOENT;
    }
    int r = digest_of(module, digest, /* err */ NULL);
    if (r < 0) {
        return r;
    }
    (void)snprintf(name, NAME_LEN_MAX, "%s-%llx-%llx-%lx.cwasm", digest + DIGEST_PREFIX_LEN,
                   (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
                   (unsigned long)st.st_mtim.tv_nsec); /* always fits */
    return 0;
}

/* Only root may be able to write what will be run. */
static bool is_roots(const struct stat *st)
{
    return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_folder(const char *folder)
{
    char path[PRECOMPILE_PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s", folder);
    if (len <= 0 || (size_t)len >= sizeof path) {
        return -ENAMETOOLONG;
    }
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0755); /* opening it tells */
        *at = '/';
    }
    (void)mkdir(path, 0755); /* the same */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &st) < 0 || !is_roots(&st)) {
        (void)close(fd); /* only a place */
        return -EPERM;
    }
    return fd;
}

/* Tell whether the entry is there, and note that it is in use. */
static bool has_entry(int folder_fd, const char *name)
{
    struct stat st;
    bool is_there = fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode) && st.st_size > 0 && is_roots(&st);
    if (is_there) {
        (void)utimensat(folder_fd, name, NULL, AT_SYMLINK_NOFOLLOW); /* it is a hint */
    }
    return is_there;
}

/* Remove the entry that has not been used for longest, where there are too many. */
static void remove_oldest(int folder_fd)
{
    char oldest[NAME_MAX + 1] = "";
    struct timespec when = {0};
    unsigned count = 0;
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct stat st;
        if (fstatat(folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode)) {
            continue;
        }
        count++;
        if (oldest[0] == '\0' || st.st_mtim.tv_sec < when.tv_sec) {
            (void)snprintf(oldest, sizeof oldest, "%s", entry->d_name); /* always fits */
            when = st.st_mtim;
        }
    }
    (void)closedir(dir); /* was only read */
    if (count > ENTRIES_MAX) {
        (void)unlinkat(folder_fd, oldest, 0); /* another time */
    }
}

/* -- the compiler ----------------------------------------------------------------------------- */

static int limit(int resource, rlim_t most)
{
    const struct rlimit value = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &value);
}

/* In the child: become nobody, for good, with bounds. */
static bool confine(int work_fd)
{
    return fchdir(work_fd) == 0 && limit(RLIMIT_CORE, 0) == 0 &&
           limit(RLIMIT_CPU, COMPILE_SECONDS) == 0 && limit(RLIMIT_FSIZE, COMPILED_MAX) == 0 &&
           limit(RLIMIT_DATA, (rlim_t)4 << 30) == 0 && setgroups(0, NULL) == 0 &&
           setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void compile_in_child(const struct precompile *job, int work_fd)
{
    char loader[PRECOMPILE_PATH_MAX];
    char library[PRECOMPILE_PATH_MAX];
    char program[PRECOMPILE_PATH_MAX];
    (void)snprintf(loader, sizeof loader, "%s/ld.so", job->host);   /* execve tells */
    (void)snprintf(library, sizeof library, "%s/lib", job->host);   /* as above */
    (void)snprintf(program, sizeof program, "%s/hythe", job->host); /* as above */
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup2(null_fd, fd) < 0) {
            return;
        }
    }
    (void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC); /* ours are so already */
    (void)alarm(COMPILE_SECONDS);                                        /* cannot fail */
    if (!confine(work_fd)) {
        return;
    }
    const char *const argv[] = {loader,    "--inhibit-cache", "--library-path", library,
                                "--argv0", "hythe",           program,          "compile",
                                "-o",      compiled_name,     module_name,      NULL};
    const char *const env[] = {"PATH=/usr/bin:/bin", "HOME=/nonexistent", NULL};
    (void)execve(loader, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
}

static int run_compiler(const struct precompile *job, int work_fd)
{
    /* Whoever calls may ignore its children, and so would we. */
    const struct sigaction as_usual = {.sa_handler = SIG_DFL};
    if (sigaction(SIGCHLD, &as_usual, NULL) < 0) {
        return -errno;
    }
    pid_t child = fork();
    if (child < 0) {
        return -errno;
    }
    if (child == 0) {
        compile_in_child(job, work_fd);
        _exit(1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOEXEC;
}

/* -- in and out of the work folder ------------------------------------------------------------ */

/* Give the entry its bytes, which are copied: somebody may still write to the compiler's file. */
static int keep(int work_fd, int folder_fd, const char *name)
{
    char fresh[NAME_LEN_MAX];
    struct buffer compiled;
    struct stat st;
    int fd = openat(work_fd, compiled_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    buffer_init(&compiled, COMPILED_MAX);
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    int r = is_file ? file_read(fd, &compiled) : -EINVAL;
    (void)close(fd);                                                /* was only read */
    (void)snprintf(fresh, sizeof fresh, "fresh-%d", (int)getpid()); /* always fits */
    if (r == 0) {
        (void)unlinkat(folder_fd, fresh, 0); /* of one who was killed */
        r = file_write_new(folder_fd, fresh, 0444, /* like */ NULL, buffer_span(&compiled));
    }
    buffer_done(&compiled);
    if (r == 0 && renameat(folder_fd, fresh, folder_fd, name) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(folder_fd, fresh, 0); /* half a file is of no use */
    }
    return r;
}

/* Remove what is in the work folder, which the compiler could fill as it likes. */
static void empty(int folder_fd, int depth)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (is_dots || unlinkat(folder_fd, entry->d_name, 0) == 0 || depth == 0) {
            continue;
        }
        int below_fd =
            openat(folder_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (below_fd >= 0) {
            empty(below_fd, depth - 1);
            (void)close(below_fd); /* only a place */
        }
        (void)unlinkat(folder_fd, entry->d_name, AT_REMOVEDIR); /* stays where it is not empty */
    }
    (void)closedir(dir); /* was only read */
}

static int compile_in(const struct precompile *job, int folder_fd, int work_fd, struct span module,
                      const char *name)
{
    int r = file_write_new(work_fd, module_name, 0444, /* like */ NULL, module);
    if (r == 0 && fchown(work_fd, NOBODY, NOBODY) < 0) {
        r = -errno;
    }
    r = r < 0 ? r : run_compiler(job, work_fd);
    return r < 0 ? r : keep(work_fd, folder_fd, name);
}

static int compile(const struct precompile *job, int folder_fd, struct span module,
                   const char *name)
{
    char work[NAME_LEN_MAX];
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* another name than one that was left */
    (void)snprintf(work, sizeof work, "work-%d-%ld", (int)getpid(), now.tv_nsec); /* always fits */
    if (mkdirat(folder_fd, work, 0700) < 0) {
        return -errno;
    }
    int work_fd = openat(folder_fd, work, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (work_fd < 0) {
        return -errno;
    }
    int r = compile_in(job, folder_fd, work_fd, module, name);
    empty(work_fd, DEPTH_MAX);
    (void)close(work_fd);                          /* only a place */
    (void)unlinkat(folder_fd, work, AT_REMOVEDIR); /* stays where it is not empty */
    remove_oldest(folder_fd);
    return r;
}

/* -- all of it -------------------------------------------------------------------------------- */

static int get(const struct precompile *job, int folder_fd, int module_fd, char name[NAME_LEN_MAX])
{
    struct buffer module;
    buffer_init(&module, MODULE_MAX);
    int r = lseek(module_fd, 0, SEEK_SET) < 0 ? -errno : file_read(module_fd, &module);
    if (r == 0) {
        r = entry_name(job, buffer_span(&module), name);
    }
    if (r == 0 && !has_entry(folder_fd, name)) {
        r = compile(job, folder_fd, buffer_span(&module), name);
    }
    buffer_done(&module);
    return r;
}

int precompile_get(const struct precompile *job, int module_fd, char ret_path[PRECOMPILE_PATH_MAX])
{
    char name[NAME_LEN_MAX];
    if (geteuid() != 0) {
        return -EPERM;
    }
    int folder_fd = open_folder(job->folder);
    if (folder_fd < 0) {
        return folder_fd;
    }
    int r = get(job, folder_fd, module_fd, name);
    (void)close(folder_fd); /* only a place */
    if (r < 0) {
        return r;
    }
    int len = snprintf(ret_path, PRECOMPILE_PATH_MAX, "%s/%s", job->folder, name);
    return len < 0 || len >= PRECOMPILE_PATH_MAX ? -ENAMETOOLONG : 0;
}
