/* Questions about texts. */
#ifndef HYTHE_BASE_TEXT_H
#define HYTHE_BASE_TEXT_H

#include <stdbool.h>

#include "base/span.h"

/* Take the next part off the front of a list with separators between, which becomes NULL with the last
 * one. False when none is left; a part may be empty. */
bool text_next_part(const char **list, char separator, struct span *ret_part);

/* Tell whether `text` ends with `ending` and has something before it, as file names do. */
bool text_has_ending(const char *text, const char *ending);

#endif
