/* wasi:filesystem/preopens: the directories that the guest was given, as descriptors. */
#include <string.h>

#include "base/utf8.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"

/* The directory under a number when it is a preopen that has a name in UTF-8, or NULL. */
static struct guest_dir *preopen_at(struct guest *guest, uint32_t fd)
{
    struct descriptor *d = fd_table_get(&guest->fds, fd);
    if (d == NULL || !d->is_preopen || d->kind != DESCRIPTOR_DIR) {
        return NULL;
    }
    struct guest_dir *dir = guest_dir_of(d);
    return dir->guest_path != NULL && utf8_is_valid(span_of(dir->guest_path)) ? dir : NULL;
}

static uint32_t count_preopens(struct guest *guest)
{
    uint32_t count = 0;
    for (uint32_t fd = 0; fd < guest->fds.cap; fd++) {
        count += preopen_at(guest, fd) != NULL ? 1 : 0;
    }
    return count;
}

/* Each call gives new handles to the same directories. */
static int32_t get_directories(struct component_call *call)
{
    enum { SLOTS = 2 };
    struct guest *guest = call->guest;
    uint32_t count = count_preopens(guest);
    if (count == 0) {
        return 0; /* an empty list */
    }
    union component_value *items = component_scratch(call, count * SLOTS * sizeof *items);
    if (items == NULL) {
        return component_trap(call, "out of memory");
    }
    union component_value *item = items;
    for (uint32_t fd = 0; fd < guest->fds.cap; fd++) {
        struct guest_dir *dir = preopen_at(guest, fd);
        if (dir == NULL) {
            continue;
        }
        struct fs_descriptor *fs = fs_descriptor_new(guest, descriptor_ref(&dir->base));
        int32_t answer = component_give(call, 0, fs != NULL ? &fs->base : NULL);
        if (answer != 0) {
            return answer;
        }
        item[0] = call->results[0];
        item[1].bytes = span_of(dir->guest_path);
        item += SLOTS;
    }
    call->results[0].list = (struct component_list){items, count};
    return 0;
}

static const struct component_func funcs[] = {
    {"get-directories", "", get_directories, NULL},
};

const struct component_interface wasi_filesystem_preopens = {
    .name = "wasi:filesystem/preopens",
    .funcs = funcs,
    .func_count = ARRAY_COUNT(funcs),
};
