/* Another user, and no capabilities. See sandbox.h. */
#include "serve/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"

enum { ENTRY_MAX = 64 << 10 };

static int unknown(const char *what, const char *name, struct error *err)
{
    (void)error_set(err, -EINVAL, "there is no %s \"%s\" on this machine (%s)", what, name, what);
    (void)error_set_exit(err, 2);
    return -EINVAL;
}

static int find_user(const char *name, struct sandbox_user *user, char *space, struct error *err)
{
    struct passwd entry = {.pw_name = NULL};
    struct passwd *found = NULL;
    uint64_t number = 0;
    bool is_number = num_parse_u64(name, UINT32_MAX - 1, &number) == 0;
    int r = is_number ? getpwuid_r((uid_t)number, &entry, space, ENTRY_MAX, &found)
                      : getpwnam_r(name, &entry, space, ENTRY_MAX, &found);
    if (r == 0 && found != NULL) {
        user->uid = found->pw_uid;
        user->gid = found->pw_gid;
        int len = snprintf(user->name, sizeof user->name, "%s", found->pw_name);
        if (len < 0 || (size_t)len >= sizeof user->name) {
            user->name[0] = '\0'; /* a longer one gets its group only */
        }
        return 0;
    }
    if (!is_number) {
        return unknown("user", name, err);
    }
    user->uid = (uid_t)number; /* containers have numbers without names */
    user->gid = (gid_t)number;
    return 0;
}

static int find_group(const char *name, struct sandbox_user *user, char *space, struct error *err)
{
    struct group entry = {.gr_name = NULL};
    struct group *found = NULL;
    uint64_t number = 0;
    if (num_parse_u64(name, UINT32_MAX - 1, &number) == 0) {
        user->gid = (gid_t)number;
        return 0;
    }
    int r = getgrnam_r(name, &entry, space, ENTRY_MAX, &found);
    if (r != 0 || found == NULL) {
        return unknown("group", name, err);
    }
    user->gid = found->gr_gid;
    return 0;
}

int sandbox_find_user(const char *user, const char *group, struct sandbox_user *ret_user,
                      struct error *err)
{
    struct sandbox_user found = {.name = ""};
    char *space = malloc(ENTRY_MAX);
    if (space == NULL) {
        return error_set_errno(err, -ENOMEM, "looking up the user %s", user);
    }
    int r = find_user(user, &found, space, err);
    if (r == 0 && group != NULL) {
        r = find_group(group, &found, space, err);
    }
    free(space);
    if (r == 0 && geteuid() != 0 && found.uid != geteuid()) {
        r = error_set(err, -EPERM,
                      "only root can become the user %s (user): start hythe as root, or leave the "
                      "key out",
                      user);
    }
    if (r == 0 && ret_user != NULL) {
        *ret_user = found;
    }
    return r;
}

static int set_groups(const struct sandbox_user *user)
{
    if (user->name[0] != '\0') {
        return initgroups(user->name, user->gid) < 0 ? -errno : 0;
    }
    return setgroups(1, &user->gid) < 0 ? -errno : 0;
}

/* Is there no way back? */
static bool is_gone(const struct sandbox_user *user)
{
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    if (getresuid(&real, &effective, &saved) < 0 || real != user->uid || effective != user->uid ||
        saved != user->uid || getegid() != user->gid) {
        return false;
    }
    return user->uid == 0 || setuid(0) < 0;
}

int sandbox_change_user(const char *user, const char *group, struct error *err)
{
    struct sandbox_user found = {.name = ""};
    int r = sandbox_find_user(user, group, &found, err);
    if (r < 0) {
        return r;
    }
    if (geteuid() != 0) {
        return 0; /* it is us */
    }
    r = set_groups(&found);
    if (r == 0 && setresgid(found.gid, found.gid, found.gid) < 0) {
        r = -errno;
    }
    if (r == 0 && setresuid(found.uid, found.uid, found.uid) < 0) {
        r = -errno;
    }
    if (r < 0) {
        return error_set_errno(err, r, "becoming the user %s", user);
    }
    return is_gone(&found) ? 0 : error_set(err, -EPERM, "becoming the user %s did not work", user);
}

/* Root keeps the right to open what others own: directories were granted, whoever owns them. */
int sandbox_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const uint32_t kept =
        geteuid() == 0 ? 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER : 0;
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    for (unsigned long i = 0; i <= CAP_LAST_CAP; i++) {
        if (i > CAP_FOWNER || (kept & 1U << i) == 0) {
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* fails where there is nothing to drop */
        }
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* cannot fail */
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t mask = i == 0 ? kept : 0;
        data[i].effective &= mask;
        data[i].permitted &= mask;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
