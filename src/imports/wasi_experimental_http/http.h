/* The import module wasi_experimental_http: an HTTP client for guests. facts: deislabs'
 * wasi-experimental-http, every ABI of its history.
 *
 * Two families, told apart by the number of parameters of `req`:
 *   handles   10 (and 12, with a configuration): req, close, header_get, headers_get_all, body_read
 *   alloc     3, 7, 8, 12 and 15: only req; the guest's own `alloc` makes room for the answer
 * Names here begin with ehttp_, for http_ is the client's. */
#ifndef HYTHE_IMPORTS_WASI_EXPERIMENTAL_HTTP_HTTP_H
#define HYTHE_IMPORTS_WASI_EXPERIMENTAL_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "engine/call.h"
#include "guest/guest.h"
#include "http/client.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

extern const struct func_table experimental_http;

/* The witx file's http_error. */
enum ehttp_code {
    EHTTP_SUCCESS = 0,
    EHTTP_INVALID_HANDLE = 1,
    EHTTP_MEMORY_NOT_FOUND = 2,
    EHTTP_MEMORY_ACCESS = 3,    /* where the host was to write */
    EHTTP_BUFFER_TOO_SMALL = 4, /* also where the host was to read: upstream says it so */
    EHTTP_HEADER_NOT_FOUND = 5,
    EHTTP_UTF8 = 6,
    EHTTP_NOT_ALLOWED = 7,
    EHTTP_INVALID_METHOD = 8,
    EHTTP_INVALID_ENCODING = 9, /* of the request's headers */
    EHTTP_INVALID_URL = 10,
    EHTTP_REQUEST = 11,
    EHTTP_RUNTIME = 12,
    EHTTP_TOO_MANY_SESSIONS = 13,
};

enum {
    EHTTP_BUCKETS = 64,
    EHTTP_HANDLES_MAX = 16384, /* for guests that have no limit of their own */
};

/* -- a guest's responses: session.c ----------------------------------------------------------- */

struct ehttp_session;
struct ehttp_transfer;

struct ehttp_response {
    struct list node;               /* in its bucket, or in none */
    struct ehttp_session *session;  /* borrowed */
    struct http_exchange *exchange; /* owned; NULL before it has begun */
    uint32_t handle;                /* once inserted */
};

/* How a guest with 15 parameters passes lengths. */
enum ehttp_lengths { EHTTP_LENGTHS_UNKNOWN, EHTTP_LENGTHS_DIRECT, EHTTP_LENGTHS_BY_POINTER };

struct ehttp_session {
    struct guest_extension extension;
    struct guest *guest; /* borrowed */
    struct list buckets[EHTTP_BUCKETS];
    uint32_t count;                       /* of responses in the buckets: the open handles */
    uint32_t cursor;                      /* the handle given out last */
    struct ehttp_response *pending;       /* owned: req waits for its head */
    const struct ehttp_response *awaited; /* the one whose events end the guest's wait */
    struct ehttp_transfer *transfer;      /* owned: the call of the alloc family under way */
    enum ehttp_lengths lengths;
};

/* The guest's session, made when first needed; NULL without memory. */
struct ehttp_session *ehttp_session_get(struct guest *guest);

/* Are as many handles open as may be? */
bool ehttp_session_is_full(const struct ehttp_session *session);

/* Give a response the next free handle; the session owns it from then on. */
void ehttp_session_insert(struct ehttp_session *session, struct ehttp_response *response);

/* The response of a handle, or NULL. */
struct ehttp_response *ehttp_session_find(struct ehttp_session *session, uint32_t handle);

/* A response without handle and exchange; NULL without memory. */
struct ehttp_response *ehttp_response_new(struct ehttp_session *session);

/* End its exchange and release it, from wherever it is. NULL is fine. */
void ehttp_response_free(struct ehttp_response *response);

/* Begin its exchange. */
enum http_error ehttp_response_begin(struct ehttp_response *response,
                                     const struct http_request *request);

/* Park the guest until something happens to that response. CALL_WAIT, or EHTTP_RUNTIME. */
int32_t ehttp_response_wait(struct ehttp_response *response);

/* What a guest of the handle family is told. */
int32_t ehttp_code_from(enum http_error error);

/* -- headers: headers.c ----------------------------------------------------------------------- */

struct cJSON;

struct ehttp_headers {
    struct http_header *items; /* owned; the spans are borrowed from the text, or from json */
    uint32_t count;
    uint32_t cap;
    struct cJSON *json; /* owned */
};

enum ehttp_encoding {
    EHTTP_LINES,      /* "name:value\n" */
    EHTTP_CRLF_LINES, /* "name:value\r\n" */
    EHTTP_JSON,       /* one object of strings */
};

enum {
    EHTTP_HEADERS_MAX = 1024,     /* of a request */
    EHTTP_JSON_MAX = 1 << 20,     /* bytes of a request's headers */
    EHTTP_ENCODED_MAX = 16 << 20, /* bytes of a response's headers */
};

/* Parse header lines: LF or CRLF, blanks around values, empty lines skipped, the final newline
 * may be missing. The items borrow from `text`. 0, -EINVAL for a line without a colon or for too
 * many, or -ENOMEM. Release with ehttp_headers_done, also after a failure. */
int ehttp_headers_parse_lines(struct span text, struct ehttp_headers *headers);

/* Parse one JSON object of strings; of repeated names the last counts. As above. */
int ehttp_headers_parse_json(struct span text, struct ehttp_headers *headers);

/* Borrow those of a response. 0 or -ENOMEM. */
int ehttp_headers_borrow(const struct http_exchange *exchange, struct ehttp_headers *headers);

/* Append the text of response headers: as lines, the repeated ones are adjacent; as JSON, sorted,
 * the last one of a name. 0, -EILSEQ for what the encoding cannot hold, -EMSGSIZE or -ENOMEM. */
int ehttp_headers_encode(const struct ehttp_headers *headers, enum ehttp_encoding encoding,
                         struct buffer *text);

void ehttp_headers_done(struct ehttp_headers *headers);

/* -- host functions --------------------------------------------------------------------------- */

int32_t ehttp_req_begin(struct call *call); /* req.c */
int32_t ehttp_req_finish(struct call *call);
int32_t ehttp_alloc_begin(struct call *call); /* alloc_family.c */
int32_t ehttp_alloc_finish(struct call *call);
int32_t ehttp_close(struct call *call); /* response.c */
int32_t ehttp_header_get(struct call *call);
int32_t ehttp_headers_get_all(struct call *call);
int32_t ehttp_header_get_all(struct call *call);
int32_t ehttp_body_read_begin(struct call *call);
int32_t ehttp_body_read_finish(struct call *call);

/* tls_config.c: does the configuration of the 12-parameter req ask for nothing? */
bool ehttp_tls_config_is_plain(struct span config);

/* alloc_family.c: release what is left of a call when the guest ends. NULL is fine. */
void ehttp_transfer_free(struct ehttp_transfer *transfer);

#endif
