/* Listeners that the host opens, and those it inherits. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void address_of(const struct listeners *listeners, uint32_t index, char *text)
{
    struct net_address address;
    assert_int_equal(listeners_address(listeners, index, &address), 0);
    (void)net_address_print(&address, text);
}

static int connect_to(const struct listeners *listeners, uint32_t index)
{
    struct net_address address;
    assert_int_equal(listeners_address(listeners, index, &address), 0);
    int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int r = connect(fd, &address.u.any, address.len) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static void listens_on_a_free_port_and_tells_it(void **state)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    char text[NET_ADDRESS_TEXT_MAX];
    (void)state;
    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &err), 0);
    address_of(&listeners, 0, text);
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_string_not_equal(text, "127.0.0.1:0");
    assert_int_equal(connect_to(&listeners, 0), 0);
    assert_true((fcntl(listeners.fds[0], F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(listeners.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    listeners_done(&listeners);
    assert_int_equal(listeners.count, 0);
    listeners_done(&listeners);
}

static void both_families_may_have_one_port(void **state)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    struct net_address address;
    char text[64];
    (void)state;
    if (listeners_add(&listeners, "[::]:0", &err) == -EAFNOSUPPORT) {
        skip();
    }
    assert_int_equal(listeners_address(&listeners, 0, &address), 0);
    (void)snprintf(text, sizeof text, "0.0.0.0:%u", net_address_port(&address));
    int r = listeners_add(&listeners, text, &err);
    assert_true(r == 0 || r == -EADDRINUSE); /* somebody else may have it */
    if (r == 0) {
        assert_int_equal(connect_to(&listeners, 1), 0);
    }
    listeners_done(&listeners);
}

static void a_taken_port_is_explained(void **state)
{
    struct listeners first = {.count = 0};
    struct listeners second = {.count = 0};
    struct error err = {0};
    char text[NET_ADDRESS_TEXT_MAX];
    (void)state;
    assert_int_equal(listeners_add(&first, "127.0.0.1:0", &err), 0);
    address_of(&first, 0, text);
    assert_int_equal(listeners_add(&second, text, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, "another program listens there"));
    assert_int_equal(second.count, 0);
    listeners_done(&first);
    assert_int_equal(listeners_add(&second, text, &err), 0); /* no waiting for TIME_WAIT */
    listeners_done(&second);
}

static void a_foreign_address_is_explained(void **state)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    (void)state;
    assert_int_equal(listeners_add(&listeners, "192.0.2.1:0", &err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err.text, "this machine has no such address"));
    assert_int_equal(err.exit, 0);
}

static void nonsense_is_a_usage_error(void **state)
{
    static const char *const bad[] = {"",        "nonsense", "127.0.0.1", "127.0.0.1:65536",
                                      "host:80", "unix:",    "1.2.3.4:x", "::1:80"};
    struct listeners listeners = {.count = 0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        assert_int_equal(listeners_add(&listeners, bad[i], &err), -EINVAL);
        assert_int_equal(err.exit, 2);
        assert_int_equal(listeners.count, 0);
    }
}

static void there_is_a_limit(void **state)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    (void)state;
    for (int i = 0; i < LISTENER_MAX; i++) {
        assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &err), 0);
    }
    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &err), -EMFILE);
    assert_int_equal(listeners.count, LISTENER_MAX);
    listeners_done(&listeners);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    struct listeners listeners = {.count = 0};
    struct listeners second = {.count = 0};
    struct error err = {0};
    char dir[] = "/tmp/hythe-listener-XXXXXX";
    char text[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(text, sizeof text, "unix:%s/s", dir);
    assert_int_equal(listeners_add(&listeners, text, &err), 0);
    assert_int_equal(connect_to(&listeners, 0), 0);
    assert_int_equal(listeners_add(&second, text, &err), -EADDRINUSE); /* somebody listens */
    listeners_done(&listeners);
    assert_int_equal(access(text + 5, F_OK), 0); /* left behind, as after a crash */
    assert_int_equal(listeners_add(&second, text, &err), 0);
    assert_int_equal(connect_to(&second, 0), 0);
    listeners_done(&second);
    assert_int_equal(unlink(text + 5), 0);

    int fd = open(text + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(listeners_add(&second, text, &err), -EADDRINUSE); /* a file is nobody's toy */
    assert_non_null(strstr(err.text, "the file is no socket"));
    assert_int_equal(access(text + 5, F_OK), 0);
    assert_int_equal(unlink(text + 5), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* Where the tests of files put theirs. */
struct place {
    char dir[32];
    char text[64]; /* unix:DIR/s */
};

static const char *make_place(struct place *place)
{
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/hythe-listener-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->text, sizeof place->text, "unix:%s/s", place->dir);
    return place->text + 5;
}

static void a_unix_socket_gets_its_mode(void **state)
{
    static const mode_t modes[] = {0600, 0666, 0660, 0};
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    struct place place;
    struct stat st;
    const char *path = make_place(&place);
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(listeners_add_with_mode(&listeners, place.text, modes[i], &err), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]);
        listeners_done(&listeners);
    }
    assert_int_equal(listeners_add_with_mode(&listeners, "127.0.0.1:0", 0600, &err), 0);
    listeners_done(&listeners);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(place.dir), 0);
    assert_int_equal(listeners_add(&listeners, place.text, &err), -ENOENT);
    assert_non_null(strstr(err.text, "there is no such directory"));
}

static void its_own_file_is_removed_at_the_end(void **state)
{
    struct listeners listeners = {.count = 0};
    struct listeners second = {.count = 0};
    struct error err = {0};
    struct place place;
    const char *path = make_place(&place);
    (void)state;
    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &err), 0);
    assert_int_equal(listeners_add(&listeners, place.text, &err), 0);
    listeners_done_and_remove(&listeners);
    assert_int_equal(listeners.count, 0);
    assert_int_equal(access(path, F_OK), -1);

    /* Somebody else has a descriptor of it, as a new master would. */
    assert_int_equal(listeners_add(&listeners, place.text, &err), 0);
    int other = dup(listeners.fds[0]);
    listeners_done_and_remove(&listeners);
    assert_int_equal(access(path, F_OK), 0);
    close(other);

    /* Somebody else has put another one there. */
    assert_int_equal(listeners_add(&listeners, place.text, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(listeners_add(&second, place.text, &err), 0);
    listeners_done(&second); /* stale, and still not ours */
    listeners_done_and_remove(&listeners);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(place.dir), 0);
}

/* -- inherited -------------------------------------------------------------------------------- */

/* Runs in a child whose descriptors 3 and up are as systemd would have left them. */
typedef int in_child_fn(void);

static int run_in_child(in_child_fn *in_child)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(in_child());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void set_number(const char *name, int number)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", number);
    (void)setenv(name, text, 1);
}

static int put_listener_at(int fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0 || bind(made, (struct sockaddr *)&at, sizeof at) < 0 || listen(made, 1) < 0 ||
        (made != fd && (dup2(made, fd) < 0 || close(made) < 0))) {
        return -1;
    }
    return 0;
}

static int takes_two(void)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    if (put_listener_at(4) < 0 || put_listener_at(3) < 0) {
        return 10;
    }
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", 2);
    if (listeners_inherit(&listeners, &err) != 0 || listeners.count != 2) {
        return 1;
    }
    if (listeners.fds[0] != 3 || listeners.fds[1] != 4) {
        return 2;
    }
    if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL) {
        return 3;
    }
    if ((fcntl(3, F_GETFL) & O_NONBLOCK) == 0 || (fcntl(4, F_GETFD) & FD_CLOEXEC) == 0) {
        return 4;
    }
    listeners_done(&listeners);
    return 0;
}

static int leaves_others_alone(void)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    if (put_listener_at(3) < 0) {
        return 10;
    }
    set_number("LISTEN_PID", getpid() + 1);
    set_number("LISTEN_FDS", 1);
    int r = listeners_inherit(&listeners, &err);
    return r == 0 && listeners.count == 0 && getenv("LISTEN_FDS") != NULL ? 0 : 1;
}

static int refuses_what_is_no_listener(void)
{
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    int fd = open("/dev/null", O_RDONLY);
    if (fd < 0 || dup2(fd, 3) < 0) {
        return 10;
    }
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", 1);
    if (listeners_inherit(&listeners, &err) != -ENOTSOCK || strstr(err.text, "3") == NULL) {
        return 1;
    }
    int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (socket_fd < 0 || dup2(socket_fd, 3) < 0) {
        return 10;
    }
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", 1);
    return listeners_inherit(&listeners, &err) == -ENOTCONN && listeners.count == 0 ? 0 : 2;
}

static int ignores_nonsense(void)
{
    static const char *const counts[] = {"", "x", "-1", "65", "4294967297", "99999999999999999999"};
    struct listeners listeners = {.count = 0};
    struct error err = {0};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        set_number("LISTEN_PID", getpid());
        (void)setenv("LISTEN_FDS", counts[i], 1);
        if (listeners_inherit(&listeners, &err) != 0 || listeners.count != 0) {
            return (int)i + 1;
        }
    }
    return 0;
}

static void inherits_what_systemd_passes(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(takes_two), 0);
}

static void inherits_nothing_meant_for_others(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(leaves_others_alone), 0);
}

static void inherits_listeners_only(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(refuses_what_is_no_listener), 0);
}

static void a_count_that_is_none_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(ignores_nonsense), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_on_a_free_port_and_tells_it),
        cmocka_unit_test(both_families_may_have_one_port),
        cmocka_unit_test(a_taken_port_is_explained),
        cmocka_unit_test(a_foreign_address_is_explained),
        cmocka_unit_test(nonsense_is_a_usage_error),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(a_stale_unix_socket_is_replaced),
        cmocka_unit_test(a_unix_socket_gets_its_mode),
        cmocka_unit_test(its_own_file_is_removed_at_the_end),
        cmocka_unit_test(inherits_what_systemd_passes),
        cmocka_unit_test(inherits_nothing_meant_for_others),
        cmocka_unit_test(inherits_listeners_only),
        cmocka_unit_test(a_count_that_is_none_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
