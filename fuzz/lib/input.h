/* A fuzzer's bytes, taken from the front; past their end everything is 0. */
#ifndef HYTHE_FUZZ_LIB_INPUT_H
#define HYTHE_FUZZ_LIB_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *data;
    size_t len;
};

/* What libFuzzer calls; one of each in a target. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Take up to `max` bytes. */
static inline struct input input_take(struct input *in, size_t max)
{
    struct input taken = {in->data, in->len < max ? in->len : max};
    in->data += taken.len;
    in->len -= taken.len;
    return taken;
}

/* Take a little-endian number of `size` bytes. */
static inline uint64_t input_number(struct input *in, size_t size)
{
    uint64_t number = 0;
    struct input taken = input_take(in, size);
    memcpy(&number, taken.data, taken.len);
    return number;
}

/* Copy all that is left as a string on the heap, so that a read past its end is seen. */
static inline char *input_text(struct input *in)
{
    char *text = calloc(in->len + 1, 1);
    if (text != NULL && in->len > 0) {
        memcpy(text, in->data, in->len);
    }
    return text;
}

/* State what must hold: a finding when it does not. */
static inline void must(int holds)
{
    if (!holds) {
        abort();
    }
}

#endif
