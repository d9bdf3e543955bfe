/* The public error. See hythe/error.h. */
#include "host/error.h"

#include <errno.h>
#include <stdlib.h>

int host_error_give(const struct error *err, hythe_error **ret_error)
{
    if (ret_error != NULL) {
        *ret_error = malloc(sizeof **ret_error);
        if (*ret_error != NULL) {
            (*ret_error)->inner = *err;
        }
    }
    return err->code;
}

const char *hythe_error_text(const hythe_error *error)
{
    return error != NULL ? error->inner.text : "out of memory";
}

int hythe_error_code(const hythe_error *error)
{
    return error != NULL ? error->inner.code : -ENOMEM;
}

int hythe_error_exit(const hythe_error *error)
{
    return error != NULL && error->inner.exit != 0 ? error->inner.exit : 1;
}

void hythe_error_free(hythe_error *error)
{
    free(error);
}
