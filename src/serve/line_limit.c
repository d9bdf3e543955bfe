/* So many lines a second. See line_limit.h. */
#include "serve/line_limit.h"

bool line_limit_take(struct line_limit *limit, uint64_t now_ns, uint64_t *ret_withheld)
{
    uint64_t second = now_ns / 1000000000 + 1;
    *ret_withheld = 0;
    if (second != limit->second) {
        *ret_withheld = limit->withheld;
        *limit = (struct line_limit){.second = second};
    }
    if (limit->count == LINE_LIMIT_PER_SECOND) {
        limit->withheld++;
        return false;
    }
    limit->count++;
    return true;
}
