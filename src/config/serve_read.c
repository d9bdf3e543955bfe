/* From a text to a configuration: the walk through its tables, and what is wrong with it.
 *
 * A text that is no TOML is refused at once. Otherwise all its keys are read, each by its row in
 * serve_keys.c, and what is wrong with each is noted: one line "FILE:LINE:COLUMN: ..." per fault. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/command_line.h"
#include "config/serve_keys.h"
#include "config/serve_route.h"
#include "config/serve_values.h"

enum {
    WRONG_SHOWN = 10,
    MESSAGE_MAX = 512,
    LINES_MAX = 64 << 10,
    FILE_MAX = 1 << 20, /* as the crate has it */
    NAMES_MAX = 64,
};

/* -- what is wrong ---------------------------------------------------------------------------- */

/* FILE:LINE:COLUMN, as far as these are known. */
static int write_place(struct serve_reader *reader, struct serve_place place)
{
    if (reader->file == NULL) {
        return 0;
    }
    if (place.line == 0) {
        return buffer_printf(&reader->lines, "%s: ", reader->file);
    }
    return buffer_printf(&reader->lines, "%s:%u:%u: ", reader->file, place.line, place.column);
}

int serve_refuse(struct serve_reader *reader, struct serve_place place, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args); /* too long is cut, on purpose */
    va_end(args);
    reader->wrong_count++;
    if (reader->wrong_count > WRONG_SHOWN) {
        return -EINVAL;
    }
    int r = reader->lines.len > 0 ? buffer_printf(&reader->lines, "\n") : 0;
    if (r == 0) {
        r = write_place(reader, place);
    }
    if (r == 0) {
        r = buffer_printf(&reader->lines, "%s", message);
    }
    return r == -ENOMEM ? r : -EINVAL;
}

int serve_reader_end(struct serve_reader *reader, int r, struct error *err)
{
    if (r == -ENOMEM) {
        (void)error_set(err, r, "out of memory while reading %s", /* r is returned below */
                        reader->file != NULL ? reader->file : "the configuration");
    } else if (reader->wrong_count > 0) {
        const char *lines = buffer_text(&reader->lines);
        uint32_t more = reader->wrong_count > WRONG_SHOWN ? reader->wrong_count - WRONG_SHOWN : 0;
        r = -EINVAL;
        if (more > 0) {
            (void)error_set(err, r, "%s\nand %u more", lines != NULL ? lines : "", more);
        } else {
            (void)error_set(err, r, "%s", lines != NULL ? lines : "out of memory");
        }
    }
    if (r < 0) {
        (void)error_set_exit(err, r == -ENOMEM ? 1 : 2); /* returns the code we already have */
    }
    buffer_done(&reader->lines);
    return r;
}

static void on_toml_error(void *env, struct serve_place place, const char *message)
{
    char quoted[256];
    size_t len = 0;
    for (; len < sizeof quoted - 1 && message[len] != '\0'; len++) {
        quoted[len] = (unsigned char)message[len] < 0x20 ? ' ' : message[len];
    }
    quoted[len] = '\0';
    (void)serve_refuse(env, place, "%s", quoted); /* reading fails in any case */
}

/* -- unknown keys ----------------------------------------------------------------------------- */

/* How a table is written: "[limits]", "[[route]]", or what stands at the top. */
static const char *table_words(const struct serve_table *table, char words[64])
{
    bool is_list = table->read_item != NULL;
    if (table->name[0] == '\0') {
        return "at the top of the file";
    }
    (void)snprintf(words, 64, "in %s%s%s", is_list ? "[[" : "[", table->name, is_list ? "]]" : "]");
    return words;
}

static size_t add_names(const struct serve_table *table, const char **names, size_t count)
{
    for (size_t i = 0; table != NULL && i < table->key_count; i++) {
        assert(count < NAMES_MAX);
        names[count] = table->keys[i].name;
        count++;
    }
    return count;
}

/* The table at this level that a key may name: "tls" at the top, "certificates" in tls. */
static const struct serve_table *table_within(const struct serve_table *table, const char *name)
{
    char path[96];
    const char *dot = table->name[0] != '\0' ? "." : "";
    int len = snprintf(path, sizeof path, "%s%s%s", table->name, dot, name);
    if (name[0] == '\0' || len >= (int)sizeof path) {
        return NULL;
    }
    const struct serve_table *found = serve_table_find(path);
    bool is_dotted = found != NULL && strchr(name, '.') != NULL; /* a quoted key */
    return is_dotted ? NULL : found;
}

/* The names of the tables at this level. */
static size_t add_tables_within(const struct serve_table *table, const char **names, size_t count)
{
    for (int id = 0; id < SERVE_TABLE_COUNT; id++) {
        const char *path = serve_table((enum serve_table_id)id)->name;
        const char *dot = strrchr(path, '.');
        const char *name = dot != NULL ? dot + 1 : path;
        if (table_within(table, name) == serve_table((enum serve_table_id)id)) {
            assert(count < NAMES_MAX);
            names[count] = name;
            count++;
        }
    }
    return count;
}

/* The table that has a key of this name. */
static const struct serve_table *table_with_key(const char *name)
{
    for (int id = 0; id < SERVE_TABLE_MODULE; id++) { /* WAGI's keys are no hint here */
        const struct serve_table *table = serve_table((enum serve_table_id)id);
        if (serve_key_find(table, name) != NULL) {
            return table;
        }
    }
    return NULL;
}

int serve_refuse_key(struct serve_reader *reader, const struct serve_target *target,
                     const struct toml_value *value)
{
    const char *names[NAMES_MAX];
    char quoted[SERVE_QUOTE_MAX];
    char here[64];
    char there[64];
    if (reader->wrong_count >= WRONG_SHOWN) {
        reader->wrong_count++; /* looking for the nearest would take a while */
        return -EINVAL;
    }
    size_t count = add_names(target->table, names, 0);
    count = add_names(target->more, names, count);
    count = add_tables_within(target->table, names, count);
    const struct serve_table *elsewhere = table_with_key(value->key);
    const char *nearest = command_line_nearest(value->key, names, count);
    const char *where = table_words(target->table, here);
    (void)serve_quote(value->key, quoted);
    if (elsewhere != NULL) {
        return serve_refuse(reader, value->key_place, "unknown key '%s' %s; it belongs %s", quoted,
                            where, table_words(elsewhere, there));
    }
    if (nearest != NULL) {
        return serve_refuse(reader, value->key_place, "unknown key '%s' %s; did you mean '%s'?",
                            quoted, where, nearest);
    }
    return serve_refuse(reader, value->key_place, "unknown key '%s' %s; hythe.toml(5) lists all",
                        quoted, where);
}

/* -- the walk --------------------------------------------------------------------------------- */

static int read_value(struct serve_reader *reader, const struct serve_target *target,
                      const struct toml_value *value)
{
    const struct serve_key *key = serve_key_find(target->table, value->key);
    if (key != NULL) {
        return key->read(reader, key, value, (char *)target->base + key->field);
    }
    key = target->more != NULL ? serve_key_find(target->more, value->key) : NULL;
    if (key != NULL) {
        *target->more_given |= UINT64_C(1) << (key - target->more->keys);
        return key->read(reader, key, value, (char *)target->more_base + key->field);
    }
    if (table_within(target->table, value->key) != NULL) {
        return 0;
    }
    return serve_refuse_key(reader, target, value);
}

int serve_read_keys(struct serve_reader *reader, const struct serve_target *target,
                    const struct toml_value *table)
{
    for (const struct toml_value *value = table->first; value != NULL; value = value->next) {
        int r = read_value(reader, target, value);
        if (r == -ENOMEM) {
            return r;
        }
    }
    return 0;
}

static int read_items(struct serve_reader *reader, const struct serve_table *table,
                      const struct toml_value *list)
{
    if (list->type != TOML_ARRAY) {
        return serve_refuse(reader, list->key_place,
                            "there may be more than one %s; write [[%s]] with two brackets",
                            table->name, table->name);
    }
    for (const struct toml_value *item = list->first; item != NULL; item = item->next) {
        int r = item->type == TOML_TABLE
                    ? table->read_item(reader, item)
                    : serve_refuse(reader, item->place, "%s is a list of tables, not of %s",
                                   table->name, toml_type_name(item->type));
        if (r == -ENOMEM) {
            return r;
        }
    }
    return 0;
}

static int read_table(struct serve_reader *reader, const struct serve_table *table,
                      const struct toml_value *value)
{
    if (table->read_item != NULL) {
        return read_items(reader, table, value);
    }
    if (value->type != TOML_TABLE) {
        return serve_refuse(reader, value->key_place, "%s is a table: [%s]", table->name,
                            table->name);
    }
    const struct serve_target target = {.table = table,
                                        .base = (char *)reader->config + table->field};
    return serve_read_keys(reader, &target, value);
}

static int read_tables_of(struct serve_reader *reader, const struct serve_table *owner,
                          const struct toml_value *value)
{
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        const struct serve_table *table = table_within(owner, item->key);
        int r = table != NULL ? read_table(reader, table, item) : 0;
        if (r == -ENOMEM) {
            return r;
        }
    }
    return 0;
}

int serve_read_root(struct serve_reader *reader, const struct toml_value *root)
{
    const struct serve_table *top = serve_table(SERVE_TABLE_TOP);
    const struct serve_target target = {.table = top, .base = reader->config};
    int r = serve_read_keys(reader, &target, root);
    if (r == 0) {
        r = read_tables_of(reader, top, root);
    }
    const struct toml_value *tls = toml_get(root, "tls");
    if (r == 0 && tls != NULL && tls->type == TOML_TABLE) {
        r = read_tables_of(reader, serve_table(SERVE_TABLE_TLS), tls);
    }
    return r == 0 ? serve_routes_compare(reader) : r;
}

/* -- texts and files -------------------------------------------------------------------------- */

int serve_config_parse(struct serve_config *config, const char *path, const char *text, size_t len,
                       struct error *err)
{
    struct serve_reader reader = {.config = config, .file = path};
    struct toml_value *root = NULL;
    buffer_init(&reader.lines, LINES_MAX);
    int r = serve_set_text(&config->path, path);
    if (r == 0) {
        r = toml_parse(text, len, on_toml_error, &reader, &root);
    }
    if (r == 0) {
        r = serve_read_root(&reader, root);
    }
    toml_free(root);
    return serve_reader_end(&reader, r, err);
}

/* All of a file into memory; one byte more than is allowed, so that the crate says what is wrong. */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
    size_t cap = FILE_MAX + 1;
    char *text = malloc(cap);
    if (text == NULL) {
        return -ENOMEM;
    }
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, text + len, cap - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int r = -errno;
            free(text);
            return r;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    *ret_text = text;
    *ret_len = len;
    return 0;
}

static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without writers is empty */
    if (fd < 0) {
        return -errno;
    }
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0) {
        r = S_ISDIR(st.st_mode) ? -EISDIR : read_all(fd, ret_text, ret_len);
    }
    (void)close(fd); /* was only read */
    return r;
}

int serve_config_read(struct serve_config *config, const char *path, struct error *err)
{
    char *text = NULL;
    size_t len = 0;
    int r = read_file(path, &text, &len);
    if (r < 0) {
        (void)error_set_errno(err, r, "cannot read %s", path); /* r is returned below */
        (void)error_set_exit(err, r == -ENOENT ? 127 : 126);
        return r;
    }
    r = serve_config_parse(config, path, text, len, err);
    free(text);
    return r;
}
