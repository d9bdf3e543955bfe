/* sched_yield(): the loop gets a turn, and the guest goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/socket.h"

static void waits_once_and_succeeds(void **state)
{
    struct fake_guest *f = fake_guest_new();
    (void)state;
    uint64_t before = loop_clock_ns();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fake_call(f, &preview1_process, "sched_yield", 0), WASI_ESUCCESS);
        assert_int_equal(f->waits, 1);
    }
    assert_true(loop_clock_ns() - before < UINT64_C(5000000000));
    fake_guest_free(f);
}

/* A guest that spins on a non-blocking read with sched_yield in between must see the bytes. */
static void the_loop_sees_what_has_come(void **state)
{
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = NULL;
    int pair[2];
    uint32_t fd = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(guest_socket_wrap(&f->guest, pair[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &s),
                     0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 0, &fd), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(s->base.ready, 0);
    assert_int_equal(fake_call(f, &preview1_process, "sched_yield", 0), WASI_ESUCCESS);
    assert_true((s->base.ready & LOOP_READ) != 0);
    close(pair[1]);
    fake_guest_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_once_and_succeeds),
        cmocka_unit_test(the_loop_sees_what_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
