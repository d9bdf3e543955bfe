/* The options of `hythe image`. */
#ifndef HYTHE_CONFIG_IMAGE_OPTIONS_H
#define HYTHE_CONFIG_IMAGE_OPTIONS_H

#include "config/options.h"

enum { IMAGE_OPTION_COUNT = 13 };

extern const struct option image_option_table[IMAGE_OPTION_COUNT];

enum image_verb { IMAGE_BUILD, IMAGE_INSPECT };

struct image_options {
    enum image_verb verb;
    const char *operand; /* what is built from, or inspected */
    const char *tag;
    const char *output;
    const char *user; /* NULL when not given */
    struct string_list index;
    struct string_list entrypoint;
    struct string_list cmd;
    struct string_list env;
    struct string_list ports;
    struct string_list annotations;
    struct string_list labels;
    bool docker_archive;
    bool force;
    bool json;
    uint64_t epoch_s; /* SOURCE_DATE_EPOCH: the time of all that is built; 0 when it is not set */
    bool has_epoch;
};

/* As run_options_parse. */
int image_options_parse(int argc, char **argv, struct image_options *options, struct error *err);
void image_options_done(struct image_options *options);

#endif
