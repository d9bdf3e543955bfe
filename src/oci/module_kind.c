/* Telling entry points apart. See module_kind.h.
 *
 * A binary module is a head of 8 bytes and sections; only those of imports and exports are read. In
 * them names are looked for as they are encoded, behind their lengths: what else they mean is told
 * when the module is loaded, inside the container. */
#include "oci/module_kind.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/container.h"
#include "base/span.h"
#include "base/text.h"

enum {
    HEAD_LEN = 64,
    SECTIONS_MAX = 10000,
    SECTION_MAX = 16 << 20, /* bytes of one that is looked into */
    SEARCH_MAX = 64 << 20,  /* bytes of a file that is searched as a whole */
    SEARCH_PIECE = 64 << 10,
    SECTION_HEAD_MAX = 6, /* its number, and its length as a LEB128 of 32 bits */
    CORE_IMPORTS = 2,
    CORE_EXPORTS = 7,
    COMPONENT_EXPORTS = 11,
    ELF_OSABI = 7,            /* offset */
    ELF_OSABI_WASMTIME = 200, /* how the engine marks the machine code that it makes */
};

static bool has(struct span text, const char *name)
{
    return text.len > 0 && memmem(text.data, text.len, name, strlen(name)) != NULL;
}

/* Fill `into` from `offset` on as far as the file goes; how much that is, or a negative errno. */
static ssize_t read_at(int fd, uint8_t *into, size_t len, uint64_t offset)
{
    size_t have = 0;
    while (have < len && offset <= INT64_MAX - have) {
        ssize_t got = pread(fd, into + have, len - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* -- binary modules --------------------------------------------------------------------------- */

/* Read a LEB128 of 32 bits; the bytes that it has, or 0 when it is none. */
static size_t read_leb(struct span bytes, uint32_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len && i < 5; i++) {
        value |= (uint64_t)(bytes.data[i] & 0x7f) << (7 * i);
        if ((bytes.data[i] & 0x80) == 0) {
            *ret_value = (uint32_t)value;
            return value <= UINT32_MAX ? i + 1 : 0;
        }
    }
    return 0;
}

/* The names are as they stand in a section: a byte that is their length, then themselves. */
static void look_at_section(struct module_kind *kind, uint8_t id, struct span body)
{
    if (kind->form == KIND_COMPONENT) {
        if (id == COMPONENT_EXPORTS) {
            kind->serves_http = kind->serves_http || has(body, "wasi:http/incoming-handler");
        }
    } else if (id == CORE_IMPORTS) {
        kind->accepts = has(body, "\x0bsock_accept");
        kind->opens = has(body, "\x09sock_open") || has(body, "\x0csock_open_v2");
    } else if (id == CORE_EXPORTS) {
        kind->has_routes = has(body, "\x07_routes");
    }
}

static bool is_looked_at(const struct module_kind *kind, uint8_t id)
{
    return kind->form == KIND_COMPONENT ? id == COMPONENT_EXPORTS
                                        : id == CORE_IMPORTS || id == CORE_EXPORTS;
}

static void read_section(int fd, struct module_kind *kind, uint8_t id, uint64_t offset,
                         uint32_t len)
{
    struct buffer body;
    buffer_init(&body, SECTION_MAX);
    if (buffer_reserve(&body, len) == 0) {
        ssize_t got = read_at(fd, body.data, len, offset);
        body.len = got > 0 ? (size_t)got : 0;
        look_at_section(kind, id, buffer_span(&body));
    }
    buffer_done(&body);
}

static void read_sections(int fd, struct module_kind *kind)
{
    uint64_t offset = 8;
    for (int i = 0; i < SECTIONS_MAX; i++) {
        uint8_t head[SECTION_HEAD_MAX];
        uint32_t len = 0;
        ssize_t got = read_at(fd, head, sizeof head, offset);
        size_t leb_len =
            got > 1 ? read_leb((struct span){head + 1, (size_t)got - 1}, &len) : (size_t)0;
        if (leb_len == 0) {
            return;
        }
        offset += 1 + leb_len;
        if (len > 0 && is_looked_at(kind, head[0])) {
            read_section(fd, kind, head[0], offset, len);
        }
        offset += len;
    }
}

/* -- all others ------------------------------------------------------------------------------- */

static void look_at_text(struct module_kind *kind, struct span text)
{
    kind->accepts = kind->accepts || has(text, "sock_accept");
    kind->opens = kind->opens || has(text, "sock_open");
    kind->has_routes = kind->has_routes || has(text, "_routes");
    kind->serves_http = kind->serves_http || has(text, "wasi:http/incoming-handler");
}

/* Read piece by piece; each begins with the end of the one before, where a name may be cut. */
static void search(int fd, struct module_kind *kind)
{
    enum { OVERLAP = 64 };
    uint8_t piece[SEARCH_PIECE];
    uint64_t offset = 0;
    ssize_t got = 0;
    do {
        got = read_at(fd, piece, sizeof piece, offset);
        if (got > 0) {
            look_at_text(kind, (struct span){piece, (size_t)got});
        }
        offset += sizeof piece - OVERLAP;
    } while (got == (ssize_t)sizeof piece && offset < SEARCH_MAX);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool begins_with_word(struct span line, const char *word)
{
    size_t len = strlen(word);
    return line.len > len && memcmp(line.data, word, len) == 0 &&
           (is_blank(line.data[len]) || line.data[len] == '=' || line.data[len] == ']');
}

/* Does hythe.toml say where to listen? The line tells, wherever it stands: a wrong guess costs the
 * default address. */
static void look_for_listener(int fd, struct module_kind *kind)
{
    struct buffer text;
    buffer_init(&text, SECTION_MAX);
    struct span rest = {0};
    if (buffer_reserve(&text, 1 << 20) == 0) {
        ssize_t got = read_at(fd, text.data, 1 << 20, 0);
        rest = (struct span){text.data, got > 0 ? (size_t)got : 0};
    }
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        struct span line = {rest.data, len};
        while (line.len > 0 && (is_blank(line.data[0]) || line.data[0] == '[')) {
            line = (struct span){line.data + 1, line.len - 1};
        }
        if (begins_with_word(line, "listen") || begins_with_word(line, "listener")) {
            kind->has_listener = true;
        }
        size_t step = end != NULL ? len + 1 : len;
        rest = (struct span){rest.data + step, rest.len - step};
    }
    buffer_done(&text);
}

static bool is_text(struct span head)
{
    size_t i = 0;
    while (i < head.len &&
           (is_blank(head.data[i]) || head.data[i] == '\n' || head.data[i] == '\r')) {
        i++;
    }
    return i < head.len && (head.data[i] == '(' || head.data[i] == ';');
}

static enum module_kind_form form_of(struct span head, const char *name)
{
    static const uint8_t core[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    static const uint8_t elf[4] = {0x7f, 'E', 'L', 'F'};
    if (head.len >= sizeof core && memcmp(head.data, core, sizeof core) == 0) {
        return KIND_CORE;
    }
    if (head.len >= sizeof core && memcmp(head.data, core, 4) == 0) {
        return head.data[6] == 1 ? KIND_COMPONENT : KIND_CORE;
    }
    if (head.len > ELF_OSABI && memcmp(head.data, elf, sizeof elf) == 0) {
        return head.data[ELF_OSABI] == ELF_OSABI_WASMTIME ? KIND_COMPILED : KIND_NATIVE;
    }
    if (head.len >= 2 && head.data[0] == '#' && head.data[1] == '!') {
        return KIND_NATIVE;
    }
    if (text_has_ending(name, ".wat") && is_text(head)) {
        return KIND_TEXT;
    }
    const char *slash = strrchr(name, '/');
    return strcmp(slash != NULL ? slash + 1 : name, "hythe.toml") == 0 ? KIND_SITE : KIND_OTHER;
}

void module_kind_read(int fd, const char *name, struct module_kind *ret_kind)
{
    uint8_t head[HEAD_LEN];
    struct module_kind kind = {0};
    ssize_t got = read_at(fd, head, sizeof head, 0);
    if (got > 0) {
        kind.form = form_of((struct span){head, (size_t)got}, name);
    }
    switch (kind.form) {
    case KIND_CORE:
    case KIND_COMPONENT:
        read_sections(fd, &kind);
        break;
    case KIND_TEXT:
    case KIND_COMPILED:
        search(fd, &kind);
        break;
    case KIND_SITE:
        look_for_listener(fd, &kind);
        break;
    case KIND_OTHER:
    case KIND_NATIVE:
        break;
    }
    *ret_kind = kind;
}

bool module_kind_is_wasm(const struct module_kind *kind)
{
    return kind->form != KIND_OTHER && kind->form != KIND_NATIVE;
}
