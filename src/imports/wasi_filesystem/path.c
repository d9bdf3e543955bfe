/* What is done to a name beneath an open directory: the functions that end in -at. */
#include <errno.h>

#include "base/utf8.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"

typedef int one_place_fn(struct guest_dir *dir, const char *path);

static int32_t at_place(struct component_call *call, one_place_fn *act)
{
    struct fs_place place;
    int r = fs_take_place(call, 0, 1, &place);
    return fs_answer(call, r < 0 ? r : act(place.dir, place.path));
}

int32_t fs_create_directory_at(struct component_call *call)
{
    return at_place(call, guest_dir_create);
}

int32_t fs_remove_directory_at(struct component_call *call)
{
    return at_place(call, guest_dir_remove);
}

int32_t fs_unlink_file_at(struct component_call *call)
{
    return at_place(call, guest_dir_unlink);
}

int32_t fs_rename_at(struct component_call *call)
{
    struct fs_place from;
    struct fs_place to;
    int r = fs_take_place(call, 0, 1, &from);
    if (r == 0) {
        r = fs_take_place(call, 2, 3, &to);
    }
    if (r == 0) {
        r = guest_dir_rename(from.dir, from.path, to.dir, to.path);
    }
    return fs_answer(call, r);
}

/* Following the old path's last link is refused as preview1's path_link refuses it. */
int32_t fs_link_at(struct component_call *call)
{
    struct fs_place from;
    struct fs_place to;
    int r = fs_take_place(call, 0, 2, &from);
    if (r == 0) {
        r = fs_take_place(call, 3, 4, &to);
    }
    if (r == 0 && (component_u32(call, 1) & FS_SYMLINK_FOLLOW) != 0) {
        r = -EINVAL;
    }
    if (r == 0) {
        r = guest_dir_link(from.dir, from.path, to.dir, to.path);
    }
    return fs_answer(call, r);
}

int32_t fs_symlink_at(struct component_call *call)
{
    struct fs_place place;
    char target[GUEST_PATH_MAX];
    int r = fs_take_place(call, 0, 2, &place);
    if (r == 0) {
        r = guest_path_copy(component_bytes(call, 1), target);
    }
    if (r == 0) {
        r = guest_dir_symlink(place.dir, target, place.path);
    }
    return fs_answer(call, r);
}

int32_t fs_readlink_at(struct component_call *call)
{
    struct fs_place place;
    int r = fs_take_place(call, 0, 1, &place);
    if (r < 0) {
        return fs_answer(call, r);
    }
    uint8_t *target = component_scratch(call, GUEST_PATH_MAX);
    r = target == NULL ? -ENOMEM
                       : guest_dir_read_link(place.dir, place.path, target, GUEST_PATH_MAX);
    if (r < 0) {
        return fs_answer(call, r);
    }
    struct span text = {target, (size_t)r};
    if (text.len > 0 && target[0] == '/') {
        return fs_answer(call, -EPERM); /* the host's own names are no business of the guest's */
    }
    if (!utf8_is_valid(text)) {
        return fs_answer(call, -EILSEQ);
    }
    call->results[1].bytes = text;
    return 0;
}

/* -- open-at ---------------------------------------------------------------------------------- */

static uint16_t fdflags_of(uint32_t flags)
{
    unsigned fdflags = (flags & FS_FILE_INTEGRITY_SYNC) != 0 ? FDFLAG_SYNC : 0;
    fdflags |= (flags & FS_DATA_INTEGRITY_SYNC) != 0 ? FDFLAG_DSYNC : 0;
    fdflags |= (flags & FS_REQUESTED_WRITE_SYNC) != 0 ? FDFLAG_RSYNC : 0;
    return (uint16_t)fdflags;
}

static struct dir_open take_how(const struct component_call *call)
{
    uint32_t open_flags = component_u32(call, 3);
    uint32_t flags = component_u32(call, 4);
    return (struct dir_open){
        .follow = (component_u32(call, 1) & FS_SYMLINK_FOLLOW) != 0,
        .create = (open_flags & FS_CREATE) != 0,
        .exclusive = (open_flags & FS_EXCLUSIVE) != 0,
        .truncate = (open_flags & FS_TRUNCATE) != 0,
        .directory = (open_flags & FS_DIRECTORY) != 0,
        .read = (flags & FS_READ) != 0,
        .write = (flags & FS_WRITE) != 0,
        .fdflags = fdflags_of(flags),
    };
}

int32_t fs_open_at(struct component_call *call)
{
    struct guest *guest = call->guest;
    struct fs_place place;
    struct descriptor *d = NULL;
    struct dir_open how = take_how(call);
    int r = fs_take_place(call, 0, 2, &place);
    if (r == 0 && place.dir->read_only && (component_u32(call, 4) & FS_MUTATE_DIRECTORY) != 0) {
        r = -EROFS;
    }
    if (r == 0) {
        r = fs_may_open(guest); /* before a file is created that nobody then gets */
    }
    if (r == 0) {
        r = guest_dir_open(place.dir, place.path, &how, &d);
    }
    if (r < 0) {
        return fs_answer(call, r);
    }
    descriptor_count(d);
    struct fs_descriptor *fs = fs_descriptor_new(guest, d);
    return fs_answer_resource(call, fs != NULL ? &fs->base : NULL);
}
