/* The options of `hythe serve`. See serve_options.h.
 *
 * docs/man/hythe-serve.1.scd documents each row; scripts/check-docs compares. */
#include "config/serve_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/* -- values ----------------------------------------------------------------------------------- */

static int take_true(const char *value, void *field, struct error *err)
{
    (void)value; /* a flag has none */
    return option_parse_list("true", field, err);
}

static int take_false(const char *value, void *field, struct error *err)
{
    (void)value; /* a flag has none */
    return option_parse_list("false", field, err);
}

static int take_check(const char *value, void *field, struct error *err)
{
    (void)value; /* a flag has none */
    (void)err;   /* and cannot be wrong */
    *(bool *)field = true;
    return 0;
}

/* -- tables ----------------------------------------------------------------------------------- */

#define VALUE(row) offsetof(struct serve_options, values[row])

/* A row's number in VALUE is its place in the table. */
const struct option serve_option_table[SERVE_OPTION_COUNT] = {
    {.name = "listen",
     .placeholder = "ADDR",
     .is_repeatable = true,
     .section = "Listening",
     .help = "Listen on ADDR: 127.0.0.1:8080, [::1]:8080, :8080 (any address), unix:PATH, with "
             "https:// before it for TLS. Port 0 takes a free one. In place of the file's. "
             "Default 127.0.0.1:8080.",
     .parse = option_parse_list,
     .field = VALUE(0)},
    {.name = "tls-cert",
     .placeholder = "FILE",
     .section = "Listening",
     .help = "Serve TLS with the certificate chain in FILE (PEM). It is read again on SIGHUP.",
     .parse = option_parse_list,
     .field = VALUE(1)},
    {.name = "tls-key",
     .placeholder = "FILE",
     .section = "Listening",
     .help = "The certificate's private key (PEM).",
     .parse = option_parse_list,
     .field = VALUE(2)},
    {.name = "tls-client-ca",
     .placeholder = "FILE",
     .section = "Listening",
     .help = "Check certificates of clients against those in FILE (PEM).",
     .parse = option_parse_list,
     .field = VALUE(3)},
    {.name = "tls-client-auth",
     .placeholder = "none|optional|required",
     .section = "Listening",
     .help = "Whether clients show a certificate. Default none.",
     .parse = option_parse_list,
     .field = VALUE(4)},
    {.name = "admin",
     .placeholder = "ADDR",
     .section = "Listening",
     .help = "Serve metrics, health and a status page there, and nothing else.",
     .parse = option_parse_list,
     .field = VALUE(5)},
    {.name = "dir",
     .placeholder = "HOST[::GUEST][:ro]",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Give guests the directory HOST under the name GUEST, or under its own name. With "
             ":ro they can only read there.",
     .parse = option_parse_list,
     .field = VALUE(6)},
    {.name = "env",
     .placeholder = "NAME[=VALUE]",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Set an environment variable of the guests; without a value they inherit hythe's "
             "own.",
     .parse = option_parse_list,
     .field = VALUE(7)},
    {.name = "allow-http",
     .placeholder = "PATTERN",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Let guests with an HTTP client make requests there, as in 'hythe run'.",
     .parse = option_parse_list,
     .field = VALUE(8)},
    {.name = "allow-connect",
     .placeholder = "HOST:PORT|CIDR:PORT",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Let guests connect there, as in 'hythe run'.",
     .parse = option_parse_list,
     .field = VALUE(9)},
    {.name = "net",
     .section = "Guests",
     .help = "Grant guests the network as a whole.",
     .parse = take_true,
     .field = VALUE(10)},
    {.name = "host",
     .placeholder = "NAME=ADDRESS",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Take this name for that numeric address and ask no name server.",
     .parse = option_parse_list,
     .field = VALUE(11)},
    {.name = "kind",
     .placeholder = "KIND",
     .section = "Guests",
     .help = "How the module is served: auto, cgi, wagi, wcgi or wasi-http. Default auto.",
     .parse = option_parse_list,
     .field = VALUE(12)},
    {.name = "wasi-config",
     .placeholder = "NAME=VALUE",
     .is_repeatable = true,
     .section = "Guests",
     .help = "Answer VALUE to components that ask wasi:config for NAME.",
     .parse = option_parse_list,
     .field = VALUE(13)},
    {.name = "stub-unknown",
     .section = "Guests",
     .help = "Serve a component that imports what hythe does not have; it traps when it calls it.",
     .parse = take_true,
     .field = VALUE(14)},
    {.name = "max-memory",
     .placeholder = "SIZE",
     .section = "Limits of a request",
     .help = "Give a guest at most this much memory. Default 128M.",
     .parse = option_parse_list,
     .field = VALUE(15)},
    {.name = "cpu",
     .placeholder = "TIME",
     .section = "Limits of a request",
     .help = "End a guest that computes for longer; 0 for no limit. Default 10s.",
     .parse = option_parse_list,
     .field = VALUE(16)},
    {.name = "timeout",
     .placeholder = "TIME",
     .section = "Limits of a request",
     .help = "End a request that takes longer in all; 0 for no limit. Default 60s.",
     .parse = option_parse_list,
     .field = VALUE(17)},
    {.name = "max-fds",
     .placeholder = "N",
     .section = "Limits of a request",
     .help = "Let a guest have at most N descriptors open. Default 1024.",
     .parse = option_parse_list,
     .field = VALUE(18)},
    {.name = "max-body",
     .placeholder = "SIZE",
     .section = "Limits of a request",
     .help = "Refuse a request whose body is larger; 0 for no limit. Default 10M.",
     .parse = option_parse_list,
     .field = VALUE(19)},
    {.name = "concurrency",
     .placeholder = "N",
     .section = "Limits of a request",
     .help = "Let at most N requests be with the module at a time in a worker; others get 503. "
             "Default: no limit of its own.",
     .parse = option_parse_list,
     .field = VALUE(20)},
    {.name = "reuse",
     .placeholder = "N",
     .section = "Limits of a request",
     .help = "Let an instance serve up to N requests, if the module can. Default 1: a fresh one "
             "each.",
     .parse = option_parse_list,
     .field = VALUE(21)},
    {.name = "tls-timeout",
     .placeholder = "TIME",
     .section = "Limits of the server",
     .help = "How long a TLS handshake may take; 0 for ever, here and below. Default 10s.",
     .parse = option_parse_list,
     .field = VALUE(22)},
    {.name = "header-timeout",
     .placeholder = "TIME",
     .section = "Limits of the server",
     .help = "How long the head of a request may take. Default 10s.",
     .parse = option_parse_list,
     .field = VALUE(23)},
    {.name = "body-timeout",
     .placeholder = "TIME",
     .section = "Limits of the server",
     .help = "How long a body may pause. Default 30s.",
     .parse = option_parse_list,
     .field = VALUE(24)},
    {.name = "write-timeout",
     .placeholder = "TIME",
     .section = "Limits of the server",
     .help = "How long a client may take nothing of what is sent. Default 30s.",
     .parse = option_parse_list,
     .field = VALUE(25)},
    {.name = "idle-timeout",
     .placeholder = "TIME",
     .section = "Limits of the server",
     .help = "How long a connection may stay open between requests. Default 60s.",
     .parse = option_parse_list,
     .field = VALUE(26)},
    {.name = "max-head",
     .placeholder = "SIZE",
     .section = "Limits of the server",
     .help = "Refuse requests whose head is larger. Default 64K.",
     .parse = option_parse_list,
     .field = VALUE(27)},
    {.name = "max-headers",
     .placeholder = "N",
     .section = "Limits of the server",
     .help = "Refuse requests with more header lines. Default 128.",
     .parse = option_parse_list,
     .field = VALUE(28)},
    {.name = "max-url",
     .placeholder = "SIZE",
     .section = "Limits of the server",
     .help = "Refuse requests whose URL is longer. Default 16K.",
     .parse = option_parse_list,
     .field = VALUE(29)},
    {.name = "max-connections",
     .placeholder = "N",
     .section = "Limits of the server",
     .help = "Hold at most N connections in a worker; then the one that is idle for longest gives"
             " way. Default 10000.",
     .parse = option_parse_list,
     .field = VALUE(30)},
    {.name = "max-connections-per-address",
     .placeholder = "N",
     .section = "Limits of the server",
     .help = "Hold at most N connections of one address in a worker. Default: no limit.",
     .parse = option_parse_list,
     .field = VALUE(31)},
    {.name = "max-requests",
     .placeholder = "N",
     .section = "Limits of the server",
     .help = "Work on at most N requests at a time in a worker; others get 503. Default 256.",
     .parse = option_parse_list,
     .field = VALUE(32)},
    {.name = "workers",
     .placeholder = "N|auto",
     .section = "Running",
     .help = "Run N processes; 'auto' is one for each processor. Default auto.",
     .parse = option_parse_list,
     .field = VALUE(33)},
    {.name = "grace",
     .placeholder = "TIME",
     .section = "Running",
     .help = "How long requests may still take after SIGTERM. Default 30s.",
     .parse = option_parse_list,
     .field = VALUE(34)},
    {.name = "user",
     .placeholder = "NAME",
     .section = "Running",
     .help = "Run the workers as this user.",
     .parse = option_parse_list,
     .field = VALUE(35)},
    {.name = "group",
     .placeholder = "NAME",
     .section = "Running",
     .help = "Run the workers in this group; by default the user's.",
     .parse = option_parse_list,
     .field = VALUE(36)},
    {.name = "no-sandbox",
     .section = "Running",
     .help = "Leave out Landlock and seccomp in the workers.",
     .parse = take_false,
     .field = VALUE(37)},
    {.name = "watch",
     .section = "Running",
     .help = "Reload when the file or a module changes, as on SIGHUP.",
     .parse = take_true,
     .field = VALUE(38)},
    {.name = "access-log",
     .placeholder = "FILE|-|off",
     .section = "Running",
     .help = "Write a line per request; '-' is standard output. Default off.",
     .parse = option_parse_list,
     .field = VALUE(39)},
    {.name = "log-format",
     .placeholder = "combined|json",
     .section = "Running",
     .help = "The form of these lines. Default combined.",
     .parse = option_parse_list,
     .field = VALUE(40)},
    {.name = "otlp",
     .placeholder = "URL",
     .section = "Running",
     .help = "Send traces to this OpenTelemetry collector (OTLP over HTTP).",
     .parse = option_parse_list,
     .field = VALUE(41)},
    {.name = "cache-dir",
     .placeholder = "DIR",
     .section = "Running",
     .help = "Keep compiled modules in DIR, which nobody else may be able to write. By default "
             "~/.cache/hythe/modules.",
     .parse = option_parse_list,
     .field = VALUE(42)},
    {.name = "no-cache",
     .section = "Running",
     .help = "Neither read nor write compiled modules.",
     .parse = take_false,
     .field = VALUE(43)},
    {.name = "set",
     .placeholder = "KEY=VALUE",
     .is_repeatable = true,
     .section = "Configuration",
     .help = "Set any key of hythe.toml: --set limits.http2_streams=32.",
     .parse = option_parse_list,
     .field = VALUE(44)},
    {.name = "check",
     .section = "Configuration",
     .help = "Load everything, print what would be served, and end: with 0, or with 2 if "
             "something is wrong.",
     .parse = take_check,
     .field = offsetof(struct serve_options, check)},
};

/* The key of each row. */
static const char *const keys[SERVE_OPTION_COUNT] = {
    "listen",
    "tls.certificate",
    "tls.key",
    "tls.client_ca",
    "tls.client_auth",
    "admin",
    "guest.dirs",
    "guest.env",
    "guest.allow_http",
    "guest.allow_connect",
    "guest.net",
    "guest.hosts",
    "route.kind",
    "guest.config",
    "route.stub_unknown",
    "guest.memory",
    "guest.cpu",
    "guest.wall",
    "guest.descriptors",
    "route.body",
    "route.concurrency",
    "route.reuse",
    "timeouts.tls",
    "timeouts.header",
    "timeouts.body",
    "timeouts.write",
    "timeouts.idle",
    "limits.head",
    "limits.headers",
    "limits.url",
    "limits.connections",
    "limits.connections_per_address",
    "limits.requests",
    "workers",
    "grace",
    "user",
    "group",
    "sandbox",
    "watch",
    "log.access",
    "log.format",
    "otlp",
    "cache.dir",
    "cache.enabled",
    "",   /* --set: an assignment */
    NULL, /* --check */
};

const char *serve_option_key(size_t row)
{
    return keys[row] != NULL && keys[row][0] != '\0' ? keys[row] : NULL;
}

bool serve_option_is_assignment(size_t row)
{
    return keys[row] != NULL && keys[row][0] == '\0';
}

/* -- parsing ---------------------------------------------------------------------------------- */

int serve_options_parse(int argc, char **argv, struct serve_options *options, struct error *err)
{
    *options = (struct serve_options){0};
    struct operands operands = {0};
    int r = command_line_parse(options_find_command("serve"), argc, argv, options, &operands, err);
    if (r == 0) {
        options->operand = operands.items[0];
    }
    return r;
}

void serve_options_done(struct serve_options *options)
{
    for (size_t i = 0; i < ARRAY_COUNT(options->values); i++) {
        free(options->values[i].items);
    }
    *options = (struct serve_options){0};
}
