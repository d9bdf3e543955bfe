/* Calls of host functions without an engine: a guest on a real loop and an array as its memory.
 *
 *     struct fake_guest *f = fake_guest_new();
 *     uint32_t len = fake_text(f, 100, "file.txt");
 *     int32_t e = fake_call(f, &preview1_path, "path_unlink_file", 3, 100, len);
 *     assert_int_equal(e, WASI_ENOENT);
 *     fake_guest_free(f);
 *
 * A call that has a guest's function called gets its result from on_export, and the memory moves.
 *
 * A call that parks the guest turns the loop until it is woken and then runs finish, as often as
 * needed. Memory moves to another place while a call waits, so that a pointer kept over the wait
 * is found by the address sanitizer: always go through f->memory or the helpers below, never
 * through a pointer from before the call. Guard bytes around it are checked after each call. */
#ifndef HYTHE_TESTS_LIB_FAKE_CALL_H
#define HYTHE_TESTS_LIB_FAKE_CALL_H

#include <stdint.h>

#include "engine/call.h"
#include "guest/guest.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

enum {
    FAKE_MEMORY_LEN = 64 << 10,
    FAKE_ARGS_MAX = 16,
    FAKE_STILL_WAITING = -2000, /* the answer of a call that nothing woke within max_wait_ms */
};

struct fake_guest {
    struct loop *loop; /* owned */
    struct guest guest;
    uint8_t *memory;     /* FAKE_MEMORY_LEN bytes between guards; zeroed at birth */
    int max_wait_ms;     /* how long a parked call may take; 5,000 at birth */
    unsigned waits;      /* how often the last call was parked */
    unsigned reports;    /* lines for the operator so far */
    char report[1024];   /* the last one */
    uint32_t memory_len; /* what the guest has of `memory`; FAKE_MEMORY_LEN at birth */

    /* Stands for the guest's exported functions (i32) -> i32, which a host function that answers
     * CALL_GUEST has called. It may change memory_len, as a guest may grow its memory. */
    int32_t (*on_export)(struct fake_guest *f, const char *name, int32_t argument);
    unsigned export_calls; /* during the last call */

    /* The call under way. */
    struct call call;
    union call_value values[FAKE_ARGS_MAX];
};

/* Make a guest with an empty table and nothing granted. Fails the test when it cannot. */
struct fake_guest *fake_guest_new(void);
void fake_guest_free(struct fake_guest *f);

/* Call the only row of that name, or, with `params`, the one of that name and type. Arguments are
 * int64_t; i32 parameters take their low half. Returns the result, CALL_TRAP, or
 * FAKE_STILL_WAITING after having ended the wait. The before-call flush of the host is not part
 * of this: call guest_flush where it matters. */
#define fake_call(f, table, name, ...)                                                             \
    fake_call_row((f), (table), (name), NULL /* params */, (const int64_t[]){__VA_ARGS__})
#define fake_call_as(f, table, name, params, ...)                                                  \
    fake_call_row((f), (table), (name), (params), (const int64_t[]){__VA_ARGS__})

int32_t fake_call_row(struct fake_guest *f, const struct func_table *table, const char *name,
                      const char *params, const int64_t *args);

/* The same in two steps, to do something in between: begin may answer CALL_WAIT, after which
 * fake_finish waits and ends the call. */
#define fake_begin(f, table, name, ...)                                                            \
    fake_begin_row((f), (table), (name), NULL /* params */, (const int64_t[]){__VA_ARGS__})
#define fake_begin_as(f, table, name, params, ...)                                                 \
    fake_begin_row((f), (table), (name), (params), (const int64_t[]){__VA_ARGS__})

int32_t fake_begin_row(struct fake_guest *f, const struct func_table *table, const char *name,
                       const char *params, const int64_t *args);
int32_t fake_finish(struct fake_guest *f);

/* Find a row; fails the test when there is none, or more than one without `params`. */
const struct host_func *fake_row(const struct func_table *table, const char *name,
                                 const char *params);

/* -- the guest's memory ----------------------------------------------------------------------- */

/* Put bytes, or a text without its NUL (returns its length). */
void fake_put(struct fake_guest *f, uint32_t address, const void *bytes, size_t len);
uint32_t fake_text(struct fake_guest *f, uint32_t address, const char *text);
void fake_put_u32(struct fake_guest *f, uint32_t address, uint32_t value);
void fake_put_u64(struct fake_guest *f, uint32_t address, uint64_t value);

/* Put an iovec: 8 bytes at `at`. */
void fake_iov(struct fake_guest *f, uint32_t at, uint32_t address, uint32_t len);

/* Fill with a byte, to see afterwards what was written. */
void fake_fill(struct fake_guest *f, uint32_t address, uint8_t byte, size_t len);

uint8_t fake_u8(const struct fake_guest *f, uint32_t address);
uint16_t fake_u16(const struct fake_guest *f, uint32_t address);
uint32_t fake_u32(const struct fake_guest *f, uint32_t address);
uint64_t fake_u64(const struct fake_guest *f, uint32_t address);

/* Fail the test unless exactly these bytes stand there. */
void fake_assert_bytes(const struct fake_guest *f, uint32_t address, const void *bytes, size_t len);

#endif
