/* hythe install docker|containerd|podman|crio|k8s */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "config/install_options.h"
#include "config/options.h"
#include "oci/install.h"

enum { INSTALL_TEXT_MAX = 1 << 20 };

/* Each line of the notes is one of hythe's own. */
static void say(struct span notes)
{
    while (notes.len > 0) {
        const uint8_t *end = memchr(notes.data, '\n', notes.len);
        size_t len = end != NULL ? (size_t)(end - notes.data) : notes.len;
        log_line("%.*s", (int)len, (const char *)notes.data);
        len += end != NULL ? 1 : 0;
        notes = (struct span){notes.data + len, notes.len - len};
    }
}

int cli_install(int argc, char **argv)
{
    struct install_options options;
    struct buffer out;
    struct buffer notes;
    struct error err = {0};
    int r = install_options_parse(argc, argv, &options, &err);
    if (r < 0) {
        return cli_fail_usage(&err);
    }
    if (r == COMMAND_LINE_HELP) {
        return cli_command_help("install");
    }
    buffer_init(&out, INSTALL_TEXT_MAX);
    buffer_init(&notes, INSTALL_TEXT_MAX);
    r = install_work(&options, &out, &notes, &err);
    if (r < 0) {
        log_line("install %s: %s", install_target_name(options.target), err.text);
    } else if (out.len > 0) {
        (void)fwrite(out.data, 1, out.len, stdout); /* checked at the end */
    }
    int flushed = cli_flush();
    say(buffer_span(&notes));
    buffer_done(&out);
    buffer_done(&notes);
    return r < 0 ? (err.exit != 0 ? err.exit : EXIT_CODE_FAILED) : flushed;
}
