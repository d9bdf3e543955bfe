/* See sandbox.h. */
#include "sandbox.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

static const char secret[] = "nobody's business";
static char root[32];
static char inside[48];

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void path_of(char path[PATH_MAX], const char *below)
{
    must(snprintf(path, PATH_MAX, "%s/%s", root, below) < PATH_MAX);
}

static void fill_inside(void)
{
    char path[PATH_MAX];
    path_of(path, "inside");
    must(mkdir(path, 0700) == 0);
    path_of(path, "inside/d");
    must(mkdir(path, 0700) == 0);
    path_of(path, "inside/f");
    write_file(path, "hello");
    path_of(path, "inside/up");
    must(symlink("../outside", path) == 0);
    path_of(path, "inside/d/abs");
    must(symlink(root, path) == 0);
    path_of(path, "inside/d/in");
    must(symlink("../f", path) == 0);
    path_of(path, "inside/loop");
    must(symlink("loop", path) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int make_reachable(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)at;
    return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

static void remove_below(const char *path)
{
    (void)nftw(path, make_reachable, 16, FTW_PHYS); /* what it cannot reach shows below */
    must(nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH) == 0);
}

static void remove_root(void)
{
    remove_below(root);
}

void sandbox_make(void)
{
    char path[PATH_MAX];
    must(snprintf(root, sizeof root, "/tmp/hythe-fuzz-XXXXXX") < (int)sizeof root);
    must(mkdtemp(root) != NULL);
    must(snprintf(inside, sizeof inside, "%s/inside", root) < (int)sizeof inside);
    path_of(path, "outside");
    must(mkdir(path, 0700) == 0);
    path_of(path, "outside/secret");
    write_file(path, secret);
    fill_inside();
    must(atexit(remove_root) == 0);
}

const char *sandbox_inside(void)
{
    return inside;
}

static unsigned entries;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path;
    (void)st;
    (void)type;
    (void)at;
    entries++;
    return 0;
}

void sandbox_reset(void)
{
    char path[PATH_MAX];
    char text[64] = "";
    struct stat st;
    remove_below(inside);
    entries = 0;
    must(nftw(root, count_one, 16, FTW_PHYS) == 0);
    must(entries == 3); /* root, outside, secret */
    path_of(path, "outside/secret");
    must(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1);
    must((st.st_mode & 0777) == 0600);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && read(fd, text, sizeof text - 1) == (ssize_t)strlen(secret));
    must(strcmp(text, secret) == 0);
    close(fd);
    fill_inside();
}

void sandbox_check(int fd)
{
    char link[32];
    char path[PATH_MAX];
    size_t len = strlen(inside);
    must(snprintf(link, sizeof link, "/proc/self/fd/%d", fd) < (int)sizeof link);
    ssize_t got = readlink(link, path, sizeof path - 1);
    must(got > 0);
    path[got] = '\0';
    must(strncmp(path, inside, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}
