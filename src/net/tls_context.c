/* What sessions begin with: files, protocols, and the choice of a certificate. See tls.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/tls_internal.h"

enum {
    FILE_MAX = 4 * 1024 * 1024,
    READ_AT_ONCE = 64 * 1024, /* all of a key: no copy of it stays behind when the buffer grows */
    CERTIFICATES_MAX = 1024,
};

/* Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Tickets are good for the contexts of one program only; they are sealed with a context's key. */
static const unsigned char session_id[] = "hythe";

/* -- files ------------------------------------------------------------------------------------ */

static int read_all(int fd, struct buffer *to)
{
    ssize_t n = 0;
    do {
        int r = buffer_reserve(to, READ_AT_ONCE);
        if (r < 0) {
            return r;
        }
        n = read(fd, to->data + to->len, to->cap - to->len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        to->len += n > 0 ? (size_t)n : 0;
    } while (n != 0);
    return 0;
}

static int read_file(const char *path, const char *what, struct buffer *to, struct error *err)
{
    /* A pipe that somebody named by mistake is not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot read the %s \"%s\"", what, path);
    }
    int r = read_all(fd, to);
    (void)close(fd); /* was only read */
    if (r == -EMSGSIZE) {
        return error_set(err, r, "the %s \"%s\" is longer than 4 MiB: name a PEM file", what, path);
    }
    return r < 0 ? error_set_errno(err, r, "cannot read the %s \"%s\"", what, path) : 0;
}

/* A PEM file in memory, for OpenSSL. */
struct pem {
    const char *path; /* borrowed */
    const char *what; /* "certificate" and the like, for messages */
    struct buffer text;
    BIO *bio;
};

static int pem_open(const struct openssl *ssl, struct pem *pem, struct error *err)
{
    buffer_init(&pem->text, FILE_MAX);
    int r = read_file(pem->path, pem->what, &pem->text, err);
    if (r == 0 && pem->text.len == 0) {
        r = error_set(err, -EINVAL, "the %s \"%s\" is empty", pem->what, pem->path);
    }
    if (r == 0) {
        pem->bio = ssl->bio_new_mem_buf(pem->text.data, (int)pem->text.len);
        r = pem->bio == NULL ? error_set_errno(err, -ENOMEM, "cannot read \"%s\"", pem->path) : 0;
    }
    return r;
}

static void pem_done(const struct openssl *ssl, struct pem *pem)
{
    if (pem->bio != NULL) {
        (void)ssl->bio_free(pem->bio); /* has nothing to flush */
    }
    if (pem->text.data != NULL) {
        explicit_bzero(pem->text.data, pem->text.cap); /* may be a key */
    }
    buffer_done(&pem->text);
}

static bool pem_has(const struct pem *pem, const char *words)
{
    return memmem(pem->text.data, pem->text.len, words, strlen(words)) != NULL;
}

/* OpenSSL's last words on why something failed. */
static const char *reason(const struct openssl *ssl)
{
    const char *words = ssl->err_reason_error_string(ssl->err_peek_last_error());
    return words != NULL ? words : "OpenSSL gives no reason";
}

/* -- certificates and keys -------------------------------------------------------------------- */

typedef int certificate_fn(const struct openssl *ssl, SSL_CTX *context, X509 *certificate,
                           uint32_t nth);

/* Hand each certificate of a file to `use`. */
static int each_certificate(const struct openssl *ssl, struct pem *pem, SSL_CTX *context,
                            certificate_fn *use, struct error *err)
{
    uint32_t count = 0;
    int r = 0;
    while (r == 0) {
        ssl->err_clear_error();
        X509 *certificate = ssl->pem_read_bio_x509(pem->bio, NULL, NULL, NULL);
        if (certificate == NULL) {
            break;
        }
        r = use(ssl, context, certificate, count);
        ssl->x509_free(certificate);
        count++;
    }
    if (r < 0) {
        return error_set(err, r, "the %s \"%s\" cannot be used: %s", pem->what, pem->path,
                         reason(ssl));
    }
    /* Behind the last one there is no other beginning; anything else is a broken one. */
    bool is_end = ERR_GET_REASON(ssl->err_peek_last_error()) == PEM_R_NO_START_LINE;
    ssl->err_clear_error();
    if (count == 0 && is_end) {
        bool is_key = pem_has(pem, "PRIVATE KEY-----");
        return error_set(err, -EINVAL, "the %s \"%s\" holds no certificate: %s", pem->what,
                         pem->path,
                         is_key ? "it is a private key; are the two files exchanged?"
                                : "it must be a PEM file with -----BEGIN CERTIFICATE-----");
    }
    if (!is_end) {
        return error_set(err, -EINVAL,
                         "the %s \"%s\" is damaged: its certificate number %u cannot be read; "
                         "write the file anew",
                         pem->what, pem->path, count + 1);
    }
    return 0;
}

static int use_certificate(const struct openssl *ssl, SSL_CTX *context, X509 *certificate,
                           uint32_t nth)
{
    if (nth == 0) {
        return ssl->ssl_ctx_use_certificate(context, certificate) == 1 ? 0 : -EINVAL;
    }
    /* SSL_CTX_add1_chain_cert() */
    return ssl->ssl_ctx_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, certificate) == 1 ? 0 : -EINVAL;
}

static int use_client_ca(const struct openssl *ssl, SSL_CTX *context, X509 *certificate,
                         uint32_t nth)
{
    (void)nth;
    X509_STORE *store = ssl->ssl_ctx_get_cert_store(context);
    bool is_used = ssl->x509_store_add_cert(store, certificate) == 1 &&
                   ssl->ssl_ctx_add_client_ca(context, certificate) == 1;
    return is_used ? 0 : -EINVAL;
}

/* Nobody is there to be asked for a passphrase. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int on_passphrase(char *to, int size, int is_writing, void *asked)
{
    (void)to;
    (void)size;
    (void)is_writing;
    *(bool *)asked = true;
    return -1;
}

static int read_key(const struct openssl *ssl, struct pem *pem, EVP_PKEY **ret_key,
                    struct error *err)
{
    bool is_locked = false;
    ssl->err_clear_error();
    *ret_key = ssl->pem_read_bio_privatekey(pem->bio, NULL, on_passphrase, &is_locked);
    if (*ret_key != NULL) {
        return 0;
    }
    if (is_locked) {
        return error_set(err, -EINVAL,
                         "the %s \"%s\" is locked with a passphrase, and nobody is there to be "
                         "asked; write it without one: openssl pkey -in FILE -out NEW-FILE",
                         pem->what, pem->path);
    }
    if (pem_has(pem, "PRIVATE KEY-----")) {
        return error_set(err, -EINVAL, "the %s \"%s\" is damaged: %s", pem->what, pem->path,
                         reason(ssl));
    }
    bool is_other = pem_has(pem, "BEGIN CERTIFICATE-----");
    return error_set(err, -EINVAL, "the %s \"%s\" holds no private key: %s", pem->what, pem->path,
                     is_other ? "it is a certificate; are the two files exchanged?"
                              : "it must be a PEM file with -----BEGIN PRIVATE KEY-----");
}

static int use_key(const struct openssl *ssl, SSL_CTX *context, const struct tls_certificate *files,
                   struct error *err)
{
    struct pem pem = {.path = files->key, .what = "key file"};
    EVP_PKEY *key = NULL;
    int r = pem_open(ssl, &pem, err);
    r = r == 0 ? read_key(ssl, &pem, &key, err) : r;
    if (r == 0 && ssl->x509_check_private_key(ssl->ssl_ctx_get0_certificate(context), key) != 1) {
        r = error_set(err, -EINVAL,
                      "the key file \"%s\" does not belong to the certificate file \"%s\": name "
                      "the key that the certificate was made with, and put the server's own "
                      "certificate first in its file",
                      files->key, files->certificate);
    }
    if (r == 0 && ssl->ssl_ctx_use_privatekey(context, key) != 1) {
        r = error_set(err, -EINVAL, "the key file \"%s\" cannot be used: %s", files->key,
                      reason(ssl));
    }
    ssl->evp_pkey_free(key);
    pem_done(ssl, &pem);
    return r;
}

static int use_files(const struct openssl *ssl, SSL_CTX *context,
                     const struct tls_certificate *files, struct error *err)
{
    struct pem pem = {.path = files->certificate, .what = "certificate file"};
    int r = pem_open(ssl, &pem, err);
    r = r == 0 ? each_certificate(ssl, &pem, context, use_certificate, err) : r;
    pem_done(ssl, &pem);
    return r == 0 ? use_key(ssl, context, files, err) : r;
}

static int use_clients(const struct openssl *ssl, SSL_CTX *context,
                       const struct tls_options *options, struct error *err)
{
    if (options->client_auth == TLS_CLIENT_NONE) {
        return 0;
    }
    if (options->client_ca == NULL) {
        return error_set(err, -EINVAL,
                         "client certificates are asked for, and no file says which CAs may have "
                         "signed them; name one");
    }
    struct pem pem = {.path = options->client_ca, .what = "file of client CAs"};
    int r = pem_open(ssl, &pem, err);
    r = r == 0 ? each_certificate(ssl, &pem, context, use_client_ca, err) : r;
    pem_done(ssl, &pem);
    bool is_required = options->client_auth == TLS_CLIENT_REQUIRED;
    ssl->ssl_ctx_set_verify(
        context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return r;
}

/* -- the choices of a handshake --------------------------------------------------------------- */

static SSL_CTX *find_certificate(const struct tls_context *context, const char *name,
                                 unsigned flags)
{
    const struct openssl *ssl = &context->ssl;
    for (uint32_t i = 0; i < context->certificate_count; i++) {
        X509 *certificate = ssl->ssl_ctx_get0_certificate(context->certificates[i]);
        if (ssl->x509_check_host(certificate, name, strlen(name), flags, NULL) == 1) {
            return context->certificates[i];
        }
    }
    return NULL;
}

/* One that has the very name goes before one whose wildcard has it. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int on_server_name(SSL *session, int *ret_alert, void *data)
{
    const struct tls_context *context = data;
    const char *name = context->ssl.ssl_get_servername(session, TLSEXT_NAMETYPE_host_name);
    (void)ret_alert;
    if (name == NULL || context->certificate_count < 2) {
        return SSL_TLSEXT_ERR_OK;
    }
    SSL_CTX *found = find_certificate(context, name, X509_CHECK_FLAG_NO_WILDCARDS);
    if (found == NULL) {
        found = find_certificate(context, name, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    if (found != NULL) {
        (void)context->ssl.ssl_set_ssl_ctx(session, found); /* out of memory: the first one */
    }
    return SSL_TLSEXT_ERR_OK;
}

/* Find a protocol in the client's list, names with a byte of length before each. */
static const unsigned char *find_protocol(const unsigned char *list, unsigned len, const char *name)
{
    unsigned want = (unsigned)strlen(name);
    for (unsigned at = 0; at < len && list[at] < len - at; at += list[at] + 1U) {
        if (list[at] == want && memcmp(list + at + 1, name, want) == 0) {
            return list + at;
        }
    }
    return NULL;
}

static int on_protocols(SSL *session, const unsigned char **ret_name, unsigned char *ret_len,
                        const unsigned char *list, unsigned len, void *data)
{
    const struct tls_context *context = data;
    (void)session;
    const unsigned char *found = context->offers_h2 ? find_protocol(list, len, "h2") : NULL;
    if (found == NULL) {
        found = find_protocol(list, len, "http/1.1");
    }
    if (found == NULL) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2: no_application_protocol */
    }
    *ret_name = found + 1;
    *ret_len = found[0];
    return SSL_TLSEXT_ERR_OK;
}

/* -- contexts --------------------------------------------------------------------------------- */

static int set_protocol(const struct tls_context *context, SSL_CTX *made, bool is_13_only)
{
    const struct openssl *ssl = &context->ssl;
    long oldest = is_13_only ? TLS1_3_VERSION : TLS1_2_VERSION;
    (void)ssl->ssl_ctx_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                             SSL_OP_CIPHER_SERVER_PREFERENCE |
                                             SSL_OP_PRIORITIZE_CHACHA);
    (void)ssl->ssl_ctx_ctrl(made, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
    (void)ssl->ssl_ctx_ctrl(made, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    /* Resumption is by tickets, which cost the server no memory. */
    (void)ssl->ssl_ctx_ctrl(made, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    if (ssl->ssl_ctx_ctrl(made, SSL_CTRL_SET_MIN_PROTO_VERSION, oldest, NULL) != 1 ||
        ssl->ssl_ctx_set_cipher_list(made, ciphers) != 1 ||
        ssl->ssl_ctx_set_session_id_context(made, session_id, sizeof session_id - 1) != 1) {
        return -ENOMEM;
    }
    return 0;
}

static void set_callbacks(struct tls_context *context, SSL_CTX *made)
{
    const struct openssl *ssl = &context->ssl;
    void (*on_name)(void) = NULL;
    int (*const callback)(SSL *, int *, void *) = on_server_name;
    memcpy(&on_name, &callback, sizeof on_name); /* OpenSSL has one type for all of these */
    (void)ssl->ssl_ctx_callback_ctrl(made, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, on_name);
    (void)ssl->ssl_ctx_ctrl(made, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, context);
    ssl->ssl_ctx_set_alpn_select_cb(made, on_protocols, context);
}

static int add_certificate(struct tls_context *context, const struct tls_options *options,
                           uint32_t index, struct error *err)
{
    const struct openssl *ssl = &context->ssl;
    ssl->err_clear_error();
    SSL_CTX *made = ssl->ssl_ctx_new(ssl->tls_server_method());
    if (made == NULL) {
        return error_set(err, -ENOMEM, "OpenSSL cannot make a context: %s", reason(ssl));
    }
    context->certificates[index] = made;
    context->certificate_count = index + 1;
    if (set_protocol(context, made, options->is_13_only) < 0) {
        return error_set(err, -EINVAL, "OpenSSL does not take hythe's protocols and ciphers: %s",
                         reason(ssl));
    }
    set_callbacks(context, made);
    int r = use_files(ssl, made, &options->certificates[index], err);
    return r == 0 ? use_clients(ssl, made, options, err) : r;
}

int tls_context_new(const struct tls_options *options, struct tls_context **ret_context,
                    struct error *err)
{
    if (options->certificate_count == 0 || options->certificate_count > CERTIFICATES_MAX) {
        return error_set(err, -EINVAL, "TLS needs a certificate and its key, and takes %d at most",
                         CERTIFICATES_MAX);
    }
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        return error_set_errno(err, -ENOMEM, "cannot set up TLS");
    }
    context->refs = 1;
    context->offers_h2 = options->offers_h2;
    int r = openssl_open(&context->ssl, err);
    if (r < 0) {
        goto fail;
    }
    context->wire_method = tls_wire_method_new(&context->ssl);
    context->certificates = calloc(options->certificate_count, sizeof(SSL_CTX *));
    if (context->wire_method == NULL || context->certificates == NULL) {
        r = error_set_errno(err, -ENOMEM, "cannot set up TLS");
        goto fail;
    }
    for (uint32_t i = 0; i < options->certificate_count; i++) {
        r = add_certificate(context, options, i, err);
        if (r < 0) {
            goto fail;
        }
    }
    *ret_context = context;
    return 0;

fail:
    tls_context_unref(context);
    return r;
}

void tls_context_ref(struct tls_context *context)
{
    context->refs++;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL || --context->refs > 0) {
        return;
    }
    for (uint32_t i = 0; context->certificates != NULL && i < context->certificate_count; i++) {
        context->ssl.ssl_ctx_free(context->certificates[i]);
    }
    free(context->certificates);
    if (context->wire_method != NULL) {
        context->ssl.bio_meth_free(context->wire_method);
    }
    free(context);
}
