/* Between the rooms' error on the stack and the public one on the heap. */
#ifndef HYTHE_HOST_ERROR_H
#define HYTHE_HOST_ERROR_H

#include "base/error.h"
#include "hythe/error.h"

struct hythe_error {
    struct error inner;
};

/* Give the caller a copy of `err`, unless it does not want one. Returns err's code. */
int host_error_give(const struct error *err, hythe_error **ret_error);

#endif
