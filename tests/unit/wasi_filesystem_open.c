/* wasi:filesystem: get-directories and open-at; what a descriptor says it is; limits; and that
 * nothing leads out. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "component_files.h"
#include "guest/dir.h"

static int follow(struct component_files *x, uint32_t dir, const char *path, unsigned open_flags,
                  unsigned flags)
{
    return CFILES(x, "open-at", NUMBER(dir), NUMBER(FS_SYMLINK_FOLLOW), TEXT(path),
                  NUMBER(open_flags), NUMBER(flags));
}

static unsigned flags_of(struct component_files *x, uint32_t rep)
{
    assert_int_equal(CFILES(x, "get-flags", NUMBER(rep)), FS_OK);
    return (unsigned)cfiles_number(x);
}

static int type_of(struct component_files *x, uint32_t rep)
{
    assert_int_equal(CFILES(x, "get-type", NUMBER(rep)), FS_OK);
    return (int)cfiles_number(x);
}

static void each_call_gives_new_handles(void **state)
{
    struct component_files *x = *state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_component_call(x->f, &wasi_filesystem_preopens, "get-directories",
                                             NULL /* args */, 0),
                         0);
        const struct component_list list = x->f->results[0].list;
        assert_int_equal(list.count, 2);
        assert_true(span_is(list.items[1].bytes, "/in"));
        assert_true(span_is(list.items[3].bytes, "/ro"));
        uint32_t in = (uint32_t)list.items[0].number;
        uint32_t ro = (uint32_t)list.items[2].number;
        assert_int_not_equal(in, x->in);
        assert_int_equal(type_of(x, in), FS_TYPE_DIRECTORY);
        assert_int_equal(flags_of(x, in), FS_READ | FS_MUTATE_DIRECTORY);
        assert_int_equal(flags_of(x, ro), FS_READ);
        cfiles_drop(x, "descriptor", in);
        cfiles_drop(x, "descriptor", ro);
    }
    assert_int_equal(x->f->guest.open_files, 0);
    assert_int_equal(cfiles_try_open(x, x->ro, "file", 0, FS_READ), FS_OK);
}

static void handles_and_the_table_go_apart(void **state)
{
    struct component_files *x = *state;
    cfiles_drop(x, "descriptor", x->in);
    assert_non_null(fd_table_get(&x->f->guest.fds, 3));
    descriptor_unref(fd_table_take(&x->f->guest.fds, 4));
    assert_int_equal(cfiles_try_open(x, x->ro, "file", 0, FS_READ), FS_OK);
    assert_int_equal(
        fake_component_call(x->f, &wasi_filesystem_preopens, "get-directories", NULL /* args */, 0),
        0);
    assert_int_equal(x->f->results[0].list.count, 1);
}

static void a_preopen_whose_name_is_no_text_is_left_out(void **state)
{
    struct component_files *x = *state;
    const char *good = x->host.preopens[0].guest_path;
    struct guest_dir *dir = guest_dir_of(fd_table_get(&x->f->guest.fds, 3));
    dir->guest_path = "/\xff";
    assert_int_equal(
        fake_component_call(x->f, &wasi_filesystem_preopens, "get-directories", NULL /* args */, 0),
        0);
    assert_int_equal(x->f->results[0].list.count, 1);
    assert_true(span_is(x->f->results[0].list.items[1].bytes, "/ro"));
    dir->guest_path = (char *)(uintptr_t)good;
}

static void too_many_handles_to_preopens_trap(void **state)
{
    struct component_files *x = *state;
    x->f->guest.resources.max = 3;
    assert_int_equal(
        fake_component_call(x->f, &wasi_filesystem_preopens, "get-directories", NULL /* args */, 0),
        CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(x->f), "may have no more"));
}

static void flags_choose_the_mode(void **state)
{
    struct component_files *x = *state;
    const struct {
        unsigned asked;
        unsigned told;
    } cases[] = {
        {FS_READ, FS_READ},
        {FS_WRITE, FS_WRITE},
        {FS_READ | FS_WRITE, FS_READ | FS_WRITE},
        {0, FS_READ},
        {FS_READ | FS_MUTATE_DIRECTORY, FS_READ}, /* of directories only */
        {FS_WRITE | FS_FILE_INTEGRITY_SYNC, FS_WRITE | FS_FILE_INTEGRITY_SYNC},
        {FS_WRITE | FS_DATA_INTEGRITY_SYNC, FS_WRITE | FS_DATA_INTEGRITY_SYNC},
        {FS_WRITE | FS_REQUESTED_WRITE_SYNC, FS_WRITE | FS_REQUESTED_WRITE_SYNC},
        {31, 31},
    };
    files_host_write(&x->host, "in/file", "abc");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t rep = cfiles_open(x, x->in, "file", 0, cases[i].asked);
        assert_int_equal(flags_of(x, rep), cases[i].told);
        bool reads = (cases[i].told & FS_READ) != 0;
        bool writes = (cases[i].told & FS_WRITE) != 0;
        assert_int_equal(CFILES(x, "read", NUMBER(rep), NUMBER(3), NUMBER(0)),
                         reads ? FS_OK : FS_BAD_DESCRIPTOR);
        assert_int_equal(CFILES(x, "write", NUMBER(rep), TEXT("abc"), NUMBER(0)),
                         writes ? FS_OK : FS_BAD_DESCRIPTOR);
        assert_int_equal(CFILES(x, "read-via-stream", NUMBER(rep), NUMBER(0)),
                         reads ? FS_OK : FS_BAD_DESCRIPTOR);
        assert_int_equal(CFILES(x, "write-via-stream", NUMBER(rep), NUMBER(0)),
                         writes ? FS_OK : FS_BAD_DESCRIPTOR);
        assert_int_equal(CFILES(x, "append-via-stream", NUMBER(rep)),
                         writes ? FS_OK : FS_BAD_DESCRIPTOR);
        assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(3)),
                         writes ? FS_OK : FS_BAD_DESCRIPTOR);
    }
    files_host_assert(&x->host, "in/file", "abc");
}

static void creates_truncates_and_excludes(void **state)
{
    struct component_files *x = *state;
    const unsigned both = FS_READ | FS_WRITE;
    assert_int_equal(cfiles_try_open(x, x->in, "new", 0, both), FS_NO_ENTRY);
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_CREATE, both), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_CREATE, both), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_CREATE | FS_EXCLUSIVE, both), FS_EXIST);
    assert_int_equal(cfiles_try_open(x, x->in, "other", FS_CREATE | FS_EXCLUSIVE, both), FS_OK);
    files_host_write(&x->host, "in/new", "abc");
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_TRUNCATE, FS_WRITE), FS_OK);
    files_host_assert(&x->host, "in/new", "");
    assert_int_equal(cfiles_try_open(x, x->in, "no/new", FS_CREATE, both), FS_NO_ENTRY);
    assert_int_equal(cfiles_try_open(x, x->in, "new/x", FS_CREATE, both), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_try_open(x, x->in, "slash/", FS_CREATE, both), FS_IS_DIRECTORY);
    assert_false(files_host_exists(&x->host, "in/slash"));
}

static void opens_directories(void **state)
{
    struct component_files *x = *state;
    files_host_mkdir(&x->host, "in/dir");
    files_host_write(&x->host, "in/dir/file", "abc");
    uint32_t dir = cfiles_open(x, x->in, "dir", FS_DIRECTORY, FS_READ);
    assert_int_equal(type_of(x, dir), FS_TYPE_DIRECTORY);
    /* Opened without mutate-directory, and yet: what C libraries do. */
    assert_int_equal(flags_of(x, dir), FS_READ | FS_MUTATE_DIRECTORY);
    assert_int_equal(cfiles_try_open(x, dir, "made", FS_CREATE, FS_WRITE), FS_OK);
    assert_int_equal(cfiles_try_open(x, dir, "file", 0, FS_READ), FS_OK);
    assert_int_equal(cfiles_try_open(x, dir, "..", 0, FS_READ), FS_NOT_PERMITTED);
    assert_int_equal(cfiles_try_open(x, x->in, "dir///", 0, FS_READ), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "dir", 0, FS_READ | FS_WRITE), FS_IS_DIRECTORY);
    assert_int_equal(cfiles_try_open(x, x->in, "dir", 0, FS_READ | FS_MUTATE_DIRECTORY), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "dir/file", FS_DIRECTORY, FS_READ),
                     FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_try_open(x, x->in, "dir/file/", 0, FS_READ), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_try_open(x, x->in, "dir/.//../dir/./file", 0, FS_READ), FS_OK);
    for (unsigned flag = FS_CREATE; flag <= FS_TRUNCATE; flag *= 2) {
        assert_int_equal(cfiles_try_open(x, x->in, "dir", FS_DIRECTORY | flag, FS_READ),
                         flag == FS_DIRECTORY ? FS_OK : FS_INVALID);
    }
    uint32_t file = cfiles_open(x, x->in, "dir/file", 0, FS_READ);
    assert_int_equal(type_of(x, file), FS_TYPE_REGULAR_FILE);
    assert_int_equal(cfiles_try_open(x, file, "x", 0, FS_READ), FS_NOT_DIRECTORY);
}

/* CVE-2026-47261: truncating went by without the permission to write. */
static void read_only_refuses_every_change(void **state)
{
    struct component_files *x = *state;
    uint32_t sub = cfiles_open(x, x->ro, "sub", FS_DIRECTORY, FS_READ);
    const uint32_t dirs[] = {x->ro, sub};
    assert_int_equal(flags_of(x, sub), FS_READ);
    for (size_t i = 0; i < 2; i++) {
        uint32_t dir = dirs[i];
        assert_int_equal(cfiles_try_open(x, dir, "file", 0, FS_READ), FS_OK);
        assert_int_equal(cfiles_try_open(x, dir, "file", 0, 0), FS_OK);
        assert_int_equal(cfiles_try_open(x, dir, "file", 0, FS_WRITE), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "file", 0, FS_READ | FS_WRITE), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "file", FS_TRUNCATE, FS_READ), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "file", FS_TRUNCATE, 0), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "file", FS_CREATE, FS_READ), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "new", FS_CREATE, FS_READ), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "new", FS_CREATE | FS_EXCLUSIVE, 0), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, ".", 0, FS_MUTATE_DIRECTORY), FS_READ_ONLY);
        assert_int_equal(cfiles_try_open(x, dir, "file", 0, FS_MUTATE_DIRECTORY), FS_READ_ONLY);
    }
    assert_int_equal(cfiles_try_open(x, x->ro, "sub/file", FS_TRUNCATE, FS_READ), FS_READ_ONLY);
    files_host_assert(&x->host, "ro/file", "read only");
    files_host_assert(&x->host, "ro/sub/file", "deep");
    assert_false(files_host_exists(&x->host, "ro/new"));
}

static void a_read_only_file_changes_in_no_way(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->ro, "file", 0, FS_READ);
    assert_int_equal(flags_of(x, file), FS_READ);
    assert_int_equal(CFILES(x, "write", NUMBER(file), TEXT("x"), NUMBER(0)), FS_READ_ONLY);
    assert_int_equal(CFILES(x, "write-via-stream", NUMBER(file), NUMBER(0)), FS_READ_ONLY);
    assert_int_equal(CFILES(x, "append-via-stream", NUMBER(file)), FS_READ_ONLY);
    assert_int_equal(CFILES(x, "set-size", NUMBER(file), NUMBER(0)), FS_READ_ONLY);
    assert_int_equal(CFILES(x, "set-times", NUMBER(file), NUMBER(1), NUMBER(0), NUMBER(0),
                            NUMBER(1), NUMBER(0), NUMBER(0)),
                     FS_READ_ONLY);
    assert_int_equal(CFILES(x, "set-times", NUMBER(x->ro), NUMBER(1), NUMBER(0), NUMBER(0),
                            NUMBER(1), NUMBER(0), NUMBER(0)),
                     FS_READ_ONLY);
    assert_int_equal(CFILES(x, "sync", NUMBER(file)), FS_OK);
    files_host_assert(&x->host, "ro/file", "read only");
}

static void links_inside_are_followed_when_asked(void **state)
{
    struct component_files *x = *state;
    files_host_mkdir(&x->host, "in/dir");
    files_host_write(&x->host, "in/file", "abc");
    files_host_symlink(&x->host, "../file", "in/dir/up");
    files_host_symlink(&x->host, "nothing", "in/dangling");
    files_host_symlink(&x->host, "loop", "in/loop");
    assert_int_equal(follow(x, x->in, "dir/up", 0, FS_READ), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "dir/up", 0, FS_READ), FS_LOOP);
    assert_int_equal(follow(x, x->in, "dangling", 0, FS_READ), FS_NO_ENTRY);
    assert_int_equal(follow(x, x->in, "loop", 0, FS_READ), FS_LOOP);
    uint32_t dir = cfiles_open(x, x->in, "dir", 0, FS_READ);
    assert_int_equal(follow(x, dir, "up", 0, FS_READ), FS_NOT_PERMITTED);
}

/* The paths of wasi_path_open.c, and trailing slashes of GHSA-vqjp-4c8c-hfgg. */
static void nothing_leads_out(void **state)
{
    struct component_files *x = *state;
    char absolute[64];
    (void)snprintf(absolute, sizeof absolute, "%s/out", x->host.root);
    files_host_mkdir(&x->host, "in/dir");
    files_host_symlink(&x->host, absolute, "in/abs");
    files_host_symlink(&x->host, "../out", "in/rel");
    files_host_symlink(&x->host, "../out/", "in/slash");
    files_host_symlink(&x->host, "/", "in/root");
    files_host_symlink(&x->host, "../../out/secret", "in/dir/rel");
    files_host_symlink(&x->host, "..", "in/up");
    files_host_symlink(&x->host, "/proc/self/fd", "in/fds");
    const char *paths[] = {
        "..",
        "../",
        "../out/secret",
        "dir/../../out/secret",
        "/",
        "//",
        "///",
        "/etc/passwd",
        "/proc/self/fd",
        "abs",
        "abs/",
        "abs//",
        "abs/.",
        "abs/secret",
        "rel",
        "rel/",
        "rel//",
        "rel/.",
        "rel/..",
        "rel/secret",
        "slash",
        "slash/",
        "slash/secret",
        "root",
        "root/",
        "root/etc",
        "dir/rel",
        "dir/rel/",
        "up",
        "up/",
        "up/out/secret",
        "dir/../up/in",
        "./..",
        "../in",
        "fds",
        "fds/3",
        "fds/",
    };
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        assert_int_equal(follow(x, x->in, paths[i], 0, FS_READ), FS_NOT_PERMITTED);
        assert_int_equal(follow(x, x->in, paths[i], FS_DIRECTORY, FS_READ), FS_NOT_PERMITTED);
        int plain = cfiles_try_open(x, x->in, paths[i], 0, FS_READ);
        assert_true(plain == FS_NOT_PERMITTED || plain == FS_LOOP);
        assert_int_not_equal(
            CFILES(x, "stat-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW), TEXT(paths[i])), FS_OK);
        assert_int_equal(
            CFILES(x, "metadata-hash-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW), TEXT(paths[i])),
            FS_NOT_PERMITTED);
        assert_int_equal(CFILES(x, "set-times-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW),
                                TEXT(paths[i]), NUMBER(1), NUMBER(0), NUMBER(0), NUMBER(1),
                                NUMBER(0), NUMBER(0)),
                         FS_NOT_PERMITTED);
    }
    const unsigned both = FS_READ | FS_WRITE;
    assert_int_equal(follow(x, x->in, "up/out/new", FS_CREATE, both), FS_NOT_PERMITTED);
    assert_int_equal(follow(x, x->in, "rel/new", FS_CREATE, both), FS_NOT_PERMITTED);
    assert_int_equal(follow(x, x->in, "rel/secret", FS_TRUNCATE, both), FS_NOT_PERMITTED);
    assert_false(files_host_exists(&x->host, "out/new"));
    files_host_assert(&x->host, "out/secret", "secret");
}

static void creating_through_a_link_stays_inside(void **state)
{
    struct component_files *x = *state;
    files_host_symlink(&x->host, "../out/new", "in/out");
    files_host_symlink(&x->host, "made", "in/in");
    assert_int_equal(cfiles_try_open(x, x->in, "out", FS_CREATE, FS_WRITE), FS_LOOP);
    assert_int_equal(follow(x, x->in, "out", FS_CREATE, FS_WRITE), FS_NOT_PERMITTED);
    assert_int_equal(follow(x, x->in, "out/", FS_CREATE, FS_WRITE), FS_IS_DIRECTORY);
    assert_false(files_host_exists(&x->host, "out/new"));
    assert_int_equal(follow(x, x->in, "in", FS_CREATE, FS_WRITE), FS_OK);
    assert_true(files_host_exists(&x->host, "in/made"));
}

static void special_files_do_not_block(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    assert_int_equal(cfiles_try_open(x, x->in, "pipe", 0, FS_WRITE), FS_NO_SUCH_DEVICE);
    uint32_t reader = cfiles_open(x, x->in, "pipe", 0, FS_READ);
    assert_int_equal(type_of(x, reader), FS_TYPE_FIFO);
    assert_int_equal(CFILES(x, "read", NUMBER(reader), NUMBER(1), NUMBER(0)), FS_INVALID_SEEK);
    assert_int_equal(CFILES(x, "advise", NUMBER(reader), NUMBER(0), NUMBER(0), NUMBER(0)),
                     FS_INVALID_SEEK);
    int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/in/sock", x->host.root);
    assert_int_equal(bind(host, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(cfiles_try_open(x, x->in, "sock", 0, FS_READ), FS_NO_SUCH_DEVICE);
    close(host);
}

static void bad_paths(void **state)
{
    struct component_files *x = *state;
    static char path[40000];
    const struct {
        size_t len;
        int expect;
    } cases[] = {{0, FS_NO_ENTRY},         {255, FS_NO_ENTRY},
                 {256, FS_NAME_TOO_LONG},  {4095, FS_NAME_TOO_LONG},
                 {4096, FS_NAME_TOO_LONG}, {sizeof path, FS_NAME_TOO_LONG}};
    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(CFILES(x, "open-at", NUMBER(x->in), NUMBER(0), BYTES(path, cases[i].len),
                                NUMBER(0), NUMBER(FS_READ)),
                         cases[i].expect);
    }
    for (size_t i = 0; i < sizeof path; i += 2) {
        memcpy(path + i, "./", 2);
    }
    assert_int_equal(CFILES(x, "open-at", NUMBER(x->in), NUMBER(0), BYTES(path, 4095), NUMBER(0),
                            NUMBER(FS_READ)),
                     FS_OK);
    assert_int_equal(CFILES(x, "open-at", NUMBER(x->in), NUMBER(0), BYTES("fi\0le", 5), NUMBER(0),
                            NUMBER(FS_READ)),
                     FS_INVALID);
}

static void a_guest_may_hold_so_many(void **state)
{
    struct component_files *x = *state;
    unsigned before = cfiles_count_open();
    files_host_write(&x->host, "in/file", "abc");
    x->f->guest.fds.max = 12; /* two of them preopens */
    uint32_t last = 0;
    for (int i = 0; i < 10; i++) {
        last = cfiles_open(x, x->in, "file", 0, FS_READ);
    }
    assert_int_equal(cfiles_try_open(x, x->in, "file", 0, FS_READ), FS_INSUFFICIENT_MEMORY);
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_CREATE, FS_READ), FS_INSUFFICIENT_MEMORY);
    assert_false(files_host_exists(&x->host, "in/new"));
    assert_int_equal(CFILES(x, "read-directory", NUMBER(x->in)), FS_INSUFFICIENT_MEMORY);
    /* A stream keeps the file open, and is counted as one. */
    assert_int_equal(CFILES(x, "read-via-stream", NUMBER(last), NUMBER(0)), FS_OK);
    cfiles_drop(x, "descriptor", last);
    assert_int_equal(cfiles_count_open(), before + 10);
    assert_int_equal(cfiles_try_open(x, x->in, "file", 0, FS_READ), FS_INSUFFICIENT_MEMORY);
    cfiles_drop(x, "descriptor", last - 1);
    assert_int_equal(CFILES(x, "read-directory", NUMBER(x->in)), FS_OK);
    assert_int_equal(cfiles_try_open(x, x->in, "file", 0, FS_READ), FS_INSUFFICIENT_MEMORY);
}

static void so_many_resources_are_an_error_too(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_READ | FS_WRITE);
    x->f->guest.resources.max = 3;
    assert_int_equal(cfiles_try_open(x, x->in, "new", FS_CREATE, FS_READ), FS_INSUFFICIENT_MEMORY);
    assert_false(files_host_exists(&x->host, "in/new"));
    assert_int_equal(CFILES(x, "read-via-stream", NUMBER(file), NUMBER(0)), FS_INSUFFICIENT_MEMORY);
    assert_int_equal(CFILES(x, "write-via-stream", NUMBER(file), NUMBER(0)),
                     FS_INSUFFICIENT_MEMORY);
    assert_int_equal(CFILES(x, "append-via-stream", NUMBER(file)), FS_INSUFFICIENT_MEMORY);
    assert_int_equal(CFILES(x, "read-directory", NUMBER(x->in)), FS_INSUFFICIENT_MEMORY);
}

/* 10,000, or until the process may have no more: an error, and everything works once some are gone. */
static void ten_thousand_descriptors(void **state)
{
    enum { MANY = 10000 };
    struct component_files *x = *state;
    static uint32_t reps[MANY];
    struct rlimit limit;
    unsigned before = cfiles_count_open();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    files_host_write(&x->host, "in/file", "abc");
    unsigned count = 0;
    int result = FS_OK;
    while (count < MANY && result == FS_OK) {
        result = cfiles_try_open(x, x->in, "file", 0, FS_READ);
        if (result == FS_OK) {
            reps[count] = (uint32_t)cfiles_number(x);
            count++;
        }
    }
    if (count < MANY) {
        assert_int_equal(result, FS_INSUFFICIENT_MEMORY);
        assert_in_range(count, limit.rlim_cur - before, limit.rlim_cur);
    }
    assert_int_equal(x->f->guest.open_files, count);
    for (unsigned i = 0; i < count; i++) {
        cfiles_drop(x, "descriptor", reps[i]);
    }
    assert_int_equal(x->f->guest.open_files, 0);
    assert_int_equal(cfiles_count_open(), before);
    assert_int_equal(cfiles_try_open(x, x->in, "file", 0, FS_READ), FS_OK);
}

/* Every errno has a code, and each code that the kernel can cause has its errno. */
static void errnos_have_codes(void **state)
{
    (void)state;
    const int errnos[] = {
        [FS_ACCESS] = EACCES,
        [FS_WOULD_BLOCK] = EAGAIN,
        [FS_ALREADY] = EALREADY,
        [FS_BAD_DESCRIPTOR] = EBADF,
        [FS_BUSY] = EBUSY,
        [FS_DEADLOCK] = EDEADLK,
        [FS_QUOTA] = EDQUOT,
        [FS_EXIST] = EEXIST,
        [FS_FILE_TOO_LARGE] = EFBIG,
        [FS_ILLEGAL_BYTE_SEQUENCE] = EILSEQ,
        [FS_IN_PROGRESS] = EINPROGRESS,
        [FS_INTERRUPTED] = EINTR,
        [FS_INVALID] = EINVAL,
        [FS_IO] = EIO,
        [FS_IS_DIRECTORY] = EISDIR,
        [FS_LOOP] = ELOOP,
        [FS_TOO_MANY_LINKS] = EMLINK,
        [FS_MESSAGE_SIZE] = EMSGSIZE,
        [FS_NAME_TOO_LONG] = ENAMETOOLONG,
        [FS_NO_DEVICE] = ENODEV,
        [FS_NO_ENTRY] = ENOENT,
        [FS_NO_LOCK] = ENOLCK,
        [FS_INSUFFICIENT_MEMORY] = ENOMEM,
        [FS_INSUFFICIENT_SPACE] = ENOSPC,
        [FS_NOT_DIRECTORY] = ENOTDIR,
        [FS_NOT_EMPTY] = ENOTEMPTY,
        [FS_NOT_RECOVERABLE] = ENOTRECOVERABLE,
        [FS_UNSUPPORTED] = ENOTSUP,
        [FS_NO_TTY] = ENOTTY,
        [FS_NO_SUCH_DEVICE] = ENXIO,
        [FS_OVERFLOW] = EOVERFLOW,
        [FS_NOT_PERMITTED] = EPERM,
        [FS_PIPE] = EPIPE,
        [FS_READ_ONLY] = EROFS,
        [FS_INVALID_SEEK] = ESPIPE,
        [FS_TEXT_FILE_BUSY] = ETXTBSY,
        [FS_CROSS_DEVICE] = EXDEV,
    };
    assert_int_equal(ARRAY_COUNT(errnos), 37);
    assert_int_equal(FS_ERRORS, 37);
    for (size_t i = 0; i < ARRAY_COUNT(errnos); i++) {
        assert_int_equal(fs_error_from(-errnos[i]), i);
    }
    assert_int_equal(fs_error_from(-EMFILE), FS_INSUFFICIENT_MEMORY);
    assert_int_equal(fs_error_from(-ENFILE), FS_INSUFFICIENT_MEMORY);
    assert_int_equal(fs_error_from(-ENOSYS), FS_UNSUPPORTED);
    const int64_t strange[] = {-ESTALE, -EUCLEAN, -4095, INT64_MIN, -133, -134, 0, 1};
    for (size_t i = 0; i < ARRAY_COUNT(strange); i++) {
        assert_int_equal(fs_error_from(strange[i]), FS_IO);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_call_gives_new_handles),
        TEST(handles_and_the_table_go_apart),
        TEST(a_preopen_whose_name_is_no_text_is_left_out),
        TEST(too_many_handles_to_preopens_trap),
        TEST(flags_choose_the_mode),
        TEST(creates_truncates_and_excludes),
        TEST(opens_directories),
        TEST(read_only_refuses_every_change),
        TEST(a_read_only_file_changes_in_no_way),
        TEST(links_inside_are_followed_when_asked),
        TEST(nothing_leads_out),
        TEST(creating_through_a_link_stays_inside),
        TEST(special_files_do_not_block),
        TEST(bad_paths),
        TEST(a_guest_may_hold_so_many),
        TEST(so_many_resources_are_an_error_too),
        TEST(ten_thousand_descriptors),
        cmocka_unit_test(errnos_have_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
