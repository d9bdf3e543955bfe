/* What a header line may be: names, values, and the rules of RFC 9110 section 5 that both sides of
 * HTTP share. */
#ifndef HYTHE_HTTP_FIELD_H
#define HYTHE_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct http_header {
    struct span name;
    struct span value;
};

/* A token of RFC 9110 section 5.6.2: one or more of its characters and nothing else. */
bool http_is_token(struct span text);

/* A field value of RFC 9110 section 5.5: no control character but the tab, so no CR, LF or NUL;
 * bytes from 0x80 are let through. Blanks at its ends are no part of a value. */
bool http_is_value(struct span text);

/* Without the blanks and tabs at both ends. */
struct span http_trim(struct span text);

/* Equal without regard to ASCII case; `name` is given in lower case. */
bool http_is_name(struct span text, const char *name);
bool http_is_same_name(struct span a, struct span b);

/* Names with rules of their own, without regard to case. */

/* Meant for the next hop only (RFC 9110 section 7.6.1): connection, keep-alive, proxy-connection,
 * te, transfer-encoding, upgrade, http2-settings. Neither passed on nor taken from a guest. */
bool http_is_hop_by_hop(struct span name);

/* Says where the content ends and what stands behind it: content-length, trailer,
 * transfer-encoding. Only true of a message as its writer frames it. */
bool http_is_framing(struct span name);

/* What hythe itself says in its responses, so that one from a handler or a guest is left out:
 * hop-by-hop, content-length, date, server. */
bool http_is_ours(struct span name);

/* May not be in a trailer section (RFC 9110 section 6.5.1): framing, routing, authentication,
 * request modifiers, content's own description, and what is ours. */
bool http_is_forbidden_trailer(struct span name);

/* May the line stand in a trailer section: is it well-formed, and its name none of those? */
bool http_is_trailer(const struct http_header *line);

/* Walk the elements of a comma-separated list. `rest` is what is left of it; false behind the last.
 * Empty elements are passed over (RFC 9110 section 5.6.1). */
bool http_list_next(struct span *rest, struct span *ret_element);

/* Find a header by its name in lower case among names in lower case; NULL without one. */
const struct http_header *http_find_header(const struct http_header *headers, uint32_t count,
                                           const char *name);

#endif
