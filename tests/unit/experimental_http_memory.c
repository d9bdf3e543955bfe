/* wasi_experimental_http when memory is short: each allocation of hythe's own fails once, and the
 * guest is told, or not even that, but nothing is lost and the next request works.
 *
 * Wraps: malloc calloc realloc strdup strndup asprintf
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_env.h"
#include "http_peer.h"
#include "imports/wasi_experimental_http/http.h"

enum { TRIES_MAX = 500, TEXT = 16384, COUNT = 201, SLOTS = 200, ROOM = 32768 };

static unsigned fails_at; /* the n-th allocation from now on; 0: none */
static bool has_failed;
static pthread_t guest_thread;

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *old, size_t len);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *old, size_t len);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The server's threads allocate, too, and do not count. */
static bool fails(void)
{
    if (fails_at == 0 || !pthread_equal(pthread_self(), guest_thread)) {
        return false;
    }
    fails_at--;
    has_failed = has_failed || fails_at == 0;
    return fails_at == 0;
}

void *__wrap_malloc(size_t len)
{
    bool is_guests = len > FAKE_MEMORY_LEN; /* its memory, which moves while it waits */
    return !is_guests && fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *old, size_t len)
{
    return fails() ? NULL : __real_realloc(old, len);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list args;
    if (fails()) {
        return -1;
    }
    va_start(args, format);
    int len = vasprintf(ret_text, format, args);
    va_end(args);
    return len;
}

static int32_t on_export(struct fake_guest *f, const char *name, int32_t argument)
{
    (void)f;
    (void)name;
    (void)argument;
    return ROOM;
}

static void handles(struct fake_guest *f, const char *url)
{
    if (http_env_req(f, "POST", url, "a:b\nc:d\n", "body") != 0) {
        return;
    }
    uint32_t handle = fake_u32(f, REQ_HANDLE);
    (void)fake_call(f, &experimental_http, "headers_get_all", handle, TEXT, 4096, COUNT);
    (void)fake_call(f, &experimental_http, "header_get", handle, REQ_URL, 3, TEXT, 4096, COUNT);
    (void)fake_call(f, &experimental_http, "body_read", handle, TEXT, 4096, COUNT);
    assert_int_equal(fake_call(f, &experimental_http, "close", handle), 0);
}

static void allocs(struct fake_guest *f, const char *url)
{
    static const char headers[] = "{\"abc\":\"def\"}";
    int64_t args[15] = {REQ_URL, 0, REQ_METHOD, 3, REQ_BODY, 4, REQ_HEADERS, sizeof headers - 1};
    args[1] = fake_text(f, REQ_URL, url);
    (void)fake_text(f, REQ_METHOD, "PUT");
    (void)fake_text(f, REQ_BODY, "body");
    (void)fake_text(f, REQ_HEADERS, headers);
    for (unsigned i = 8; i < 15; i++) {
        args[i] = SLOTS + i * 8;
    }
    (void)fake_call_row(f, &experimental_http, "req", "iiiiiiiiiiiiiii", args);
}

/* Run it once for each allocation that it makes, with that one failing. */
static void sweep(void (*run)(struct fake_guest *f, const char *url))
{
    struct http_peer *peer = http_peer_new();
    guest_thread = pthread_self();
    http_peer_route(peer, "/", "HTTP/1.1 302 Go\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n");
    http_peer_route(peer, "/to", "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nhi");
    bool goes_on = true;
    unsigned n = 1;
    for (; goes_on && n < TRIES_MAX; n++) {
        struct http_env env;
        struct fake_guest *f = http_env_guest(&env);
        char url[128];
        (void)snprintf(url, sizeof url, "%s", http_peer_url(peer, "/"));
        f->on_export = on_export;
        f->max_wait_ms = 20000;
        has_failed = false;
        fails_at = n;
        run(f, url);
        goes_on = has_failed;
        fails_at = 0;
        assert_int_equal(http_env_req(f, "GET", url, "", ""), 0);
        assert_int_equal(fake_u16(f, REQ_STATUS), 200);
        http_env_guest_free(&env, f);
    }
    assert_true(n > 10 && n < TRIES_MAX);
    http_peer_free(peer);
}

static void of_the_handle_family(void **state)
{
    (void)state;
    sweep(handles);
}

static void of_the_alloc_family(void **state)
{
    (void)state;
    sweep(allocs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_the_handle_family),
        cmocka_unit_test(of_the_alloc_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
