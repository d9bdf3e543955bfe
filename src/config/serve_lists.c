/* Values that hold several: lists, directories, variables, headers. See serve_values.h. */
#include "config/serve_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "config/options.h"

enum { LIST_MAX = 4096 };

/* -- lists ------------------------------------------------------------------------------------ */

/* A list, or the one string that stands for a list of one; NULL after refusing anything else.
 * `ret_one` is set when it is the string. */
static const struct toml_value *list_items(struct serve_reader *reader, const struct serve_key *key,
                                           const struct toml_value *value, bool *ret_one)
{
    *ret_one = value->type == TOML_STRING;
    if (*ret_one) {
        return value;
    }
    if (value->type != TOML_ARRAY || value->count > LIST_MAX) {
        (void)serve_refuse(reader, value->place, /* the caller gives up either way */
                           value->type != TOML_ARRAY ? "%s takes a list of strings: [\"...\"]"
                                                     : "%s is too long a list",
                           key->name);
        return NULL;
    }
    return value->first;
}

static int read_strings(struct serve_reader *reader, const struct serve_key *key,
                        const struct toml_value *value, struct strings *list, bool may_be_empty)
{
    bool is_one = false;
    const struct toml_value *item = list_items(reader, key, value, &is_one);
    if (item == NULL) {
        return value->type == TOML_ARRAY && value->count == 0 ? 0 : -EINVAL;
    }
    for (; item != NULL; item = is_one ? NULL : item->next) {
        const char *text =
            may_be_empty ? serve_string(reader, key, item) : serve_some_string(reader, key, item);
        if (text == NULL) {
            return -EINVAL;
        }
        int r = strings_add(list, text);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A list in a file says all of it; on a command line each says one more. */
static int replace_strings(struct serve_reader *reader, const struct serve_key *key,
                           const struct toml_value *value, struct strings *list, bool may_be_empty)
{
    struct strings items = {0};
    if (serve_is_from_command_line(reader)) {
        return read_strings(reader, key, value, list, may_be_empty);
    }
    int r = read_strings(reader, key, value, &items, may_be_empty);
    if (r < 0) {
        strings_done(&items);
        return r;
    }
    strings_done(list);
    *list = items;
    return 0;
}

int serve_read_list(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    return replace_strings(reader, key, value, field, /* may_be_empty */ false);
}

int serve_read_args(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    return replace_strings(reader, key, value, field, /* may_be_empty */ true);
}

/* -- directories ------------------------------------------------------------------------------ */

int serve_dirs_add(struct serve_guest *guest, const char *host, const char *guest_name,
                   bool is_read_only)
{
    char *host_copy = strdup(host);
    char *name_copy = strdup(guest_name);
    void *items = guest->dirs;
    struct serve_dir *dir = NULL;
    if (host_copy != NULL && name_copy != NULL) {
        dir = serve_grow(&items, &guest->dir_count, sizeof *dir);
    }
    if (dir == NULL) {
        free(host_copy);
        free(name_copy);
        return -ENOMEM;
    }
    guest->dirs = items;
    dir->host = host_copy;
    dir->guest = name_copy;
    dir->is_read_only = is_read_only;
    return 0;
}

static int add_dir(struct serve_reader *reader, struct serve_place place, const char *text,
                   struct serve_guest *guest)
{
    char quoted[SERVE_QUOTE_MAX];
    struct dir_option dir = {0};
    int r = option_split_dir(text, &dir);
    if (r == -EINVAL) {
        return serve_refuse(reader, place,
                            "'%s' lacks a name; write HOST, HOST::GUEST or HOST::GUEST:ro",
                            serve_quote(text, quoted));
    }
    if (r < 0) {
        return r;
    }
    char *host = serve_path(reader, dir.host);
    r = host == NULL ? -ENOMEM : serve_dirs_add(guest, host, dir.guest, dir.is_read_only);
    free(host);
    free(dir.host);
    free(dir.guest);
    return r;
}

void serve_dirs_clear(struct serve_guest *guest)
{
    for (uint32_t i = 0; i < guest->dir_count; i++) {
        free(guest->dirs[i].host);
        free(guest->dirs[i].guest);
    }
    free(guest->dirs);
    guest->dirs = NULL;
    guest->dir_count = 0;
}

int serve_read_dirs(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    struct strings list = {0};
    if (!serve_is_from_command_line(reader)) {
        serve_dirs_clear(field);
    }
    int r = read_strings(reader, key, value, &list, /* may_be_empty */ false);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        r = add_dir(reader, value->place, list.items[i], field);
    }
    strings_done(&list);
    return r;
}

/* -- pairs ------------------------------------------------------------------------------------ */

int serve_pairs_add(struct serve_pairs *pairs, const char *name, const char *value)
{
    char *name_copy = strdup(name);
    char *value_copy = strdup(value);
    void *items = pairs->items;
    struct serve_pair *pair = NULL;
    if (name_copy != NULL && value_copy != NULL) {
        pair = serve_grow(&items, &pairs->count, sizeof *pair);
    }
    if (pair == NULL) {
        free(name_copy);
        free(value_copy);
        return -ENOMEM;
    }
    pairs->items = items;
    pair->name = name_copy;
    pair->value = value_copy;
    return 0;
}

int serve_pairs_set(struct serve_pairs *pairs, const char *name, const char *value)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].name, name) == 0) {
            return serve_set_text(&pairs->items[i].value, value);
        }
    }
    return serve_pairs_add(pairs, name, value);
}

static int set_word(struct serve_pairs *pairs, const char *word, size_t name_len, const char *text)
{
    char *name = strndup(word, name_len);
    int r = name == NULL ? -ENOMEM : serve_pairs_set(pairs, name, text);
    free(name);
    return r;
}

/* NAME=VALUE of a command line, or NAME with the value it has here. */
static int set_env_word(struct serve_reader *reader, const struct toml_value *value,
                        struct serve_pairs *pairs)
{
    char quoted[SERVE_QUOTE_MAX];
    size_t len = strcspn(value->text, "=");
    if (len == 0) {
        return serve_refuse(reader, value->place,
                            "'%s' has no name; write NAME=VALUE, or NAME to inherit it",
                            serve_quote(value->text, quoted));
    }
    const char *text = value->text[len] == '=' ? value->text + len + 1 : getenv(value->text);
    if (text == NULL) {
        return serve_refuse(reader, value->place, "'%s' is not set here; write %s=VALUE",
                            serve_quote(value->text, quoted), quoted);
    }
    return set_word(pairs, value->text, len, text);
}

static int read_pairs(struct serve_reader *reader, const struct serve_key *key,
                      const struct toml_value *value, struct serve_pairs *pairs)
{
    if (value->type != TOML_TABLE) {
        return serve_refuse(reader, value->place, "%s takes a table: { NAME = \"VALUE\" }",
                            key->name);
    }
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        const char *text = serve_string(reader, key, item);
        if (text == NULL) {
            return -EINVAL;
        }
        if (item->key[0] == '\0' || strchr(item->key, '=') != NULL) {
            return serve_refuse(reader, item->key_place, "'%s' is no name of a variable",
                                item->key);
        }
        int r = serve_pairs_set(pairs, item->key, text);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int serve_read_env(struct serve_reader *reader, const struct serve_key *key,
                   const struct toml_value *value, void *field)
{
    if (serve_is_from_command_line(reader) && value->type == TOML_STRING) {
        return set_env_word(reader, value, field);
    }
    return read_pairs(reader, key, value, field);
}

int serve_read_variables(struct serve_reader *reader, const struct serve_key *key,
                         const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    if (!serve_is_from_command_line(reader) || value->type != TOML_STRING) {
        return read_pairs(reader, key, value, field);
    }
    size_t len = strcspn(value->text, "=");
    if (len == 0 || value->text[len] == '\0') {
        return serve_refuse(reader, value->place, "'%s' is no pair; write NAME=VALUE",
                            serve_quote(value->text, quoted));
    }
    return set_word(field, value->text, len, value->text + len + 1);
}

/* -- headers ---------------------------------------------------------------------------------- */

static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if (text[0] == '\0') {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        bool is_alphanumeric =
            (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!is_alphanumeric && strchr(others, *c) == NULL) {
            return false;
        }
    }
    return true;
}

/* Headers that say where a message ends or what becomes of its connection: only the server knows. */
static bool is_of_the_connection(const char *name)
{
    static const char *const names[] = {
        "connection", "content-length",
        "keep-alive", "proxy-connection",
        "te",         "trailer",
        "upgrade",    "transfer-encoding",
        "date",       NULL,
    };
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_field_value(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

static int add_header(struct serve_reader *reader, const struct toml_value *value, const char *name,
                      struct serve_pairs *pairs)
{
    char quoted[SERVE_QUOTE_MAX];
    if (value->type != TOML_STRING) {
        return serve_refuse(reader, value->place, "the header %s takes a string or a list of them",
                            serve_quote(name, quoted));
    }
    if (!is_field_value(value->text)) {
        return serve_refuse(reader, value->place,
                            "the header %s has a line end or another control character in it",
                            serve_quote(name, quoted));
    }
    return serve_pairs_add(pairs, name, value->text);
}

static int read_header(struct serve_reader *reader, const struct toml_value *value,
                       struct serve_pairs *pairs)
{
    char quoted[SERVE_QUOTE_MAX];
    if (!is_token(value->key)) {
        return serve_refuse(reader, value->key_place, "'%s' is no name of a header",
                            serve_quote(value->key, quoted));
    }
    if (is_of_the_connection(value->key)) {
        return serve_refuse(reader, value->key_place,
                            "the header %s is the server's own and cannot be set",
                            serve_quote(value->key, quoted));
    }
    if (value->type != TOML_ARRAY) {
        return add_header(reader, value, value->key, pairs);
    }
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        int r = add_header(reader, item, value->key, pairs);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* "NAME: VALUE" of a command line, as a table of one. */
static int read_header_line(struct serve_reader *reader, const struct toml_value *value,
                            struct serve_pairs *pairs)
{
    char quoted[SERVE_QUOTE_MAX];
    size_t len = strcspn(value->text, ":");
    if (value->text[len] == '\0') {
        return serve_refuse(reader, value->place, "'%s' is no header; write NAME: VALUE",
                            serve_quote(value->text, quoted));
    }
    const char *text = value->text + len + 1;
    char *name = strndup(value->text, len);
    struct toml_value *made = toml_new_text(TOML_STRING, text + strspn(text, " \t"));
    int r = -ENOMEM;
    if (name != NULL && made != NULL) {
        made->key = name;
        r = read_header(reader, made, pairs);
    }
    toml_free(made);
    free(name);
    return r;
}

int serve_read_headers(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, void *field)
{
    if (serve_is_from_command_line(reader) && value->type == TOML_STRING) {
        return read_header_line(reader, value, field);
    }
    if (value->type != TOML_TABLE) {
        return serve_refuse(reader, value->place, "%s takes a table: { NAME = \"VALUE\" }",
                            key->name);
    }
    int worst = 0;
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        int r = read_header(reader, item, field);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}
