/* --trace: the lines for calls of every kind of argument, byte for byte. */
#include "host/trace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"

enum { END = FAKE_MEMORY_LEN };

static uint8_t memory[FAKE_MEMORY_LEN];
static char text[16384];

/* What trace_call writes to stderr. */
static const char *trace(const struct host_func *func, const int64_t *args, int32_t answer)
{
    union call_value values[FAKE_ARGS_MAX] = {{.i64 = 0}};
    for (size_t i = 0; func->params[i] != '\0'; i++) {
        values[i].i64 = args[i];
    }
    const struct call call = {
        .func = func, .values = values, .memory = memory, .memory_len = sizeof memory};
    int pair[2];
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    trace_call(&call, answer);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    close(pair[1]);
    ssize_t len = read(pair[0], text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    close(pair[0]);
    return text;
}

#define TRACE(func, answer, ...) trace((func), (const int64_t[]){__VA_ARGS__}, (answer))

static const struct host_func path_open = {
    "path_open", "iiiiiIIii",
    "i",         "fd dirflags path path_len oflags rights_base rights_inheriting fdflags ret_fd",
    NULL,        NULL};
static const struct host_func clock_time_get = {"clock_time_get",        "iIi", "i",
                                                "id precision ret_time", NULL,  NULL};
static const struct host_func fd_write = {"fd_write", "iiii", "i", "fd iovs iovs_len ret_nwritten",
                                          NULL,       NULL};
static const struct host_func fd_seek = {"fd_seek", "iIii", "i", "fd offset whence ret_newoffset",
                                         NULL,      NULL};
static const struct host_func proc_exit = {"proc_exit", "i", "", "rval", NULL, NULL};
static const struct host_func sched_yield_func = {"sched_yield", "", "i", "", NULL, NULL};
static const struct host_func random_get = {"random_get", "ii", "i", "buf buf_len", NULL, NULL};

static void names_paths_and_flags(void **state)
{
    (void)state;
    memcpy(memory + 100, "a \"b\"\n\xc3\xa4", 8);
    memcpy(memory + 200, "\5\0\0\0", 4);
    assert_string_equal(
        TRACE(&path_open, WASI_ESUCCESS, 3, 1, 100, 8, 9, 2, 0, 4, 200),
        "hythe: path_open(fd=3, dirflags=SYMLINK_FOLLOW, path=\"a \\x22b\\x22\\x0a\xc3"
        "\xa4\", oflags=CREAT|TRUNC, rights_base=2, rights_inheriting=0, "
        "fdflags=NONBLOCK) = SUCCESS fd=5\n");
}

static void shows_no_result_of_a_failure(void **state)
{
    (void)state;
    assert_string_equal(TRACE(&path_open, WASI_ENOENT, 3, 0, 100, 1, 0x50, 0, 0, 0, 200),
                        "hythe: path_open(fd=3, dirflags=0, path=\"a\", oflags=0x10|0x40, "
                        "rights_base=0, rights_inheriting=0, fdflags=0) = NOENT\n");
}

static void prints_wide_results(void **state)
{
    (void)state;
    memcpy(memory + 64, "\1\2\3\4\5\6\7\0", 8);
    assert_string_equal(TRACE(&clock_time_get, WASI_ESUCCESS, 1, 1000, 64),
                        "hythe: clock_time_get(id=MONOTONIC, precision=1000) = SUCCESS "
                        "time=1976943448883713\n");
    assert_string_equal(TRACE(&clock_time_get, WASI_EINVAL, 9, 0, 64),
                        "hythe: clock_time_get(id=9, precision=0) = INVAL\n");
    assert_string_equal(TRACE(&fd_seek, WASI_ESUCCESS, 4, -5, 1, 64),
                        "hythe: fd_seek(fd=4, offset=-5, whence=CUR) = SUCCESS "
                        "newoffset=1976943448883713\n");
}

static void adds_vectors_up(void **state)
{
    (void)state;
    memcpy(memory + 300, "\0\0\0\0\3\0\0\0\0\0\0\0\xff\xff\xff\xff", 16);
    memcpy(memory + 64, "\7\0\0\0\0\0\0\0", 8);
    assert_string_equal(TRACE(&fd_write, WASI_ESUCCESS, 1, 300, 2, 64),
                        "hythe: fd_write(fd=1, iovs=[4294967298 bytes in 2]) = SUCCESS "
                        "nwritten=7\n");
}

static void waits_and_ends_have_their_words(void **state)
{
    (void)state;
    assert_string_equal(TRACE(&sched_yield_func, CALL_WAIT, 0), "hythe: sched_yield() waits\n");
    assert_string_equal(TRACE(&sched_yield_func, WASI_ESUCCESS, 0),
                        "hythe: sched_yield() = SUCCESS\n");
    assert_string_equal(TRACE(&proc_exit, CALL_TRAP, 7),
                        "hythe: proc_exit(rval=7) ends the guest\n");
    assert_string_equal(TRACE(&random_get, WASI_EFAULT, 16, -1),
                        "hythe: random_get(buf=0x10, buf_len=4294967295) = FAULT\n");
}

static void addresses_outside_memory_are_no_crash(void **state)
{
    static const int64_t bad[] = {END, END - 2, END + 1, 0x7fffffff, 0xfffffff8, 0xffffffff};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(
            strstr(TRACE(&path_open, WASI_ESUCCESS, 3, 1, bad[i], 8, 0, 0, 0, 0, bad[i]),
                   "(outside memory)"));
        assert_non_null(
            strstr(TRACE(&fd_write, WASI_ESUCCESS, 1, bad[i], 4, bad[i]), "(outside memory)"));
        (void)TRACE(&clock_time_get, WASI_ESUCCESS, 1, 0, bad[i]);
    }
    assert_non_null(strstr(TRACE(&fd_write, WASI_EFAULT, 1, 0, 0xffffffff, 0), "(outside memory)"));
    assert_non_null(strstr(TRACE(&path_open, WASI_EFAULT, 3, 1, 0, 0xffffffff, 0, 0, 0, 0, 0),
                           "(outside memory)"));
}

/* A guest must not be able to write on the operator's terminal. */
static void control_bytes_never_come_through(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        memory[100] = (uint8_t)byte;
        const char *line = TRACE(&path_open, WASI_ENOENT, 3, 0, 100, 1, 0, 0, 0, 0, 0);
        size_t len = strlen(line);
        for (size_t i = 0; i + 1 < len; i++) {
            assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
        }
    }
}

static void long_texts_are_cut_and_the_line_ends(void **state)
{
    (void)state;
    memset(memory + 1000, 1, 10000);
    const char *line = TRACE(&path_open, WASI_ENOENT, 3, 0, 1000, 10000, 0, 0, 0, 0, 0);
    size_t len = strlen(line);
    assert_true(len < 2100);
    assert_int_equal(line[len - 1], '\n');
    assert_non_null(strstr(line, "\\x01\"..."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_paths_and_flags),
        cmocka_unit_test(shows_no_result_of_a_failure),
        cmocka_unit_test(prints_wide_results),
        cmocka_unit_test(adds_vectors_up),
        cmocka_unit_test(waits_and_ends_have_their_words),
        cmocka_unit_test(addresses_outside_memory_are_no_crash),
        cmocka_unit_test(control_bytes_never_come_through),
        cmocka_unit_test(long_texts_are_cut_and_the_line_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
