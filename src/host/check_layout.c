/* Labels and lines. See check_layout.h. */
#include "host/check_layout.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_WIDTH = 96 };

void write_label(FILE *out, const char *label)
{
    (void)fprintf(out, "  %-*s", LABEL_WIDTH, label);
}

struct columns columns_at_label(FILE *out)
{
    return (struct columns){out, 2 + LABEL_WIDTH, 2 + LABEL_WIDTH};
}

struct columns columns_at_title(FILE *out)
{
    return (struct columns){out, 4 + TITLE_WIDTH + 6, 4 + TITLE_WIDTH + 6};
}

void begin_word(struct columns *columns, const char *between, int len)
{
    bool is_first = columns->at == columns->indent;
    int gap = (int)strlen(between);
    if (!is_first && columns->at + gap + 1 + len > LINE_WIDTH) {
        (void)fprintf(columns->out, "%s\n%*s", between, columns->indent, "");
        columns->at = columns->indent;
    } else if (!is_first) {
        (void)fprintf(columns->out, "%s ", between);
        columns->at += gap + 1;
    }
    columns->at += len;
}

int shown_len(const char *name)
{
    return (int)strnlen(name, LINE_WIDTH);
}

void write_wrapped(FILE *out, const char *text, int indent)
{
    struct columns columns = {out, indent, indent};
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        begin_word(&columns, "", len);
        (void)fprintf(out, "%.*s", len, text);
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}
