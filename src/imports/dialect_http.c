/* Which release of wasi_experimental_http a module was built with. See dialect.h.
 *
 * Its function `req` had another type almost every time it changed; the two that share one are told
 * apart by what else the module imports, or when it runs. */
#include <string.h>

#include "base/container.h"
#include "imports/dialect.h"

/* Which of the rows with the same type it is. */
enum hint { HINT_NONE, HINT_HANDLES, HINT_OLD_NAME };

static const struct {
    const char *params;
    enum hint hint;
    struct dialect_http_abi abi;
} rows[] = {
    {"iiiiiiiiii", HINT_OLD_NAME, {"req-10", "unreleased, of April 2021"}},
    {"iiiiiiiiii", HINT_NONE, {"req-10", "0.3.0 to 0.10.0"}},
    {"iiiiiiiiiiiiiii",
     HINT_NONE,
     {"req-15", "0.1.0, 0.1.1 or 0.2.0, which it shows when it runs"}},
    {"iiiiiiiiiiii",
     HINT_HANDLES,
     {"req-12-handles", "unreleased, of January 2022, with settings for TLS"}},
    {"iiiiiiiiiiii", HINT_NONE, {"req-12", "unreleased, of 25 February 2021"}},
    {"iiiiiiii", HINT_NONE, {"req-8", "unreleased, of 25 February 2021"}},
    {"iiiiiii", HINT_NONE, {"req-7", "unreleased, of 24 February 2021"}},
    {"iii", HINT_NONE, {"req-3", "unreleased, of 14 February 2021, GET only"}},
};

static const struct module_import *find(const struct dialect_group *group, const char *name)
{
    for (uint32_t i = 0; i < group->count; i++) {
        if (strcmp(group->imports[i]->name, name) == 0) {
            return group->imports[i];
        }
    }
    return NULL;
}

const struct dialect_http_abi *dialect_http_abi(const struct dialect_report *report)
{
    static const struct dialect_http_abi unknown = {"unknown", "no known release"};
    const struct dialect_group *group = &report->groups[SOURCE_EXPERIMENTAL_HTTP];
    if (group->count == 0) {
        return NULL;
    }
    const struct module_import *req = find(group, "req");
    bool has[] = {
        [HINT_NONE] = true,
        [HINT_HANDLES] = find(group, "close") != NULL || find(group, "body_read") != NULL,
        [HINT_OLD_NAME] = find(group, "header_get_all") != NULL,
    };
    for (size_t i = 0; req != NULL && i < ARRAY_COUNT(rows); i++) {
        if (has[rows[i].hint] && strcmp(rows[i].params, req->params) == 0) {
            return &rows[i].abi;
        }
    }
    return &unknown;
}
