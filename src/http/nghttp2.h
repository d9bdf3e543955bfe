/* nghttp2, opened when the first listener offers HTTP/2: a program that serves nothing starts
 * without it. One table of the functions that hythe uses, so that all calls of it stand here. */
#ifndef HYTHE_HTTP_NGHTTP2_H
#define HYTHE_HTTP_NGHTTP2_H

#include <nghttp2/nghttp2.h>

#include "base/error.h"

/* Each has the name and the type of nghttp2's own, without its prefix. */
struct nghttp2 {
    __typeof__(nghttp2_session_server_new2) *session_server_new2;
    __typeof__(nghttp2_session_del) *session_del;
    __typeof__(nghttp2_session_mem_recv) *session_mem_recv;
    __typeof__(nghttp2_session_mem_send) *session_mem_send;
    __typeof__(nghttp2_session_want_read) *session_want_read;
    __typeof__(nghttp2_session_want_write) *session_want_write;
    __typeof__(nghttp2_session_terminate_session) *session_terminate_session;
    __typeof__(nghttp2_session_resume_data) *session_resume_data;
    __typeof__(nghttp2_session_consume_connection) *session_consume_connection;
    __typeof__(nghttp2_session_consume_stream) *session_consume_stream;
    __typeof__(nghttp2_session_set_local_window_size) *session_set_local_window_size;
    __typeof__(nghttp2_session_set_stream_user_data) *session_set_stream_user_data;
    __typeof__(nghttp2_session_get_stream_user_data) *session_get_stream_user_data;
    __typeof__(nghttp2_session_get_stream_remote_close) *session_get_stream_remote_close;
    __typeof__(nghttp2_session_get_last_proc_stream_id) *session_get_last_proc_stream_id;

    __typeof__(nghttp2_submit_settings) *submit_settings;
    __typeof__(nghttp2_submit_headers) *submit_headers;
    __typeof__(nghttp2_submit_response) *submit_response;
    __typeof__(nghttp2_submit_trailer) *submit_trailer;
    __typeof__(nghttp2_submit_rst_stream) *submit_rst_stream;
    __typeof__(nghttp2_submit_ping) *submit_ping;
    __typeof__(nghttp2_submit_goaway) *submit_goaway;
    __typeof__(nghttp2_submit_shutdown_notice) *submit_shutdown_notice;

    __typeof__(nghttp2_rcbuf_incref) *rcbuf_incref;
    __typeof__(nghttp2_rcbuf_decref) *rcbuf_decref;
    __typeof__(nghttp2_rcbuf_get_buf) *rcbuf_get_buf;

    __typeof__(nghttp2_option_new) *option_new;
    __typeof__(nghttp2_option_del) *option_del;
    __typeof__(nghttp2_option_set_no_auto_window_update) *option_set_no_auto_window_update;
    __typeof__(nghttp2_option_set_no_closed_streams) *option_set_no_closed_streams;
    __typeof__(nghttp2_option_set_max_deflate_dynamic_table_size)
        *option_set_max_deflate_dynamic_table_size;
    __typeof__(nghttp2_option_set_max_send_header_block_length)
        *option_set_max_send_header_block_length;
    __typeof__(nghttp2_option_set_max_outbound_ack) *option_set_max_outbound_ack;
    __typeof__(nghttp2_option_set_max_settings) *option_set_max_settings;
    __typeof__(nghttp2_option_set_max_continuations) *option_set_max_continuations;
    __typeof__(nghttp2_option_set_stream_reset_rate_limit) *option_set_stream_reset_rate_limit;

    __typeof__(nghttp2_session_callbacks_new) *callbacks_new;
    __typeof__(nghttp2_session_callbacks_del) *callbacks_del;
    __typeof__(nghttp2_session_callbacks_set_on_begin_frame_callback) *set_on_begin_frame;
    __typeof__(nghttp2_session_callbacks_set_on_begin_headers_callback) *set_on_begin_headers;
    __typeof__(nghttp2_session_callbacks_set_on_header_callback2) *set_on_header2;
    __typeof__(nghttp2_session_callbacks_set_on_invalid_header_callback2) *set_on_invalid_header2;
    __typeof__(nghttp2_session_callbacks_set_on_frame_recv_callback) *set_on_frame_recv;
    __typeof__(nghttp2_session_callbacks_set_on_data_chunk_recv_callback) *set_on_data_chunk_recv;
    __typeof__(nghttp2_session_callbacks_set_on_stream_close_callback) *set_on_stream_close;
    __typeof__(nghttp2_session_callbacks_set_on_frame_send_callback) *set_on_frame_send;
    __typeof__(nghttp2_session_callbacks_set_on_frame_not_send_callback) *set_on_frame_not_send;
    __typeof__(nghttp2_session_callbacks_set_send_data_callback) *set_send_data;
};

/* Open it and fill the table. 0, or -ENOENT with what to install in `err`. */
int nghttp2_open(struct nghttp2 *table, struct error *err);

#endif
