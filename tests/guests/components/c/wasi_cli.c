/*
 * A command as C programs are, on the C library for preview1 and behind the adapter:
 *
 *   wasi_cli [--exit N] [--stdin] [--trap] [--read PATH] [--write PATH TEXT] [--list PATH]
 *
 * prints its arguments, its environment in the order it came, the time, then what it was asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern char **environ;

static void copy_file(FILE *from, FILE *to)
{
    char bytes[4096];
    size_t len;
    while ((len = fread(bytes, 1, sizeof(bytes), from)) > 0) {
        fwrite(bytes, 1, len, to);
    }
}

static int read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("read %s: %s\n", path, strerror(errno));
        return 1;
    }
    copy_file(file, stdout);
    fclose(file);
    return 0;
}

static int write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        printf("write %s: %s\n", path, strerror(errno));
        return 1;
    }
    fputs(text, file);
    return fclose(file) == 0 ? 0 : 1;
}

static int list_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        printf("list %s: %s\n", path, strerror(errno));
        return 1;
    }
    unsigned count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    printf("list %s: %u entries\n", path, count);
    closedir(directory);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 0; i < argc; i++) {
        printf("argument %s\n", argv[i]);
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        printf("variable %s\n", *variable);
    }
    printf("time %s\n", time(NULL) > 1700000000 ? "ok" : "FAILED");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--exit") == 0 && i + 1 < argc) {
            status = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--stdin") == 0) {
            copy_file(stdin, stdout);
        } else if (strcmp(argv[i], "--trap") == 0) {
            fflush(stdout);
            __builtin_trap();
        } else if (strcmp(argv[i], "--read") == 0 && i + 1 < argc) {
            status |= read_file(argv[++i]);
        } else if (strcmp(argv[i], "--write") == 0 && i + 2 < argc) {
            status |= write_file(argv[i + 1], argv[i + 2]);
            i += 2;
        } else if (strcmp(argv[i], "--list") == 0 && i + 1 < argc) {
            status |= list_directory(argv[++i]);
        }
    }
    fprintf(stderr, "on stderr\n");
    return status;
}
