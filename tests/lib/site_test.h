/* A site in a folder of its own, made of routes that a test writes down, on a real loop and engine.
 * Its transactions are fake ones (fake_transaction.h).
 *
 *     struct site_test *s = site_test_begin();
 *     struct serve_route *route = site_test_route(s, SERVE_CGI, "/app/...");
 *     route->module = site_test_file(s, "app.wat", "(module ...)");
 *     site_test_make(s);
 *     struct fake_transaction *t = site_test_get(s, "/app/x");    (turns the loop until it is over)
 *     site_test_done(s, t);
 *     site_test_end(s); */
#ifndef HYTHE_TESTS_LIB_SITE_TEST_H
#define HYTHE_TESTS_LIB_SITE_TEST_H

#include "config/serve.h"
#include "fake_transaction.h"
#include "handlers/notes.h"
#include "handlers/site.h"
#include "host/ticker.h"
#include "loop/loop.h"

enum { SITE_ROUTES_MAX = 16 };

struct site_test {
    struct loop *loop;
    struct serve_config config;
    struct serve_route routes[SITE_ROUTES_MAX];
    struct site *site;
    struct host_ticker ticker;
    struct error err;
    char folder[64];
    struct buffer log; /* lines of the operator's log */
    unsigned freed;
};

/* The engine turns signals into traps, and cmocka puts its own handlers in their place for each test:
 * as the set-up of a group this notes the engine's, and site_test_make puts them back. */
int site_test_setup(void **state);

/* All fail the test when they cannot. */
struct site_test *site_test_begin(void);
void site_test_end(struct site_test *s);

/* Add a route with small limits: 1 s of CPU, 2 s, 16 MiB. "/..." makes a prefix; "host/path" is for a
 * host. */
struct serve_route *site_test_route(struct site_test *s, enum serve_kind kind, const char *pattern);

/* Write a file in the folder and give its path, which the caller frees or gives to a route. */
char *site_test_file(struct site_test *s, const char *name, const char *text);

/* Make the site; site_test_try gives the error instead of failing. */
void site_test_make(struct site_test *s);
int site_test_try(struct site_test *s);

/* Hand a request in, and turn the loop until it is over or `turns` have gone. */
void site_test_request(struct site_test *s, struct fake_transaction *t);
void site_test_run(struct site_test *s, struct fake_transaction *t);
void site_test_turns(struct site_test *s, int turns);
struct fake_transaction *site_test_get(struct site_test *s, const char *target);

/* Give it back, as a server's on_done does. */
void site_test_done(struct site_test *s, struct fake_transaction *t);

/* The log so far. */
const char *site_test_log(struct site_test *s);

#endif
