/* The life of a guest, from its loop to its end, with one allocation or one system call failing:
 * the first, the second, and so on until none was reached. Whatever fails, every call answers with
 * a number it may answer with, and at the end no block and no descriptor is left.
 *
 * It prints one line for each kind, and exits with 1 at the first thing that is not so. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "engine/call.h"
#include "fault.h"
#include "guest/dir.h"
#include "guest/file.h"
#include "guest/guest.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"
#include "imports/wasmedge_sockets/wasmedge.h"
#include "net/broker.h"
#include "net/listener.h"

enum { MEMORY_LEN = 8192, WAITS_MAX = 20, LISTENER = 3, DIR_FD = 4, ROUNDS_MAX = 5000 };

static uint8_t memory[MEMORY_LEN];
static unsigned failed_calls; /* in this life */
static const char *failed_call;
static char dir_path[] = "/tmp/hythe-torture-XXXXXX";

static void stop(const char *what, int64_t number)
{
    (void)fprintf(stderr, "torture: after a fault in %s: %s (%lld)\n", fault_name(), what,
                  (long long)number);
    exit(1);
}

/* -- calling ---------------------------------------------------------------------------------- */

static int32_t drive(struct guest *guest, struct call *call)
{
    int32_t answer = call->func->begin(call);
    for (int i = 0; i < WAITS_MAX && answer == CALL_WAIT; i++) {
        if (loop_turn(guest->loop, 20) < 0) {
            break;
        }
        guest_wait_end(guest);
        answer = call->func->finish(call);
    }
    guest_wait_end(guest);
    if (answer != CALL_WAIT && answer != CALL_TRAP && (answer < 0 || answer > WASI_EAISYSTEM)) {
        stop(call->func->name, answer);
    }
    if (answer != WASI_ESUCCESS) {
        failed_calls++;
        failed_call = call->func->name;
    }
    return answer;
}

static int32_t call_row(struct guest *guest, const struct func_table *table, const char *name,
                        const int64_t *args)
{
    union call_value values[16] = {{.i64 = 0}};
    struct call call = {
        .values = values, .memory = memory, .memory_len = MEMORY_LEN, .guest = guest};
    for (size_t i = 0; i < table->count && call.func == NULL; i++) {
        call.func = strcmp(table->rows[i].name, name) == 0 ? &table->rows[i] : NULL;
    }
    if (call.func == NULL) {
        stop(name, -ENOENT);
    }
    for (size_t i = 0; call.func->params[i] != '\0'; i++) {
        values[i].i64 = args[i];
    }
    if (guest->held != NULL) {
        guest_flush(guest);
    }
    return drive(guest, &call);
}

#define CALL(guest, table, name, ...) call_row((guest), &(table), (name), (int64_t[]){__VA_ARGS__})

static uint32_t word(uint32_t at)
{
    return load_u32(memory + at);
}

static void put_text(uint32_t at, const char *text)
{
    memcpy(memory + at, text, strlen(text));
}

static void put_iov(uint32_t at, uint32_t address, uint32_t len)
{
    store_u32(memory + at, address);
    store_u32(memory + at + 4, len);
}

/* -- what a guest does ------------------------------------------------------------------------ */

static void use_texts_and_clocks(struct guest *guest)
{
    (void)CALL(guest, preview1_args, "args_sizes_get", 0, 4);
    (void)CALL(guest, preview1_args, "args_get", 0, 64);
    (void)CALL(guest, preview1_args, "environ_get", 0, 64);
    (void)CALL(guest, preview1_clock, "clock_res_get", 1, 0);
    (void)CALL(guest, preview1_clock, "clock_time_get", 1, 0, 0);
    (void)CALL(guest, preview1_process, "random_get", 0, 32);
    (void)CALL(guest, preview1_process, "sched_yield", 0);
}

static void use_files(struct guest *guest)
{
    put_text(1024, "file");
    put_text(1040, "sub");
    put_text(1056, "sub/link");
    put_text(1072, "../file");
    put_iov(1100, 1024, 4);
    (void)CALL(guest, preview1_path, "path_create_directory", DIR_FD, 1040, 3);
    (void)CALL(guest, preview1_path, "path_symlink", 1072, 7, DIR_FD, 1056, 8);
    (void)CALL(guest, preview1_path, "path_readlink", DIR_FD, 1056, 8, 1200, 64, 1120);
    if (CALL(guest, preview1_path, "path_open", DIR_FD, 0, 1024, 4, 9, 0x1fffffff, 0, 0, 1120) ==
        WASI_ESUCCESS) {
        uint32_t fd = word(1120);
        (void)CALL(guest, preview1_fd, "fd_write", fd, 1100, 1, 1120);
        (void)CALL(guest, preview1_fd, "fd_seek", fd, 0, 0, 1120);
        (void)CALL(guest, preview1_fd, "fd_read", fd, 1100, 1, 1120);
        (void)CALL(guest, preview1_fd, "fd_pwrite", fd, 1100, 1, 100, 1120);
        (void)CALL(guest, preview1_file, "fd_filestat_get", fd, 1200);
        (void)CALL(guest, preview1_file, "fd_filestat_set_size", fd, 10);
        (void)CALL(guest, preview1_fd, "fd_renumber", fd, 0);
        (void)CALL(guest, preview1_fd, "fd_close", 0);
    }
    (void)CALL(guest, preview1_path, "path_filestat_get", DIR_FD, 1, 1056, 8, 1200);
    (void)CALL(guest, preview1_file, "fd_readdir", DIR_FD, 1200, 512, 0, 1120);
    (void)CALL(guest, preview1_path, "path_rename", DIR_FD, 1024, 4, DIR_FD, 1056, 8);
    (void)CALL(guest, preview1_path, "path_link", DIR_FD, 0, 1056, 8, DIR_FD, 1024, 4);
    (void)CALL(guest, preview1_path, "path_unlink_file", DIR_FD, 1024, 4);
    (void)CALL(guest, preview1_path, "path_unlink_file", DIR_FD, 1056, 8);
    (void)CALL(guest, preview1_path, "path_remove_directory", DIR_FD, 1040, 3);
}

static void subscribe(uint32_t at, uint8_t tag, uint32_t number, uint64_t timeout_ns)
{
    memset(memory + at, 0, WASI_SUBSCRIPTION_SIZE);
    memory[at + WASI_SUBSCRIPTION_TAG] = tag;
    store_u32(memory + at + WASI_SUBSCRIPTION_FD, number);
    store_u64(memory + at + WASI_SUBSCRIPTION_CLOCK_TIMEOUT, timeout_ns);
}

static void poll_for_read(struct guest *guest, uint32_t fd)
{
    subscribe(2048, WASI_EVENT_FD_READ, fd, 0);
    subscribe(2048 + WASI_SUBSCRIPTION_SIZE, WASI_EVENT_CLOCK, 1, 20000000);
    (void)CALL(guest, preview1_poll, "poll_oneoff", 2048, 3072, 2, 1120);
}

static void answer_request(struct guest *guest)
{
    poll_for_read(guest, LISTENER);
    if (CALL(guest, preview1_sock, "sock_accept", LISTENER, 4, 1120) != WASI_ESUCCESS) {
        return;
    }
    uint32_t fd = word(1120);
    poll_for_read(guest, fd);
    put_iov(1100, 4096, 2048);
    (void)CALL(guest, preview1_sock, "sock_recv", fd, 1100, 1, 0, 1120, 1124);
    (void)CALL(guest, preview1_sock, "sock_send", fd, 1100, 1, 0, 1120);
    (void)CALL(guest, preview1_fd, "fd_write", fd, 1100, 1, 1120);
    (void)CALL(guest, preview1_sock, "sock_shutdown", fd, 2);
    (void)CALL(guest, preview1_fd, "fd_close", fd);
}

/* A server of the other dialect, and a client to it. */
static void use_own_sockets(struct guest *guest)
{
    static const uint8_t loopback[] = {127, 0, 0, 1};
    memcpy(memory + 1300, loopback, sizeof loopback);
    put_iov(1310, 1300, 4);
    put_iov(1100, 4096, 64);
    if (CALL(guest, wasmedge_lifecycle, "sock_open", WASMEDGE_FAMILY_INET4, WASMEDGE_TYPE_STREAM,
             1120) != WASI_ESUCCESS) {
        return;
    }
    uint32_t fd = word(1120);
    (void)CALL(guest, wasmedge_lifecycle, "sock_bind", fd, 1310, 0);
    (void)CALL(guest, wasmedge_lifecycle, "sock_listen", fd, 4);
    (void)CALL(guest, wasmedge_lifecycle, "sock_open", WASMEDGE_FAMILY_INET4, WASMEDGE_TYPE_DGRAM,
               1120);
    (void)CALL(guest, preview1_fd, "fd_close", fd); /* the other goes with the guest */
}

/* -- what its host does ----------------------------------------------------------------------- */

static int give(struct guest *guest, struct descriptor *d)
{
    uint32_t fd = 0;
    int r = fd_table_insert(&guest->fds, d, 0, &fd);
    if (r < 0) {
        descriptor_unref(d);
    }
    return r;
}

static int give_listener(struct guest *guest, const struct listeners *listeners)
{
    struct guest_socket *s = NULL;
    int fd = dup(listeners->fds[0]);
    if (fd < 0) {
        return -errno;
    }
    int r = guest_socket_wrap(guest, fd, AF_INET, SOCK_STREAM, SOCKET_LISTENING, &s);
    if (r < 0) {
        close(fd);
        return r;
    }
    s->base.fdflags = FDFLAG_NONBLOCK;
    return give(guest, &s->base);
}

static int give_all(struct guest *guest, struct listeners *listeners, struct dir_source *source)
{
    struct error err = {0};
    struct guest_dir *dir = NULL;
    int r = policy_allow_listen(&guest->policy, "127.0.0.1:*", &err);
    for (int i = 0; r == 0 && i < 3; i++) {
        struct guest_file *file = NULL;
        r = guest_file_stdio(guest, i, &file);
        r = r == 0 ? give(guest, &file->base) : r;
    }
    r = r == 0 ? listeners_add(listeners, "127.0.0.1:0", &err) : r;
    r = r == 0 ? give_listener(guest, listeners) : r;
    r = r == 0 ? dir_source_open(dir_path, "/", false /* read_only */, source, &err) : r;
    r = r == 0 ? guest_dir_preopen_source(guest, source, &dir) : r;
    r = r == 0 ? give(guest, &dir->base) : r;
    r = r == 0 ? guest_add_arg(guest, "torture") : r;
    return r == 0 ? guest_add_env(guest, "A=B") : r;
}

/* A client of the operating system's own, which nothing happens to. */
static int begin_request(const struct listeners *listeners)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getsockname(listeners->fds[0], (struct sockaddr *)&at, &len) < 0 ||
        connect(fd, (struct sockaddr *)&at, len) < 0 ||
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0) {
        stop("the client cannot send", errno);
    }
    return fd;
}

static void on_run(struct loop_work *work)
{
    (void)work;
}

static bool is_work_done;

static void on_done(struct loop_work *work)
{
    (void)work;
    is_work_done = true;
}

static void on_signal(struct loop_signal *signal)
{
    (void)signal;
}

/* Signals and work threads, as the host uses them beside its guests. */
static void use_loop(struct loop *loop)
{
    struct loop_signal signal = {.loop = NULL};
    struct loop_work work;
    struct strings list = {0};
    (void)loop_signal_start(loop, &signal, SIGTERM, on_signal); /* stop takes either outcome */
    loop_signal_stop(&signal);
    is_work_done = false;
    if (loop_work_submit(loop, &work, on_run, on_done) == 0) {
        for (int i = 0; i < 1000 && !is_work_done; i++) {
            if (loop_turn(loop, 20) < 0) {
                break;
            }
        }
        if (!is_work_done) {
            stop("submitted work was never done", 0);
        }
    }
    for (int i = 0; i < 20 && strings_add(&list, "text") == 0; i++) {
    }
    strings_done(&list);
}

static void use_broker(void)
{
    struct broker *broker = NULL;
    struct broker_request request = {
        .type = SOCK_STREAM, .reuse_address = 1, .address_len = sizeof(struct sockaddr_in)};
    int pair[2];
    request.address.ss_family = AF_INET;
    if (broker_new(&broker) < 0) {
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        stop("socketpair", errno);
    }
    (void)send(pair[1], &request, sizeof request, 0); /* what it answers to nothing is no matter */
    (void)broker_serve(broker, pair[0]);
    broker_free(broker);
    close(pair[0]);
    close(pair[1]);
}

static void live(void)
{
    struct loop *loop = NULL;
    struct guest guest;
    struct listeners listeners = {.count = 0};
    struct dir_source source = {.fd = -1};
    failed_calls = 0;
    if (loop_new(&loop) < 0) {
        return;
    }
    guest_init(&guest, loop);
    if (give_all(&guest, &listeners, &source) == 0) {
        int client = begin_request(&listeners);
        use_texts_and_clocks(&guest);
        answer_request(&guest);
        use_files(&guest);
        use_own_sockets(&guest);
        close(client);
    }
    guest_done(&guest, 50 /* linger_ms */);
    if (source.fd >= 0) {
        dir_source_close(&source);
    }
    listeners_done(&listeners);
    use_loop(loop);
    loop_free(loop);
    use_broker();
}

/* -- again and again -------------------------------------------------------------------------- */

static int count_fds(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL) {
        stop("/proc/self/fd", errno);
    }
    while (readdir(d) != NULL) {
        count++;
    }
    closedir(d);
    return count;
}

static void clean_up(void)
{
    static const char *const names[] = {"file", "sub/link", "sub"};
    int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlinkat(dir, names[i], i == 2 ? AT_REMOVEDIR : 0); /* what a fault left behind */
    }
    close(dir);
    (void)signal(SIGTERM, SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void torture(enum fault_kind kind, const char *what)
{
    int fds = count_fds();
    for (uint64_t n = 1; n <= ROUNDS_MAX; n++) {
        fault_arm(kind, n);
        live();
        bool was_reached = fault_disarm();
        if (fault_live_blocks() != 0) {
            stop("blocks are left", fault_live_blocks());
        }
        if (count_fds() != fds) {
            stop("descriptors are left", count_fds() - fds);
        }
        clean_up();
        if (!was_reached && failed_calls > 0) {
            stop(failed_call, failed_calls); /* then this tests less than it seems to */
        }
        if (!was_reached) {
            (void)printf("torture: a guest's life with each of its %llu %s failing: passed\n",
                         (unsigned long long)n - 1, what);
            return;
        }
    }
    stop("it has no end", ROUNDS_MAX);
}

int main(void)
{
    (void)alarm(170); /* a hang is a failure too */
    if (mkdtemp(dir_path) == NULL) {
        return 1;
    }
    live(); /* once for what libraries keep for ever */
    clean_up();
    torture(FAULT_MEMORY, "allocations");
    torture(FAULT_SYSTEM, "system calls");
    return rmdir(dir_path) < 0;
}
