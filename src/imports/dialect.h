/* What a module or component is, read off its imports and exports: which hosts it was made for, how
 * it is entered, whether it serves, what must be granted to it, and why it cannot run if it cannot.
 *
 * Nothing is run and nothing is asked of an engine; the same module always gets the same answer. */
#ifndef HYTHE_IMPORTS_DIALECT_H
#define HYTHE_IMPORTS_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/module.h"
#include "imports/dialect_source.h"

/* Which forms of WasmEdge's socket calls a module has; the calls that tell are few. */
enum {
    WASMEDGE_V1 = 1,
    WASMEDGE_V2 = 2,
    WASMEDGE_V2_EXPLICIT = 4, /* names that end in _v2 */
};

struct dialect_group {
    const struct module_import *const *imports; /* borrowed from the report's array */
    uint32_t count;
    uint32_t missing; /* of them hythe does not offer */
};

enum dialect_entry {
    ENTRY_COMMAND,    /* exports _start */
    ENTRY_START_TYPE, /* exports a _start that takes or gives something, or is no function */
    ENTRY_REACTOR,    /* exports _initialize and functions to call */
    ENTRY_FUNCTIONS,  /* neither, but functions */
    ENTRY_NONE,       /* no function at all */

    /* Of components, beside ENTRY_COMMAND (exports wasi:cli/run 0.2) and ENTRY_NONE. */
    ENTRY_HANDLER,             /* exports wasi:http/incoming-handler 0.2 */
    ENTRY_HANDLER_AND_COMMAND, /* both */
    ENTRY_FOREIGN,             /* neither, but what another host calls */
    ENTRY_LIBRARY,             /* nothing of these: other components call it */
};

enum dialect_role {
    ROLE_UNKNOWN,         /* its imports are no known ones */
    ROLE_PLAIN,           /* uses no network */
    ROLE_CLIENT,          /* connects only */
    ROLE_SERVER_OWN,      /* opens its own listening sockets */
    ROLE_SERVER_LISTENER, /* can accept on a listener that the host opens */
};

/* An option that gives the module something, as a template: addresses are examples. */
struct dialect_grant {
    const char *option;
    const char *value;
    const char *why;
    bool is_needed; /* without it the module cannot do its work */
};

enum { DIALECT_GRANTS_MAX = 5 };

/* What a component's imports let it do. */
enum dialect_ability {
    ABILITY_HTTP = 1,
    ABILITY_FILES = 2,
    ABILITY_CONNECT = 4,
    ABILITY_LISTEN = 8,
    ABILITY_UDP = 16,
    ABILITY_NAMES = 32,
    ABILITY_KEYVALUE = 64,
    ABILITY_CONFIG = 128,
};

typedef bool dialect_offers_fn(const struct module_import *import);

struct dialect_input {
    const struct module_import *imports;
    uint32_t import_count;
    const struct module_export *exports;
    uint32_t export_count;
    dialect_offers_fn *offers; /* whether hythe has an import */
    bool is_component;
    bool is_scanned; /* a component that was not compiled: what is in its interfaces is not known */
};

struct dialect_report {
    struct dialect_input input;
    enum module_form form;
    /* An owned array of borrowed, ordered by source. Of a component: its interfaces, by package, and
     * what it imports outside of any. */
    const struct module_import **imports;
    uint32_t import_count;
    uint32_t missing_count;
    struct dialect_group groups[SOURCE_COUNT];
    unsigned wasmedge; /* WASMEDGE_ bits */

    enum dialect_entry entry;
    const struct module_export **functions; /* owned array of borrowed: what one may invoke */
    uint32_t function_count;

    const struct module_export *memory; /* borrowed: the one exported as "memory", or NULL */
    bool is_memory_needed;

    enum dialect_role role;
    struct dialect_grant grants[DIALECT_GRANTS_MAX];
    uint32_t grant_count;

    unsigned abilities;                  /* of a component: ABILITY_ bits */
    const struct module_export *foreign; /* borrowed, of ENTRY_FOREIGN: what its host calls */
    const char *refusal; /* borrowed, set from outside: why it could not be linked */
};

/* Describe a module; what the input points at must stay as long as the report. 0 or -ENOMEM. */
int dialect_describe(const struct dialect_input *input, struct dialect_report *ret_report);

void dialect_report_done(struct dialect_report *report);

/* A form of wasi_experimental_http. All constant. */
struct dialect_http_abi {
    const char *key;      /* for machines */
    const char *releases; /* those of the Rust crate and the AssemblyScript package */
};

/* The one that the module was built with; NULL when it does not import it. */
const struct dialect_http_abi *dialect_http_abi(const struct dialect_report *report);

/* Tell whether hythe lacks an entry of `imports`, or a part of it. */
bool dialect_lacks(const struct dialect_report *report, const struct module_import *import);

/* The functions and resources in a component's interface. */
struct dialect_inner {
    const struct module_import *items; /* borrowed */
    uint32_t count;
};

struct dialect_inner dialect_inner_of(const struct dialect_report *report,
                                      const struct module_import *interface);

/* The releases of WASI that a component was made against, each once: "0.2.10". The texts lie in the
 * names of its imports and exports. Gives their number. */
enum { DIALECT_RELEASES_MAX = 16 };
unsigned dialect_releases(const struct dialect_report *report,
                          const char *ret_releases[DIALECT_RELEASES_MAX]);

/* How a module is to be started. */
struct dialect_start {
    enum { START_ANY, START_RUN, START_SERVE } way;
    const char *invoke; /* the function to call; NULL: _start, or what a component has */
    bool stub_unknown;
};

/* The reason why a module cannot be started so. */
enum dialect_problem {
    PROBLEM_NONE,
    PROBLEM_IMPORTS,
    PROBLEM_NO_MEMORY,
    PROBLEM_START_TYPE,
    PROBLEM_NO_START,
    PROBLEM_NO_FUNCTION, /* nothing is exported that could be called */
    PROBLEM_NO_SUCH_FUNCTION,

    /* Of components, beside PROBLEM_IMPORTS. */
    PROBLEM_INVOKE,
    PROBLEM_HANDLER_ONLY, /* to be run, but can only be served */
    PROBLEM_COMMAND_ONLY, /* to be served, but can only be run */
    PROBLEM_TYPES,        /* it was not to be linked: its imports have other types than hythe's */
    PROBLEM_FOREIGN_ENTRY,
    PROBLEM_LIBRARY,
};

enum dialect_problem dialect_problem(const struct dialect_report *report,
                                     const struct dialect_start *start);

/* The source whose missing imports explain best why a module cannot be linked. Only with
 * PROBLEM_IMPORTS. */
enum dialect_source dialect_first_missing(const struct dialect_report *report);

/* Does it explain why the engine could not compile a component that was only scanned? */
bool dialect_explains_refusal(const struct dialect_report *report);

#endif
