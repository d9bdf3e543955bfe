/* See fake_component.h. */
#include "fake_component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "imports/wasi_io/io.h"
#include "loop/loop.h"

static void on_report(struct guest *guest, const char *line)
{
    struct fake_component *f = container_of(guest, struct fake_component, guest);
    f->reports++;
    (void)snprintf(f->report, sizeof f->report, "%s", line); /* too long is cut */
}

/* A store of its own for each call: a reason to end the guest is said once in a store's life. */
static void renew_instance(struct fake_component *f)
{
    const struct instance_options options = {.guest = &f->guest};
    struct error err;
    instance_free(f->instance);
    assert_int_equal(instance_new(f->engine, &options, &f->instance, &err), 0);
}

struct fake_component *fake_component_new(void)
{
    const struct engine_options options = {.serial = true};
    struct error err;
    struct fake_component *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(engine_new(&options, &f->engine, &err), 0);
    guest_init(&f->guest, f->loop);
    f->guest.on_report = on_report;
    f->max_wait_ms = 5000;
    renew_instance(f);
    return f;
}

static void free_copies(struct fake_component *f)
{
    for (size_t i = 0; i < COMPONENT_SLOTS_MAX; i++) {
        free(f->copies[i]);
        f->copies[i] = NULL;
    }
}

void fake_component_free(struct fake_component *f)
{
    if (f == NULL) {
        return;
    }
    free_copies(f);
    instance_free(f->instance);
    guest_done(&f->guest, 0 /* linger_ms */);
    engine_free(f->engine);
    loop_free(f->loop);
    free(f);
}

static const struct component_func *find_func(const struct component_interface *interface,
                                              const char *name)
{
    for (size_t i = 0; i < interface->func_count; i++) {
        if (strcmp(interface->funcs[i].name, name) == 0) {
            return &interface->funcs[i];
        }
    }
    fail_msg("%s has no function %s", interface->name, name);
    return NULL;
}

static void take_arg(struct fake_component *f, size_t index, const struct fake_arg *arg)
{
    f->args[index] = arg->value;
    if (arg->is_bytes) {
        struct span bytes = arg->value.bytes;
        f->copies[index] = malloc(bytes.len > 0 ? bytes.len : 1);
        assert_non_null(f->copies[index]);
        if (bytes.len > 0) {
            memcpy(f->copies[index], bytes.data, bytes.len);
        }
        f->args[index].bytes.data = f->copies[index];
    }
}

static int32_t answered(struct fake_component *f, int32_t answer)
{
    if (answer != CALL_WAIT) {
        free_copies(f);
    }
    return answer;
}

int32_t fake_component_begin(struct fake_component *f, const struct component_interface *interface,
                             const char *name, const struct fake_arg *args, size_t count)
{
    const struct component_func *func = find_func(interface, name);
    assert_true(count <= COMPONENT_SLOTS_MAX);
    if (instance_fail_reason(f->instance) != NULL) {
        renew_instance(f);
    }
    memset(f->args, 0xee, sizeof f->args); /* an argument that was not given is no zero */
    memset(f->results, 0, sizeof f->results);
    for (size_t i = 0; i < count; i++) {
        take_arg(f, i, &args[i]);
    }
    f->call = (struct component_call){.func = func,
                                      .args = f->args,
                                      .results = f->results,
                                      .guest = &f->guest,
                                      .instance = f->instance};
    f->waits = 0;
    return answered(f, func->begin(&f->call));
}

struct patience {
    struct loop_timer timer;
    bool is_over;
};

static void on_patience(struct loop_timer *timer)
{
    container_of(timer, struct patience, timer)->is_over = true;
}

/* Turn the loop until the guest is woken. False when that took too long. */
static bool await_wake(struct fake_component *f)
{
    struct patience patience = {.is_over = false};
    uint64_t due_ns = loop_clock_ns() + (uint64_t)f->max_wait_ms * 1000000U;
    assert_int_equal(loop_timer_start(f->loop, &patience.timer, due_ns, on_patience), 0);
    while (!f->guest.wait.is_due && !patience.is_over) {
        assert_true(loop_turn(f->loop, -1) >= 0);
    }
    loop_timer_stop(&patience.timer);
    return f->guest.wait.is_due;
}

int32_t fake_component_finish(struct fake_component *f)
{
    int32_t answer = CALL_WAIT;
    while (answer == CALL_WAIT) {
        f->waits++;
        bool is_woken = await_wake(f);
        guest_wait_end(&f->guest);
        if (!is_woken) {
            free_copies(f);
            return FAKE_COMPONENT_WAITING;
        }
        assert_non_null(f->call.func->finish);
        answer = f->call.func->finish(&f->call);
    }
    return answered(f, answer);
}

int32_t fake_component_call(struct fake_component *f, const struct component_interface *interface,
                            const char *name, const struct fake_arg *args, size_t count)
{
    int32_t answer = fake_component_begin(f, interface, name, args, count);
    return answer == CALL_WAIT ? fake_component_finish(f) : answer;
}

int32_t fake_component_drop(struct fake_component *f, const struct component_interface *interface,
                            const char *resource, uint32_t rep)
{
    for (size_t i = 0; i < interface->resource_count; i++) {
        if (strcmp(interface->resources[i].name, resource) == 0) {
            return interface->resources[i].drop(&f->guest, f->instance, rep);
        }
    }
    fail_msg("%s has no resource %s", interface->name, resource);
    return CALL_TRAP;
}

const char *fake_component_reason(const struct fake_component *f)
{
    const char *reason = instance_fail_reason(f->instance);
    return reason != NULL ? reason : "";
}

bool fake_is_ready(struct fake_component *f, uint32_t pollable)
{
    assert_int_equal(
        component_fake_call(f, &wasi_io_poll, "[method]pollable.ready", NUMBER(pollable)), 0);
    return f->results[0].number != 0;
}

void fake_expect_closed(const struct fake_component *f)
{
    assert_int_equal(f->results[0].number, 1);
    assert_int_equal(f->results[1].number, 1);
}
