/* execve in place. See upgrade.h.
 *
 * What goes over is a text in a memfd, whose number stands in the environment:
 *
 *     hythe-upgrade 1
 *     board FD
 *     socket FD INHERITED ADDRESS
 *     pid NUMBER
 *
 * Descriptors lose their close-on-exec for the moment, and children stay children. Signals that come
 * meanwhile stay pending, as they are blocked. */
#include "serve/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/container.h"
#include "base/num.h"

static const char state_variable[] = "HYTHE_UPGRADE";
static const char check_variable[] = "HYTHE_UPGRADE_CHECK";
static const char first_line[] = "hythe-upgrade 1";

enum { STATE_MAX = 1 << 20, ARGUMENTS_MAX = 2 << 20 };

int upgrade_find_program(char path[UPGRADE_PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, UPGRADE_PATH_MAX - 1);
    if (len < 0) {
        return -errno;
    }
    path[len] = '\0';
    return 0;
}

bool upgrade_is_check(void)
{
    bool is_check = getenv(check_variable) != NULL;
    (void)unsetenv(check_variable); /* fails only for bad names */
    return is_check;
}

/* -- becoming --------------------------------------------------------------------------------- */

static int read_all(const char *path, struct buffer *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    ssize_t got = 1;
    while (r == 0 && got > 0) {
        r = buffer_reserve(to, 4096);
        got = r == 0 ? read(fd, to->data + to->len, 4096) : 0;
        if (got < 0) {
            r = errno == EINTR ? 0 : -errno;
            got = r == 0 ? 1 : 0;
        } else {
            to->len += (size_t)got;
        }
    }
    if (fd >= 0) {
        (void)close(fd); /* was only read */
    }
    return r;
}

/* The program's own arguments, each with its NUL in `text`. */
static int split_arguments(struct buffer *text, char ***ret_argv)
{
    size_t count = 0;
    for (size_t i = 0; i < text->len; i++) {
        count += text->data[i] == '\0';
    }
    if (count == 0) {
        return -EINVAL;
    }
    char **argv = calloc(count + 1, sizeof *argv);
    if (argv == NULL) {
        return -ENOMEM;
    }
    char *at = (char *)text->data;
    for (size_t i = 0; i < count; i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    *ret_argv = argv;
    return 0;
}

/* Returns only when it fails. */
static int execute(const char *path)
{
    struct buffer text;
    char **argv = NULL;
    buffer_init(&text, ARGUMENTS_MAX);
    int r = read_all("/proc/self/cmdline", &text);
    if (r == 0) {
        r = split_arguments(&text, &argv);
    }
    if (r == 0 && argv != NULL) {          /* without an error there are arguments */
        (void)execve(path, argv, environ); /* comes back only with an error */
        r = -errno;
    }
    free(argv);
    buffer_done(&text);
    return r;
}

int upgrade_check(const char *path)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGQUIT};
    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < ARRAY_COUNT(ignored); i++) {
        (void)sigaction(ignored[i], &usual, NULL); /* the numbers are valid */
    }
    if (setenv(check_variable, "1", 1) < 0) {
        return -errno;
    }
    return execute(path);
}

static int write_state(const struct upgrade_state *state, struct buffer *text)
{
    const struct list *all = &state->sockets->all;
    int r = buffer_printf(text, "%s\nboard %d\n", first_line, state->board->fd);
    for (struct list *node = all->next; r == 0 && node != all; node = node->next) {
        struct serve_socket *socket = container_of(node, struct serve_socket, node);
        r = buffer_printf(text, "socket %d %d %s\n", sockets_fd(socket), socket->is_inherited,
                          socket->address);
    }
    for (uint32_t i = 0; r == 0 && i < state->pid_count; i++) {
        r = buffer_printf(text, "pid %d\n", (int)state->pids[i]);
    }
    return r;
}

static int make_memfd(struct span text, int *ret_fd)
{
    int fd = memfd_create("hythe-upgrade", 0);
    if (fd < 0) {
        return -errno;
    }
    ssize_t put = write(fd, text.data, text.len);
    if (put != (ssize_t)text.len) {
        int r = put < 0 ? -errno : -EIO;
        (void)close(fd); /* of no use */
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static void set_close_on_exec(const struct upgrade_state *state, int flag)
{
    const struct list *all = &state->sockets->all;
    (void)fcntl(state->board->fd, F_SETFD, flag); /* the descriptor is valid, as below */
    for (struct list *node = all->next; node != all; node = node->next) {
        (void)fcntl(sockets_fd(container_of(node, struct serve_socket, node)), F_SETFD, flag);
    }
}

static int set_number(const char *name, int number)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", number);
    return setenv(name, text, 1) < 0 ? -errno : 0;
}

int upgrade_become(const char *path, const struct upgrade_state *state, struct error *err)
{
    struct buffer text;
    int fd = -1;
    buffer_init(&text, STATE_MAX);
    int r = write_state(state, &text);
    if (r == 0) {
        r = make_memfd(buffer_span(&text), &fd);
    }
    buffer_done(&text);
    if (r == 0) {
        r = set_number(state_variable, fd);
    }
    if (r == 0) {
        set_close_on_exec(state, 0);
        r = execute(path);
        set_close_on_exec(state, FD_CLOEXEC);
    }
    (void)unsetenv(state_variable); /* fails only for bad names */
    if (fd >= 0) {
        (void)close(fd); /* of no use any more */
    }
    return error_set_errno(err, r, "becoming the program %s", path);
}

/* -- taking over ------------------------------------------------------------------------------ */

struct reading {
    struct upgrade_state *state;
    bool has_board;
};

static int read_number(const char **at, char end, uint64_t *ret_number)
{
    char digits[24];
    size_t len = strcspn(*at, " ");
    if (len >= sizeof digits || (*at)[len] != end) {
        return -EPROTO;
    }
    memcpy(digits, *at, len);
    digits[len] = '\0';
    *at += len + (end != '\0');
    return num_parse_u64(digits, INT32_MAX, ret_number) < 0 ? -EPROTO : 0;
}

static int read_socket(struct reading *reading, const char *at)
{
    uint64_t fd = 0;
    uint64_t is_inherited = 0;
    int r = read_number(&at, ' ', &fd);
    if (r == 0) {
        r = read_number(&at, ' ', &is_inherited);
    }
    return r < 0 ? r : sockets_adopt(reading->state->sockets, at, (int)fd, is_inherited != 0);
}

static int read_pid(struct reading *reading, const char *at)
{
    uint64_t pid = 0;
    struct upgrade_state *state = reading->state;
    int r = read_number(&at, '\0', &pid);
    if (r < 0 || pid < 2 || state->pid_count == UPGRADE_PIDS_MAX) {
        return -EPROTO; /* and never 0 or 1, which mean others */
    }
    state->pids[state->pid_count] = (pid_t)pid;
    state->pid_count++;
    return 0;
}

static int read_line(struct reading *reading, const char *line)
{
    uint64_t fd = 0;
    if (strncmp(line, "socket ", 7) == 0) {
        return read_socket(reading, line + 7);
    }
    if (strncmp(line, "pid ", 4) == 0) {
        return read_pid(reading, line + 4);
    }
    if (strncmp(line, "board ", 6) != 0) {
        return 0; /* of a later version */
    }
    line += 6;
    if (read_number(&line, '\0', &fd) < 0 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -EPROTO;
    }
    /* Another version's board cannot be read: the numbers begin anew. */
    reading->has_board = board_adopt(reading->state->board, (int)fd) == 0;
    return 0;
}

static int read_state(struct reading *reading, struct buffer *text)
{
    const char *all = buffer_text(text);
    if (all == NULL) {
        return -ENOMEM;
    }
    int r = strncmp(all, first_line, sizeof first_line - 1) == 0 ? 0 : -EPROTO;
    char *rest = (char *)text->data;
    char *line = NULL;
    while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
        r = read_line(reading, line);
    }
    return r;
}

static int take_fd(int *ret_fd)
{
    uint64_t number = 0;
    struct stat st;
    const char *text = getenv(state_variable);
    if (text == NULL) {
        return 0;
    }
    int r = num_parse_u64(text, INT32_MAX, &number) < 0 || number < 3 ? -EPROTO : 1;
    (void)unsetenv(state_variable); /* fails only for bad names */
    if (r == 1 && (fstat((int)number, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0)) {
        r = -EPROTO; /* no memfd */
    }
    *ret_fd = (int)number;
    return r;
}

int upgrade_adopt(struct upgrade_state *state, struct error *err)
{
    struct buffer text;
    struct reading reading = {.state = state};
    char path[64];
    int fd = -1;
    int r = take_fd(&fd);
    if (r == 0) {
        return 0;
    }
    buffer_init(&text, STATE_MAX);
    state->pids = calloc(UPGRADE_PIDS_MAX, sizeof *state->pids);
    if (r == 1) {
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        r = state->pids == NULL ? -ENOMEM : read_all(path, &text);
        (void)close(fd); /* has been read */
    }
    if (r == 0) {
        r = read_state(&reading, &text);
    }
    buffer_done(&text);
    return r < 0 ? error_set_errno(err, r, "taking over from the program before") : 1;
}
