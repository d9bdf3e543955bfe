/* HTTP/2 without memory: whichever allocation fails, the front goes on, and nothing is left behind.
 * Wraps: malloc calloc realloc
 * Links: nghttp2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "h2_peer.h"

enum { SWEEP_MAX = 500 };

static void send_requests(struct h2_peer *peer)
{
    static const uint8_t bytes[3000];
    h2_peer_headers(peer, H2_END_HEADERS | H2_END_STREAM, 11,
                    ":method: GET\n:scheme: http\n:authority: a\n:path: /fields\n"
                    "cookie: a=1\nx-a: 1\ncookie: b=2\n");
    h2_peer_request(peer, H2_END_STREAM, 13, "GET", "/hints");
    h2_peer_request(peer, H2_END_STREAM, 15, "GET", "/trailers");
    h2_peer_request(peer, H2_END_STREAM, 17, "GET", "/fail");
    h2_peer_request(peer, 0, 19, "POST", "/early");
    h2_peer_frame(peer, H2_DATA, 0, 1, (struct span){bytes, sizeof bytes});
    h2_peer_frame(peer, H2_DATA, 0, 3, (struct span){bytes, sizeof bytes});
    h2_peer_headers(peer, H2_END_HEADERS | H2_END_STREAM, 1, "x-a: 1\n");
}

/* True when the failure came before all was done. */
static bool run_with_failure(unsigned nth, bool fails_from_the_start)
{
    struct h2_front front;
    h2_front_init(&front);
    h2_front_begin(&front);
    struct h2_peer *peer = h2_peer_open(&front, 0);
    if (!fails_from_the_start) {
        h2_peer_request(peer, 0, 1, "POST", "/echo");
        h2_peer_request(peer, 0, 3, "POST", "/late");
        h2_peer_expect_alive(peer);
        send_requests(peer);
    }
    alloc_sweep_begin(nth);
    h2_front_turn(&front, 3);
    bool has_failed = alloc_sweep_end() == 0;
    struct h2_peer *other = h2_peer_open(&front, 0);
    h2_peer_get(other, 1, "/", "200");
    h2_peer_close(other);
    h2_peer_close(peer);
    h2_front_turn(&front, 3);
    assert_int_equal(front.live, 0);
    h2_front_end(&front);
    return has_failed;
}

static void each_allocation_of_a_connection(void **state)
{
    (void)state;
    unsigned nth = 1;
    while (run_with_failure(nth, true)) {
        nth++;
        assert_true(nth < SWEEP_MAX);
    }
    assert_true(nth > 3);
}

static void each_allocation_of_requests(void **state)
{
    (void)state;
    unsigned nth = 1;
    while (run_with_failure(nth, false)) {
        nth++;
        assert_true(nth < SWEEP_MAX);
    }
    assert_true(nth > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_connection),
        cmocka_unit_test(each_allocation_of_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
