/* Paths of guests: whatever the bytes, nothing outside the directory is ever opened. */
#include <fcntl.h>
#include <unistd.h>

#include "guest/path.h"
#include "input.h"
#include "sandbox.h"

static int inside = -1;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    sandbox_make();
    inside = open(sandbox_inside(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(inside >= 0);
    return 0;
}

static void open_it(const char *path, int flags)
{
    int fd = guest_path_open(inside, path, flags, 0);
    if (fd >= 0) {
        sandbox_check(fd);
        close(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char path[GUEST_PATH_MAX];
    struct path_end end;
    struct span bytes = {data, len};
    if (guest_path_copy(bytes, path) < 0) {
        return 0;
    }
    must(strlen(path) == len && memcmp(path, data, len) == 0);
    open_it(path, O_RDONLY | O_NONBLOCK);
    open_it(path, O_PATH | O_NOFOLLOW);
    open_it(path, O_RDONLY | O_DIRECTORY);
    if (path_end_open(inside, path, &end) == 0) {
        sandbox_check(end.parent);
        must(end.name[0] != '\0' && strchr(end.name, '/') == NULL && strcmp(end.name, "..") != 0);
        must(strlen(end.name) <= NAME_MAX);
        path_end_close(&end);
    }
    return 0;
}
