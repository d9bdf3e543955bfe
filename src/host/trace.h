/* --trace: each host call on stderr, with named, decoded arguments and its result. */
#ifndef HYTHE_HOST_TRACE_H
#define HYTHE_HOST_TRACE_H

#include <stdint.h>

#include "engine/call.h"
#include "engine/component_call.h"

/* Print one call: when it begins to wait (`answer` is CALL_WAIT) and when it has answered. */
void trace_call(const struct call *call, int32_t answer);

/* The same for a component. Of its results the first slot is shown. */
void trace_component_call(const struct component_call *call, int32_t answer);

#endif
