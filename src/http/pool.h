/* What the guests of one program share on their way out over HTTP: libcurl with its connections.
 *
 * A connection that has answered is kept and serves the next request to the same scheme, host and
 * port, whichever guest of the program makes it. So a pool belongs to exactly one program: one module
 * with one set of grants. Whoever opened a connection was judged by the policy that all of its users
 * have, for the same target; what is judged for each request anew is the target.
 *
 * Never shared, also not within a pool: cookies and credentials, which libcurl keeps none of.
 *
 * Of the connections that wait for the next request, for a minute at most, 64 are kept. Where many
 * exchanges end at the same moment a few more stay; each further exchange closes one of them. */
#ifndef HYTHE_HTTP_POOL_H
#define HYTHE_HTTP_POOL_H

#include <stdbool.h>

#include "base/error.h"

struct http_pool;
struct loop;

/* Make a pool for clients on `loop`, which is borrowed. libcurl is opened now, unless all that its
 * clients ask for will be refused: without `reaches_out` their exchanges end with HTTP_DENIED. 0, or a
 * negative errno with the reason in `err`. */
int http_pool_new(struct loop *loop, bool reaches_out, struct http_pool **ret_pool,
                  struct error *err);

/* Close its connections and release it; its clients have been freed. NULL is fine. */
void http_pool_free(struct http_pool *pool);

#endif
