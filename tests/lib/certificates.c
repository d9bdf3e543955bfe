/* See certificates.h. */
#include "certificates.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void extend(X509 *x509, X509 *issuer, int what, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct certificate certificate_make(const char *subject, const char *names,
                                    const struct certificate *issuer)
{
    struct certificate made = {X509_new(), EVP_EC_gen("P-256")};
    assert_true(made.x509 != NULL && made.key != NULL);
    X509_NAME *name = X509_get_subject_name(made.x509);
    assert_int_equal(X509_set_version(made.x509, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made.x509), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made.x509), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)subject, -1, -1, 0),
                     1);
    X509 *by = issuer != NULL ? issuer->x509 : made.x509;
    assert_int_equal(X509_set_issuer_name(made.x509, X509_get_subject_name(by)), 1);
    assert_int_equal(X509_set_pubkey(made.x509, made.key), 1);
    extend(made.x509, by, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL) {
        extend(made.x509, by, NID_subject_alt_name, names);
    }
    assert_true(X509_sign(made.x509, issuer != NULL ? issuer->key : made.key, EVP_sha256()) > 0);
    return made;
}

void certificate_done(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct certificate){NULL, NULL};
}

void certificate_write(const struct certificate *certificate, const char *dir, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s.crt", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate->x509), 1);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s/%s.key", dir, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

/* -- the client ------------------------------------------------------------------------------- */

void tls_client_init(struct tls_client *client, int fd)
{
    *client = (struct tls_client){.context = SSL_CTX_new(TLS_client_method()), .fd = fd};
    assert_non_null(client->context);
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    SSL_set_bio(client->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client->ssl);
}

void tls_client_done(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    client->ssl = NULL;
    client->context = NULL;
}

size_t tls_client_send(struct tls_client *client, size_t max)
{
    char *data = NULL;
    char part[65536];
    long len = BIO_get_mem_data(SSL_get_wbio(client->ssl), &data);
    size_t want = (size_t)len < max ? (size_t)len : max;
    if (want == 0) {
        return 0;
    }
    want = want < sizeof part ? want : sizeof part;
    ssize_t n = send(client->fd, data, want, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return 0;
    }
    assert_int_equal(BIO_read(SSL_get_wbio(client->ssl), part, (int)n), n);
    return (size_t)n;
}

size_t tls_client_receive(struct tls_client *client, size_t max)
{
    char part[65536];
    ssize_t n = recv(client->fd, part, max < sizeof part ? max : sizeof part, MSG_DONTWAIT);
    if (n <= 0) {
        return 0;
    }
    assert_int_equal(BIO_write(SSL_get_rbio(client->ssl), part, (int)n), n);
    return (size_t)n;
}
