/* daemon.json, whatever is in it: it is refused, or what comes out is JSON again, has our runtime once
 * and for all, loses it again, and keeps all other members. */
#include <stdbool.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "input.h"
#include "oci/install_parts.h"
#include "oci/json_text.h"

enum { OUT_MAX = 1 << 20 };

static bool make(install_text_fn *fn, struct span before, struct buffer *out)
{
    struct error err = {0};
    struct buffer notes;
    buffer_init(&notes, OUT_MAX);
    buffer_init(out, OUT_MAX);
    const struct install in = {
        .prefix = "/opt/h", .path = "FILE", .before = before, .notes = &notes};
    int r = fn(&in, out, &err);
    must(r == 0 || err.code == r);
    buffer_done(&notes);
    return r == 0;
}

static const cJSON *own_runtime(const cJSON *tree)
{
    const cJSON *runtimes = cJSON_GetObjectItemCaseSensitive(tree, "runtimes");
    return cJSON_GetObjectItemCaseSensitive(runtimes, "hythe");
}

static void check_put(struct span before, struct span after)
{
    struct buffer again;
    struct buffer gone;
    cJSON *old = json_text_parse(before);
    cJSON *tree = json_text_parse(after);
    const cJSON *path = cJSON_GetObjectItemCaseSensitive(own_runtime(tree), "path");
    must(cJSON_IsString(path) && strcmp(path->valuestring, "/opt/h/bin/hythe-runc") == 0);
    must(make(install_docker_put, after, &again));
    must(again.len == after.len && memcmp(again.data, after.data, after.len) == 0);
    for (const cJSON *item = old != NULL ? old->child : NULL; item != NULL; item = item->next) {
        must(cJSON_HasObjectItem(tree, item->string));
    }
    if (make(install_docker_drop, after, &gone) && !install_is_blank(buffer_span(&gone))) {
        cJSON *rest = json_text_parse(buffer_span(&gone));
        must(cJSON_IsObject(rest) && own_runtime(rest) == NULL);
        cJSON_Delete(rest);
    }
    buffer_done(&gone);
    buffer_done(&again);
    cJSON_Delete(old);
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer after;
    const struct span before = {data, size};
    if (make(install_docker_put, before, &after)) {
        check_put(before, buffer_span(&after));
    }
    buffer_done(&after);
    return 0;
}
