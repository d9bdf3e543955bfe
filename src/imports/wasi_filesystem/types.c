/* wasi:filesystem/types: the table. */
#include "imports/wasi_filesystem/filesystem.h"

static const struct component_func funcs[] = {
    {"[method]descriptor.read-via-stream", "self offset", fs_read_via_stream, NULL},
    {"[method]descriptor.write-via-stream", "self offset", fs_write_via_stream, NULL},
    {"[method]descriptor.append-via-stream", "self", fs_append_via_stream, NULL},
    {"[method]descriptor.advise", "self offset length advice", fs_advise, NULL},
    {"[method]descriptor.sync-data", "self", fs_sync_data, NULL},
    {"[method]descriptor.get-flags", "self", fs_get_flags, NULL},
    {"[method]descriptor.get-type", "self", fs_get_type, NULL},
    {"[method]descriptor.set-size", "self size", fs_set_size, NULL},
    {"[method]descriptor.set-times", "self", fs_set_times, NULL},
    {"[method]descriptor.read", "self length offset", fs_read, NULL},
    {"[method]descriptor.write", "self buffer* offset", fs_write, NULL},
    {"[method]descriptor.read-directory", "self", fs_read_directory, NULL},
    {"[method]descriptor.sync", "self", fs_sync, NULL},
    {"[method]descriptor.create-directory-at", "self path$", fs_create_directory_at, NULL},
    {"[method]descriptor.stat", "self", fs_stat, NULL},
    {"[method]descriptor.stat-at", "self path_flags path$", fs_stat_at, NULL},
    {"[method]descriptor.set-times-at", "self path_flags path$", fs_set_times_at, NULL},
    {"[method]descriptor.link-at", "self old_path_flags old_path$ new_descriptor new_path$",
     fs_link_at, NULL},
    {"[method]descriptor.open-at", "self path_flags path$ open_flags flags", fs_open_at, NULL},
    {"[method]descriptor.readlink-at", "self path$", fs_readlink_at, NULL},
    {"[method]descriptor.remove-directory-at", "self path$", fs_remove_directory_at, NULL},
    {"[method]descriptor.rename-at", "self old_path$ new_descriptor new_path$", fs_rename_at, NULL},
    {"[method]descriptor.symlink-at", "self old_path$ new_path$", fs_symlink_at, NULL},
    {"[method]descriptor.unlink-file-at", "self path$", fs_unlink_file_at, NULL},
    {"[method]descriptor.is-same-object", "self other", fs_is_same_object, NULL},
    {"[method]descriptor.metadata-hash", "self", fs_metadata_hash, NULL},
    {"[method]descriptor.metadata-hash-at", "self path_flags path$", fs_metadata_hash_at, NULL},
    {"[method]directory-entry-stream.read-directory-entry", "self", fs_read_directory_entry, NULL},
    {"filesystem-error-code", "err", fs_filesystem_error_code, NULL},
};

static const struct component_resource resources[] = {
    {"descriptor", component_drop},
    {"directory-entry-stream", component_drop},
};

COMPONENT_INTERFACE(wasi_filesystem_types, "wasi:filesystem/types", funcs, resources);
