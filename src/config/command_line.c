/* Table-driven parsing of command lines. See command_line.h. */
#include "config/command_line.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"

enum {
    NAME_MAX_LEN = 40, /* longer words are never taken for a mistyped name */
    NAMES_MAX = 64,    /* options of one command, aliases included */
    HELP_COLUMN = 28,  /* where the help sentences begin */
    HELP_WIDTH = 96,   /* columns of a help line */
    OPTIONS_MAX = 64,  /* bits in parse.seen */
};

/* One command line on its way through the parser. */
struct parse {
    const struct command *command;
    int argc;
    char **argv;
    int index; /* of the word that is looked at */
    char *fields;
    uint64_t seen; /* a bit per row of the table */
    struct error *err;
};

/* -- nearest name ----------------------------------------------------------------------------- */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make `a` of `b`. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NAME_MAX_LEN + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *now = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = min3(now[j], before[j - 2] + 1, SIZE_MAX);
            }
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_len];
}

const char *command_line_nearest(const char *typed, const char *const *names, size_t count)
{
    size_t typed_len = strnlen(typed, NAME_MAX_LEN + 1);
    if (typed_len == 0 || typed_len > NAME_MAX_LEN) {
        return NULL;
    }
    const char *best = NULL;
    size_t best_distance = typed_len / 3 + 2; /* past this it is no slip of the fingers */
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        assert(len <= NAME_MAX_LEN);
        size_t distance = edit_distance(typed, typed_len, names[i], len);
        if (typed_len >= 3 && strncmp(names[i], typed, typed_len) == 0) {
            distance = 1; /* begun and not finished */
        }
        /* A word with nothing in common is as far from a short name as it is long. */
        if (distance < best_distance && distance < len) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

/* What other hosts call the same thing. */
static const char *name_elsewhere(const char *typed)
{
    static const struct {
        const char *elsewhere;
        const char *here;
    } rows[] = {
        {"mapdir", "dir"},         {"volume", "dir"},      {"preopen", "dir"},
        {"listenfd", "tcplisten"}, {"threads", "workers"}, {"memory", "max-memory"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(typed, rows[i].elsewhere) == 0) {
            return rows[i].here;
        }
    }
    return NULL;
}

static const char *nearest_option(const struct command *command, const char *typed)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    const char *elsewhere = name_elsewhere(typed);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        assert(count + 2 <= NAMES_MAX);
        names[count++] = option->name;
        if (option->alias != NULL) {
            names[count++] = option->alias;
        }
        if (elsewhere != NULL && strcmp(option->name, elsewhere) == 0) {
            return option->name;
        }
    }
    return command_line_nearest(typed, names, count);
}

/* -- parsing ---------------------------------------------------------------------------------- */

static bool name_is(const char *name, const char *word, size_t len)
{
    return name != NULL && strlen(name) == len && memcmp(name, word, len) == 0;
}

static const struct option *find_long(const struct command *command, const char *word, size_t len)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        if (name_is(option->name, word, len) || name_is(option->alias, word, len)) {
            return option;
        }
    }
    return NULL;
}

static const struct option *find_short(const struct command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter && letter != 0) {
            return &command->options[i];
        }
    }
    return NULL;
}

/* Tell whether a word reads as one of the command's options, so that a forgotten value shows. */
static bool is_option_word(const struct command *command, const char *word)
{
    if (strcmp(word, "--") == 0) {
        return true;
    }
    if (strncmp(word, "--", 2) != 0) {
        return false;
    }
    return find_long(command, word + 2, strcspn(word + 2, "=")) != NULL;
}

static int fail_unknown(const struct parse *p, const char *word, const char *typed)
{
    const char *nearest = nearest_option(p->command, typed);
    if (nearest != NULL) {
        return error_set(p->err, -EINVAL, "unknown option '%s'; did you mean --%s?", word, nearest);
    }
    return error_set(p->err, -EINVAL, "unknown option '%s'; 'hythe help %s' lists them all", word,
                     p->command->name);
}

/* Hand an option its value, `attached` to it or the next word. */
static int apply(struct parse *p, const struct option *option, const char *attached)
{
    uint64_t bit = UINT64_C(1) << (option - p->command->options);
    const char *value = attached;
    if (option->placeholder == NULL && attached != NULL) {
        return error_set(p->err, -EINVAL, "option --%s takes no value", option->name);
    }
    if (option->placeholder != NULL && attached == NULL) {
        const char *next = p->index + 1 < p->argc ? p->argv[p->index + 1] : NULL;
        if (next == NULL || is_option_word(p->command, next)) {
            return error_set(p->err, -EINVAL, "option --%s needs a value: --%s %s", option->name,
                             option->name, option->placeholder);
        }
        value = next;
        p->index++;
    }
    if (option->placeholder != NULL && !option->is_repeatable && (p->seen & bit) != 0) {
        return error_set(p->err, -EINVAL, "option --%s is given twice; give it once", option->name);
    }
    p->seen |= bit;
    int r = option->parse(value, p->fields + option->field, p->err);
    if (r == -ENOMEM) {
        return error_set(p->err, r, "out of memory while reading the command line");
    }
    return r < 0 ? error_wrap(p->err, "option --%s", option->name) : 0;
}

/* Read one word that begins with a dash. */
static int parse_option(struct parse *p, const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return COMMAND_LINE_HELP;
    }
    if (word[1] != '-') {
        const struct option *option = find_short(p->command, word[1]);
        if (option == NULL) {
            return fail_unknown(p, word, word + 1);
        }
        return apply(p, option, word[2] == '\0' ? NULL : word + 2);
    }
    size_t len = strcspn(word + 2, "=");
    const struct option *option = find_long(p->command, word + 2, len);
    if (option == NULL) {
        char typed[NAME_MAX_LEN + 2];
        (void)snprintf(typed, sizeof typed, "%.*s", (int)(len > NAME_MAX_LEN ? 0 : len), word + 2);
        return fail_unknown(p, word, typed);
    }
    return apply(p, option, word[2 + len] == '=' ? word + 2 + len + 1 : NULL);
}

static int check_operands(const struct parse *p, const struct operands *operands)
{
    const struct command *command = p->command;
    if (operands->count < command->operand_min) {
        return error_set(p->err, -EINVAL, "no module given; usage: hythe %s %s", command->name,
                         command->operands);
    }
    if (operands->count > command->operand_max) {
        return error_set(p->err, -EINVAL, "'%s' is one argument too many; see 'hythe help %s'",
                         operands->items[command->operand_max], command->name);
    }
    return 0;
}

/* Read all words. Operands found between options move to the front, to argv[1] and on: fewer than
 * were read, so nothing unread is overwritten. */
static int parse_words(struct parse *p, struct operands *ret_operands)
{
    int count = 0;
    bool is_ended = false;
    for (p->index = 1; p->index < p->argc; p->index++) {
        char *word = p->argv[p->index];
        bool is_operand = is_ended || word[0] != '-' || word[1] == '\0';
        if (is_operand && p->command->is_guest_after) {
            break;
        }
        if (is_operand) {
            p->argv[1 + count] = word;
            count++;
        } else if (strcmp(word, "--") == 0) {
            is_ended = true;
        } else {
            int r = parse_option(p, word);
            if (r != 0) {
                return r;
            }
        }
    }
    *ret_operands = (struct operands){p->argv + 1, count};
    if (p->command->is_guest_after) {
        *ret_operands = (struct operands){p->argv + p->index, p->argc - p->index};
    }
    return check_operands(p, ret_operands);
}

int command_line_parse(const struct command *command, int argc, char **argv, void *fields,
                       struct operands *ret_operands, struct error *err)
{
    assert(command->option_count <= OPTIONS_MAX);
    struct parse p = {.command = command, .argc = argc, .argv = argv, .fields = fields, .err = err};
    struct operands operands = {0};
    int r = parse_words(&p, &operands);
    if (r < 0) {
        (void)error_set_exit(err, 2); /* returns the code we already have */
        return r;
    }
    *ret_operands = operands;
    return r;
}

/* -- help ------------------------------------------------------------------------------------- */

/* Write words from `column` on, breaking lines before HELP_WIDTH; the first line is begun. */
static void write_wrapped(FILE *out, const char *text, int column)
{
    int at = column;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (at > column && at + 1 + len > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fprintf(out, "%.*s", len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

static void write_option(const struct option *option, FILE *out)
{
    char head[128];
    const char *value = option->placeholder != NULL ? option->placeholder : "";
    const char *gap = option->placeholder != NULL ? " " : "";
    char letter[8] = "";
    if (option->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    int len = snprintf(head, sizeof head, "  %s--%s%s%s", letter, option->name, gap, value);
    assert(len > 0 && (size_t)len < sizeof head);
    (void)fputs(head, out);
    if (len + 2 > HELP_COLUMN) {
        (void)fputc('\n', out);
        len = 0;
    }
    (void)fprintf(out, "%*s", HELP_COLUMN - len, "");
    write_wrapped(out, option->help, HELP_COLUMN);
}

void command_line_help(const struct command *command, FILE *out)
{
    (void)fprintf(out, "hythe %s: %s\n\nUsage: hythe %s%s%s\n\n", command->name, command->summary,
                  command->name, command->operands[0] != '\0' ? " " : "", command->operands);
    write_wrapped(out, command->about, 0);
    const char *section = "";
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *option = &command->options[i];
        if (strcmp(section, option->section) != 0) {
            section = option->section;
            (void)fprintf(out, "\n%s:\n", section);
        }
        write_option(option, out);
    }
    (void)fprintf(out, "\nExamples:\n%s", command->examples);
}
