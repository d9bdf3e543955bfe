/* Questions about texts. See text.h. */
#include "base/text.h"

#include <string.h>

bool text_next_part(const char **list, char separator, struct span *ret_part)
{
    if (*list == NULL) {
        return false;
    }
    const char *end = strchr(*list, separator);
    size_t len = end != NULL ? (size_t)(end - *list) : strlen(*list);
    *ret_part = (struct span){(const uint8_t *)*list, len};
    *list = end != NULL ? end + 1 : NULL;
    return true;
}

bool text_has_ending(const char *text, const char *ending)
{
    size_t len = strlen(text);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcmp(text + len - ending_len, ending) == 0;
}
