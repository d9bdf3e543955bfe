#ifndef GUESTS_WASI_WAYS_H
#define GUESTS_WASI_WAYS_H

/* The ways of wasi_ways, one table a file, and what they share. */

#include "exchange.h"

typedef void (*way_fn)(struct exchange *exchange);

struct way {
    const char *name;
    way_fn take;
};

/* Each ends with a row without a name. */
extern const struct way ways_of_bodies[];
extern const struct way ways_of_heads[];
extern const struct way ways_of_handles[];
extern const struct way ways_of_streams[];
extern const struct way ways_of_host[];
extern const struct way ways_of_upstreams[];

#endif
