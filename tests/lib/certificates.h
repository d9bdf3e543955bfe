/* Certificates made on the spot, and a TLS client whose bytes the test carries. A test that uses
 * them has a line " * Links: ssl crypto" in its first comment. */
#ifndef HYTHE_TESTS_CERTIFICATES_H
#define HYTHE_TESTS_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct certificate {
    X509 *x509;    /* owned */
    EVP_PKEY *key; /* owned; P-256 */
};

/* Make one for a subject; `names` is a subjectAltName as in openssl.cnf ("DNS:a.test,DNS:b.test")
 * or NULL. Without an issuer it is a CA that has signed itself. */
struct certificate certificate_make(const char *subject, const char *names,
                                    const struct certificate *issuer);
void certificate_done(struct certificate *certificate);

/* Write DIR/NAME.crt and DIR/NAME.key. */
void certificate_write(const struct certificate *certificate, const char *dir, const char *name);

struct tls_client {
    SSL_CTX *context; /* owned */
    SSL *ssl;         /* owned; between two memory BIOs */
    int fd;           /* borrowed: the other end of the server's socket, non-blocking */
};

/* Begin one that trusts nobody and checks nothing. Change context and ssl before it is driven. */
void tls_client_init(struct tls_client *client, int fd);
void tls_client_done(struct tls_client *client);

/* Carry up to `max` bytes from the client to the socket, and from the socket to the client. What
 * was carried; 0 when there was nothing, or no room. */
size_t tls_client_send(struct tls_client *client, size_t max);
size_t tls_client_receive(struct tls_client *client, size_t max);

#endif
