/* A name server on the loopback, on the test's own loop. What it answers depends on the name:
 *
 *     one.test     A 192.0.2.1
 *     two.test     A 192.0.2.1 and 192.0.2.2, AAAA 2001:db8::1
 *     six.test     AAAA 2001:db8::6
 *     alias.test   CNAME one.test, A 192.0.2.1
 *     many.test    UDP: truncated; TCP: 200 A records, in two pieces
 *     broken.test  SERVFAIL          garbage.test  bytes that are no answer
 *     flaky.test   A 192.0.2.1, from the second question on
 *     silent.test  nothing at all    others        NXDOMAIN */
#ifndef HYTHE_TESTS_LIB_FAKE_DNS_H
#define HYTHE_TESTS_LIB_FAKE_DNS_H

#include <stdint.h>

#include "loop/loop.h"

struct fake_dns;

struct fake_dns *fake_dns_new(struct loop *loop);
void fake_dns_free(struct fake_dns *dns);

/* "127.0.0.1:PORT", for names_set_servers. */
const char *fake_dns_address(const struct fake_dns *dns);

/* Questions so far. */
unsigned fake_dns_count(const struct fake_dns *dns);

#endif
