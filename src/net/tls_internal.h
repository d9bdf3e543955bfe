/* What the files of TLS share: the context, and the bytes between OpenSSL and the socket. */
#ifndef HYTHE_NET_TLS_INTERNAL_H
#define HYTHE_NET_TLS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "net/openssl.h"
#include "net/tls.h"

struct tls_context {
    uint32_t refs;
    bool offers_h2;
    struct openssl ssl;
    BIO_METHOD *wire_method; /* owned */
    SSL_CTX **certificates;  /* owned array of owned; the first one is for all other names */
    uint32_t certificate_count;
};

/* The bytes of a session on their way. OpenSSL's own way to say that a socket is full demands that
 * the same record is offered again; so it is never full: what the socket does not take stays here,
 * one record or one flight of the handshake. */
struct tls_wire {
    const struct openssl *ssl; /* borrowed from the context */
    int fd;                    /* borrowed from the stream */
    int error;                 /* negative errno of the socket, 0: none */
    bool is_eof;               /* the socket has ended */
    bool is_drained;           /* the last read has emptied the socket */
    bool is_dry;               /* OpenSSL asked for more than there was */
    struct buffer backlog;     /* sealed and not yet sent */
};

void tls_wire_init(struct tls_wire *wire, const struct openssl *ssl, int fd);
void tls_wire_done(struct tls_wire *wire);

/* Send what is left over. 0 when nothing is left, -EAGAIN, or another negative errno. */
int tls_wire_flush(struct tls_wire *wire);

/* The kind of BIO that goes through a tls_wire, which is its data. NULL without memory. */
BIO_METHOD *tls_wire_method_new(const struct openssl *ssl);

#endif
