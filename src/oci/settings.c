/* /etc/hythe/runc.conf. See settings.h. */
#include "oci/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/container.h"
#include "oci/file.h"

enum { SETTINGS_MAX = 64 << 10 };

static const char default_path[] = "/etc/hythe/runc.conf";

static const struct {
    const char *key;
    const char *variable;
    size_t field;
} settings_table[] = {
    {"real", "HYTHE_RUNC_REAL", offsetof(struct oci_settings, real)},
    {"shim", "HYTHE_RUNC_SHIM", offsetof(struct oci_settings, shim)},
    {"host", "HYTHE_RUNC_HOST", offsetof(struct oci_settings, host)},
    {"cache", "HYTHE_RUNC_CACHE", offsetof(struct oci_settings, cache)},
};

static char **field_of(struct oci_settings *settings, size_t row)
{
    return (char **)(void *)((char *)settings + settings_table[row].field);
}

static int set(struct oci_settings *settings, size_t row, struct span value)
{
    char *copy = strndup((const char *)value.data, value.len);
    if (copy == NULL) {
        return -ENOMEM;
    }
    char **field = field_of(settings, row);
    free(*field);
    *field = copy;
    return 0;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* All values are paths; only the cache can be "none". */
static bool is_value(size_t row, struct span value)
{
    bool is_none = span_is(value, "none");
    return (value.len > 0 && value.data[0] == '/') ||
           (is_none && settings_table[row].field == offsetof(struct oci_settings, cache));
}

static struct span trim(struct span text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = (struct span){text.data + 1, text.len - 1};
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static int parse_line(struct oci_settings *settings, struct span line, struct error *err)
{
    line = trim(line);
    if (line.len == 0 || line.data[0] == '#') {
        return 0;
    }
    const uint8_t *equals = memchr(line.data, '=', line.len);
    if (equals == NULL) {
        return error_set(err, -EINVAL, "a line is KEY = PATH, such as real = /usr/sbin/runc");
    }
    size_t key_len = (size_t)(equals - line.data);
    struct span key = trim((struct span){line.data, key_len});
    struct span value = trim((struct span){equals + 1, line.len - key_len - 1});
    for (size_t row = 0; row < ARRAY_COUNT(settings_table); row++) {
        if (!span_is(key, settings_table[row].key)) {
            continue;
        }
        return is_value(row, value) ? set(settings, row, value)
                                    : error_set(err, -EINVAL, "a value is an absolute path");
    }
    return error_set(err, -EINVAL, "the keys are real, shim, host and cache");
}

int oci_settings_parse(struct oci_settings *settings, struct span text, const char *name,
                       struct error *err)
{
    unsigned number = 1;
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
        return error_set(err, -EINVAL, "%s: it is no text", name);
    }
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        size_t step = end != NULL ? len + 1 : len;
        int r = parse_line(settings, (struct span){text.data, len}, err);
        if (r < 0) {
            (void)error_wrap(err, "%s:%u", name, number);
            return r;
        }
        text = (struct span){text.data + step, text.len - step};
        number++;
    }
    return 0;
}

static int read_file(struct oci_settings *settings, struct error *err)
{
    const char *named = getenv("HYTHE_RUNC_CONF");
    const char *path = named != NULL && named[0] != '\0' ? named : default_path;
    struct buffer text;
    buffer_init(&text, SETTINGS_MAX);
    int r = file_read_path(path, &text);
    if (r == -ENOENT && path == default_path) {
        r = 0;
    } else if (r < 0) {
        (void)error_set_errno(err, r, "reading %s", path);
    } else {
        r = oci_settings_parse(settings, buffer_span(&text), path, err);
    }
    buffer_done(&text);
    return r;
}

int oci_settings_read(struct oci_settings *settings, struct error *err)
{
    int r = read_file(settings, err);
    for (size_t row = 0; row < ARRAY_COUNT(settings_table) && r == 0; row++) {
        const char *value = getenv(settings_table[row].variable);
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        if (!is_value(row, span_of(value))) {
            return error_set(err, -EINVAL, "%s=%s: it must be an absolute path",
                             settings_table[row].variable, value);
        }
        r = set(settings, row, span_of(value));
    }
    return r;
}

void oci_settings_done(struct oci_settings *settings)
{
    for (size_t row = 0; row < ARRAY_COUNT(settings_table); row++) {
        free(*field_of(settings, row));
    }
    *settings = (struct oci_settings){0};
}
