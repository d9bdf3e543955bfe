/* What a process can still do in the sandbox, tried in processes of their own. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "serve/sandbox.h"

enum { OK = 0, NOT_APPLIED = 1, NO_LANDLOCK = 77, NO_SECCOMP = 78, FIRST_CHECK = 100 };

/* In the child: end with the number of the check that failed. */
#define CHECK(number, condition)                                                                   \
    if (!(condition)) {                                                                            \
        _exit(FIRST_CHECK + (number));                                                             \
    }

typedef void body_fn(const char *folder);

struct fixture {
    char folder[64];
    char granted[80];
    char readable[80];
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/hythe-sandbox-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->granted, sizeof f->granted, "%s/rw", f->folder);
    (void)snprintf(f->readable, sizeof f->readable, "%s/ro", f->folder);
    assert_int_equal(mkdir(f->granted, 0755), 0);
    assert_int_equal(mkdir(f->readable, 0755), 0);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file", f->granted);
    (void)unlink(path);
    (void)rmdir(f->granted);
    (void)rmdir(f->readable);
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

static int run(const struct fixture *f, struct sandbox_options options, body_fn *body)
{
    struct sandbox_path paths[] = {{.path = f->granted, .may_write = true},
                                   {.path = f->readable},
                                   {.path = "/no/such/thing", .is_optional = true}};
    options.paths = paths;
    options.path_count = options.is_strict ? 0 : ARRAY_COUNT(paths);
    pid_t pid = fork();
    if (pid == 0) {
        char text[SANDBOX_TEXT_MAX];
        struct error err = {0};
        if (sandbox_apply(&options, text, &err) < 0) {
            _exit(NOT_APPLIED);
        }
        if (!options.is_off && strstr(text, "no Landlock") != NULL) {
            _exit(NO_LANDLOCK);
        }
        if (!options.is_off && strstr(text, "no seccomp") != NULL) {
            _exit(NO_SECCOMP);
        }
        body(f->folder);
        _exit(OK);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_LANDLOCK || WEXITSTATUS(status) == NO_SECCOMP) {
        print_message("this kernel or machine has no Landlock or no libseccomp\n");
        skip();
    }
    return WEXITSTATUS(status);
}

static int try_open(const char *folder, const char *name, int flags)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

static void use_files(const char *folder)
{
    CHECK(1, try_open("/etc/passwd", "", O_RDONLY) == -EACCES)
    CHECK(2, try_open("/", "", O_RDONLY | O_DIRECTORY) == -EACCES)
    CHECK(3, try_open(folder, "", O_RDONLY | O_DIRECTORY) == -EACCES)
    CHECK(4, try_open(folder, "/rw/file", O_RDWR | O_CREAT) == 0)
    CHECK(5, try_open(folder, "/rw/file", O_RDWR | O_TRUNC) == 0)
    CHECK(6, try_open(folder, "/ro", O_RDONLY | O_DIRECTORY) == 0)
    CHECK(7, try_open(folder, "/ro/file", O_RDWR | O_CREAT) == -EACCES)
    CHECK(8, try_open(folder, "/rw/../ro/x", O_RDONLY) == -ENOENT)
    CHECK(9, try_open(folder, "/rw/../other", O_RDONLY | O_CREAT) == -EACCES)
}

static void only_granted_files_can_be_opened(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.is_off = false}, use_files), OK);
}

static void use_calls(const char *folder)
{
    char *const argv[] = {NULL};
    (void)folder;
    CHECK(1, execve("/bin/true", argv, argv) < 0 && errno == EPERM)
    CHECK(2, fork() < 0 && errno == EPERM)
    CHECK(3, ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM)
    CHECK(4, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                     MAP_FAILED &&
                 errno == EPERM)
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(5, memory != MAP_FAILED)
    CHECK(6, mprotect(memory, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM)
    CHECK(7, mprotect(memory, 4096, PROT_READ) == 0)
    CHECK(8, socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM)
    CHECK(9, socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM)
    CHECK(10, kill(getppid(), 0) < 0)
    CHECK(11, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno == EPERM)
    CHECK(12, chmod("/tmp", 0777) < 0)
    CHECK(13, setuid(0) < 0 && errno == EPERM)
}

/* Whoever took over a worker could have killed the master. */
static void signal_others(const char *folder)
{
    int pair[2];
    (void)folder;
    CHECK(1, syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 && errno == EPERM)
    CHECK(2, syscall(SYS_tgkill, getpid(), getpid(), 0) == 0)
    CHECK(3, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
    CHECK(4, fcntl(pair[0], F_SETOWN, getppid()) < 0 && errno == EPERM)
    CHECK(5, fcntl(pair[0], F_SETSIG, SIGKILL) < 0 && errno == EPERM)
    CHECK(6, fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0)
}

static void the_master_gets_no_signals(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.is_off = false}, signal_others), OK);
}

static void calls_that_nobody_needs_fail(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.is_off = false}, use_calls), OK);
}

static void *answer(void *context)
{
    *(int *)context = 42;
    return NULL;
}

static void live_on(const char *folder)
{
    pthread_t thread;
    int value = 0;
    timer_t timer;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)folder;
    CHECK(1, fd >= 0)
    CHECK(2, pthread_create(&thread, NULL, answer, &value) == 0)
    CHECK(3, pthread_join(thread, NULL) == 0 && value == 42)
    CHECK(4, timer_create(CLOCK_THREAD_CPUTIME_ID, NULL, &timer) == 0)
    CHECK(5, timer_delete(timer) == 0)
    CHECK(6, memfd_create("m", MFD_CLOEXEC) >= 0)
    CHECK(7, getentropy(&value, sizeof value) == 0)
    free(malloc(10 << 20));
}

static void what_is_needed_works(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.is_off = false}, live_on), OK);
}

static void dial(const char *folder)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 9};
    (void)folder;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(1, fd >= 0)
    int r = connect(fd, (const struct sockaddr *)&address, sizeof address);
    CHECK(2, r < 0)
    CHECK(3, errno != EACCES)
    CHECK(4, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0)
}

static void stay_in(const char *folder)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 9};
    (void)folder;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(1, fd >= 0)
    CHECK(2, connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES)
    CHECK(3, bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES)
    CHECK(4, socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM) /* the way to other daemons */
}

static void guests_with_a_way_out_can_dial(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.may_connect = true}, dial), OK);
}

static void guests_without_one_cannot(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.may_connect = false}, stay_in), OK);
}

static void see_nothing(const char *folder)
{
    CHECK(1, try_open(folder, "/rw", O_RDONLY | O_DIRECTORY) == -EPERM)
    CHECK(2, socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM)
    CHECK(3, memfd_create("m", MFD_CLOEXEC) < 0 && errno == EPERM)
    CHECK(4, timer_create(CLOCK_MONOTONIC, NULL, NULL) < 0)
}

static void the_strict_one_sees_nothing(void **state)
{
    assert_int_equal(run(*state, (struct sandbox_options){.is_strict = true}, see_nothing), OK);
}

static void be_nobody(const char *folder)
{
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    CHECK(1, getresuid(&real, &effective, &saved) == 0)
    CHECK(2, real == 65534 && effective == 65534 && saved == 65534)
    CHECK(3, getegid() == 65534)
    CHECK(4, setuid(0) < 0)
    CHECK(5, try_open("/etc/shadow", "", O_RDONLY) == -EACCES)
    CHECK(6, try_open(folder, "/x", O_RDWR | O_CREAT) == -EACCES)
}

static void another_user_is_for_good(void **state)
{
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(
        run(*state, (struct sandbox_options){.user = "65534", .is_off = true}, be_nobody), OK);
}

static void users_are_looked_up(void **state)
{
    struct sandbox_user user;
    struct error err = {0};
    (void)state;
    if (geteuid() != 0) {
        assert_int_equal(sandbox_find_user("0", NULL, &user, &err), -EPERM);
        return;
    }
    assert_int_equal(sandbox_find_user("root", NULL, &user, &err), 0);
    assert_int_equal(user.uid, 0);
    assert_int_equal(sandbox_find_user("1234567", "7654321", &user, &err), 0);
    assert_int_equal(user.uid, 1234567);
    assert_int_equal(user.gid, 7654321);
    assert_string_equal(user.name, "");
    assert_int_equal(sandbox_find_user("no-such-user", NULL, &user, &err), -EINVAL);
    assert_non_null(strstr(err.text, "no-such-user"));
    assert_int_equal(err.exit, 2);
    assert_int_equal(sandbox_find_user("root", "no-such-group", &user, &err), -EINVAL);
}

static void paths_come_from_routes_that_need_them(void **state)
{
    char root[] = "/srv/www";
    char data[] = "/srv/data";
    char rule[] = "https://a";
    char *rules[] = {rule};
    struct serve_dir dir = {.host = data, .is_read_only = true};
    struct serve_route routes[3] = {
        {.kind = SERVE_FILES, .root = root, .guest = {.dirs = &dir, .dir_count = 1}},
        {.kind = SERVE_CGI, .guest = {.dirs = &dir, .dir_count = 1}},
        {.kind = SERVE_TEXT, .guest = {.allow_http = {.items = rules, .count = 1}}},
    };
    struct serve_config config = {.routes = routes, .route_count = 3};
    struct sandbox_path *paths = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(sandbox_paths_new(&config, &paths, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(paths[0].path, root);
    assert_false(paths[0].may_write);
    assert_string_equal(paths[1].path, data);
    assert_false(paths[1].may_write);
    free(paths);
    assert_false(sandbox_has_egress(&config));
    routes[1].guest.allow_http = routes[2].guest.allow_http;
    assert_true(sandbox_has_egress(&config));
    assert_false(sandbox_has_listeners(&config));
    assert_int_equal(sandbox_paths_new(&config, &paths, &count), 0);
    assert_true(count > 2 && paths[2].is_optional);
    free(paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_granted_files_can_be_opened, begin, end),
        cmocka_unit_test_setup_teardown(calls_that_nobody_needs_fail, begin, end),
        cmocka_unit_test_setup_teardown(the_master_gets_no_signals, begin, end),
        cmocka_unit_test_setup_teardown(what_is_needed_works, begin, end),
        cmocka_unit_test_setup_teardown(guests_with_a_way_out_can_dial, begin, end),
        cmocka_unit_test_setup_teardown(guests_without_one_cannot, begin, end),
        cmocka_unit_test_setup_teardown(the_strict_one_sees_nothing, begin, end),
        cmocka_unit_test_setup_teardown(another_user_is_for_good, begin, end),
        cmocka_unit_test(users_are_looked_up),
        cmocka_unit_test(paths_come_from_routes_that_need_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
