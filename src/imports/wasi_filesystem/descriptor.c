/* The resource `descriptor`, and what all its functions begin and end with. See filesystem.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "guest/dir.h"
#include "guest/file.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"

/* -- the resource ----------------------------------------------------------------------------- */

static void descriptor_free(struct resource *resource)
{
    struct fs_descriptor *fs = container_of(resource, struct fs_descriptor, base);
    descriptor_unref(fs->d);
    free(fs);
}

const struct resource_kind fs_descriptor_kind = {.name = "descriptor", .free = descriptor_free};

struct fs_descriptor *fs_descriptor_new(struct guest *guest, struct descriptor *d)
{
    struct fs_descriptor *fs = calloc(1, sizeof *fs);
    if (fs == NULL) {
        descriptor_unref(d);
        return NULL;
    }
    resource_init(&fs->base, guest, &fs_descriptor_kind);
    fs->d = d;
    return fs;
}

int fs_may_make(const struct guest *guest)
{
    return resource_has_room(guest, 1) ? 0 : -EMFILE;
}

int fs_may_open(const struct guest *guest)
{
    int r = guest_may_open(guest);
    return r < 0 ? r : fs_may_make(guest);
}

/* -- answers ---------------------------------------------------------------------------------- */

int32_t fs_answer(struct component_call *call, int64_t r)
{
    return r < 0 ? component_error(call, fs_error_from(r)) : component_ok(call, 0);
}

int32_t fs_answer_resource(struct component_call *call, struct resource *resource)
{
    uint32_t rep = 0;
    int r = resource == NULL ? -ENOMEM : resource_add(resource, &rep);
    if (r < 0) {
        resource_unref(resource);
        return fs_answer(call, r);
    }
    return component_ok(call, rep);
}

/* -- arguments -------------------------------------------------------------------------------- */

struct fs_descriptor *fs_self(const struct component_call *call, unsigned index)
{
    return COMPONENT_SELF(call, index, struct fs_descriptor, &fs_descriptor_kind);
}

int fs_file(const struct component_call *call, unsigned index, struct guest_file **ret_file)
{
    struct guest_file *f = guest_file_of(fs_self(call, index)->d);
    if (f == NULL) {
        return -EBADF;
    }
    *ret_file = f;
    return 0;
}

int fs_dir(const struct component_call *call, unsigned index, struct guest_dir **ret_dir)
{
    struct guest_dir *dir = guest_dir_of(fs_self(call, index)->d);
    if (dir == NULL) {
        return -ENOTDIR;
    }
    *ret_dir = dir;
    return 0;
}

int fs_check_writable(const struct guest_file *f)
{
    if (f->read_only) {
        return -EROFS;
    }
    return f->base.is_writable ? 0 : -EBADF;
}

int fs_take_place(const struct component_call *call, unsigned dir_arg, unsigned path_arg,
                  struct fs_place *ret_place)
{
    int r = fs_dir(call, dir_arg, &ret_place->dir);
    return r < 0 ? r : guest_path_copy(component_bytes(call, path_arg), ret_place->path);
}

/* -- what it is ------------------------------------------------------------------------------- */

int32_t fs_get_flags(struct component_call *call)
{
    struct descriptor *d = fs_self(call, 0)->d;
    const struct guest_dir *dir = guest_dir_of(d);
    uint64_t flags = d->is_readable ? FS_READ : 0;
    if (dir != NULL) {
        flags |= dir->read_only ? 0 : FS_MUTATE_DIRECTORY;
    } else {
        flags |= d->is_writable ? FS_WRITE : 0;
    }
    flags |= (d->fdflags & FDFLAG_SYNC) != 0 ? FS_FILE_INTEGRITY_SYNC : 0;
    flags |= (d->fdflags & FDFLAG_DSYNC) != 0 ? FS_DATA_INTEGRITY_SYNC : 0;
    flags |= (d->fdflags & FDFLAG_RSYNC) != 0 ? FS_REQUESTED_WRITE_SYNC : 0;
    return component_ok(call, flags);
}

int32_t fs_get_type(struct component_call *call)
{
    struct stat st;
    if (fstat(fs_self(call, 0)->d->fd, &st) < 0) {
        return fs_answer(call, -errno);
    }
    return component_ok(call, fs_type_from((uint8_t)IFTODT(st.st_mode)));
}

/* The answer is a bare bool: what cannot be looked at is the same as nothing. */
int32_t fs_is_same_object(struct component_call *call)
{
    struct stat one;
    struct stat other;
    bool is_same = fstat(fs_self(call, 0)->d->fd, &one) == 0 &&
                   fstat(fs_self(call, 1)->d->fd, &other) == 0 && one.st_dev == other.st_dev &&
                   one.st_ino == other.st_ino;
    call->results[0].number = is_same ? 1 : 0;
    return 0;
}
