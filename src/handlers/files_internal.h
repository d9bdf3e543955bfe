/* What the parts of static files share. Internal to files*.c. */
#ifndef HYTHE_HANDLERS_FILES_INTERNAL_H
#define HYTHE_HANDLERS_FILES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/span.h"
#include "http/date.h"
#include "http/transaction.h"

struct site_request;
struct site_route;

enum {
    FILES_ETAG_MAX = 64,
    FILES_RANGES_MAX = 16,
};

/* A regular file that was found for a request. */
struct file_found {
    int fd; /* owned by whoever has this */
    uint64_t size;
    time_t mtime;         /* seconds, for Last-Modified */
    const char *encoding; /* "br", "gzip", or NULL */
    const char *type;
    char etag[FILES_ETAG_MAX]; /* strong, with its quotes */
    char date[HTTP_DATE_MAX];  /* Last-Modified */
};

/* -- files_open.c ----------------------------------------------------------------------------- */

enum { FILES_IS_FOLDER = 1 };

/* Find and open what the request's path names beneath the route's folder. 0; FILES_IS_FOLDER when it
 * names a folder without the slash at its end; -ENOENT for all that is not to be had, -EACCES, or
 * another negative errno. */
int files_open(const struct site_request *request, struct file_found *ret_found);

/* -- files_type.c ----------------------------------------------------------------------------- */

/* The media type by a name's ending; application/octet-stream for those that are not known. */
const char *files_type_of(struct span name);

/* -- files_when.c ----------------------------------------------------------------------------- */

/* Read an HTTP date (RFC 9110 section 5.6.7) in any of its three forms. False when it is none. */
bool files_parse_date(struct span text, time_t *ret_when);

/* What the request's conditions (RFC 9110 section 13) make of it: 0 to go on, 304 or 412. */
uint16_t files_judge(const struct http_inbound *inbound, const struct file_found *found);

/* Does If-Range let the ranges count? True without one. */
bool files_may_range(const struct http_inbound *inbound, const struct file_found *found);

/* -- files_range.c ---------------------------------------------------------------------------- */

struct file_range {
    uint64_t begin;
    uint64_t len; /* never 0 */
};

/* Read a Range header for a file of `size` bytes. The number of ranges that can be met; 0 when the
 * header counts for nothing, so that all is sent; -ERANGE when none can be met. */
int files_parse_ranges(struct span text, uint64_t size, struct file_range ranges[FILES_RANGES_MAX]);

#endif
