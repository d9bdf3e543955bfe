/* wasi:random: bytes and numbers of the kernel's. See random.h. */
#include "imports/wasi_random/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Fill with random bytes. 0 or a negative errno. */
static int fill(void *to, size_t len)
{
    uint8_t *bytes = to;
    for (size_t have = 0; have < len;) {
        ssize_t got = getrandom(bytes + have, len - have, 0 /* flags */);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int32_t no_chance(struct component_call *call, int r)
{
    return component_trap(call, "the kernel has no random bytes: %s", strerrordesc_np(-r));
}

static int32_t get_bytes(struct component_call *call)
{
    uint64_t len = component_u64(call, 0);
    if (len > WASI_RANDOM_MAX) {
        return component_trap(call, "%llu bytes, of %d that one call may ask for",
                              (unsigned long long)len, WASI_RANDOM_MAX);
    }
    uint8_t *bytes = component_scratch(call, (size_t)len);
    if (bytes == NULL && len > 0) {
        return component_trap(call, "out of memory");
    }
    int r = fill(bytes, (size_t)len);
    if (r < 0) {
        return no_chance(call, r);
    }
    call->results[0].bytes = (struct span){bytes, (size_t)len};
    return 0;
}

static int32_t get_numbers(struct component_call *call, unsigned count)
{
    uint64_t numbers[2];
    int r = fill(numbers, count * sizeof numbers[0]);
    if (r < 0) {
        return no_chance(call, r);
    }
    for (unsigned i = 0; i < count; i++) {
        call->results[i].number = numbers[i];
    }
    return 0;
}

static int32_t get_u64(struct component_call *call)
{
    return get_numbers(call, 1);
}

static int32_t insecure_seed(struct component_call *call)
{
    return get_numbers(call, 2);
}

static const struct component_func secure_funcs[] = {
    {"get-random-bytes", "len", get_bytes, NULL},
    {"get-random-u64", "", get_u64, NULL},
};

static const struct component_func insecure_funcs[] = {
    {"get-insecure-random-bytes", "len", get_bytes, NULL},
    {"get-insecure-random-u64", "", get_u64, NULL},
};

static const struct component_func seed_funcs[] = {
    {"insecure-seed", "", insecure_seed, NULL},
};

const struct component_interface wasi_random = {
    .name = "wasi:random/random", .funcs = secure_funcs, .func_count = ARRAY_COUNT(secure_funcs)};

const struct component_interface wasi_random_insecure = {.name = "wasi:random/insecure",
                                                         .funcs = insecure_funcs,
                                                         .func_count = ARRAY_COUNT(insecure_funcs)};

const struct component_interface wasi_random_insecure_seed = {.name = "wasi:random/insecure-seed",
                                                              .funcs = seed_funcs,
                                                              .func_count =
                                                                  ARRAY_COUNT(seed_funcs)};
