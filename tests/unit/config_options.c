/* The command line: what each option fills, what is refused and in which words, help. */
#include "config/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 32, TEXT_MAX = 1024 };

/* A command line that lives as long as the options read from it. */
struct line {
    char text[TEXT_MAX];
    char *argv[WORDS_MAX + 1];
    int argc;
};

/* Split at spaces; "" stands for an empty word. */
static void split(struct line *line, const char *text)
{
    char *save = NULL;
    *line = (struct line){0};
    (void)snprintf(line->text, sizeof line->text, "%s", text);
    for (char *word = strtok_r(line->text, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        assert_true(line->argc < WORDS_MAX);
        line->argv[line->argc] = strcmp(word, "\"\"") == 0 ? word + 2 : word;
        line->argc++;
    }
}

static int parse_run(struct line *line, const char *text, struct run_options *options,
                     struct error *err)
{
    split(line, text);
    *err = (struct error){0};
    return run_options_parse(line->argc, line->argv, options, err);
}

static void run_ok(struct line *line, const char *text, struct run_options *options)
{
    struct error err;
    int r = parse_run(line, text, options, &err);
    if (r != 0) {
        fail_msg("%s: %s", text, err.text);
    }
}

/* The line is refused with exit code 2 and exactly these words. */
static void run_refused(const char *text, const char *words)
{
    struct line line;
    struct run_options options;
    struct error err;
    assert_true(parse_run(&line, text, &options, &err) < 0);
    assert_string_equal(err.text, words);
    assert_int_equal(err.exit, 2);
    run_options_done(&options);
}

static void a_bare_module_gets_the_defaults(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    run_ok(&line, "run m.wasm", &o);
    assert_string_equal(o.module, "m.wasm");
    assert_int_equal(o.arg_count, 0);
    assert_int_equal(o.workers, 1);
    assert_int_equal(o.grace_ns, UINT64_MAX);
    assert_int_equal(o.timeout_ns, 0);
    assert_int_equal(o.max_memory, 0);
    assert_int_equal(o.poll, POLL_OPTION_DEFAULT);
    assert_false(o.net);
    assert_false(o.trace);
    assert_null(o.invoke);
    run_options_done(&o);
}

static void what_follows_the_module_is_the_guests(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    run_ok(&line, "run --net m.wasm --trace -- --help", &o);
    assert_true(o.net);
    assert_false(o.trace);
    assert_int_equal(o.arg_count, 3);
    assert_string_equal(o.args[0], "--trace");
    assert_string_equal(o.args[1], "--");
    assert_string_equal(o.args[2], "--help");
    run_options_done(&o);
}

static void two_dashes_end_the_options(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    run_ok(&line, "run --trace -- -m.wasm x", &o);
    assert_string_equal(o.module, "-m.wasm");
    assert_int_equal(o.arg_count, 1);
    run_options_done(&o);
    run_ok(&line, "run - x", &o);
    assert_string_equal(o.module, "-");
    run_options_done(&o);
}

static void values_come_as_next_word_or_after_an_equals_sign(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    run_ok(
        &line,
        "run --invoke=f --argv0 name --timeout=1.5s --max-memory 64M --fuel 18446744073709551615 "
        "--workers=4 --poll=auto --max-fds 16 --cache-dir /c --grace 0 --strict-prestat m",
        &o);
    assert_string_equal(o.invoke, "f");
    assert_string_equal(o.argv0, "name");
    assert_int_equal(o.timeout_ns, 1500000000);
    assert_int_equal(o.max_memory, 64 << 20);
    assert_true(o.fuel == UINT64_MAX);
    assert_int_equal(o.workers, 4);
    assert_int_equal(o.poll, POLL_OPTION_AUTO);
    assert_int_equal(o.max_fds, 16);
    assert_string_equal(o.cache_dir, "/c");
    assert_int_equal(o.grace_ns, 0);
    assert_true(o.strict_prestat);
    run_options_done(&o);
    run_ok(&line, "run --workers auto --poll level --no-cache m", &o);
    assert_int_equal(o.workers, OPTION_WORKERS_AUTO);
    assert_int_equal(o.poll, POLL_OPTION_LEVEL);
    assert_true(o.no_cache);
    run_options_done(&o);
}

static void lists_keep_their_order_and_alias_is_the_same(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    run_ok(&line,
           "run --tcplisten :1 --listen=:2 --tcplisten :3 --allow-listen :8080 "
           "--allow-connect a:1 --allow-connect b:2 m",
           &o);
    assert_int_equal(o.tcplisten.count, 3);
    assert_string_equal(o.tcplisten.items[0], ":1");
    assert_string_equal(o.tcplisten.items[1], ":2");
    assert_string_equal(o.tcplisten.items[2], ":3");
    assert_int_equal(o.allow_listen.count, 1);
    assert_int_equal(o.allow_connect.count, 2);
    assert_string_equal(o.allow_connect.items[1], "b:2");
    run_options_done(&o);
}

static void dirs_are_split(void **state)
{
    static const struct {
        const char *value;
        const char *host;
        const char *guest;
        bool is_read_only;
    } rows[] = {
        {"data", "data", "data", false},
        {"data:ro", "data", "data", true},
        {"data::/d", "data", "/d", false},
        {"data::/d:ro", "data", "/d", true},
        {"/a:b::/c:d", "/a:b", "/c:d", false},
        {"/a/b:c", "/a/b:c", "/a/b:c", false},
        {"a::b::c", "a", "b::c", false},
        {"x:ro::/x", "x:ro", "/x", false},
        {".", ".", ".", false},
        {"ro", "ro", "ro", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct line line;
        struct run_options o;
        char text[TEXT_MAX];
        (void)snprintf(text, sizeof text, "run --dir %s m", rows[i].value);
        run_ok(&line, text, &o);
        assert_int_equal(o.dirs.count, 1);
        assert_string_equal(o.dirs.items[0].host, rows[i].host);
        assert_string_equal(o.dirs.items[0].guest, rows[i].guest);
        assert_int_equal(o.dirs.items[0].is_read_only, rows[i].is_read_only);
        run_options_done(&o);
    }
}

static void dirs_without_a_name_are_refused(void **state)
{
    static const char *const values[] = {"::", "::/x", "x::", ":ro", "x:::ro", "::/x:ro"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[TEXT_MAX];
        char words[TEXT_MAX];
        (void)snprintf(text, sizeof text, "run --dir %s m", values[i]);
        (void)snprintf(words, sizeof words,
                       "option --dir: '%s' lacks a name; write HOST, HOST::GUEST or "
                       "HOST::GUEST:ro",
                       values[i]);
        run_refused(text, words);
    }
}

static void env_is_given_or_inherited(void **state)
{
    struct line line;
    struct run_options o;
    (void)state;
    assert_int_equal(setenv("HYTHE_TEST_INHERITED", "from here", 1), 0);
    assert_int_equal(unsetenv("HYTHE_TEST_ABSENT"), 0);
    run_ok(&line, "run --env A=b=c --env B= --env HYTHE_TEST_INHERITED m", &o);
    assert_int_equal(o.env.count, 3);
    assert_string_equal(o.env.items[0].key, "A");
    assert_string_equal(o.env.items[0].value, "b=c");
    assert_string_equal(o.env.items[1].value, "");
    assert_string_equal(o.env.items[2].key, "HYTHE_TEST_INHERITED");
    assert_string_equal(o.env.items[2].value, "from here");
    run_options_done(&o);
    run_refused("run --env HYTHE_TEST_ABSENT m",
                "option --env: 'HYTHE_TEST_ABSENT' is not set here; write HYTHE_TEST_ABSENT=VALUE");
    run_refused("run --env =x m",
                "option --env: '=x' has no name; write NAME=VALUE, or NAME to inherit it");
    run_refused("run --env \"\" m",
                "option --env: '' has no name; write NAME=VALUE, or NAME to inherit it");
}

static void wrong_values_say_what_is_right(void **state)
{
    (void)state;
    run_refused("run --timeout x m", "option --timeout: 'x' is no time; write seconds, or a number "
                                     "with ms, s, m or h: 1.5s");
    run_refused("run --timeout 0 m", "option --timeout: no time at all; leave it out for no limit");
    run_refused("run --max-memory 0 m", "option --max-memory: '0' is no size; write bytes, or a "
                                        "number with K, M or G: 256M");
    run_refused("run --max-memory 99999999999G m",
                "option --max-memory: '99999999999G' is no size; write bytes, or a "
                "number with K, M or G: 256M");
    run_refused("run --fuel -1 m", "option --fuel: '-1' is no number of instructions above 0");
    run_refused("run --fuel 18446744073709551616 m",
                "option --fuel: '18446744073709551616' is no number of instructions above 0");
    run_refused("run --workers 0 m",
                "option --workers: '0' is neither 'auto' nor a number from 1 to 1024");
    run_refused("run --workers 1025 m",
                "option --workers: '1025' is neither 'auto' nor a number from 1 to 1024");
    run_refused("run --poll edge m", "option --poll: 'edge' is neither 'level' nor 'auto'");
    run_refused("run --max-fds 15 m", "option --max-fds: '15' is no number from 16 to 1048576");
    run_refused("run --invoke= m", "option --invoke: the value is empty");
    run_refused("run --tcplisten \"\" m", "option --tcplisten: the value is empty");
}

static void misuse_of_options_is_explained(void **state)
{
    (void)state;
    run_refused("run", "no module given; usage: hythe run [OPTIONS] MODULE [ARG...]");
    run_refused("run --net", "no module given; usage: hythe run [OPTIONS] MODULE [ARG...]");
    run_refused("run --net=yes m", "option --net takes no value");
    run_refused("run --dir", "option --dir needs a value: --dir HOST[::GUEST][:ro]");
    run_refused("run --invoke --net m", "option --invoke needs a value: --invoke FUNCTION");
    run_refused("run --invoke -- m", "option --invoke needs a value: --invoke FUNCTION");
    run_refused("run --fuel 1 --fuel 2 m", "option --fuel is given twice; give it once");
    run_refused("run --no-cache --cache-dir x m",
                "--no-cache and --cache-dir contradict; give one of them");
}

static void unknown_options_get_the_nearest(void **state)
{
    (void)state;
    run_refused("run --alow-listen :1 m",
                "unknown option '--alow-listen'; did you mean --allow-listen?");
    run_refused("run --tcp-listen=:1 m",
                "unknown option '--tcp-listen=:1'; did you mean --tcplisten?");
    run_refused("run --wrokers 2 m", "unknown option '--wrokers'; did you mean --workers?");
    run_refused("run --strict m", "unknown option '--strict'; did you mean --strict-prestat?");
    run_refused("run --mapdir a m", "unknown option '--mapdir'; did you mean --dir?");
    run_refused("run --quux m", "unknown option '--quux'; 'hythe help run' lists them all");
    run_refused("run -z m", "unknown option '-z'; 'hythe help run' lists them all");
    run_refused("run --= m", "unknown option '--='; 'hythe help run' lists them all");
}

static void very_long_words_are_refused_as_any_other(void **state)
{
    struct line line;
    struct run_options o;
    struct error err;
    char text[TEXT_MAX] = "run --";
    (void)state;
    memset(text + strlen(text), 'x', 600);
    assert_int_equal(parse_run(&line, text, &o, &err), -EINVAL);
    assert_int_equal(err.exit, 2);
    run_options_done(&o);
}

static void lists_have_a_limit(void **state)
{
    enum { COUNT = OPTION_LIST_MAX + 1 };
    static char *argv[COUNT + 3];
    static char option[] = "--listen=:1";
    static char run[] = "run";
    static char module[] = "m";
    struct run_options o;
    struct error err = {0};
    (void)state;
    argv[0] = run;
    for (int i = 0; i < COUNT; i++) {
        argv[1 + i] = option;
    }
    argv[1 + COUNT] = module;
    assert_int_equal(run_options_parse(COUNT + 2, argv, &o, &err), -E2BIG);
    assert_string_equal(err.text, "option --tcplisten: given more than 4096 times");
    assert_int_equal(err.exit, 2);
    run_options_done(&o);
}

static void help_wins_where_it_stands(void **state)
{
    struct line line;
    struct run_options o;
    struct error err;
    (void)state;
    assert_int_equal(parse_run(&line, "run --help", &o, &err), COMMAND_LINE_HELP);
    run_options_done(&o);
    assert_int_equal(parse_run(&line, "run --dir a -h", &o, &err), COMMAND_LINE_HELP);
    run_options_done(&o);
    assert_int_equal(parse_run(&line, "run m -h", &o, &err), 0);
    run_options_done(&o);
}

static void other_commands_take_options_anywhere(void **state)
{
    struct line line;
    struct check_options check;
    struct compile_options compile;
    struct error err = {0};
    (void)state;
    split(&line, "check a --json b");
    assert_int_equal(check_options_parse(line.argc, line.argv, &check, &err), 0);
    assert_true(check.json);
    assert_int_equal(check.module_count, 2);
    assert_string_equal(check.modules[0], "a");
    assert_string_equal(check.modules[1], "b");
    split(&line, "check -- --json");
    assert_int_equal(check_options_parse(line.argc, line.argv, &check, &err), 0);
    assert_false(check.json);
    assert_string_equal(check.modules[0], "--json");
    static const char *const lines[] = {"compile m -o x", "compile -o x m", "compile -ox m",
                                        "compile --output=x m", "compile m --output x"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        split(&line, lines[i]);
        assert_int_equal(compile_options_parse(line.argc, line.argv, &compile, &err), 0);
        assert_string_equal(compile.output, "x");
        assert_string_equal(compile.module, "m");
    }
    split(&line, "compile m");
    assert_int_equal(compile_options_parse(line.argc, line.argv, &compile, &err), 0);
    assert_null(compile.output);
    split(&line, "compile m n");
    assert_int_equal(compile_options_parse(line.argc, line.argv, &compile, &err), -EINVAL);
    assert_string_equal(err.text, "'n' is one argument too many; see 'hythe help compile'");
    assert_int_equal(err.exit, 2);
}

static void help_and_version_take_what_they_say(void **state)
{
    struct line line;
    struct help_options help;
    struct error err = {0};
    (void)state;
    split(&line, "help");
    assert_int_equal(help_options_parse(line.argc, line.argv, &help, &err), 0);
    assert_null(help.command);
    split(&line, "help run");
    assert_int_equal(help_options_parse(line.argc, line.argv, &help, &err), 0);
    assert_string_equal(help.command, "run");
    split(&line, "version x");
    assert_int_equal(version_options_parse(line.argc, line.argv, &err), -EINVAL);
    split(&line, "version");
    assert_int_equal(version_options_parse(line.argc, line.argv, &err), 0);
}

static void nearest_commands(void **state)
{
    (void)state;
    assert_string_equal(options_nearest_command("rnu"), "run");
    assert_string_equal(options_nearest_command("chek"), "check");
    assert_string_equal(options_nearest_command("compiel"), "compile");
    assert_string_equal(options_nearest_command("ver"), "version");
    assert_null(options_nearest_command("frobnicate"));
    assert_null(options_nearest_command(""));
    assert_non_null(options_find_command("serve"));
    assert_null(options_find_command("serv"));
}

/* Every option stands in the help of its command, and no line is wider than a terminal. */
static void help_shows_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < options_command_count(); i++) {
        const struct command *command = options_command(i);
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        command_line_help(command, out);
        assert_int_equal(fclose(out), 0);
        for (size_t row = 0; row < command->option_count; row++) {
            char name[64];
            (void)snprintf(name, sizeof name, "--%s", command->options[row].name);
            assert_non_null(strstr(text, name));
        }
        for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
            assert_true(strcspn(at, "\n") <= 100);
        }
        assert_non_null(strstr(text, "\nExamples:\n  hythe "));
        free(text);
    }
}

/* Each example of the help is a line the parser takes. */
static void examples_of_run_parse(void **state)
{
    const char *at = options_find_command("run")->examples;
    (void)state;
    while (*at != '\0') {
        struct line line;
        struct run_options o;
        char text[TEXT_MAX];
        size_t len = strcspn(at, "\n");
        (void)snprintf(text, sizeof text, "%.*s", (int)(len - strlen("  hythe ")),
                       at + strlen("  hythe "));
        run_ok(&line, text, &o);
        assert_non_null(strstr(o.module, ".wasm"));
        run_options_done(&o);
        at += len + 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_module_gets_the_defaults),
        cmocka_unit_test(what_follows_the_module_is_the_guests),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(values_come_as_next_word_or_after_an_equals_sign),
        cmocka_unit_test(lists_keep_their_order_and_alias_is_the_same),
        cmocka_unit_test(dirs_are_split),
        cmocka_unit_test(dirs_without_a_name_are_refused),
        cmocka_unit_test(env_is_given_or_inherited),
        cmocka_unit_test(wrong_values_say_what_is_right),
        cmocka_unit_test(misuse_of_options_is_explained),
        cmocka_unit_test(unknown_options_get_the_nearest),
        cmocka_unit_test(very_long_words_are_refused_as_any_other),
        cmocka_unit_test(lists_have_a_limit),
        cmocka_unit_test(help_wins_where_it_stands),
        cmocka_unit_test(other_commands_take_options_anywhere),
        cmocka_unit_test(help_and_version_take_what_they_say),
        cmocka_unit_test(nearest_commands),
        cmocka_unit_test(help_shows_every_option),
        cmocka_unit_test(examples_of_run_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
