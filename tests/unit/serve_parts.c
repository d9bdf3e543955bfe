/* Small parts of the master: messages, sockets, the watch on files, the limit on lines, systemd, and
 * what one program hands to the next. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "serve/control.h"
#include "serve/line_limit.h"
#include "serve/notify.h"
#include "serve/sockets.h"
#include "serve/upgrade.h"
#include "serve/watch.h"

#define SECOND UINT64_C(1000000000)

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/hythe-serve-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *in_folder(const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

/* -- messages --------------------------------------------------------------------------------- */

static void a_message_arrives_whole(void **state)
{
    int pair[2];
    static struct control_message message;
    static char text[2 * CONTROL_TEXT_MAX];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(control_pair(pair), 0);
    assert_int_equal(control_receive(pair[0], &message), -EAGAIN);
    assert_int_equal(control_send(pair[1], CONTROL_FAILED, 127, "no such file", -1), 0);
    assert_int_equal(control_send(pair[1], CONTROL_READY, 0, NULL, -1), 0);
    assert_int_equal(control_send(pair[1], CONTROL_LINE, 0, text, -1), 0);
    assert_int_equal(control_receive(pair[0], &message), 1);
    assert_int_equal(message.kind, CONTROL_FAILED);
    assert_int_equal(message.number, 127);
    assert_int_equal(message.fd, -1);
    assert_string_equal(message.text, "no such file");
    assert_int_equal(control_receive(pair[0], &message), 1);
    assert_string_equal(message.text, "");
    assert_int_equal(control_receive(pair[0], &message), 1);
    assert_int_equal(message.text_len, CONTROL_TEXT_MAX);
    (void)close(pair[1]);
    assert_int_equal(control_receive(pair[0], &message), 0);
    assert_int_equal(control_send(pair[0], CONTROL_GO, 0, NULL, -1), -EPIPE);
    (void)close(pair[0]);
}

static void a_descriptor_goes_along(void **state)
{
    int pair[2];
    static struct control_message message;
    int fd = memfd_create("log", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(control_pair(pair), 0);
    assert_int_equal(control_send(pair[1], CONTROL_LOG, 0, NULL, fd), 0);
    assert_int_equal(write(fd, "abc", 3), 3);
    (void)close(fd);
    assert_int_equal(control_receive(pair[0], &message), 1);
    assert_true(message.fd >= 0);
    assert_int_equal(lseek(message.fd, 0, SEEK_END), 3);
    assert_int_equal(fcntl(message.fd, F_GETFD), FD_CLOEXEC);
    (void)close(message.fd);
    assert_int_equal(write(pair[1], "x", 1), 1); /* too short to be one */
    assert_int_equal(control_receive(pair[0], &message), -EPROTO);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* -- sockets ---------------------------------------------------------------------------------- */

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    return fd;
}

/* Two fit where one was expected, and stayed open for ever. */
static void descriptors_too_many_are_closed(void **state)
{
    int pair[2];
    static struct control_message message;
    char head[8] = {CONTROL_READY};
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec piece = {head, sizeof head};
    struct msghdr sent = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    (void)state;
    assert_int_equal(control_pair(pair), 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&sent);
    *header = (struct cmsghdr){CMSG_LEN(sizeof pair), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), pair, sizeof pair);
    int before = lowest_free_fd();
    assert_int_equal(sendmsg(pair[1], &sent, 0), sizeof head);
    assert_int_equal(control_receive(pair[0], &message), 1);
    assert_int_equal(message.kind, CONTROL_READY);
    assert_int_equal(message.fd, -1);
    assert_int_equal(lowest_free_fd(), before);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void a_socket_stays_while_someone_uses_it(void **state)
{
    struct sockets sockets;
    struct serve_socket *first = NULL;
    struct serve_socket *twin = NULL;
    struct serve_socket *again = NULL;
    struct error err = {0};
    char text[NET_ADDRESS_TEXT_MAX];
    (void)state;
    sockets_init(&sockets);
    assert_int_equal(sockets_take(&sockets, "127.0.0.1:0", 0, 1, &first, &err), 0);
    assert_int_equal(sockets_take(&sockets, "127.0.0.1:0", 0, 1, &twin, &err), 0);
    assert_ptr_not_equal(first, twin);
    assert_int_equal(sockets_take(&sockets, "127.0.0.1:0", 0, 2, &again, &err), 0);
    assert_ptr_equal(again, first);
    assert_string_not_equal(sockets_text(first, text), "127.0.0.1:0");
    int fd = sockets_fd(first);
    sockets_release(first);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    sockets_release(again);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    sockets_done(&sockets);
}

static void a_unix_socket_has_its_mode_and_goes_with_its_file(void **state)
{
    struct sockets sockets;
    struct serve_socket *socket = NULL;
    struct error err = {0};
    struct stat st;
    char path[128];
    char address[160];
    char text[NET_ADDRESS_TEXT_MAX];
    (void)state;
    (void)snprintf(address, sizeof address, "unix:%s", in_folder("s", path));
    sockets_init(&sockets);
    assert_int_equal(sockets_take(&sockets, address, 0620, 1, &socket, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0620);
    assert_string_equal(sockets_text(socket, text), address);
    sockets_release(socket);
    assert_int_equal(stat(path, &st), -1);
    sockets_done(&sockets);
}

static void a_socket_that_cannot_be_opened_leaves_nothing(void **state)
{
    struct sockets sockets;
    struct serve_socket *socket = NULL;
    struct error err = {0};
    (void)state;
    sockets_init(&sockets);
    assert_true(sockets_take(&sockets, "unix:/no/such/folder/s", 0, 1, &socket, &err) < 0);
    assert_non_null(strstr(err.text, "/no/such/folder"));
    assert_true(list_empty(&sockets.all));
    sockets_done(&sockets);
}

/* -- from one program to the next ------------------------------------------------------------- */

static int adopt(const char *state_text, struct sockets *sockets, struct board *board,
                 struct upgrade_state *ret_state)
{
    struct error err = {0};
    char number[16];
    int fd = memfd_create("hythe-upgrade", 0);
    assert_int_equal(write(fd, state_text, strlen(state_text)), strlen(state_text));
    (void)snprintf(number, sizeof number, "%d", fd);
    assert_int_equal(setenv("HYTHE_UPGRADE", number, 1), 0);
    *ret_state = (struct upgrade_state){.board = board, .sockets = sockets};
    int r = upgrade_adopt(ret_state, &err);
    assert_null(getenv("HYTHE_UPGRADE"));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    return r;
}

static void what_is_handed_on_is_taken(void **state)
{
    struct sockets sockets;
    struct sockets before;
    struct serve_socket *socket = NULL;
    struct board board = {.fd = -1};
    struct board old;
    struct upgrade_state taken;
    struct error err = {0};
    char text[512];
    (void)state;
    sockets_init(&sockets);
    sockets_init(&before);
    assert_int_equal(board_new(&old, 4), 0);
    assert_int_equal(sockets_take(&before, "127.0.0.1:0", 0, 1, &socket, &err), 0);
    (void)snprintf(
        text, sizeof text,
        "hythe-upgrade 1\nboard %d\nsocket %d 1 127.0.0.1:0\nlater thing\npid 77\npid 78\n",
        dup(old.fd), dup(sockets_fd(socket)));
    assert_int_equal(adopt(text, &sockets, &board, &taken), 1);
    assert_int_equal(taken.pid_count, 2);
    assert_int_equal(taken.pids[1], 78);
    assert_non_null(board.head);
    struct serve_socket *mine = NULL;
    assert_int_equal(sockets_take(&sockets, "127.0.0.1:0", 0, 5, &mine, &err), 0);
    assert_true(mine->is_inherited);
    char a[NET_ADDRESS_TEXT_MAX];
    char b[NET_ADDRESS_TEXT_MAX];
    assert_string_equal(sockets_text(mine, a), sockets_text(socket, b));
    free(taken.pids);
    board_done(&board);
    board_done(&old);
    sockets_done(&sockets);
    sockets_done(&before);
}

static void nonsense_is_not_taken(void **state)
{
    static const char *const texts[] = {"",
                                        "something else",
                                        "hythe-upgrade 1\npid 1\n",
                                        "hythe-upgrade 1\npid -5\n",
                                        "hythe-upgrade 1\npid 0\n",
                                        "hythe-upgrade 1\nsocket 9999 0 x\n",
                                        "hythe-upgrade 1\nsocket \n",
                                        "hythe-upgrade 1\nsocket 3\n",
                                        "hythe-upgrade 1\nboard 123456789\n",
                                        "hythe-upgrade 1\nboard 99999999999999999999999999999\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sockets sockets;
        struct board board = {.fd = -1};
        struct upgrade_state taken;
        sockets_init(&sockets);
        int r = adopt(texts[i], &sockets, &board, &taken);
        if (r >= 0) {
            fail_msg("taken: %s", texts[i]);
        }
        free(taken.pids);
        sockets_done(&sockets);
    }
}

static void a_variable_that_names_no_memfd_is_refused(void **state)
{
    struct upgrade_state taken = {.pids = NULL};
    struct error err = {0};
    (void)state;
    assert_int_equal(upgrade_adopt(&taken, &err), 0);
    assert_int_equal(setenv("HYTHE_UPGRADE", "1", 1), 0);
    assert_true(upgrade_adopt(&taken, &err) < 0);
    free(taken.pids);
    taken.pids = NULL;
    assert_int_equal(setenv("HYTHE_UPGRADE", "x", 1), 0);
    assert_true(upgrade_adopt(&taken, &err) < 0);
    free(taken.pids);
    assert_null(getenv("HYTHE_UPGRADE"));
    assert_false(upgrade_is_check());
    assert_int_equal(setenv("HYTHE_UPGRADE_CHECK", "1", 1), 0);
    assert_true(upgrade_is_check());
    assert_false(upgrade_is_check());
}

static void a_program_that_cannot_be_run_changes_nothing(void **state)
{
    struct sockets sockets;
    struct serve_socket *socket = NULL;
    struct board board;
    struct error err = {0};
    struct upgrade_state given = {.board = &board, .sockets = &sockets};
    (void)state;
    sockets_init(&sockets);
    assert_int_equal(board_new(&board, 4), 0);
    assert_int_equal(sockets_take(&sockets, "127.0.0.1:0", 0, 1, &socket, &err), 0);
    assert_int_equal(upgrade_become("/no/such/program", &given, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/no/such/program"));
    assert_null(getenv("HYTHE_UPGRADE"));
    assert_int_equal(fcntl(sockets_fd(socket), F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(board.fd, F_GETFD), FD_CLOEXEC);
    board_done(&board);
    sockets_done(&sockets);
}

/* -- the watch -------------------------------------------------------------------------------- */

static void on_change(void *context)
{
    ++*(int *)context;
}

static void put_file(const char *name)
{
    char path[128];
    int fd = open(in_folder(name, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
}

static void turn(struct loop *loop, int *changes, int wanted, uint64_t span_ns)
{
    uint64_t until = loop_clock_ns() + span_ns;
    while (*changes != wanted && loop_clock_ns() < until) {
        assert_int_equal(loop_turn(loop, 20), 0);
    }
}

static void changes_are_told_once_and_others_not(void **state)
{
    struct watch watch = {.loop = NULL};
    struct serve_config config = {.path = NULL};
    struct loop *loop = NULL;
    char path[128];
    char other[128];
    int changes = 0;
    (void)state;
    config.path = strdup(in_folder("hythe.toml", path));
    put_file("hythe.toml");
    assert_int_equal(loop_new(&loop), 0);
    watch = (struct watch){.loop = loop, .context = &changes, .on_change = on_change};
    assert_int_equal(watch_set(&watch, &config), 0);
    put_file("access.log");
    turn(loop, &changes, 1, SECOND * 2 / 5);
    assert_int_equal(changes, 0);
    put_file("hythe.toml");
    put_file("hythe.toml");
    turn(loop, &changes, 1, 5 * SECOND);
    turn(loop, &changes, 2, SECOND * 2 / 5);
    assert_int_equal(changes, 1);
    put_file("fresh");
    assert_int_equal(rename(in_folder("fresh", other), path), 0);
    turn(loop, &changes, 2, 5 * SECOND);
    assert_int_equal(changes, 2);
    watch_done(&watch);
    put_file("hythe.toml");
    turn(loop, &changes, 3, SECOND * 2 / 5);
    assert_int_equal(changes, 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(in_folder("access.log", other)), 0);
    free(config.path);
    loop_free(loop);
}

/* -- lines and systemd ------------------------------------------------------------------------ */

static void lines_are_limited_by_the_second(void **state)
{
    struct line_limit limit = {.second = 0};
    uint64_t withheld = 9;
    (void)state;
    for (int i = 0; i < LINE_LIMIT_PER_SECOND; i++) {
        assert_true(line_limit_take(&limit, 0, &withheld));
        assert_int_equal(withheld, 0);
    }
    assert_false(line_limit_take(&limit, SECOND - 1, &withheld));
    assert_false(line_limit_take(&limit, SECOND - 1, &withheld));
    assert_true(line_limit_take(&limit, SECOND, &withheld));
    assert_int_equal(withheld, 2);
    assert_true(line_limit_take(&limit, SECOND, &withheld));
    assert_int_equal(withheld, 0);
}

static void systemd_is_told(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[64] = "";
    char path[128];
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", in_folder("n", path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    assert_int_equal(notify_send("READY=1"), 0);
    assert_int_equal(read(fd, text, sizeof text), 7);
    assert_memory_equal(text, "READY=1", 7);
    assert_int_equal(notify_reloading(), 0);
    assert_true(read(fd, text, sizeof text) > 28);
    assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(notify_send("READY=1"), -ENOENT);
    assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    (void)unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_whole),
        cmocka_unit_test(a_descriptor_goes_along),
        cmocka_unit_test(descriptors_too_many_are_closed),
        cmocka_unit_test(a_socket_stays_while_someone_uses_it),
        cmocka_unit_test(a_unix_socket_has_its_mode_and_goes_with_its_file),
        cmocka_unit_test(a_socket_that_cannot_be_opened_leaves_nothing),
        cmocka_unit_test(what_is_handed_on_is_taken),
        cmocka_unit_test(nonsense_is_not_taken),
        cmocka_unit_test(a_variable_that_names_no_memfd_is_refused),
        cmocka_unit_test(a_program_that_cannot_be_run_changes_nothing),
        cmocka_unit_test(changes_are_told_once_and_others_not),
        cmocka_unit_test(lines_are_limited_by_the_second),
        cmocka_unit_test(systemd_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
