/* Texts in UTF-8. */
#ifndef HYTHE_BASE_UTF8_H
#define HYTHE_BASE_UTF8_H

#include <stdbool.h>

#include "base/span.h"

/* Is it UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing past U+10FFFF? */
bool utf8_is_valid(struct span text);

#endif
