/*
 * A plain command: what it was given, and the exit status it is asked for.
 *
 *   hello [--exit N] [ARG...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

int main(int argc, char **argv)
{
    puts("hello");
    for (int i = 0; i < argc; i++) {
        printf("arg %d: %s\n", i, argv[i]);
    }
    for (char **entry = environ; *entry != NULL; entry++) {
        printf("env %s\n", *entry);
    }
    if (argc > 2 && strcmp(argv[1], "--exit") == 0) {
        return (int)strtol(argv[2], NULL, 10);
    }
    return 0;
}
