/* Routes by host and path. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "base/container.h"
#include "handlers/router.h"

enum { NONE = -1 };

struct route_row {
    const char *host;
    const char *path;
    bool is_prefix;
};

struct find_row {
    const char *authority;
    const char *path;
    int want;
};

static int find(const struct router *router, const char *authority, const char *path)
{
    uint32_t number = 0;
    return router_find(router, span_of(authority), span_of(path), &number) ? (int)number : NONE;
}

static struct router *make(const struct route_row *rows, uint32_t count)
{
    struct router *router = NULL;
    uint32_t other = 0;
    assert_int_equal(router_new(&router), 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(
            router_add(router, rows[i].host, span_of(rows[i].path), rows[i].is_prefix, i, &other),
            0);
    }
    return router;
}

static void check(const struct router *router, const struct find_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got = find(router, rows[i].authority, rows[i].path);
        if (got != rows[i].want) {
            fail_msg("%s%s: %d and not %d", rows[i].authority, rows[i].path, got, rows[i].want);
        }
    }
}

static void the_longest_match_wins(void **state)
{
    (void)state;
    static const struct route_row routes[] = {
        {NULL, "", true},         {NULL, "/api", true},    {NULL, "/api/v1", true},
        {NULL, "/api/v1", false}, {NULL, "/exact", false}, {NULL, "/slash/", false},
        {NULL, "/a/b/c/d", true}, {NULL, "/", false},
    };
    static const struct find_row rows[] = {
        {"", "/", 7},         {"", "/x", 0},       {"", "/api", 1},    {"", "/api/", 1},
        {"", "/apix", 0},     {"", "/api/x/y", 1}, {"", "/api/v1", 3}, {"", "/api/v1/", 2},
        {"", "/api/v1/z", 2}, {"", "/api/v11", 1}, {"", "/exact", 4},  {"", "/exact/", 0},
        {"", "/slash/", 5},   {"", "/slash", 0},   {"", "/a/b/c", 0},  {"", "/a/b/c/d/e/f", 6},
        {"", "/API", 0},      {"", "/ap", 0},
    };
    struct router *router = make(routes, ARRAY_COUNT(routes));
    check(router, rows, ARRAY_COUNT(rows));
    router_free(router);
}

static void hosts_before_wildcards_before_any(void **state)
{
    (void)state;
    static const struct route_row routes[] = {
        {"a.example", "/x", true}, {"*.example", "/x", true}, {NULL, "/x", true},
        {NULL, "", true},          {"[::1]", "/", false},     {"*.b.example", "/y", true},
        {"192.0.2.1", "/", false},
    };
    static const struct find_row rows[] = {
        {"a.example", "/x", 0},
        {"A.Example:8080", "/x/1", 0},
        {"a.example.", "/x", 0},
        {"a.example.:80", "/x", 0},
        {"b.example", "/x", 1},
        {"c.b.example", "/x", 1}, /* none at *.b.example: the next wildcard */
        {"c.b.example", "/y", 5},
        {"b.example", "/y", 3},
        {"example", "/x", 2}, /* a wildcard is not for the name itself */
        {".example", "/x", 2},
        {"aexample", "/x", 2},
        {"a.example.evil", "/x", 2},
        {"evil.a.example", "/x", 1},
        {"a.example", "/z", 3}, /* no route of its own there */
        {"", "/x", 2},
        {"[::1]:443", "/", 4},
        {"[::1]", "/", 4},
        {"[::2]", "/", 3},
        {"[::1", "/", 3},
        {"192.0.2.1:80", "/", 6},
    };
    struct router *router = make(routes, ARRAY_COUNT(routes));
    check(router, rows, ARRAY_COUNT(rows));
    router_free(router);
}

static void nothing_matches(void **state)
{
    (void)state;
    static const struct route_row routes[] = {{NULL, "/api", true}, {"a.example", "/b", false}};
    struct router *router = make(routes, ARRAY_COUNT(routes));
    assert_int_equal(find(router, "", "/"), NONE);
    assert_int_equal(find(router, "a.example", "/c"), NONE);
    char deep[512];
    memset(deep, '/', sizeof deep - 1); /* as no canonical path is, and deeper than any prefix */
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(find(router, "", deep), NONE);
    memcpy(deep, "/api", 4);
    assert_int_equal(find(router, "", deep), 0);
    router_free(router);
    assert_int_equal(router_new(&router), 0);
    assert_int_equal(find(router, "a", "/"), NONE);
    router_free(router);
}

static void a_route_is_there_once(void **state)
{
    (void)state;
    struct router *router = NULL;
    uint32_t other = 99;
    assert_int_equal(router_new(&router), 0);
    assert_int_equal(router_add(router, NULL, span_of("/a"), true, 0, &other), 0);
    assert_int_equal(router_add(router, NULL, span_of("/a"), false, 1, &other), 0);
    assert_int_equal(router_add(router, "h", span_of("/a"), true, 2, &other), 0);
    assert_int_equal(other, 99);
    assert_int_equal(router_add(router, NULL, span_of("/a"), true, 3, &other), -EEXIST);
    assert_int_equal(other, 0);
    assert_int_equal(router_add(router, "h", span_of("/a"), true, 4, &other), -EEXIST);
    assert_int_equal(other, 2);
    char deep[256];
    for (size_t i = 0; i < 128; i++) {
        memcpy(deep + i * 2, "/a", 2);
    }
    deep[126] = '\0';
    assert_int_equal(router_add(router, NULL, span_of(deep), true, 5, &other), 0);
    assert_int_equal(find(router, "", deep), 5);
    strcat(deep, "/a"); /* NOLINT: it fits */
    assert_int_equal(router_add(router, NULL, span_of(deep), true, 6, &other), -EINVAL);
    assert_int_equal(router_add(router, NULL, span_of(deep), false, 6, &other), 0);
    assert_int_equal(find(router, "", deep), 6);
    router_free(router);
}

static double measure(const struct router *router, const char *path)
{
    struct timespec begin;
    struct timespec end;
    uint32_t number = 0;
    uint64_t sum = 0;
    enum { ROUNDS = 200000 };
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < ROUNDS; i++) {
        sum += router_find(router, span_of("example.org:80"), span_of(path), &number) ? number : 1;
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true(sum > 0);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
           ROUNDS;
}

/* The bound is loose: the machine is shared and a sanitizer watches. What is measured without one
 * stands in bench/RESULTS.md. */
static void a_thousand_routes_cost_as_one(void **state)
{
    (void)state;
    struct router *one = NULL;
    struct router *many = NULL;
    uint32_t other = 0;
    assert_int_equal(router_new(&one), 0);
    assert_int_equal(router_new(&many), 0);
    assert_int_equal(router_add(one, NULL, span_of("/app/route-500"), true, 7, &other), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/app/route-%u", i);
        assert_int_equal(router_add(many, NULL, span_of(path), true, i, &other), 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/app/route-%u/and/more", i);
        assert_int_equal(find(many, "", path), (int)i);
    }
    double with_one = measure(one, "/app/route-500/and/more");
    double with_many = measure(many, "/app/route-500/and/more");
    print_message("a lookup: %.0f ns among 1, %.0f ns among 1,000\n", with_one, with_many);
    assert_true(with_many < with_one * 2 + 200);
    router_free(one);
    router_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_match_wins),
        cmocka_unit_test(hosts_before_wildcards_before_any),
        cmocka_unit_test(nothing_matches),
        cmocka_unit_test(a_route_is_there_once),
        cmocka_unit_test(a_thousand_routes_cost_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
