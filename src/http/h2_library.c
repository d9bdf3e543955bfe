/* nghttp2 made ready for a server: its functions, our callbacks, and the limits that are its own. One
 * for all sessions of a server. */
#include <errno.h>
#include <stdlib.h>

#include "http/h2.h"

enum {
    OUTBOUND_ACKS_MAX = 1000, /* what one read may ask for */
    SETTINGS_ENTRIES_MAX = 32,
    /* nghttp2 counts each time that it sees a part of such a frame's head. */
    LIB_CONTINUATIONS_MAX = (H2_CONTINUATIONS_MAX + 1) * H2_FRAME_HEAD_LEN,
    LIB_RESETS_MAX = 1 << 20, /* never reached: the guard's own limit comes first */
};

static int make_option(struct h2_library *shared)
{
    const struct nghttp2 *lib = &shared->lib;
    if (lib->option_new(&shared->option) < 0) {
        return -ENOMEM;
    }
    lib->option_set_no_auto_window_update(shared->option, 1);
    lib->option_set_no_closed_streams(shared->option, 1);
    lib->option_set_max_deflate_dynamic_table_size(shared->option, H2_HEAD_TABLE_MAX);
    lib->option_set_max_send_header_block_length(shared->option, H2_ANSWER_HEAD_MAX);
    lib->option_set_max_outbound_ack(shared->option, OUTBOUND_ACKS_MAX);
    lib->option_set_max_settings(shared->option, SETTINGS_ENTRIES_MAX);
    lib->option_set_max_continuations(shared->option, LIB_CONTINUATIONS_MAX);
    lib->option_set_stream_reset_rate_limit(shared->option, LIB_RESETS_MAX, LIB_RESETS_MAX);
    return 0;
}

int h2_prepare(struct http_server *server, struct error *err)
{
    if (server->h2 != NULL) {
        return 0;
    }
    struct h2_library *shared = calloc(1, sizeof *shared);
    if (shared == NULL) {
        return error_set_errno(err, -ENOMEM, "making ready for HTTP/2");
    }
    int r = nghttp2_open(&shared->lib, err);
    if (r < 0) {
        free(shared);
        return r;
    }
    server->h2 = shared;
    if (shared->lib.callbacks_new(&shared->callbacks) < 0 || make_option(shared) < 0) {
        h2_release(server);
        return error_set_errno(err, -ENOMEM, "making ready for HTTP/2");
    }
    h2_receive_register(&shared->lib, shared->callbacks);
    h2_respond_register(&shared->lib, shared->callbacks);
    return 0;
}

void h2_release(struct http_server *server)
{
    struct h2_library *shared = server->h2;
    if (shared == NULL) {
        return;
    }
    shared->lib.callbacks_del(shared->callbacks);
    shared->lib.option_del(shared->option);
    free(shared);
    server->h2 = NULL;
}
