/* Opening nghttp2. See nghttp2.h. */
#include "http/nghttp2.h"

#include <stddef.h>

#include "base/container.h"
#include "base/library.h"

/* Where each function goes. The limits of resets and of CONTINUATION frames came with the fixes for
 * CVE-2023-44487 and CVE-2024-28182: an nghttp2 without them is not wanted. */
static const struct library_function functions[] = {
    {"nghttp2_session_server_new2", offsetof(struct nghttp2, session_server_new2)},
    {"nghttp2_session_del", offsetof(struct nghttp2, session_del)},
    {"nghttp2_session_mem_recv", offsetof(struct nghttp2, session_mem_recv)},
    {"nghttp2_session_mem_send", offsetof(struct nghttp2, session_mem_send)},
    {"nghttp2_session_want_read", offsetof(struct nghttp2, session_want_read)},
    {"nghttp2_session_want_write", offsetof(struct nghttp2, session_want_write)},
    {"nghttp2_session_terminate_session", offsetof(struct nghttp2, session_terminate_session)},
    {"nghttp2_session_resume_data", offsetof(struct nghttp2, session_resume_data)},
    {"nghttp2_session_consume_connection", offsetof(struct nghttp2, session_consume_connection)},
    {"nghttp2_session_consume_stream", offsetof(struct nghttp2, session_consume_stream)},
    {"nghttp2_session_set_local_window_size",
     offsetof(struct nghttp2, session_set_local_window_size)},
    {"nghttp2_session_set_stream_user_data",
     offsetof(struct nghttp2, session_set_stream_user_data)},
    {"nghttp2_session_get_stream_user_data",
     offsetof(struct nghttp2, session_get_stream_user_data)},
    {"nghttp2_session_get_stream_remote_close",
     offsetof(struct nghttp2, session_get_stream_remote_close)},
    {"nghttp2_session_get_last_proc_stream_id",
     offsetof(struct nghttp2, session_get_last_proc_stream_id)},
    {"nghttp2_submit_settings", offsetof(struct nghttp2, submit_settings)},
    {"nghttp2_submit_headers", offsetof(struct nghttp2, submit_headers)},
    {"nghttp2_submit_response", offsetof(struct nghttp2, submit_response)},
    {"nghttp2_submit_trailer", offsetof(struct nghttp2, submit_trailer)},
    {"nghttp2_submit_rst_stream", offsetof(struct nghttp2, submit_rst_stream)},
    {"nghttp2_submit_ping", offsetof(struct nghttp2, submit_ping)},
    {"nghttp2_submit_goaway", offsetof(struct nghttp2, submit_goaway)},
    {"nghttp2_submit_shutdown_notice", offsetof(struct nghttp2, submit_shutdown_notice)},
    {"nghttp2_rcbuf_incref", offsetof(struct nghttp2, rcbuf_incref)},
    {"nghttp2_rcbuf_decref", offsetof(struct nghttp2, rcbuf_decref)},
    {"nghttp2_rcbuf_get_buf", offsetof(struct nghttp2, rcbuf_get_buf)},
    {"nghttp2_option_new", offsetof(struct nghttp2, option_new)},
    {"nghttp2_option_del", offsetof(struct nghttp2, option_del)},
    {"nghttp2_option_set_no_auto_window_update",
     offsetof(struct nghttp2, option_set_no_auto_window_update)},
    {"nghttp2_option_set_no_closed_streams",
     offsetof(struct nghttp2, option_set_no_closed_streams)},
    {"nghttp2_option_set_max_deflate_dynamic_table_size",
     offsetof(struct nghttp2, option_set_max_deflate_dynamic_table_size)},
    {"nghttp2_option_set_max_send_header_block_length",
     offsetof(struct nghttp2, option_set_max_send_header_block_length)},
    {"nghttp2_option_set_max_outbound_ack", offsetof(struct nghttp2, option_set_max_outbound_ack)},
    {"nghttp2_option_set_max_settings", offsetof(struct nghttp2, option_set_max_settings)},
    {"nghttp2_option_set_max_continuations",
     offsetof(struct nghttp2, option_set_max_continuations)},
    {"nghttp2_option_set_stream_reset_rate_limit",
     offsetof(struct nghttp2, option_set_stream_reset_rate_limit)},
    {"nghttp2_session_callbacks_new", offsetof(struct nghttp2, callbacks_new)},
    {"nghttp2_session_callbacks_del", offsetof(struct nghttp2, callbacks_del)},
    {"nghttp2_session_callbacks_set_on_begin_frame_callback",
     offsetof(struct nghttp2, set_on_begin_frame)},
    {"nghttp2_session_callbacks_set_on_begin_headers_callback",
     offsetof(struct nghttp2, set_on_begin_headers)},
    {"nghttp2_session_callbacks_set_on_header_callback2", offsetof(struct nghttp2, set_on_header2)},
    {"nghttp2_session_callbacks_set_on_invalid_header_callback2",
     offsetof(struct nghttp2, set_on_invalid_header2)},
    {"nghttp2_session_callbacks_set_on_frame_recv_callback",
     offsetof(struct nghttp2, set_on_frame_recv)},
    {"nghttp2_session_callbacks_set_on_data_chunk_recv_callback",
     offsetof(struct nghttp2, set_on_data_chunk_recv)},
    {"nghttp2_session_callbacks_set_on_stream_close_callback",
     offsetof(struct nghttp2, set_on_stream_close)},
    {"nghttp2_session_callbacks_set_on_frame_send_callback",
     offsetof(struct nghttp2, set_on_frame_send)},
    {"nghttp2_session_callbacks_set_on_frame_not_send_callback",
     offsetof(struct nghttp2, set_on_frame_not_send)},
    {"nghttp2_session_callbacks_set_send_data_callback", offsetof(struct nghttp2, set_send_data)},
};

static const struct library library = {
    .name = "libnghttp2.so.14",
    .package = "libnghttp2-14",
    .purpose = "HTTP/2",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

int nghttp2_open(struct nghttp2 *table, struct error *err)
{
    return library_open(&library, table, err);
}
