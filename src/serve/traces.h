/* Spans for an OpenTelemetry collector: one for each request, by OTLP over HTTP in its JSON form.
 *
 * A worker gathers them and sends what there is once a second, one request at a time. A collector that
 * is slow or away costs spans and nothing else: what does not fit into the room is lost, and so is
 * what was under way when sending failed; the operator is told when it begins and when it is over. */
#ifndef HYTHE_SERVE_TRACES_H
#define HYTHE_SERVE_TRACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "loop/loop.h"

struct access_entry;
struct trace_context;
struct traces;

/* Make them for a collector's URL, below which /v1/traces is: "http://127.0.0.1:4318". Before the
 * sandbox closes, as libcurl is opened. 0, or a negative errno with the reason in `err`. */
int traces_new(struct loop *loop, const char *url, struct traces **ret_traces, struct error *err);

/* Without sending what there is. NULL is fine. */
void traces_free(struct traces *traces);

/* Add a request that has ended, unless its sender has decided that its trace is not recorded. */
void traces_add(struct traces *traces, const struct access_entry *entry);

/* Send what there is, and no more afterwards. True: there is nothing to wait for. False: `on_sent`
 * will be called, at the latest after two seconds. */
bool traces_finish(struct traces *traces, void (*on_sent)(void *context), void *context);

/* Append one span, as JSON. `context` is that of the entry's request, `id` has the 16 digits of the
 * span's own identifier. 0, -ENOMEM or -EMSGSIZE; then nothing was appended. */
int traces_format(struct buffer *to, const struct access_entry *entry,
                  const struct trace_context *context, const char *id);

#endif
