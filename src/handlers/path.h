/* The path of a request in the one form that routes are matched on, files are looked up by and
 * guests are told.
 *
 * In it every escape is decoded but "%2F" and "%25", "." and ".." segments are gone, and slashes
 * that follow each other are one. So no spelling of a path reaches around a route: what the router
 * judged is what the handler uses, and an encoded slash never becomes one. */
#ifndef HYTHE_HANDLERS_PATH_H
#define HYTHE_HANDLERS_PATH_H

#include "base/buffer.h"
#include "base/span.h"

/* Bring a path into that form. It is `raw` itself when nothing has to change, and otherwise stands
 * in `scratch`, whose content it replaces. 0; -EINVAL for one that does not begin with a slash, a
 * broken escape or an encoded NUL; -ENOMEM or -EMSGSIZE. */
int path_canonical(struct span raw, struct buffer *scratch, struct span *ret_path);

/* Bytes of a path in that form as a URL has them, at most three for one: everything that may not
 * stand in a path, CR and LF among it, is escaped. Returns the end of what was written. */
uint8_t *path_encode(uint8_t *to, struct span path);

/* A path in that form without its last escapes: "%25" is "%"; "%2F" stays, since it is no slash of
 * the path. Returns the end of what was written, at most as many bytes. */
uint8_t *path_plain(uint8_t *to, struct span path);

/* Decode all escapes of some text and "+" as a blank (for query words). The number of bytes, never
 * more than there were, or -EINVAL for a broken escape or an encoded NUL. */
int64_t path_decode_word(uint8_t *to, struct span text);

#endif
