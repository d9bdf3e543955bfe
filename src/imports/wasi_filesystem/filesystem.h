/* wasi:filesystem 0.2 on the guest's descriptors, the same that preview1 has: the walk and the
 * refusals are in guest/path.c and guest/dir.c; here are only arguments and answers. Functions and
 * texts: wasi:filesystem@0.2.x.
 *
 * Who may change what is the preopen's to say, not the descriptor's: beneath a writable one every
 * directory can be changed, also one opened without `mutate-directory`. The text would have it
 * otherwise, but no C library asks for that flag, and the reference does not look at it either;
 * get-flags tells it where it holds. Beneath a read-only one every change is `read-only`. */
#ifndef HYTHE_IMPORTS_WASI_FILESYSTEM_FILESYSTEM_H
#define HYTHE_IMPORTS_WASI_FILESYSTEM_FILESYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/descriptor.h"
#include "guest/path.h"
#include "guest/resource.h"
#include "imports/component.h"

struct guest_dir;
struct guest_file;

extern const struct component_interface wasi_filesystem_types;    /* types.c */
extern const struct component_interface wasi_filesystem_preopens; /* preopens.c */

/* `error-code`, in the order of the text. */
enum fs_error {
    FS_ACCESS,
    FS_WOULD_BLOCK,
    FS_ALREADY,
    FS_BAD_DESCRIPTOR,
    FS_BUSY,
    FS_DEADLOCK,
    FS_QUOTA,
    FS_EXIST,
    FS_FILE_TOO_LARGE,
    FS_ILLEGAL_BYTE_SEQUENCE,
    FS_IN_PROGRESS,
    FS_INTERRUPTED,
    FS_INVALID,
    FS_IO,
    FS_IS_DIRECTORY,
    FS_LOOP,
    FS_TOO_MANY_LINKS,
    FS_MESSAGE_SIZE,
    FS_NAME_TOO_LONG,
    FS_NO_DEVICE,
    FS_NO_ENTRY,
    FS_NO_LOCK,
    FS_INSUFFICIENT_MEMORY,
    FS_INSUFFICIENT_SPACE,
    FS_NOT_DIRECTORY,
    FS_NOT_EMPTY,
    FS_NOT_RECOVERABLE,
    FS_UNSUPPORTED,
    FS_NO_TTY,
    FS_NO_SUCH_DEVICE,
    FS_OVERFLOW,
    FS_NOT_PERMITTED,
    FS_PIPE,
    FS_READ_ONLY,
    FS_INVALID_SEEK,
    FS_TEXT_FILE_BUSY,
    FS_CROSS_DEVICE,
    FS_ERRORS, /* their number */
};

/* `descriptor-type`, likewise. */
enum fs_type {
    FS_TYPE_UNKNOWN,
    FS_TYPE_BLOCK_DEVICE,
    FS_TYPE_CHARACTER_DEVICE,
    FS_TYPE_DIRECTORY,
    FS_TYPE_FIFO,
    FS_TYPE_SYMBOLIC_LINK,
    FS_TYPE_REGULAR_FILE,
    FS_TYPE_SOCKET,
};

enum fs_descriptor_flags {
    FS_READ = 1,
    FS_WRITE = 2,
    FS_FILE_INTEGRITY_SYNC = 4,
    FS_DATA_INTEGRITY_SYNC = 8,
    FS_REQUESTED_WRITE_SYNC = 16,
    FS_MUTATE_DIRECTORY = 32,
};

enum fs_path_flags { FS_SYMLINK_FOLLOW = 1 };

enum fs_open_flags { FS_CREATE = 1, FS_DIRECTORY = 2, FS_EXCLUSIVE = 4, FS_TRUNCATE = 8 };

/* The resource `descriptor`. What is made from it holds the descriptor and outlives the guest's handle. */
struct fs_descriptor {
    struct resource base; /* first */
    struct descriptor *d; /* a reference */
};

extern const struct resource_kind fs_descriptor_kind;
extern const struct resource_kind fs_entry_stream_kind; /* directory.c */

/* The error-code of a negative errno. Limits of hythe's and of the process, for which there is none,
 * are `insufficient-memory`; what else has none is `io`. */
enum fs_error fs_error_from(int64_t r);

/* The type behind a directory entry's DT_*; IFTODT makes one of a stat's mode. */
enum fs_type fs_type_from(uint8_t d_type);

/* -- descriptor.c ----------------------------------------------------------------------------- */

/* Answer with ok, or with the error of a negative errno. */
int32_t fs_answer(struct component_call *call, int64_t r);

/* Answer with ok and a new resource, whose reference is taken over whatever happens; NULL means
 * that there was no memory for it. */
int32_t fs_answer_resource(struct component_call *call, struct resource *resource);

/* Wrap a descriptor, whose reference is taken over whatever happens. NULL without memory. */
struct fs_descriptor *fs_descriptor_new(struct guest *guest, struct descriptor *d);

/* May the guest hold one more resource? 0 or -EMFILE; asked before anything is done. */
int fs_may_make(const struct guest *guest);

/* May it hold one more that keeps a file of the host open? Likewise; then descriptor_count. */
int fs_may_open(const struct guest *guest);

/* Borrow what argument `index` names: anything, a file or a directory. The latter two give -EBADF and
 * -ENOTDIR for what is none. */
struct fs_descriptor *fs_self(const struct component_call *call, unsigned index);
int fs_file(const struct component_call *call, unsigned index, struct guest_file **ret_file);
int fs_dir(const struct component_call *call, unsigned index, struct guest_dir **ret_dir);

/* 0 when the file's bytes may be changed, -EROFS beneath a read-only preopen, or -EBADF when it was
 * not opened for writing. */
int fs_check_writable(const struct guest_file *f);

/* A directory of the guest and a path of its, both checked. */
struct fs_place {
    struct guest_dir *dir; /* borrowed */
    char path[GUEST_PATH_MAX];
};

/* Take them from two arguments. 0 or a negative errno. */
int fs_take_place(const struct component_call *call, unsigned dir_arg, unsigned path_arg,
                  struct fs_place *ret_place);

/* -- the functions ---------------------------------------------------------------------------- */

component_fn fs_get_flags; /* descriptor.c */
component_fn fs_get_type;
component_fn fs_is_same_object;

component_fn fs_read_via_stream; /* stream.c */
component_fn fs_write_via_stream;
component_fn fs_append_via_stream;
component_fn fs_filesystem_error_code;

component_fn fs_advise; /* file.c */
component_fn fs_read;
component_fn fs_set_size;
component_fn fs_sync;
component_fn fs_sync_data;
component_fn fs_write;

component_fn fs_metadata_hash; /* stat.c */
component_fn fs_metadata_hash_at;
component_fn fs_set_times;
component_fn fs_set_times_at;
component_fn fs_stat;
component_fn fs_stat_at;

component_fn fs_read_directory; /* directory.c */
component_fn fs_read_directory_entry;

component_fn fs_create_directory_at; /* path.c */
component_fn fs_link_at;
component_fn fs_open_at;
component_fn fs_readlink_at;
component_fn fs_remove_directory_at;
component_fn fs_rename_at;
component_fn fs_symlink_at;
component_fn fs_unlink_file_at;

#endif
