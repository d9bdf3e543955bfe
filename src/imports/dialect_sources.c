/* The known hosts and toolchains, how their imports look and what to say of them. See
 * dialect_source.h.
 *
 * Sources of the patterns: socket_dialects.md (WASIX, WAMR, WasmEdge) and the import modules that
 * the other projects document. */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "base/container.h"
#include "imports/dialect_source.h"

static const struct dialect_source_words words[SOURCE_UNKNOWN + 1] = {
    [SOURCE_WASIX] = {"wasix", "WASIX", "it is built for WASIX, Wasmer's extension of WASI",
                      "rebuild it for plain WASI (cargo build --target wasm32-wasip1 and not cargo "
                      "wasix; wasi-sdk and not wasix-libc), or run it with Wasmer"},
    [SOURCE_WASI_THREADS] = {"wasi-threads", "wasi-threads", "it is built for wasi-threads",
                             "rebuild it without threads, for wasm32-wasip1 and not "
                             "wasm32-wasip1-threads"},
    [SOURCE_WAMR] = {"wamr-sockets", "WAMR sockets", "it is built for the sockets of WAMR",
                     "rebuild it for WasmEdge's sockets or to accept on descriptor 3, or run it "
                     "with iwasm"},
    [SOURCE_WASMEDGE_2021] =
        {"wasmedge-sockets-2021", "WasmEdge sockets of 2021",
         "it uses the first form of WasmEdge's sockets, of wasmedge_wasi_socket "
         "up to 0.3.3",
         "rebuild it with wasmedge_wasi_socket 0.4 or newer"},
    [SOURCE_PREVIEW0] = {"wasi-preview0", "WASI preview 0",
                         "it is built for the first preview of WASI, of 2019",
                         "rebuild it with a toolchain of 2020 or newer, for wasm32-wasip1 "
                         "(wasm32-wasi)"},
    [SOURCE_COMPONENT] = {"component-core", "component model",
                          "it is the inside of a component that has not been wrapped",
                          "make a component of it (wasm-tools component new), which hythe runs, or "
                          "rebuild it for wasm32-wasip1"},
    [SOURCE_FASTLY] = {"fastly", "Fastly Compute", "it is built for Fastly Compute",
                       "run it with Viceroy, or rebuild it as a plain server for wasm32-wasip1"},
    [SOURCE_SPIN] = {"spin", "Spin", "it is built for Spin",
                     "run it with spin up, or rebuild it as a plain server for wasm32-wasip1"},
    [SOURCE_EXTISM] = {"extism", "Extism", "it is an Extism plug-in, no program of its own",
                       "call it with the extism command or an Extism SDK"},
    [SOURCE_PROXY_WASM] = {"proxy-wasm", "proxy-wasm",
                           "it is a proxy-wasm filter, no program of its own",
                           "load it into a proxy: Envoy, or nginx with ngx_wasm_module"},
    [SOURCE_WASMCLOUD] = {"wasmcloud", "wasmCloud", "it is a wasmCloud actor",
                          "deploy it with wash, or rebuild it as a plain server for "
                          "wasm32-wasip1"},
    [SOURCE_LUNATIC] = {"lunatic", "Lunatic", "it is built for Lunatic",
                        "run it with lunatic, or rebuild it as a plain server for wasm32-wasip1"},
    [SOURCE_GO_JS] = {"go-js", "Go for JavaScript",
                      "it is built by Go for JavaScript, with GOOS=js",
                      "rebuild it with GOOS=wasip1 GOARCH=wasm (TinyGo: -target=wasip1)"},
    [SOURCE_WASM_BINDGEN] = {"wasm-bindgen", "wasm-bindgen",
                             "it is built with wasm-bindgen for JavaScript",
                             "rebuild it for wasm32-wasip1; if it is not meant for a browser, some "
                             "dependency has its 'js' or 'wasm-bindgen' feature switched on"},
    [SOURCE_EMSCRIPTEN] = {"emscripten", "Emscripten", "it is built by Emscripten for JavaScript",
                           "rebuild it with wasi-sdk, or with emcc -sSTANDALONE_WASM if it needs "
                           "no more than WASI has"},
    [SOURCE_ASSEMBLYSCRIPT] = {"assemblyscript", "AssemblyScript",
                               "it is built by AssemblyScript without WASI",
                               "rebuild it with @assemblyscript/wasi-shim, or with "
                               "--use abort= if nothing but abort is missing"},
    [SOURCE_EXPERIMENTAL_HTTP] = {"wasi-experimental-http", "wasi_experimental_http",
                                  "it makes HTTP requests through wasi_experimental_http",
                                  "hythe has every form of it that was ever released; rebuild it "
                                  "with wasi-experimental-http 0.10, or its C header in sdk/"},
    [SOURCE_WASMEDGE_PLUGIN] = {"wasmedge-plugin", "WasmEdge plug-ins",
                                "it uses plug-ins of WasmEdge",
                                "run it with WasmEdge and these plug-ins, or rebuild it without "
                                "them"},
    [SOURCE_WASI_PROPOSAL] = {"wasi-proposal", "WASI proposals",
                              "it uses a proposed extension of WASI, such as wasi-nn",
                              "run it with a host that has it, or rebuild it without it"},
    [SOURCE_WASMEDGE] = {"wasmedge-sockets", "WasmEdge sockets",
                         "it uses a socket call in a form that WasmEdge never had",
                         "rebuild it with wasmedge_wasi_socket 0.4 or newer"},
    [SOURCE_DYNAMIC] = {"dynamic-linking", "dynamic linking",
                        "it is a dynamic library or needs some, no program of its own",
                        "link it statically (without -shared, -fPIC, -sMAIN_MODULE)"},
    [SOURCE_MEMORY] = {"imported-memory", "imported memory",
                       "it wants its memory from the host, as programs for threads or for a "
                       "browser do",
                       "link it without --import-memory and --shared-memory"},
    [SOURCE_PREVIEW1_SOCKETS] = {"wasi-preview1-sockets", "WASI preview 1 sockets",
                                 "it imports a socket call of WASI with a type that is not its own",
                                 "rebuild it with a toolchain for wasm32-wasip1"},
    [SOURCE_PREVIEW1] = {"wasi-preview1", "WASI preview 1",
                         "it imports a function of WASI with a type that is not its own",
                         "rebuild it with a toolchain for wasm32-wasip1"},
    [SOURCE_PREVIEW1_FOREIGN] = {"wasi-preview1-foreign", "unknown WASI names",
                                 "it imports something under WASI's name that is no part of WASI",
                                 "see which library or toolchain added it, and rebuild it "
                                 "without"},
    [SOURCE_ENV] = {"env", "env",
                    "it leaves functions to the program that embeds it, or they were "
                    "not found when it was linked",
                    "link what defines them (wasm-ld --error-limit=0 without --allow-undefined "
                    "names them), or run it with the program it was made for"},
    [SOURCE_UNKNOWN] = {"unknown", "unknown host", "it is made for a host that hythe does not know",
                        "run it with the program it was made for, or rebuild it for plain WASI "
                        "(wasm32-wasip1)"},
};

const struct dialect_source_words *dialect_source_words(enum dialect_source source)
{
    return source <= SOURCE_UNKNOWN ? &words[source] : dialect_component_words(source);
}

/* Patterns as in fnmatch; the first row that fits wins. */
static const struct {
    const char *module;
    const char *name;
    enum dialect_source source;
} patterns[] = {
    {"wasix_*", "*", SOURCE_WASIX},
    {"wasi", "thread-spawn", SOURCE_WASI_THREADS},
    {"wasi", "thread_spawn", SOURCE_WASI_THREADS},
    {"wasi_experimental_http", "*", SOURCE_EXPERIMENTAL_HTTP},
    {"fastly_*", "*", SOURCE_FASTLY},
    {"extism:*", "*", SOURCE_EXTISM},
    {"env", "extism_*", SOURCE_EXTISM},
    {"env", "proxy_*", SOURCE_PROXY_WASM},
    {"fermyon:*", "*", SOURCE_SPIN},
    {"spin-*", "*", SOURCE_SPIN},
    {"spin_*", "*", SOURCE_SPIN},
    {"wasi-outbound-http", "*", SOURCE_SPIN},
    {"outbound-*", "*", SOURCE_SPIN},
    {"key-value", "*", SOURCE_SPIN},
    {"llm", "*", SOURCE_SPIN},
    {"sqlite", "*", SOURCE_SPIN},
    {"wasmcloud:*", "*", SOURCE_WASMCLOUD},
    {"wasmbus*", "*", SOURCE_WASMCLOUD},
    {"wapc", "*", SOURCE_WASMCLOUD},
    {"lunatic::*", "*", SOURCE_LUNATIC},
    {"lunatic", "*", SOURCE_LUNATIC},
    {"gojs", "*", SOURCE_GO_JS},
    {"go", "*", SOURCE_GO_JS},
    {"__wbindgen_*", "*", SOURCE_WASM_BINDGEN},
    {"wbg", "*", SOURCE_WASM_BINDGEN},
    {"./*_bg.js", "*", SOURCE_WASM_BINDGEN},
    {"env", "__wbindgen_*", SOURCE_WASM_BINDGEN},
    {"wasi_ephemeral_*", "*", SOURCE_WASI_PROPOSAL},
    {"wasi_nn", "*", SOURCE_WASI_PROPOSAL},
    {"wasi_crypto*", "*", SOURCE_WASI_PROPOSAL},
    {"wasmedge_*", "*", SOURCE_WASMEDGE_PLUGIN},
    {"GOT.*", "*", SOURCE_DYNAMIC},
    {"env", "__memory_base*", SOURCE_DYNAMIC},
    {"env", "__table_base*", SOURCE_DYNAMIC},
    {"env", "__stack_pointer", SOURCE_DYNAMIC},
    {"env", "__indirect_function_table", SOURCE_DYNAMIC},
    {"env", "emscripten_*", SOURCE_EMSCRIPTEN},
    {"env", "_emscripten_*", SOURCE_EMSCRIPTEN},
    {"env", "__emscripten_*", SOURCE_EMSCRIPTEN},
    {"env", "invoke_*", SOURCE_EMSCRIPTEN},
    {"env", "__cxa_*", SOURCE_EMSCRIPTEN},
    {"env", "__syscall_*", SOURCE_EMSCRIPTEN},
    {"env", "_embind_*", SOURCE_EMSCRIPTEN},
    {"env", "_emval_*", SOURCE_EMSCRIPTEN},
    {"env", "__assert_fail", SOURCE_EMSCRIPTEN},
    {"env", "_abort_js", SOURCE_EMSCRIPTEN},
    {"env", "_*_js", SOURCE_EMSCRIPTEN},
    {"a", "?", SOURCE_EMSCRIPTEN}, /* names as -O2 and above shorten them */
    {"a", "??", SOURCE_EMSCRIPTEN},
    {"env", "abort", SOURCE_ASSEMBLYSCRIPT},
    {"env", "seed", SOURCE_ASSEMBLYSCRIPT},
    {"env", "console.*", SOURCE_ASSEMBLYSCRIPT},
    {"env", "Date.now", SOURCE_ASSEMBLYSCRIPT},
    {"$root", "*", SOURCE_COMPONENT},
    {"wasi:*", "*", SOURCE_COMPONENT},
    {"cm32p2*", "*", SOURCE_COMPONENT},
    {"[[]export]*", "*", SOURCE_COMPONENT},
    {"env", "*", SOURCE_ENV},
};

static const char *const preview1_sockets[] = {"sock_accept", "sock_recv", "sock_send",
                                               "sock_shutdown"};

static const char *const wasmedge_names[] = {
    "sock_open",        "sock_bind",         "sock_listen",      "sock_connect",
    "sock_recv_from",   "sock_send_to",      "sock_getsockopt",  "sock_setsockopt",
    "sock_getpeeraddr", "sock_getlocaladdr", "sock_getaddrinfo", "epoll_oneoff",
};

static const char *const wamr_names[] = {"sock_addr_*", "sock_close", "sock_get_*", "sock_set_*"};

/* The names whose type alone tells WAMR's from WasmEdge's. */
static const struct {
    const char *name;
    const char *params;
} wamr_types[] = {{"sock_open", "iiii"}, {"sock_bind", "ii"}, {"sock_connect", "ii"}};

static const char *const preview1_names[] = {
    "args_get",
    "args_sizes_get",
    "environ_get",
    "environ_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_wamr_call(const struct module_import *import)
{
    for (size_t i = 0; i < ARRAY_COUNT(wamr_names); i++) {
        if (fnmatch(wamr_names[i], import->name, 0) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(wamr_types); i++) {
        if (strcmp(import->name, wamr_types[i].name) == 0 &&
            strcmp(import->params, wamr_types[i].params) == 0) {
            return true;
        }
    }
    return false;
}

/* recv_from and send_to with six parameters are WAMR's or WasmEdge's of 2021, with different
 * meanings; only the rest of the module tells. */
static bool is_six_parameter_call(const struct module_import *import)
{
    bool is_name =
        strcmp(import->name, "sock_recv_from") == 0 || strcmp(import->name, "sock_send_to") == 0;
    return is_name && strcmp(import->params, "iiiiii") == 0;
}

static enum dialect_source preview1_source(const struct module_import *import, bool is_wamr)
{
    static const char sock[] = "sock_";
    static const char v2[] = "_v2";
    size_t len = strlen(import->name);
    if (is_wamr_call(import)) {
        return SOURCE_WAMR;
    }
    if (is_six_parameter_call(import)) {
        return is_wamr ? SOURCE_WAMR : SOURCE_WASMEDGE_2021;
    }
    if (is_among(import->name, wasmedge_names, ARRAY_COUNT(wasmedge_names))) {
        return is_wamr ? SOURCE_WAMR : SOURCE_WASMEDGE;
    }
    bool is_sock = strncmp(import->name, sock, strlen(sock)) == 0;
    if (is_sock && len > strlen(v2) && strcmp(import->name + len - strlen(v2), v2) == 0) {
        return SOURCE_WASMEDGE;
    }
    if (strcmp(import->name, "sock_accept") == 0 && strcmp(import->params, "ii") == 0) {
        return is_wamr ? SOURCE_WAMR : SOURCE_WASMEDGE;
    }
    if (is_among(import->name, preview1_sockets, ARRAY_COUNT(preview1_sockets))) {
        return SOURCE_PREVIEW1_SOCKETS;
    }
    if (is_among(import->name, preview1_names, ARRAY_COUNT(preview1_names))) {
        return SOURCE_PREVIEW1;
    }
    return SOURCE_PREVIEW1_FOREIGN;
}

enum dialect_source dialect_source_of(const struct module_import *import, bool is_wamr)
{
    bool is_preview1 = strcmp(import->module, "wasi_snapshot_preview1") == 0;
    bool is_preview0 = strcmp(import->module, "wasi_unstable") == 0;
    if (import->kind == EXTERN_MEMORY) {
        return SOURCE_MEMORY;
    }
    if (is_preview0 && is_wamr_call(import)) {
        return SOURCE_WAMR;
    }
    if (is_preview0) {
        return SOURCE_PREVIEW0;
    }
    if (is_preview1) {
        return preview1_source(import, is_wamr);
    }
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        if (fnmatch(patterns[i].module, import->module, 0) == 0 &&
            fnmatch(patterns[i].name, import->name, 0) == 0) {
            return patterns[i].source;
        }
    }
    return SOURCE_UNKNOWN;
}
