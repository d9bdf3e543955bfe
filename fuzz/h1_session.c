/* A whole HTTP/1 connection: random bytes in random pieces to a server with small limits, whose
 * handler does what the path's second byte says. Nothing crashes or is lost, what comes back begins
 * as a response and is bounded, every handler is told its end, and the counts return to nothing. The
 * first two bytes choose the pieces and whether the peer says that it has ended. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "http/internal.h"

#include "input.h"

enum { TURNS = 8, OUT_MAX = 4 << 20, FILL = 40000, PIECE = 4096, INPUT_MAX = 64 << 10 };

struct handler {
    struct http_transaction *t;
    uint32_t *under_way; /* borrowed */
    uint64_t left;       /* to fill */
    uint8_t piece[PIECE];
    size_t at;
    size_t len;
    bool fills;
};

static void handler_end(struct handler *handler, bool is_whole)
{
    if (is_whole) {
        const struct http_header *trailers = NULL;
        uint32_t count = http_transaction_trailers(handler->t, &trailers);
        http_transaction_end(handler->t, trailers, count);
    } else {
        http_transaction_fail(handler->t, 502, 0);
    }
    (*handler->under_way)--;
    free(handler);
}

/* The next bytes to write. False when there are none yet, or `handler` has gone. */
static bool next_piece(struct handler *handler)
{
    if (handler->fills) {
        handler->len = handler->left < PIECE ? (size_t)handler->left : PIECE;
        handler->left -= handler->len;
        memset(handler->piece, 'x', handler->len);
        if (handler->len == 0) {
            handler_end(handler, true);
            return false;
        }
        return true;
    }
    int64_t n = http_transaction_read(handler->t, handler->piece, PIECE);
    if (n == -EAGAIN) {
        return false;
    }
    must(n <= PIECE);
    if (n <= 0) {
        handler_end(handler, n == 0);
        return false;
    }
    handler->len = (size_t)n;
    return true;
}

static void go(void *context)
{
    struct handler *handler = context;
    for (;;) {
        if (handler->at == handler->len) {
            handler->at = 0;
            handler->len = 0;
            if (!next_piece(handler)) {
                return;
            }
        }
        int64_t n = http_transaction_write(handler->t, handler->piece + handler->at,
                                           handler->len - handler->at);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            handler_end(handler, false);
            return;
        }
        handler->at += (size_t)n;
    }
}

static void on_abort(void *context)
{
    struct handler *handler = context;
    (*handler->under_way)--;
    free(handler);
}

static void check_inbound(const struct http_inbound *in)
{
    must(in->path.len > 0 && (in->path.data[0] == '/' || span_is(in->path, "*")));
    must(http_is_token(in->method) && (in->version == 10 || in->version == 11));
    for (uint32_t i = 0; i < in->header_count; i++) {
        must(http_is_token(in->headers[i].name) && http_is_value(in->headers[i].value));
        must(!http_is_hop_by_hop(in->headers[i].name) && !span_is(in->headers[i].name, "host"));
    }
}

static void stay(struct http_transaction *t, uint32_t *under_way, bool fills)
{
    static const struct http_transaction_callbacks callbacks = {go, go, on_abort};
    struct handler *handler = calloc(1, sizeof *handler);
    const struct http_outbound outbound = {.status = 200, .length = HTTP_LENGTH_UNKNOWN};
    if (handler == NULL) {
        abort();
    }
    must(http_transaction_respond(t, &outbound) == 0);
    handler->t = t;
    handler->under_way = under_way;
    handler->fills = fills;
    handler->left = FILL;
    (*under_way)++;
    http_transaction_attach(t, &callbacks, handler);
    go(handler);
}

static void on_request(void *context, struct http_transaction *t)
{
    const struct http_inbound *in = http_transaction_inbound(t);
    const struct http_outbound outbound = {.status = in->path.len % 7 == 0 ? 204 : 200};
    check_inbound(in);
    switch (in->path.len > 1 ? in->path.data[1] : 0) {
    case 'e':
        stay(t, context, false);
        break;
    case 'f':
        stay(t, context, true);
        break;
    case 'l':
        (void)http_transaction_limit_body(t, 10);
        stay(t, context, false);
        break;
    case 'x':
        http_transaction_fail(t, 502, 0);
        break;
    case 'n':
        break; /* neither answers nor stays */
    default:
        http_transaction_respond_all(t, &outbound, span_of("hello\n"));
        break;
    }
}

/* Take what has come back. */
static void receive(int fd, uint64_t *got)
{
    char piece[PIECE];
    ssize_t n = 0;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0) {
        if (*got == 0 && n >= 9) {
            must(memcmp(piece, "HTTP/1.1 ", 9) == 0);
        }
        *got += (uint64_t)n;
        must(*got <= OUT_MAX);
    }
}

static void turn(struct loop *loop, int fd, uint64_t *got)
{
    for (int i = 0; i < TURNS; i++) {
        must(loop_turn(loop, 0) == 0);
        receive(fd, got);
    }
}

static void converse(struct http_server *server, struct loop *loop, struct input in)
{
    int fds[2];
    const struct http_listener listener = {.server = server};
    const struct net_address peer = {.u.any.sa_family = AF_UNIX, .len = sizeof(sa_family_t)};
    uint64_t got = 0;
    uint8_t way = (uint8_t)input_number(&in, 1);
    size_t step = (size_t)input_number(&in, 1) * 8 + 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        abort();
    }
    must(http_connection_open(server, &listener, fds[0], &peer) == 0);
    while (in.len > 0) {
        struct input piece = input_take(&in, step);
        if (send(fds[1], piece.data, piece.len, MSG_NOSIGNAL) < 0) {
            break; /* it has ended */
        }
        turn(loop, fds[1], &got);
    }
    if ((way & 1) != 0) {
        (void)shutdown(fds[1], SHUT_WR); /* it may have ended */
    }
    if ((way & 2) != 0) {
        http_server_drain(server, NULL);
    }
    turn(loop, fds[1], &got);
    if ((way & 4) == 0) { /* otherwise the server ends first */
        (void)close(fds[1]);
        must(loop_turn(loop, 0) == 0);
        must(loop_turn(loop, 0) == 0);
        return;
    }
    while (!list_empty(&server->connections)) {
        http_connection_close(container_of(server->connections.next, struct http_connection, node),
                              true /* reset */, HTTP_DRAINED);
    }
    (void)close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint32_t under_way = 0;
    struct loop *loop = NULL;
    struct http_server *server = NULL;
    struct error err = {0};
    struct http_counts counts;
    if (len > INPUT_MAX || loop_new(&loop) < 0) {
        return 0;
    }
    const struct http_server_options options = {
        .loop = loop,
        .limits = {.head_max = 1024, .target_max = 256, .header_max = 16, .connections = 4},
        .context = &under_way,
        .on_request = on_request,
    };
    must(http_server_new(&options, &server, &err) == 0);
    converse(server, loop, (struct input){data, len});
    http_server_count(server, &counts);
    if (list_empty(&server->connections)) {
        must(counts.requests == 0 && counts.active == 0 && counts.reading_head == 0);
        must(under_way == 0);
    }
    http_server_free(server);
    must(under_way == 0);
    loop_free(loop);
    return 0;
}
