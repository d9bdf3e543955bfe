/* The list of poll_oneoff and epoll_oneoff: any bytes as subscriptions, anywhere in memory, over
 * a guest with descriptors in several states; twice, with a turn of the loop in between. */
#include <sys/socket.h>
#include <unistd.h>

#include "engine/call.h"
#include "guest/guest.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"
#include "input.h"

enum { MEMORY_LEN = 4096 };

/* Give the guest both ends of a pair: what one sends, the other can read. */
static void give_pair(struct guest *guest)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    must(write(pair[1], "abc", 3) == 3);
    for (int i = 0; i < 2; i++) {
        struct guest_socket *s = NULL;
        uint32_t fd = 0;
        must(guest_socket_wrap(guest, pair[i], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &s) == 0);
        must(fd_table_insert(&guest->fds, &s->base, 0, &fd) == 0);
    }
}

static void poll_once(struct guest *guest, const struct host_func *row, const uint32_t *args,
                      uint8_t *memory)
{
    union call_value values[4];
    struct call call = {
        .func = row, .values = values, .memory = memory, .memory_len = MEMORY_LEN, .guest = guest};
    for (int i = 0; i < 4; i++) {
        values[i].i32 = (int32_t)args[i];
    }
    int32_t answer = row->begin(&call);
    for (int i = 0; i < 3 && answer == CALL_WAIT; i++) {
        must(guest->wait.is_parked);
        must(loop_turn(guest->loop, 0) == 0);
        guest_wait_end(guest);
        answer = row->finish(&call);
    }
    guest_wait_end(guest);
    uint32_t found = 0;
    if (answer == WASI_ESUCCESS) {
        must(call_read_u32(&call, args[3], &found) == 0);
        must(found >= 1 && found <= args[2]);
    } else {
        must(answer == CALL_WAIT || answer == WASI_EINVAL || answer == WASI_EFAULT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct loop *loop = NULL;
    struct guest guest;
    uint32_t args[4];
    must(loop_new(&loop) == 0);
    guest_init(&guest, loop);
    give_pair(&guest);
    unsigned flags = (unsigned)input_number(&in, 1);
    const struct host_func *row = &preview1_poll.rows[flags & 1];
    guest.poll_mode = (flags & 2) != 0 ? GUEST_POLL_AUTO : GUEST_POLL_LEVEL;
    guest.poll_seq = (flags & 4) != 0 ? UINT32_MAX - 1 : 0;
    for (int i = 0; i < 4; i++) {
        args[i] = (uint32_t)input_number(&in, (flags & 8) != 0 ? 4 : 1);
    }
    uint8_t *memory = calloc(1, MEMORY_LEN);
    must(memory != NULL);
    struct input rest = input_take(&in, MEMORY_LEN);
    memcpy(memory, rest.data, rest.len);
    poll_once(&guest, row, args, memory);
    must(loop_turn(loop, 0) == 0);
    poll_once(&guest, row, args, memory);
    free(memory);
    guest_done(&guest, 0 /* linger_ms */);
    loop_free(loop);
    return 0;
}
