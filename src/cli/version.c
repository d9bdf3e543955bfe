/* hythe version */
#include "cli/commands.h"

#include <stdio.h>

#include "config/options.h"
#include "hythe.h"

int cli_version(int argc, char **argv)
{
    struct error err = {0};
    int r = version_options_parse(argc, argv, &err);
    if (r < 0) {
        return cli_fail_usage(&err);
    }
    if (r == COMMAND_LINE_HELP) {
        return cli_command_help("version");
    }
    (void)printf("hythe %s\nengine %s\n", hythe_version(), hythe_engine_version());
    return cli_flush();
}
