/* Host functions, each with any arguments, over a guest that has one of each kind of descriptor.
 *
 * The input is: a block of guest memory, then calls. A call is the number of a function and, for
 * each parameter, how to make it: a small number, an address in the block, an edge of memory, or
 * four bytes as they are. Nothing here may crash, wait for ever, or touch what lies outside the
 * sandbox; memory stands between guards, and moves when a call waits.
 *
 * The guest can do no harm: its files are the sandbox's and small (RLIMIT_FSIZE), it may listen on
 * 127.0.0.1 only, connect nowhere and look up nothing. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "engine/call.h"
#include "guest/dir.h"
#include "guest/file.h"
#include "guest/guest.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"
#include "imports/wasmedge_sockets/wasmedge.h"
#include "input.h"
#include "sandbox.h"

enum {
    MEMORY_LEN = 8192,
    BLOCK_MAX = 512, /* bytes of the input that become memory, from address 0 on */
    ARGS_MAX = 16,
    CALLS_MAX = 24,
    WAITS_MAX = 4,
    FILE_MAX = 1 << 20,
    RUNS_PER_RESET = 64,
};

static const struct func_table *const tables[] = {
    &preview1_args,      &preview1_clock,    &preview1_fd,      &preview1_file,
    &preview1_path,      &preview1_poll,     &preview1_process, &preview1_sock,
    &wasmedge_lifecycle, &wasmedge_transfer, &wasmedge_address, &wasmedge_options,
    &wasmedge_addrinfo,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct rlimit file_size = {.rlim_cur = FILE_MAX, .rlim_max = FILE_MAX};
    (void)argc;
    (void)argv;
    must(setrlimit(RLIMIT_FSIZE, &file_size) == 0);
    sandbox_make();
    return 0;
}

/* libFuzzer puts its own handler for SIGXFSZ in place after LLVMFuzzerInitialize. */
static void ignore_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    must(sigaction(SIGXFSZ, &ignore, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0);
}

/* -- the guest -------------------------------------------------------------------------------- */

static void give(struct guest *guest, struct descriptor *d)
{
    uint32_t fd = 0;
    must(fd_table_insert(&guest->fds, d, 0, &fd) == 0);
}

static void give_file(struct guest *guest, int fd, mode_t mode, int access)
{
    struct guest_file *file = NULL;
    const struct file_opening opening = {.fd = fd, .mode = mode, .access = access, .io = FILE_OWN};
    must(guest_file_new(guest, &opening, &file) == 0);
    give(guest, &file->base);
}

static void give_pipe(struct guest *guest)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    give_file(guest, ends[0], S_IFIFO, O_RDONLY);
    give_file(guest, ends[1], S_IFIFO, O_WRONLY);
}

/* What the guest's directories are made of: lasts until it is done. */
static struct dir_source dirs[2];

static void give_dir(struct guest *guest, bool read_only)
{
    struct guest_dir *dir = NULL;
    struct error err = {0};
    struct dir_source *source = &dirs[read_only];
    must(dir_source_open(sandbox_inside(), read_only ? "/ro" : "/", read_only, source, &err) == 0);
    must(guest_dir_preopen_source(guest, source, &dir) == 0);
    give(guest, &dir->base);
}

static void give_socket(struct guest *guest, int fd, int family, int type, enum socket_state state)
{
    struct guest_socket *s = NULL;
    must(fd >= 0);
    must(guest_socket_wrap(guest, fd, family, type, state, &s) == 0);
    s->base.fdflags = type == SOCK_DGRAM ? 0 : FDFLAG_NONBLOCK;
    give(guest, &s->base);
}

static void give_sockets(struct guest *guest)
{
    const struct sockaddr_in any = {.sin_family = AF_INET,
                                    .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    int pair[2];
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    must(bind(fd, (const struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 2) == 0);
    give_socket(guest, fd, AF_INET, SOCK_STREAM, SOCKET_LISTENING);
    must(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, pair) == 0);
    must(write(pair[0], "from one", 8) == 8 && write(pair[1], "from the other", 14) == 14);
    give_socket(guest, pair[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN);
    give_socket(guest, pair[1], AF_UNIX, SOCK_STREAM, SOCKET_OPEN);
    give_socket(guest, socket(AF_INET, SOCK_DGRAM | flags, 0), AF_INET, SOCK_DGRAM, SOCKET_OPEN);
    give_socket(guest, socket(AF_INET, SOCK_STREAM | flags, 0), AF_INET, SOCK_STREAM, SOCKET_NEW);
}

static void guest_make(struct guest *guest, struct loop *loop)
{
    struct error err = {0};
    guest_init(guest, loop);
    guest->fds.max = 64;
    must(policy_allow_listen(&guest->policy, "127.0.0.1:0", &err) == 0);
    must(guest_add_arg(guest, "fuzz") == 0 && guest_add_env(guest, "A=B") == 0);
    give_pipe(guest);       /* 0 and 1 */
    give_dir(guest, true);  /* 2 */
    give_dir(guest, false); /* 3 */
    give_sockets(guest);    /* 4 to 8 */
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    must(fd >= 0);
    give_file(guest, fd, S_IFCHR, O_RDWR); /* 9 */
    fd = openat(guest_dir_of(fd_table_get(&guest->fds, 3))->base.fd, "f", O_RDWR | O_CLOEXEC);
    if (fd >= 0) { /* an earlier run may have removed it */
        give_file(guest, fd, S_IFREG, O_RDWR);
    }
}

/* -- calls ------------------------------------------------------------------------------------ */

static const struct host_func *pick_row(uint64_t number)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        count += tables[i]->count;
    }
    number %= count;
    for (size_t i = 0;; i++) {
        if (number < tables[i]->count) {
            return &tables[i]->rows[number];
        }
        number -= tables[i]->count;
    }
}

static int64_t pick_value(struct input *in)
{
    uint8_t how = (uint8_t)input_number(in, 1);
    switch (how >> 6) {
    case 0:
        return how & 63;
    case 1: /* within the block of bytes that came with the input, or a little behind */
        return (how & 63) * 16 + (int64_t)(input_number(in, 1) & 15);
    case 2: /* at the end of memory */
        return MEMORY_LEN - (how & 63);
    default:
        return (int64_t)input_number(in, (how & 1) != 0 ? 8 : 4);
    }
}

/* Memory of its own for each stretch of a call: a pointer kept over a wait is found. */
static void move_memory(struct call *call)
{
    uint8_t *memory = malloc(MEMORY_LEN);
    must(memory != NULL);
    memcpy(memory, call->memory, MEMORY_LEN);
    free(call->memory);
    call->memory = memory;
}

/* False: the guest has ended, or would be parked for longer than a fuzzer waits. */
static bool run_call(struct guest *guest, struct call *call, struct input *in)
{
    union call_value values[ARGS_MAX] = {{.i64 = 0}};
    call->func = pick_row(input_number(in, 1));
    call->values = values;
    must(strlen(call->func->params) <= ARGS_MAX);
    for (size_t i = 0; call->func->params[i] != '\0'; i++) {
        values[i].i64 = pick_value(in);
    }
    int32_t answer = call->func->begin(call);
    for (int i = 0; i < WAITS_MAX && answer == CALL_WAIT; i++) {
        must(guest->wait.is_parked && call->func->finish != NULL);
        must(loop_turn(guest->loop, 0) == 0);
        guest_wait_end(guest);
        move_memory(call);
        answer = call->func->finish(call);
    }
    must(answer == CALL_WAIT || answer == CALL_TRAP || (answer >= 0 && answer <= WASI_EAISYSTEM));
    must((answer == CALL_TRAP) == guest->has_exited);
    must(answer == CALL_WAIT || call->func->finish != NULL || !guest->wait.is_parked);
    return answer != CALL_WAIT && answer != CALL_TRAP;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static unsigned runs;
    struct input in = {data, len};
    struct loop *loop = NULL;
    struct guest guest;
    if (runs == 0) {
        ignore_signals();
    }
    must(loop_new(&loop) == 0);
    guest_make(&guest, loop);
    struct call call = {.memory = calloc(1, MEMORY_LEN), .memory_len = MEMORY_LEN, .guest = &guest};
    must(call.memory != NULL);
    struct input block = input_take(&in, (size_t)input_number(&in, 2) % BLOCK_MAX);
    memcpy(call.memory, block.data, block.len);
    for (int i = 0; i < CALLS_MAX && in.len > 0; i++) {
        if (!run_call(&guest, &call, &in)) {
            break;
        }
    }
    guest_done(&guest, 0 /* linger_ms */);
    dir_source_close(&dirs[0]);
    dir_source_close(&dirs[1]);
    loop_free(loop);
    free(call.memory);
    runs++;
    if (runs % RUNS_PER_RESET == 0) {
        sandbox_reset();
    }
    return 0;
}
