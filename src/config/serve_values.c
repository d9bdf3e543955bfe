/* Values of a configuration file. See serve_values.h. */
#include "config/serve_values.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define SECOND_NS UINT64_C(1000000000)

/* -- helpers ---------------------------------------------------------------------------------- */

const char *serve_quote(const char *text, char quoted[SERVE_QUOTE_MAX])
{
    size_t i = 0;
    for (; i < SERVE_QUOTE_MAX - 4 && text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];
        quoted[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    memcpy(quoted + i, text[i] == '\0' ? "" : "...", text[i] == '\0' ? 1 : 4);
    return quoted;
}

int serve_set_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    free(*field);
    *field = copy;
    return 0;
}

void *serve_grow(void **items, uint32_t *count, size_t size)
{
    char *more = realloc(*items, (*count + (size_t)1) * size);
    if (more == NULL) {
        return NULL;
    }
    *items = more;
    memset(more + *count * size, 0, size);
    (*count)++;
    return more + (*count - 1) * size;
}

char *serve_path(const struct serve_reader *reader, const char *path)
{
    const char *slash = reader->file != NULL ? strrchr(reader->file, '/') : NULL;
    if (slash == NULL || path[0] == '/') {
        return strdup(path);
    }
    char *joined = NULL;
    int folder_len = (int)(slash + 1 - reader->file);
    return asprintf(&joined, "%.*s%s", folder_len, reader->file, path) < 0 ? NULL : joined;
}

const char *serve_string(struct serve_reader *reader, const struct serve_key *key,
                         const struct toml_value *value)
{
    if (value->type != TOML_STRING) {
        (void)serve_refuse(reader, value->place, "%s takes a string, not %s", key->name,
                           toml_type_name(value->type)); /* the caller gives up either way */
        return NULL;
    }
    return value->text;
}

bool serve_is_from_command_line(const struct serve_reader *reader)
{
    return reader->file == NULL;
}

/* -- texts ------------------------------------------------------------------------------------ */

int serve_read_any(struct serve_reader *reader, const struct serve_key *key,
                   const struct toml_value *value, void *field)
{
    const char *text = serve_string(reader, key, value);
    return text == NULL ? -EINVAL : serve_set_text(field, text);
}

const char *serve_some_string(struct serve_reader *reader, const struct serve_key *key,
                              const struct toml_value *value)
{
    const char *text = serve_string(reader, key, value);
    if (text != NULL && text[0] == '\0') {
        (void)serve_refuse(reader, value->place, "%s is empty", key->name); /* as in serve_string */
        return NULL;
    }
    return text;
}

bool serve_is_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

int serve_read_text(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    const char *text = serve_some_string(reader, key, value);
    if (text != NULL && !serve_is_printable(text)) {
        return serve_refuse(reader, value->place, "%s has a control character in it", key->name);
    }
    return text == NULL ? -EINVAL : serve_set_text(field, text);
}

int serve_read_path(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    char **to = field;
    const char *text = serve_some_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    char *path = serve_path(reader, text);
    if (path == NULL) {
        return -ENOMEM;
    }
    free(*to);
    *to = path;
    return 0;
}

int serve_read_choice(struct serve_reader *reader, const struct serve_key *key,
                      const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    char names[160] = "";
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    size_t len = 0;
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) == 0) {
            memcpy(field, &i, sizeof i); /* an enum: as wide as an int, of the same values */
            return 0;
        }
        int written =
            snprintf(names + len, sizeof names - len, "%s'%s'", i > 0 ? ", " : "", key->choices[i]);
        len += (size_t)written;
        assert(len < sizeof names);
    }
    return serve_refuse(reader, value->place, "'%s' is none of %s", serve_quote(text, quoted),
                        names);
}

/* -- numbers ---------------------------------------------------------------------------------- */

static int read_bool(struct serve_reader *reader, const struct serve_key *key,
                     const struct toml_value *value, bool *ret_is)
{
    bool is_word = value->type == TOML_BOOLEAN ||
                   (serve_is_from_command_line(reader) && value->type == TOML_STRING);
    bool is_true = is_word && strcmp(value->text, "true") == 0;
    if (!is_true && (!is_word || strcmp(value->text, "false") != 0)) {
        return serve_refuse(reader, value->place, "%s takes true or false, without quotes",
                            key->name);
    }
    *ret_is = is_true;
    return 0;
}

int serve_read_flag(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    return read_bool(reader, key, value, field);
}

int serve_read_no_flag(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, void *field)
{
    bool is = false;
    int r = read_bool(reader, key, value, &is);
    if (r == 0) {
        *(bool *)field = !is;
    }
    return r;
}

static int read_number(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, uint64_t *ret_number)
{
    char quoted[SERVE_QUOTE_MAX];
    bool is_number = value->type == TOML_INTEGER ||
                     (serve_is_from_command_line(reader) && value->type == TOML_STRING);
    if (!is_number) {
        return serve_refuse(reader, value->place, "%s takes a number, not %s", key->name,
                            toml_type_name(value->type));
    }
    uint64_t number = 0;
    if (num_parse_u64(value->text, key->max, &number) < 0 || number < key->min) {
        return serve_refuse(reader, value->place, "'%s' is no number from %llu to %llu",
                            serve_quote(value->text, quoted), (unsigned long long)key->min,
                            (unsigned long long)key->max);
    }
    *ret_number = number;
    return 0;
}

int serve_read_u32(struct serve_reader *reader, const struct serve_key *key,
                   const struct toml_value *value, void *field)
{
    uint64_t number = 0;
    assert(key->max <= UINT32_MAX);
    int r = read_number(reader, key, value, &number);
    if (r == 0) {
        *(uint32_t *)field = (uint32_t)number;
    }
    return r;
}

int serve_read_u16(struct serve_reader *reader, const struct serve_key *key,
                   const struct toml_value *value, void *field)
{
    uint64_t number = 0;
    assert(key->max <= UINT16_MAX);
    int r = read_number(reader, key, value, &number);
    if (r == 0) {
        *(uint16_t *)field = (uint16_t)number;
    }
    return r;
}

int serve_read_size(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    uint64_t bytes = 0;
    bool is_size = value->type == TOML_INTEGER || value->type == TOML_STRING;
    if (!is_size || num_parse_size(value->text, &bytes) < 0) {
        return serve_refuse(reader, value->place,
                            "'%s' is no size; write bytes, or a number with K, M or G in quotes: "
                            "\"64K\"",
                            serve_quote(value->text, quoted));
    }
    if (bytes < key->min || bytes > key->max) {
        return serve_refuse(reader, value->place, "'%s' is not from %llu to %llu bytes",
                            serve_quote(value->text, quoted), (unsigned long long)key->min,
                            (unsigned long long)key->max);
    }
    *(uint64_t *)field = bytes;
    return 0;
}

int serve_read_size32(struct serve_reader *reader, const struct serve_key *key,
                      const struct toml_value *value, void *field)
{
    uint64_t bytes = 0;
    assert(key->max <= UINT32_MAX);
    int r = serve_read_size(reader, key, value, &bytes);
    if (r == 0) {
        *(uint32_t *)field = (uint32_t)bytes;
    }
    return r;
}

int serve_read_time(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    uint64_t ns = 0;
    bool is_time =
        value->type == TOML_INTEGER || value->type == TOML_FLOAT || value->type == TOML_STRING;
    if (!is_time || num_parse_duration(value->text, &ns) < 0) {
        return serve_refuse(reader, value->place,
                            "'%s' is no time; write seconds, or a number with ms, s, m or h in "
                            "quotes: \"1.5s\"",
                            serve_quote(value->text, quoted));
    }
    if (ns < key->min || ns > key->max) {
        return serve_refuse(reader, value->place, "'%s' is not from %llus to %llus",
                            serve_quote(value->text, quoted),
                            (unsigned long long)(key->min / SECOND_NS),
                            (unsigned long long)(key->max / SECOND_NS));
    }
    *(uint64_t *)field = ns;
    return 0;
}

int serve_read_seconds(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, void *field)
{
    uint64_t ns = 0;
    assert(key->max / SECOND_NS < UINT32_MAX);
    int r = serve_read_time(reader, key, value, &ns);
    if (r == 0) {
        *(uint32_t *)field = (uint32_t)((ns + SECOND_NS - 1) / SECOND_NS);
    }
    return r;
}

int serve_read_mode(struct serve_reader *reader, const struct serve_key *key,
                    const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    uint32_t mode = 0;
    size_t len = strspn(text, "01234567");
    for (size_t i = 0; i < len && i <= 4; i++) {
        mode = mode * 8 + (uint32_t)(text[i] - '0');
    }
    if (len < 3 || len > 4 || text[len] != '\0' || mode == 0 || mode > 0777) {
        return serve_refuse(reader, value->place,
                            "'%s' is no mode of a file; write it in octal: \"0660\"",
                            serve_quote(text, quoted));
    }
    *(uint32_t *)field = mode;
    return 0;
}
