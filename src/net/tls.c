/* TLS sessions on the server's side. See tls.h.
 *
 * Writing: a record is sealed whole, of up to 16 KiB gathered from the caller's pieces. When the
 * socket takes only a part of it, the rest waits in the wire, and the caller is told all but the
 * last byte: so it still has something to write, and comes back at the next edge. That byte is then
 * skipped, for it has gone with its record. */
#include "net/tls.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_internal.h"

enum { RECORD_MAX = SSL3_RT_MAX_PLAIN_LENGTH };

struct tls_session {
    struct tls_context *context; /* a reference */
    const struct openssl *ssl;   /* the context's */
    SSL *session;                /* owned */
    struct tls_wire wire;
    int error;          /* negative errno of what ended it; 0: none */
    bool is_open;       /* the handshake is done */
    bool has_ended;     /* the peer has sent close_notify */
    bool owes_outcome;  /* the end or an error is known and no read has told of it */
    bool is_byte_ahead; /* the next byte to write has been sealed already */
    char *client;       /* owned; the client certificate's subject */
};

static int set_wire(struct tls_session *session)
{
    const struct openssl *ssl = session->ssl;
    BIO *bio = ssl->bio_new(session->context->wire_method);
    if (bio == NULL) {
        return -ENOMEM;
    }
    ssl->bio_set_data(bio, &session->wire);
    ssl->bio_set_init(bio, 1);
    ssl->ssl_set_bio(session->session, bio, bio); /* takes it */
    return 0;
}

int tls_session_new(struct tls_context *context, int fd, struct tls_session **ret_session)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return -ENOMEM;
    }
    context->refs++;
    session->context = context;
    session->ssl = &context->ssl;
    tls_wire_init(&session->wire, session->ssl, fd);
    session->ssl->err_clear_error();
    session->session = session->ssl->ssl_new(context->certificates[0]);
    if (session->session == NULL || set_wire(session) < 0) {
        tls_session_free(session);
        return -ENOMEM;
    }
    session->ssl->ssl_set_accept_state(session->session);
    *ret_session = session;
    return 0;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL) {
        return;
    }
    session->ssl->ssl_free(session->session); /* and its BIO */
    tls_wire_done(&session->wire);
    tls_context_unref(session->context);
    free(session->client);
    free(session);
}

/* What a call that returned `n` has failed with: 0 for the peer's close_notify, -EAGAIN, or what
 * ends the session. */
static int outcome(struct tls_session *session, int n)
{
    switch (session->ssl->ssl_get_error(session->session, n)) {
    case SSL_ERROR_WANT_READ:
        session->wire.is_dry = true;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        session->has_ended = true;
        return 0;
    default:
        break;
    }
    /* The alert about an end without close_notify may fail as well; the end is the cause. */
    if (session->wire.is_eof) {
        session->error = -EIO;
    } else {
        session->error = session->wire.error != 0 ? session->wire.error : -EPROTO;
    }
    return session->error;
}

int tls_session_handshake(struct tls_session *session)
{
    if (session->error != 0) {
        return session->error;
    }
    int r = tls_wire_flush(&session->wire);
    if (r < 0 || session->is_open) {
        return r;
    }
    session->ssl->err_clear_error();
    int n = session->ssl->ssl_do_handshake(session->session);
    if (n != 1) {
        r = outcome(session, n);
        return r == 0 ? -EPROTO : r;
    }
    session->is_open = true;
    return tls_wire_flush(&session->wire);
}

/* -- reading ---------------------------------------------------------------------------------- */

int64_t tls_session_read(struct tls_session *session, uint8_t *to, size_t len)
{
    size_t got = 0;
    int r = 0;
    assert(session->is_open && len > 0);
    session->owes_outcome = false;
    if (session->error != 0 || session->has_ended) {
        return session->error;
    }
    r = tls_wire_flush(&session->wire); /* an answer to a change of keys may wait */
    if (r < 0 && r != -EAGAIN) {
        session->error = r; /* no edge would have a writer come and see */
        return r;
    }
    do {
        size_t part = len - got < INT_MAX ? len - got : INT_MAX;
        session->ssl->err_clear_error();
        int n = session->ssl->ssl_read(session->session, to + got, (int)part);
        if (n <= 0) {
            r = outcome(session, n);
            break;
        }
        got += (size_t)n;
    } while (got < len && session->ssl->ssl_has_pending(session->session));
    if (got == 0) {
        return r;
    }
    session->owes_outcome = session->error != 0 || session->has_ended;
    return (int64_t)got;
}

/* OpenSSL reads ahead, and calls the beginning of a record pending too. */
bool tls_session_has_pending(const struct tls_session *session)
{
    return session->owes_outcome ||
           (!session->wire.is_dry && session->ssl->ssl_has_pending(session->session) == 1);
}

bool tls_session_has_drained(const struct tls_session *session)
{
    return session->wire.is_drained && !tls_session_has_pending(session);
}

/* -- writing ---------------------------------------------------------------------------------- */

/* A place in the caller's pieces. */
struct cursor {
    const struct iovec *pieces; /* those not yet passed */
    int count;
    size_t at; /* in the first of them */
};

static void skip(struct cursor *cursor, size_t len)
{
    cursor->at += len;
    while (cursor->count > 0 && cursor->at >= cursor->pieces->iov_len) {
        cursor->at -= cursor->pieces->iov_len;
        cursor->pieces++;
        cursor->count--;
    }
}

/* The next record's bytes: where they lie, or gathered in `space` when they are scattered. */
static struct span gather(const struct cursor *cursor, uint8_t space[RECORD_MAX])
{
    const struct iovec *first = cursor->pieces;
    const uint8_t *data = (const uint8_t *)first->iov_base + cursor->at;
    size_t len = first->iov_len - cursor->at;
    if (cursor->count == 1 || len >= RECORD_MAX) {
        return (struct span){data, len < RECORD_MAX ? len : RECORD_MAX};
    }
    memcpy(space, data, len);
    for (int i = 1; i < cursor->count && len < RECORD_MAX; i++) {
        size_t room = RECORD_MAX - len;
        size_t part = cursor->pieces[i].iov_len < room ? cursor->pieces[i].iov_len : room;
        if (part > 0) {
            memcpy(space + len, cursor->pieces[i].iov_base, part);
            len += part;
        }
    }
    return (struct span){space, len};
}

static int seal(struct tls_session *session, struct span record)
{
    session->ssl->err_clear_error();
    int n = session->ssl->ssl_write(session->session, record.data, (int)record.len);
    return n > 0 ? n : outcome(session, n);
}

static int64_t write_records(struct tls_session *session, struct cursor cursor)
{
    uint8_t space[RECORD_MAX];
    int64_t done = 0;
    if (session->is_byte_ahead && cursor.count > 0) {
        session->is_byte_ahead = false;
        skip(&cursor, 1);
        done = 1;
    }
    while (cursor.count > 0) {
        int n = seal(session, gather(&cursor, space));
        if (n <= 0) { /* a failure at once: it has no edge that would bring the writer back */
            return n == -EAGAIN && done > 0 ? done : n;
        }
        skip(&cursor, (size_t)n);
        done += n;
        if (session->wire.backlog.len > 0) {
            session->is_byte_ahead = true;
            return done > 1 ? done - 1 : -EAGAIN;
        }
    }
    return done;
}

int64_t tls_session_write(struct tls_session *session, const struct iovec *pieces, int count)
{
    assert(session->is_open);
    struct cursor cursor = {.pieces = pieces, .count = count};
    skip(&cursor, 0);
    int64_t n = session->error != 0 ? session->error : tls_wire_flush(&session->wire);
    if (n == 0) {
        n = write_records(session, cursor);
    }
    return n == -ECONNRESET ? -EPIPE : n;
}

void tls_session_shutdown(struct tls_session *session)
{
    if (session->is_open && session->error == 0) {
        session->ssl->err_clear_error();
        (void)session->ssl->ssl_shutdown(session->session); /* does not wait for the peer's */
        (void)tls_wire_flush(&session->wire);               /* "if it can go now" */
    }
}

/* -- facts ------------------------------------------------------------------------------------ */

bool tls_session_is_h2(const struct tls_session *session)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    session->ssl->ssl_get0_alpn_selected(session->session, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

const char *tls_session_protocol(const struct tls_session *session)
{
    return session->ssl->ssl_get_version(session->session);
}

const char *tls_session_cipher(const struct tls_session *session)
{
    const struct openssl *ssl = session->ssl;
    return ssl->ssl_cipher_get_name(ssl->ssl_get_current_cipher(session->session));
}

const char *tls_session_server_name(const struct tls_session *session)
{
    return session->ssl->ssl_get_servername(session->session, TLSEXT_NAMETYPE_host_name);
}

/* Print a name with everything escaped that is not plain ASCII. NULL without memory. */
static char *print_name(const struct openssl *ssl, const X509_NAME *name)
{
    char *text = NULL;
    char *data = NULL;
    BIO *bio = ssl->bio_new(ssl->bio_s_mem());
    if (bio == NULL) {
        return NULL;
    }
    if (ssl->x509_name_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long len = ssl->bio_ctrl(bio, BIO_CTRL_INFO, 0, &data);
        text = len > 0 ? strndup(data, (size_t)len) : strdup("");
    }
    (void)ssl->bio_free(bio); /* has nothing to flush */
    return text;
}

const char *tls_session_client_subject(struct tls_session *session)
{
    const struct openssl *ssl = session->ssl;
    if (session->client == NULL && session->is_open) {
        X509 *certificate = ssl->ssl_get1_peer_certificate(session->session);
        if (certificate != NULL) {
            session->client = print_name(ssl, ssl->x509_get_subject_name(certificate));
            ssl->x509_free(certificate);
        }
    }
    return session->client;
}
