#include "text.h"

#include <stdlib.h>
#include <string.h>

void *must_alloc(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL) {
        __builtin_trap();
    }
    return memory;
}

static void make_room(struct text *text, size_t more)
{
    if (text->room - text->len > more) {
        return;
    }
    size_t room = (text->len + more + 1) * 2;
    char *bytes = realloc(text->bytes, room);
    if (bytes == NULL) {
        __builtin_trap();
    }
    text->bytes = bytes;
    text->room = room;
}

void text_add_bytes(struct text *text, const void *bytes, size_t len)
{
    make_room(text, len);
    if (len > 0) {
        memcpy(text->bytes + text->len, bytes, len);
    }
    text->len += len;
    text->bytes[text->len] = '\0';
}

/* One conversion: %[0][WIDTH][.*][l|ll|z](s|u|x). */
struct conversion {
    size_t width;
    int precision; /* -1: none. */
    unsigned longs;
    bool is_size;
    char letter;
};

static const char *parse_conversion(const char *at, va_list *list, struct conversion *ret_it)
{
    struct conversion it = {.precision = -1};
    while (*at >= '0' && *at <= '9') {
        it.width = it.width * 10 + (size_t)(*at++ - '0');
    }
    if (at[0] == '.' && at[1] == '*') {
        it.precision = va_arg(*list, int);
        at += 2;
    }
    for (; *at == 'l'; at++) {
        it.longs++;
    }
    if (*at == 'z') {
        it.is_size = true;
        at++;
    }
    it.letter = *at;
    *ret_it = it;
    return at;
}

static void add_number(struct text *text, uint64_t number, unsigned base, size_t width)
{
    char digits[32];
    size_t len = 0;
    do {
        digits[sizeof(digits) - ++len] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || (len < width && len < sizeof(digits)));
    text_add_bytes(text, digits + sizeof(digits) - len, len);
}

static void add_conversion(struct text *text, const struct conversion *it, va_list *list)
{
    if (it->letter == 's') {
        const char *chars = va_arg(*list, const char *);
        text_add_bytes(text, chars, it->precision >= 0 ? (size_t)it->precision : strlen(chars));
        return;
    }
    uint64_t number = 0;
    if (it->is_size) {
        number = va_arg(*list, size_t);
    } else if (it->longs == 2) {
        number = va_arg(*list, unsigned long long);
    } else {
        number = va_arg(*list, unsigned);
    }
    add_number(text, number, it->letter == 'x' ? 16 : 10, it->width);
}

void text_add_list(struct text *text, const char *format, va_list *list)
{
    const char *plain = format;
    const char *at = format;
    text_add_bytes(text, "", 0);
    while (*at != '\0') {
        if (*at != '%') {
            at++;
            continue;
        }
        struct conversion it;
        text_add_bytes(text, plain, (size_t)(at - plain));
        at = parse_conversion(at + 1, list, &it);
        add_conversion(text, &it, list);
        plain = ++at;
    }
    text_add_bytes(text, plain, (size_t)(at - plain));
}

void text_add(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    text_add_list(text, format, &list);
    va_end(list);
}

void text_check(struct text *text, const char *step, bool good)
{
    text_add(text, "%s %s\n", step, good ? "ok" : "FAILED");
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

world_string_t string_of(const char *chars)
{
    return (world_string_t){(uint8_t *)(uintptr_t)chars, strlen(chars)};
}

char *copy_of(world_string_t string)
{
    char *copy = must_alloc(string.len + 1);
    if (string.len > 0) {
        memcpy(copy, string.ptr, string.len);
    }
    copy[string.len] = '\0';
    return copy;
}

uint64_t number_at(const char **at, uint64_t otherwise)
{
    const char *next = *at;
    uint64_t number = 0;
    if (*next < '0' || *next > '9') {
        return otherwise;
    }
    while (*next >= '0' && *next <= '9') {
        number = number * 10 + (uint64_t)(*next++ - '0');
    }
    *at = *next == '/' ? next + 1 : next;
    return number;
}

bool word_at(const char **at, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0 || ((*at)[len] != '\0' && (*at)[len] != '/')) {
        return false;
    }
    *at += (*at)[len] == '/' ? len + 1 : len;
    return true;
}

/* FNV-1a, 64 bits. */
uint64_t fnv_begin(void)
{
    return UINT64_C(0xcbf29ce484222325);
}

uint64_t fnv_add(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
