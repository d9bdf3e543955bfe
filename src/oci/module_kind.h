/* What a container's entry point is, told from its bytes: nothing is compiled and nothing is run,
 * since the file is the image's and this program may be root's. */
#ifndef HYTHE_OCI_MODULE_KIND_H
#define HYTHE_OCI_MODULE_KIND_H

#include <stdbool.h>

enum module_kind_form {
    KIND_OTHER,     /* nothing of the below */
    KIND_NATIVE,    /* a program of the machine's own: ELF, or a script with "#!" */
    KIND_CORE,      /* a core module, binary */
    KIND_COMPONENT, /* a component, binary */
    KIND_TEXT,      /* a module or a component as text; only by the name's ending */
    KIND_COMPILED,  /* what `hythe compile` made */
    KIND_SITE,      /* a hythe.toml */
};

/* Of text and compiled modules these are guesses: the names occur in the file. */
struct module_kind {
    enum module_kind_form form;
    bool accepts;      /* imports sock_accept: can use a listener that hythe opens */
    bool opens;        /* imports sock_open: opens its own sockets */
    bool has_routes;   /* exports _routes, as modules made for WAGI do */
    bool serves_http;  /* a component that answers requests */
    bool has_listener; /* of a site: the file says where to listen */
};

/* Look at the regular file `fd`, called `name`, from its beginning. What cannot be read is
 * KIND_OTHER. Cannot fail. */
void module_kind_read(int fd, const char *name, struct module_kind *ret_kind);

/* Tell whether it is something that hythe runs. */
bool module_kind_is_wasm(const struct module_kind *kind);

#endif
