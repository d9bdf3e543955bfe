/*
 * A command on the bare interfaces: prints what it is told, then ends as its first argument says.
 *
 *   ok | err           returns that from run
 *   exit-ok | exit-err calls wasi:cli/exit with it
 *   exit-code N        calls exit-with-code
 *   trap               traps
 *   stdin              copies stdin to stdout by splice
 *   stdin-poll         reads stdin without blocking between polls: "stdin BYTES"
 *   sleep MS           waits on a timer
 *   stdout N           writes N bytes
 */
#include "io.h"

#include <stdlib.h>
#include <string.h>

static void print_told(struct text *text, const world_list_string_t *arguments)
{
    for (size_t i = 0; i < arguments->len; i++) {
        text_add(text, "argument %.*s\n", (int)arguments->ptr[i].len,
                 (const char *)arguments->ptr[i].ptr);
    }
    world_list_tuple2_string_string_t variables;
    wasi_cli_environment_get_environment(&variables);
    for (size_t i = 0; i < variables.len; i++) {
        text_add(text, "variable %.*s=%.*s\n", (int)variables.ptr[i].f0.len,
                 (const char *)variables.ptr[i].f0.ptr, (int)variables.ptr[i].f1.len,
                 (const char *)variables.ptr[i].f1.ptr);
    }
    world_list_tuple2_string_string_free(&variables);
    world_string_t directory;
    if (wasi_cli_environment_initial_cwd(&directory)) {
        text_add(text, "directory %.*s\n", (int)directory.len, (const char *)directory.ptr);
        world_string_free(&directory);
    }
}

static void print_terminals(struct text *text)
{
    wasi_cli_terminal_stdin_own_terminal_input_t in;
    wasi_cli_terminal_stdout_own_terminal_output_t out;
    bool there = wasi_cli_terminal_stdin_get_terminal_stdin(&in);
    text_add(text, "terminal-stdin %s\n", there ? "yes" : "no");
    if (there) {
        wasi_cli_terminal_input_terminal_input_drop_own(in);
    }
    there = wasi_cli_terminal_stdout_get_terminal_stdout(&out);
    text_add(text, "terminal-stdout %s\n", there ? "yes" : "no");
    if (there) {
        wasi_cli_terminal_output_terminal_output_drop_own(out);
    }
    there = wasi_cli_terminal_stderr_get_terminal_stderr(&out);
    text_add(text, "terminal-stderr %s\n", there ? "yes" : "no");
    if (there) {
        wasi_cli_terminal_output_terminal_output_drop_own(out);
    }
}

static void splice_stdin(void)
{
    stream_error err;
    uint64_t moved = 0;
    own_input from = wasi_cli_stdin_get_stdin();
    own_output to = wasi_cli_stdout_get_stdout();
    while (wasi_io_streams_method_output_stream_blocking_splice(
        wasi_io_streams_borrow_output_stream(to), wasi_io_streams_borrow_input_stream(from), 65536,
        &moved, &err)) {
    }
    wasi_io_streams_stream_error_free(&err);
    if (!flush_all(to, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    wasi_io_streams_output_stream_drop_own(to);
    wasi_io_streams_input_stream_drop_own(from);
}

static void poll_stdin(struct text *text)
{
    stream_error err;
    world_list_u8_t bytes;
    size_t total = 0;
    own_input from = wasi_cli_stdin_get_stdin();
    input in = wasi_io_streams_borrow_input_stream(from);
    for (;;) {
        wait_on(wasi_io_streams_method_input_stream_subscribe(in));
        if (!wasi_io_streams_method_input_stream_read(in, 65536, &bytes, &err)) {
            break;
        }
        total += bytes.len;
        world_list_u8_free(&bytes);
    }
    wasi_io_streams_stream_error_free(&err);
    wasi_io_streams_input_stream_drop_own(from);
    text_add(text, "stdin %zu\n", total);
}

static void write_much(uint64_t len)
{
    struct text text = {0};
    for (uint64_t i = 0; i < len; i++) {
        text_add_bytes(&text, i % 80 == 79 || i + 1 == len ? "\n" : "o", 1);
    }
    print_text(&text);
    text_free(&text);
}

static bool act(const char *what, const char *argument, struct text *text)
{
    wasi_cli_exit_result_void_void_t status = {.is_err = strcmp(what, "exit-err") == 0};
    bool good = true;
    if (strcmp(what, "err") == 0) {
        good = false;
    } else if (strcmp(what, "exit-ok") == 0 || strcmp(what, "exit-err") == 0) {
        wasi_cli_exit_exit(&status);
    } else if (strcmp(what, "exit-code") == 0) {
        wasi_cli_exit_exit_with_code((uint8_t)number_at(&argument, 0));
    } else if (strcmp(what, "trap") == 0) {
        __builtin_trap();
    } else if (strcmp(what, "stdin") == 0) {
        splice_stdin();
    } else if (strcmp(what, "stdin-poll") == 0) {
        poll_stdin(text);
        print_text(text);
    } else if (strcmp(what, "sleep") == 0) {
        sleep_ms(number_at(&argument, 0));
    } else if (strcmp(what, "stdout") == 0) {
        write_much(number_at(&argument, 0));
    }
    return good;
}

bool exports_wasi_cli_run_run(void)
{
    struct text text = {0};
    world_list_string_t arguments;
    wasi_cli_environment_get_arguments(&arguments);
    print_told(&text, &arguments);
    print_terminals(&text);
    print_text(&text);
    text_free(&text);

    char *what = copy_of(arguments.len > 1 ? arguments.ptr[1] : (world_string_t){0});
    char *argument = copy_of(arguments.len > 2 ? arguments.ptr[2] : (world_string_t){0});
    bool good = act(what, argument, &text);
    free(what);
    free(argument);
    text_free(&text);
    world_list_string_free(&arguments);
    return good;
}
