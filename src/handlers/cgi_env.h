/* What a CGI guest is told of its request: environment and arguments.
 *
 * RFC 3875 section 4.1, and for WAGI what that had beside it. docs/internals/handlers.md has the list
 * and the reasons. Header names with anything but letters, digits and "-" are left out, so that no
 * two of them share a variable; so is Proxy, which programs would take for a proxy's address. */
#ifndef HYTHE_HANDLERS_CGI_ENV_H
#define HYTHE_HANDLERS_CGI_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct guest;
struct site_request;
struct site_route;

enum {
    CGI_ENV_MAX = 1 << 20, /* bytes of one request's environment */
    CGI_ARGS_MAX = 1024,   /* arguments made from a query */
    CGI_ARGS_BYTES = 256 << 10,
};

/* Is a variable of that name CGI's to set? A route's own of the same name would come twice, and which
 * one counts would be for each guest's library to choose. */
bool cgi_env_is_own(const char *name);

/* Put together what is the same for all requests of a route. 0 or -ENOMEM. */
int cgi_env_prepare(struct site_route *route);

/* Append the request's variables to the guest's environment. 0, -ENOMEM, or -EMSGSIZE past
 * CGI_ENV_MAX. */
int cgi_env_fill(const struct site_request *request, struct guest *guest);

/* Append the arguments: argv[0], the route's own, and words of the query where the dialect has them.
 * 0, -ENOMEM, or -EMSGSIZE past the limits. */
int cgi_args_fill(const struct site_request *request, struct guest *guest);

#endif
