/* The interfaces that components can import, and in which versions. See component.h. */
#include "imports/component.h"

#include <string.h>

#include "imports/wasi_cli/cli.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_config/config.h"
#include "imports/wasi_filesystem/filesystem.h"
#include "imports/wasi_http/http.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_random/random.h"
#include "imports/wasi_sockets/sockets.h"

/* "0.2": every release 0.2.x. Pre-releases match by their whole version only: each of them may mean
 * something else. */
struct row {
    const struct component_interface *interface;
    const char *version;
};

static const struct row rows[] = {
    {&wasi_io_error, "0.2"},
    {&wasi_io_poll, "0.2"},
    {&wasi_io_streams, "0.2"},
    {&wasi_clocks_monotonic_clock, "0.2"},
    {&wasi_clocks_wall_clock, "0.2"},
    {&wasi_random, "0.2"},
    {&wasi_random_insecure, "0.2"},
    {&wasi_random_insecure_seed, "0.2"},
    {&wasi_cli_environment, "0.2"},
    {&wasi_cli_exit, "0.2"},
    {&wasi_cli_stdin, "0.2"},
    {&wasi_cli_stdout, "0.2"},
    {&wasi_cli_stderr, "0.2"},
    {&wasi_cli_terminal_input, "0.2"},
    {&wasi_cli_terminal_output, "0.2"},
    {&wasi_cli_terminal_stdin, "0.2"},
    {&wasi_cli_terminal_stdout, "0.2"},
    {&wasi_cli_terminal_stderr, "0.2"},
    {&wasi_filesystem_types, "0.2"},
    {&wasi_filesystem_preopens, "0.2"},
    {&wasi_sockets_network, "0.2"},
    {&wasi_sockets_instance_network, "0.2"},
    {&wasi_sockets_tcp, "0.2"},
    {&wasi_sockets_tcp_create_socket, "0.2"},
    {&wasi_sockets_udp, "0.2"},
    {&wasi_sockets_udp_create_socket, "0.2"},
    {&wasi_sockets_ip_name_lookup, "0.2"},
    {&wasi_http_types, "0.2"},
    {&wasi_http_outgoing_handler, "0.2"},
    {&wasi_config_store, "0.2.0-rc.1"},
    {&wasi_config_store, "0.2.0-draft"},
    {&wasi_config_runtime, "0.2.0-draft"},
    {&wasi_keyvalue_store, "0.2.0-draft"},
    {&wasi_keyvalue_atomics, "0.2.0-draft"},
    {&wasi_keyvalue_batch, "0.2.0-draft"},
};

/* Is it 0.2.x, x a number? */
static bool is_release(struct span version)
{
    if (version.len < 5 || memcmp(version.data, "0.2.", 4) != 0) {
        return false;
    }
    for (size_t i = 4; i < version.len; i++) {
        if (version.data[i] < '0' || version.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool has_version(const struct row *row, struct span version)
{
    return strcmp(row->version, "0.2") == 0 ? is_release(version) : span_is(version, row->version);
}

const struct component_interface *component_interface_find(const char *import)
{
    const char *at = strchr(import, '@');
    if (at == NULL) {
        return NULL;
    }
    struct span name = {(const uint8_t *)import, (size_t)(at - import)};
    struct span version = span_of(at + 1);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (span_is(name, rows[i].interface->name) && has_version(&rows[i], version)) {
            return rows[i].interface;
        }
    }
    return NULL;
}

bool component_interface_has(const struct component_interface *interface, const char *name)
{
    for (size_t i = 0; i < interface->func_count; i++) {
        if (strcmp(interface->funcs[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < interface->resource_count; i++) {
        if (strcmp(interface->resources[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}
