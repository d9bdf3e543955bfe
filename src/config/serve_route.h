/* Routes: what their keys mean together. */
#ifndef HYTHE_CONFIG_SERVE_ROUTE_H
#define HYTHE_CONFIG_SERVE_ROUTE_H

#include "config/serve_keys.h"

/* The names of enum serve_kind, in its order; NULL behind them. */
extern const char *const serve_kind_names[];

serve_read_fn serve_read_route_path;  /* struct serve_route: path and is_prefix */
serve_read_fn serve_read_route_host;  /* char * */
serve_read_fn serve_read_file_name;   /* char *, below a folder; may be empty */
serve_read_fn serve_read_field_value; /* char *, fit for a header */

/* Append a route with its defaults. NULL without memory. */
struct serve_route *serve_route_new(struct serve_config *config, struct serve_place place);

/* Settle a route whose keys have been read: its kind, its name, and whether they go together. As
 * serve_read_fn. */
int serve_route_settle(struct serve_reader *reader, struct serve_route *route);

/* Give a route what it does not say itself. 0 or -ENOMEM. */
int serve_route_inherit(struct serve_route *route, const struct serve_guest *defaults);

/* Refuse routes of the same host and path. As serve_read_fn. */
int serve_routes_compare(struct serve_reader *reader);

void serve_guest_done(struct serve_guest *guest);
void serve_route_done(struct serve_route *route);
void serve_pairs_done(struct serve_pairs *pairs);

#endif
