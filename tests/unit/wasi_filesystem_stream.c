/* wasi:filesystem: read-via-stream, write-via-stream, append-via-stream, and filesystem-error-code. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "component_files.h"
#include "imports/wasi_io/io.h"

enum { FAILED = 0, CLOSED = 1 }; /* of stream-error */

/* Call a stream's function. FS_OK, or the case of its stream-error. */
#define STREAM(x, name, ...)                                                                       \
    stream_result((x), component_fake_call((x)->f, &wasi_io_streams, "[method]" name, __VA_ARGS__))

static int stream_result(const struct component_files *x, int32_t answer)
{
    assert_int_equal(answer, 0);
    return x->f->results[0].number == 0 ? FS_OK : (int)x->f->results[1].number;
}

static uint32_t read_via(struct component_files *x, uint32_t rep, uint64_t offset)
{
    assert_int_equal(CFILES(x, "read-via-stream", NUMBER(rep), NUMBER(offset)), FS_OK);
    return (uint32_t)cfiles_number(x);
}

static uint32_t write_via(struct component_files *x, uint32_t rep, uint64_t offset)
{
    assert_int_equal(CFILES(x, "write-via-stream", NUMBER(rep), NUMBER(offset)), FS_OK);
    return (uint32_t)cfiles_number(x);
}

static uint32_t append_via(struct component_files *x, uint32_t rep)
{
    assert_int_equal(CFILES(x, "append-via-stream", NUMBER(rep)), FS_OK);
    return (uint32_t)cfiles_number(x);
}

static void assert_reads(struct component_files *x, uint32_t stream, uint64_t len, const char *text)
{
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(stream), NUMBER(len)), FS_OK);
    cfiles_assert_bytes(x, text);
}

static int put(struct component_files *x, uint32_t stream, const char *text)
{
    return STREAM(x, "output-stream.blocking-write-and-flush", NUMBER(stream), TEXT(text));
}

/* The code that filesystem-error-code finds in the error that the last call left; -1 for none. */
static int error_code(struct component_files *x)
{
    uint32_t error = (uint32_t)x->f->results[2].number;
    assert_int_equal(x->f->results[1].number, FAILED);
    assert_int_equal(
        component_fake_call(x->f, &wasi_filesystem_types, "filesystem-error-code", NUMBER(error)),
        0);
    int code = x->f->results[0].number == 1 ? (int)x->f->results[1].number : -1;
    assert_int_equal(fake_component_drop(x->f, &wasi_io_error, "error", error), 0);
    return code;
}

static void each_reader_has_an_offset(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->ro, "file", 0, FS_READ);
    uint32_t one = read_via(x, file, 0);
    uint32_t other = read_via(x, file, 5);
    assert_reads(x, one, 4, "read");
    assert_reads(x, other, 2, "on");
    assert_reads(x, one, 1, " ");
    assert_int_equal(CFILES(x, "read", NUMBER(file), NUMBER(4), NUMBER(0)), FS_OK);
    assert_reads(x, other, 100, "ly");
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(other), NUMBER(1)), CLOSED);
    assert_int_equal(STREAM(x, "input-stream.blocking-read", NUMBER(one), NUMBER(100)), FS_OK);
    cfiles_assert_bytes(x, "only");
    assert_int_equal(x->f->waits, 0);
    uint32_t past = read_via(x, file, 1000);
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(past), NUMBER(1)), CLOSED);
    uint32_t skipper = read_via(x, file, 0);
    assert_int_equal(STREAM(x, "input-stream.skip", NUMBER(skipper), NUMBER(5)), FS_OK);
    assert_reads(x, skipper, 4, "only");
}

static void each_writer_has_an_offset(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    uint32_t one = write_via(x, file, 0);
    uint32_t other = write_via(x, file, 3);
    uint32_t reader = read_via(x, file, 0);
    assert_int_equal(put(x, one, "a"), FS_OK);
    assert_int_equal(put(x, other, "d"), FS_OK);
    assert_int_equal(put(x, one, "bc"), FS_OK);
    assert_int_equal(put(x, other, "ef"), FS_OK);
    files_host_assert(&x->host, "in/file", "abcdef");
    assert_reads(x, reader, 100, "abcdef");
    assert_int_equal(STREAM(x, "output-stream.check-write", NUMBER(one)), FS_OK);
    assert_int_equal(cfiles_number(x), IO_PERMIT_MAX);
    assert_int_equal(STREAM(x, "output-stream.write", NUMBER(one), TEXT("XY")), FS_OK);
    assert_int_equal(STREAM(x, "output-stream.write-zeroes", NUMBER(one), NUMBER(1)), FS_OK);
    assert_int_equal(STREAM(x, "output-stream.flush", NUMBER(one)), FS_OK);
    assert_int_equal(CFILES(x, "read", NUMBER(file), NUMBER(10), NUMBER(0)), FS_OK);
    assert_memory_equal(x->f->results[1].bytes.data, "abcXY\0", 6);
}

static void appending_goes_to_the_end(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "12");
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_WRITE);
    uint32_t appender = append_via(x, file);
    uint32_t other = append_via(x, file);
    uint32_t writer = write_via(x, file, 0);
    assert_int_equal(put(x, appender, "34"), FS_OK);
    assert_int_equal(put(x, other, "5"), FS_OK);
    assert_int_equal(put(x, writer, "A"), FS_OK);
    files_host_write(&x->host, "in/file", "shorter");
    assert_int_equal(put(x, appender, "6"), FS_OK);
    assert_int_equal(put(x, writer, "B"), FS_OK);
    files_host_assert(&x->host, "in/file", "sBorter6");
}

static void kinds_without_streams(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(CFILES(x, "read-via-stream", NUMBER(x->in), NUMBER(0)), FS_IS_DIRECTORY);
    assert_int_equal(CFILES(x, "write-via-stream", NUMBER(x->in), NUMBER(0)), FS_BAD_DESCRIPTOR);
    assert_int_equal(CFILES(x, "append-via-stream", NUMBER(x->in)), FS_BAD_DESCRIPTOR);
}

static void streams_outlive_their_descriptor(void **state)
{
    struct component_files *x = *state;
    unsigned before = cfiles_count_open();
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    uint32_t writer = write_via(x, file, 0);
    uint32_t appender = append_via(x, file);
    uint32_t reader = read_via(x, file, 0);
    cfiles_drop(x, "descriptor", file);
    assert_int_equal(put(x, writer, "ab"), FS_OK);
    assert_int_equal(put(x, appender, "c"), FS_OK);
    assert_reads(x, reader, 10, "abc");
    assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, "output-stream", writer), 0);
    assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, "input-stream", reader), 0);
    assert_int_equal(cfiles_count_open(), before + 1);
    assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, "output-stream", appender), 0);
    assert_int_equal(cfiles_count_open(), before);
    assert_int_equal(x->f->guest.open_files, 0);
}

static void pollables_outlive_their_stream(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    const uint32_t streams[] = {read_via(x, file, 0), write_via(x, file, 0)};
    for (size_t i = 0; i < 2; i++) {
        const char *resource = i == 0 ? "input-stream" : "output-stream";
        char name[64];
        (void)snprintf(name, sizeof name, "[method]%s.subscribe", resource);
        assert_int_equal(component_fake_call(x->f, &wasi_io_streams, name, NUMBER(streams[i])), 0);
        uint32_t pollable = (uint32_t)x->f->results[0].number;
        for (int round = 0; round < 2; round++) {
            assert_int_equal(component_fake_call(x->f, &wasi_io_poll, "[method]pollable.block",
                                                 NUMBER(pollable)),
                             0);
            assert_int_equal(x->f->waits, 0); /* a file is always ready */
            if (round == 0) {
                assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, resource, streams[i]),
                                 0);
                cfiles_drop(x, "descriptor", i == 1 ? file : cfiles_open(x, x->in, "file", 0, 0));
            }
        }
        assert_int_equal(fake_component_drop(x->f, &wasi_io_poll, "pollable", pollable), 0);
    }
    assert_int_equal(x->f->guest.open_files, 0);
}

static void failures_have_a_code(void **state)
{
    struct component_files *x = *state;
    const struct rlimit small = {.rlim_cur = 8, .rlim_max = RLIM_INFINITY};
    const struct rlimit large = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    uint32_t writer = write_via(x, file, 6);
    uint32_t past = write_via(x, file, UINT64_MAX);
    uint32_t reader = read_via(x, file, UINT64_MAX);
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(reader), NUMBER(1)), FAILED);
    assert_int_equal(error_code(x), FS_INVALID);
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(reader), NUMBER(1)), CLOSED);
    assert_int_equal(put(x, past, "x"), FAILED);
    assert_int_equal(error_code(x), FS_INVALID);
    assert_int_equal(put(x, past, "x"), CLOSED);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = put(x, writer, "1234");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &large), 0);
    assert_int_equal(result, FAILED);
    assert_int_equal(error_code(x), FS_FILE_TOO_LARGE);
    assert_int_equal(STREAM(x, "output-stream.check-write", NUMBER(writer)), CLOSED);
}

static int code_of(struct component_files *x, enum io_error_domain domain, int code)
{
    struct io_error *error = calloc(1, sizeof *error);
    uint32_t rep = 0;
    assert_non_null(error);
    resource_init(&error->base, &x->f->guest, &io_error_kind);
    error->domain = domain;
    error->code = code;
    assert_int_equal(resource_add(&error->base, &rep), 0);
    x->f->results[1].number = FAILED;
    x->f->results[2].number = rep;
    return error_code(x);
}

static void errors_of_others_have_no_code(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(code_of(x, IO_ERROR_FILE, -ENOSPC), FS_INSUFFICIENT_SPACE);
    assert_int_equal(code_of(x, IO_ERROR_FILE, -ESTALE), FS_IO);
    assert_int_equal(code_of(x, IO_ERROR_HTTP, 3), -1);
    assert_int_equal(code_of(x, IO_ERROR_SOCKET, -ECONNRESET), -1);
    assert_int_equal(code_of(x, IO_ERROR_OTHER, -EIO), -1);
}

static void pipes_are_waited_for(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    uint32_t from = cfiles_open(x, x->in, "pipe", 0, FS_READ);
    uint32_t to = cfiles_open(x, x->in, "pipe", 0, FS_WRITE);
    uint32_t reader = read_via(x, from, 0);
    uint32_t writer = append_via(x, to);
    x->f->max_wait_ms = 20;
    assert_int_equal(component_fake_call(x->f, &wasi_io_streams,
                                         "[method]input-stream.blocking-read", NUMBER(reader),
                                         NUMBER(10)),
                     FAKE_COMPONENT_WAITING);
    assert_int_equal(put(x, writer, "ping"), FS_OK);
    assert_int_equal(STREAM(x, "input-stream.blocking-read", NUMBER(reader), NUMBER(10)), FS_OK);
    cfiles_assert_bytes(x, "ping");
    cfiles_drop(x, "descriptor", to);
    assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, "output-stream", writer), 0);
    assert_int_equal(STREAM(x, "input-stream.read", NUMBER(reader), NUMBER(10)), CLOSED);
    assert_int_equal(fake_component_drop(x->f, &wasi_io_streams, "input-stream", reader), 0);
    cfiles_drop(x, "descriptor", from);
    assert_int_equal(x->f->guest.open_files, 0);
}

static void a_pipe_nobody_reads_is_closed(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    uint32_t from = cfiles_open(x, x->in, "pipe", 0, FS_READ);
    uint32_t writer = write_via(x, cfiles_open(x, x->in, "pipe", 0, FS_WRITE), 0);
    assert_int_equal(put(x, writer, "x"), FS_OK);
    cfiles_drop(x, "descriptor", from);
    assert_int_equal(put(x, writer, "x"), CLOSED);
}

static void splices_from_file_to_file(void **state)
{
    enum { LEN = 200000 };
    struct component_files *x = *state;
    static char bytes[LEN + 1];
    for (int i = 0; i < LEN; i++) {
        bytes[i] = (char)('a' + i % 23);
    }
    files_host_write(&x->host, "in/from", bytes);
    uint32_t from = read_via(x, cfiles_open(x, x->in, "from", 0, FS_READ), 0);
    uint32_t to = write_via(x, cfiles_open(x, x->in, "to", FS_CREATE, FS_WRITE), 0);
    uint64_t total = 0;
    while (STREAM(x, "output-stream.blocking-splice", NUMBER(to), NUMBER(from), NUMBER(LEN)) ==
           FS_OK) {
        assert_in_range(cfiles_number(x), 1, IO_PERMIT_MAX);
        total += cfiles_number(x);
    }
    assert_int_equal(x->f->results[1].number, CLOSED);
    assert_int_equal(total, LEN);
    uint32_t again = read_via(x, cfiles_open(x, x->in, "to", 0, FS_READ), 0);
    for (uint64_t at = 0; at < LEN; at += x->f->results[1].bytes.len) {
        assert_int_equal(STREAM(x, "input-stream.read", NUMBER(again), NUMBER(LEN)), FS_OK);
        assert_in_range(x->f->results[1].bytes.len, 1, LEN - at);
        assert_memory_equal(x->f->results[1].bytes.data, bytes + at, x->f->results[1].bytes.len);
    }
}

/* Everything is left open; the sanitizer tells what is not released. */
static void a_guest_that_leaves_everything(void **state)
{
    struct component_files *x = *state;
    uint32_t file = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    (void)read_via(x, file, 0);
    (void)write_via(x, file, 0);
    (void)append_via(x, file);
    assert_int_equal(CFILES(x, "read-directory", NUMBER(x->in)), FS_OK);
    cfiles_drop(x, "descriptor", file);
    cfiles_drop(x, "descriptor", x->in);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_reader_has_an_offset),
        TEST(each_writer_has_an_offset),
        TEST(appending_goes_to_the_end),
        TEST(kinds_without_streams),
        TEST(streams_outlive_their_descriptor),
        TEST(pollables_outlive_their_stream),
        TEST(failures_have_a_code),
        TEST(errors_of_others_have_no_code),
        TEST(pipes_are_waited_for),
        TEST(a_pipe_nobody_reads_is_closed),
        TEST(splices_from_file_to_file),
        TEST(a_guest_that_leaves_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
