/* The file system by Landlock (linux/landlock.h). The numbers stand here, since the headers of the
 * system that builds may be older than the kernel that runs. */
#include "serve/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 }; /* the same on all machines */
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL_DEV = 5, ABI_SCOPE = 6 };

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_MAKE_CHAR (UINT64_C(1) << 6)
#define FS_MAKE_BLOCK (UINT64_C(1) << 11)
#define FS_FIRST ((UINT64_C(1) << 13) - 1) /* all of the first version */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define NET_BIND (UINT64_C(1) << 0)
#define NET_CONNECT (UINT64_C(1) << 1)
#define SCOPE_ALL UINT64_C(3) /* abstract Unix sockets and signals */

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static uint64_t all_fs(long abi)
{
    uint64_t all = FS_FIRST;
    all |= abi >= ABI_REFER ? FS_REFER : 0;
    all |= abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0;
    all |= abi >= ABI_IOCTL_DEV ? FS_IOCTL_DEV : 0;
    return all;
}

static int allow_path(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
    struct stat st;
    uint64_t allowed = path->may_write
                           ? handled & ~(FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV)
                           : handled & (FS_READ_FILE | FS_READ_DIR);
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return path->is_optional ? 0 : -errno;
    }
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && !S_ISDIR(st.st_mode)) {
        allowed &= FS_OF_FILES;
    }
    struct path_beneath rule = {.allowed = allowed, .parent_fd = fd};
    if (r == 0 && syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0) {
        r = -errno;
    }
    (void)close(fd); /* names a place, was not written to */
    return r;
}

/* The kernel takes the part of the struct that it knows. */
static size_t ruleset_size(long abi)
{
    return abi >= ABI_SCOPE ? 3 * sizeof(uint64_t)
           : abi >= ABI_NET ? 2 * sizeof(uint64_t)
                            : sizeof(uint64_t);
}

int sandbox_prepare_landlock(const struct sandbox_options *options, int *ret_ruleset)
{
    long abi = syscall(CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);
    if (abi < 0) {
        return -errno;
    }
    struct ruleset attributes = {.fs = all_fs(abi)};
    if (abi >= ABI_NET) {
        attributes.net =
            (options->may_listen ? 0 : NET_BIND) | (options->may_connect ? 0 : NET_CONNECT);
    }
    if (abi >= ABI_SCOPE) {
        attributes.scoped = SCOPE_ALL;
    }
    int ruleset = (int)syscall(CREATE_RULESET, &attributes, ruleset_size(abi), 0);
    if (ruleset < 0) {
        return -errno;
    }
    int r = 0;
    for (size_t i = 0; i < options->path_count && r == 0; i++) {
        r = allow_path(ruleset, &options->paths[i], attributes.fs);
    }
    if (r < 0) {
        (void)close(ruleset); /* of no use */
        return r;
    }
    *ret_ruleset = ruleset;
    return (int)abi;
}

int sandbox_enter_landlock(int ruleset)
{
    return syscall(RESTRICT_SELF, ruleset, 0) < 0 ? -errno : 0;
}
