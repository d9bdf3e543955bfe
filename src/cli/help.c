/* hythe help [COMMAND] */
#include "cli/commands.h"

#include <stdio.h>

#include "base/log.h"
#include "config/options.h"

int cli_overview(void)
{
    (void)printf("hythe: one host for every way a WebAssembly module speaks HTTP\n\n"
                 "Usage: hythe COMMAND [OPTIONS] ...\n\nCommands:\n");
    for (size_t i = 0; i < options_command_count(); i++) {
        const struct command *command = options_command(i);
        (void)printf("  %-10s%s\n", command->name, command->summary);
    }
    (void)printf("\n'hythe help COMMAND' explains a command, with examples. To begin:\n"
                 "  hythe check MODULE    says what a module is and which command runs it\n");
    return cli_flush();
}

int cli_command_help(const char *name)
{
    command_line_help(options_find_command(name), stdout);
    return cli_flush();
}

int cli_help(int argc, char **argv)
{
    struct help_options options;
    struct error err = {0};
    int r = help_options_parse(argc, argv, &options, &err);
    if (r < 0) {
        return cli_fail_usage(&err);
    }
    if (r == COMMAND_LINE_HELP) {
        return cli_command_help("help");
    }
    if (options.command == NULL) {
        return cli_overview();
    }
    if (options_find_command(options.command) != NULL) {
        return cli_command_help(options.command);
    }
    const char *nearest = options_nearest_command(options.command);
    if (nearest != NULL) {
        log_line("no command is called '%s'; did you mean 'hythe help %s'?", options.command,
                 nearest);
    } else {
        log_line("no command is called '%s'; 'hythe help' lists them", options.command);
    }
    return EXIT_CODE_USAGE;
}
