/* wasi:filesystem with any arguments: a run of calls on a writable and a read-only preopen of the
 * sandbox. Whatever is asked, what is opened lies inside, nothing beside it changes, no call traps,
 * answers are ones that the engine can lower, and all is released at the end.
 *
 * The input is calls: the number of a function, then each argument: a known path or bytes as they
 * are, one of the resources made so far, or a number. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/utf8.h"
#include "engine/call.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"
#include "imports/wasi_io/io.h"
#include "input.h"
#include "sandbox.h"

enum {
    CALLS_MAX = 24,
    MADE_MAX = 64,
    FILE_MAX = 1 << 20,
    RUNS_PER_RESET = 64,
    READ_ONLY = 1, /* number of the preopen that is */
};

/* d: descriptor, e: directory-entry-stream, p: path, b: bytes, f: flags or an enum, n: number,
 * t: new-timestamp. The answer: D and E make these, S is an input or output stream, s a string, B bytes,
 * o an optional entry, '.' nothing to look at, '?' no result at all. */
static const struct {
    const char *name;
    const char *args;
    char answer;
} calls[] = {
    {"[method]descriptor.read-via-stream", "dn", 'S'},
    {"[method]descriptor.write-via-stream", "dn", 'S'},
    {"[method]descriptor.append-via-stream", "d", 'S'},
    {"[method]descriptor.advise", "dnnf", '.'},
    {"[method]descriptor.sync-data", "d", '.'},
    {"[method]descriptor.get-flags", "d", '.'},
    {"[method]descriptor.get-type", "d", '.'},
    {"[method]descriptor.set-size", "dn", '.'},
    {"[method]descriptor.set-times", "dtt", '.'},
    {"[method]descriptor.read", "dnn", 'B'},
    {"[method]descriptor.write", "dbn", '.'},
    {"[method]descriptor.read-directory", "d", 'E'},
    {"[method]descriptor.sync", "d", '.'},
    {"[method]descriptor.create-directory-at", "dp", '.'},
    {"[method]descriptor.stat", "d", '.'},
    {"[method]descriptor.stat-at", "dfp", '.'},
    {"[method]descriptor.set-times-at", "dfptt", '.'},
    {"[method]descriptor.link-at", "dfpdp", '.'},
    {"[method]descriptor.open-at", "dfpff", 'D'},
    {"[method]descriptor.readlink-at", "dp", 's'},
    {"[method]descriptor.remove-directory-at", "dp", '.'},
    {"[method]descriptor.rename-at", "dpdp", '.'},
    {"[method]descriptor.symlink-at", "dpp", '.'},
    {"[method]descriptor.unlink-file-at", "dp", '.'},
    {"[method]descriptor.is-same-object", "dd", '?'},
    {"[method]descriptor.metadata-hash", "d", '.'},
    {"[method]descriptor.metadata-hash-at", "dfp", '.'},
    {"[method]directory-entry-stream.read-directory-entry", "e", 'o'},
};

/* What the guest holds: reps by kind. */
struct made {
    uint32_t reps[MADE_MAX];
    uint32_t count;
};

struct run {
    struct guest guest;
    struct dir_source sources[2];
    struct made descriptors;
    struct made entry_streams;
    uint8_t *bytes[COMPONENT_SLOTS_MAX]; /* owned: arguments of the call under way */
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct rlimit file_size = {.rlim_cur = FILE_MAX, .rlim_max = FILE_MAX};
    (void)argc;
    (void)argv;
    must(setrlimit(RLIMIT_FSIZE, &file_size) == 0);
    sandbox_make();
    return 0;
}

/* libFuzzer puts its own handler for SIGXFSZ in place after LLVMFuzzerInitialize. */
static void ignore_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    must(sigaction(SIGXFSZ, &ignore, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0);
}

static void keep(struct made *made, uint32_t rep)
{
    must(made->count < MADE_MAX);
    made->reps[made->count] = rep;
    made->count++;
}

static uint32_t pick(struct input *in, const struct made *made)
{
    return made->reps[input_number(in, 1) % made->count];
}

static void give_preopen(struct run *run, bool read_only)
{
    struct dir_source *source = &run->sources[read_only ? READ_ONLY : 0];
    struct guest_dir *dir = NULL;
    struct error err = {0};
    uint32_t rep = 0;
    must(dir_source_open(sandbox_inside(), "/", read_only, source, &err) == 0);
    must(guest_dir_preopen_source(&run->guest, source, &dir) == 0);
    struct fs_descriptor *fs = fs_descriptor_new(&run->guest, &dir->base);
    must(fs != NULL && resource_add(&fs->base, &rep) == 0);
    keep(&run->descriptors, rep);
}

/* -- arguments -------------------------------------------------------------------------------- */

/* Bytes on the heap, so that a read past their end is seen. */
static struct span pick_bytes(struct run *run, struct input *in, unsigned slot)
{
    struct input taken = input_take(in, (size_t)input_number(in, 1));
    run->bytes[slot] = malloc(taken.len > 0 ? taken.len : 1);
    must(run->bytes[slot] != NULL);
    memcpy(run->bytes[slot], taken.data, taken.len);
    return (struct span){run->bytes[slot], taken.len};
}

/* A path is UTF-8 by the time it comes here. */
static struct span pick_path(struct run *run, struct input *in, unsigned slot)
{
    static const char *const known[] = {
        "f",     "d",     "d/",   ".",       "..",     "up",   "up/",  "up/secret",
        "d/abs", "d/in",  "loop", "new",     "new/",   "d/n",  "d/..", "../outside/secret",
        "/",     "up/..", "n/x",  "d/abs/o", "d/../f", "./f/", "",     "../inside/f",
    };
    uint64_t how = input_number(in, 1);
    if (how < sizeof known / sizeof known[0]) {
        return span_of(known[how]);
    }
    struct span path = pick_bytes(run, in, slot);
    for (size_t i = 0; i < path.len && !utf8_is_valid(path); i++) {
        run->bytes[slot][i] &= 0x7f;
    }
    return path;
}

static uint64_t pick_number(struct input *in)
{
    uint64_t how = input_number(in, 1);
    return how < 200 ? how : input_number(in, 8);
}

/* Fill in one argument from `slot` on. Returns how many slots it has. */
static unsigned put_arg(struct run *run, struct input *in, char type, unsigned slot,
                        union component_value *args)
{
    switch (type) {
    case 'd':
        args[slot].number = pick(in, &run->descriptors);
        return 1;
    case 'e':
        args[slot].number = pick(in, &run->entry_streams);
        return 1;
    case 'p':
        args[slot].bytes = pick_path(run, in, slot);
        return 1;
    case 'b':
        args[slot].bytes = pick_bytes(run, in, slot);
        return 1;
    case 'f':
        args[slot].number = input_number(in, 1);
        return 1;
    case 't':
        args[slot].number = input_number(in, 1) % 3;
        args[slot + 1].number = pick_number(in);
        args[slot + 2].number = (uint32_t)pick_number(in);
        return 3;
    default:
        args[slot].number = pick_number(in);
        return 1;
    }
}

/* -- answers ---------------------------------------------------------------------------------- */

static void check_opened(struct run *run, uint32_t rep)
{
    const struct resource *resource = resource_get(&run->guest, rep, &fs_descriptor_kind);
    must(resource != NULL);
    sandbox_check(((const struct fs_descriptor *)(const void *)resource)->d->fd);
    keep(&run->descriptors, rep);
}

static void check_answer(struct run *run, char type, const union component_value *results)
{
    if (type == '?') {
        must(results[0].number <= 1);
        return;
    }
    must(results[0].number <= 1);
    if (results[0].number == 1) {
        must(results[1].number < FS_ERRORS);
        return;
    }
    switch (type) {
    case 'D':
        check_opened(run, (uint32_t)results[1].number);
        break;
    case 'E':
        keep(&run->entry_streams, (uint32_t)results[1].number);
        break;
    case 's':
        must(utf8_is_valid(results[1].bytes) && results[1].bytes.len < GUEST_PATH_MAX);
        break;
    case 'B':
        must(results[1].bytes.len <= IO_READ_MAX && results[2].number <= 1);
        break;
    case 'o':
        must(results[1].number <= 1 && results[2].number <= FS_TYPE_SOCKET);
        must(results[1].number == 0 || utf8_is_valid(results[3].bytes));
        break;
    default:
        break;
    }
}

static const struct component_func *find_func(const char *name)
{
    for (size_t i = 0; i < wasi_filesystem_types.func_count; i++) {
        if (strcmp(wasi_filesystem_types.funcs[i].name, name) == 0) {
            return &wasi_filesystem_types.funcs[i];
        }
    }
    abort();
}

static void run_call(struct run *run, struct input *in)
{
    union component_value args[COMPONENT_SLOTS_MAX] = {{.number = 0}};
    union component_value results[COMPONENT_SLOTS_MAX] = {{.number = 0}};
    size_t chosen = (size_t)input_number(in, 1) % (ARRAY_COUNT(calls) + 1);
    if (chosen == ARRAY_COUNT(calls)) { /* a drop, of the youngest but the preopens */
        if (run->descriptors.count > 2) {
            run->descriptors.count--;
            resource_drop(&run->guest, run->descriptors.reps[run->descriptors.count]);
        }
        return;
    }
    if (calls[chosen].args[0] == 'e' && run->entry_streams.count == 0) {
        return;
    }
    unsigned slot = 0;
    for (const char *type = calls[chosen].args; *type != '\0'; type++) {
        slot += put_arg(run, in, *type, slot, args);
    }
    struct component_call call = {.func = find_func(calls[chosen].name),
                                  .args = args,
                                  .results = results,
                                  .guest = &run->guest};
    must(call.func->finish == NULL && call.func->begin(&call) == 0);
    check_answer(run, calls[chosen].answer, results);
    for (size_t i = 0; i < COMPONENT_SLOTS_MAX; i++) {
        free(run->bytes[i]);
        run->bytes[i] = NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static unsigned runs;
    struct input in = {data, len};
    struct loop *loop = NULL;
    struct run run = {.descriptors = {.count = 0}};
    if (runs == 0) {
        ignore_signals();
    }
    must(loop_new(&loop) == 0);
    guest_init(&run.guest, loop);
    give_preopen(&run, false);
    give_preopen(&run, true);
    for (int i = 0; i < CALLS_MAX && in.len > 0; i++) {
        run_call(&run, &in);
    }
    guest_done(&run.guest, 0 /* linger_ms */);
    must(run.guest.open_files == 0);
    dir_source_close(&run.sources[0]);
    dir_source_close(&run.sources[1]);
    loop_free(loop);
    runs++;
    if (runs % RUNS_PER_RESET == 0) {
        sandbox_reset();
    }
    return 0;
}
