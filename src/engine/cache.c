/* Entries of compiled code. See cache.h.
 *
 * Happy path: hash the module, open the entry, check who owns it, check its own hash, map it
 * through the very descriptor that was checked.
 * Otherwise: compile, serialize, write a temporary file beside the entry, rename it into place.
 * Two processes that do so at once each rename a whole file; the last one stays. */
#include "engine/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/handles.h"

enum { HASH_LEN = CACHE_HASH_LEN, NAME_MAX_LEN = 128, FD_PATH_LEN = 32 };

/* What an entry ends with: a seal over everything before and the entry's name, and a mark. */
struct trailer {
    uint8_t seal[HASH_LEN];
    char mark[8];
};

static const char trailer_mark[8] = "hythe-2";

static void entry_name(const struct engine *engine, const uint8_t hash[HASH_LEN],
                       char name[NAME_MAX_LEN])
{
    static const char digits[] = "0123456789abcdef";
    char hex[HASH_LEN * 2 + 1];
    for (size_t i = 0; i < HASH_LEN; i++) {
        hex[i * 2] = digits[hash[i] >> 4];
        hex[i * 2 + 1] = digits[hash[i] & 15];
    }
    hex[HASH_LEN * 2] = '\0';
    (void)snprintf(name, NAME_MAX_LEN, "%s-%016" PRIx64 ".cwasm", hex, engine_fingerprint(engine));
}

int cache_default_dir(char *text, size_t len)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *below = "";
    if (base == NULL || base[0] != '/') {
        base = getenv("HOME");
        below = "/.cache";
    }
    if (base == NULL || base[0] != '/') {
        return -ENOENT;
    }
    int put = snprintf(text, len, "%s%s/hythe/modules", base, below);
    return put > 0 && (size_t)put < len ? 0 : -ENAMETOOLONG;
}

/* Make the directory and those above it; the ones it makes are for their owner only. */
static void make_dirs(const char *dir)
{
    char path[PATH_MAX];
    size_t len = strlen(dir);
    if (len >= sizeof path) {
        return;
    }
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i < len; i++) {
        if (path[i] == '/') {
            path[i] = '\0';
            (void)mkdir(path, 0700); /* the open that follows tells what matters */
            path[i] = '/';
        }
    }
    (void)mkdir(path, 0700);
}

static bool is_mine_alone(int fd, bool root_may_own)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return false;
    }
    bool owner_ok = st.st_uid == geteuid() || (root_may_own && st.st_uid == 0);
    return owner_ok && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        make_dirs(dir);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        return -errno;
    }
    if (!is_mine_alone(fd, false)) {
        (void)close(fd); /* opened for reading */
        return -EPERM;
    }
    return fd;
}

/* A sound entry under another module's name must not hold, so the name is sealed with it. A file
 * of hythe compile is sealed without one: "". */
static void make_seal(const uint8_t compiled[HASH_LEN], const char *name,
                      uint8_t ret_seal[HASH_LEN])
{
    uint8_t sealed[HASH_LEN + NAME_MAX_LEN];
    size_t name_len = strnlen(name, NAME_MAX_LEN);
    memcpy(sealed, compiled, HASH_LEN);
    memcpy(sealed + HASH_LEN, name, name_len);
    hythe_blake3(sealed, HASH_LEN + name_len, ret_seal);
}

static bool trailer_holds(const struct trailer *trailer, const uint8_t compiled[HASH_LEN],
                          const char *name)
{
    uint8_t seal[HASH_LEN];
    make_seal(compiled, name, seal);
    return memcmp(trailer->mark, trailer_mark, sizeof trailer->mark) == 0 &&
           memcmp(trailer->seal, seal, sizeof seal) == 0;
}

/* Hash an entry but for its trailer, through memory: only this user or root can cut it short. */
static int hash_entry(int fd, size_t len, uint8_t ret_hash[HASH_LEN])
{
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED) {
        return -errno;
    }
    hythe_blake3(data, len, ret_hash);
    (void)munmap(data, len); /* cannot fail for what mmap gave */
    return 0;
}

/* Check the file's trailer. 0, -EBADMSG when it does not hold, or another negative errno. */
static int verify(struct seen *seen, int fd, const char *name)
{
    struct seen_file file;
    struct trailer trailer;
    int r = seen_describe(fd, &file);
    if (r < 0) {
        return r;
    }
    if (!file.is_regular || file.size <= sizeof trailer) {
        return -EBADMSG;
    }
    file.hashed = file.size - sizeof trailer;
    if (!seen_find(seen, &file)) {
        r = hash_entry(fd, file.hashed, file.hash);
        if (r < 0) {
            return r;
        }
        seen_add(seen, &file);
    }
    ssize_t got = pread(fd, &trailer, sizeof trailer, (off_t)file.hashed);
    if (got != (ssize_t)sizeof trailer) {
        return got < 0 ? -errno : -EBADMSG;
    }
    return trailer_holds(&trailer, file.hash, name) ? 0 : -EBADMSG;
}

static int map_fd(struct engine *engine, int fd, struct module **ret_module, struct error *err)
{
    char path[FD_PATH_LEN];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return module_map(engine, path, ret_module, err);
}

/* Map an entry if there is a good one; a bad one is removed. */
static bool try_entry(struct engine *engine, int dir_fd, const char *name,
                      struct module **ret_module)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    bool ok = is_mine_alone(fd, false) && verify(engine->seen, fd, name) == 0 &&
              map_fd(engine, fd, ret_module, NULL) == 0;
    (void)close(fd); /* opened for reading */
    if (!ok) {
        (void)unlinkat(dir_fd, name, 0); /* else the rename replaces it */
    }
    return ok;
}

static int write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -errno;
        }
        at += put;
        len -= (size_t)put;
    }
    return 0;
}

static int write_entry(int fd, struct span compiled, const char *seal_name)
{
    struct trailer trailer;
    uint8_t hash[HASH_LEN];
    hythe_blake3(compiled.data, compiled.len, hash);
    make_seal(hash, seal_name, trailer.seal);
    memcpy(trailer.mark, trailer_mark, sizeof trailer.mark);
    int r = write_all(fd, compiled.data, compiled.len);
    if (r == 0) {
        r = write_all(fd, &trailer, sizeof trailer);
    }
    return r;
}

/* Write `compiled` below `dir_fd` under `name`, whole or not at all. */
static int store(int dir_fd, const char *name, const char *seal_name, struct span compiled)
{
    char temporary[PATH_MAX];
    int put = snprintf(temporary, sizeof temporary, "%s.%d.tmp", name, (int)getpid());
    if (put < 0 || (size_t)put >= sizeof temporary) {
        return -ENAMETOOLONG;
    }
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = write_entry(fd, compiled, seal_name);
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(dir_fd, temporary, 0); /* the first error is the one to tell */
    }
    return r;
}

static int serialize_and_store(const struct module *module, int dir_fd, const char *name,
                               const char *seal_name, struct error *err)
{
    struct span compiled;
    int r = module_serialize(module, &compiled, err);
    if (r < 0) {
        return r;
    }
    r = store(dir_fd, name, seal_name, compiled);
    module_serialized_free(compiled);
    if (r < 0) {
        return error_set_errno(err, r, "writing %s", name);
    }
    return 0;
}

/* The entry's name is that of the bytes that are compiled, whatever stood in the file before. */
static int compile_and_store(const struct cache_request *request, int dir_fd,
                             struct module **ret_module, enum cache_result *ret_result,
                             struct error *err)
{
    char name[NAME_MAX_LEN];
    uint8_t hash[HASH_LEN];
    struct span bytes;
    int r = request->read(request->context, &bytes, err);
    if (r < 0) {
        return r;
    }
    if (request->on_compile != NULL) {
        request->on_compile(request->context);
    }
    r = module_compile(request->engine, bytes, ret_module, err);
    if (r < 0 || dir_fd < 0) {
        return r;
    }
    hythe_blake3(bytes.data, bytes.len, hash);
    entry_name(request->engine, hash, name);
    if (serialize_and_store(*ret_module, dir_fd, name, name, NULL) == 0) {
        *ret_result = CACHE_STORED;
    }
    return 0;
}

int cache_hash_file(const struct engine *engine, int fd, uint8_t ret_hash[CACHE_HASH_LEN])
{
    struct seen_file file;
    int r = seen_describe(fd, &file);
    if (r < 0) {
        return r;
    }
    if (!seen_find(engine->seen, &file)) {
        int64_t len = lseek(fd, 0, SEEK_SET) < 0 ? -errno : hythe_blake3_file(fd, file.hash);
        if (len < 0) {
            return (int)len;
        }
        seen_add(engine->seen, &file);
    }
    memcpy(ret_hash, file.hash, CACHE_HASH_LEN);
    return 0;
}

static bool find_entry(const struct cache_request *request, int dir_fd, struct module **ret_module)
{
    char name[NAME_MAX_LEN];
    entry_name(request->engine, request->hash, name);
    return try_entry(request->engine, dir_fd, name, ret_module);
}

int cache_load(const struct cache_request *request, struct module **ret_module,
               enum cache_result *ret_result, struct error *err)
{
    enum cache_result result = CACHE_UNSTORED;
    int dir_fd = request->dir != NULL ? open_dir(request->dir) : -ENOENT;
    int r = 0;
    if (dir_fd >= 0 && find_entry(request, dir_fd, ret_module)) {
        result = CACHE_HIT;
    } else {
        r = compile_and_store(request, dir_fd, ret_module, &result, err);
    }
    if (dir_fd >= 0) {
        (void)close(dir_fd); /* opened for reading */
    }
    if (r == 0 && ret_result != NULL) {
        *ret_result = result;
    }
    return r;
}

int cache_write_file(const struct module *module, const char *path, struct error *err)
{
    return serialize_and_store(module, AT_FDCWD, path, "", err);
}

int cache_map_file(struct engine *engine, const char *path, struct module **ret_module,
                   struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe there must not hold us up */
    if (fd < 0) {
        return error_set_errno(err, -errno, "opening %s", path);
    }
    int r = 0;
    if (!is_mine_alone(fd, true)) {
        r = error_set(err, -EPERM,
                      "%s is compiled code that others could have written: it must belong to you "
                      "or root and be writable by nobody else (chmod go-w)",
                      path);
    } else if (verify(engine->seen, fd, "") < 0) {
        r = error_set(err, -EBADMSG,
                      "%s is no compiled module of hythe's, or is damaged: compile it again with "
                      "hythe compile",
                      path);
    } else if (map_fd(engine, fd, ret_module, err) < 0) {
        (void)error_wrap(err, "%s was compiled by another version or with other settings", path);
        r = -ESTALE;
    }
    (void)close(fd); /* opened for reading */
    return r;
}
