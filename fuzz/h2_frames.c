/* Frames of a peer into an HTTP/2 session with handlers behind it. Whatever comes, each request that
 * a handler got ends once, nothing is left when the peer has gone, and what the front holds for it
 * stays within its limits. The first byte says in which pieces the bytes arrive. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/internal.h"
#include "input.h"

enum { LIVE_MAX = 64, TURNS = 64, TURNS_AT_END = 8, PIECE = 4096 };

static const char opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* What a handler keeps of a request it has not answered yet. */
struct reply {
    struct http_transaction *t;
    bool echoes;
    bool writes;
};

struct front {
    struct reply replies[LIVE_MAX];
    unsigned begun;
    unsigned done;
};

static void go_on(void *context)
{
    struct reply *reply = context;
    uint8_t bytes[PIECE] = {0};
    int64_t n = 0;
    do {
        n = http_transaction_read(reply->t, bytes, sizeof bytes);
        if (n > 0 && reply->echoes) {
            (void)http_transaction_write(reply->t, bytes, (size_t)n);
        }
    } while (n > 0);
    if (reply->writes) {
        while (http_transaction_write(reply->t, bytes, sizeof bytes) > 0) {
        }
    } else if (n == 0) {
        const struct http_header *trailers = NULL;
        uint32_t count = http_transaction_trailers(reply->t, &trailers);
        struct http_transaction *t = reply->t;
        reply->t = NULL;
        http_transaction_end(t, trailers, count);
    }
}

static void on_abort(void *context)
{
    struct reply *reply = context;
    must(reply->t != NULL);
    reply->t = NULL;
}

static void on_request(void *context, struct http_transaction *t)
{
    static const struct http_transaction_callbacks callbacks = {go_on, go_on, on_abort};
    static const struct http_outbound ok = {.status = 200, .length = HTTP_LENGTH_UNKNOWN};
    struct front *front = context;
    const struct http_inbound *in = http_transaction_inbound(t);
    front->begun++;
    must(in->method.len > 0 && in->path.len > 0 && in->authority.len > 0);
    for (uint32_t i = 0; i < in->header_count; i++) {
        must(http_is_token(in->headers[i].name));
        must(http_is_value(in->headers[i].value));
        must(!http_is_hop_by_hop(in->headers[i].name));
    }
    struct reply *reply = front->replies;
    while (reply < front->replies + LIVE_MAX && reply->t != NULL) {
        reply++;
    }
    uint8_t kind = in->path.len > 1 ? in->path.data[1] : 0;
    if (kind % 4 == 0 || reply == front->replies + LIVE_MAX) {
        http_transaction_respond_all(t, &ok, in->path);
        return;
    }
    *reply = (struct reply){.t = t, .echoes = kind % 4 == 1, .writes = kind % 4 == 2};
    http_transaction_attach(t, &callbacks, reply);
    if (kind % 4 != 3) {
        (void)http_transaction_respond(t, &ok);
    }
    go_on(reply);
}

static void on_done(void *context, struct http_transaction *t, const struct http_report *report)
{
    struct front *front = context;
    must(report->end_ns >= report->begin_ns);
    for (size_t i = 0; i < LIVE_MAX; i++) {
        must(front->replies[i].t != t);
    }
    front->done += report->outcome != HTTP_REFUSED;
}

static void turn(struct loop *loop, int fd, unsigned turns)
{
    uint8_t bytes[PIECE];
    while (turns-- > 0) {
        must(loop_turn(loop, 0) == 0);
        while (fd >= 0 && recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
        }
    }
}

static void send_all(struct loop *loop, int fd, const uint8_t *data, size_t len, size_t piece)
{
    for (unsigned i = 0; len > 0 && i < TURNS; i++) {
        ssize_t n = send(fd, data, len < piece ? len : piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        turn(loop, fd, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct front front = {0};
    struct http_server *server = NULL;
    struct loop *loop = NULL;
    int fds[2];
    size_t piece = (size_t)input_number(&in, 1) % 8 == 0 ? 7 : PIECE;
    must(loop_new(&loop) == 0);
    const struct http_server_options options = {
        .loop = loop,
        .limits = {.head_max = 4096,
                   .target_max = 256,
                   .header_max = 32,
                   .connections = 4,
                   .http2_streams = 16},
        .context = &front,
        .on_request = on_request,
        .on_done = on_done,
    };
    must(http_server_new(&options, &server, NULL) == 0);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    const struct http_listener listener = {.server = server, .options = {.offers_h2 = true}};
    const struct net_address peer = {0};
    must(http_connection_open(server, &listener, fds[0], &peer) == 0);
    send_all(loop, fds[1], (const uint8_t *)opening, sizeof opening - 1, PIECE);
    send_all(loop, fds[1], in.data, in.len, piece);
    turn(loop, fds[1], TURNS_AT_END);
    (void)close(fds[1]); /* the peer has gone */
    turn(loop, -1, TURNS_AT_END);
    http_server_free(server);
    must(front.begun == front.done);
    loop_free(loop);
    return 0;
}
