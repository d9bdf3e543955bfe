/* Changed files by inotify. See watch.h.
 *
 * Directories are watched, not files: editors and deployments put a new file in the place of the old
 * one. Only the names that matter count, as the access log may lie beside them. */
#include "serve/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/container.h"

enum { SETTLE_NS = 200000000, FILES_MAX = 16384, EVENTS_SIZE = 8192 };

/* What Kubernetes turns when a mounted map changes: the files' names are links through it. */
static const char turned_link[] = "..data";

static void on_events(struct loop_io *io, unsigned events);
static void on_settled(struct loop_timer *timer);

static int append(struct watch *watch, int directory, const char *name)
{
    if (watch->count == watch->cap) {
        uint32_t cap = watch->cap == 0 ? 16 : watch->cap * 2;
        struct watched_file *files = realloc(watch->files, cap * sizeof *files);
        if (files == NULL) {
            return -ENOMEM;
        }
        watch->files = files;
        watch->cap = cap;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return -ENOMEM;
    }
    watch->files[watch->count] = (struct watched_file){.directory = directory, .name = copy};
    watch->count++;
    return 0;
}

static int add(struct watch *watch, const char *path)
{
    const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR;
    if (path == NULL || watch->count >= FILES_MAX) {
        return 0;
    }
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    if (directory == NULL) {
        return -ENOMEM;
    }
    int number = inotify_add_watch(watch->io.fd, directory, mask);
    free(directory);
    if (number < 0) {
        return -errno;
    }
    return append(watch, number, slash != NULL ? slash + 1 : path);
}

int watch_set(struct watch *watch, const struct serve_config *config)
{
    watch_done(watch);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    int r = loop_io_start(watch->loop, &watch->io, fd, on_events);
    if (r < 0) {
        (void)close(fd); /* nothing was written through it */
        return r;
    }
    r = add(watch, config->path);
    for (uint32_t i = 0; r == 0 && i < config->tls.certificate_count; i++) {
        r = add(watch, config->tls.certificates[i].certificate);
        r = r == 0 ? add(watch, config->tls.certificates[i].key) : r;
    }
    if (r == 0) {
        r = add(watch, config->tls.client_ca);
    }
    for (uint32_t i = 0; r == 0 && i < config->route_count; i++) {
        r = add(watch, config->routes[i].module);
    }
    if (r < 0) {
        watch_done(watch);
    }
    return r;
}

static bool matters(const struct watch *watch, const struct inotify_event *event)
{
    if (event->len == 0) {
        return false;
    }
    for (uint32_t i = 0; i < watch->count; i++) {
        const struct watched_file *file = &watch->files[i];
        if (file->directory == event->wd &&
            (strcmp(file->name, event->name) == 0 || strcmp(turned_link, event->name) == 0)) {
            return true;
        }
    }
    return false;
}

static void on_events(struct loop_io *io, unsigned events)
{
    struct watch *watch = container_of(io, struct watch, io);
    _Alignas(struct inotify_event) char bytes[EVENTS_SIZE];
    bool has_changed = false;
    ssize_t got = 0;
    (void)events;
    while ((got = read(io->fd, bytes, sizeof bytes)) > 0) {
        for (size_t at = 0; at < (size_t)got;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            has_changed |= (event->mask & IN_Q_OVERFLOW) != 0 || matters(watch, event);
            at += sizeof *event + event->len;
        }
    }
    if (has_changed) {
        /* Again for each change, until there has been none for a while. */
        (void)loop_timer_start(watch->loop, &watch->settle, loop_clock_ns() + SETTLE_NS,
                               on_settled);
    }
}

static void on_settled(struct loop_timer *timer)
{
    struct watch *watch = container_of(timer, struct watch, settle);
    watch->on_change(watch->context);
}

void watch_done(struct watch *watch)
{
    loop_timer_stop(&watch->settle);
    if (watch->io.loop != NULL) {
        int fd = watch->io.fd;
        loop_io_stop(&watch->io);
        (void)close(fd); /* was only read */
    }
    for (uint32_t i = 0; i < watch->count; i++) {
        free(watch->files[i].name);
    }
    free(watch->files);
    watch->files = NULL;
    watch->count = 0;
    watch->cap = 0;
}
