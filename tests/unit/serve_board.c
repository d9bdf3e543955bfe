/* The board, and what is made of it: metrics and the status page. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "serve/board.h"
#include "serve/metrics.h"
#include "serve/status.h"

enum { SLOTS = 4 };

struct fixture {
    struct board board;
    struct board_totals totals;
    struct board_row *rows;
    struct metrics metrics;
    struct buffer text;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(board_new(&f->board, SLOTS), 0);
    f->rows = calloc(BOARD_ROUTES_MAX, sizeof *f->rows);
    f->metrics = (struct metrics){.board = &f->board, .totals = &f->totals, .rows = f->rows};
    buffer_init(&f->text, 64 << 20);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    buffer_done(&f->text);
    board_done(&f->board);
    free(f->rows);
    free(f);
    return 0;
}

static void sum(struct fixture *f)
{
    f->metrics.row_count = board_sum(&f->board, &f->totals, f->rows, BOARD_ROUTES_MAX);
}

static const char *metrics_text(struct fixture *f)
{
    sum(f);
    assert_int_equal(metrics_write(&f->metrics, &f->text), 0);
    return buffer_text(&f->text);
}

static void rows_are_found_again(void **state)
{
    struct fixture *f = *state;
    char name[BOARD_NAME_MAX];
    char number[16];
    assert_int_equal(board_row_of(&f->board, "-"), 0);
    assert_int_equal(board_row_of(&f->board, "/a"), 1);
    assert_int_equal(board_row_of(&f->board, "/b"), 2);
    assert_int_equal(board_row_of(&f->board, "/a"), 1);
    board_name(&f->board, 2, name);
    assert_string_equal(name, "/b");
    for (int i = 3; i < BOARD_ROUTES_MAX; i++) {
        (void)snprintf(number, sizeof number, "/%d", i);
        assert_int_equal(board_row_of(&f->board, number), i);
    }
    assert_int_equal(board_row_of(&f->board, "/too many"), 0);
}

static void a_long_name_is_cut(void **state)
{
    struct fixture *f = *state;
    char longer[400];
    char name[BOARD_NAME_MAX];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    uint32_t row = board_row_of(&f->board, longer);
    board_name(&f->board, row, name);
    assert_int_equal(strlen(name), BOARD_NAME_MAX - 1);
    assert_int_equal(board_row_of(&f->board, longer), row);
}

static void slots_run_out(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i < SLOTS; i++) {
        assert_int_equal(board_take_slot(&f->board), i);
    }
    assert_int_equal(board_take_slot(&f->board), 0);
    board_fold_slot(&f->board, 0); /* harmless */
    board_fold_slot(&f->board, 2);
    assert_int_equal(board_take_slot(&f->board), 2);
}

static void a_dead_workers_counts_stay_and_its_gauges_go(void **state)
{
    struct fixture *f = *state;
    uint32_t row = board_row_of(&f->board, "/a");
    for (int life = 1; life <= 3; life++) {
        uint32_t number = board_take_slot(&f->board);
        struct board_slot *slot = board_slot(&f->board, number);
        board_add(&slot->rows[row].by_class[2], 5);
        board_set(&slot->rows[row].memory_peak, (uint64_t)(4 - life));
        board_set(&slot->rows[row].running, 2);
        board_set(&slot->totals.accepted, 7);
        board_set(&slot->totals.connections[BOARD_IDLE], 9);
        sum(f);
        assert_int_equal(f->rows[row].by_class[2], 5 * life);
        assert_int_equal(f->rows[row].running, 2);
        assert_int_equal(f->totals.connections[BOARD_IDLE], 9);
        board_fold_slot(&f->board, number);
        sum(f);
        assert_int_equal(f->rows[row].by_class[2], 5 * life);
        assert_int_equal(f->rows[row].memory_peak, 3);
        assert_int_equal(f->rows[row].running, 0);
        assert_int_equal(f->totals.accepted, 7 * life);
        assert_int_equal(f->totals.connections[BOARD_IDLE], 0);
        assert_int_equal(slot->pid, 0);
        assert_int_equal(slot->rows[row].by_class[2], 0);
    }
}

static void a_worker_sees_its_own_slot_only(void **state)
{
    struct fixture *f = *state;
    uint32_t number = board_take_slot(&f->board);
    pid_t pid = fork();
    if (pid == 0) {
        struct board mine = f->board;
        struct board_slot *slot = NULL;
        void *head = mine.head;
        if (board_open_slot(&mine, number, &slot) < 0 || msync(head, 4096, MS_ASYNC) == 0) {
            _exit(1); /* the rest is still mapped */
        }
        board_add(&slot->rows[0].by_class[4], 3);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    sum(f);
    assert_int_equal(f->rows[0].by_class[4], 3);
    assert_int_equal(board_slot(&f->board, number)->pid, pid);
}

/* Whoever took over the admin process could have written to what the master trusts. */
static void a_protected_board_stays_so(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        size_t size = f->board.head->layout;
        bool is_kept = board_protect(&f->board) == 0 && f->board.head->layout == size &&
                       mprotect(f->board.head, size, PROT_READ | PROT_WRITE) < 0;
        _exit(is_kept ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_board_is_handed_on(void **state)
{
    struct fixture *f = *state;
    struct board next;
    uint32_t row = board_row_of(&f->board, "/a");
    board_slot(&f->board, 0)->rows[row].by_class[2] = 42;
    assert_int_equal(board_adopt(&next, dup(f->board.fd)), 0);
    assert_int_equal(board_row_of(&next, "/a"), row);
    assert_int_equal(board_slot(&next, 0)->rows[row].by_class[2], 42);
    board_done(&next);
}

static void what_is_no_board_is_refused(void **state)
{
    struct fixture *f = *state;
    struct board next;
    int fd = memfd_create("other", MFD_CLOEXEC);
    assert_int_equal(board_adopt(&next, dup(fd)), -EPROTO);
    assert_int_equal(ftruncate(fd, (off_t)f->board.head->layout), 0);
    assert_int_equal(board_adopt(&next, dup(fd)), -EPROTO); /* zeros */
    assert_int_equal(ftruncate(fd, (off_t)f->board.head->layout + 1), 0);
    assert_int_equal(board_adopt(&next, fd), -EPROTO);
    f->board.head->row_count = BOARD_ROUTES_MAX + 1;
    assert_int_equal(board_adopt(&next, dup(f->board.fd)), -EPROTO);
    f->board.head->row_count = 1;
}

/* -- metrics ---------------------------------------------------------------------------------- */

static void durations_fall_into_buckets(void **state)
{
    struct fixture *f = *state;
    struct board_row *row = &board_slot(&f->board, 0)->rows[board_row_of(&f->board, "/a")];
    board_count_duration(row, 0);
    board_count_duration(row, 50000);
    board_count_duration(row, 50001);
    board_count_duration(row, 3600 * UINT64_C(1000000000));
    row->by_class[2] = 4;
    const char *text = metrics_text(f);
    static const char name[] = "hythe_request_duration_seconds";
    char line[256];
    static const char *const wanted[] = {"_bucket{route=\"/a\",le=\"5e-05\"} 2\n",
                                         "_bucket{route=\"/a\",le=\"0.0001\"} 3\n",
                                         "_bucket{route=\"/a\",le=\"30\"} 3\n",
                                         "_bucket{route=\"/a\",le=\"+Inf\"} 4\n",
                                         "_count{route=\"/a\"} 4\n",
                                         "_sum{route=\"/a\"} 3600.000100001\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        (void)snprintf(line, sizeof line, "%s%s", name, wanted[i]);
        assert_non_null(strstr(text, line));
    }
}

static void labels_are_escaped(void **state)
{
    struct fixture *f = *state;
    uint32_t row = board_row_of(&f->board, "/a\"b\\c\nx");
    board_slot(&f->board, 0)->rows[row].by_class[5] = 1;
    assert_non_null(strstr(metrics_text(f),
                           "hythe_requests_total{route=\"/a\\\"b\\\\c\\nx\",code=\"5xx\"} 1\n"));
}

static void every_line_of_many_routes_fits(void **state)
{
    struct fixture *f = *state;
    char name[BOARD_NAME_MAX];
    for (int i = 1; i < BOARD_ROUTES_MAX; i++) {
        (void)snprintf(name, sizeof name, "/%d%0100d", i, 0);
        struct board_row *row = &board_slot(&f->board, 0)->rows[board_row_of(&f->board, name)];
        memset(row, 0xff, sizeof *row);
    }
    const char *text = metrics_text(f);
    assert_int_equal(text[f->text.len - 1], '\n');
}

/* -- the status page -------------------------------------------------------------------------- */

static void the_page_escapes_and_draws(void **state)
{
    struct fixture *f = *state;
    struct status *status = calloc(1, sizeof *status);
    uint32_t row = board_row_of(&f->board, "/<script>'\"&\x1b");
    for (int second = 0; second < 2 * STATUS_SAMPLES; second++) {
        board_add(&board_slot(&f->board, 0)->rows[row].by_class[2], 10);
        sum(f);
        status_take(status, &f->metrics);
    }
    assert_int_equal(status->count, STATUS_SAMPLES);
    assert_int_equal(status_write(status, &f->metrics, &f->text), 0);
    const char *page = buffer_text(&f->text);
    assert_null(strstr(page, "<script"));
    assert_non_null(strstr(page, "/&lt;script&gt;&#39;&quot;&amp;?"));
    assert_non_null(strstr(page, "<b>10/s</b>"));
    assert_non_null(strstr(page, "requests a second: now 10, at most 10 in two minutes"));
    free(status);
}

static void the_first_second_is_not_all_that_was_before(void **state)
{
    struct fixture *f = *state;
    struct status *status = calloc(1, sizeof *status);
    board_set(&board_slot(&f->board, 0)->rows[0].by_class[2], 1000000);
    sum(f);
    status_take(status, &f->metrics);
    assert_int_equal(status->all.samples[0].requests, 0);
    board_add(&board_slot(&f->board, 0)->rows[0].by_class[5], 3);
    sum(f);
    status_take(status, &f->metrics);
    assert_int_equal(status->all.samples[1].requests, 3);
    assert_int_equal(status->all.samples[1].failed, 3);
    free(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_found_again, begin, end),
        cmocka_unit_test_setup_teardown(a_long_name_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(slots_run_out, begin, end),
        cmocka_unit_test_setup_teardown(a_dead_workers_counts_stay_and_its_gauges_go, begin, end),
        cmocka_unit_test_setup_teardown(a_worker_sees_its_own_slot_only, begin, end),
        cmocka_unit_test_setup_teardown(a_protected_board_stays_so, begin, end),
        cmocka_unit_test_setup_teardown(a_board_is_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_board_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(durations_fall_into_buckets, begin, end),
        cmocka_unit_test_setup_teardown(labels_are_escaped, begin, end),
        cmocka_unit_test_setup_teardown(every_line_of_many_routes_fits, begin, end),
        cmocka_unit_test_setup_teardown(the_page_escapes_and_draws, begin, end),
        cmocka_unit_test_setup_teardown(the_first_second_is_not_all_that_was_before, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
