/* Wire cases as data. See wire_case.h. */
#include "wire_case.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES_MAX = 1 << 20, PATH_MAX_LEN = 512 };

struct wire_file {
    const char *path;
    unsigned line;
    wire_case_fn *run;
    unsigned count;
    bool has_case;
    struct wire_case current;
};

static void spoilt(const struct wire_file *file, const char *why)
{
    print_error("%s:%u: %s\n", file->path, file->line, why);
    fail();
}

static void append(struct buffer *to, const void *bytes, size_t len)
{
    assert_int_equal(buffer_append(to, (struct span){bytes, len}), 0);
}

static void add_bytes(const struct wire_file *file, struct buffer *to, const char *text);

/* One escape, of which `text` is behind the backslash. Returns what follows it. */
static const char *add_escape(const struct wire_file *file, struct buffer *to, const char *text)
{
    static const char names[] = "rnt\\";
    static const char bytes[] = "\r\n\t\\";
    const char *found = *text == '\0' ? NULL : strchr(names, *text);
    if (found != NULL) {
        append(to, &bytes[found - names], 1);
        return text + 1;
    }
    unsigned byte = 0;
    if (sscanf(text, "x%2x", &byte) == 1 && isxdigit((unsigned char)text[2])) {
        append(to, &(uint8_t){(uint8_t)byte}, 1);
        return text + 3;
    }
    const char *star = *text == '{' ? strchr(text, '*') : NULL;
    unsigned count = 0;
    int used = 0;
    if (star == NULL || sscanf(star, "*%u}%n", &count, &used) != 1 || used == 0) {
        spoilt(file, "no such escape");
        return NULL;
    }
    char *repeated = strndup(text + 1, (size_t)(star - text - 1));
    assert_non_null(repeated);
    for (unsigned i = 0; i < count; i++) {
        add_bytes(file, to, repeated); /* may have escapes of its own */
    }
    free(repeated);
    return star + used;
}

static void add_bytes(const struct wire_file *file, struct buffer *to, const char *text)
{
    while (*text != '\0') {
        if (*text == '\\') {
            text = add_escape(file, to, text + 1);
        } else {
            append(to, text, 1);
            text++;
        }
    }
}

static void end_case(struct wire_file *file)
{
    struct wire_case *c = &file->current;
    if (!file->has_case) {
        return;
    }
    if (c->outcome.name == NULL) {
        spoilt(file, "the case before has no outcome");
    }
    file->run(c);
    for (uint32_t i = 0; i < c->key_count; i++) {
        wire_check(c, c->keys[i].is_used, c->keys[i].name);
        free(c->keys[i].name);
        buffer_done(&c->keys[i].value);
    }
    free(c->outcome.name);
    buffer_done(&c->outcome.value);
    buffer_done(&c->input);
    free(c->name);
    file->count++;
    file->has_case = false;
}

static void begin_case(struct wire_file *file, const char *name)
{
    end_case(file);
    file->current = (struct wire_case){.file = file->path, .line = file->line};
    file->current.name = strdup(name);
    buffer_init(&file->current.input, BYTES_MAX);
    file->has_case = true;
}

static void add_key(const struct wire_file *file, struct wire_key *key, const char *text)
{
    size_t len = strcspn(text, " ");
    key->name = strndup(text, len);
    buffer_init(&key->value, BYTES_MAX);
    add_bytes(file, &key->value, text[len] == ' ' ? text + len + 1 : text + len);
    assert_non_null(buffer_text(&key->value));
}

static void read_line(struct wire_file *file, const char *text)
{
    struct wire_case *c = &file->current;
    if (*text == '\0' || *text == '#') {
        return;
    }
    if (strncmp(text, "-- ", 3) == 0) {
        begin_case(file, text + 3);
    } else if (!file->has_case) {
        spoilt(file, "a case begins with --");
    } else if (strncmp(text, ">>", 2) == 0) {
        add_bytes(file, &c->input, text[2] == ' ' ? text + 3 : text + 2);
    } else if (*text == '>') {
        add_bytes(file, &c->input, text[1] == ' ' ? text + 2 : text + 1);
        append(&c->input, "\r\n", 2);
    } else if (strncmp(text, "= ", 2) == 0 && c->outcome.name == NULL) {
        add_key(file, &c->outcome, text + 2);
    } else if (c->outcome.name == NULL || c->key_count == WIRE_KEYS_MAX) {
        spoilt(file, "expectations come behind the outcome, and not too many");
    } else {
        add_key(file, &c->keys[c->key_count], text);
        c->key_count++;
    }
}

static unsigned run_file(const char *path, wire_case_fn *run)
{
    struct wire_file file = {.path = path, .run = run};
    FILE *stream = fopen(path, "re");
    assert_non_null(stream);
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len = 0; (len = getline(&line, &cap, stream)) > 0;) {
        file.line++;
        if (line[len - 1] == '\n') {
            line[len - 1] = '\0';
        }
        read_line(&file, line);
    }
    end_case(&file);
    free(line);
    (void)fclose(stream); /* it was only read */
    return file.count;
}

static int is_case_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

unsigned wire_cases_run(const char *folder, wire_case_fn *run)
{
    char path[PATH_MAX_LEN];
    struct dirent **entries = NULL;
    unsigned cases = 0;
    (void)snprintf(path, sizeof path, "%s/cases/%s", TESTS_DIR, folder);
    int count = scandir(path, &entries, is_case_file, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/cases/%s/%s", TESTS_DIR, folder, entries[i]->d_name);
        cases += run_file(path, run);
        free(entries[i]);
    }
    free(entries);
    return cases;
}

const struct buffer *wire_case_take(struct wire_case *c, const char *name)
{
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!c->keys[i].is_used && strcmp(c->keys[i].name, name) == 0) {
            c->keys[i].is_used = true;
            return &c->keys[i].value;
        }
    }
    return NULL;
}

struct span wire_case_text(struct wire_case *c, const char *name, const char *otherwise)
{
    const struct buffer *value = wire_case_take(c, name);
    return value == NULL ? span_of(otherwise) : buffer_span(value);
}

uint64_t wire_case_number(struct wire_case *c, const char *name, uint64_t otherwise)
{
    const struct buffer *value = wire_case_take(c, name);
    return value == NULL ? otherwise : strtoull((const char *)value->data, NULL, 10);
}

bool wire_case_yes(struct wire_case *c, const char *name, bool otherwise)
{
    struct span value = wire_case_text(c, name, otherwise ? "yes" : "no");
    wire_check(c, span_is(value, "yes") || span_is(value, "no"), name);
    return span_is(value, "yes");
}

void wire_check(const struct wire_case *c, bool holds, const char *what)
{
    if (!holds) {
        print_error("%s:%u: %s: %s\n", c->file, c->line, c->name, what);
        fail();
    }
}

void wire_check_number(const struct wire_case *c, const char *what, int64_t got, int64_t expected)
{
    if (got != expected) {
        print_error("%s:%u: %s: %s is %lld, not %lld\n", c->file, c->line, c->name, what,
                    (long long)got, (long long)expected);
        fail();
    }
}

void wire_check_text(const struct wire_case *c, const char *what, struct span got,
                     struct span expected)
{
    if (got.len != expected.len || (got.len > 0 && memcmp(got.data, expected.data, got.len) != 0)) {
        print_error("%s:%u: %s: %s is \"%.*s\", not \"%.*s\"\n", c->file, c->line, c->name, what,
                    (int)got.len, (const char *)got.data, (int)expected.len,
                    (const char *)expected.data);
        fail();
    }
}
