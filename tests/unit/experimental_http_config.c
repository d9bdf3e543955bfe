/* wasi_experimental_http: req with ten parameters and a TLS configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_env.h"
#include "http_peer.h"
#include "imports/wasi_experimental_http/http.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

enum { CONFIG = 12000 };

static const struct span plain[] = {
    BYTES(""),
    BYTES("\xc0"),
    BYTES("\x90"),
    BYTES("\x80"),
    BYTES("\x94\xc0\xc2\xc2\x90"), /* what the guest's library sends by default */
    BYTES("\x94\xc0\xc2\xc2\xdc\0\0"),
    BYTES("\x94\xc0\xc2\xc2\xdd\0\0\0\0"),
    BYTES("\x84\xa8"
          "identity\xc0\xb8"
          "accept_invalid_hostnames\xc2"
          "\xbb"
          "accept_invalid_certificates\xc2\xb7"
          "extra_root_certificates\x90"),
    BYTES("\x81\xd9\x08"
          "identity\xc0"),
};

static const struct span greedy[] = {
    BYTES("\x94\xc0\xc3\xc2\x90"), /* accept_invalid_hostnames */
    BYTES("\x94\xc0\xc2\xc3\x90"),
    BYTES("\x94\xc0\xc2\xc2\x91\x92\x00\xa1x"), /* a certificate */
    BYTES("\x94\x93\xa1k\xa1"
          "c\xa1"
          "a\xc2\xc2\x90"), /* an identity */
    BYTES("\x94\xc0\xc2\xc2\xdc\0\1"),
    BYTES("\x94\xc0\xc2\xc2\xdd\0\0\0\1"),
    BYTES("\x81\xa8"
          "identity\xa1x"),
    /* and what cannot be understood */
    BYTES("\x94\xc0\xc2\xc2"),
    BYTES("\x94\xc0\xc2\xc2\xdc\0"),
    BYTES("\x94\xc0\xc2\xc2\x90\x00"),
    BYTES("\xc0\xc0"),
    BYTES("\x81\xa8"
          "ident"),
    BYTES("\x81\xd9"),
    BYTES("\x81\xd9\x40"
          "ab"),
    BYTES("\x81\x01\xc0"),
    BYTES("\xc2"),
    BYTES("{}"),
    BYTES("\xff"),
};

static void what_asks_for_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        assert_true(ehttp_tls_config_is_plain(plain[i]));
    }
}

static void what_asks_for_something(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(greedy); i++) {
        uint8_t *exact = malloc(greedy[i].len); /* not a byte more is read */
        assert_non_null(exact);
        memcpy(exact, greedy[i].data, greedy[i].len);
        assert_false(ehttp_tls_config_is_plain((struct span){exact, greedy[i].len}));
        free(exact);
    }
}

static int32_t req(struct fake_guest *f, const char *url, uint32_t config, uint32_t config_len)
{
    uint32_t url_len = fake_text(f, REQ_URL, url);
    uint32_t method_len = fake_text(f, REQ_METHOD, "GET");
    fake_fill(f, REQ_STATUS - 5, REQ_MARK, 24);
    return fake_call_as(f, &experimental_http, "req", "iiiiiiiiiiii", REQ_URL, url_len, REQ_METHOD,
                        method_len, 1, 0, 1, 0, config, config_len, REQ_STATUS, REQ_HANDLE);
}

static void requests(void **state)
{
    (void)state;
    struct http_env env;
    struct http_peer *peer = http_peer_new();
    struct fake_guest *f = http_env_guest(&env);
    const char *url = http_peer_url(peer, "/");
    http_peer_route(peer, "/", "HTTP/1.1 204 None\r\n\r\n");
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        fake_put(f, CONFIG, plain[i].data, plain[i].len);
        assert_int_equal(req(f, url, CONFIG, (uint32_t)plain[i].len), 0);
        assert_int_equal(fake_u16(f, REQ_STATUS), 204);
        assert_int_equal(fake_u8(f, REQ_STATUS + 2), REQ_MARK);
        assert_int_equal(fake_u32(f, REQ_HANDLE), i);
    }
    assert_int_equal(f->reports, 0);
    fake_put(f, CONFIG, greedy[0].data, greedy[0].len);
    assert_int_equal(req(f, url, CONFIG, (uint32_t)greedy[0].len), EHTTP_RUNTIME);
    assert_int_equal(req(f, url, CONFIG, (uint32_t)greedy[0].len), EHTTP_RUNTIME);
    assert_int_equal(f->reports, 1); /* the operator is told once */
    assert_non_null(strstr(f->report, "TLS"));
    assert_int_equal(req(f, url, FAKE_MEMORY_LEN, 1), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(req(f, url, UINT32_MAX, 2), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(req(f, url, FAKE_MEMORY_LEN, 0), 0);
    assert_int_equal(req(f, "x", CONFIG, 5), EHTTP_INVALID_URL);
    http_env_guest_free(&env, f);
    http_peer_free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_asks_for_nothing),
        cmocka_unit_test(what_asks_for_something),
        cmocka_unit_test(requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
