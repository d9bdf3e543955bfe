/* The trace that a request belongs to: W3C's traceparent header. */
#ifndef HYTHE_SERVE_TRACE_CONTEXT_H
#define HYTHE_SERVE_TRACE_CONTEXT_H

#include <stdbool.h>

#include "base/span.h"
#include "http/transaction.h"

enum { TRACE_ID_LEN = 32, TRACE_SPAN_ID_LEN = 16 }; /* hexadecimal digits */

/* All are borrowed from the header, and empty without one that is right. */
struct trace_context {
    struct span trace_id;
    struct span parent_id;
    bool is_sampled; /* its sender records it */
};

/* Take a header's value apart. */
struct trace_context trace_context_of(struct span traceparent);

/* The same of a request's header. */
struct trace_context trace_context_find(const struct http_inbound *inbound);

#endif
