/* The options of each command and how their values are read. See options.h.
 *
 * docs/man/hythe-COMMAND.1.scd documents each row; scripts/check-docs compares. */
#include "config/options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"
#include "config/image_options.h"
#include "config/install_options.h"
#include "config/serve_options.h"

/* -- values ----------------------------------------------------------------------------------- */

int option_parse_flag(const char *value, void *field, struct error *err)
{
    (void)value; /* a flag has none */
    (void)err;   /* and cannot be wrong */
    *(bool *)field = true;
    return 0;
}

int option_parse_text(const char *value, void *field, struct error *err)
{
    if (*value == '\0') {
        return error_set(err, -EINVAL, "the value is empty");
    }
    *(const char **)field = value;
    return 0;
}

/* Make room for one more item of `size` bytes behind the `count` that `*items` has. */
static int grow(void **items, uint32_t count, size_t size, struct error *err)
{
    if (count >= OPTION_LIST_MAX) {
        return error_set(err, -E2BIG, "given more than %d times", (int)OPTION_LIST_MAX);
    }
    void *more = realloc(*items, (count + (size_t)1) * size);
    if (more == NULL) {
        return -ENOMEM;
    }
    *items = more;
    return 0;
}

int option_parse_list(const char *value, void *field, struct error *err)
{
    struct string_list *list = field;
    const char *item = NULL;
    int r = option_parse_text(value, &item, err);
    if (r < 0) {
        return r;
    }
    void *items = list->items;
    r = grow(&items, list->count, sizeof *list->items, err);
    if (r < 0) {
        return r;
    }
    list->items = items;
    list->items[list->count] = item;
    list->count++;
    return 0;
}

/* Without a guest name the host's is used, as other hosts do. */
int option_split_dir(const char *value, struct dir_option *ret_dir)
{
    size_t len = strlen(value);
    bool is_read_only = len >= 3 && strcmp(value + len - 3, ":ro") == 0;
    if (is_read_only) {
        len -= 3;
    }
    const char *colons = strstr(value, "::");
    bool has_guest = colons != NULL && colons + 2 <= value + len;
    size_t host_len = has_guest ? (size_t)(colons - value) : len;
    const char *guest = has_guest ? colons + 2 : value;
    size_t guest_len = has_guest ? len - host_len - 2 : len;
    if (host_len == 0 || guest_len == 0) {
        return -EINVAL;
    }
    struct dir_option dir = {.host = strndup(value, host_len),
                             .guest = strndup(guest, guest_len),
                             .is_read_only = is_read_only};
    if (dir.host == NULL || dir.guest == NULL) {
        free(dir.host);
        free(dir.guest);
        return -ENOMEM;
    }
    *ret_dir = dir;
    return 0;
}

static int parse_dir(const char *value, void *field, struct error *err)
{
    struct dir_list *list = field;
    void *items = list->items;
    int r = grow(&items, list->count, sizeof *list->items, err);
    if (r < 0) {
        return r;
    }
    list->items = items;
    r = option_split_dir(value, &list->items[list->count]);
    if (r == -EINVAL) {
        return error_set(err, r, "'%s' lacks a name; write HOST, HOST::GUEST or HOST::GUEST:ro",
                         value);
    }
    if (r == 0) {
        list->count++;
    }
    return r;
}

static int add_pair(struct env_list *list, const char *text, size_t key_len, const char *value,
                    struct error *err)
{
    void *items = list->items;
    int r = grow(&items, list->count, sizeof *list->items, err);
    if (r < 0) {
        return r;
    }
    list->items = items;
    struct env_option env = {.key = strndup(text, key_len), .value = strdup(value)};
    if (env.key == NULL || env.value == NULL) {
        free(env.key);
        free(env.value);
        return -ENOMEM;
    }
    list->items[list->count] = env;
    list->count++;
    return 0;
}

/* Take KEY=VALUE, or KEY with the value it has here. */
static int parse_env(const char *text, void *field, struct error *err)
{
    size_t key_len = strcspn(text, "=");
    if (key_len == 0) {
        return error_set(err, -EINVAL, "'%s' has no name; write NAME=VALUE, or NAME to inherit it",
                         text);
    }
    const char *value = text[key_len] == '=' ? text + key_len + 1 : getenv(text);
    if (value == NULL) {
        return error_set(err, -ENOENT, "'%s' is not set here; write %s=VALUE", text, text);
    }
    return add_pair(field, text, key_len, value, err);
}

static int parse_pair(const char *text, void *field, struct error *err)
{
    size_t key_len = strcspn(text, "=");
    if (key_len == 0 || text[key_len] == '\0') {
        return error_set(err, -EINVAL, "'%s' is no pair; write NAME=VALUE", text);
    }
    return add_pair(field, text, key_len, text + key_len + 1, err);
}

static int parse_size(const char *value, void *field, struct error *err)
{
    uint64_t bytes = 0;
    int r = num_parse_size(value, &bytes);
    if (r < 0 || bytes == 0) {
        return error_set(err, -EINVAL,
                         "'%s' is no size; write bytes, or a number with K, M or G: 256M", value);
    }
    *(uint64_t *)field = bytes;
    return 0;
}

static int parse_time(const char *value, void *field, struct error *err)
{
    int r = num_parse_duration(value, field);
    if (r < 0) {
        return error_set(err, -EINVAL,
                         "'%s' is no time; write seconds, or a number with ms, s, m or h: 1.5s",
                         value);
    }
    return 0;
}

static int parse_time_limit(const char *value, void *field, struct error *err)
{
    uint64_t ns = 0;
    int r = parse_time(value, &ns, err);
    if (r < 0) {
        return r;
    }
    if (ns == 0) {
        return error_set(err, -EINVAL, "no time at all; leave it out for no limit");
    }
    *(uint64_t *)field = ns;
    return 0;
}

static int parse_fuel(const char *value, void *field, struct error *err)
{
    uint64_t fuel = 0;
    int r = num_parse_u64(value, UINT64_MAX, &fuel);
    if (r < 0 || fuel == 0) {
        return error_set(err, -EINVAL, "'%s' is no number of instructions above 0", value);
    }
    *(uint64_t *)field = fuel;
    return 0;
}

static int parse_max_fds(const char *value, void *field, struct error *err)
{
    uint64_t count = 0;
    int r = num_parse_u64(value, OPTION_MAX_FDS_MAX, &count);
    if (r < 0 || count < OPTION_MAX_FDS_MIN) {
        return error_set(err, -EINVAL, "'%s' is no number from %d to %d", value,
                         (int)OPTION_MAX_FDS_MIN, (int)OPTION_MAX_FDS_MAX);
    }
    *(uint64_t *)field = count;
    return 0;
}

static int parse_max_head(const char *value, void *field, struct error *err)
{
    uint64_t bytes = 0;
    int r = parse_size(value, &bytes, err);
    if (r == 0 && bytes > OPTION_HTTP_HEAD_MAX) {
        r = error_set(err, -EINVAL, "'%s' is more than 256K", value);
    }
    if (r == 0) {
        *(uint64_t *)field = bytes;
    }
    return r;
}

static int parse_redirects(const char *value, void *field, struct error *err)
{
    uint64_t count = 0;
    if (num_parse_u64(value, OPTION_HTTP_REDIRECTS_MAX, &count) < 0) {
        return error_set(err, -EINVAL, "'%s' is no number from 0 to %d", value,
                         (int)OPTION_HTTP_REDIRECTS_MAX);
    }
    *(uint64_t *)field = count;
    return 0;
}

static int parse_concurrency(const char *value, void *field, struct error *err)
{
    uint64_t count = 0;
    if (num_parse_u64(value, UINT32_MAX, &count) < 0 || count == 0) {
        return error_set(err, -EINVAL, "'%s' is no number above 0; leave it out for no limit",
                         value);
    }
    *(uint64_t *)field = count;
    return 0;
}

static int parse_workers(const char *value, void *field, struct error *err)
{
    uint32_t *workers = field;
    if (strcmp(value, "auto") == 0) {
        *workers = OPTION_WORKERS_AUTO;
        return 0;
    }
    uint64_t count = 0;
    int r = num_parse_u64(value, OPTION_WORKERS_MAX, &count);
    if (r < 0 || count == 0) {
        return error_set(err, -EINVAL, "'%s' is neither 'auto' nor a number from 1 to %d", value,
                         (int)OPTION_WORKERS_MAX);
    }
    *workers = (uint32_t)count;
    return 0;
}

static int parse_poll(const char *value, void *field, struct error *err)
{
    enum poll_option *poll = field;
    if (strcmp(value, "level") == 0) {
        *poll = POLL_OPTION_LEVEL;
        return 0;
    }
    if (strcmp(value, "auto") == 0) {
        *poll = POLL_OPTION_AUTO;
        return 0;
    }
    return error_set(err, -EINVAL, "'%s' is neither 'level' nor 'auto'", value);
}

/* -- tables ----------------------------------------------------------------------------------- */

/* Rows are written by name: a column that does not apply is left out, not passed as a bare 0. */
#define RUN_FIELD(member) offsetof(struct run_options, member)

static const struct option run_table[] = {
    {.name = "dir",
     .placeholder = "HOST[::GUEST][:ro]",
     .is_repeatable = true,
     .section = "Files and environment",
     .help = "Give the guest the directory HOST under the name GUEST, or under its own name. With "
             ":ro it can only read there.",
     .parse = parse_dir,
     .field = RUN_FIELD(dirs)},
    {.name = "env",
     .placeholder = "NAME[=VALUE]",
     .is_repeatable = true,
     .section = "Files and environment",
     .help = "Set an environment variable of the guest; without a value it inherits hythe's own.",
     .parse = parse_env,
     .field = RUN_FIELD(env)},
    {.name = "wasi-config",
     .placeholder = "NAME=VALUE",
     .is_repeatable = true,
     .section = "Files and environment",
     .help = "Answer VALUE to a component that asks wasi:config for NAME.",
     .parse = parse_pair,
     .field = RUN_FIELD(wasi_config)},
    {.name = "argv0",
     .placeholder = "NAME",
     .section = "Files and environment",
     .help = "What the guest sees as its own name; by default the file name of the module.",
     .parse = option_parse_text,
     .field = RUN_FIELD(argv0)},
    {.name = "tcplisten",
     .alias = "listen",
     .placeholder = "ADDR",
     .is_repeatable = true,
     .section = "Network",
     .help = "Listen on ADDR and hand the listener to the guest, the first one as descriptor 3: "
             "127.0.0.1:8080, [::1]:8080, :8080 (any address), unix:PATH. Port 0 takes a free one. "
             "Each is printed with its real port. --listen is the same.",
     .parse = option_parse_list,
     .field = RUN_FIELD(tcplisten)},
    {.name = "allow-listen",
     .placeholder = "ADDR",
     .is_repeatable = true,
     .section = "Network",
     .help = "Let a guest that opens its own sockets listen there: 127.0.0.1:8080, :8080 (any "
             "address), 10.0.0.0/8:8000-8099, '*:*', unix:PATH.",
     .parse = option_parse_list,
     .field = RUN_FIELD(allow_listen)},
    {.name = "allow-connect",
     .placeholder = "HOST:PORT|CIDR:PORT",
     .is_repeatable = true,
     .section = "Network",
     .help = "Let the guest connect and send there: example.org:443, 10.0.0.0/8:5432, '*:443', "
             "unix:PATH. A rule with a name lets it look up that name.",
     .parse = option_parse_list,
     .field = RUN_FIELD(allow_connect)},
    {.name = "allow-http",
     .placeholder = "PATTERN",
     .is_repeatable = true,
     .section = "Network",
     .help = "Let a guest with an HTTP client make requests there: https://example.org (this host, "
             "whatever scheme and port), https://example.org:443 (exactly these), "
             "'*.example.org', 10.0.0.0/8:8080, insecure:allow-all. With ,private behind it the "
             "name may stand for a private address.",
     .parse = option_parse_list,
     .field = RUN_FIELD(allow_http)},
    {.name = "net",
     .section = "Network",
     .help = "Grant the network as a whole: listening, connecting, looking up names and HTTP.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(net)},
    {.name = "policy-dry-run",
     .section = "Network",
     .help = "Refuse nothing; print a line for each thing that would be refused.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(policy_dry_run)},
    {.name = "host",
     .placeholder = "NAME=ADDRESS",
     .is_repeatable = true,
     .section = "Network",
     .help = "Take this name for that numeric address and ask no name server. What may be reached "
             "stays as it is.",
     .parse = option_parse_list,
     .field = RUN_FIELD(hosts)},
    {.name = "poll",
     .placeholder = "level|auto",
     .section = "Network",
     .help = "How the guest learns that it can write: 'level' as WASI says, 'auto' so that an "
             "idle server sleeps. By default what suits the module's dialect.",
     .parse = parse_poll,
     .field = RUN_FIELD(poll)},
    {.name = "strict-prestat",
     .section = "Network",
     .help = "Answer fd_prestat_get on a listener with BADF, as Wasmtime did. Programs then do "
             "not find their directories.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(strict_prestat)},
    {.name = "ca-file",
     .placeholder = "FILE",
     .section = "HTTP client",
     .help = "Trust the certificates in FILE (PEM) and not the system's.",
     .parse = option_parse_text,
     .field = RUN_FIELD(http.ca_file)},
    {.name = "http-proxy",
     .placeholder = "URL",
     .section = "HTTP client",
     .help = "Make requests through this proxy: http://proxy.example:3128, socks5h://... The "
             "environment's is never used.",
     .parse = option_parse_text,
     .field = RUN_FIELD(http.proxy)},
    {.name = "http-timeout",
     .placeholder = "TIME",
     .section = "HTTP client",
     .help = "End a request that takes longer than this in all. Default: no limit.",
     .parse = parse_time_limit,
     .field = RUN_FIELD(http.timeout_ns)},
    {.name = "http-connect-timeout",
     .placeholder = "TIME",
     .section = "HTTP client",
     .help = "How long looking up the name may take, and connecting. Default 10s.",
     .parse = parse_time_limit,
     .field = RUN_FIELD(http.connect_timeout_ns)},
    {.name = "http-first-byte-timeout",
     .placeholder = "TIME",
     .section = "HTTP client",
     .help = "How long the head of the response may keep waiting; 0 for ever. Default 60s.",
     .parse = parse_time,
     .field = RUN_FIELD(http.first_byte_timeout_ns)},
    {.name = "http-idle-timeout",
     .placeholder = "TIME",
     .section = "HTTP client",
     .help = "How long the peer may send nothing within a body; 0 for ever. Default 60s.",
     .parse = parse_time,
     .field = RUN_FIELD(http.idle_timeout_ns)},
    {.name = "http-max-body",
     .placeholder = "SIZE",
     .section = "HTTP client",
     .help = "End a response whose body is larger. Default: no limit, it is passed on as it comes.",
     .parse = parse_size,
     .field = RUN_FIELD(http.max_body)},
    {.name = "http-max-head",
     .placeholder = "SIZE",
     .section = "HTTP client",
     .help = "End a response whose header lines together are larger, at most 256K. Default "
             "64K.",
     .parse = parse_max_head,
     .field = RUN_FIELD(http.max_head)},
    {.name = "http-redirects",
     .placeholder = "N",
     .section = "HTTP client",
     .help = "Follow redirects over at most N URLs, the first one counted; each has to be allowed. "
             "0: never, the guest sees the redirect. Default 10.",
     .parse = parse_redirects,
     .field = RUN_FIELD(http.redirects)},
    {.name = "http-concurrency",
     .placeholder = "N",
     .section = "HTTP client",
     .help = "Let the guest hold at most N responses that it has not closed: each may hold a "
             "connection and 256 KiB. Default 1024.",
     .parse = parse_concurrency,
     .field = RUN_FIELD(http.concurrency)},
    {.name = "invoke",
     .placeholder = "FUNCTION",
     .section = "Running",
     .help = "Call this exported function and not _start. The arguments behind the module are its "
             "parameters, and its results are printed.",
     .parse = option_parse_text,
     .field = RUN_FIELD(invoke)},
    {.name = "stub-unknown",
     .section = "Running",
     .help = "Start a component that imports what hythe does not have; it traps when it calls it.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(stub_unknown)},
    {.name = "workers",
     .placeholder = "N|auto",
     .section = "Running",
     .help = "Run N processes that share the guest's listening ports; 'auto' is one for each "
             "processor. One that dies is started again. Default 1.",
     .parse = parse_workers,
     .field = RUN_FIELD(workers)},
    {.name = "grace",
     .placeholder = "TIME",
     .section = "Running",
     .help = "How long sockets that the guest has closed may still send what they hold after its "
             "end. Default 2s.",
     .parse = parse_time,
     .field = RUN_FIELD(grace_ns)},
    {.name = "trace",
     .section = "Running",
     .help = "Print each host call with its arguments and its result on stderr.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(trace)},
    {.name = "timing",
     .section = "Running",
     .help = "Print on stderr how long starting took, part by part, and running.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(timing)},
    {.name = "timeout",
     .placeholder = "TIME",
     .section = "Limits",
     .help = "End the guest after this time: 500ms, 30, 1.5s, 10m, 2h.",
     .parse = parse_time_limit,
     .field = RUN_FIELD(timeout_ns)},
    {.name = "max-memory",
     .placeholder = "SIZE",
     .section = "Limits",
     .help = "Give the guest at most this much memory: 64M, 1G.",
     .parse = parse_size,
     .field = RUN_FIELD(max_memory)},
    {.name = "fuel",
     .placeholder = "N",
     .section = "Limits",
     .help = "End the guest after about N WebAssembly instructions.",
     .parse = parse_fuel,
     .field = RUN_FIELD(fuel)},
    {.name = "max-fds",
     .placeholder = "N",
     .section = "Limits",
     .help = "Let the guest have at most N descriptors open. Default 65536.",
     .parse = parse_max_fds,
     .field = RUN_FIELD(max_fds)},
    {.name = "cache-dir",
     .placeholder = "DIR",
     .section = "Compiled modules",
     .help = "Keep compiled modules in DIR, which nobody else may be able to write. By default "
             "~/.cache/hythe/modules.",
     .parse = option_parse_text,
     .field = RUN_FIELD(cache_dir)},
    {.name = "no-cache",
     .section = "Compiled modules",
     .help = "Neither read nor write compiled modules.",
     .parse = option_parse_flag,
     .field = RUN_FIELD(no_cache)},
};

static const struct option check_table[] = {
    {.name = "image",
     .section = "Options",
     .help = "Each MODULE is an image, an OCI layout or archive; also where its name does not show "
             "it.",
     .parse = option_parse_flag,
     .field = offsetof(struct check_options, image)},
    {.name = "json",
     .section = "Options",
     .help = "Write one JSON object per module, each on a line of its own.",
     .parse = option_parse_flag,
     .field = offsetof(struct check_options, json)},
};

static const struct option compile_table[] = {
    {.name = "output",
     .letter = 'o',
     .placeholder = "FILE",
     .section = "Options",
     .help = "Where to write the result; by default the module's path with .cwasm at its end.",
     .parse = option_parse_text,
     .field = offsetof(struct compile_options, output)},
};

static const struct command commands[] = {
    {.name = "run",
     .operands = "[OPTIONS] MODULE [ARG...]",
     .summary = "run a module: server, client or plain command",
     .about = "Options come before the module; everything after it is the guest's. Nothing is "
              "granted that is not asked for here. 'hythe check MODULE' prints the command that "
              "fits a module.",
     .examples = "  hythe run --allow-listen :8080 hyper_server.wasm\n"
                 "  hythe run --tcplisten 127.0.0.1:8080 --dir ./site::/site:ro server.wasm\n"
                 "  hythe run --net --trace client.wasm https://example.org\n"
                 "  hythe run --allow-http https://api.example.org:443 fetch.wasm\n"
                 "  hythe run --invoke add reactor.wasm\n",
     .options = run_table,
     .option_count = ARRAY_COUNT(run_table),
     .operand_min = 1,
     .operand_max = INT_MAX,
     .is_guest_after = true},
    {.name = "serve",
     .operands = "[OPTIONS] MODULE|FILE.toml",
     .summary = "serve CGI modules, components and files behind hythe's own HTTP front",
     .about =
         "Serves one module, or what hythe.toml or WAGI's modules.toml says. What is given here "
         "goes before what the file says. SIGHUP reloads, SIGTERM ends when the requests under "
         "way have been answered, SIGUSR2 hands over to a new program.",
     .examples = "  hythe serve app.wasm\n"
                 "  hythe serve --listen :443 --tls-cert cert.pem --tls-key key.pem app.wasm\n"
                 "  hythe serve --workers auto --access-log - hythe.toml\n"
                 "  hythe serve --check modules.toml\n",
     .options = serve_option_table,
     .option_count = SERVE_OPTION_COUNT,
     .operand_min = 1,
     .operand_max = 1},
    {.name = "check",
     .operands = "[--image] [--json] MODULE...",
     .summary = "say what a module is, what it needs, and the command that runs it",
     .about = "Names the dialect a module speaks, what it imports, what has to be granted and the "
              "exact command that runs it; or why it cannot run and what to do. Nothing is run. "
              "Ends with 0 when hythe can run all of them, with 1 when it cannot.",
     .examples = "  hythe check server.wasm\n"
                 "  hythe check --image app.tar\n"
                 "  hythe check --json *.wasm | jq -r .command\n",
     .options = check_table,
     .option_count = ARRAY_COUNT(check_table),
     .operand_min = 1,
     .operand_max = INT_MAX},
    {.name = "compile",
     .operands = "[-o FILE] MODULE",
     .summary = "compile a module ahead of time",
     .about = "The result is machine code for this processor and this version of hythe. 'hythe "
              "run' takes it in place of the module and trusts it: keep it where nobody else can "
              "write.",
     .examples = "  hythe compile server.wasm\n"
                 "  hythe compile -o /srv/server.cwasm server.wasm\n",
     .options = compile_table,
     .option_count = ARRAY_COUNT(compile_table),
     .operand_min = 1,
     .operand_max = 1},
    {.name = "image",
     .operands = "build [OPTIONS] APP.wasm|DIR | inspect [--json] FILE.tar|DIR",
     .summary = "make and look at images for container engines",
     .about = "'build' makes an OCI image of a module, or of a directory with hythe.toml, for the "
              "platform wasi/wasm: the same bytes each time, without a container engine. 'inspect' "
              "says what is in an image, verifies it, and says what hythe would do with it.",
     .examples = "  hythe image build app.wasm -t app:1 -o app.tar\n"
                 "  hythe image build app.wasm -t ghcr.io/me/app:1 --index linux/amd64,linux/arm64 "
                 "-o app.tar\n"
                 "  hythe image build ./site --port 8080 -t site -o site.tar\n"
                 "  hythe image inspect app.tar\n",
     .options = image_option_table,
     .option_count = IMAGE_OPTION_COUNT,
     .operand_max = 2},
    {.name = "install",
     .operands = "[--write|--remove] docker|containerd|podman|crio|k8s",
     .summary = "have a container engine run WebAssembly by hythe",
     .about =
         "Prints what has to be said in the engine's configuration so that it calls "
         "hythe-runc, or puts it there. All else in these files stays as it is, and nothing is "
         "ever restarted from here: what to restart is printed.",
     .examples = "  hythe install docker\n"
                 "  hythe install --write containerd\n"
                 "  hythe install --remove podman\n"
                 "  hythe install k8s | kubectl apply -f -\n",
     .options = install_option_table,
     .option_count = INSTALL_OPTION_COUNT,
     .operand_min = 1,
     .operand_max = 1},
    {.name = "version",
     .operands = "",
     .summary = "print the versions of hythe and of its engine",
     .about = "'hythe --version' and 'hythe -V' do the same.",
     .examples = "  hythe version\n"},
    {.name = "help",
     .operands = "[COMMAND]",
     .summary = "explain hythe or one command",
     .about = "'hythe COMMAND --help' and 'hythe COMMAND -h' do the same.",
     .examples = "  hythe help run\n",
     .operand_max = 1},
};

size_t options_command_count(void)
{
    return ARRAY_COUNT(commands);
}

const struct command *options_command(size_t index)
{
    return &commands[index];
}

const struct command *options_find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const char *options_nearest_command(const char *typed)
{
    const char *names[ARRAY_COUNT(commands)];
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        names[i] = commands[i].name;
    }
    return command_line_nearest(typed, names, ARRAY_COUNT(commands));
}

/* -- commands --------------------------------------------------------------------------------- */

static int check_run(const struct run_options *options, struct error *err)
{
    if (options->no_cache && options->cache_dir != NULL) {
        (void)error_set(err, -EINVAL, "--no-cache and --cache-dir contradict; give one of them");
        (void)error_set_exit(err, 2);
        return -EINVAL;
    }
    return 0;
}

int run_options_parse(int argc, char **argv, struct run_options *options, struct error *err)
{
    *options = (struct run_options){
        .workers = 1,
        .grace_ns = UINT64_MAX,
        .http = {.first_byte_timeout_ns = UINT64_MAX,
                 .idle_timeout_ns = UINT64_MAX,
                 .redirects = UINT64_MAX},
    };
    struct operands operands = {0};
    int r = command_line_parse(options_find_command("run"), argc, argv, options, &operands, err);
    if (r != 0) {
        return r;
    }
    options->module = operands.items[0];
    options->args = operands.items + 1;
    options->arg_count = (uint32_t)(operands.count - 1);
    return check_run(options, err);
}

static void pairs_done(struct env_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        free(list->items[i].key);
        free(list->items[i].value);
    }
    free(list->items);
}

void run_options_done(struct run_options *options)
{
    for (uint32_t i = 0; i < options->dirs.count; i++) {
        free(options->dirs.items[i].host);
        free(options->dirs.items[i].guest);
    }
    pairs_done(&options->env);
    pairs_done(&options->wasi_config);
    free(options->dirs.items);
    free(options->tcplisten.items);
    free(options->allow_listen.items);
    free(options->allow_connect.items);
    free(options->allow_http.items);
    free(options->hosts.items);
    *options = (struct run_options){0};
}

int check_options_parse(int argc, char **argv, struct check_options *options, struct error *err)
{
    *options = (struct check_options){0};
    struct operands operands = {0};
    int r = command_line_parse(options_find_command("check"), argc, argv, options, &operands, err);
    if (r == 0) {
        options->modules = operands.items;
        options->module_count = (uint32_t)operands.count;
    }
    return r;
}

int compile_options_parse(int argc, char **argv, struct compile_options *options, struct error *err)
{
    *options = (struct compile_options){0};
    struct operands operands = {0};
    int r =
        command_line_parse(options_find_command("compile"), argc, argv, options, &operands, err);
    if (r == 0) {
        options->module = operands.items[0];
    }
    return r;
}

int help_options_parse(int argc, char **argv, struct help_options *options, struct error *err)
{
    *options = (struct help_options){0};
    struct operands operands = {0};
    int r = command_line_parse(options_find_command("help"), argc, argv, options, &operands, err);
    if (r == 0 && operands.count > 0) {
        options->command = operands.items[0];
    }
    return r;
}

int version_options_parse(int argc, char **argv, struct error *err)
{
    int nothing = 0;
    struct operands operands = {0};
    return command_line_parse(options_find_command("version"), argc, argv, &nothing, &operands,
                              err);
}
