/* Printing host calls. See trace.h.
 *
 * How an argument is printed follows from its name in the function's row: a kind from the table
 * below, a number when it is in none. "ret_x" is an address that the function writes to: it is
 * left out of the arguments, and after a success what stands there is printed as x. "x" before
 * "x_len" is an address and a length: text is quoted, other bytes are counted. */
#include "host/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "imports/wasi_snapshot_preview1/abi.h"

enum { LINE_MAX_LEN = 2048, NAME_LEN = 32, TEXT_SHOWN = 200 };

enum arg_kind { ARG_NUMBER, ARG_SIGNED, ARG_ADDRESS, ARG_TEXT, ARG_IOVECS, ARG_ENUM, ARG_BITS };

struct arg_style {
    const char *name;
    enum arg_kind kind;
    const char *words; /* of ARG_ENUM and ARG_BITS, separated by spaces */
};

static const struct arg_style styles[] = {
    {"path", ARG_TEXT, NULL},
    {"url", ARG_TEXT, NULL},
    {"method", ARG_TEXT, NULL},
    {"headers", ARG_TEXT, NULL},
    {"name", ARG_TEXT, NULL},
    {"old_path", ARG_TEXT, NULL},
    {"new_path", ARG_TEXT, NULL},
    {"node", ARG_TEXT, NULL},
    {"service", ARG_TEXT, NULL},
    {"iovs", ARG_IOVECS, NULL},
    {"ri_data", ARG_IOVECS, NULL},
    {"si_data", ARG_IOVECS, NULL},
    {"in", ARG_ADDRESS, NULL},
    {"out", ARG_ADDRESS, NULL},
    {"buf", ARG_ADDRESS, NULL},
    {"address", ARG_ADDRESS, NULL},
    {"argv", ARG_ADDRESS, NULL},
    {"argv_buf", ARG_ADDRESS, NULL},
    {"environ", ARG_ADDRESS, NULL},
    {"environ_buf", ARG_ADDRESS, NULL},
    {"offset", ARG_SIGNED, NULL},
    {"id", ARG_ENUM, "REALTIME MONOTONIC PROCESS_CPUTIME THREAD_CPUTIME"},
    {"whence", ARG_ENUM, "SET CUR END"},
    {"advice", ARG_ENUM, "NORMAL SEQUENTIAL RANDOM WILLNEED DONTNEED NOREUSE"},
    {"fdflags", ARG_BITS, "APPEND DSYNC NONBLOCK RSYNC SYNC"},
    {"flags", ARG_BITS, "APPEND DSYNC NONBLOCK RSYNC SYNC"},
    {"oflags", ARG_BITS, "CREAT DIRECTORY EXCL TRUNC"},
    {"lookupflags", ARG_BITS, "SYMLINK_FOLLOW"},
    {"dirflags", ARG_BITS, "SYMLINK_FOLLOW"},
    {"old_flags", ARG_BITS, "SYMLINK_FOLLOW"},
    {"fst_flags", ARG_BITS, "ATIM ATIM_NOW MTIM MTIM_NOW"},
    {"riflags", ARG_BITS, "PEEK WAITALL"},
    {"ri_flags", ARG_BITS, "PEEK WAITALL"},
    {"how", ARG_BITS, "RD WR"},
};

/* What a function writes, by the name behind "ret_"; the others are u32. */
static const struct {
    const char *name;
    uint32_t size; /* bytes */
} result_sizes[] = {
    {"time", 8}, {"resolution", 8}, {"newoffset", 8}, {"offset", 8}, {"status", 2}, {"roflags", 2},
};

/* Interfaces whose answers are numbers of their own and not WASI's. */
static const char *const numbered[] = {
    "req", "close", "header_get", "headers_get_all", "header_get_all", "body_read",
};

/* The line being written. */
struct line {
    char text[LINE_MAX_LEN];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line->text + line->len, sizeof line->text - line->len, format, args);
    va_end(args);
    if (len > 0) {
        line->len += (size_t)len;
    }
    if (line->len >= sizeof line->text) {
        line->len = sizeof line->text - 1; /* cut, on purpose */
    }
}

static const struct arg_style *style_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(styles); i++) {
        if (strcmp(styles[i].name, name) == 0) {
            return &styles[i];
        }
    }
    return NULL;
}

/* Find the n-th word; gives its length, 0 when there are fewer. */
static int nth_word(const char **words, uint64_t n)
{
    const char *at = *words;
    for (; n > 0 && at != NULL; n--) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL) {
        return 0;
    }
    *words = at;
    return (int)strcspn(at, " ");
}

static void put_bits(struct line *line, const char *all_words, uint64_t value)
{
    const char *gap = "";
    if (value == 0) {
        put(line, "0");
    }
    for (unsigned bit = 0; bit < 64 && value >> bit != 0; bit++) {
        const char *word = all_words;
        if ((value >> bit & 1) == 0) {
            continue;
        }
        int len = nth_word(&word, bit);
        if (len > 0) {
            put(line, "%s%.*s", gap, len, word);
        } else {
            put(line, "%s0x%" PRIx64, gap, (uint64_t)1 << bit);
        }
        gap = "|";
    }
}

static void put_bytes(struct line *line, struct span text)
{
    put(line, "\"");
    for (size_t i = 0; i < text.len && i < TEXT_SHOWN; i++) {
        uint8_t c = text.data[i];
        if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f) {
            put(line, "%c", c);
        } else {
            put(line, "\\x%02x", c);
        }
    }
    put(line, text.len > TEXT_SHOWN ? "\"..." : "\"");
}

static void put_text(struct line *line, const struct call *call, uint32_t address, uint32_t len)
{
    struct span text;
    if (call_span(call, address, len, &text) < 0) {
        put(line, "0x%" PRIx32 " (outside memory)", address);
        return;
    }
    put_bytes(line, text);
}

static void put_iovecs(struct line *line, const struct call *call, uint32_t address, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = 0;
        uint64_t at = (uint64_t)address + (uint64_t)i * WASI_IOVEC_SIZE + 4;
        if (at > UINT32_MAX || call_read_u32(call, (uint32_t)at, &len) < 0) {
            put(line, "0x%" PRIx32 " (outside memory)", address);
            return;
        }
        total += len;
    }
    put(line, "[%" PRIu64 " bytes in %" PRIu32 "]", total, count);
}

/* Print argument `index` by its style. */
static void put_arg(struct line *line, const struct call *call, const char *name, unsigned index)
{
    const struct arg_style *style = style_of(name);
    bool is_wide = call->func->params[index] == 'I';
    uint64_t value = is_wide ? call_u64(call, index) : call_u32(call, index);
    bool has_next = call->func->params[index + 1] != '\0';
    const char *word = style != NULL ? style->words : NULL;
    int len = 0;
    switch (style != NULL ? style->kind : ARG_NUMBER) {
    case ARG_SIGNED:
        put(line, "%" PRId64, is_wide ? (int64_t)value : (int64_t)(int32_t)value);
        break;
    case ARG_ADDRESS:
        put(line, "0x%" PRIx64, value);
        break;
    case ARG_TEXT:
        put_text(line, call, (uint32_t)value, has_next ? call_u32(call, index + 1) : 0);
        break;
    case ARG_IOVECS:
        put_iovecs(line, call, (uint32_t)value, has_next ? call_u32(call, index + 1) : 0);
        break;
    case ARG_ENUM:
        len = nth_word(&word, value);
        if (len > 0) {
            put(line, "%.*s", len, word);
        } else {
            put(line, "%" PRIu64, value);
        }
        break;
    case ARG_BITS:
        put_bits(line, word, value);
        break;
    case ARG_NUMBER:
        put(line, "%" PRIu64, value);
        break;
    }
}

/* Copy the next name of a row's list; false at its end. */
static bool next_name(const char **names, char name[NAME_LEN])
{
    const char *at = *names + strspn(*names, " ");
    size_t len = strcspn(at, " ");
    if (len == 0) {
        return false;
    }
    (void)snprintf(name, NAME_LEN, "%.*s", (int)len, at);
    *names = at + len;
    return true;
}

static void put_args(struct line *line, const struct call *call)
{
    const char *names = call->func->args;
    const char *gap = "";
    char name[NAME_LEN];
    for (unsigned i = 0; call->func->params[i] != '\0' && next_name(&names, name); i++) {
        size_t len = strlen(name);
        bool is_shown_before = len > 4 && strcmp(name + len - 4, "_len") == 0 && i > 0;
        if (strncmp(name, "ret_", 4) == 0 || (is_shown_before && strcmp(name, "buf_len") != 0)) {
            continue;
        }
        put(line, "%s%s=", gap, name);
        put_arg(line, call, name, i);
        gap = ", ";
    }
}

static void put_result(struct line *line, const struct call *call, const char *name, uint32_t at)
{
    uint64_t value = 0;
    uint32_t size = sizeof(uint32_t);
    for (size_t i = 0; i < ARRAY_COUNT(result_sizes); i++) {
        if (strcmp(result_sizes[i].name, name) == 0) {
            size = result_sizes[i].size;
        }
    }
    if (call_read(call, at, &value, size) == 0) {
        put(line, " %s=%" PRIu64, name, value);
    }
}

static void put_results(struct line *line, const struct call *call)
{
    const char *names = call->func->args;
    char name[NAME_LEN];
    for (unsigned i = 0; call->func->params[i] != '\0' && next_name(&names, name); i++) {
        if (strncmp(name, "ret_", 4) == 0) {
            put_result(line, call, name + 4, call_u32(call, i));
        }
    }
}

static void put_answer(struct line *line, const struct call *call, int32_t answer)
{
    for (size_t i = 0; i < ARRAY_COUNT(numbered); i++) {
        if (strcmp(call->func->name, numbered[i]) == 0) {
            put(line, ") = %" PRId32, answer);
            return;
        }
    }
    put(line, ") = %s", wasi_errno_name(answer));
}

void trace_call(const struct call *call, int32_t answer)
{
    struct line line = {.len = 0};
    put(&line, "%s(", call->func->name);
    put_args(&line, call);
    if (answer == CALL_WAIT) {
        put(&line, ") waits");
    } else if (answer == CALL_TRAP) {
        put(&line, ") ends the guest");
    } else {
        put_answer(&line, call, answer);
    }
    if (answer == WASI_ESUCCESS) {
        put_results(&line, call);
    }
    log_line("%s", line.text);
}

/* -- components ------------------------------------------------------------------------------- */

static void put_component_arg(struct line *line, const char *name,
                              const union component_value *value)
{
    size_t len = strlen(name);
    char kind = name[len - 1];
    if (kind == '$' || kind == '*') {
        put(line, "%.*s=", (int)len - 1, name);
        put_bytes(line, value->bytes);
    } else {
        put(line, "%s=%" PRIu64, name, value->number);
    }
}

void trace_component_call(const struct component_call *call, int32_t answer)
{
    struct line line = {.len = 0};
    const char *names = call->func->args;
    char name[NAME_LEN];
    put(&line, "%s(", call->func->name);
    for (unsigned i = 0; names != NULL && next_name(&names, name); i++) {
        put(&line, "%s", i > 0 ? ", " : "");
        put_component_arg(&line, name, &call->args[i]);
    }
    if (answer == CALL_WAIT) {
        put(&line, ") waits");
    } else if (answer == CALL_TRAP) {
        put(&line, ") ends the guest");
    } else if (call->results[0].bytes.len > 0) { /* bytes, a string or a list */
        put(&line, ") = [%zu]", call->results[0].bytes.len);
    } else {
        put(&line, ") = %" PRIu64, call->results[0].number);
    }
    log_line("%s", line.text);
}
