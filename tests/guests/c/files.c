/*
 * A plain command that works on a preopened directory, one named step after the other.
 *
 *   files DIRECTORY [STEP...]    all steps without a STEP
 *
 * Each step prints "STEP ok" or "STEP errno N"; the exit status is the number of failed steps. A
 * test of a read-only directory asks for single steps and looks at the errno of each.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "some text\n";
static const char more[] = "and more\n";

/* An operation succeeded but what came back is wrong: an errno no host call uses. */
enum { WRONG_CONTENT = 1000 };

static int content_is(const char *path, const char *expected)
{
    char found[128] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return errno;
    }
    ssize_t n = read(fd, found, sizeof(found) - 1);
    int r = n < 0 ? errno : 0;
    close(fd);
    if (r == 0 && strcmp(found, expected) != 0) {
        r = WRONG_CONTENT;
    }
    return r;
}

static int write_to(const char *path, int flags, const char *bytes)
{
    int fd = open(path, O_WRONLY | flags, 0666);
    if (fd < 0) {
        return errno;
    }
    ssize_t n = write(fd, bytes, strlen(bytes));
    int r = n < 0 ? errno : 0;
    if (n >= 0 && (size_t)n != strlen(bytes)) {
        r = WRONG_CONTENT;
    }
    close(fd);
    return r;
}

static int step_create(void)
{
    return write_to("file", O_CREAT | O_EXCL, text);
}

static int step_read(void)
{
    return content_is("file", text);
}

static int step_append(void)
{
    int r = write_to("file", O_APPEND, more);

    return r != 0 ? r : content_is("file", "some text\nand more\n");
}

static int step_seek(void)
{
    char found[5] = "";
    int fd = open("file", O_RDONLY);
    if (fd < 0) {
        return errno;
    }
    int r = lseek(fd, -5, SEEK_END) == 14 && pread(fd, found, 4, 5) == 4 &&
                    strcmp(found, "text") == 0 && lseek(fd, 0, SEEK_CUR) == 14
                ? 0
                : WRONG_CONTENT;
    close(fd);
    return r;
}

static int step_truncate(void)
{
    int fd = open("file", O_RDWR);
    if (fd < 0) {
        return errno;
    }
    int r = ftruncate(fd, 4) < 0 ? errno : 0;
    close(fd);
    return r != 0 ? r : content_is("file", "some");
}

static int step_times(void)
{
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1500000000, .tv_nsec = 42}};
    struct stat status;

    if (utimensat(AT_FDCWD, "file", times, 0) < 0 || stat("file", &status) < 0) {
        return errno;
    }
    return status.st_mtim.tv_sec == 1500000000 && status.st_mtim.tv_nsec == 42 &&
                   status.st_size == 4
               ? 0
               : WRONG_CONTENT;
}

static int step_mkdir(void)
{
    return mkdir("folder", 0777) < 0 ? errno : 0;
}

static int step_rename(void)
{
    return rename("file", "folder/renamed") < 0 ? errno : content_is("folder/renamed", "some");
}

static int step_link(void)
{
    return link("folder/renamed", "linked") < 0 ? errno : content_is("linked", "some");
}

static int step_symlink(void)
{
    char target[64] = "";

    if (symlink("folder/renamed", "pointer") < 0 ||
        readlink("pointer", target, sizeof(target) - 1) < 0) {
        return errno;
    }
    return strcmp(target, "folder/renamed") == 0 ? content_is("pointer", "some") : WRONG_CONTENT;
}

static int step_readdir(void)
{
    /* A bit for each name that is there once all steps before this one have run. */
    unsigned seen = 0;
    DIR *directory = opendir(".");
    if (directory == NULL) {
        return errno;
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        seen |= (strcmp(entry->d_name, "folder") == 0 ? 1u : 0) |
                (strcmp(entry->d_name, "linked") == 0 ? 2u : 0) |
                (strcmp(entry->d_name, "pointer") == 0 ? 4u : 0);
    }
    int r = errno;
    closedir(directory);
    return r != 0 ? r : seen == 7 ? 0 : WRONG_CONTENT;
}

static int step_unlink(void)
{
    return unlink("pointer") < 0 || unlink("linked") < 0 || unlink("folder/renamed") < 0 ? errno
                                                                                         : 0;
}

static int step_rmdir(void)
{
    return rmdir("folder") < 0 ? errno : 0;
}

static const struct step {
    const char *name;
    int (*run)(void);
} steps[] = {
    {"create", step_create},   {"read", step_read},         {"append", step_append},
    {"seek", step_seek},       {"truncate", step_truncate}, {"times", step_times},
    {"mkdir", step_mkdir},     {"rename", step_rename},     {"link", step_link},
    {"symlink", step_symlink}, {"readdir", step_readdir},   {"unlink", step_unlink},
    {"rmdir", step_rmdir},
};

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc == 2;
}

int main(int argc, char **argv)
{
    int failures = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: files DIRECTORY [STEP...]\n");
        return 125;
    }
    if (chdir(argv[1]) < 0) {
        printf("chdir errno %d\n", errno);
        return 125;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!wanted(steps[i].name, argc, argv)) {
            continue;
        }
        int r = steps[i].run();
        if (r == 0) {
            printf("%s ok\n", steps[i].name);
        } else {
            printf("%s errno %d\n", steps[i].name, r);
            failures++;
        }
    }
    return failures;
}
