/* The insides of a program: what is the same for all of its tasks, made once. For program.c, task.c
 * and instance.c only; others have task.h. */
#ifndef HYTHE_HOST_PROGRAM_H
#define HYTHE_HOST_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "engine/linked.h"
#include "engine/module.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "guest/policy.h"
#include "host/outbound.h"
#include "host/reach.h"

struct engine;
struct host_program;
struct hythe_guest_config;
struct keyvalue;
struct load_links;

struct host_program {
    struct engine *engine;                   /* borrowed */
    const struct hythe_guest_config *config; /* borrowed */
    struct module *module;                   /* owned if owns_module */
    bool owns_module;
    struct linked *linked; /* owned */
    bool is_component;
    struct linked_entry *start;      /* owned: _start; NULL without one */
    struct linked_entry *initialize; /* owned: _initialize; NULL without one */

    struct policy policy;    /* what the tasks' policies share */
    struct dir_source *dirs; /* owned */
    size_t dir_count;
    struct buffer env; /* as a guest has it */
    uint32_t env_count;

    enum guest_poll_mode poll_mode; /* what the module's imports say of its dialect */
    uint8_t dialect_flags;
    struct outbound_form http;
    struct keyvalue *keyvalue; /* owned: what its guests keep, NULL unless they can */
    struct host_reach *reach;  /* owned: what its guests share on the way out */
};

/* Make one of a module that stays as long, and what was chosen for its imports. 0, or a
 * negative errno with the reason in `err`. */
int host_program_of(struct engine *engine, struct module *module, const struct load_links *links,
                    const struct hythe_guest_config *config, struct host_program **ret_program,
                    struct error *err);

/* Tell before the start when a memory that the module exports begins larger than `max_memory`
 * (0: no limit). 0, or -ENOMEM with the reason and the exit code in `err`. */
int host_program_check_memory(const char *path, const struct module *module, uint64_t max_memory,
                              struct error *err);

/* Give a fresh guest what the program's configuration grants: policy, directories from number
 * `dirs_from` on, environment; and the resolver that all of them share. 0, or a negative errno with the reason in `err`. */
int host_program_equip(const struct host_program *program, struct guest *guest, uint32_t dirs_from,
                       struct error *err);

#endif
