/* The half of the description that is for components. Internal to dialect*.c. */
#ifndef HYTHE_IMPORTS_DIALECT_COMPONENT_H
#define HYTHE_IMPORTS_DIALECT_COMPONENT_H

#include "imports/dialect.h"

/* Fill a report that has its input. 0 or -ENOMEM. */
int dialect_component_describe(struct dialect_report *report);

enum dialect_problem dialect_component_problem(const struct dialect_report *report,
                                               const struct dialect_start *start);

#endif
