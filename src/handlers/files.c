/* Static files.
 *
 * Happy path:
 *   1. files_open: the path's file beneath the route's folder
 *   2. its conditions are judged (304, 412), then its ranges (206, 416)
 *   3. the head is sent, and the content in pieces of 64 KiB as fast as the front takes them
 *
 * Failure modes: no such file: 404; the file shrinks while it is sent, or cannot be read: the
 * response is broken off. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "handlers/files_internal.h"
#include "handlers/internal.h"
#include "handlers/path.h"
#include "loop/loop.h"

enum {
    PIECE_MAX = 64 << 10,
    PIECES_A_TURN = 16, /* then others have their turn */
    PART_HEAD_MAX = 256,
    CONTENT_RANGE_MAX = 80,
    HEADERS_MAX = 12,
    BOUNDARY_MAX = HTTP_ID_TEXT_MAX + 8,
};

/* A file on its way. */
struct file_send {
    struct http_transaction *transaction;
    struct loop *loop;
    int fd; /* owned */
    uint64_t size;
    const char *type;
    struct file_range ranges[FILES_RANGES_MAX];
    int range_count;
    int range; /* the one under way */
    bool is_multipart;
    bool has_part_head; /* of the range under way has been put */
    bool has_end;       /* the last boundary has been put */
    char boundary[BOUNDARY_MAX];
    struct loop_deferred turn;
    size_t cap;
    size_t len; /* of the piece in `bytes` */
    size_t at;  /* what of it has been taken */
    uint8_t bytes[];
};

static void send_on(void *context);
static void on_turn(struct loop_deferred *deferred);
static void on_readable(void *context);
static void on_abort(void *context);

/* -- content ---------------------------------------------------------------------------------- */

static void free_send(struct file_send *send)
{
    loop_deferred_cancel(&send->turn);
    (void)close(send->fd); /* nothing was written */
    free(send);
}

/* The lines before a part; the first boundary has no line end before it. */
static int print_part_head(const struct file_send *send, int index, char text[PART_HEAD_MAX])
{
    const struct file_range *range = &send->ranges[index];
    return snprintf(text, PART_HEAD_MAX,
                    "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
                    index > 0 ? "\r\n" : "", send->boundary, send->type,
                    (unsigned long long)range->begin,
                    (unsigned long long)(range->begin + range->len - 1),
                    (unsigned long long)send->size); /* always fits: types are ours */
}

static int print_end(const struct file_send *send, char text[PART_HEAD_MAX])
{
    return snprintf(text, PART_HEAD_MAX, "\r\n--%s--\r\n", send->boundary); /* always fits */
}

/* Bytes of the whole content. */
static int64_t content_len(const struct file_send *send)
{
    char text[PART_HEAD_MAX];
    uint64_t len = 0;
    for (int i = 0; i < send->range_count; i++) {
        len += send->ranges[i].len;
        len += send->is_multipart ? (uint64_t)print_part_head(send, i, text) : 0;
    }
    len += send->is_multipart ? (uint64_t)print_end(send, text) : 0;
    return (int64_t)len;
}

/* Read the next piece of the range under way. */
static int read_piece(struct file_send *send)
{
    struct file_range *range = &send->ranges[send->range];
    size_t len = range->len < send->cap ? (size_t)range->len : send->cap;
    ssize_t n = pread(send->fd, send->bytes, len, (off_t)range->begin);
    if (n <= 0) {
        return n < 0 ? -errno : -EIO; /* shorter than it was */
    }
    send->len = (size_t)n;
    range->begin += (uint64_t)n;
    range->len -= (uint64_t)n;
    if (range->len == 0) {
        send->range++;
        send->has_part_head = false;
    }
    return 1;
}

/* Put the next piece into `bytes`. 1; 0 when nothing is left; a negative errno. */
static int next_piece(struct file_send *send)
{
    char text[PART_HEAD_MAX] = {0};
    int len = 0;
    send->at = 0;
    send->len = 0;
    if (send->range < send->range_count) {
        if (!send->is_multipart || send->has_part_head) {
            return read_piece(send);
        }
        len = print_part_head(send, send->range, text);
        send->has_part_head = true;
    } else if (send->is_multipart && !send->has_end) {
        len = print_end(send, text);
        send->has_end = true;
    }
    memcpy(send->bytes, text, (size_t)len);
    send->len = (size_t)len;
    return len > 0 ? 1 : 0;
}

/* Take a piece to the front. 1 when it was taken, 0 when the front takes no more now; a negative
 * errno. */
static int write_piece(struct file_send *send)
{
    while (send->at < send->len) {
        int64_t n =
            http_transaction_write(send->transaction, send->bytes + send->at, send->len - send->at);
        if (n == -EAGAIN) {
            return 0;
        }
        if (n < 0) {
            return (int)n;
        }
        send->at += (size_t)n;
    }
    return 1;
}

static void finish(struct file_send *send, bool is_whole)
{
    struct http_transaction *transaction = send->transaction;
    free_send(send);
    if (is_whole) {
        http_transaction_end(transaction, NULL /* trailers */, 0);
    } else {
        http_transaction_fail(transaction, 500, 0);
    }
}

static void send_on(void *context)
{
    struct file_send *send = context;
    for (int i = 0; i < PIECES_A_TURN; i++) {
        int r = write_piece(send);
        if (r == 0) {
            return;
        }
        r = r > 0 ? next_piece(send) : r;
        if (r <= 0) {
            finish(send, r == 0);
            return;
        }
    }
    loop_defer(send->loop, &send->turn);
}

static void on_turn(struct loop_deferred *deferred)
{
    send_on(container_of(deferred, struct file_send, turn));
}

/* Its body is of no interest; the front throws it away. */
static void on_readable(void *context)
{
    (void)context;
}

static void on_abort(void *context)
{
    free_send(context);
}

/* -- heads ------------------------------------------------------------------------------------ */

/* The headers of an answer being put together. */
struct file_head {
    struct http_header headers[HEADERS_MAX];
    uint32_t count;
};

static void add(struct file_head *head, const char *name, const char *value)
{
    head->headers[head->count] = (struct http_header){span_of(name), span_of(value)};
    head->count++;
}

/* What every answer about a file has, 304 too. */
static void add_common(struct file_head *head, const struct site_request *request,
                       const struct file_found *found)
{
    const struct serve_route *config = request->route->config;
    add(head, "etag", found->etag);
    add(head, "last-modified", found->date);
    if (config->cache_control != NULL) {
        add(head, "cache-control", config->cache_control);
    }
    if (config->precompressed) {
        add(head, "vary", "accept-encoding");
    }
}

static void answer_short(const struct site_request *request, uint16_t status,
                         const struct file_head *head)
{
    const struct http_outbound outbound = {.status = status,
                                           .headers = head->headers,
                                           .header_count = head->count,
                                           .length = status == 304 ? HTTP_LENGTH_UNKNOWN : 0};
    if (site_respond(request->route, request->transaction, &outbound) < 0) {
        http_transaction_fail(request->transaction, 500, 0);
        return;
    }
    http_transaction_end(request->transaction, NULL /* trailers */, 0);
}

static void answer_unsatisfiable(const struct site_request *request, const struct file_found *found)
{
    char text[CONTENT_RANGE_MAX];
    struct file_head head = {.count = 0};
    add_common(&head, request, found);
    (void)snprintf(text, sizeof text, "bytes */%llu",
                   (unsigned long long)found->size); /* always fits */
    add(&head, "content-range", text);
    answer_short(request, 416, &head);
}

/* -- answering -------------------------------------------------------------------------------- */

static struct file_send *new_send(const struct site_request *request,
                                  const struct file_found *found)
{
    size_t cap = found->size < PIECE_MAX ? (size_t)found->size : PIECE_MAX;
    cap = cap < PART_HEAD_MAX ? PART_HEAD_MAX : cap;
    struct file_send *send = malloc(sizeof *send + cap);
    if (send != NULL) {
        *send = (struct file_send){.transaction = request->transaction,
                                   .loop = request->route->site->options.loop,
                                   .fd = found->fd,
                                   .size = found->size,
                                   .type = found->type,
                                   .cap = cap};
        loop_deferred_init(&send->turn, on_turn);
    }
    return send;
}

/* Choose what to send. The status, or 416. */
static uint16_t choose_ranges(const struct site_request *request, const struct file_found *found,
                              struct file_send *send)
{
    const struct http_inbound *inbound = request->inbound;
    const struct http_header *range =
        http_find_header(inbound->headers, inbound->header_count, "range");
    int count = 0;
    if (range != NULL && span_is(inbound->method, "GET") && files_may_range(inbound, found)) {
        count = files_parse_ranges(range->value, found->size, send->ranges);
    }
    if (count < 0) {
        return 416;
    }
    send->range_count = count;
    if (count > 0) {
        send->is_multipart = count > 1;
        return 206;
    }
    if (found->size > 0) {
        send->ranges[0] = (struct file_range){0, found->size};
        send->range_count = 1;
    }
    return 200;
}

/* Begin the response and send. */
static void answer_content(const struct site_request *request, const struct file_found *found,
                           struct file_send *send, uint16_t status)
{
    static const struct http_transaction_callbacks callbacks = {on_readable, send_on, on_abort};
    char type[sizeof "multipart/byteranges; boundary=" + BOUNDARY_MAX];
    char range[CONTENT_RANGE_MAX];
    struct file_head head = {.count = 0};
    add_common(&head, request, found);
    add(&head, "accept-ranges", "bytes");
    add(&head, "x-content-type-options", "nosniff");
    if (found->encoding != NULL) {
        add(&head, "content-encoding", found->encoding);
    }
    if (send->is_multipart) {
        (void)snprintf(send->boundary, sizeof send->boundary, "hythe-%s",
                       http_transaction_id(request->transaction)); /* always fits */
        (void)snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", send->boundary);
    } else if (status == 206) {
        const struct file_range *only = &send->ranges[0];
        (void)snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)only->begin,
                       (unsigned long long)(only->begin + only->len - 1),
                       (unsigned long long)found->size); /* always fits */
        add(&head, "content-range", range);
    }
    add(&head, "content-type", send->is_multipart ? type : found->type);
    const struct http_outbound outbound = {.status = status,
                                           .headers = head.headers,
                                           .header_count = head.count,
                                           .length = content_len(send)};
    if (site_respond(request->route, request->transaction, &outbound) < 0) {
        finish(send, /* is_whole */ false);
        return;
    }
    if (span_is(request->inbound->method, "HEAD")) {
        finish(send, /* is_whole */ true);
        return;
    }
    http_transaction_attach(request->transaction, &callbacks, send);
    send_on(send);
}

static void answer_found(const struct site_request *request, struct file_found *found)
{
    uint16_t status = files_judge(request->inbound, found);
    if (status != 0) {
        struct file_head head = {.count = 0};
        add_common(&head, request, found);
        (void)close(found->fd); /* nothing was written */
        answer_short(request, status, &head);
        return;
    }
    struct file_send *send = new_send(request, found);
    if (send == NULL) {
        (void)close(found->fd); /* likewise */
        http_transaction_fail(request->transaction, 503, 1);
        return;
    }
    status = choose_ranges(request, found, send);
    if (status == 416) {
        free_send(send);
        answer_unsatisfiable(request, found);
        return;
    }
    answer_content(request, found, send, status);
}

/* The same address with a slash behind it, so that relative links in the folder's index are right. */
static void answer_folder(const struct site_request *request)
{
    const struct http_inbound *inbound = request->inbound;
    size_t max = request->path.len * 3 + inbound->query.len + 2;
    uint8_t *location = malloc(max);
    if (location == NULL) {
        http_transaction_fail(request->transaction, 503, 1);
        return;
    }
    uint8_t *end = path_encode(location, request->path);
    *end++ = '/';
    if (inbound->has_query) {
        *end++ = '?';
        memcpy(end, inbound->query.data, inbound->query.len);
        end += inbound->query.len;
    }
    const struct http_header header = {span_of("location"), {location, (size_t)(end - location)}};
    const struct http_outbound outbound = {.status = 301, .headers = &header, .header_count = 1};
    site_respond_all(request->route, request->transaction, &outbound, (struct span){0});
    free(location);
}

void files_handle(const struct site_request *request)
{
    struct file_found found;
    struct span method = request->inbound->method;
    if (!span_is(method, "GET") && !span_is(method, "HEAD")) {
        const struct http_header allow = {span_of("allow"), span_of("GET, HEAD")};
        const struct http_outbound outbound = {
            .status = span_is(method, "OPTIONS") ? 204 : 405, .headers = &allow, .header_count = 1};
        site_respond_all(request->route, request->transaction, &outbound, (struct span){0});
        return;
    }
    int r = files_open(request, &found);
    switch (r) {
    case 0:
        answer_found(request, &found);
        return;
    case FILES_IS_FOLDER:
        answer_folder(request);
        return;
    case -ENOENT:
        http_transaction_fail(request->transaction, 404, 0);
        return;
    case -EACCES:
        http_transaction_fail(request->transaction, 403, 0);
        return;
    default:
        site_log(request->route, "opening a file: %s", strerror(-r));
        http_transaction_fail(request->transaction, r == -EMFILE || r == -ENFILE ? 503 : 500, 0);
        return;
    }
}
