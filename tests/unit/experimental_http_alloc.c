/* wasi_experimental_http: req of the alloc family, with 3, 7, 8, 12 and 15 parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_env.h"
#include "http_peer.h"
#include "imports/wasi_experimental_http/http.h"

enum {
    SLOTS = 200,   /* seven slots of 8 bytes, the u32 at an odd address in each */
    LENGTHS = 401, /* of the parts, for the ABIs that pass them by address */
    MARK = 0xcc,
    FIRST_ROOM = 32768,
    LAST = FAKE_MEMORY_LEN,
    ROOMS_MAX = 8,
};

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define ANSWER OK_HEAD "B: 2\r\nContent-Length: 5\r\nA: \"1\"\r\nb: 3\r\n\r\nhello"
#define AS_LINES "b:2\nb:3\ncontent-length:5\na:\"1\"\n"
#define AS_JSON "{\"a\":\"\\\"1\\\"\",\"b\":\"3\",\"content-length\":\"5\"}"

struct fixture {
    struct fake_guest *f;
    struct http_env env;
    struct http_peer *peer;
};

/* What the guest's alloc was asked for and gave; the guest's, so one at a time. */
static struct {
    uint32_t next;
    uint32_t sizes[ROOMS_MAX];
    uint32_t rooms[ROOMS_MAX];
    unsigned count;
    uint32_t grows_to; /* bytes of memory at the first call; 0: it does not grow */
    bool is_bad;       /* gives addresses outside */
    bool asks_again;   /* calls req itself */
    int32_t nested;    /* what that gave */
} guest_alloc;

static uint32_t slot(unsigned index)
{
    return SLOTS + index * 8 + 1;
}

static int32_t on_export(struct fake_guest *f, const char *name, int32_t argument)
{
    assert_string_equal(name, "alloc");
    assert_true(guest_alloc.count < ROOMS_MAX);
    if (guest_alloc.grows_to != 0) {
        f->memory_len = guest_alloc.grows_to;
    }
    if (guest_alloc.asks_again) {
        union call_value values[FAKE_ARGS_MAX] = {0};
        struct call inner = f->call;
        inner.values = values;
        guest_alloc.nested = inner.func->begin(&inner);
    }
    uint32_t room = guest_alloc.is_bad ? UINT32_MAX - 3 : guest_alloc.next;
    guest_alloc.sizes[guest_alloc.count] = (uint32_t)argument;
    guest_alloc.rooms[guest_alloc.count] = room;
    guest_alloc.count++;
    guest_alloc.next += (uint32_t)argument;
    return (int32_t)room;
}

static struct fixture *begin(void)
{
    struct fixture *t = calloc(1, sizeof *t);
    assert_non_null(t);
    memset(&guest_alloc, 0, sizeof guest_alloc);
    guest_alloc.next = FIRST_ROOM;
    t->peer = http_peer_new();
    t->f = http_env_guest(&t->env);
    t->f->guest.http_has_handles = false;
    t->f->on_export = on_export;
    http_peer_route(t->peer, "/", ANSWER);
    return t;
}

static void end(struct fixture *t)
{
    http_env_guest_free(&t->env, t->f);
    http_peer_free(t->peer);
    free(t);
}

static const char *root(struct fixture *t)
{
    return http_peer_url(t->peer, "/");
}

static void assert_slot(struct fixture *t, unsigned index, uint32_t value)
{
    assert_int_equal(fake_u32(t->f, slot(index)), value);
    assert_int_equal(fake_u8(t->f, slot(index) + 4), MARK);
    assert_int_equal(fake_u8(t->f, slot(index) - 1), MARK);
}

static void assert_untouched(struct fixture *t, unsigned index)
{
    assert_slot(t, index, 0xcccccccc);
}

/* Bytes at an address and of a length that stand in two slots. */
static void assert_text(struct fixture *t, unsigned at, unsigned len, const char *text)
{
    assert_slot(t, len, (uint32_t)strlen(text));
    fake_assert_bytes(t->f, fake_u32(t->f, slot(at)), text, strlen(text));
}

struct parts {
    const char *url;
    const char *method;
    const char *headers;
    const char *body;
};

static void put_parts(struct fixture *t, const struct parts *parts)
{
    fake_fill(t->f, SLOTS, MARK, 100);
    fake_put_u32(t->f, LENGTHS, fake_text(t->f, REQ_URL, parts->url));
    fake_put_u32(t->f, LENGTHS + 4, fake_text(t->f, REQ_METHOD, parts->method));
    fake_put_u32(t->f, LENGTHS + 8, fake_text(t->f, REQ_HEADERS, parts->headers));
    fake_put_u32(t->f, LENGTHS + 12, fake_text(t->f, REQ_BODY, parts->body));
}

/* -- 15 parameters ---------------------------------------------------------------------------- */

/* The slots of these two, in the order of their parameters. */
enum { BODY, BODY_LEN, HEADERS_10, HEADERS_11, STATUS, ERROR, ERROR_LEN };

#define FIFTEEN "iiiiiiiiiiiiiii"

static int32_t req_direct(struct fixture *t, const struct parts *parts)
{
    put_parts(t, parts);
    uint32_t lens[4];
    for (uint32_t i = 0; i < ARRAY_COUNT(lens); i++) {
        lens[i] = fake_u32(t->f, LENGTHS + i * 4);
    }
    return fake_call_as(t->f, &experimental_http, "req", FIFTEEN, REQ_URL, lens[0], REQ_METHOD,
                        lens[1], REQ_BODY, lens[3], REQ_HEADERS, lens[2], slot(0), slot(1), slot(2),
                        slot(3), slot(4), slot(5), slot(6));
}

static int32_t req_by_pointer(struct fixture *t, const struct parts *parts)
{
    put_parts(t, parts);
    return fake_call_as(t->f, &experimental_http, "req", FIFTEEN, REQ_URL, LENGTHS, REQ_METHOD,
                        LENGTHS + 4, REQ_BODY, LENGTHS + 12, REQ_HEADERS, LENGTHS + 8, slot(0),
                        slot(1), slot(2), slot(3), slot(4), slot(5), slot(6));
}

static void abi_7(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "POST", "abc:def\n", "body"};
    assert_int_equal(req_direct(t, &parts), 0);
    assert_text(t, HEADERS_10, HEADERS_11, AS_LINES);
    assert_text(t, BODY, BODY_LEN, "hello");
    assert_int_equal(fake_u16(t->f, slot(STATUS)), 200);
    assert_int_equal(fake_u16(t->f, slot(STATUS) + 2), 0xcccc); /* two bytes, no more */
    assert_untouched(t, ERROR);
    assert_untouched(t, ERROR_LEN);
    assert_int_equal(guest_alloc.count, 2);
    assert_int_equal(guest_alloc.sizes[0], strlen(AS_LINES)); /* the headers come first */
    assert_int_equal(guest_alloc.sizes[1], 5);
    const char *request = http_peer_request(t->peer, 0);
    assert_non_null(strstr(request, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "abc: def\r\n"));
    assert_non_null(strstr(request, "\r\n\r\nbody"));
    end(t);
}

static void abi_6_mirrors_json(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "{}", ""};
    assert_int_equal(req_direct(t, &parts), 0);
    assert_text(t, HEADERS_10, HEADERS_11, AS_JSON);
    parts.headers = "{\"abc\":\"d\\\"ef\"}";
    assert_int_equal(req_direct(t, &parts), 0);
    assert_text(t, HEADERS_10, HEADERS_11, AS_JSON);
    assert_non_null(strstr(http_peer_request(t->peer, 1), "abc: d\"ef\r\n"));
    parts.headers = "";
    assert_int_equal(req_direct(t, &parts), 0);
    assert_text(t, HEADERS_10, HEADERS_11, AS_LINES);
    end(t);
}

static void abi_5(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "POST", "{\"abc\":\"def\"}", "body"};
    assert_int_equal(req_by_pointer(t, &parts), 0);
    assert_text(t, HEADERS_11, HEADERS_10, AS_JSON); /* the length before the address */
    assert_text(t, BODY, BODY_LEN, "hello");
    assert_slot(t, STATUS, 200); /* four bytes */
    assert_untouched(t, ERROR);
    const char *request = http_peer_request(t->peer, 0);
    assert_non_null(strstr(request, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "abc: def\r\n"));
    assert_non_null(strstr(request, "\r\n\r\nbody"));
    end(t);
}

static void an_empty_body_has_room_made_too(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/none", "HTTP/1.1 204 None\r\n\r\n");
    struct parts parts = {http_peer_url(t->peer, "/none"), "GET", "", ""};
    assert_int_equal(req_direct(t, &parts), 0);
    assert_int_equal(guest_alloc.count, 2);
    assert_slot(t, BODY, FIRST_ROOM);
    assert_slot(t, BODY_LEN, 0);
    assert_slot(t, HEADERS_11, 0);
    assert_int_equal(fake_u16(t->f, slot(STATUS)), 204);
    end(t);
}

static void alloc_that_grows_the_memory(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "", ""};
    t->f->memory_len = FIRST_ROOM; /* what alloc gives lies behind it */
    guest_alloc.grows_to = LAST;
    assert_int_equal(req_direct(t, &parts), 0);
    assert_text(t, BODY, BODY_LEN, "hello");
    assert_text(t, HEADERS_10, HEADERS_11, AS_LINES);
    end(t);
}

static void errors_come_with_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *url; /* NULL: the peer's */
        const char *headers;
        int32_t code;
        const char *text;
    } cases[] = {
        {"http://denied/x?y", "", 4,
         "URL http://denied/x?y not allowed because domain or subdomain not in allowed list"},
        {"no url", "", 4, "the URL cannot be understood"},
        {"ftp://h/", "", 3, "the URL's scheme is neither http nor https"},
        {NULL, "a", 4, "cannot get HTTP parts from memory"},
        {NULL, "a b:c", 4, "cannot get HTTP parts from memory"},
        {NULL, "a:\xff", 4, "cannot get HTTP parts from memory"},
        {NULL, "{\"a\":", 4, "cannot get HTTP parts from memory"},
        {"http://127.0.0.1:1/", "", 3, "no connection could be made"},
    };
    for (unsigned mode = 0; mode < 2; mode++) {
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            struct fixture *t = begin();
            t->env.denied_host = "denied";
            struct parts parts = {cases[i].url != NULL ? cases[i].url : root(t), "GET",
                                  cases[i].headers, ""};
            int32_t code = mode == 0 ? req_direct(t, &parts) : req_by_pointer(t, &parts);
            assert_int_equal(code, cases[i].code);
            assert_text(t, ERROR, ERROR_LEN, cases[i].text);
            for (unsigned s = BODY; s <= STATUS; s++) {
                assert_untouched(t, s);
            }
            assert_int_equal(guest_alloc.count, 1);
            /* And the next call works. */
            t->env.denied_host = NULL;
            parts = (struct parts){root(t), "GET", "", ""};
            assert_int_equal(mode == 0 ? req_direct(t, &parts) : req_by_pointer(t, &parts), 0);
            end(t);
        }
    }
}

static void without_a_client(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {"http://h/", "GET", "", ""};
    t->f->guest.http = NULL;
    assert_int_equal(req_direct(t, &parts), 4);
    assert_text(t, ERROR, ERROR_LEN,
                "URL http://h/ not allowed because domain or subdomain not in allowed list");
    end(t);
}

static void a_response_that_breaks_off(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/short", OK_HEAD "Content-Length: 9\r\n\r\nabc");
    http_peer_route(t->peer, "/bad", OK_HEAD "Content-Length: 0\r\nA: \xff\r\n\r\n");
    struct parts parts = {http_peer_url(t->peer, "/short"), "GET", "", ""};
    assert_int_equal(req_direct(t, &parts), 3);
    assert_text(t, ERROR, ERROR_LEN, "the peer broke off or spoke no HTTP");
    parts.url = http_peer_url(t->peer, "/bad");
    assert_int_equal(req_direct(t, &parts), 3);
    assert_text(t, ERROR, ERROR_LEN, "the response's headers cannot be given to the guest");
    end(t);
}

static void an_endless_response_is_too_large(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/flood", OK_HEAD "\r\nx");
    struct parts parts = {http_peer_url(t->peer, "/flood"), "GET", "", ""};
    t->f->max_wait_ms = 30000;
    assert_int_equal(req_direct(t, &parts), 3);
    assert_text(t, ERROR, ERROR_LEN, "the response is larger than allowed");
    end(t);
}

static void no_memory_or_no_alloc(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "", ""};
    t->f->guest.http_has_alloc = false;
    assert_int_equal(req_direct(t, &parts), 1);
    for (unsigned s = BODY; s <= ERROR_LEN; s++) {
        assert_untouched(t, s);
    }
    t->f->guest.http_has_alloc = true;
    const struct host_func *row = fake_row(&experimental_http, "req", FIFTEEN);
    struct call call = {.func = row, .values = t->f->values, .guest = &t->f->guest};
    assert_int_equal(row->begin(&call), 1);
    end(t);
}

static void alloc_that_gives_no_room(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "", ""};
    guest_alloc.is_bad = true;
    assert_int_equal(req_direct(t, &parts), 3);
    for (unsigned s = BODY; s <= ERROR_LEN; s++) {
        assert_untouched(t, s);
    }
    assert_int_equal(guest_alloc.count, 2); /* for the headers, then for the words about it */
    guest_alloc.is_bad = false;
    assert_int_equal(req_direct(t, &parts), 0);
    end(t);
}

static void alloc_that_makes_a_request_itself(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "", ""};
    guest_alloc.asks_again = true;
    assert_int_equal(req_direct(t, &parts), 0);
    assert_int_equal(guest_alloc.nested, 1);
    assert_text(t, BODY, BODY_LEN, "hello");
    end(t);
}

static void slots_out_of_bounds(void **state)
{
    (void)state;
    static const uint32_t bad[] = {LAST, LAST - 1, UINT32_MAX, UINT32_MAX - 1};
    for (unsigned s = BODY; s <= ERROR_LEN; s++) {
        for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
            struct fixture *t = begin();
            struct parts parts = {s >= ERROR ? "no url" : root(t), "GET", "", ""};
            put_parts(t, &parts);
            int64_t args[15] = {REQ_URL, (int64_t)strlen(parts.url), REQ_METHOD, 3, 1, 0, 1, 0};
            for (unsigned other = BODY; other <= ERROR_LEN; other++) {
                args[8 + other] = other == s ? bad[i] : slot(other);
            }
            int32_t code = fake_call_row(t->f, &experimental_http, "req", FIFTEEN, args);
            assert_int_equal(code, s >= ERROR ? 4 : 3);
            if (s < ERROR) {
                assert_text(t, ERROR, ERROR_LEN,
                            "the response cannot be written to the guest's memory");
            }
            end(t);
        }
    }
}

static void parts_out_of_bounds(void **state)
{
    (void)state;
    static const uint32_t bad[][2] = {{LAST, 1}, {UINT32_MAX, 3}, {1, UINT32_MAX}, {LAST - 1, 3}};
    for (unsigned part = 0; part < 8; part += 2) {
        for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
            struct fixture *t = begin();
            struct parts parts = {root(t), "GET", "", ""};
            assert_int_equal(req_direct(t, &parts), 0); /* settles how lengths are passed */
            put_parts(t, &parts);
            int64_t args[15] = {REQ_URL, (int64_t)strlen(parts.url), REQ_METHOD, 3, 1, 0, 1, 0};
            for (unsigned s = BODY; s <= ERROR_LEN; s++) {
                args[8 + s] = slot(s);
            }
            args[part] = bad[i][0];
            args[part + 1] = bad[i][1];
            assert_int_equal(fake_call_row(t->f, &experimental_http, "req", FIFTEEN, args), 4);
            assert_text(t, ERROR, ERROR_LEN, "cannot get HTTP parts from memory");
            end(t);
        }
    }
}

static void lengths_out_of_bounds(void **state)
{
    (void)state;
    static const uint32_t bad[] = {LAST, LAST - 3, UINT32_MAX, UINT32_MAX - 3};
    for (unsigned part = 0; part < 8; part += 2) {
        for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
            struct fixture *t = begin();
            struct parts parts = {root(t), "GET", "{}", ""};
            assert_int_equal(req_by_pointer(t, &parts), 0);
            put_parts(t, &parts);
            int64_t args[15] = {REQ_URL,  LENGTHS,      REQ_METHOD,  LENGTHS + 4,
                                REQ_BODY, LENGTHS + 12, REQ_HEADERS, LENGTHS + 8};
            for (unsigned s = BODY; s <= ERROR_LEN; s++) {
                args[8 + s] = slot(s);
            }
            args[part + 1] = bad[i];
            assert_int_equal(fake_call_row(t->f, &experimental_http, "req", FIFTEEN, args), 4);
            assert_text(t, ERROR, ERROR_LEN, "cannot get HTTP parts from memory");
            end(t);
        }
    }
}

static void what_makes_no_sense_settles_nothing(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts senseless = {root(t), "G T", "", ""};
    assert_int_equal(req_direct(t, &senseless), 4);
    assert_text(t, ERROR, ERROR_LEN, "cannot get HTTP parts from memory");
    struct parts parts = {root(t), "GET", "{}", ""};
    assert_int_equal(req_by_pointer(t, &parts), 0);
    assert_text(t, HEADERS_11, HEADERS_10, AS_JSON);
    /* From now on it is by address: the direct form makes no sense any more. */
    assert_int_equal(req_direct(t, &parts), 4);
    end(t);
}

/* AssemblyScript's static data begins at 12: an address may look like a length. */
static void a_length_at_a_tiny_address(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "GET", "{}", ""};
    put_parts(t, &parts);
    fake_put_u32(t->f, 12, (uint32_t)strlen(parts.url));
    fake_put_u32(t->f, 16, 3);
    fake_put_u32(t->f, 20, 0);
    fake_put_u32(t->f, 24, 2);
    /* 16 bytes at the method's address: "GET" and zeros, which are no token. */
    fake_fill(t->f, REQ_METHOD + 3, 0, 64);
    assert_int_equal(fake_call_as(t->f, &experimental_http, "req", FIFTEEN, REQ_URL, 12, REQ_METHOD,
                                  16, REQ_BODY, 20, REQ_HEADERS, 24, slot(0), slot(1), slot(2),
                                  slot(3), slot(4), slot(5), slot(6)),
                     0);
    assert_text(t, HEADERS_11, HEADERS_10, AS_JSON);
    end(t);
}

static void guests_are_told_apart(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fixture *u = begin();
    struct parts parts = {root(t), "GET", "{}", ""};
    assert_int_equal(req_direct(t, &parts), 0);
    parts.url = root(u);
    assert_int_equal(req_by_pointer(u, &parts), 0);
    end(t);
    end(u);
}

static void a_guest_that_ends_while_it_waits(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_HANG, "/mute", OK_HEAD "Content-Length: 3\r\n\r\na");
    struct parts parts = {http_peer_url(t->peer, "/mute"), "GET", "", ""};
    t->f->max_wait_ms = 50;
    assert_int_equal(req_direct(t, &parts), FAKE_STILL_WAITING);
    end(t);
}

static void a_guest_that_ends_within_alloc(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {"no url", "GET", "", ""};
    put_parts(t, &parts);
    assert_int_equal(fake_begin_as(t->f, &experimental_http, "req", FIFTEEN, REQ_URL, 6, REQ_METHOD,
                                   3, 0, 0, 0, 0, slot(0), slot(1), slot(2), slot(3), slot(4),
                                   slot(5), slot(6)),
                     CALL_GUEST);
    end(t);
}

/* -- the older ones --------------------------------------------------------------------------- */

/* Slot 0 is the body's length, then the headers' length and address, and the status. */
static void assert_old_answer(struct fixture *t, int32_t address, bool has_headers, bool has_status)
{
    assert_slot(t, 0, 5);
    fake_assert_bytes(t->f, (uint32_t)address, "hello", 5);
    if (has_headers) {
        assert_text(t, 2, 1, AS_JSON);
    } else {
        assert_untouched(t, 1);
    }
    if (has_status) {
        assert_slot(t, 3, 200);
    } else {
        assert_untouched(t, 3);
    }
}

static void abi_1(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "", "", ""};
    put_parts(t, &parts);
    int32_t address =
        fake_call_as(t->f, &experimental_http, "req", "iii", REQ_URL, LENGTHS, slot(0));
    assert_int_equal(address, FIRST_ROOM);
    assert_old_answer(t, address, false, false);
    assert_int_equal(guest_alloc.count, 1);
    assert_non_null(strstr(http_peer_request(t->peer, 0), "GET / HTTP/1.1\r\n"));
    end(t);
}

static void abi_2(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "", "{\"abc\":\"def\"}", ""};
    put_parts(t, &parts);
    int32_t address = fake_call_as(t->f, &experimental_http, "req", "iiiiiii", REQ_URL, LENGTHS,
                                   REQ_HEADERS, LENGTHS + 8, slot(0), slot(1), slot(2));
    assert_old_answer(t, address, true, false);
    assert_non_null(strstr(http_peer_request(t->peer, 0), "abc: def\r\n"));
    end(t);
}

static int32_t req_8(struct fixture *t, const struct parts *parts)
{
    put_parts(t, parts);
    return fake_call_as(t->f, &experimental_http, "req", "iiiiiiii", REQ_URL, LENGTHS, REQ_HEADERS,
                        LENGTHS + 8, slot(0), slot(1), slot(2), slot(3));
}

static void abi_3(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "", "{}", ""};
    assert_old_answer(t, req_8(t, &parts), true, true);
    end(t);
}

static void abi_4(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct parts parts = {root(t), "PUT", "{\"abc\":\"def\"}", "body"};
    put_parts(t, &parts);
    int32_t address = fake_call_as(t->f, &experimental_http, "req", "iiiiiiiiiiii", REQ_URL,
                                   LENGTHS, REQ_METHOD, LENGTHS + 4, REQ_BODY, LENGTHS + 12,
                                   REQ_HEADERS, LENGTHS + 8, slot(0), slot(1), slot(2), slot(3));
    assert_old_answer(t, address, true, true);
    const char *request = http_peer_request(t->peer, 0);
    assert_non_null(strstr(request, "PUT / HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "abc: def\r\n"));
    assert_non_null(strstr(request, "\r\n\r\nbody"));
    end(t);
}

static void old_ones_have_no_way_to_tell(void **state)
{
    (void)state;
    static const struct parts cases[] = {
        {"no url", "", "{}", ""},
        {"http://denied/", "", "{}", ""},
        {"http://127.0.0.1:1/", "", "{}", ""},
        {"http://h/", "", "a:b", ""},
        {"http://h/", "", "{\"a b\":\"c\"}", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture *t = begin();
        t->env.denied_host = "denied";
        assert_int_equal(req_8(t, &cases[i]), CALL_TRAP);
        end(t);
    }
    struct fixture *t = begin();
    struct parts parts = {root(t), "", "{}", ""};
    t->f->guest.http_has_alloc = false;
    assert_int_equal(req_8(t, &parts), CALL_TRAP);
    t->f->guest.http_has_alloc = true;
    guest_alloc.is_bad = true;
    assert_int_equal(req_8(t, &parts), CALL_TRAP);
    end(t);
}

/* The address is the result, and some results mean something else. */
static void an_address_that_looks_like_an_answer(void **state)
{
    (void)state;
    for (int32_t answer = CALL_GUEST; answer <= CALL_WAIT; answer++) {
        struct fixture *t = begin();
        http_peer_route(t->peer, "/none", "HTTP/1.1 204 None\r\n\r\n");
        struct parts parts = {http_peer_url(t->peer, "/none"), "", "{}", ""};
        guest_alloc.next = (uint32_t)answer - 2; /* behind the headers, "{}" */
        assert_int_equal(req_8(t, &parts), CALL_TRAP);
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_7),
        cmocka_unit_test(abi_6_mirrors_json),
        cmocka_unit_test(abi_5),
        cmocka_unit_test(an_empty_body_has_room_made_too),
        cmocka_unit_test(alloc_that_grows_the_memory),
        cmocka_unit_test(errors_come_with_a_text),
        cmocka_unit_test(without_a_client),
        cmocka_unit_test(a_response_that_breaks_off),
        cmocka_unit_test(an_endless_response_is_too_large),
        cmocka_unit_test(no_memory_or_no_alloc),
        cmocka_unit_test(alloc_that_gives_no_room),
        cmocka_unit_test(alloc_that_makes_a_request_itself),
        cmocka_unit_test(slots_out_of_bounds),
        cmocka_unit_test(parts_out_of_bounds),
        cmocka_unit_test(lengths_out_of_bounds),
        cmocka_unit_test(what_makes_no_sense_settles_nothing),
        cmocka_unit_test(a_length_at_a_tiny_address),
        cmocka_unit_test(guests_are_told_apart),
        cmocka_unit_test(a_guest_that_ends_while_it_waits),
        cmocka_unit_test(a_guest_that_ends_within_alloc),
        cmocka_unit_test(abi_1),
        cmocka_unit_test(abi_2),
        cmocka_unit_test(abi_3),
        cmocka_unit_test(abi_4),
        cmocka_unit_test(old_ones_have_no_way_to_tell),
        cmocka_unit_test(an_address_that_looks_like_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
