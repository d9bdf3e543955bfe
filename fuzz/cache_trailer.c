/* Files that are said to be compiled code: without the hash of their own bytes none is mapped. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cache.h"
#include "engine/engine.h"
#include "engine/module.h"
#include "input.h"

static struct engine *engine;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    (void)argc;
    (void)argv;
    must(engine_new(&options, &engine, &err) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[64];
    struct module *module = NULL;
    struct error err = {0};
    int fd = memfd_create("entry", MFD_CLOEXEC);
    must(fd >= 0 && fchmod(fd, 0600) == 0);
    must(write(fd, data, len) == (ssize_t)len);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* always fits */
    must(cache_map_file(engine, path, &module, &err) < 0);
    must(module == NULL && err.text[0] != '\0');
    close(fd);
    return 0;
}
