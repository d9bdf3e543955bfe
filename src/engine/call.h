/* One host call: its arguments, the guest's memory, its answer.
 *
 * The memory is looked up anew for each call and for each return to a call that waited. Nothing
 * that points into it may be kept past the function that got it. */
#ifndef HYTHE_ENGINE_CALL_H
#define HYTHE_ENGINE_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

struct instance;
struct host_func;

/* An argument or result in the engine's raw form: 16 bytes, little-endian in the low ones. */
union call_value {
    int32_t i32;
    int64_t i64;
    _Alignas(8) uint8_t v128[16];
};

struct call {
    const struct host_func *func;
    union call_value *values;  /* the arguments; the result replaces the first */
    uint8_t *memory;           /* NULL when the guest has none */
    uint64_t memory_len;       /* bytes */
    void *guest;               /* borrowed: whose call it is, as given to instance_new */
    struct instance *instance; /* borrowed */

    /* For a waiting function that answers CALL_GUEST, and for its next step. */
    const char *callee; /* an exported function (i32) -> i32; constant */
    int32_t callee_arg;
    int32_t callee_result; /* what it gave */
};

/* Answers of a host function that are no value for the guest. All others are its i32 result. */
enum {
    CALL_WAIT = -1000,  /* park the guest: finish is called when it is resumed */
    CALL_TRAP = -1001,  /* end the guest: instance_fail said why */
    CALL_GUEST = -1002, /* call the guest's `callee`, then finish with its result in
                         * callee_result; only from functions that have a finish */
};

typedef int32_t call_fn(struct call *call);

/* One row per (name, type) that a guest may import. */
struct host_func {
    const char *name;
    const char *params;  /* letters as in module.h */
    const char *results; /* "" or "i" */
    const char *args;    /* a name for each parameter, for the tracer */
    call_fn *begin;
    call_fn *finish; /* NULL for a function that never waits */
};

static inline uint32_t call_u32(const struct call *call, unsigned index)
{
    return (uint32_t)call->values[index].i32;
}

static inline uint64_t call_u64(const struct call *call, unsigned index)
{
    return (uint64_t)call->values[index].i64;
}

/* Tell whether `len` bytes at `address` lie within the guest's memory. */
static inline bool call_in_memory(const struct call *call, uint32_t address, uint64_t len)
{
    return len <= call->memory_len && address <= call->memory_len - len;
}

/* Copy from the guest. 0, or -EFAULT with nothing copied. */
int call_read(const struct call *call, uint32_t address, void *to, uint32_t len);

/* Copy to the guest. 0, or -EFAULT with nothing copied. */
int call_write(struct call *call, uint32_t address, const void *from, uint32_t len);

int call_write_u16(struct call *call, uint32_t address, uint16_t value);
int call_write_u32(struct call *call, uint32_t address, uint32_t value);
int call_write_u64(struct call *call, uint32_t address, uint64_t value);
int call_read_u32(const struct call *call, uint32_t address, uint32_t *ret_value);

/* Borrow bytes of the guest, until the function returns. 0 or -EFAULT. */
int call_span(const struct call *call, uint32_t address, uint32_t len, struct span *ret_span);

/* As call_span, to write there. */
int call_room(struct call *call, uint32_t address, uint32_t len, uint8_t **ret_bytes);

/* Little-endian fields of a guest struct that has been copied or borrowed. */
static inline uint16_t load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void store_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void store_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static inline void store_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

#endif
