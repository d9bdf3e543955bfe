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

enum { PATH_LEN = 64, WAIT_MS = 5000 };

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
    assert_int_equal(http_pool_new(f->front.loop, &f->pool, NULL), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_after_another),
        cmocka_unit_test(one_that_is_not_read_holds_up_no_other),
        cmocka_unit_test(given_up),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
