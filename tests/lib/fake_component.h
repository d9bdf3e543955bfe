/* Calls of a component's imports without a component: a guest on a real loop, and slots in the place
 * of what the engine lifts and lowers (engine/component_call.h).
 *
 *     struct fake_component *f = fake_component_new();
 *     assert_int_equal(component_fake_call(f, &wasi_random, "get-random-bytes", NUMBER(8)), 0);
 *     assert_int_equal(f->results[0].bytes.len, 8);
 *     fake_component_free(f);
 *
 * A call that parks the guest turns the loop until it is woken and then runs finish, as often as
 * needed. Arguments that are bytes are copied to the heap for the length of the call, so that a
 * pointer kept longer is found by the address sanitizer. */
#ifndef HYTHE_TESTS_LIB_FAKE_COMPONENT_H
#define HYTHE_TESTS_LIB_FAKE_COMPONENT_H

#include <stdint.h>
#include <string.h>

#include "engine/component_call.h"
#include "guest/guest.h"

enum { FAKE_COMPONENT_WAITING = -2000 /* nothing woke the call within max_wait_ms */ };

struct engine;
struct loop;

struct fake_component {
    struct loop *loop; /* owned */
    struct guest guest;
    struct engine *engine;                              /* owned */
    struct instance *instance;                          /* owned; nothing is instantiated in it */
    int max_wait_ms;                                    /* 5,000 at birth */
    unsigned waits;                                     /* how often the last call was parked */
    unsigned reports;                                   /* lines for the operator so far */
    char report[1024];                                  /* the last one */
    union component_value results[COMPONENT_SLOTS_MAX]; /* of the last call */

    /* The call under way. */
    struct component_call call;
    union component_value args[COMPONENT_SLOTS_MAX];
    uint8_t *copies[COMPONENT_SLOTS_MAX]; /* owned */
};

#define NUMBER(number_) ((const struct fake_arg){.value = {.number = (uint64_t)(number_)}})
#define TEXT(text) BYTES((text), strlen(text))
#define BYTES(data_, len_)                                                                         \
    ((const struct fake_arg){.value = {.bytes = {(const uint8_t *)(data_), (len_)}},               \
                             .is_bytes = true})
#define WORDS(items_, count_) ((const struct fake_arg){.value = {.words = {(items_), (count_)}}})
#define LIST(items_, count_) ((const struct fake_arg){.value = {.list = {(items_), (count_)}}})

struct fake_arg {
    union component_value value;
    bool is_bytes;
};

/* Make a guest with nothing granted. Fails the test when it cannot. */
struct fake_component *fake_component_new(void);
void fake_component_free(struct fake_component *f);

/* Call a function; give every slot of its arguments. 0, CALL_TRAP (fake_component_reason says why), or
 * FAKE_COMPONENT_WAITING after having ended the wait. */
#define component_fake_call(f, interface, name, ...)                                               \
    fake_component_call((f), (interface), (name), (const struct fake_arg[]){__VA_ARGS__},          \
                        sizeof((const struct fake_arg[]){__VA_ARGS__}) / sizeof(struct fake_arg))
int32_t fake_component_call(struct fake_component *f, const struct component_interface *interface,
                            const char *name, const struct fake_arg *args, size_t count);

/* The same in two steps: begin may answer CALL_WAIT, after which finish waits and ends the call. */
#define component_fake_begin(f, interface, name, ...)                                              \
    fake_component_begin((f), (interface), (name), (const struct fake_arg[]){__VA_ARGS__},         \
                         sizeof((const struct fake_arg[]){__VA_ARGS__}) / sizeof(struct fake_arg))
int32_t fake_component_begin(struct fake_component *f, const struct component_interface *interface,
                             const char *name, const struct fake_arg *args, size_t count);
int32_t fake_component_finish(struct fake_component *f);

/* Drop a handle as the guest does: 0 or CALL_TRAP. */
int32_t fake_component_drop(struct fake_component *f, const struct component_interface *interface,
                            const char *resource, uint32_t rep);

/* Why the last call trapped; "" when it did not. */
const char *fake_component_reason(const struct fake_component *f);

/* -- what packages answer with that is wasi:io's ----------------------------------------------- */

/* Is the pollable ready? */
bool fake_is_ready(struct fake_component *f, uint32_t pollable);

/* The last answer was the stream-error `closed`. */
void fake_expect_closed(const struct fake_component *f);

#endif
