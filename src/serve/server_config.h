/* What an embedder, or the command line, has said of a server, kept so that it can be said again: a
 * reload reads the files anew and sets the same keys over them. */
#ifndef HYTHE_SERVE_SERVER_CONFIG_H
#define HYTHE_SERVE_SERVER_CONFIG_H

#include "base/error.h"
#include "config/serve.h"
#include "hythe/server.h"

enum server_step_kind { SERVER_STEP_READ, SERVER_STEP_MODULE, SERVER_STEP_SET };

struct server_step {
    enum server_step_kind kind;
    char *name;  /* owned: a path, or a key */
    char *value; /* owned, of a key */
};

struct hythe_server_config {
    struct server_step *steps; /* owned, in the order in which they were taken */
    uint32_t step_count;
    struct serve_config config; /* what they have led to, not finished */
};

/* Take all steps anew, and finish. Call it for each start and reload; release the result with
 * serve_config_done. 0 or a negative errno, with all that is wrong in `err`. */
int server_config_load(const struct hythe_server_config *config, struct serve_config *ret_config,
                       struct error *err);

#endif
