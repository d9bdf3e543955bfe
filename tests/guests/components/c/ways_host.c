/*
 * Clocks, chance, standard streams, memory, and ends before their time.
 *
 *   /stdout/N, /stderr/N  writes N bytes in lines there, "hello\n" without N
 *   /stdin             reads stdin to its end: "stdin BYTES"
 *   /env               arguments, environment, directory: a line each
 *   /random/N          N random bytes
 *   /random-api        the other functions of random, insecure and insecure-seed
 *   /clocks            monotonic and wall clock, a line each
 *   /sleep/MS          waits, then answers; /sleep/MS/until by subscribe-instant
 *   /memory/N          grows by N MiB and touches it: "grown" or "refused"
 *   /secret/write      grows memory and writes a pattern there and over its own data
 *   /secret/write/trap the same, and then traps
 *   /secret/look       "seen N": where that pattern is in a memory of the same size
 *   /count             how many requests this instance has served
 *   /spin/MS           busy for so long by the clock, then answers
 *   /loop              busy for ever
 *   /trap, /trap-after-head   traps in named frames
 *   /overflow          recurses until the stack ends
 *   /exit, /exit/N     wasi:cli/exit with ok, or with that code
 */
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 64 * 1024,
    SECRET_PAGES = 32,
};

__attribute__((noinline)) static void trap_here(void)
{
    __builtin_trap();
}

/* --- standard streams --------------------------------------------------------------------------- */

static void fill(struct text *text, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        text_add_bytes(text, i % 80 == 79 || i + 1 == len ? "\n" : "o", 1);
    }
}

static void to_stream(struct exchange *exchange, own_output stream)
{
    struct text text = {0};
    stream_error err;
    uint64_t len = number_at(&exchange->rest, 0);
    if (len == 0) {
        text_add(&text, "hello\n");
    }
    fill(&text, len);
    bool good = write_all(stream, text.bytes, text.len, &err) && flush_all(stream, &err);
    if (!good) {
        wasi_io_streams_stream_error_free(&err);
    }
    wasi_io_streams_output_stream_drop_own(stream);
    text_free(&text);
    reply_line(exchange, 200, good ? "written" : "failed");
}

static void to_stdout(struct exchange *exchange)
{
    to_stream(exchange, wasi_cli_stdout_get_stdout());
}

static void to_stderr(struct exchange *exchange)
{
    to_stream(exchange, wasi_cli_stderr_get_stderr());
}

static void from_stdin(struct exchange *exchange)
{
    struct text text = {0};
    own_input stream = wasi_cli_stdin_get_stdin();
    world_list_u8_t bytes;
    stream_error err;
    uint64_t count = 0;
    while (wasi_io_streams_method_input_stream_blocking_read(
        wasi_io_streams_borrow_input_stream(stream), 4096, &bytes, &err)) {
        count += bytes.len;
        world_list_u8_free(&bytes);
    }
    wasi_io_streams_stream_error_free(&err);
    wasi_io_streams_input_stream_drop_own(stream);
    text_add(&text, "stdin %llu\n", (unsigned long long)count);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- what the guest is told --------------------------------------------------------------------- */

static void env(struct exchange *exchange)
{
    struct text text = {0};
    world_list_string_t arguments;
    wasi_cli_environment_get_arguments(&arguments);
    for (size_t i = 0; i < arguments.len; i++) {
        text_add(&text, "argument %.*s\n", (int)arguments.ptr[i].len, (char *)arguments.ptr[i].ptr);
    }
    world_list_string_free(&arguments);

    world_list_tuple2_string_string_t variables;
    wasi_cli_environment_get_environment(&variables);
    for (size_t i = 0; i < variables.len; i++) {
        text_add(&text, "variable %.*s=%.*s\n", (int)variables.ptr[i].f0.len,
                 (char *)variables.ptr[i].f0.ptr, (int)variables.ptr[i].f1.len,
                 (char *)variables.ptr[i].f1.ptr);
    }
    world_list_tuple2_string_string_free(&variables);

    world_string_t directory;
    if (wasi_cli_environment_initial_cwd(&directory)) {
        text_add(&text, "directory %.*s\n", (int)directory.len, (char *)directory.ptr);
        world_string_free(&directory);
    } else {
        text_add(&text, "directory -\n");
    }
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void random_bytes(struct exchange *exchange)
{
    world_list_u8_t bytes;
    wasi_random_random_get_random_bytes(number_at(&exchange->rest, 16), &bytes);
    struct reply reply = reply_open(exchange, 200, fields_new());
    reply_write(&reply, bytes.ptr, bytes.len);
    reply_close(&reply, NULL);
    world_list_u8_free(&bytes);
}

static void random_api(struct exchange *exchange)
{
    struct text text = {0};
    world_list_u8_t bytes;
    world_tuple2_u64_u64_t seed;
    text_add(&text, "random-u64 %s\n",
             wasi_random_random_get_random_u64() != wasi_random_random_get_random_u64() ? "ok"
                                                                                        : "FAILED");
    text_add(&text, "insecure-u64 %s\n",
             wasi_random_insecure_get_insecure_random_u64() !=
                     wasi_random_insecure_get_insecure_random_u64()
                 ? "ok"
                 : "FAILED");
    wasi_random_insecure_get_insecure_random_bytes(100, &bytes);
    text_add(&text, "insecure-bytes %s\n", bytes.len == 100 ? "ok" : "FAILED");
    world_list_u8_free(&bytes);
    wasi_random_random_get_random_bytes(0, &bytes);
    text_add(&text, "no-bytes %s\n", bytes.len == 0 ? "ok" : "FAILED");
    world_list_u8_free(&bytes);
    wasi_random_insecure_seed_insecure_seed(&seed);
    text_add(&text, "seed %016llx%016llx\n", (unsigned long long)seed.f0,
             (unsigned long long)seed.f1);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void clocks(struct exchange *exchange)
{
    struct text text = {0};
    wasi_clocks_wall_clock_datetime_t wall;
    uint64_t before = wasi_clocks_monotonic_clock_now();
    text_add(&text, "monotonic-resolution %llu\n",
             (unsigned long long)wasi_clocks_monotonic_clock_resolution());
    wasi_clocks_wall_clock_now(&wall);
    text_add(&text, "wall %llu.%09u\n", (unsigned long long)wall.seconds,
             (unsigned)wall.nanoseconds);
    wasi_clocks_wall_clock_resolution(&wall);
    text_add(&text, "wall-resolution %llu.%09u\n", (unsigned long long)wall.seconds,
             (unsigned)wall.nanoseconds);
    wait_on(wasi_clocks_monotonic_clock_subscribe_instant(before + 2000000));
    text_add(&text, "instant %s\n",
             wasi_clocks_monotonic_clock_now() >= before + 2000000 ? "ok" : "FAILED");
    before = wasi_clocks_monotonic_clock_now();
    wait_on(wasi_clocks_monotonic_clock_subscribe_duration(2000000));
    text_add(&text, "duration %s\n",
             wasi_clocks_monotonic_clock_now() >= before + 2000000 ? "ok" : "FAILED");
    wait_on(wasi_clocks_monotonic_clock_subscribe_instant(0));
    text_add(&text, "past ok\n");
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void sleep_for(struct exchange *exchange)
{
    uint64_t ms = number_at(&exchange->rest, 100);
    if (word_at(&exchange->rest, "until")) {
        wait_on(wasi_clocks_monotonic_clock_subscribe_instant(wasi_clocks_monotonic_clock_now() +
                                                              ms * 1000000));
    } else {
        sleep_ms(ms);
    }
    reply_line(exchange, 200, "slept");
}

/* --- memory ------------------------------------------------------------------------------------- */

static void memory(struct exchange *exchange)
{
    size_t pages = (size_t)number_at(&exchange->rest, 1) * (1024 * 1024 / PAGE);
    size_t before = __builtin_wasm_memory_grow(0, pages);
    if (before == SIZE_MAX) {
        reply_line(exchange, 200, "refused");
        return;
    }
    for (size_t i = before; i < before + pages; i++) {
        *(volatile char *)(i * PAGE) = 1;
    }
    reply_line(exchange, 200, "grown");
}

/* Computed, so that it is in memory only where it was written. */
static uint64_t secret_at(size_t address)
{
    uint64_t mixed = (address + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ (mixed >> 29) ^ UINT64_C(0x5ec2e75ec2e75ec2);
}

static volatile uint64_t own_data[PAGE / sizeof(uint64_t)];

static void write_secret(size_t from, size_t to)
{
    for (size_t at = from; at < to; at += sizeof(uint64_t)) {
        *(volatile uint64_t *)at = secret_at(at);
    }
}

static size_t look_for_secret(size_t from, size_t to)
{
    size_t seen = 0;
    for (size_t at = from; at < to; at += sizeof(uint64_t)) {
        seen += *(volatile uint64_t *)at == secret_at(at);
    }
    return seen;
}

static void secret(struct exchange *exchange)
{
    struct text text = {0};
    size_t old_end = __builtin_wasm_memory_size(0) * PAGE;
    size_t end = old_end + SECRET_PAGES * PAGE;
    if (__builtin_wasm_memory_grow(0, SECRET_PAGES) == SIZE_MAX) {
        reply_line(exchange, 200, "refused");
        return;
    }
    if (word_at(&exchange->rest, "write")) {
        write_secret((size_t)own_data, (size_t)own_data + sizeof(own_data));
        write_secret(old_end, end);
        if (word_at(&exchange->rest, "trap")) {
            trap_here();
        }
        text_add(&text, "written\n");
    } else {
        /* The first word is at the address NULL, which C does not let one read. */
        text_add(&text, "seen %zu\n", look_for_secret(sizeof(uint64_t), end));
    }
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void count(struct exchange *exchange)
{
    static unsigned served;
    struct text text = {0};
    text_add(&text, "%u\n", ++served);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- ends --------------------------------------------------------------------------------------- */

static void spin(struct exchange *exchange)
{
    uint64_t end = wasi_clocks_monotonic_clock_now() + number_at(&exchange->rest, 100) * 1000000;
    while (wasi_clocks_monotonic_clock_now() < end) {
    }
    reply_line(exchange, 200, "spun");
}

static void loop(struct exchange *exchange)
{
    (void)exchange;
    volatile bool always = true;
    while (always) {
    }
}

static void trap(struct exchange *exchange)
{
    (void)exchange;
    trap_here();
}

static void trap_after_head(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    stream_error err;
    reply_write(&reply, "before", 6);
    if (!flush_all(reply.stream, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    trap_here();
}

/* NOLINTNEXTLINE(misc-no-recursion): that is its purpose. */
__attribute__((noinline)) static unsigned deeper(volatile unsigned *from)
{
    volatile unsigned here[64] = {*from + 1};
    if (here[0] == 0) {
        return 0;
    }
    return deeper(here) + here[0];
}

static void overflow(struct exchange *exchange)
{
    volatile unsigned start = 0;
    if (deeper(&start) > 0) {
        reply_line(exchange, 200, "came back");
    }
}

static void leave(struct exchange *exchange)
{
    uint64_t code = number_at(&exchange->rest, 256);
    if (code < 256) {
        wasi_cli_exit_exit_with_code((uint8_t)code);
    } else {
        wasi_cli_exit_result_void_void_t good = {.is_err = false};
        wasi_cli_exit_exit(&good);
    }
}

const struct way ways_of_host[] = {
    {"stdout", to_stdout},  {"stderr", to_stderr},    {"stdin", from_stdin},
    {"env", env},           {"random", random_bytes}, {"random-api", random_api},
    {"clocks", clocks},     {"sleep", sleep_for},     {"memory", memory},
    {"secret", secret},     {"count", count},         {"spin", spin},
    {"loop", loop},         {"trap", trap},           {"trap-after-head", trap_after_head},
    {"overflow", overflow}, {"exit", leave},          {NULL, NULL},
};
