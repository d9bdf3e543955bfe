/* TLS on the server's side, by OpenSSL: TLS 1.2 and later, ALPN "h2" and "http/1.1", several
 * certificates by name (SNI), optional client certificates. */
#ifndef HYTHE_NET_TLS_H
#define HYTHE_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

struct tls_context;
struct tls_session;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

struct tls_certificate {
    const char *certificate; /* path of a PEM file: the certificate and its chain */
    const char *key;         /* path of a PEM file */
};

struct tls_options {
    const struct tls_certificate *certificates; /* the first one is for names none is for */
    uint32_t certificate_count;
    const char *client_ca; /* path of a PEM file of CAs; NULL: none */
    enum tls_client_auth client_auth;
    bool is_13_only;
    bool offers_h2;
};

/* Make a context; the files are read now. 0, or a negative errno with the file, the reason and what
 * to do in `err`. Reloading is making another one: sessions keep the context they began with. */
int tls_context_new(const struct tls_options *options, struct tls_context **ret_context,
                    struct error *err);

/* Take a reference, or drop one; sessions hold their own. NULL is fine for unref. */
void tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* Begin the server's side of a session on the connected socket `fd`, which is borrowed. 0 or
 * -ENOMEM. */
int tls_session_new(struct tls_context *context, int fd, struct tls_session **ret_session);
void tls_session_free(struct tls_session *session);

/* Go on with the handshake. 0 when it is done; -EAGAIN when the peer must send or take more first;
 * -EPROTO or another negative errno when it has failed. */
int tls_session_handshake(struct tls_session *session);

/* As net_stream_read and net_stream_write. */
int64_t tls_session_read(struct tls_session *session, uint8_t *to, size_t len);
int64_t tls_session_write(struct tls_session *session, const struct iovec *pieces, int count);
bool tls_session_has_pending(const struct tls_session *session);

/* Has the last read emptied the socket and what was decrypted of it? */
bool tls_session_has_drained(const struct tls_session *session);

/* Send close_notify, if it can go now. */
void tls_session_shutdown(struct tls_session *session);

bool tls_session_is_h2(const struct tls_session *session);

/* Facts for logs and CGI, borrowed: "TLSv1.3"; the cipher's name; the name the client asked for or
 * NULL; the client certificate's subject (RFC 2253) or NULL when it showed none. */
const char *tls_session_protocol(const struct tls_session *session);
const char *tls_session_cipher(const struct tls_session *session);
const char *tls_session_server_name(const struct tls_session *session);
const char *tls_session_client_subject(struct tls_session *session);

#endif
