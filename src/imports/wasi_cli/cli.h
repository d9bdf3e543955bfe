/* wasi:cli 0.2, its imports. */
#ifndef HYTHE_IMPORTS_WASI_CLI_CLI_H
#define HYTHE_IMPORTS_WASI_CLI_CLI_H

#include "imports/component.h"

extern const struct component_interface wasi_cli_environment; /* environment.c */
extern const struct component_interface wasi_cli_exit;        /* exit.c */

extern const struct component_interface wasi_cli_stdin; /* stdio.c */
extern const struct component_interface wasi_cli_stdout;
extern const struct component_interface wasi_cli_stderr;

extern const struct component_interface wasi_cli_terminal_input; /* terminal.c */
extern const struct component_interface wasi_cli_terminal_output;
extern const struct component_interface wasi_cli_terminal_stdin;
extern const struct component_interface wasi_cli_terminal_stdout;
extern const struct component_interface wasi_cli_terminal_stderr;

#endif
