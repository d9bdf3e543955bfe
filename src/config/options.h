/* What the command line says, as plain structs. Strings are borrowed from argv except where
 * marked; arrays are owned. Addresses and rules are text here: what they mean is the host's. */
#ifndef HYTHE_CONFIG_OPTIONS_H
#define HYTHE_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/command_line.h"

struct string_list {
    const char **items; /* owned array of borrowed strings */
    uint32_t count;
};

struct dir_option {
    char *host;  /* owned */
    char *guest; /* owned */
    bool is_read_only;
};

struct dir_list {
    struct dir_option *items; /* owned */
    uint32_t count;
};

struct env_option {
    char *key;   /* owned */
    char *value; /* owned */
};

struct env_list {
    struct env_option *items; /* owned */
    uint32_t count;
};

enum poll_option { POLL_OPTION_DEFAULT, POLL_OPTION_LEVEL, POLL_OPTION_AUTO };

enum {
    OPTION_WORKERS_AUTO = 0,
    OPTION_WORKERS_MAX = 1024,
    OPTION_MAX_FDS_MIN = 16,
    OPTION_MAX_FDS_MAX = 1 << 20,
    OPTION_LIST_MAX = 4096,           /* times an option may be repeated */
    OPTION_HTTP_HEAD_MAX = 256 << 10, /* libcurl takes no more than 300 KiB */
    OPTION_HTTP_REDIRECTS_MAX = 100,
};

/* What a guest that calls out over HTTP gets. */
struct http_options {
    const char *ca_file;
    const char *proxy;
    uint64_t timeout_ns;
    uint64_t connect_timeout_ns;
    uint64_t first_byte_timeout_ns; /* this and the next: UINT64_MAX when not given, 0: none */
    uint64_t idle_timeout_ns;
    uint64_t max_body;  /* bytes */
    uint64_t max_head;  /* bytes */
    uint64_t redirects; /* UINT64_MAX when not given */
    uint64_t concurrency;
};

/* `hythe run`. Numbers that are 0 were not given, if not said otherwise. */
struct run_options {
    struct dir_list dirs;
    struct env_list env;
    struct env_list wasi_config;
    struct string_list tcplisten;
    struct string_list allow_listen;
    struct string_list allow_connect;
    struct string_list allow_http;
    struct string_list hosts;
    bool net;
    bool policy_dry_run;
    uint32_t workers; /* 1 when not given; OPTION_WORKERS_AUTO */
    const char *invoke;
    uint64_t timeout_ns;
    uint64_t max_memory; /* bytes */
    uint64_t fuel;
    uint64_t max_fds;
    uint64_t grace_ns; /* UINT64_MAX when not given */
    bool trace;
    bool timing;
    enum poll_option poll;
    const char *argv0;
    const char *cache_dir;
    bool no_cache;
    bool strict_prestat;
    bool stub_unknown;
    struct http_options http;

    const char *module;
    char **args; /* borrowed tail of argv: what follows the module */
    uint32_t arg_count;
};

struct check_options {
    bool json;
    bool image;     /* the modules are images */
    char **modules; /* borrowed tail of argv */
    uint32_t module_count;
};

struct compile_options {
    const char *output; /* NULL when not given */
    const char *module;
};

struct help_options {
    const char *command; /* NULL when not given */
};

/* Parse one command's words, argv[0] being its name. 0; COMMAND_LINE_HELP when help is asked for;
 * or a negative errno with the reason in `err`, exit code 2. Call done in each case. */
int run_options_parse(int argc, char **argv, struct run_options *options, struct error *err);
void run_options_done(struct run_options *options);

int check_options_parse(int argc, char **argv, struct check_options *options, struct error *err);
int compile_options_parse(int argc, char **argv, struct compile_options *options,
                          struct error *err);
int help_options_parse(int argc, char **argv, struct help_options *options, struct error *err);
int version_options_parse(int argc, char **argv, struct error *err);

/* Take HOST[::GUEST][:ro] apart. 0, -ENOMEM, or -EINVAL when a name is missing. */
int option_split_dir(const char *value, struct dir_option *ret_dir);

/* How rows of any command read their values: a bool that becomes true; a const char * that is borrowed
 * and may not be empty; a struct string_list to which each value is appended. */
int option_parse_flag(const char *value, void *field, struct error *err);
int option_parse_text(const char *value, void *field, struct error *err);
int option_parse_list(const char *value, void *field, struct error *err);

/* All commands, in the order in which help lists them. */
size_t options_command_count(void);
const struct command *options_command(size_t index);

/* The command of that name, or NULL. */
const struct command *options_find_command(const char *name);

/* The command somebody who typed `typed` most likely meant, or NULL. */
const char *options_nearest_command(const char *typed);

#endif
