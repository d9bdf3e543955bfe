/* Names to addresses: without asking, and from a name server of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_dns.h"
#include "net/names.h"

struct fixture {
    struct loop *loop;
    struct names *names;
    struct fake_dns *dns;
    bool free_in_callback;
    unsigned answers;
    int error;
    char text[4096]; /* the addresses, with a blank behind each */
    char canonical[256];
};

static int make(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    assert_int_equal(loop_new(&x->loop), 0);
    assert_int_equal(names_new(x->loop, &x->names), 0);
    x->dns = fake_dns_new(x->loop);
    assert_int_equal(names_set_servers(x->names, fake_dns_address(x->dns)), 0);
    *state = x;
    return 0;
}

static int done(void **state)
{
    struct fixture *x = *state;
    names_free(x->names);
    fake_dns_free(x->dns);
    loop_free(x->loop);
    free(x);
    return 0;
}

static void on_answer(void *context, const struct names_answer *answer)
{
    struct fixture *x = context;
    x->answers++;
    x->error = answer->error;
    size_t at = 0;
    x->text[0] = '\0';
    for (uint32_t i = 0; i < answer->count; i++) {
        char text[NET_ADDRESS_TEXT_MAX];
        net_address_print(&answer->addresses[i], text);
        at += (size_t)snprintf(x->text + at, sizeof x->text - at, "%s ", text);
    }
    (void)snprintf(x->canonical, sizeof x->canonical, "%s",
                   answer->canonical == NULL ? "" : answer->canonical);
    if (x->free_in_callback) {
        names_free(x->names);
        x->names = NULL;
    }
}

static void turn_until(struct fixture *x, unsigned answers)
{
    uint64_t end_ns = loop_clock_ns() + 20000000000U;
    while (x->answers < answers) {
        assert_true(loop_clock_ns() < end_ns);
        assert_int_equal(loop_turn(x->loop, 100), 0);
    }
    assert_int_equal(x->answers, answers);
}

static struct names_query *begin(struct fixture *x, const char *node, const char *service,
                                 int family, int flags)
{
    const struct addrinfo hints = {.ai_family = family, .ai_flags = flags};
    struct names_query *query = NULL;
    unsigned before = x->answers;
    const struct names_question question = {node, service, &hints, on_answer, x};
    assert_int_equal(names_ask(x->names, &question, &query), 0);
    assert_int_equal(x->answers, before); /* never from within */
    return query;
}

static int ask(struct fixture *x, const char *node, const char *service, int family, int flags)
{
    (void)begin(x, node, service, family, flags);
    turn_until(x, x->answers + 1);
    return x->error;
}

static void numeric(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "192.0.2.1", "80", AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:80 ");
    assert_string_equal(x->canonical, "192.0.2.1");
    assert_int_equal(ask(x, "2001:db8::1", "65535", AF_INET6, AI_NUMERICHOST), 0);
    assert_string_equal(x->text, "[2001:db8::1]:65535 ");
    assert_int_equal(ask(x, "192.0.2.1", NULL, AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:0 ");
    assert_int_equal(ask(x, "192.0.2.1", NULL, AF_INET6, 0), EAI_ADDRFAMILY);
    assert_int_equal(ask(x, "one.test", NULL, AF_UNSPEC, AI_NUMERICHOST), EAI_NONAME);
    assert_int_equal(ask(x, "192.0.2.1", NULL, AF_UNIX, 0), EAI_FAMILY);
    assert_int_equal(fake_dns_count(x->dns), 0);
}

static void services(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "127.0.0.1", "0", AF_INET, 0), 0);
    assert_int_equal(ask(x, "127.0.0.1", "65536", AF_INET, 0), EAI_SERVICE);
    assert_int_equal(ask(x, "127.0.0.1", "no-such-service", AF_INET, 0), EAI_SERVICE);
    assert_int_equal(ask(x, "127.0.0.1", "http", AF_INET, AI_NUMERICSERV), EAI_NONAME);
    assert_int_equal(ask(x, "127.0.0.1", "-1", AF_INET, 0), EAI_SERVICE);
}

static void nameless(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, NULL, "80", AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "127.0.0.1:80 [::1]:80 ");
    assert_int_equal(ask(x, NULL, "80", AF_INET, AI_PASSIVE), 0);
    assert_string_equal(x->text, "0.0.0.0:80 ");
    assert_int_equal(ask(x, NULL, "80", AF_INET6, AI_PASSIVE), 0);
    assert_string_equal(x->text, "[::]:80 ");
}

static void localhost(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "localhost", "80", AF_INET, 0), 0);
    assert_string_equal(x->text, "127.0.0.1:80 ");
    assert_int_equal(fake_dns_count(x->dns), 0); /* from /etc/hosts */
}

static void from_a_server(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "one.test", "80", AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:80 ");
    assert_true(fake_dns_count(x->dns) > 0);
    assert_int_equal(ask(x, "two.test", "443", AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:443 192.0.2.2:443 [2001:db8::1]:443 ");
    assert_int_equal(ask(x, "two.test", "443", AF_INET, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:443 192.0.2.2:443 ");
    assert_int_equal(ask(x, "two.test", "443", AF_INET6, 0), 0);
    assert_string_equal(x->text, "[2001:db8::1]:443 ");
    assert_int_equal(ask(x, "six.test", NULL, AF_UNSPEC, 0), 0);
    assert_string_equal(x->text, "[2001:db8::6]:0 ");
    assert_int_equal(ask(x, "alias.test", NULL, AF_INET, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:0 ");
    assert_string_equal(x->canonical, "one.test");
}

static void negative_answers(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "nobody.test", "80", AF_INET, 0), EAI_NONAME);
    assert_string_equal(x->text, "");
    int e = ask(x, "six.test", NULL, AF_INET, 0);
    assert_true(e == EAI_NODATA || e == EAI_NONAME);
    e = ask(x, "broken.test", NULL, AF_INET, 0);
    assert_true(e == EAI_AGAIN || e == EAI_FAIL || e == EAI_NONAME);
    assert_int_not_equal(ask(x, "a..b", NULL, AF_INET, 0), 0);
    assert_int_not_equal(ask(x, "", NULL, AF_INET, 0), 0);
    char label[70];
    memset(label, 'a', sizeof label);
    label[sizeof label - 1] = '\0';
    assert_int_not_equal(ask(x, label, NULL, AF_INET, 0), 0);
}

/* The first datagram is lost: the timer asks again. */
static void asks_again(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "flaky.test", NULL, AF_INET, 0), 0);
    assert_string_equal(x->text, "192.0.2.1:0 ");
    assert_int_equal(fake_dns_count(x->dns), 2);
}

/* The long way over TCP, whose bytes come in pieces: what c-ares does not read at once must not
 * be forgotten on an edge. */
static void many_over_tcp(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(ask(x, "many.test", "1", AF_INET, 0), 0);
    unsigned count = 0;
    for (const char *p = x->text; *p != '\0'; p++) {
        count += *p == ' ';
    }
    assert_int_equal(count, NAMES_ADDRESSES_MAX);
    assert_int_equal(ask(x, "many.test", "1", AF_INET, 0), 0); /* on the open connection or anew */
}

static void several_at_once(void **state)
{
    struct fixture *x = *state;
    for (int i = 0; i < 50; i++) {
        (void)begin(x, i % 2 == 0 ? "one.test" : "192.0.2.7", NULL, AF_INET, 0);
    }
    turn_until(x, 50);
}

static void cancelled(void **state)
{
    struct fixture *x = *state;
    names_cancel(begin(x, "192.0.2.1", NULL, AF_INET, 0));
    names_cancel(begin(x, "one.test", NULL, AF_INET, 0));
    names_cancel(begin(x, "localhost", NULL, AF_INET, 0));
    names_cancel(begin(x, "silent.test", NULL, AF_INET, 0));
    assert_int_equal(ask(x, "two.test", NULL, AF_INET, 0), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(loop_turn(x->loop, 5), 0);
    }
    assert_int_equal(x->answers, 1);
}

/* Whoever asks and goes leaves a question behind; there is an end to them. */
static void too_many(void **state)
{
    struct fixture *x = *state;
    for (int i = 0; i < 4096; i++) {
        names_cancel(begin(x, "silent.test", NULL, AF_INET, 0));
    }
    assert_int_equal(ask(x, "one.test", NULL, AF_INET, 0), EAI_AGAIN);
    assert_int_equal(ask(x, "192.0.2.1", NULL, AF_INET, 0), 0);
    assert_int_equal(ask(x, "localhost", NULL, AF_INET, AI_NUMERICHOST), EAI_NONAME);
}

static void freed_with_queries(void **state)
{
    struct fixture *x = *state;
    (void)begin(x, "192.0.2.1", NULL, AF_INET, 0);
    (void)begin(x, "silent.test", NULL, AF_INET, 0);
    (void)begin(x, "one.test", NULL, AF_UNSPEC, 0);
    names_cancel(begin(x, "silent.test", NULL, AF_INET6, 0));
    assert_int_equal(loop_turn(x->loop, 0), 0);
    unsigned before = x->answers;
    names_free(x->names);
    x->names = NULL;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(loop_turn(x->loop, 5), 0);
    }
    assert_int_equal(x->answers, before);
    names_free(NULL);
}

static void freed_in_an_answer(void **state)
{
    struct fixture *x = *state;
    x->free_in_callback = true;
    (void)begin(x, "192.0.2.1", NULL, AF_INET, 0);
    (void)begin(x, "192.0.2.2", NULL, AF_INET, 0);
    (void)begin(x, "one.test", NULL, AF_INET, 0);
    turn_until(x, 1);
    assert_int_equal(loop_turn(x->loop, 5), 0);
    assert_int_equal(x->answers, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numeric),
        TEST(services),
        TEST(nameless),
        TEST(localhost),
        TEST(from_a_server),
        TEST(negative_answers),
        TEST(many_over_tcp),
        TEST(asks_again),
        TEST(several_at_once),
        TEST(cancelled),
        TEST(too_many),
        TEST(freed_with_queries),
        TEST(freed_in_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
