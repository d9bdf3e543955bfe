/* Who defines the interfaces that components import, told by their names, and what to say of those
 * that hythe has not. See dialect_source.h.
 *
 * A name is "namespace:package/interface@version", or a bare one in no interface. Which snapshot of
 * WASI a version is, and who made it, is in wasmtime's history: 14.0 had 0.2.0-rc-2023-10-18, 15.0
 * 0.2.0-rc-2023-11-10, 16.0 0.2.0-rc-2023-12-05, 17.0 0.2.0 itself. */
#include <fnmatch.h>
#include <string.h>

#include "base/container.h"
#include "base/span.h"
#include "imports/dialect_source.h"

#define REBUILD_FOR_P2                                                                             \
    "rebuild it with tools of 2024 or newer, which make WASI 0.2 itself (Rust: --target "          \
    "wasm32-wasip2; JavaScript: a current componentize-js; C and others: a current wit-bindgen)"

static const struct dialect_source_words words[SOURCE_COUNT] = {
    [SOURCE_SPIN_COMPONENT] =
        {"spin-component", "Spin", "it is built for Spin",
         "run it with spin up, or rebuild it for wasi:http 0.2 without Spin's "
         "SDK"},
    [SOURCE_WASMCLOUD_COMPONENT] = {"wasmcloud-component", "wasmCloud", "it is built for wasmCloud",
                                    "run it with wash, or rebuild it with interfaces of WASI 0.2 "
                                    "only"},
    [SOURCE_FASTLY_COMPONENT] = {"fastly-component", "Fastly Compute",
                                 "it is built for Fastly Compute",
                                 "run it with Viceroy, or rebuild it for wasi:http 0.2"},
    [SOURCE_P3] = {"wasi-0.3", "WASI 0.3", "it is built for WASI 0.3",
                   "rebuild it for WASI 0.2, or run it with Wasmtime 46 or newer (wasmtime serve, "
                   "wasmtime run) until hythe has it"},
    [SOURCE_P3_RC] =
        {"wasi-0.3-rc", "WASI 0.3 (candidate)", "it is built for a release candidate of WASI 0.3",
         "rebuild it for WASI 0.2; as it is, only hosts of that very candidate run it, "
         "such as a Wasmtime or Spin of that month"},
    [SOURCE_P2_OCTOBER] = {"wasi-0.2.0-rc-2023-10-18", "WASI 0.2 (October 2023)",
                           "it is built for the release candidate of WASI 0.2 of 18 October 2023, "
                           "that of Wasmtime 14",
                           REBUILD_FOR_P2},
    [SOURCE_P2_NOVEMBER] = {"wasi-0.2.0-rc-2023-11-10", "WASI 0.2 (November 2023)",
                            "it is built for the release candidate of WASI 0.2 of 10 November "
                            "2023, that of Wasmtime 15",
                            REBUILD_FOR_P2},
    [SOURCE_P2_DECEMBER] = {"wasi-0.2.0-rc-2023-12-05", "WASI 0.2 (December 2023)",
                            "it is built for the release candidate of WASI 0.2 of 5 December 2023, "
                            "that of Wasmtime 16",
                            REBUILD_FOR_P2},
    [SOURCE_P2_OTHER] = {"wasi-other-version", "WASI, other versions",
                         "it is built for a version of WASI that is neither 0.2 nor one that hythe "
                         "knows",
                         REBUILD_FOR_P2},
    [SOURCE_WASI_NN] = {"wasi-nn-component", "wasi:nn", "it runs models through wasi:nn",
                        "run it with wasmtime and -S nn, or rebuild it without"},
    [SOURCE_WASI_TLS] = {"wasi-tls", "wasi:tls", "it makes TLS connections through wasi:tls",
                         "rebuild it to make requests through wasi:http/outgoing-handler, where "
                         "hythe does the TLS, or run it with wasmtime and -S tls"},
    [SOURCE_WASI_KEYVALUE] = {"wasi-keyvalue", "wasi:keyvalue",
                              "it keeps values through a wasi:keyvalue of another draft",
                              "rebuild it against wasi:keyvalue 0.2.0-draft"},
    [SOURCE_WASI_CONFIG] = {"wasi-config", "wasi:config",
                            "it reads its settings through a wasi:config of another draft",
                            "rebuild it against wasi:config 0.2.0-rc.1 (wasi:config/store), or to "
                            "read its environment"},
    [SOURCE_WASI_LOGGING] = {"wasi-logging", "wasi:logging", "it logs through wasi:logging",
                             "rebuild it to write to standard error, which hythe passes on"},
    [SOURCE_WASI_BLOBSTORE] =
        {"wasi-blobstore", "wasi:blobstore", "it keeps objects through wasi:blobstore",
         "rebuild it to use files (--dir) or the store's HTTP, or run it with "
         "wasmCloud"},
    [SOURCE_WASI_MESSAGING] = {"wasi-messaging", "wasi:messaging",
                               "it exchanges messages through wasi:messaging",
                               "run it with wasmCloud, or rebuild it without"},
    [SOURCE_WASI_SQL] = {"wasi-sql", "wasi:sql", "it talks to a database through wasi:sql",
                         "rebuild it to connect to the database itself (wasi:sockets), or run it "
                         "with a host that has it"},
    [SOURCE_WASI_OTHER] = {"wasi-proposal-component", "other proposals of WASI",
                           "it uses a proposed extension of WASI",
                           "run it with a host that has it, or rebuild it without"},
    [SOURCE_PACKAGE] =
        {"package", "other components", "it imports what another component is to provide",
         "compose it with that component first: wac plug --plug OTHER.wasm THIS.wasm "
         "-o WHOLE.wasm"},
    [SOURCE_ROOT] = {"root", "plain imports", "it imports functions that belong to no interface",
                     "compose it with the component that has them (wac plug), or run it with the "
                     "program it was made for"},
    [SOURCE_P2] = {"wasi-0.2", "WASI 0.2",
                   "it uses something of WASI 0.2 that this version of hythe has not",
                   "see whether a newer hythe has it, or rebuild it without"},
};

const struct dialect_source_words *dialect_component_words(enum dialect_source source)
{
    return &words[source];
}

/* Patterns as in fnmatch for a name without its version; the first row that fits wins. */
static const struct {
    const char *name;
    enum dialect_source source;
} patterns[] = {
    {"fermyon:*", SOURCE_SPIN_COMPONENT},
    {"spin:*", SOURCE_SPIN_COMPONENT},
    {"wasmcloud:*", SOURCE_WASMCLOUD_COMPONENT},
    {"fastly:*", SOURCE_FASTLY_COMPONENT},
    {"wasi:nn/*", SOURCE_WASI_NN},
    {"wasi:tls/*", SOURCE_WASI_TLS},
    {"wasi:keyvalue/*", SOURCE_WASI_KEYVALUE},
    {"wasi:config/*", SOURCE_WASI_CONFIG},
    {"wasi:runtime-config/*", SOURCE_WASI_CONFIG},
    {"wasi:logging/*", SOURCE_WASI_LOGGING},
    {"wasi:blobstore/*", SOURCE_WASI_BLOBSTORE},
    {"wasi:messaging/*", SOURCE_WASI_MESSAGING},
    {"wasi:sql/*", SOURCE_WASI_SQL},
    {"wasi:cli/*", SOURCE_P2},
    {"wasi:clocks/*", SOURCE_P2},
    {"wasi:filesystem/*", SOURCE_P2},
    {"wasi:http/*", SOURCE_P2},
    {"wasi:io/*", SOURCE_P2},
    {"wasi:random/*", SOURCE_P2},
    {"wasi:sockets/*", SOURCE_P2},
    {"wasi:cli-base/*", SOURCE_P2_OTHER}, /* packages of before October 2023 */
    {"wasi:poll/*", SOURCE_P2_OTHER},
    {"wasi:preview/*", SOURCE_P2_OTHER},
    {"wasi:*", SOURCE_WASI_OTHER},
    {"*:*", SOURCE_PACKAGE},
    {"*=<*", SOURCE_PACKAGE}, /* "unlocked-dep=<...>" and the like */
};

/* The versions of WASI's own packages, likewise. */
static const struct {
    const char *version;
    enum dialect_source source;
} versions[] = {
    {"0.2.0-rc-2023-10-18", SOURCE_P2_OCTOBER},
    {"0.2.0-rc-2023-11-10", SOURCE_P2_NOVEMBER},
    {"0.2.0-rc-2023-12-05", SOURCE_P2_DECEMBER},
    {"0.3.*-*", SOURCE_P3_RC},
    {"0.3.*", SOURCE_P3},
    {"*-*", SOURCE_P2_OTHER},
    {"0.2.*", SOURCE_P2},
};

static enum dialect_source source_of_version(const char *version)
{
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        if (fnmatch(versions[i].version, version, 0) == 0) {
            return versions[i].source;
        }
    }
    return SOURCE_P2_OTHER;
}

enum dialect_source dialect_source_of_interface(const char *name)
{
    const char *at = strchr(name, '@');
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        if (fnmatch(patterns[i].name, name, 0) == 0) {
            bool is_versioned = patterns[i].source == SOURCE_P2;
            return is_versioned ? source_of_version(at != NULL ? at + 1 : "") : patterns[i].source;
        }
    }
    return SOURCE_ROOT;
}
