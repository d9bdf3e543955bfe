/* The Range header: RFC 9110 section 14.2.
 *
 * Ranges that together are more than the file, or more than FILES_RANGES_MAX, would have us send much
 * for little: such a header counts for nothing, as does one that is no valid list. */
#include <errno.h>

#include "handlers/files_internal.h"

/* Read digits. False when there is none, or the number is larger than any file. */
static bool take_number(struct span *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t at = 0;
    while (at < text->len && text->data[at] >= '0' && text->data[at] <= '9') {
        if (number > (INT64_MAX - 9) / 10) {
            number = INT64_MAX / 10; /* more than any file has: past its end, or all of it */
        }
        number = number * 10 + (uint64_t)(text->data[at] - '0');
        at++;
    }
    text->data += at;
    text->len -= at;
    *ret_number = number;
    return at > 0;
}

/* Read one range. 1 when it can be met, 0 when not, -EINVAL when it is none. */
static int take_range(struct span text, uint64_t size, struct file_range *ret_range)
{
    uint64_t first = 0;
    uint64_t last = 0;
    bool has_first = take_number(&text, &first);
    if (text.len == 0 || text.data[0] != '-') {
        return -EINVAL;
    }
    text.data++;
    text.len--;
    bool has_last = take_number(&text, &last);
    if (text.len > 0 || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return -EINVAL;
    }
    if (!has_first) { /* the last so many bytes */
        uint64_t len = last < size ? last : size;
        *ret_range = (struct file_range){size - len, len};
        return len > 0 ? 1 : 0;
    }
    if (first >= size) {
        return 0;
    }
    if (!has_last || last >= size) {
        last = size - 1;
    }
    *ret_range = (struct file_range){first, last - first + 1};
    return 1;
}

int files_parse_ranges(struct span text, uint64_t size, struct file_range ranges[FILES_RANGES_MAX])
{
    static const char unit[] = "bytes=";
    struct span element;
    uint64_t total = 0;
    int count = 0;
    int seen = 0;
    if (text.len < sizeof unit - 1 ||
        !http_is_name((struct span){text.data, sizeof unit - 1}, unit)) {
        return 0;
    }
    text.data += sizeof unit - 1;
    text.len -= sizeof unit - 1;
    while (http_list_next(&text, &element)) {
        struct file_range range;
        int r = take_range(element, size, &range);
        seen++;
        if (r < 0 || seen > FILES_RANGES_MAX) {
            return 0;
        }
        if (r == 1) {
            ranges[count++] = range;
            total += range.len;
        }
    }
    if (seen == 0 || (count > 1 && total > size)) {
        return 0;
    }
    return count > 0 ? count : -ERANGE;
}
