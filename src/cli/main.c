/* The program: finds the sub-command and calls it.
 *
 * hythe writes of itself to stderr only, each line prefixed "hythe: "; stdout is the guest's,
 * except for what help, version and check were asked to print. */
#include "cli/commands.h"
#include "cli/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "config/options.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} cli_table[] = {
    {"run", cli_run},         {"serve", cli_serve}, {"check", cli_check},
    {"compile", cli_compile}, {"image", cli_image}, {"install", cli_install},
    {"version", cli_version}, {"help", cli_help},   {"--version", cli_version},
    {"-V", cli_version},      {"--help", cli_help}, {"-h", cli_help},
};

int cli_flush(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return 0;
    }
    log_line("cannot write to standard output");
    return EXIT_CODE_FAILED;
}

int cli_fail_usage(const struct error *err)
{
    log_line("%s", err->text);
    return err->exit != 0 ? err->exit : EXIT_CODE_USAGE;
}

int cli_fail(const char *option, hythe_error *error)
{
    int exit_code = hythe_error_exit(error);
    if (option != NULL) {
        log_line("option --%s: %s", option, hythe_error_text(error));
    } else {
        log_line("%s", hythe_error_text(error));
    }
    hythe_error_free(error);
    return exit_code;
}

static int fail_unknown(const char *word)
{
    const char *what = word[0] == '-' ? "option" : "command";
    const char *nearest = options_nearest_command(word + strspn(word, "-"));
    if (cli_module_is_name(word)) { /* somebody wants to run it */
        log_line("'%s' is no command; to run a module: hythe run %s", word, word);
    } else if (nearest != NULL) {
        log_line("unknown %s '%s'; did you mean 'hythe %s'?", what, word, nearest);
    } else if (word[0] == '-') {
        log_line("unknown option '%s'; options come after the command: hythe run [OPTIONS] MODULE",
                 word);
    } else {
        log_line("unknown command '%s'; 'hythe help' lists them", word);
    }
    return EXIT_CODE_USAGE;
}

/* Put /dev/null where a standard descriptor is closed: what is opened next would take its number,
 * and pass for the guest's. */
static int fill_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        bool is_closed = fcntl(fd, F_GETFD) < 0 && errno == EBADF;
        if (is_closed && open("/dev/null", O_RDWR) != fd) {
            log_line("descriptor %d is closed and /dev/null cannot be opened in its place", fd);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (fill_stdio() < 0) {
        return EXIT_CODE_FAILED;
    }
    if (argc < 2) {
        log_line("no command given; try 'hythe run MODULE', 'hythe check MODULE' or 'hythe help'");
        return EXIT_CODE_USAGE;
    }
    for (size_t i = 0; i < ARRAY_COUNT(cli_table); i++) {
        if (strcmp(argv[1], cli_table[i].name) == 0) {
            return cli_table[i].run(argc - 1, argv + 1);
        }
    }
    return fail_unknown(argv[1]);
}
