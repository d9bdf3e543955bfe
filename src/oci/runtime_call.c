/* Command lines of OCI runtimes. See runtime_call.h. */
#include "oci/runtime_call.h"

#include <string.h>

#include "base/container.h"
#include "base/span.h"

/* Flags that take a value, of runc 1.x and crun 1.x, before the command and behind `create` and
 * `run`. All others take none, or carry it behind "=". */
static const char *const flags_with_value[] = {
    "log",
    "log-format",
    "log-level",
    "root",
    "criu",
    "rootless",
    "cgroup-manager",
    "bundle",
    "b",
    "config",
    "f",
    "console-socket",
    "pid-file",
    "pidfd-socket",
    "preserve-fds",
    "no-new-keyring-file",
};

/* A flag taken apart. */
struct flag {
    struct span name;
    const char *value; /* or NULL */
};

static bool takes_value(struct span name)
{
    for (size_t i = 0; i < ARRAY_COUNT(flags_with_value); i++) {
        if (span_is(name, flags_with_value[i])) {
            return true;
        }
    }
    return false;
}

/* Take the flag at `*index`, and leave that at its last word. */
static struct flag take_flag(int argc, char *const *argv, int *index)
{
    const char *word = argv[*index];
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    struct flag flag = {.name = {(const uint8_t *)name, len}};
    if (name[len] == '=') {
        flag.value = name + len + 1;
    } else if (takes_value(flag.name) && *index + 1 < argc) {
        (*index)++;
        flag.value = argv[*index];
    }
    return flag;
}

static void read_global(struct runtime_call *call, const struct flag *flag)
{
    if (flag->value == NULL) {
        return;
    }
    if (span_is(flag->name, "log")) {
        call->log = flag->value;
    } else if (span_is(flag->name, "log-format")) {
        call->is_log_json = strcmp(flag->value, "json") == 0;
    }
}

static void read_create(struct runtime_call *call, const struct flag *flag)
{
    if (flag->value == NULL) {
        return;
    }
    if (span_is(flag->name, "bundle") || span_is(flag->name, "b")) {
        call->bundle = flag->value;
    } else if (span_is(flag->name, "config") || span_is(flag->name, "f")) {
        call->config = flag->value;
    }
}

/* A dash alone is a word. */
static bool is_flag(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

void runtime_call_read(int argc, char *const *argv, struct runtime_call *ret_call)
{
    struct runtime_call call = {.bundle = "."};
    int i = 1;
    for (; i < argc && is_flag(argv[i]) && strcmp(argv[i], "--") != 0; i++) {
        struct flag flag = take_flag(argc, argv, &i);
        read_global(&call, &flag);
    }
    call.is_create = i < argc && (strcmp(argv[i], "create") == 0 || strcmp(argv[i], "run") == 0);
    /* crun takes flags behind the container's name, too. */
    for (i++; call.is_create && i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_flag(argv[i])) {
            struct flag flag = take_flag(argc, argv, &i);
            read_create(&call, &flag);
        }
    }
    *ret_call = call;
}
