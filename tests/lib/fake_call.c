/* See fake_call.h. */
#include "fake_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

enum { GUARD_LEN = 4096, GUARD_BYTE = 0xa5 };

static uint8_t *memory_new(void)
{
    uint8_t *block = malloc(GUARD_LEN + FAKE_MEMORY_LEN + GUARD_LEN);
    assert_non_null(block);
    memset(block, GUARD_BYTE, GUARD_LEN);
    memset(block + GUARD_LEN, 0, FAKE_MEMORY_LEN);
    memset(block + GUARD_LEN + FAKE_MEMORY_LEN, GUARD_BYTE, GUARD_LEN);
    return block + GUARD_LEN;
}

static void memory_free(uint8_t *memory)
{
    free(memory - GUARD_LEN);
}

static void check_guards(const struct fake_guest *f)
{
    for (size_t i = 1; i <= GUARD_LEN; i++) {
        assert_int_equal((f->memory - i)[0], GUARD_BYTE);
        assert_int_equal(f->memory[FAKE_MEMORY_LEN + i - 1], GUARD_BYTE);
    }
}

static void memory_move(struct fake_guest *f)
{
    uint8_t *memory = memory_new();
    memcpy(memory, f->memory, FAKE_MEMORY_LEN);
    memory_free(f->memory);
    f->memory = memory;
    f->call.memory = memory;
}

static void on_report(struct guest *guest, const char *line)
{
    struct fake_guest *f = container_of(guest, struct fake_guest, guest);
    f->reports++;
    (void)snprintf(f->report, sizeof f->report, "%s", line); /* too long is cut */
}

struct fake_guest *fake_guest_new(void)
{
    struct fake_guest *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(loop_new(&f->loop), 0);
    guest_init(&f->guest, f->loop);
    f->guest.on_report = on_report;
    f->memory = memory_new();
    f->max_wait_ms = 5000;
    f->memory_len = FAKE_MEMORY_LEN;
    return f;
}

void fake_guest_free(struct fake_guest *f)
{
    if (f == NULL) {
        return;
    }
    guest_done(&f->guest, 0 /* linger_ms */);
    loop_free(f->loop);
    memory_free(f->memory);
    free(f);
}

const struct host_func *fake_row(const struct func_table *table, const char *name,
                                 const char *params)
{
    const struct host_func *found = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct host_func *row = &table->rows[i];
        if (strcmp(row->name, name) != 0 || (params != NULL && strcmp(row->params, params) != 0)) {
            continue;
        }
        if (found != NULL) {
            fail_msg("%s stands in the table more than once", name);
        }
        found = row;
    }
    if (found == NULL) {
        fail_msg("%s(%s) does not stand in the table", name, params == NULL ? "" : params);
    }
    return found;
}

int32_t fake_begin_row(struct fake_guest *f, const struct func_table *table, const char *name,
                       const char *params, const int64_t *args)
{
    const struct host_func *row = fake_row(table, name, params);
    size_t count = strlen(row->params);
    assert_true(count <= FAKE_ARGS_MAX);
    memset(f->values, 0xee, sizeof f->values); /* an argument that was not given is no zero */
    for (size_t i = 0; i < count; i++) {
        if (row->params[i] == 'I') {
            f->values[i].i64 = args[i];
        } else {
            f->values[i].i32 = (int32_t)(uint32_t)args[i];
        }
    }
    f->call = (struct call){.func = row,
                            .values = f->values,
                            .memory = f->memory,
                            .memory_len = f->memory_len,
                            .guest = &f->guest};
    f->waits = 0;
    f->export_calls = 0;
    int32_t answer = row->begin(&f->call);
    check_guards(f);
    return answer;
}

/* Call what the host function wants called, then let it go on. */
static int32_t call_export(struct fake_guest *f)
{
    assert_non_null(f->on_export);
    f->export_calls++;
    int32_t result = f->on_export(f, f->call.callee, f->call.callee_arg);
    memory_move(f);
    f->call.memory_len = f->memory_len;
    f->call.callee_result = result;
    int32_t answer = f->call.func->finish(&f->call);
    check_guards(f);
    return answer;
}

/* Turn the loop until the guest is woken. False when that took too long. */
static bool wait_for_wake(struct fake_guest *f)
{
    uint64_t end_ns = loop_clock_ns() + (uint64_t)f->max_wait_ms * 1000000;
    assert_true(f->guest.wait.is_parked);
    while (!f->guest.wait.is_due) {
        uint64_t now_ns = loop_clock_ns();
        if (now_ns >= end_ns) {
            return false;
        }
        int r = loop_turn(f->loop, (int)((end_ns - now_ns) / 1000000) + 1);
        assert_int_equal(r, 0);
    }
    return true;
}

int32_t fake_finish(struct fake_guest *f)
{
    int32_t answer = CALL_WAIT;
    do {
        if (answer == CALL_GUEST) {
            answer = call_export(f);
            continue;
        }
        bool woken = wait_for_wake(f);
        memory_move(f);
        guest_wait_end(&f->guest);
        f->waits++;
        if (!woken) {
            return FAKE_STILL_WAITING;
        }
        assert_non_null(f->call.func->finish);
        answer = f->call.func->finish(&f->call);
        check_guards(f);
    } while (answer == CALL_WAIT || answer == CALL_GUEST);
    return answer;
}

int32_t fake_call_row(struct fake_guest *f, const struct func_table *table, const char *name,
                      const char *params, const int64_t *args)
{
    int32_t answer = fake_begin_row(f, table, name, params, args);
    while (answer == CALL_GUEST) {
        answer = call_export(f);
    }
    return answer == CALL_WAIT ? fake_finish(f) : answer;
}

void fake_put(struct fake_guest *f, uint32_t address, const void *bytes, size_t len)
{
    assert_true(address <= FAKE_MEMORY_LEN && len <= FAKE_MEMORY_LEN - address);
    memcpy(f->memory + address, bytes, len);
}

uint32_t fake_text(struct fake_guest *f, uint32_t address, const char *text)
{
    size_t len = strlen(text);
    fake_put(f, address, text, len);
    return (uint32_t)len;
}

void fake_put_u32(struct fake_guest *f, uint32_t address, uint32_t value)
{
    fake_put(f, address, &value, sizeof value);
}

void fake_put_u64(struct fake_guest *f, uint32_t address, uint64_t value)
{
    fake_put(f, address, &value, sizeof value);
}

void fake_iov(struct fake_guest *f, uint32_t at, uint32_t address, uint32_t len)
{
    fake_put_u32(f, at, address);
    fake_put_u32(f, at + 4, len);
}

void fake_fill(struct fake_guest *f, uint32_t address, uint8_t byte, size_t len)
{
    assert_true(address <= FAKE_MEMORY_LEN && len <= FAKE_MEMORY_LEN - address);
    memset(f->memory + address, byte, len);
}

static const uint8_t *at(const struct fake_guest *f, uint32_t address, size_t len)
{
    assert_true(address <= FAKE_MEMORY_LEN && len <= FAKE_MEMORY_LEN - address);
    return f->memory + address;
}

uint8_t fake_u8(const struct fake_guest *f, uint32_t address)
{
    return *at(f, address, 1);
}

uint16_t fake_u16(const struct fake_guest *f, uint32_t address)
{
    return load_u16(at(f, address, 2));
}

uint32_t fake_u32(const struct fake_guest *f, uint32_t address)
{
    return load_u32(at(f, address, 4));
}

uint64_t fake_u64(const struct fake_guest *f, uint32_t address)
{
    return load_u64(at(f, address, 8));
}

void fake_assert_bytes(const struct fake_guest *f, uint32_t address, const void *bytes, size_t len)
{
    assert_memory_equal(at(f, address, len), bytes, len);
}
