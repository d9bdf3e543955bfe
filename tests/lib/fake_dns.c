/* See fake_dns.h. */
#include "fake_dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, MESSAGE_MAX = 8192, CONNECTIONS = 8 };

struct connection {
    struct loop_io io;
    struct fake_dns *dns;
    struct loop_timer rest_timer; /* the second piece comes a little later */
    uint8_t rest[MESSAGE_MAX];
    size_t rest_len;
};

struct fake_dns {
    struct loop *loop;
    struct loop_io udp;
    struct loop_io tcp;
    struct connection connections[CONNECTIONS];
    unsigned connection_count;
    unsigned count;
    char address[32];
};

struct message {
    uint8_t bytes[MESSAGE_MAX];
    size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
    assert_true(m->len + len <= sizeof m->bytes);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static void put_u16(struct message *m, unsigned value)
{
    uint8_t raw[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(m, raw, 2);
}

static void put_record(struct message *m, unsigned type, const void *data, size_t len)
{
    static const uint8_t ttl[4] = {0, 0, 0, 60};
    put_u16(m, 0xc00c); /* the name in the question */
    put_u16(m, type);
    put_u16(m, 1);
    put(m, ttl, sizeof ttl);
    put_u16(m, (unsigned)len);
    put(m, data, len);
    m->bytes[7]++; /* the low byte of the number of answers */
}

static void put_v4(struct message *m, uint8_t last)
{
    uint8_t octets[4] = {192, 0, 2, last};
    put_record(m, TYPE_A, octets, 4);
}

static void put_v6(struct message *m, uint8_t last)
{
    uint8_t octets[16] = {0x20, 1, 0x0d, 0xb8, [15] = last};
    put_record(m, TYPE_AAAA, octets, 16);
}

/* "one.test" from the question; returns the bytes it took, with type and class. */
static size_t read_question(const uint8_t *query, size_t len, char *name, unsigned *ret_type)
{
    size_t at = 12;
    size_t out = 0;
    while (at < len && query[at] != 0) {
        size_t label = query[at++];
        assert_true(at + label < len && out + label + 1 < 256);
        if (out > 0) {
            name[out++] = '.';
        }
        memcpy(name + out, query + at, label);
        out += label;
        at += label;
    }
    name[out] = '\0';
    assert_true(at + 5 <= len);
    *ret_type = (unsigned)query[at + 1] << 8 | query[at + 2];
    return at + 5 - 12;
}

static void answer_many(struct message *m, bool is_tcp)
{
    if (!is_tcp) {
        m->bytes[2] |= 2; /* truncated */
        return;
    }
    for (unsigned i = 0; i < 200; i++) {
        put_v4(m, (uint8_t)(i + 1));
    }
}

static void answer(struct message *m, const char *name, unsigned type, bool is_tcp)
{
    static const uint8_t one_test[] = "\3one\4test";
    bool is_v4 = type == TYPE_A;
    bool is_v6 = type == TYPE_AAAA;
    bool is_one = strcasecmp(name, "one.test") == 0 || strcasecmp(name, "flaky.test") == 0;
    if (is_one && is_v4) {
        put_v4(m, 1);
    } else if (strcasecmp(name, "two.test") == 0 && is_v4) {
        put_v4(m, 1);
        put_v4(m, 2);
    } else if (strcasecmp(name, "two.test") == 0 && is_v6) {
        put_v6(m, 1);
    } else if (strcasecmp(name, "six.test") == 0 && is_v6) {
        put_v6(m, 6);
    } else if (strcasecmp(name, "alias.test") == 0) {
        put_record(m, TYPE_CNAME, one_test, sizeof one_test);
        if (is_v4) {
            /* The address belongs to the other name. */
            static const uint8_t record[] = "\3one\4test\0\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
            put(m, record, sizeof record - 1);
            m->bytes[7]++;
        }
    } else if (strcasecmp(name, "many.test") == 0 && is_v4) {
        answer_many(m, is_tcp);
    } else if (strcasecmp(name, "broken.test") == 0) {
        m->bytes[3] |= 2; /* SERVFAIL */
    } else if (strcasecmp(name, "garbage.test") == 0) {
        memset(m->bytes + 4, 0xff, m->len - 4);
    } else if (strcasecmp(name + (strlen(name) > 5 ? strlen(name) - 5 : 0), ".test") != 0 ||
               strncasecmp(name, "no", 2) == 0) {
        m->bytes[3] |= 3; /* NXDOMAIN */
    }
}

/* The answer to a query; empty when there shall be none. */
static void make_answer(struct fake_dns *dns, const uint8_t *query, size_t len, bool is_tcp,
                        struct message *m)
{
    char name[256];
    unsigned type = 0;
    m->len = 0;
    assert_true(len > 12);
    size_t question = read_question(query, len, name, &type);
    dns->count++;
    bool is_flaky = strcasecmp(name, "flaky.test") == 0;
    if (strcasecmp(name, "silent.test") == 0 || (is_flaky && dns->count == 1)) {
        return;
    }
    put(m, query, 2);
    put_u16(m, 0x8180);
    put_u16(m, 1);
    put_u16(m, 0);
    put_u16(m, 0);
    put_u16(m, 0);
    put(m, query + 12, question);
    answer(m, name, type, is_tcp);
}

static void on_udp(struct loop_io *io, unsigned events)
{
    (void)events;
    struct fake_dns *dns = container_of(io, struct fake_dns, udp);
    uint8_t query[512];
    struct sockaddr_in from;
    for (;;) {
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(io->fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_len);
        if (len < 0) {
            return;
        }
        static struct message m;
        make_answer(dns, query, (size_t)len, false, &m);
        if (m.len > 0) {
            (void)sendto(io->fd, m.bytes, m.len, 0, (struct sockaddr *)&from, from_len);
        }
    }
}

static void on_rest(struct loop_timer *timer)
{
    struct connection *c = container_of(timer, struct connection, rest_timer);
    assert_int_equal(send(c->io.fd, c->rest, c->rest_len, MSG_NOSIGNAL), c->rest_len);
}

static void on_tcp_query(struct loop_io *io, unsigned events)
{
    (void)events;
    struct connection *c = container_of(io, struct connection, io);
    uint8_t query[514];
    ssize_t len = recv(io->fd, query, sizeof query, 0);
    if (len < 14) {
        return;
    }
    static struct message m;
    make_answer(c->dns, query + 2, (size_t)len - 2, true, &m);
    uint8_t prefix[2] = {(uint8_t)(m.len >> 8), (uint8_t)m.len};
    assert_int_equal(send(io->fd, prefix, 2, MSG_NOSIGNAL), 2);
    size_t half = m.len / 2;
    assert_int_equal(send(io->fd, m.bytes, half, MSG_NOSIGNAL), half);
    memcpy(c->rest, m.bytes + half, m.len - half);
    c->rest_len = m.len - half;
    assert_int_equal(
        loop_timer_start(c->dns->loop, &c->rest_timer, loop_clock_ns() + 5000000, on_rest), 0);
}

static void on_tcp(struct loop_io *io, unsigned events)
{
    (void)events;
    struct fake_dns *dns = container_of(io, struct fake_dns, tcp);
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    assert_true(dns->connection_count < CONNECTIONS);
    struct connection *c = &dns->connections[dns->connection_count++];
    c->dns = dns;
    assert_int_equal(loop_io_start(dns->loop, &c->io, fd, on_tcp_query), 0);
}

/* The same port for both, which somebody may have in one of them. 0: try again. */
static uint16_t bind_both(int *ret_tcp, int *ret_udp)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(tcp, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(tcp, 4), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&address, &len), 0);
    if (bind(udp, (struct sockaddr *)&address, len) < 0) {
        close(tcp);
        close(udp);
        return 0;
    }
    *ret_tcp = tcp;
    *ret_udp = udp;
    return ntohs(address.sin_port);
}

struct fake_dns *fake_dns_new(struct loop *loop)
{
    struct fake_dns *dns = calloc(1, sizeof *dns);
    assert_non_null(dns);
    dns->loop = loop;
    int tcp = -1;
    int udp = -1;
    uint16_t port = 0;
    for (int i = 0; i < 100 && port == 0; i++) {
        port = bind_both(&tcp, &udp);
    }
    assert_int_not_equal(port, 0);
    assert_int_equal(loop_io_start(loop, &dns->udp, udp, on_udp), 0);
    assert_int_equal(loop_io_start(loop, &dns->tcp, tcp, on_tcp), 0);
    (void)snprintf(dns->address, sizeof dns->address, "127.0.0.1:%u", port);
    return dns;
}

static void stop(struct loop_io *io)
{
    loop_io_stop(io);
    close(io->fd);
}

void fake_dns_free(struct fake_dns *dns)
{
    stop(&dns->udp);
    stop(&dns->tcp);
    for (unsigned i = 0; i < dns->connection_count; i++) {
        loop_timer_stop(&dns->connections[i].rest_timer);
        stop(&dns->connections[i].io);
    }
    free(dns);
}

const char *fake_dns_address(const struct fake_dns *dns)
{
    return dns->address;
}

unsigned fake_dns_count(const struct fake_dns *dns)
{
    return dns->count;
}
