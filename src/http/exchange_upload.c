/* A request's body that comes in pieces. See client.h and exchange.h.
 *
 * Happy path:
 *   1. http_exchange_write puts bytes into a buffer of 64 KiB, from the beginning: whether there is a
 *      connection yet is no matter
 *   2. libcurl asks for bytes when the socket takes some: on_read; when there are none it pauses
 *   3. the next write has it resumed (exchange.c, on_resume)
 *   4. http_exchange_finish: on_read says that it was all, on_trailers what comes behind
 *
 * The last byte of a body of known length stays here until the guest has said that it is complete. A
 * guest that gives up before, or traps, can so always be told by the peer from one that was done.
 *
 * A connection that served before may end just when it is used again. libcurl then makes another one
 * and begins anew, which it can as long as the front of the body is still here: 16 KiB of it are, until
 * the response begins.
 *
 * It goes over HTTP/1.1 only. With HTTP/2 libcurl 7.88 loses an answer that comes, and ends the stream,
 * before the body has ended; and it has no way to send trailers.
 *
 * Failure modes: the peer answers 300 or more before it has all: libcurl sends no more, writes give
 * -EPIPE, and the connection is not used again. The guest gives up: the connection is closed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"

enum {
    HELD_MAX = 64 << 10,           /* bytes that wait for the peer */
    REPLAY_MAX = 16 << 10,         /* bytes of the front that are kept to be sent again */
    SEND_BUFFER = 16 << 10,        /* libcurl's: its least */
    TRAILERS_MAX = 256,            /* lines */
    TRAILER_NAME_MAX = 127,        /* one with a longer name is left out */
    TRAILERS_BYTES_MAX = 12 << 10, /* one read of libcurl's: what it has not read it may leak */
};

void exchange_upload_init(struct http_exchange *exchange, const struct http_request *request)
{
    struct exchange_upload *upload = &exchange->upload;
    assert(!request->streams_body || (request->body_length >= -1 && request->body.len == 0));
    buffer_init(&upload->bytes, HELD_MAX);
    upload->length = request->body_length;
    upload->left = request->body_length;
    if (request->streams_body && !span_is(request->method, "HEAD")) {
        upload->is_streamed = true;
        upload->state = UPLOAD_OPEN;
        upload->is_sent = upload->left == 0;
    }
}

void exchange_upload_done(struct exchange_upload *upload)
{
    buffer_done(&upload->bytes);
    strings_done(&upload->lines);
    upload->taken = 0;
}

/* Who waits long waits without a buffer. */
static void drop_taken(struct exchange_upload *upload)
{
    upload->is_cut = true;
    if (upload->taken == upload->bytes.len) {
        buffer_done(&upload->bytes);
    } else {
        buffer_consume(&upload->bytes, upload->taken);
    }
    upload->taken = 0;
}

void exchange_upload_end(struct http_exchange *exchange)
{
    exchange->upload.state = UPLOAD_OVER;
    exchange_upload_done(&exchange->upload);
}

void exchange_upload_on_head(struct http_exchange *exchange)
{
    if (exchange->upload.state == UPLOAD_OVER) {
        return;
    }
    drop_taken(&exchange->upload);
    if (exchange->status >= 300) {
        exchange_upload_end(exchange); /* libcurl sends no more of it */
        loop_defer(exchange->client->options.loop, &exchange->resume);
    }
}

static size_t held(const struct exchange_upload *upload)
{
    return upload->bytes.len - upload->taken;
}

/* What libcurl may have of it now. */
static size_t sendable(const struct exchange_upload *upload)
{
    bool keeps_last = upload->left == 0 && upload->state == UPLOAD_OPEN && held(upload) > 0;
    return held(upload) - (keeps_last ? 1 : 0);
}

bool exchange_upload_is_busy(const struct exchange_upload *upload)
{
    return upload->state != UPLOAD_OVER && upload->is_asked && !upload->is_sent;
}

bool exchange_upload_is_starved(const struct exchange_upload *upload)
{
    return upload->state != UPLOAD_OVER && upload->is_paused;
}

bool exchange_upload_must_resume(const struct exchange_upload *upload)
{
    return upload->is_paused && (upload->state != UPLOAD_OPEN || sendable(upload) > 0);
}

bool exchange_upload_rewind(struct exchange_upload *upload)
{
    if (upload->is_cut || upload->state == UPLOAD_OVER) {
        return false;
    }
    upload->taken = 0;
    upload->is_asked = false;
    upload->is_paused = false;
    upload->is_sent = false;
    return true;
}

/* -- libcurl's calls -------------------------------------------------------------------------- */

static void take(struct exchange_upload *upload, char *to, size_t len)
{
    memcpy(to, upload->bytes.data + upload->taken, len);
    upload->taken += len;
    if (held(upload) > 0) {
        return;
    }
    upload->is_sent = upload->state == UPLOAD_FINISHED && upload->left == 0;
    if (upload->is_cut || upload->bytes.len > REPLAY_MAX) {
        drop_taken(upload);
    }
}

static size_t on_read(char *to, size_t size, size_t count, void *data)
{
    struct http_exchange *exchange = data;
    struct exchange_upload *upload = &exchange->upload;
    size_t len = sendable(upload);
    len = len < size * count ? len : size * count;
    upload->is_asked = true;
    if (len > 0) {
        take(upload, to, len);
        if (upload->was_full) {
            upload->was_full = false;
            exchange_notify(exchange);
        }
    } else if (upload->state == UPLOAD_FINISHED) {
        upload->is_sent = true;
    } else {
        upload->is_paused = upload->state == UPLOAD_OPEN; /* for good when it is over */
        exchange_watch_quiet(exchange);
        return CURL_READFUNC_PAUSE;
    }
    exchange_watch_quiet(exchange);
    return len;
}

/* libcurl begins anew on another connection. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
    struct http_exchange *exchange = data;
    bool is_start = offset == 0 && origin == SEEK_SET;
    return is_start && exchange_upload_rewind(&exchange->upload) ? CURL_SEEKFUNC_OK
                                                                 : CURL_SEEKFUNC_FAIL;
}

/* libcurl releases the list. */
static int on_trailers(struct curl_slist **ret_list, void *data)
{
    struct http_exchange *exchange = data;
    const struct curl_library *curl = exchange->client->curl;
    const struct strings *lines = &exchange->upload.lines;
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < lines->count; i++) {
        struct curl_slist *longer = curl->slist_append(list, lines->items[i]);
        if (longer == NULL) {
            curl->slist_free_all(list);
            exchange->error = HTTP_NO_MEMORY;
            return CURL_TRAILERFUNC_ABORT;
        }
        list = longer;
    }
    *ret_list = list;
    return CURL_TRAILERFUNC_OK;
}

/* libcurl 7.88 does not forget, when a handle is reset, that it has sent trailers, and writes out of
 * bounds when the next body is chunked: only those that have some are told, and not used again. */
static void set_trailers(struct http_exchange *exchange)
{
    const struct curl_library *curl = exchange->client->curl;
    if (exchange->easy != NULL && exchange->upload.lines.count > 0) {
        exchange->is_spent = true;
        (void)curl->easy_setopt(exchange->easy, CURLOPT_TRAILERFUNCTION, on_trailers);
        (void)curl->easy_setopt(exchange->easy, CURLOPT_TRAILERDATA, exchange);
    }
}

void exchange_upload_set(struct http_exchange *exchange)
{
    const struct curl_library *curl = exchange->client->curl;
    CURL *easy = exchange->easy;
    (void)curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)curl->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->upload.length);
    (void)curl->easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
    (void)curl->easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    (void)curl->easy_setopt(easy, CURLOPT_READDATA, exchange);
    (void)curl->easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl->easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
    set_trailers(exchange);
}

/* -- the guest's side ------------------------------------------------------------------------- */

static void resume(struct http_exchange *exchange)
{
    if (exchange_upload_must_resume(&exchange->upload)) {
        loop_defer(exchange->client->options.loop, &exchange->resume);
    }
}

int64_t http_exchange_write(struct http_exchange *exchange, const uint8_t *bytes, size_t len)
{
    struct exchange_upload *upload = &exchange->upload;
    size_t room = HELD_MAX - held(upload);
    size_t count = len < room ? len : room;
    if (upload->state != UPLOAD_OPEN) {
        return -EPIPE;
    }
    if (upload->left >= 0 && len > (uint64_t)upload->left) {
        return -EMSGSIZE;
    }
    if (count == 0) {
        upload->was_full = len > 0;
        return len > 0 ? -EAGAIN : 0;
    }
    if (upload->is_cut || upload->bytes.len + count > REPLAY_MAX) {
        drop_taken(upload);
    }
    int r = buffer_append(&upload->bytes, (struct span){bytes, count});
    if (r < 0) {
        return r;
    }
    upload->left -= upload->left >= 0 ? (int64_t)count : 0;
    resume(exchange);
    return (int64_t)count;
}

static enum http_error add_trailer(struct exchange_upload *upload, const struct http_header *header)
{
    char *line = request_make_line(header, /* without_value */ ": ");
    int r = line != NULL ? strings_add(&upload->lines, line) : -ENOMEM;
    free(line);
    return r < 0 ? HTTP_NO_MEMORY : HTTP_OK;
}

static enum http_error add_trailers(struct exchange_upload *upload,
                                    const struct http_header *trailers, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!http_is_trailer(&trailers[i]) || trailers[i].name.len > TRAILER_NAME_MAX) {
            continue;
        }
        bytes += trailers[i].name.len + trailers[i].value.len + strlen(": \r\n");
        if (bytes > TRAILERS_BYTES_MAX || upload->lines.count == TRAILERS_MAX) {
            return HTTP_HEADERS_TOO_LARGE;
        }
        enum http_error error = add_trailer(upload, &trailers[i]);
        if (error != HTTP_OK) {
            return error;
        }
    }
    return HTTP_OK;
}

enum http_error http_exchange_finish(struct http_exchange *exchange,
                                     const struct http_header *trailers, uint32_t count)
{
    struct exchange_upload *upload = &exchange->upload;
    enum http_error error = HTTP_OK;
    if (upload->state != UPLOAD_OPEN) {
        return HTTP_OK;
    }
    if (upload->left > 0) {
        error = HTTP_ABORTED;
    } else if (upload->left < 0) {
        error = add_trailers(upload, trailers, count);
    }
    if (error != HTTP_OK) {
        http_exchange_abort(exchange);
        return error;
    }
    upload->state = UPLOAD_FINISHED;
    set_trailers(exchange);
    resume(exchange);
    return HTTP_OK;
}

void http_exchange_abort(struct http_exchange *exchange)
{
    if (exchange->upload.state == UPLOAD_OPEN) {
        exchange_finish(exchange, HTTP_ABORTED);
    }
}
