/* Names of images. See reference.h. */
#include "oci/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Go past what may stand between two runs of letters: a dot, one or two underscores, any number of
 * dashes; 0 if it is none of them. */
static size_t separator_len(const char *text, size_t len)
{
    size_t at = 0;
    if (text[0] == '.') {
        return 1;
    }
    while (at < len && text[at] == '-') {
        at++;
    }
    if (at > 0) {
        return at;
    }
    while (at < len && at < 2 && text[at] == '_') {
        at++;
    }
    return at;
}

/* One part of a path between slashes. */
static bool is_part(const char *text, size_t len)
{
    size_t at = 0;
    bool is_after_letter = false;
    while (at < len) {
        if (is_lower_or_digit(text[at])) {
            at++;
            is_after_letter = true;
            continue;
        }
        size_t gap = is_after_letter ? separator_len(text + at, len - at) : 0;
        if (gap == 0) {
            return false;
        }
        at += gap;
        is_after_letter = false;
    }
    return is_after_letter;
}

/* HOST or HOST:PORT, or an IPv6 address in brackets. */
static bool is_host(const char *text, size_t len)
{
    size_t at = 0;
    if (len > 0 && text[0] == '[') {
        at = 1 + strspn(text + 1, "0123456789abcdefABCDEF:");
        if (at >= len || text[at] != ']') {
            return false;
        }
        at++;
    } else {
        while (at < len && (isalnum((unsigned char)text[at]) || strchr(".-", text[at]) != NULL)) {
            bool is_edge = at == 0 || at + 1 == len || text[at - 1] == '.' || text[at + 1] == '.' ||
                           text[at + 1] == ':';
            if (!isalnum((unsigned char)text[at]) && is_edge && text[at] == '-') {
                return false;
            }
            if (text[at] == '.' && (at == 0 || text[at - 1] == '.')) {
                return false;
            }
            at++;
        }
        if (at == 0 || text[at - 1] == '.') {
            return false;
        }
    }
    if (at < len && text[at] == ':') {
        size_t digits = strspn(text + at + 1, "0123456789");
        return digits > 0 && digits <= 5 && at + 1 + digits == len;
    }
    return at == len;
}

/* Does the first part name a registry? Only then does it have a dot, a port or capitals. */
static bool names_host(const char *text, size_t len)
{
    if (len == 9 && memcmp(text, "localhost", 9) == 0) {
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        if (strchr(".:[", text[i]) != NULL || isupper((unsigned char)text[i])) {
            return true;
        }
    }
    return false;
}

static int check_path(const char *text, const char *path, size_t len, struct error *err)
{
    size_t at = 0;
    if (len == 0) {
        return error_set(err, -EINVAL, "'%s' has no name; write NAME:TAG, for example app:1", text);
    }
    while (at <= len) {
        size_t part = strcspn(path + at, "/");
        part = part > len - at ? len - at : part;
        if (part == 0) {
            return error_set(err, -EINVAL, "'%s' has an empty part between slashes", text);
        }
        if (!is_part(path + at, part)) {
            return error_set(err, -EINVAL,
                             "'%s': '%.*s' is no name: small letters and digits, with single dots, "
                             "one or two underscores or dashes between them",
                             text, (int)part, path + at);
        }
        at += part + 1;
    }
    return 0;
}

static int check_tag(const char *text, const char *tag, struct error *err)
{
    size_t len = strlen(tag);
    size_t good = 0;
    while (isalnum((unsigned char)tag[good]) || tag[good] == '_' ||
           (good > 0 && (tag[good] == '.' || tag[good] == '-'))) {
        good++;
    }
    if (len == 0) {
        return error_set(err, -EINVAL, "'%s' ends with a colon and no tag behind it", text);
    }
    if (len > REFERENCE_TAG_MAX || good != len) {
        return error_set(err, -EINVAL,
                         "'%s': '%.140s' is no tag: at most %d letters, digits, underscores, dots "
                         "and dashes, and no dot or dash at its beginning",
                         text, tag, (int)REFERENCE_TAG_MAX);
    }
    return 0;
}

int reference_parse(const char *text, struct reference *ret_reference, struct error *err)
{
    struct reference reference = {0};
    char name[REFERENCE_NAME_MAX + 1];
    if (strchr(text, '@') != NULL) {
        return error_set(err, -EINVAL,
                         "'%s' has a digest, which an image gets when it is made; write NAME:TAG",
                         text);
    }
    size_t first = strcspn(text, "/");
    bool has_host = text[first] == '/' && names_host(text, first);
    const char *path = has_host ? text + first + 1 : text;
    const char *colon = strchr(path, ':');
    size_t len = colon != NULL ? (size_t)(colon - path) : strlen(path);
    const char *tag = colon != NULL ? colon + 1 : "latest";
    if (has_host && !is_host(text, first)) {
        return error_set(err, -EINVAL, "'%s': '%.*s' is no HOST or HOST:PORT", text, (int)first,
                         text);
    }
    int r = check_path(text, path, len, err);
    if (r == 0) {
        r = check_tag(text, tag, err);
    }
    if (r < 0) {
        return r;
    }
    bool is_hub = !has_host || (first == 9 && memcmp(text, "docker.io", 9) == 0) ||
                  (first == 15 && memcmp(text, "index.docker.io", 15) == 0);
    bool is_plain = memchr(path, '/', len) == NULL;
    int made =
        snprintf(name, sizeof name, "%.*s/%s%.*s", is_hub ? 9 : (int)first,
                 is_hub ? "docker.io" : text, is_hub && is_plain ? "library/" : "", (int)len, path);
    if (made < 0 || (size_t)made >= sizeof name) {
        return error_set(err, -EINVAL, "the name has more than %d bytes", (int)REFERENCE_NAME_MAX);
    }
    (void)snprintf(reference.tag, sizeof reference.tag, "%s", tag);
    (void)snprintf(reference.full, sizeof reference.full, "%s:%s", name, tag);
    *ret_reference = reference;
    return 0;
}
