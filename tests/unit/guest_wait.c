/* How a guest waits: what wakes it, how often, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/guest.h"

static unsigned wakes;

static void on_wake(struct guest *guest)
{
    (void)guest;
    wakes++;
}

static int setup(void **state)
{
    struct fake_guest *f = fake_guest_new();
    f->guest.on_wake = on_wake;
    wakes = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    return 0;
}

static void turn(struct fake_guest *f, int max_wait_ms)
{
    assert_int_equal(loop_turn(f->loop, max_wait_ms), 0);
}

static void a_deadline_ends_the_wait(void **state)
{
    struct fake_guest *f = *state;
    uint64_t due = loop_clock_ns() + 10000000;
    assert_int_equal(guest_wait_begin(&f->guest, due), 0);
    assert_true(f->guest.wait.is_parked);
    while (!f->guest.wait.is_due) {
        turn(f, LOOP_NEVER);
    }
    assert_true(loop_clock_ns() >= due);
    assert_true(f->guest.wait.is_timed_out);
    assert_int_equal(wakes, 1);
    guest_wait_end(&f->guest);
    assert_false(f->guest.wait.is_parked);
}

static void without_a_deadline_only_a_wake_ends_it(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(guest_wait_begin(&f->guest, UINT64_MAX), 0);
    turn(f, 10);
    assert_false(f->guest.wait.is_due);
    guest_wake(&f->guest);
    guest_wake(&f->guest);
    assert_true(f->guest.wait.is_due);
    assert_false(f->guest.wait.is_timed_out);
    assert_int_equal(wakes, 1);
    guest_wait_end(&f->guest);
}

static void a_wake_without_a_wait_is_nothing(void **state)
{
    struct fake_guest *f = *state;
    guest_wake(&f->guest);
    assert_int_equal(wakes, 0);
    assert_false(f->guest.wait.is_due);
    guest_wait_end(&f->guest);
    guest_wait_end(&f->guest);
}

static void an_ended_wait_leaves_no_timer(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(guest_wait_begin(&f->guest, loop_clock_ns() + 1000000), 0);
    guest_wait_end(&f->guest);
    turn(f, 10);
    assert_int_equal(wakes, 0);
}

static void only_marked_directions_wake(void **state)
{
    struct fake_guest *f = *state;
    struct descriptor d = {.guest = &f->guest};
    guest_wait_mark(&f->guest, &d, LOOP_WRITE);
    assert_int_equal(guest_wait_begin(&f->guest, UINT64_MAX), 0);
    guest_wait_on_ready(&d, LOOP_READ | LOOP_HANGUP);
    assert_int_equal(wakes, 0);
    guest_wait_on_ready(&d, LOOP_WRITE);
    assert_int_equal(wakes, 1);
    guest_wait_end(&f->guest);
}

static void marks_add_up_within_a_wait_and_end_with_it(void **state)
{
    struct fake_guest *f = *state;
    struct descriptor d = {.guest = &f->guest};
    guest_wait_mark(&f->guest, &d, LOOP_WRITE);
    guest_wait_mark(&f->guest, &d, LOOP_READ);
    assert_int_equal(d.waits_for, LOOP_READ | LOOP_WRITE);
    assert_int_equal(guest_wait_begin(&f->guest, UINT64_MAX), 0);
    guest_wait_end(&f->guest);
    assert_int_equal(guest_wait_begin(&f->guest, UINT64_MAX), 0);
    guest_wait_on_ready(&d, LOOP_READ | LOOP_WRITE); /* marked for the wait before */
    assert_int_equal(wakes, 0);
    guest_wait_end(&f->guest);
    guest_wait_mark(&f->guest, &d, LOOP_READ);
    assert_int_equal(d.waits_for, LOOP_READ);
}

static void cancelled(struct guest *guest)
{
    guest->wait.value++;
    guest->wait.operation = NULL;
}

static void an_operation_is_cancelled_with_its_guest(void **state)
{
    struct loop *loop = NULL;
    struct guest guest;
    int anything = 0;
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    guest_init(&guest, loop);
    guest.wait.operation = &anything;
    guest.wait.cancel = cancelled;
    guest_done(&guest, 0 /* linger_ms */);
    assert_int_equal(guest.wait.value, 1);
    assert_null(guest.wait.cancel);
    loop_free(loop);
}

static void arguments_stand_in_a_row(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(guest_add_arg(&f->guest, "a"), 0);
    assert_int_equal(guest_add_arg(&f->guest, ""), 0);
    assert_int_equal(guest_add_arg(&f->guest, "bc"), 0);
    assert_int_equal(f->guest.arg_count, 3);
    assert_int_equal(f->guest.args.len, 6);
    assert_memory_equal(f->guest.args.data, "a\0\0bc", 6);
    assert_int_equal(f->guest.env_count, 0);
}

static void a_line_is_reported_once(void **state)
{
    struct fake_guest *f = *state;
    guest_report(&f->guest, "refused: %s", "this");
    assert_int_equal(f->reports, 1);
    assert_string_equal(f->report, "refused: this");
    guest_report(&f->guest, "refused: %s", "this");
    assert_int_equal(f->reports, 1);
    guest_report(&f->guest, "refused: %s", "that");
    assert_int_equal(f->reports, 2);
    guest_report(&f->guest, "refused: %s", "this");
    assert_int_equal(f->reports, 2);
}

/* A guest must not be able to fill the operator's disk. */
static void reports_come_to_an_end(void **state)
{
    struct fake_guest *f = *state;
    for (int i = 0; i < 10000; i++) {
        guest_report(&f->guest, "refused: %d", i);
    }
    assert_true(f->reports <= GUEST_REPORTS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_deadline_ends_the_wait),
        TEST(without_a_deadline_only_a_wake_ends_it),
        TEST(a_wake_without_a_wait_is_nothing),
        TEST(an_ended_wait_leaves_no_timer),
        TEST(only_marked_directions_wake),
        TEST(marks_add_up_within_a_wait_and_end_with_it),
        TEST(an_operation_is_cancelled_with_its_guest),
        TEST(arguments_stand_in_a_row),
        TEST(a_line_is_reported_once),
        TEST(reports_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
