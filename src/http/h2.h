/* What the files of HTTP/2 share: a session per connection, a stream per request.
 *
 *     h2_library.c  nghttp2, opened and set up once
 *     h2.c          the session: its bytes, its turns, its deadlines, its end
 *     h2_receive.c  what nghttp2 tells about frames that have come
 *     h2_head.c     a header block becomes a request
 *     h2_respond.c  the operations of a transaction, and what is sent
 *
 * nghttp2's callbacks run inside its calls and change streams only; they leave `news`, and the
 * session tells the handlers when the call is over. So a handler never runs inside nghttp2, and is
 * told once of what came in ten frames. */
#ifndef HYTHE_HTTP_H2_H
#define HYTHE_HTTP_H2_H

#include "http/h2_fields.h"
#include "http/h2_guard.h"
#include "http/h2_queue.h"
#include "http/h2_scan.h"
#include "http/internal.h"
#include "http/nghttp2.h"

/* A stream's window is given back as its handler reads, so an unread body holds at most
 * H2_STREAM_WINDOW. The connection's is given back on arrival: handlers that do not read must not
 * stop those that do. What one peer can have us hold is therefore bounded by http2_streams x
 * H2_STREAM_WINDOW, and what all can by requests in flight x H2_STREAM_WINDOW. */
enum {
    H2_STREAM_WINDOW = 65535, /* the protocol's own start value */
    H2_CONNECTION_WINDOW = 1 << 20,
    H2_STREAM_OUT_MAX = 32 << 10,
    H2_OUT_TARGET = 64 << 10,                /* frames are gathered up to this many bytes */
    H2_OUT_MAX = H2_OUT_TARGET + (48 << 10), /* a DATA frame and another one more */
    H2_HEAD_TABLE_MAX = 4096,       /* of what we compress with, whatever the peer would allow */
    H2_ANSWER_HEAD_MAX = 320 << 10, /* as nghttp2 counts; handlers may send 256 KiB */
    H2_CONTINUATIONS_MAX = 8,       /* of a block */
    H2_BLOCK_MAX = 1 << 20,         /* a decoded header block past this ends the connection */
};

/* One per server, shared by its sessions. */
struct h2_library {
    struct nghttp2 lib;
    nghttp2_session_callbacks *callbacks; /* owned */
    nghttp2_option *option;               /* owned */
};

enum h2_stage {
    H2_STAGE_HEAD,  /* its header block is being read */
    H2_STAGE_READY, /* the handler is to be asked */
    H2_STAGE_BEGUN, /* it has a transaction */
};

enum h2_answer_state {
    H2_ANSWER_NONE,
    H2_ANSWER_HELD,      /* until the turn: it may turn out to be all there is */
    H2_ANSWER_SUBMITTED, /* nghttp2 has the head and asks for content */
    H2_ANSWER_SENT,      /* with END_STREAM */
};

enum { /* to be told to the handler */
       H2_NEWS_REQUEST = 1,
       H2_NEWS_READABLE = 2,
       H2_NEWS_WRITABLE = 4,
       H2_NEWS_CLOSED = 8, /* nghttp2 has forgotten it */
};

/* Fields of ours: one block of memory, the texts behind the table. */
struct h2_block {
    nghttp2_nv *fields; /* owned */
    size_t count;
};

struct h2_stream {
    struct http_transaction t; /* from H2_STAGE_BEGUN on; its inbound from H2_STAGE_READY on */
    struct list node;          /* in the session's streams, or among its sent ones */
    struct list news_node;     /* in the session's news */
    struct list held_node;     /* in the session's held, with H2_ANSWER_HELD */
    struct h2_session *session;
    int32_t id;
    uint8_t stage;
    uint8_t answer_state;
    uint8_t news;
    uint16_t refusal; /* status to answer instead of asking the handler; 0: none */

    bool has_all;          /* the peer's END_STREAM has come */
    bool expects_continue; /* and has not been told to */
    bool is_ended;         /* the handler has written all */
    bool is_deferred;      /* nghttp2 has found nothing to send and waits to be called */
    bool is_closed;
    enum http_outcome why; /* when closed without an answer */

    struct h2_fields head;
    struct h2_fields trailers;
    struct buffer cookie; /* the crumbs joined, if there was more than one */
    uint32_t field_count; /* of the head and the trailers, the pseudo-header fields apart */
    struct h2_queue in;
    struct h2_queue out;
    struct h2_block answer;
    struct h2_block answer_trailers;
    uint64_t stalled_ns; /* since when the peer takes none of what waits; 0: it does, or nothing */
    uint64_t mark;       /* the session's `queued` when the last of it was put there */
};

enum h2_goaway {
    H2_GOAWAY_NONE,
    H2_GOAWAY_NOTICE, /* sent with a PING behind; streams that come before its ACK are served */
    H2_GOAWAY_FINAL,
};

struct h2_session {
    struct http_connection *c;       /* borrowed */
    const struct h2_library *shared; /* borrowed from the server */
    const struct nghttp2 *lib;       /* its table */
    nghttp2_session *ng;             /* owned */
    struct list streams;
    struct list news;
    struct list held;    /* answers to submit */
    struct list sent;    /* streams whose last bytes are in `out`, in that order */
    uint32_t open_count; /* of streams that the peer or we have not ended */
    struct h2_guard guard;
    struct h2_scan scan;
    struct h2_queue out;
    uint64_t queued;        /* bytes put into `out` since the beginning */
    uint64_t written;       /* of those, what the socket has taken */
    uint64_t stuck_ns;      /* since when it takes no more; 0: it does */
    uint64_t content;       /* bytes that the streams' `out` hold together */
    uint64_t now_ns;        /* of the turn */
    uint64_t head_ns;       /* when the header block began that is being read */
    uint64_t idle_ns;       /* when the last stream ended */
    uint64_t since_ns;      /* what the connection's deadline counts from */
    uint64_t last_requests; /* that were begun when GOAWAY's notice was sent */
    int32_t last_id;        /* of the peer's streams */
    uint8_t goaway;
    bool is_working; /* a flush follows: operations need not ask for one */
    bool is_broken;  /* the peer broke the rules; it has been told by GOAWAY */
};

/* h2.c: have what nghttp2 has to send sent in this turn or the next. */
void h2_session_schedule(struct h2_session *s);

/* h2.c: there is something to tell the stream's handler. */
void h2_stream_add_news(struct h2_stream *stream, unsigned news);

/* h2.c: say GOAWAY with `code`; the connection ends when it has been sent. */
void h2_session_terminate(struct h2_session *s, uint32_t code);

/* h2.c: the streams under way are the last. */
void h2_session_begin_goaway(struct h2_session *s);
void h2_session_notice_sent(struct h2_session *s);
void h2_session_end_goaway(struct h2_session *s);

/* h2_receive.c: register the callbacks for frames that come. */
void h2_receive_register(const struct nghttp2 *lib, nghttp2_session_callbacks *callbacks);

/* h2_head.c: the header block is complete: fill in the transaction's inbound. 0, or the status to
 * refuse with; then the inbound has what could be read. */
uint16_t h2_head_finish(struct h2_stream *stream, bool has_body);

/* h2_head.c: the trailer section is complete: leave out what may not be in one. */
void h2_trailers_finish(struct h2_fields *trailers);

extern const struct http_transaction_ops h2_ops; /* h2_respond.c */

/* h2_respond.c: register the callbacks for what is sent. */
void h2_respond_register(const struct nghttp2 *lib, nghttp2_session_callbacks *callbacks);

/* h2_respond.c: give nghttp2 the answers that were held. 0, or -ENOMEM. */
int h2_submit_held(struct h2_session *s);

/* h2_respond.c: end a stream with an error code. */
void h2_stream_reset(struct h2_stream *stream, uint32_t code);

void h2_block_done(struct h2_block *block);

#endif
