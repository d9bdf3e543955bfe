/* A component's guest with two directories, for tests of wasi:filesystem. The host's side of it is
 * fake_files.h's: TMP, and files_host_* on &x->host.
 *
 *     x->in    "/in"    writable           TMP/in
 *     x->ro    "/ro"    read-only          TMP/ro    holds file ("read only") and sub/file ("deep")
 *              outside  not granted        TMP/out   holds secret ("secret")
 *
 * Use cfiles_setup and cfiles_teardown with cmocka_unit_test_setup_teardown. */
#ifndef HYTHE_TESTS_LIB_COMPONENT_FILES_H
#define HYTHE_TESTS_LIB_COMPONENT_FILES_H

#include <stdint.h>

#include "fake_component.h"
#include "fake_files.h"
#include "imports/wasi_filesystem/filesystem.h"

struct component_files {
    struct fake_component *f;
    struct fake_files host; /* without a guest */
    uint32_t in;            /* reps of the preopens */
    uint32_t ro;
};

enum { FS_OK = -1 };

int cfiles_setup(void **state);
int cfiles_teardown(void **state);

/* What a call that answers result<_, error-code> said: FS_OK or an enum fs_error. The call itself must
 * not have trapped. */
int cfiles_result(const struct component_files *x, int32_t answer);

/* Call a method of descriptor: CFILES(x, "stat", NUMBER(rep)). */
#define CFILES(x, name, ...)                                                                       \
    cfiles_result((x), component_fake_call((x)->f, &wasi_filesystem_types,                         \
                                           "[method]descriptor." name, __VA_ARGS__))

/* The number that the last call answered ok with. */
uint64_t cfiles_number(const struct component_files *x);

/* open-at without following links. */
int cfiles_try_open(struct component_files *x, uint32_t dir, const char *path, unsigned open_flags,
                    unsigned flags);

/* The same, asserting success. Returns the rep. */
uint32_t cfiles_open(struct component_files *x, uint32_t dir, const char *path, unsigned open_flags,
                     unsigned flags);

/* Call a method of the form (self, path). */
int cfiles_on_path(struct component_files *x, const char *name, uint32_t dir, const char *path);

/* Assert the bytes that the last call answered with, in slot 1. */
void cfiles_assert_bytes(const struct component_files *x, const char *text);

void cfiles_drop(struct component_files *x, const char *resource, uint32_t rep);

/* Host descriptors that this process has open. */
unsigned cfiles_count_open(void);

#endif
