/*
 * Every function of wasi:filesystem over the first preopened directory, which should be empty: one line
 * a step, "STEP ok", with a value where there is one to be sure of, or "STEP CODE". It cleans up after
 * itself, so the last line is "entries 0".
 *
 *   wasi_files              all of it
 *   wasi_files preopens     "preopen NAME" for each
 *   wasi_files read PATH    the file on stdout, by read-via-stream and splice
 *   wasi_files escape PATH  what opening PATH says, and what a link to it says when followed
 */
#include "io.h"

#include <stdlib.h>
#include <string.h>

typedef wasi_filesystem_types_own_descriptor_t own_descriptor;
typedef wasi_filesystem_types_borrow_descriptor_t descriptor;
typedef wasi_filesystem_types_error_code_t file_error;

enum {
    FOLLOW = WASI_FILESYSTEM_TYPES_PATH_FLAGS_SYMLINK_FOLLOW,
    CREATE = WASI_FILESYSTEM_TYPES_OPEN_FLAGS_CREATE,
    DIRECTORY = WASI_FILESYSTEM_TYPES_OPEN_FLAGS_DIRECTORY,
    EXCLUSIVE = WASI_FILESYSTEM_TYPES_OPEN_FLAGS_EXCLUSIVE,
    TRUNCATE = WASI_FILESYSTEM_TYPES_OPEN_FLAGS_TRUNCATE,
    READ = WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_READ,
    WRITE = WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_WRITE,
    MUTATE = WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_MUTATE_DIRECTORY,
};

/* What all steps work on. */
struct tour {
    descriptor root;
    descriptor file; /* "file", open for both. */
    struct text text;
};

static const char *error_name(file_error err)
{
    static const char *const names[] = {
        "access",
        "would-block",
        "already",
        "bad-descriptor",
        "busy",
        "deadlock",
        "quota",
        "exist",
        "file-too-large",
        "illegal-byte-sequence",
        "in-progress",
        "interrupted",
        "invalid",
        "io",
        "is-directory",
        "loop",
        "too-many-links",
        "message-size",
        "name-too-long",
        "no-device",
        "no-entry",
        "no-lock",
        "insufficient-memory",
        "insufficient-space",
        "not-directory",
        "not-empty",
        "not-recoverable",
        "unsupported",
        "no-tty",
        "no-such-device",
        "overflow",
        "not-permitted",
        "pipe",
        "read-only",
        "invalid-seek",
        "text-file-busy",
        "cross-device",
    };
    return err < sizeof(names) / sizeof(names[0]) ? names[err] : "unknown";
}

static bool step(struct tour *tour, const char *name, bool good, file_error err)
{
    text_add(&tour->text, "%s %s\n", name, good ? "ok" : error_name(err));
    return good;
}

/* Opens, tells, and gives a descriptor or one that any use of traps on. */
static own_descriptor open_at(struct tour *tour, const char *name, const char *path,
                              uint8_t open_flags, uint8_t flags)
{
    own_descriptor opened = {-1};
    file_error err = 0;
    world_string_t string = string_of(path);
    step(tour, name,
         wasi_filesystem_types_method_descriptor_open_at(tour->root, FOLLOW, &string, open_flags,
                                                         flags, &opened, &err),
         err);
    return opened;
}

static descriptor borrow(own_descriptor own)
{
    return wasi_filesystem_types_borrow_descriptor(own);
}

static void drop(own_descriptor own)
{
    if (own.__handle != -1) {
        wasi_filesystem_types_descriptor_drop_own(own);
    }
}

static world_list_u8_t bytes_of(const char *chars)
{
    return (world_list_u8_t){(uint8_t *)(uintptr_t)chars, strlen(chars)};
}

/* Reads and tells as text. */
static void read_at(struct tour *tour, const char *name, descriptor file, uint64_t len,
                    uint64_t offset)
{
    world_tuple2_list_u8_bool_t answer;
    file_error err = 0;
    if (!wasi_filesystem_types_method_descriptor_read(file, len, offset, &answer, &err)) {
        step(tour, name, false, err);
        return;
    }
    text_add(&tour->text, "%s ok \"%.*s\"%s\n", name, (int)answer.f0.len,
             (const char *)answer.f0.ptr, answer.f1 ? " end" : "");
    world_list_u8_free(&answer.f0);
}

static void write_at(struct tour *tour, const char *name, descriptor file, const char *chars,
                     uint64_t offset)
{
    uint64_t written = 0;
    file_error err = 0;
    world_list_u8_t bytes = bytes_of(chars);
    bool good = wasi_filesystem_types_method_descriptor_write(file, &bytes, offset, &written, &err);
    if (good) {
        text_add(&tour->text, "%s ok %u\n", name, (unsigned)written);
    } else {
        step(tour, name, false, err);
    }
}

/* --- read and write ------------------------------------------------------------------------------ */

static void tour_bytes(struct tour *tour)
{
    write_at(tour, "write", tour->file, "hello world", 0);
    read_at(tour, "read", tour->file, 5, 0);
    read_at(tour, "read-offset", tour->file, 100, 6);
    read_at(tour, "read-behind", tour->file, 10, 1000);
    read_at(tour, "read-nothing", tour->file, 0, 0);
    write_at(tour, "write-nothing", tour->file, "", 0);
    write_at(tour, "write-behind", tour->file, "!", 12);
    read_at(tour, "read-far", tour->file, 10, UINT64_MAX);
    write_at(tour, "write-far", tour->file, "x", UINT64_MAX);
    read_at(tour, "read-directory-bytes", tour->root, 10, 0);
    write_at(tour, "write-directory-bytes", tour->root, "x", 0);
}

static void tour_state(struct tour *tour)
{
    file_error err = 0;
    uint8_t flags = 0;
    uint8_t type = 0;
    wasi_filesystem_types_descriptor_stat_t stat;
    descriptor file = tour->file;

    step(tour, "set-size", wasi_filesystem_types_method_descriptor_set_size(file, 5, &err), err);
    bool good = wasi_filesystem_types_method_descriptor_stat(file, &stat, &err);
    if (good) {
        text_add(&tour->text, "stat ok type=%u links=%u size=%u times=%s\n", (unsigned)stat.type,
                 (unsigned)stat.link_count, (unsigned)stat.size,
                 stat.data_access_timestamp.is_some && stat.data_modification_timestamp.is_some &&
                         stat.status_change_timestamp.is_some
                     ? "yes"
                     : "no");
    } else {
        step(tour, "stat", false, err);
    }
    good = wasi_filesystem_types_method_descriptor_get_type(file, &type, &err);
    text_add(&tour->text, "get-type %s %u\n", good ? "ok" : error_name(err), (unsigned)type);
    good = wasi_filesystem_types_method_descriptor_get_type(tour->root, &type, &err);
    text_add(&tour->text, "get-type-directory %s %u\n", good ? "ok" : error_name(err),
             (unsigned)type);
    good = wasi_filesystem_types_method_descriptor_get_flags(file, &flags, &err);
    text_add(&tour->text, "get-flags %s %x\n", good ? "ok" : error_name(err), (unsigned)flags);
    good = wasi_filesystem_types_method_descriptor_get_flags(tour->root, &flags, &err);
    text_add(&tour->text, "get-flags-directory %s %x\n", good ? "ok" : error_name(err),
             (unsigned)flags);
    step(tour, "advise",
         wasi_filesystem_types_method_descriptor_advise(
             file, 0, 0, WASI_FILESYSTEM_TYPES_ADVICE_SEQUENTIAL, &err),
         err);
    step(tour, "sync-data", wasi_filesystem_types_method_descriptor_sync_data(file, &err), err);
    step(tour, "sync", wasi_filesystem_types_method_descriptor_sync(file, &err), err);
    step(tour, "sync-directory", wasi_filesystem_types_method_descriptor_sync(tour->root, &err),
         err);
    step(tour, "set-size-directory",
         wasi_filesystem_types_method_descriptor_set_size(tour->root, 5, &err), err);
}

/* --- times --------------------------------------------------------------------------------------- */

static void tell_times(struct tour *tour, const char *name)
{
    wasi_filesystem_types_descriptor_stat_t stat;
    file_error err = 0;
    if (!wasi_filesystem_types_method_descriptor_stat(tour->file, &stat, &err)) {
        step(tour, name, false, err);
        return;
    }
    text_add(&tour->text, "%s ok %llu.%09u %llu.%09u\n", name,
             (unsigned long long)stat.data_access_timestamp.val.seconds,
             (unsigned)stat.data_access_timestamp.val.nanoseconds,
             (unsigned long long)stat.data_modification_timestamp.val.seconds,
             (unsigned)stat.data_modification_timestamp.val.nanoseconds);
}

static void tour_times(struct tour *tour)
{
    file_error err = 0;
    world_string_t path = string_of("file");
    wasi_filesystem_types_new_timestamp_t keep = {
        .tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_NO_CHANGE};
    wasi_filesystem_types_new_timestamp_t now = {.tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_NOW};
    wasi_filesystem_types_new_timestamp_t then = {.tag =
                                                      WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_TIMESTAMP,
                                                  .val = {.timestamp = {1000000000, 123456789}}};
    wasi_filesystem_types_new_timestamp_t wrong = {
        .tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_TIMESTAMP,
        .val = {.timestamp = {UINT64_MAX, 999999999}}};

    step(tour, "set-times",
         wasi_filesystem_types_method_descriptor_set_times(tour->file, &then, &then, &err), err);
    tell_times(tour, "times");
    then.val.timestamp.seconds++;
    step(tour, "set-times-at",
         wasi_filesystem_types_method_descriptor_set_times_at(tour->root, FOLLOW, &path, &keep,
                                                              &then, &err),
         err);
    tell_times(tour, "times-at");
    step(tour, "set-times-now",
         wasi_filesystem_types_method_descriptor_set_times(tour->file, &now, &now, &err), err);
    step(tour, "set-times-far",
         wasi_filesystem_types_method_descriptor_set_times(tour->file, &wrong, &keep, &err), err);
}

/* --- streams ------------------------------------------------------------------------------------- */

static void tell_stream(struct tour *tour, const char *name, bool good, stream_error *err)
{
    file_error code = 0;
    if (good || err->tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
        text_add(&tour->text, "%s %s\n", name, good ? "ok" : "closed");
        return;
    }
    bool known = wasi_filesystem_types_filesystem_error_code(
        wasi_io_error_borrow_error(err->val.last_operation_failed), &code);
    text_add(&tour->text, "%s failed %s\n", name, known ? error_name(code) : "unknown");
    wasi_io_streams_stream_error_free(err);
}

static void write_stream(struct tour *tour, const char *name, own_output stream, const char *chars)
{
    stream_error err;
    bool good = write_all(stream, chars, strlen(chars), &err) && flush_all(stream, &err);
    tell_stream(tour, name, good, &err);
    wasi_io_streams_output_stream_drop_own(stream);
}

static void read_stream(struct tour *tour, const char *name, uint64_t offset)
{
    own_input stream;
    file_error err = 0;
    if (!wasi_filesystem_types_method_descriptor_read_via_stream(tour->file, offset, &stream,
                                                                 &err)) {
        step(tour, name, false, err);
        return;
    }
    input in = wasi_io_streams_borrow_input_stream(stream);
    world_list_u8_t bytes;
    stream_error broken;
    text_add(&tour->text, "%s \"", name);
    while (wasi_io_streams_method_input_stream_blocking_read(in, 4, &bytes, &broken)) {
        text_add_bytes(&tour->text, bytes.ptr, bytes.len);
        world_list_u8_free(&bytes);
    }
    text_add(&tour->text, "\" then ");
    tell_stream(tour, "read", false, &broken);
    wasi_io_streams_input_stream_drop_own(stream);
}

static void tour_streams(struct tour *tour)
{
    own_output stream;
    file_error err = 0;
    if (step(tour, "write-via-stream",
             wasi_filesystem_types_method_descriptor_write_via_stream(tour->file, 2, &stream, &err),
             err)) {
        write_stream(tour, "write-stream", stream, "LLO WORLD");
    }
    if (step(tour, "append-via-stream",
             wasi_filesystem_types_method_descriptor_append_via_stream(tour->file, &stream, &err),
             err)) {
        write_stream(tour, "append-stream", stream, ", and more");
    }
    read_stream(tour, "read-via-stream", 0);
    read_stream(tour, "read-via-stream-offset", 16);
    read_stream(tour, "read-via-stream-behind", 1000);

    own_descriptor only = open_at(tour, "open-read-only", "file", 0, READ);
    if (only.__handle != -1) {
        write_at(tour, "write-read-only", borrow(only), "x", 0);
        if (step(tour, "write-via-stream-read-only",
                 wasi_filesystem_types_method_descriptor_write_via_stream(borrow(only), 0, &stream,
                                                                          &err),
                 err)) {
            write_stream(tour, "write-stream-read-only", stream, "x");
        }
    }
    drop(only);
    only = open_at(tour, "open-write-only", "file", 0, WRITE);
    if (only.__handle != -1) {
        read_at(tour, "read-write-only", borrow(only), 1, 0);
    }
    drop(only);
}

/* --- names --------------------------------------------------------------------------------------- */

static void tell_stat_at(struct tour *tour, const char *name, uint8_t path_flags, const char *path)
{
    wasi_filesystem_types_descriptor_stat_t stat;
    file_error err = 0;
    world_string_t string = string_of(path);
    if (wasi_filesystem_types_method_descriptor_stat_at(tour->root, path_flags, &string, &stat,
                                                        &err)) {
        text_add(&tour->text, "%s ok type=%u links=%u\n", name, (unsigned)stat.type,
                 (unsigned)stat.link_count);
    } else {
        step(tour, name, false, err);
    }
}

typedef bool (*path_fn)(descriptor, world_string_t *, file_error *);

static void on_path(struct tour *tour, const char *name, path_fn function, const char *path)
{
    file_error err = 0;
    world_string_t string = string_of(path);
    step(tour, name, function(tour->root, &string, &err), err);
}

static void rename_at(struct tour *tour, const char *name, const char *from, const char *to)
{
    file_error err = 0;
    world_string_t old_path = string_of(from);
    world_string_t new_path = string_of(to);
    step(tour, name,
         wasi_filesystem_types_method_descriptor_rename_at(tour->root, &old_path, tour->root,
                                                           &new_path, &err),
         err);
}

static void symlink_at(struct tour *tour, const char *name, const char *to, const char *path)
{
    file_error err = 0;
    world_string_t target = string_of(to);
    world_string_t string = string_of(path);
    step(tour, name,
         wasi_filesystem_types_method_descriptor_symlink_at(tour->root, &target, &string, &err),
         err);
}

static void tour_open(struct tour *tour)
{
    drop(open_at(tour, "open-exclusive", "file", CREATE | EXCLUSIVE, READ | WRITE));
    drop(open_at(tour, "open-none", "none", 0, READ));
    drop(open_at(tour, "open-as-directory", "file", DIRECTORY, READ));
    drop(open_at(tour, "open-empty", "", 0, READ));
    drop(open_at(tour, "open-dot", ".", DIRECTORY, READ));
    drop(open_at(tour, "open-parent", "..", 0, READ));
    drop(open_at(tour, "open-absolute", "/etc/passwd", 0, READ));
    drop(open_at(tour, "open-slash", "file/", 0, READ));
    drop(open_at(tour, "open-below-file", "file/x", 0, READ));
    drop(open_at(tour, "open-directory-write", ".", 0, WRITE));
    drop(open_at(tour, "open-no-flags", "file", 0, 0));

    char *name = must_alloc(5001);
    memset(name, 'n', 5000);
    name[5000] = '\0';
    drop(open_at(tour, "open-long", name, CREATE, READ));
    free(name);

    own_descriptor again = open_at(tour, "open-truncate", "file2", CREATE | TRUNCATE, READ | WRITE);
    on_path(tour, "unlink-open", wasi_filesystem_types_method_descriptor_unlink_file_at, "file2");
    if (again.__handle != -1) {
        write_at(tour, "write-unlinked", borrow(again), "still", 0);
    }
    drop(again);
}

static void tour_directories(struct tour *tour)
{
    path_fn create = wasi_filesystem_types_method_descriptor_create_directory_at;
    path_fn remove = wasi_filesystem_types_method_descriptor_remove_directory_at;
    path_fn unlink = wasi_filesystem_types_method_descriptor_unlink_file_at;
    on_path(tour, "create-directory", create, "dir");
    on_path(tour, "create-directory-again", create, "dir");
    on_path(tour, "create-directory-none", create, "none/dir");
    drop(open_at(tour, "open-inside", "dir/inside", CREATE, WRITE));
    on_path(tour, "remove-full", remove, "dir");
    on_path(tour, "unlink-directory", unlink, "dir");
    on_path(tour, "remove-file", remove, "file");
    rename_at(tour, "rename", "dir/inside", "dir/outside");
    rename_at(tour, "rename-none", "none", "none2");
    rename_at(tour, "rename-over-directory", "file", "dir");
    rename_at(tour, "rename-outside", "file", "../file");
    on_path(tour, "unlink", unlink, "dir/outside");
    on_path(tour, "unlink-none", unlink, "dir/outside");
    on_path(tour, "remove", remove, "dir");
    on_path(tour, "remove-none", remove, "dir");
}

static void tour_links(struct tour *tour)
{
    path_fn unlink = wasi_filesystem_types_method_descriptor_unlink_file_at;
    file_error err = 0;
    world_string_t from = string_of("file");
    world_string_t to = string_of("hard");
    world_string_t string;
    step(tour, "link",
         wasi_filesystem_types_method_descriptor_link_at(tour->root, 0, &from, tour->root, &to,
                                                         &err),
         err);
    tell_stat_at(tour, "stat-linked", 0, "hard");
    step(tour, "link-again",
         wasi_filesystem_types_method_descriptor_link_at(tour->root, 0, &from, tour->root, &to,
                                                         &err),
         err);
    on_path(tour, "unlink-link", unlink, "hard");

    symlink_at(tour, "symlink", "file", "soft");
    symlink_at(tour, "symlink-again", "file", "soft");
    symlink_at(tour, "symlink-absolute", "/etc/passwd", "outside");
    symlink_at(tour, "symlink-loop", "loop", "loop");
    tell_stat_at(tour, "stat-link", 0, "soft");
    tell_stat_at(tour, "stat-follow", FOLLOW, "soft");
    tell_stat_at(tour, "stat-loop", FOLLOW, "loop");
    to = string_of("soft");
    if (wasi_filesystem_types_method_descriptor_readlink_at(tour->root, &to, &string, &err)) {
        text_add(&tour->text, "readlink ok %.*s\n", (int)string.len, (const char *)string.ptr);
        world_string_free(&string);
    } else {
        step(tour, "readlink", false, err);
    }
    step(tour, "readlink-file",
         wasi_filesystem_types_method_descriptor_readlink_at(tour->root, &from, &string, &err),
         err);
    on_path(tour, "unlink-symlink", unlink, "soft");
    on_path(tour, "unlink-outside", unlink, "outside");
    on_path(tour, "unlink-loop", unlink, "loop");
}

/* --- identity and listing ------------------------------------------------------------------------ */

static void tour_identity(struct tour *tour)
{
    wasi_filesystem_types_metadata_hash_value_t one = {0};
    wasi_filesystem_types_metadata_hash_value_t two = {0};
    file_error err = 0;
    world_string_t path = string_of("file");
    own_descriptor again = open_at(tour, "open-again", "file", 0, READ);
    text_add(&tour->text, "same-object %s\n",
             wasi_filesystem_types_method_descriptor_is_same_object(tour->file, borrow(again))
                 ? "yes"
                 : "no");
    text_add(&tour->text, "same-object-other %s\n",
             wasi_filesystem_types_method_descriptor_is_same_object(tour->file, tour->root) ? "yes"
                                                                                            : "no");
    drop(again);
    step(tour, "metadata-hash",
         wasi_filesystem_types_method_descriptor_metadata_hash(tour->file, &one, &err), err);
    step(tour, "metadata-hash-at",
         wasi_filesystem_types_method_descriptor_metadata_hash_at(tour->root, FOLLOW, &path, &two,
                                                                  &err),
         err);
    text_add(&tour->text, "hashes %s\n",
             one.lower == two.lower && one.upper == two.upper ? "same" : "differ");
    path = string_of("none");
    step(tour, "metadata-hash-none",
         wasi_filesystem_types_method_descriptor_metadata_hash_at(tour->root, 0, &path, &two, &err),
         err);
}

static void tell_entries(struct tour *tour, descriptor directory)
{
    wasi_filesystem_types_own_directory_entry_stream_t stream;
    wasi_filesystem_types_option_directory_entry_t entry;
    file_error err = 0;
    unsigned count = 0;
    if (!wasi_filesystem_types_method_descriptor_read_directory(directory, &stream, &err)) {
        step(tour, "read-directory", false, err);
        return;
    }
    wasi_filesystem_types_borrow_directory_entry_stream_t in =
        wasi_filesystem_types_borrow_directory_entry_stream(stream);
    while (wasi_filesystem_types_method_directory_entry_stream_read_directory_entry(in, &entry,
                                                                                    &err) &&
           entry.is_some) {
        text_add(&tour->text, "entry %.*s type=%u\n", (int)entry.val.name.len,
                 (const char *)entry.val.name.ptr, (unsigned)entry.val.type);
        wasi_filesystem_types_option_directory_entry_free(&entry);
        count++;
    }
    text_add(&tour->text, "entries %u\n", count);
    wasi_filesystem_types_directory_entry_stream_drop_own(stream);
}

static void tour_all(struct tour *tour)
{
    own_descriptor file = open_at(tour, "open-create", "file", CREATE, READ | WRITE);
    if (file.__handle == -1) {
        return;
    }
    tour->file = borrow(file);
    tour_bytes(tour);
    tour_state(tour);
    tour_times(tour);
    tour_streams(tour);
    tour_open(tour);
    tour_directories(tour);
    tour_links(tour);
    tour_identity(tour);
    tell_entries(tour, tour->root);
    tell_entries(tour, tour->file);
    drop(file);
    on_path(tour, "unlink-last", wasi_filesystem_types_method_descriptor_unlink_file_at, "file");
    tell_entries(tour, tour->root);
}

/* --- the other commands -------------------------------------------------------------------------- */

static void copy_out(struct tour *tour, const char *path)
{
    own_input stream;
    file_error err = 0;
    stream_error broken;
    uint64_t moved = 0;
    own_descriptor file = open_at(tour, "open", path, 0, READ);
    if (file.__handle == -1) {
        return;
    }
    text_free(&tour->text);
    if (step(
            tour, "read-via-stream",
            wasi_filesystem_types_method_descriptor_read_via_stream(borrow(file), 0, &stream, &err),
            err)) {
        text_free(&tour->text);
        own_output out = wasi_cli_stdout_get_stdout();
        while (wasi_io_streams_method_output_stream_blocking_splice(
            wasi_io_streams_borrow_output_stream(out), wasi_io_streams_borrow_input_stream(stream),
            65536, &moved, &broken)) {
        }
        wasi_io_streams_stream_error_free(&broken);
        if (!flush_all(out, &broken)) {
            wasi_io_streams_stream_error_free(&broken);
        }
        wasi_io_streams_output_stream_drop_own(out);
        wasi_io_streams_input_stream_drop_own(stream);
    }
    drop(file);
}

static void escape(struct tour *tour, const char *path)
{
    drop(open_at(tour, "open", path, 0, READ));
    symlink_at(tour, "symlink", path, "escape");
    drop(open_at(tour, "open-link", "escape", 0, READ));
    tell_stat_at(tour, "stat-link", FOLLOW, "escape");
    on_path(tour, "unlink", wasi_filesystem_types_method_descriptor_unlink_file_at, "escape");
}

bool exports_wasi_cli_run_run(void)
{
    struct tour tour = {0};
    world_list_string_t arguments;
    wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t preopens;
    wasi_cli_environment_get_arguments(&arguments);
    wasi_filesystem_preopens_get_directories(&preopens);
    char *what = copy_of(arguments.len > 1 ? arguments.ptr[1] : (world_string_t){0});
    char *path = copy_of(arguments.len > 2 ? arguments.ptr[2] : (world_string_t){0});
    world_list_string_free(&arguments);

    tour.root = preopens.len > 0 ? borrow(preopens.ptr[0].f0) : (descriptor){-1};
    if (strcmp(what, "preopens") == 0) {
        for (size_t i = 0; i < preopens.len; i++) {
            text_add(&tour.text, "preopen %.*s\n", (int)preopens.ptr[i].f1.len,
                     (const char *)preopens.ptr[i].f1.ptr);
        }
    } else if (preopens.len == 0) {
        text_add(&tour.text, "no preopened directory\n");
    } else if (strcmp(what, "read") == 0) {
        copy_out(&tour, path);
    } else if (strcmp(what, "escape") == 0) {
        escape(&tour, path);
    } else {
        tour_all(&tour);
    }
    print_text(&tour.text);
    bool good = preopens.len > 0;
    text_free(&tour.text);
    wasi_filesystem_preopens_list_tuple2_own_descriptor_string_free(&preopens);
    free(what);
    free(path);
    return good;
}
