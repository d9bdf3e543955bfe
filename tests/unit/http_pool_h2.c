/* Clients that share HTTP/2 connections, against our own front: one that is slow or gives up is no
 * other's business.
 * Links: ssl crypto */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"
#include "h2_front.h"
#include "http/client.h"
#include "http/exchange.h"
#include "http/pool.h"
#include "http_env.h"
#include "net/tls.h"

enum { PATH_LEN = 64, WAIT_MS = 5000, ECHO_LEN = 20 << 20 };

static char dir[] = "/tmp/hythe-pool-h2-XXXXXX";
static char crt[PATH_LEN];
static char key[PATH_LEN];

struct fixture {
    struct h2_front front;
    struct tls_context *tls;
    int fd;
    uint16_t port;
    struct http_pool *pool;
};

/* -- set-up ----------------------------------------------------------------------------------- */

static int make_certificate(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    struct certificate made = certificate_make("here", "IP:127.0.0.1", NULL);
    certificate_write(&made, dir, "here");
    certificate_done(&made);
    (void)snprintf(crt, sizeof crt, "%s/here.crt", dir);
    (void)snprintf(key, sizeof key, "%s/here.key", dir);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    (void)unlink(crt);
    (void)unlink(key);
    return rmdir(dir);
}

static void listen_with_tls(struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const struct tls_certificate certificate = {crt, key};
    const struct tls_options options = {
        .certificates = &certificate, .certificate_count = 1, .offers_h2 = true};
    assert_int_equal(tls_context_new(&options, &f->tls, NULL), 0);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->fd, 64), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&address, &len), 0);
    f->port = ntohs(address.sin_port);
    const struct http_listener_options listener = {.fd = f->fd, .tls = f->tls, .offers_h2 = true};
    assert_int_equal(http_server_listen(f->front.server, &listener, NULL), 0);
}

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    h2_front_init(&f->front);
    h2_front_begin(&f->front);
    listen_with_tls(f);
    assert_int_equal(http_pool_new(f->front.loop, /* reaches_out */ true, &f->pool, NULL), 0);
    return f;
}

static void end(struct fixture *f)
{
    http_pool_free(f->pool);
    h2_front_turn(&f->front, 20);
    h2_front_end(&f->front);
    tls_context_unref(f->tls);
    (void)close(f->fd);
    free(f);
}

static void client_begin(struct fixture *f, struct http_env *env)
{
    http_env_init(env, f->front.loop);
    env->options.pool = f->pool;
    env->options.ca_file = crt;
    (void)http_env_open(env);
}

/* -- what the tests do ------------------------------------------------------------------------ */

static void on_event(void *context)
{
    (void)context; /* the tests look by themselves */
}

static struct http_exchange *start_stream(struct fixture *f, struct http_env *env, const char *path,
                                          int64_t length)
{
    char url[128];
    struct http_exchange *exchange = NULL;
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u%s", f->port, path);
    const struct http_request request = {.url = span_of(url),
                                         .method = span_of("POST"),
                                         .streams_body = true,
                                         .body_length = length};
    assert_int_equal(http_exchange_begin(env->client, &request, on_event, NULL, &exchange),
                     HTTP_OK);
    return exchange;
}

static struct http_exchange *start(struct fixture *f, struct http_env *env, const char *path)
{
    char url[128];
    struct http_exchange *exchange = NULL;
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u%s", f->port, path);
    const struct http_request request = {.url = span_of(url), .method = span_of("GET")};
    assert_int_equal(http_exchange_begin(env->client, &request, on_event, NULL, &exchange),
                     HTTP_OK);
    return exchange;
}

static void await_head(struct fixture *f, struct http_exchange *exchange)
{
    for (unsigned i = 0; i < WAIT_MS && !http_exchange_has_head(exchange); i++) {
        h2_front_turn(&f->front, 1);
    }
    assert_int_equal(http_exchange_error(exchange), HTTP_OK);
    assert_int_equal(http_exchange_status(exchange), 200);
}

/* Until its reader is known to be slow. */
static void await_hold(struct fixture *f, const struct http_exchange *exchange)
{
    for (unsigned i = 0; i < WAIT_MS && !exchange->is_held_back; i++) {
        h2_front_turn(&f->front, 1);
    }
    assert_true(exchange->is_held_back);
}

static void assert_hello(struct fixture *f, struct http_env *env)
{
    char text[16] = "";
    size_t len = 0;
    struct http_exchange *exchange = start(f, env, "/");
    await_head(f, exchange);
    for (unsigned i = 0; i < WAIT_MS; i++) {
        int64_t n = http_exchange_read(exchange, (uint8_t *)text + len, sizeof text - 1 - len);
        if (n == 0) {
            break;
        }
        assert_true(n > 0 || n == -EAGAIN);
        len += n > 0 ? (size_t)n : 0;
        h2_front_turn(&f->front, n > 0 ? 0 : 1);
    }
    assert_string_equal(text, "hello");
    http_exchange_close(exchange);
}

static struct http_counts counts(struct fixture *f)
{
    struct http_counts now;
    http_server_count(f->front.server, &now);
    return now;
}

/* -- tests ------------------------------------------------------------------------------------ */

static void one_client_after_another(void **state)
{
    (void)state;
    struct fixture *f = begin();
    for (unsigned i = 0; i < 3; i++) {
        struct http_env env;
        client_begin(f, &env);
        assert_hello(f, &env);
        http_env_done(&env);
    }
    assert_int_equal(f->front.requests, 3);
    assert_int_equal(counts(f).accepted, 1);
    end(f);
}

static void one_that_is_not_read_holds_up_no_other(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env lazy;
    struct http_env env;
    client_begin(f, &lazy);
    client_begin(f, &env);
    assert_hello(f, &lazy); /* so that there is a connection to be shared */
    struct http_exchange *exchange = start(f, &lazy, "/big?1000000000");
    await_head(f, exchange);
    await_hold(f, exchange);
    for (unsigned i = 0; i < 5; i++) {
        assert_hello(f, &env);
    }
    assert_true(exchange->is_held_back);
    assert_int_equal(counts(f).accepted, 2);
    http_exchange_close(exchange);
    http_env_done(&env);
    http_env_done(&lazy);
    end(f);
}

/* What one has given up in the middle goes with its connection. */
static void given_up(void **state)
{
    (void)state;
    static const char *const paths[] = {"/wait", "/big?1000000000"};
    struct fixture *f = begin();
    for (unsigned i = 0; i < 4; i++) {
        struct http_env env;
        client_begin(f, &env);
        assert_hello(f, &env);
        assert_int_equal(counts(f).accepted, i + 1);
        struct http_exchange *exchange = start(f, &env, paths[i % 2]);
        if (i % 2 == 1) {
            await_hold(f, exchange);
        }
        for (unsigned ms = 0; ms < WAIT_MS && f->front.live == 0; ms++) {
            h2_front_turn(&f->front, 1);
        }
        assert_int_equal(f->front.live, 1); /* it is with the server, by the connection there was */
        assert_int_equal(counts(f).accepted, i + 1);
        if (i / 2 == 0) {
            http_exchange_close(exchange);
        }
        http_env_done(&env); /* or it ends with its client */
        for (unsigned ms = 0; ms < WAIT_MS && counts(f).idle + counts(f).active > 0; ms++) {
            h2_front_turn(&f->front, 1);
        }
        assert_int_equal(f->front.live, 0);
        assert_int_equal(counts(f).idle + counts(f).active, 0);
    }
    end(f);
}

/* -- bodies in pieces: beside HTTP/2, on connections of HTTP/1.1 ------------------------------ */

static int64_t read_end(struct fixture *f, struct http_exchange *exchange, char *text, size_t size)
{
    size_t len = 0;
    int64_t n = -EAGAIN;
    for (unsigned i = 0; i < WAIT_MS && (n > 0 || n == -EAGAIN); i++) {
        n = http_exchange_read(exchange, (uint8_t *)text + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        h2_front_turn(&f->front, n > 0 ? 0 : 1);
    }
    text[len] = '\0';
    return n;
}

static void echo(struct fixture *f, struct http_env *env, bool is_known)
{
    static uint8_t bytes[64 << 10];
    static uint8_t back[64 << 10];
    uint64_t given = 0;
    uint64_t taken = 0;
    struct http_exchange *exchange = start_stream(f, env, "/echo", is_known ? ECHO_LEN : -1);
    for (unsigned idle = 0; taken < ECHO_LEN && idle < WAIT_MS;) {
        size_t len = sizeof bytes < ECHO_LEN - given ? sizeof bytes : ECHO_LEN - given;
        memset(bytes, (int)(given >> 16), len);
        int64_t written = len > 0 ? http_exchange_write(exchange, bytes, len) : 0;
        given += written > 0 ? (uint64_t)written : 0;
        if (given == ECHO_LEN) {
            assert_int_equal(http_exchange_finish(exchange, NULL, 0), HTTP_OK);
        }
        int64_t n = http_exchange_read(exchange, back, sizeof back);
        assert_true(n > 0 || n == -EAGAIN);
        taken += n > 0 ? (uint64_t)n : 0;
        assert_true(taken <= given);
        idle = n > 0 || written > 0 ? 0 : idle + 1;
        h2_front_turn(&f->front, idle > 0 ? 1 : 0);
    }
    char rest[8];
    assert_int_equal(read_end(f, exchange, rest, sizeof rest), 0);
    assert_int_equal(taken, ECHO_LEN);
    http_exchange_close(exchange);
}

static void there_and_back(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    f->front.takes_h1 = true;
    client_begin(f, &env);
    assert_hello(f, &env);
    echo(f, &env, /* is_known */ true);
    echo(f, &env, /* is_known */ false);
    assert_int_equal(counts(f).accepted, 2);
    http_env_done(&env);
    end(f);
}

static void pauses_of_the_guest(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    char text[16];
    f->front.takes_h1 = true;
    client_begin(f, &env);
    struct http_exchange *exchange = start_stream(f, &env, "/read", -1);
    for (unsigned i = 0; i < 5; i++) {
        h2_front_turn(&f->front, 10);
        assert_int_equal(http_exchange_write(exchange, (const uint8_t *)"abc", 3), 3);
    }
    h2_front_turn(&f->front, 10);
    assert_int_equal(http_exchange_finish(exchange, NULL, 0), HTTP_OK);
    assert_int_equal(read_end(f, exchange, text, sizeof text), 0);
    assert_string_equal(text, "15");
    http_exchange_close(exchange);
    assert_int_equal(counts(f).accepted, 1);
    http_env_done(&env);
    end(f);
}

static void an_early_answer(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    char text[16];
    f->front.takes_h1 = true;
    client_begin(f, &env);
    struct http_exchange *exchange = start_stream(f, &env, "/early", -1);
    assert_int_equal(http_exchange_write(exchange, (const uint8_t *)"abc", 3), 3);
    await_head(f, exchange);
    assert_int_equal(read_end(f, exchange, text, sizeof text), 0); /* the upload is not over */
    assert_string_equal(text, "early");
    http_exchange_close(exchange);
    assert_hello(f, &env);
    http_env_done(&env);
    end(f);
}

static void a_body_given_up(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    char text[16];
    f->front.takes_h1 = true;
    client_begin(f, &env);
    struct http_exchange *exchange = start_stream(f, &env, "/read", -1);
    assert_int_equal(http_exchange_write(exchange, (const uint8_t *)"abc", 3), 3);
    for (unsigned ms = 0; ms < WAIT_MS && f->front.live == 0; ms++) {
        h2_front_turn(&f->front, 1);
    }
    http_exchange_abort(exchange);
    for (unsigned ms = 0; ms < WAIT_MS && f->front.aborts == 0; ms++) {
        h2_front_turn(&f->front, 1);
    }
    assert_int_equal(f->front.aborts, 1); /* it was not taken for whole */
    assert_int_equal(read_end(f, exchange, text, sizeof text), -EIO);
    assert_int_equal(http_exchange_error(exchange), HTTP_ABORTED);
    http_exchange_close(exchange);
    http_env_done(&env);
    end(f);
}

static void trailers(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    char text[16];
    const struct http_header *lines = NULL;
    client_begin(f, &env);
    struct http_exchange *exchange = start(f, &env, "/trailers");
    await_head(f, exchange);
    assert_int_equal(read_end(f, exchange, text, sizeof text), 0);
    assert_string_equal(text, "body");
    assert_int_equal(http_exchange_trailers(exchange, &lines), 1);
    assert_true(span_is(lines[0].name, "x-sum") && span_is(lines[0].value, "1"));
    http_exchange_close(exchange);
    http_env_done(&env);
    end(f);
}

static void a_certificate_nobody_knows(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_env env;
    char text[16];
    http_env_init(&env, f->front.loop);
    (void)http_env_open(&env);
    struct http_exchange *exchange = start(f, &env, "/");
    assert_int_equal(read_end(f, exchange, text, sizeof text), -EIO);
    assert_int_equal(http_exchange_error(exchange), HTTP_CERTIFICATE);
    http_exchange_close(exchange);
    http_env_done(&env);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_after_another),
        cmocka_unit_test(one_that_is_not_read_holds_up_no_other),
        cmocka_unit_test(given_up),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(pauses_of_the_guest),
        cmocka_unit_test(an_early_answer),
        cmocka_unit_test(a_body_given_up),
        cmocka_unit_test(trailers),
        cmocka_unit_test(a_certificate_nobody_knows),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
