/* Why a module cannot be started, and what to do. See check_words.h. */
#include <string.h>

#include "host/check_words.h"

enum {
    IMPORTS_SHOWN_MAX = 4,   /* examples of missing imports */
    FUNCTIONS_SHOWN_MAX = 8, /* exports that are named */
};

static void write_functions(FILE *out, const struct dialect_report *report)
{
    for (uint32_t i = 0; i < report->function_count && i < FUNCTIONS_SHOWN_MAX; i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        write_name(out, report->functions[i]->name);
    }
    if (report->function_count > FUNCTIONS_SHOWN_MAX) {
        (void)fprintf(out, " and %u more", report->function_count - FUNCTIONS_SHOWN_MAX);
    }
}

/* Of these the name alone would not tell what is wrong. */
static bool is_type_telling(enum dialect_source source)
{
    return source == SOURCE_PREVIEW1 || source == SOURCE_PREVIEW1_SOCKETS ||
           source == SOURCE_WASMEDGE || source == SOURCE_EXPERIMENTAL_HTTP;
}

/* Write up to IMPORTS_SHOWN_MAX of a group's missing imports: "env: a, b; fs: c and 2 more". */
static void write_missing_functions(FILE *out, const struct dialect_report *report,
                                    enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    const char *module = NULL;
    uint32_t shown = 0;
    for (uint32_t i = 0; i < group->count && shown < IMPORTS_SHOWN_MAX; i++) {
        const struct module_import *import = group->imports[i];
        if (!dialect_lacks(report, import)) {
            continue;
        }
        if (module == NULL || strcmp(module, import->module) != 0) {
            (void)fputs(module != NULL ? "; " : "", out);
            write_name(out, import->module);
            (void)fputs(": ", out);
            module = import->module;
        } else {
            (void)fputs(", ", out);
        }
        write_function(out, import, is_type_telling(source));
        shown++;
    }
    if (group->missing > shown) {
        (void)fprintf(out, " and %u more", group->missing - shown);
    }
}

/* Write what hythe lacks of an interface that it knows: ": a, b and 2 more". Tells whether there is
 * something. */
static bool write_inner(FILE *out, const struct dialect_report *report,
                        const struct module_import *interface)
{
    struct dialect_inner inner = dialect_inner_of(report, interface);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < inner.count && report->input.offers(interface); i++) {
        if (report->input.offers(&inner.items[i])) {
            continue;
        }
        if (missing < IMPORTS_SHOWN_MAX) {
            (void)fputs(missing == 0 ? ": " : ", ", out);
            write_name(out, inner.items[i].name);
        }
        missing++;
    }
    if (missing > IMPORTS_SHOWN_MAX) {
        (void)fprintf(out, " and %u more", missing - IMPORTS_SHOWN_MAX);
    }
    return missing > 0;
}

/* The same of a component: "wasi:nn/graph@0.2.0, wasi:cli/exit@0.2.1: a, b; wasi:io/poll@0.2.1: c". */
static void write_missing_interfaces(FILE *out, const struct dialect_report *report,
                                     enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    const char *between = "";
    uint32_t shown = 0;
    for (uint32_t i = 0; i < group->count && shown < IMPORTS_SHOWN_MAX; i++) {
        const struct module_import *import = group->imports[i];
        if (dialect_lacks(report, import)) {
            (void)fputs(between, out);
            write_name(out, import->module);
            between = write_inner(out, report, import) ? "; " : ", ";
            shown++;
        }
    }
    if (group->missing > shown) {
        (void)fprintf(out, " and %u more", group->missing - shown);
    }
}

static void write_missing(FILE *out, const struct dialect_report *report,
                          enum dialect_source source)
{
    if (report->form == MODULE_COMPONENT) {
        write_missing_interfaces(out, report, source);
    } else {
        write_missing_functions(out, report, source);
    }
}

/* Hosts, toolchains and releases have a language; single functions are offered. */
static const char *verb_of(enum dialect_source source)
{
    bool is_language =
        source < SOURCE_DYNAMIC || (source >= SOURCE_SPIN_COMPONENT && source <= SOURCE_P2_OTHER);
    return is_language ? "speak" : "offer";
}

static void write_missing_imports(FILE *out, const struct dialect_report *report)
{
    enum dialect_source first = dialect_first_missing(report);
    const struct dialect_source_words *words = dialect_source_words(first);
    (void)fprintf(out, "%s (imports ", words->cause);
    write_missing(out, report, first);
    (void)fprintf(out, "), which hythe does not %s; %s", verb_of(first), words->advice);
    for (int i = (int)first + 1; i < SOURCE_COUNT; i++) {
        enum dialect_source source = (enum dialect_source)i;
        if (report->groups[source].missing > 0) {
            (void)fprintf(out, ". Besides, %s (imports ", dialect_source_words(source)->cause);
            write_missing(out, report, source);
            (void)fputc(')', out);
        }
    }
    const struct dialect_start stubbed = {.way = START_ANY, .stub_unknown = true};
    if (report->form == MODULE_COMPONENT && dialect_problem(report, &stubbed) == PROBLEM_NONE) {
        (void)fputs(
            ". With --stub-unknown it starts all the same, and traps when it calls any of it", out);
    }
}

/* -- components ------------------------------------------------------------------------------- */

/* The exported interface whose name begins so, for naming it. */
static const char *export_name(const struct dialect_report *report, const char *interface)
{
    for (uint32_t i = 0; i < report->function_count; i++) {
        const char *name = report->functions[i]->name;
        if (strncmp(name, interface, strlen(interface)) == 0 &&
            dialect_source_of_interface(name) == SOURCE_P2) {
            return name;
        }
    }
    return interface;
}

/* Write that there is another command for it. */
static void write_other_way(FILE *out, const struct dialect_report *report, const char *path,
                            enum dialect_problem problem)
{
    bool serves = problem == PROBLEM_HANDLER_ONLY;
    const struct dialect_start start = {.way = serves ? START_SERVE : START_RUN};
    (void)fputs(serves ? "it answers HTTP requests (exports " : "it is a command (exports ", out);
    write_name(out, export_name(report, serves ? "wasi:http/incoming-handler@" : "wasi:cli/run@"));
    (void)fputs(serves ? ") and is no command; start it with: "
                       : ") and answers no HTTP requests; start it with: ",
                out);
    write_command(out, report, path, &start);
}

/* Write whose entry it exports. */
static void write_foreign(FILE *out, const struct dialect_report *report)
{
    const char *name = report->foreign->name;
    const struct dialect_source_words *words =
        dialect_source_words(dialect_source_of_interface(name));
    (void)fprintf(out, "%s (exports ", words->cause);
    write_name(out, name);
    (void)fprintf(out, "), which hythe does not call; %s", words->advice);
}

static void write_library(FILE *out, const struct dialect_report *report)
{
    if (report->function_count == 0) {
        (void)fputs(
            "it is a component that exports nothing, so there is nothing to start; build it "
            "for the world wasi:http/proxy or wasi:cli/command of WASI 0.2",
            out);
        return;
    }
    (void)fputs("it exports neither wasi:http/incoming-handler nor wasi:cli/run of WASI 0.2, so it "
                "is a library for other components (exports ",
                out);
    write_functions(out, report);
    (void)fputs("); compose it with one that uses it: wac plug --plug THIS.wasm OTHER.wasm -o "
                "WHOLE.wasm",
                out);
}

const char types_problem[] =
    "it imports an interface of hythe's with types that are not its own; rebuild it against the "
    "interface as WASI 0.2 has it. The engine says";

static void write_component_problem(FILE *out, const struct dialect_report *report,
                                    const char *path, enum dialect_problem problem)
{
    switch (problem) {
    case PROBLEM_TYPES:
        (void)fprintf(out, "%s: %s", types_problem, report->refusal);
        return;
    case PROBLEM_INVOKE:
        (void)fputs("it is a component, and --invoke calls functions of core modules only; leave "
                    "--invoke out, and hythe run calls wasi:cli/run, hythe serve "
                    "wasi:http/incoming-handler",
                    out);
        return;
    case PROBLEM_HANDLER_ONLY:
    case PROBLEM_COMMAND_ONLY:
        write_other_way(out, report, path, problem);
        return;
    case PROBLEM_FOREIGN_ENTRY:
        write_foreign(out, report);
        return;
    default:
        write_library(out, report);
        return;
    }
}

/* -- core modules ----------------------------------------------------------------------------- */

static void write_core_problem(FILE *out, const struct dialect_report *report,
                               const struct dialect_start *start, enum dialect_problem problem)
{
    switch (problem) {
    case PROBLEM_NO_MEMORY:
        (void)fputs("it exports no memory called 'memory', which every function it imports needs; "
                    "rebuild it so that it does (wasm-ld does it by itself; in text: (memory "
                    "(export \"memory\") 1))",
                    out);
        return;
    case PROBLEM_START_TYPE:
        (void)fputs("its _start is no function without parameters and results, so it is no "
                    "command; rebuild it as one (wasm32-wasip1)",
                    out);
        break;
    case PROBLEM_NO_START:
        (void)fputs("it exports no _start, so it is a library and no command", out);
        break;
    case PROBLEM_NO_FUNCTION:
        (void)fputs("it exports no _start and no other function, so there is nothing to run; "
                    "rebuild it as a command (wasm32-wasip1)",
                    out);
        return;
    case PROBLEM_NO_SUCH_FUNCTION:
        (void)fputs("it exports no function called '", out);
        write_name(out, start->invoke);
        (void)fputc('\'', out);
        break;
    default:
        return;
    }
    if (report->function_count > 0) {
        (void)fputs(start->way == START_SERVE
                        ? "; name one of its functions with the route's key entry: "
                        : "; call one of its functions with --invoke: ",
                    out);
        write_functions(out, report);
    }
}

void write_problem(FILE *out, const struct dialect_report *report, const char *path,
                   const struct dialect_start *start)
{
    enum dialect_problem problem = dialect_problem(report, start);
    if (problem == PROBLEM_NONE) {
        return;
    }
    if (problem == PROBLEM_IMPORTS) {
        write_missing_imports(out, report);
    } else if (report->form == MODULE_COMPONENT) {
        write_component_problem(out, report, path, problem);
    } else {
        write_core_problem(out, report, start, problem);
    }
}
