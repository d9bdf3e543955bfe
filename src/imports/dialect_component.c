/* What a component says of itself, without an engine: the names in its outermost import and
 * export sections. See dialect.h.
 *
 * A component is, like a module, a row of sections: id, length in LEB128, bytes. Inner modules and
 * components are sections too and are stepped over, so names inside them do not count. */
#include <stddef.h>
#include <string.h>

#include "base/container.h"
#include "imports/dialect.h"

enum { HEADER_LEN = 8, SECTION_IMPORT = 10, SECTION_EXPORT = 11 };

static const struct {
    uint8_t section;
    const char *name;
    unsigned bit;
} marks[] = {
    {SECTION_EXPORT, "wasi:http/incoming-handler@", COMPONENT_HTTP_HANDLER},
    {SECTION_EXPORT, "wasi:http/handler@0.3", COMPONENT_HTTP_P3},
    {SECTION_EXPORT, "wasi:cli/run@", COMPONENT_COMMAND},
    {SECTION_EXPORT, "fermyon:spin/", COMPONENT_SPIN},
    {SECTION_IMPORT, "fermyon:spin/", COMPONENT_SPIN},
    {SECTION_IMPORT, "wasmcloud:", COMPONENT_WASMCLOUD},
    {SECTION_EXPORT, "wasmcloud:", COMPONENT_WASMCLOUD},
};

/* Read a 32-bit LEB128 number. 0 when the bytes end or it is too long, else its length. */
static size_t read_leb(struct span bytes, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes.len && i < 5; i++) {
        value |= (uint32_t)(bytes.data[i] & 0x7f) << (7 * i);
        if ((bytes.data[i] & 0x80) == 0) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

static unsigned marks_in(uint8_t section, struct span body)
{
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
        if (marks[i].section == section &&
            memmem(body.data, body.len, marks[i].name, strlen(marks[i].name)) != NULL) {
            bits |= marks[i].bit;
        }
    }
    return bits;
}

void dialect_describe_component(struct span bytes, struct dialect_report *ret_report)
{
    struct dialect_report report = {.form = MODULE_COMPONENT};
    size_t at = HEADER_LEN;
    while (at < bytes.len) {
        uint8_t section = bytes.data[at];
        uint32_t len = 0;
        size_t head = read_leb((struct span){bytes.data + at + 1, bytes.len - at - 1}, &len);
        if (head == 0 || len > bytes.len - at - 1 - head) {
            break; /* cut short: what has been read so far is still true */
        }
        at += 1 + head;
        report.component |= marks_in(section, (struct span){bytes.data + at, len});
        at += len;
    }
    *ret_report = report;
}
