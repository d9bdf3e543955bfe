/* The options of `hythe image`. See image_options.h. */
#include "config/image_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"

#define FIELD(member) offsetof(struct image_options, member)

const struct option image_option_table[IMAGE_OPTION_COUNT] = {
    {.name = "tag",
     .letter = 't',
     .placeholder = "NAME[:TAG]",
     .section = "Building",
     .help = "The image's name, as Docker takes it: app, app:1, ghcr.io/me/app:1.2. Needed.",
     .parse = option_parse_text,
     .field = FIELD(tag)},
    {.name = "output",
     .letter = 'o',
     .placeholder = "FILE.tar|DIR",
     .section = "Building",
     .help = "Where to write: an archive if the name ends with .tar, else an OCI layout in a "
             "directory. Needed.",
     .parse = option_parse_text,
     .field = FIELD(output)},
    {.name = "force",
     .section = "Building",
     .help = "Replace the image that is there.",
     .parse = option_parse_flag,
     .field = FIELD(force)},
    {.name = "index",
     .placeholder = "PLATFORM[,PLATFORM]",
     .is_repeatable = true,
     .section = "Building",
     .help = "Offer the same image for these platforms too, such as linux/amd64,linux/arm64: for "
             "engines and registries that know no wasi/wasm.",
     .parse = option_parse_list,
     .field = FIELD(index)},
    {.name = "docker-archive",
     .section = "Building",
     .help = "Add what the classic image store of Docker before 29 reads. Needs --index linux/...",
     .parse = option_parse_flag,
     .field = FIELD(docker_archive)},
    {.name = "entrypoint",
     .placeholder = "WORD",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "The path of the module in the image; given again, the arguments that always stand "
             "behind it. By default the module's own name; of a directory its hythe.toml.",
     .parse = option_parse_list,
     .field = FIELD(entrypoint)},
    {.name = "cmd",
     .placeholder = "WORD",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "An argument that others replace which are given when the image is run.",
     .parse = option_parse_list,
     .field = FIELD(cmd)},
    {.name = "env",
     .placeholder = "NAME=VALUE",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "Set an environment variable.",
     .parse = option_parse_list,
     .field = FIELD(env)},
    {.name = "port",
     .placeholder = "PORT[/tcp|/udp]",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "Say that the program listens there; 'docker run -P' publishes it.",
     .parse = option_parse_list,
     .field = FIELD(ports)},
    {.name = "user",
     .placeholder = "USER[:GROUP]",
     .section = "What is in it",
     .help = "Who runs it, best by number: 65532.",
     .parse = option_parse_text,
     .field = FIELD(user)},
    {.name = "label",
     .placeholder = "NAME=VALUE",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "Put a label into the image's configuration.",
     .parse = option_parse_list,
     .field = FIELD(labels)},
    {.name = "annotation",
     .placeholder = "NAME=VALUE",
     .is_repeatable = true,
     .section = "What is in it",
     .help = "Put an annotation into the manifest.",
     .parse = option_parse_list,
     .field = FIELD(annotations)},
    {.name = "json",
     .section = "Inspecting",
     .help = "Write one JSON object.",
     .parse = option_parse_flag,
     .field = FIELD(json)},
};

static int refuse(struct error *err, const char *text)
{
    (void)error_set(err, -EINVAL, "%s", text);
    (void)error_set_exit(err, 2);
    return -EINVAL;
}

/* Take the time of all things from SOURCE_DATE_EPOCH, as tools do that build reproducibly. */
static int read_epoch(struct image_options *options, struct error *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    if (text == NULL || *text == '\0') {
        return 0;
    }
    if (num_parse_u64(text, UINT64_C(253402300799), &options->epoch_s) < 0) { /* the year 9999 */
        (void)error_set(err, -EINVAL,
                        "SOURCE_DATE_EPOCH is '%s'; it has to be seconds since 1970, or unset",
                        text);
        (void)error_set_exit(err, 2);
        return -EINVAL;
    }
    options->has_epoch = true;
    return 0;
}

static int check_build(struct image_options *options, struct error *err)
{
    if (options->tag == NULL) {
        return refuse(err, "the image needs a name: -t NAME:TAG");
    }
    if (options->output == NULL) {
        return refuse(err, "say where to write the image: -o FILE.tar, or -o DIR for a layout");
    }
    if (options->json) {
        return refuse(err, "--json belongs to 'hythe image inspect'");
    }
    return read_epoch(options, err);
}

static int check_inspect(const struct image_options *options, struct error *err)
{
    bool is_building = options->tag != NULL || options->output != NULL || options->user != NULL ||
                       options->force || options->docker_archive || options->index.count > 0 ||
                       options->entrypoint.count > 0 || options->cmd.count > 0 ||
                       options->env.count > 0 || options->ports.count > 0 ||
                       options->annotations.count > 0 || options->labels.count > 0;
    return is_building ? refuse(err, "of the options 'hythe image inspect' takes only --json") : 0;
}

int image_options_parse(int argc, char **argv, struct image_options *options, struct error *err)
{
    *options = (struct image_options){0};
    struct operands operands = {0};
    int r = command_line_parse(options_find_command("image"), argc, argv, options, &operands, err);
    if (r != 0) {
        return r;
    }
    if (operands.count < 2) {
        return refuse(err, "say what to do with what: 'hythe image build APP.wasm -t NAME -o "
                           "FILE.tar' or 'hythe image inspect FILE.tar'");
    }
    options->operand = operands.items[1];
    if (strcmp(operands.items[0], "build") == 0) {
        options->verb = IMAGE_BUILD;
        return check_build(options, err);
    }
    if (strcmp(operands.items[0], "inspect") == 0) {
        options->verb = IMAGE_INSPECT;
        return check_inspect(options, err);
    }
    (void)error_set(err, -EINVAL, "'hythe image %s' is unknown; there are build and inspect",
                    operands.items[0]);
    (void)error_set_exit(err, 2);
    return -EINVAL;
}

void image_options_done(struct image_options *options)
{
    struct string_list *const lists[] = {
        &options->index, &options->entrypoint,  &options->cmd,    &options->env,
        &options->ports, &options->annotations, &options->labels,
    };
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        free(lists[i]->items);
    }
    *options = (struct image_options){0};
}
