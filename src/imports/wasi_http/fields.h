/* `fields` of wasi:http: header lines and trailers as guests hold them, and what may be among them.
 *
 * A list keeps its first fields in itself, so that the few of a usual response need no memory of
 * their own; what it owns beyond is on its guest's account (guest.h, http_bytes). */
#ifndef HYTHE_IMPORTS_WASI_HTTP_FIELDS_H
#define HYTHE_IMPORTS_WASI_HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/field.h"
#include "imports/component.h"

struct field_chunk;

/* Put memory on a guest's account, or take it off. -ENOMEM past GUEST_HTTP_BYTES_MAX. */
int http_bytes_take(struct guest *guest, size_t len);
void http_bytes_give(struct guest *guest, size_t len);

enum {
    FIELD_LIST_INLINE = 8,      /* fields that need no memory of their own */
    FIELD_LIST_BYTES = 320,     /* and their names and values, in all */
    FIELD_LIST_MAX = 128 << 10, /* bytes of a guest's own list, FIELD_COST more for each field */
    FIELD_COST = 32,
};

/* Header lines, or trailers. Names in lower case; items can be handed to http/ as they are. */
struct field_list {
    struct http_header *items; /* first_items, or owned */
    uint32_t count;
    uint32_t cap;
    uint32_t used;              /* of first_bytes */
    size_t size;                /* what the fields count for, of FIELD_LIST_MAX */
    size_t garbage;             /* bytes that no item points at any more */
    struct field_chunk *chunks; /* owned: bytes that did not fit into first_bytes */
    struct guest *guest;        /* borrowed: whose account the owned memory is on */
    struct http_header first_items[FIELD_LIST_INLINE];
    uint8_t first_bytes[FIELD_LIST_BYTES];
};

void field_list_init(struct field_list *list, struct guest *guest);
void field_list_done(struct field_list *list);

/* Append one; the caller has checked it. 0 or -ENOMEM, also past what its guest may have in all. */
int field_list_add(struct field_list *list, struct span name, struct span value);

/* Take out those of that name, given in any case, among the first `count`. */
void field_list_remove(struct field_list *list, struct span name, uint32_t count);

/* Take back those behind the first `count`. */
void field_list_cut(struct field_list *list, uint32_t count);

/* The first of that name from `at` on, given in any case; its index, or `count`. */
uint32_t field_list_find(const struct field_list *list, struct span name, uint32_t at);

/* May it neither reach nor leave a guest? Connection management (RFC 9110 section 7.6.1), what says
 * where a message ends or goes to, and what a proxy is told. */
bool field_is_forbidden(struct span name);

/* A content-length: digits and nothing else, of at most INT64_MAX. 0 or -EINVAL. */
int field_parse_length(struct span value, int64_t *ret_length);

/* Append copies of what may reach a guest: names forbidden to it and malformed lines are left out. 0, or
 * -ENOMEM with some of them appended. No limit of its own: whoever received them has one. */
int field_list_copy(struct field_list *list, const struct http_header *headers, uint32_t count);

/* The declared length: HTTP_LENGTH_UNKNOWN without a content-length. */
int64_t field_list_length(const struct field_list *list);

/* `fields`: the guest's own, or a view of a message's. */
struct fields {
    struct resource base;
    struct field_list *list; /* &own, or that of `parent` */
    struct resource *parent; /* a reference; NULL for one's own */
    bool is_immutable;
    struct field_list own;
};

extern const struct resource_kind fields_kind;

/* In the order of the WIT. */
enum header_error { HEADER_INVALID_SYNTAX, HEADER_FORBIDDEN, HEADER_IMMUTABLE };

/* Answer with an immutable view of a message's headers, good as long as the view, in results[slot]. 0 or
 * CALL_TRAP. */
int32_t fields_give_view(struct component_call *call, unsigned slot, struct fields *headers,
                         struct resource *message);

/* One with an empty list of its own. NULL without memory. */
struct fields *fields_new(struct guest *guest, bool is_immutable);

#endif
