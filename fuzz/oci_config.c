/* config.json of containers: whatever it says, what comes out of a text that can be read is JSON
 * again, is the same but for the arguments, the mounts and what would force an engine of crun's upon
 * it, and is understood as it was meant. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "input.h"
#include "oci/json_text.h"
#include "oci/plan.h"
#include "oci/rewrite.h"
#include "oci/spec.h"

enum { PATH_LEN = 128 };

static char folder[PATH_LEN];
static int folder_fd = -1;

static void clean_up(void)
{
    (void)unlinkat(folder_fd, "rootfs/app.wasm", 0);   /* a left-over of /tmp */
    (void)unlinkat(folder_fd, "rootfs", AT_REMOVEDIR); /* the same */
    (void)rmdir(folder);                               /* the same */
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char module[] = "\0asm\1\0\0\0";
    char path[PATH_LEN + 32];
    (void)argc;
    (void)argv;
    (void)snprintf(folder, sizeof folder, "/tmp/hythe-fuzz-oci-%d", (int)getpid());
    (void)snprintf(path, sizeof path, "%s/rootfs", folder);
    must(mkdir(folder, 0700) == 0 && mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/rootfs/app.wasm", folder);
    FILE *file = fopen(path, "we");
    must(file != NULL && fwrite(module, 1, sizeof module - 1, file) == sizeof module - 1);
    must(fclose(file) == 0);
    folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(folder_fd >= 0 && atexit(clean_up) == 0);
    return 0;
}

/* Where the last of the places ends that are changed, or may be. */
static const uint8_t *changed_until(const struct spec *spec)
{
    struct span annotations = {0};
    (void)json_text_member(spec->text, "annotations", &annotations); /* there may be none */
    const struct span places[] = {spec->args_text, spec->mounts_text, annotations};
    const uint8_t *end = spec->args_text.data;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i].len > 0 && places[i].data + places[i].len > end) {
            end = places[i].data + places[i].len;
        }
    }
    return end;
}

static void check_text(const struct spec *spec, const struct plan *plan, struct span text)
{
    struct spec again;
    struct spec_bind bind = {0};
    struct spec_bind next;
    must(spec_read(&again, text));
    must(again.arg_count == plan->args.count);
    for (size_t i = 0; i < again.arg_count; i++) {
        must(strcmp(again.args[i], plan->args.items[i]) == 0);
    }
    must(again.env_count == spec->env_count);
    must(strcmp(again.root_path, spec->root_path) == 0);
    size_t before = 0;
    size_t after = 0;
    while (spec_bind_at(spec, before, &next)) {
        before++;
    }
    for (; spec_bind_at(&again, after, &next); after++) {
        if (after == before) {
            bind = next;
        }
    }
    must(after == before + (plan->needs_certificates ? 2 : 1));
    must(strcmp(bind.source, "/host") == 0 && strcmp(bind.destination, plan->place) == 0);
    must(spec_annotation(spec, "run.oci.handler") == NULL ||
         strncmp(spec_annotation(&again, "run.oci.handler"),
                 spec_annotation(spec, "run.oci.handler"),
                 strlen(spec_annotation(spec, "run.oci.handler"))) == 0);
    /* What is behind all places has stayed, however long they have become. */
    const uint8_t *from = changed_until(spec);
    size_t len = (size_t)(spec->text.data + spec->text.len - from);
    must(text.len >= len && memcmp(text.data + text.len - len, from, len) == 0);
    spec_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct spec spec;
    struct plan plan = {.module_fd = -1};
    struct buffer out;
    struct error err = {0};
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        return 0;
    }
    if (len > 0) {
        memcpy(copy, data, len);
    }
    buffer_init(&out, REWRITE_MAX);
    if (spec_read(&spec, (struct span){copy, len})) {
        int r = plan_make(&spec, folder_fd, /* is_activated */ false, &plan, &err);
        must(r == 0 || err.text[0] != '\0');
        if (r == 0 && plan.is_wrapped) {
            must(rewrite_text(&spec, &plan, "/host", &out) == 0);
            check_text(&spec, &plan, buffer_span(&out));
        }
        plan_done(&plan);
        spec_done(&spec);
    }
    buffer_done(&out);
    free(copy);
    return 0;
}
