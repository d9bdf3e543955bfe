/*
 * A CGI command that says what it was told: its arguments, "arg N: TEXT", and its environment, "env
 * NAME=VALUE", a line for each, in the order it got them.
 */
#include <stdio.h>

extern char **environ;

int main(int argc, char **argv)
{
    puts("Content-Type: text/plain; charset=utf-8\n");
    for (int i = 0; i < argc; i++) {
        printf("arg %d: %s\n", i, argv[i]);
    }
    for (char **entry = environ; *entry != NULL; entry++) {
        printf("env %s\n", *entry);
    }
    return 0;
}
