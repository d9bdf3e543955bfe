/* The HTTP front with a scripted handler, and its clients. See front.h. */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

enum {
    PIECE = 32 << 10,
    SLOW_PIECE = 16 << 10,
    GOT_MAX = 256 << 20,
    DRIPS = 20,
    DRIP_MS = 20,
    TRICKLE = 3000
};

static const uint64_t ms_ns = 1000000;

/* -- the handler ------------------------------------------------------------------------------ */

struct script {
    struct list node;
    struct front *front;
    struct http_transaction *t;
    void (*go)(struct script *script);
    struct loop_deferred later;
    struct loop_timer timer;
    uint64_t left;  /* to write */
    uint64_t count; /* read so far */
    uint8_t *piece; /* owned, PIECE long; NULL until needed */
    size_t at;      /* what has been read and not written: piece[at..len) */
    size_t len;
};

static void release(struct script *script)
{
    list_remove(&script->node);
    script->front->script_count--;
    loop_deferred_cancel(&script->later);
    loop_timer_stop(&script->timer);
    free(script->piece);
    free(script);
}

static void on_go(void *context)
{
    struct script *script = context;
    script->go(script);
}

static void on_abort(void *context)
{
    release(context);
}

static void on_later(struct loop_deferred *deferred)
{
    struct script *script = container_of(deferred, struct script, later);
    script->go(script);
}

static void on_timer(struct loop_timer *timer)
{
    struct script *script = container_of(timer, struct script, timer);
    script->go(script);
}

static void fail_and_release(struct script *script, uint16_t status)
{
    http_transaction_fail(script->t, status, 0);
    release(script);
}

static int begin(struct http_transaction *t, int64_t length)
{
    struct http_header type = {span_of("X-Script"), span_of("yes")};
    const struct http_outbound outbound = {
        .status = 200, .headers = &type, .header_count = 1, .length = length};
    return http_transaction_respond(t, &outbound);
}

static void answer(struct http_transaction *t, uint16_t status, const char *text)
{
    const struct http_outbound outbound = {.status = status};
    http_transaction_respond_all(t, &outbound, span_of(text));
}

/* Write what the front takes of `left`. */
static void go_fill(struct script *script)
{
    static uint8_t text[PIECE];
    memset(text, 'x', sizeof text);
    while (script->left > 0) {
        size_t len = script->left < sizeof text ? (size_t)script->left : sizeof text;
        int64_t n = http_transaction_write(script->t, text, len);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            fail_and_release(script, 502);
            return;
        }
        script->left -= (uint64_t)n;
        script->front->bytes_written += (uint64_t)n;
    }
    http_transaction_end(script->t, NULL, 0);
    release(script);
}

static void end_echo(struct script *script)
{
    const struct http_header *trailers = NULL;
    uint32_t count = http_transaction_trailers(script->t, &trailers);
    http_transaction_end(script->t, trailers, count);
    release(script);
}

static void go_echo(struct script *script)
{
    for (;;) {
        if (script->at == script->len) {
            int64_t n = http_transaction_read(script->t, script->piece, PIECE);
            if (n == -EAGAIN) {
                return;
            }
            if (n <= 0) {
                n == 0 ? end_echo(script) : fail_and_release(script, 400);
                return;
            }
            script->at = 0;
            script->len = (size_t)n;
        }
        int64_t n =
            http_transaction_write(script->t, script->piece + script->at, script->len - script->at);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            fail_and_release(script, 502);
            return;
        }
        script->at += (size_t)n;
    }
}

static void answer_read(struct script *script)
{
    char text[1024];
    const struct http_header *trailers = NULL;
    int len = snprintf(text, sizeof text, "read %llu\n", (unsigned long long)script->count);
    uint32_t count = http_transaction_trailers(script->t, &trailers);
    for (uint32_t i = 0; i < count; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%.*s=%.*s\n",
                        (int)trailers[i].name.len, (const char *)trailers[i].name.data,
                        (int)trailers[i].value.len, (const char *)trailers[i].value.data);
    }
    answer(script->t, 200, text);
    release(script);
}

/* True when it goes on. */
static bool read_some(struct script *script, size_t len)
{
    int64_t n = http_transaction_read(script->t, script->piece, len);
    if (n == -EAGAIN) {
        return false;
    }
    if (n == 0) {
        answer_read(script);
        return false;
    }
    if (n < 0) {
        fail_and_release(script, n == -EMSGSIZE ? 413 : 400);
        return false;
    }
    script->count += (uint64_t)n;
    script->front->bytes_read += (uint64_t)n;
    return true;
}

static void go_read(struct script *script)
{
    while (read_some(script, PIECE)) {
    }
}

static void go_slow(struct script *script)
{
    if (read_some(script, SLOW_PIECE)) {
        loop_defer(script->front->loop, &script->later);
    }
}

static void go_trickle(struct script *script)
{
    static const uint8_t text[TRICKLE] = {'x'};
    size_t len = script->left % TRICKLE == 0 ? TRICKLE : (size_t)(script->left % TRICKLE);
    int64_t n = script->left > 0 ? http_transaction_write(script->t, text, len) : 0;
    if (n == -EAGAIN) {
        return;
    }
    if (n < 0) {
        fail_and_release(script, 502);
        return;
    }
    script->left -= (uint64_t)n;
    if (script->left == 0) {
        http_transaction_end(script->t, NULL, 0);
        release(script);
        return;
    }
    loop_defer(script->front->loop, &script->later);
}

static void go_drip(struct script *script)
{
    if (script->left == 0) {
        http_transaction_end(script->t, NULL, 0);
        release(script);
        return;
    }
    script->left--;
    if (http_transaction_write(script->t, "drip\n", 5) != 5) {
        fail_and_release(script, 502);
        return;
    }
    (void)loop_timer_start(script->front->loop, &script->timer, loop_clock_ns() + DRIP_MS * ms_ns,
                           on_timer);
}

static void go_hello(struct script *script)
{
    answer(script->t, 200, "hello\n");
    release(script);
}

static void go_nowhere(struct script *script)
{
    (void)script;
}

static struct script *stay(struct front *front, struct http_transaction *t,
                           void (*go)(struct script *script))
{
    static const struct http_transaction_callbacks callbacks = {on_go, on_go, on_abort};
    struct script *script = calloc(1, sizeof *script);
    uint8_t *piece = malloc(PIECE);
    if (script == NULL || piece == NULL) {
        free(script);
        free(piece);
        http_transaction_fail(t, 503, 1);
        return NULL;
    }
    script->front = front;
    script->t = t;
    script->go = go;
    script->piece = piece;
    loop_deferred_init(&script->later, on_later);
    list_append(&front->scripts, &script->node);
    front->script_count++;
    http_transaction_attach(t, &callbacks, script);
    return script;
}

static void stay_and_go(struct front *front, struct http_transaction *t,
                        void (*go)(struct script *script))
{
    struct script *script = stay(front, t, go);
    if (script != NULL) {
        script->go(script);
    }
}

static void fill(struct front *front, struct http_transaction *t, uint64_t len, bool is_declared)
{
    if (begin(t, is_declared ? (int64_t)len : HTTP_LENGTH_UNKNOWN) < 0) {
        http_transaction_fail(t, 500, 0);
        return;
    }
    struct script *script = stay(front, t, go_fill);
    if (script != NULL) {
        script->left = len;
        go_fill(script);
    }
}

static void tell_head(struct http_transaction *t)
{
    char text[4096];
    const struct http_inbound *in = http_transaction_inbound(t);
    int len = snprintf(text, sizeof text, "%.*s %.*s%s%.*s %.*s %u%s\n", (int)in->method.len,
                       (const char *)in->method.data, (int)in->path.len,
                       (const char *)in->path.data, in->has_query ? "?" : "", (int)in->query.len,
                       (const char *)in->query.data, (int)in->authority.len,
                       (const char *)in->authority.data, in->version, in->has_body ? " body" : "");
    for (uint32_t i = 0; i < in->header_count && len < 3000; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%.*s: %.*s\n",
                        (int)in->headers[i].name.len, (const char *)in->headers[i].name.data,
                        (int)in->headers[i].value.len, (const char *)in->headers[i].value.data);
    }
    answer(t, 200, text);
}

/* Small pieces are taken whole, or not at all for want of memory. */
static bool write_small(struct http_transaction *t, const char *text)
{
    return http_transaction_write(t, text, strlen(text)) == (int64_t)strlen(text);
}

static void send_trailers(struct http_transaction *t)
{
    const struct http_header trailers[] = {{span_of("X-Sum"), span_of("42")},
                                           {span_of("Content-Length"), span_of("7")},
                                           {span_of("Transfer-Encoding"), span_of("chunked")},
                                           {span_of("Set-Cookie"), span_of("a=b")},
                                           {span_of("hOsT"), span_of("other")},
                                           {span_of("CONTENT-TYPE"), span_of("no/way")},
                                           {span_of("Http2-Settings"), span_of("AAAA")},
                                           {span_of("Server"), span_of("other")},
                                           {span_of("X-Empty"), span_of("")}};
    if (begin(t, HTTP_LENGTH_UNKNOWN) == 0 && write_small(t, "body")) {
        http_transaction_end(t, trailers, ARRAY_COUNT(trailers));
    } else {
        http_transaction_fail(t, 502, 0);
    }
}

/* A head of about so many bytes, so that what comes behind it has to grow the buffer. */
static void pad(struct http_transaction *t, uint64_t number)
{
    char text[1000];
    memset(text, 'y', sizeof text);
    size_t len = number < sizeof text ? (size_t)number : sizeof text;
    const struct http_header header = {span_of("X-Pad"), {(const uint8_t *)text, len}};
    const struct http_header trailer = {span_of("X-Sum"), span_of("42")};
    const struct http_outbound outbound = {
        .status = 200, .headers = &header, .header_count = 1, .length = HTTP_LENGTH_UNKNOWN};
    if (http_transaction_respond(t, &outbound) < 0 || !write_small(t, "small")) {
        http_transaction_fail(t, 502, 0);
        return;
    }
    for (int i = 0; number % 2 == 1 && i < 40; i++) {
        if (http_transaction_write(t, text, sizeof text) != sizeof text) {
            http_transaction_fail(t, 502, 0);
            return;
        }
    }
    http_transaction_end(t, &trailer, number % 4 < 2);
}

static void break_off(struct http_transaction *t, bool is_sent)
{
    if (begin(t, HTTP_LENGTH_UNKNOWN) == 0 && write_small(t, "begun") && is_sent) {
        http_transaction_flush(t);
    }
    http_transaction_fail(t, 502, 0);
}

static void declare_wrongly(struct http_transaction *t, bool is_long)
{
    if (begin(t, is_long ? 5 : 10) == 0 && http_transaction_write(t, "12345", 5) == 5 && is_long) {
        assert_int_equal(http_transaction_write(t, "67890", 5), -EMSGSIZE);
    }
    http_transaction_end(t, NULL, 0);
}

static void hint(struct http_transaction *t)
{
    const struct http_header link = {span_of("Link"), span_of("</a.css>; rel=preload")};
    const struct http_outbound early = {.status = 103, .headers = &link, .header_count = 1};
    (void)http_transaction_interim(t, &early); /* without memory: no hint */
    answer(t, 200, "hello\n");
}

static void inject(struct http_transaction *t)
{
    static const char *const values[] = {"a\r\nX-Evil: 1", "a\nb", "a\rb", " a", "a\t", "\x7f"};
    static const char *const names[] = {"a b", "a:", "", "a\r\n", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        const struct http_header header = {span_of("x-a"), span_of(values[i])};
        const struct http_outbound outbound = {
            .status = 200, .headers = &header, .header_count = 1};
        assert_int_equal(http_transaction_respond(t, &outbound), -EINVAL);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct http_header header = {span_of(names[i]), span_of("a")};
        const struct http_outbound outbound = {
            .status = 200, .headers = &header, .header_count = 1};
        assert_int_equal(http_transaction_respond(t, &outbound), -EINVAL);
    }
    for (uint16_t status = 0; status < 1000; status = (uint16_t)(status + 100)) {
        const struct http_outbound outbound = {.status = status};
        if (status < 200 || status > 599) {
            assert_int_equal(http_transaction_respond(t, &outbound), -EINVAL);
        }
    }
    http_transaction_fail(t, 502, 0);
}

static void frame_itself(struct http_transaction *t)
{
    const struct http_header headers[] = {{span_of("CONTENT-LENGTH"), span_of("999")},
                                          {span_of("transfer-encoding"), span_of("gzip")},
                                          {span_of("Connection"), span_of("close")},
                                          {span_of("Keep-Alive"), span_of("timeout=1")},
                                          {span_of("Upgrade"), span_of("h2c")},
                                          {span_of("Date"), span_of("never")},
                                          {span_of("Server"), span_of("other")},
                                          {span_of("TE"), span_of("trailers")},
                                          {span_of("Proxy-Connection"), span_of("a")},
                                          {span_of("HTTP2-Settings"), span_of("AAAA")},
                                          {span_of("X-Ok"), span_of("1")}};
    const struct http_outbound outbound = {
        .status = 200, .headers = headers, .header_count = ARRAY_COUNT(headers)};
    http_transaction_respond_all(t, &outbound, span_of("ok\n"));
}

/* What needs no handler beyond the call. False for other paths. */
static bool answer_at_once(struct http_transaction *t, struct span path, uint64_t number)
{
    if (span_is(path, "/hello")) {
        answer(t, 200, "hello\n");
    } else if (span_is(path, "/small")) {
        if (begin(t, HTTP_LENGTH_UNKNOWN) == 0 && write_small(t, "sma") && write_small(t, "ll")) {
            http_transaction_end(t, NULL, 0);
        } else {
            http_transaction_fail(t, 502, 0);
        }
    } else if (span_is(path, "/head") || span_is(path, "*")) {
        tell_head(t);
    } else if (span_is(path, "/status")) {
        answer(t, (uint16_t)number, "text\n");
    } else if (span_is(path, "/short") || span_is(path, "/long")) {
        declare_wrongly(t, span_is(path, "/long"));
    } else if (span_is(path, "/break") || span_is(path, "/break-early")) {
        break_off(t, span_is(path, "/break"));
    } else if (span_is(path, "/fail")) {
        http_transaction_fail(t, (uint16_t)number, number == 503 ? 7 : 0);
    } else if (span_is(path, "/trailers")) {
        send_trailers(t);
    } else if (span_is(path, "/padded")) {
        pad(t, number);
    } else if (span_is(path, "/interim")) {
        hint(t);
    } else if (span_is(path, "/bad-header")) {
        inject(t);
    } else if (span_is(path, "/own-framing")) {
        frame_itself(t);
    } else {
        return span_is(path, "/nothing");
    }
    return true;
}

static void begin_and_echo(struct front *front, struct http_transaction *t, bool is_late)
{
    if (begin(t, HTTP_LENGTH_UNKNOWN) < 0) {
        http_transaction_fail(t, 500, 0);
        return;
    }
    if (is_late) {
        http_transaction_flush(t);
    }
    stay_and_go(front, t, go_echo);
}

static void answer_staying(struct front *front, struct http_transaction *t, struct span path,
                           uint64_t number)
{
    if (span_is(path, "/length") || span_is(path, "/chunked")) {
        fill(front, t, number, span_is(path, "/length"));
    } else if (span_is(path, "/echo") || span_is(path, "/late")) {
        begin_and_echo(front, t, span_is(path, "/late"));
    } else if (span_is(path, "/limit") && http_transaction_limit_body(t, number) < 0) {
        http_transaction_fail(t, 413, 0);
    } else if (span_is(path, "/read") || span_is(path, "/limit")) {
        stay_and_go(front, t, go_read);
    } else if (span_is(path, "/slow")) {
        stay_and_go(front, t, go_slow);
    } else if (span_is(path, "/early")) {
        uint8_t byte = 0;
        (void)http_transaction_read(t, &byte, 1); /* what it gives is no matter here */
        fill(front, t, number, false);
    } else if (span_is(path, "/trickle") && begin(t, HTTP_LENGTH_UNKNOWN) == 0) {
        struct script *script = stay(front, t, go_trickle);
        if (script != NULL) {
            script->left = number * TRICKLE;
            go_trickle(script);
        }
    } else if (span_is(path, "/wait")) {
        (void)stay(front, t, go_nowhere);
    } else if (span_is(path, "/later")) {
        struct script *script = stay(front, t, go_hello);
        if (script != NULL) {
            loop_defer(front->loop, &script->later);
        }
    } else if (span_is(path, "/drip") && begin(t, HTTP_LENGTH_UNKNOWN) == 0) {
        struct script *script = stay(front, t, go_nowhere);
        if (script != NULL) {
            script->go = go_drip;
            script->left = DRIPS;
            go_drip(script);
        }
    } else {
        http_transaction_fail(t, 404, 0);
    }
}

static void on_request(void *context, struct http_transaction *t)
{
    struct span path = http_transaction_inbound(t)->path;
    const uint8_t *slash = path.len > 1 ? memrchr(path.data + 1, '/', path.len - 1) : NULL;
    uint64_t number = 0;
    if (slash != NULL) {
        for (const uint8_t *at = slash + 1; at < path.data + path.len; at++) {
            number = number * 10 + (uint64_t)(*at - '0');
        }
        path.len = (size_t)(slash - path.data);
    }
    assert_int_equal(strlen(http_transaction_id(t)), 32);
    if (!answer_at_once(t, path, number)) {
        answer_staying(context, t, path, number);
    }
}

static void on_done(void *context, struct http_transaction *t, const struct http_report *report)
{
    struct front *front = context;
    (void)t;
    front->done++;
    front->outcomes[report->outcome]++;
    front->last = *report;
    assert_true(report->end_ns >= report->begin_ns);
}

static void on_report(void *context, const char *line)
{
    struct front *front = context;
    assert_true(strlen(line) > 10);
    front->lines++;
}

static void on_drained(void *context)
{
    struct front *front = context;
    front->drained++;
}

/* -- the server ------------------------------------------------------------------------------- */

struct http_server_options front_options(void)
{
    static const uint64_t s_ns = 1000000000;
    return (struct http_server_options){
        .timeouts = {10 * s_ns, 10 * s_ns, 30 * s_ns, 30 * s_ns, 60 * s_ns},
        .limits = {.head_max = 8192,
                   .target_max = 1024,
                   .header_max = 32,
                   .connections = 2000,
                   .http2_streams = 16},
    };
}

void front_open_bare(struct front *front, const struct http_server_options *options)
{
    struct error err = {0};
    struct http_server_options own = *options;
    *front = (struct front){.fd = -1};
    list_init(&front->scripts);
    assert_int_equal(loop_new(&front->loop), 0);
    own.loop = front->loop;
    own.context = front;
    own.on_request = on_request;
    own.on_done = on_done;
    own.on_report = on_report;
    assert_int_equal(http_server_new(&own, &front->server, &err), 0);
}

void front_open(struct front *front, const struct http_server_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    front_open_bare(front, options);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    front->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(front->fd >= 0);
    assert_int_equal(bind(front->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(front->fd, 4096), 0);
    assert_int_equal(getsockname(front->fd, (struct sockaddr *)&address, &len), 0);
    front->port = ntohs(address.sin_port);
    const struct http_listener_options listener = {.fd = front->fd};
    assert_int_equal(http_server_listen(front->server, &listener, NULL), 0);
}

void front_free_server(struct front *front)
{
    http_server_free(front->server);
    front->server = NULL;
    assert_true(list_empty(&front->scripts)); /* each was told */
    assert_int_equal(front->script_count, 0);
}

void front_close(struct front *front)
{
    front_free_server(front);
    front_turn(front, 0); /* what is deferred and should not be would crash */
    loop_free(front->loop);
    if (front->fd >= 0) {
        (void)close(front->fd);
    }
}

void front_turn(struct front *front, int max_wait_ms)
{
    assert_int_equal(loop_turn(front->loop, max_wait_ms), 0);
}

void front_turn_for(struct front *front, unsigned ms)
{
    uint64_t until = loop_clock_ns() + ms * ms_ns;
    while (loop_clock_ns() < until) {
        front_turn(front, 1);
    }
}

void front_drain(struct front *front)
{
    http_server_drain(front->server, on_drained);
}

/* -- clients ---------------------------------------------------------------------------------- */

void front_connect(struct front *front, struct front_client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(front->port)};
    struct http_counts before;
    struct http_counts now;
    int on = 1;
    *client = (struct front_client){.fd = -1};
    buffer_init(&client->got, GOT_MAX);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    http_server_count(front->server, &before);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    uint64_t until = loop_clock_ns() + 1000 * ms_ns;
    do {
        front_turn(front, 1);
        http_server_count(front->server, &now);
    } while (now.accepted == before.accepted && loop_clock_ns() < until);
}

void front_disconnect(struct front_client *client)
{
    struct linger none = {.l_onoff = 1};
    if (client->fd >= 0) {
        (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        (void)close(client->fd);
    }
    client->fd = -1;
    buffer_done(&client->got);
}

bool front_send(struct front *front, struct front_client *client, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t until = loop_clock_ns() + 5000 * ms_ns;
    while (len > 0 && loop_clock_ns() < until) {
        ssize_t n = send(client->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            return false;
        }
        if (n < 0) {
            front_turn(front, 1);
            continue;
        }
        at += n;
        len -= (size_t)n;
    }
    return len == 0;
}

bool front_send_text(struct front *front, struct front_client *client, const char *text)
{
    return front_send(front, client, text, strlen(text));
}

void front_receive(struct front_client *client)
{
    while (!client->has_ended && client->error == 0) {
        assert_int_equal(buffer_reserve(&client->got, 64 << 10), 0);
        ssize_t n = recv(client->fd, client->got.data + client->got.len, 64 << 10, 0);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0) {
            client->error = errno;
        }
        client->has_ended = n == 0;
        client->got.len += n > 0 ? (size_t)n : 0;
    }
}

static bool is_over(const struct front_client *client)
{
    return client->has_ended || client->error != 0;
}

bool front_await(struct front *front, struct front_client *client, size_t len)
{
    uint64_t until = loop_clock_ns() + 3000 * ms_ns;
    for (int turn = 0; loop_clock_ns() < until; turn++) {
        front_receive(client);
        if (client->got.len >= len || is_over(client)) {
            return true;
        }
        front_turn(front, turn < 4 ? 0 : 1);
    }
    return false;
}

bool front_await_end(struct front *front, struct front_client *client, unsigned ms)
{
    uint64_t until = loop_clock_ns() + ms * ms_ns;
    do {
        front_receive(client);
        if (is_over(client)) {
            return true;
        }
        front_turn(front, 1);
    } while (loop_clock_ns() < until);
    return false;
}

uint64_t front_hello_ns(struct front *front)
{
    struct front_client client;
    uint64_t begin_ns = loop_clock_ns();
    front_connect(front, &client);
    assert_true(front_send_text(front, &client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(front_await(front, &client, 20));
    assert_true(front_has(&client, "HTTP/1.1 200 OK"));
    uint64_t took_ns = loop_clock_ns() - begin_ns;
    front_disconnect(&client);
    return took_ns;
}

uint32_t front_count(const struct front_client *client, const char *text)
{
    uint32_t count = 0;
    const uint8_t *at = client->got.data;
    size_t left = client->got.len;
    const uint8_t *found = NULL;
    while (left > 0 && (found = memmem(at, left, text, strlen(text))) != NULL) {
        count++;
        left -= (size_t)(found + 1 - at);
        at = found + 1;
    }
    return count;
}

bool front_has(const struct front_client *client, const char *text)
{
    return front_count(client, text) > 0;
}
