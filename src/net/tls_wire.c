/* A BIO over a non-blocking socket that always takes what is written. See tls_internal.h. */
#include <errno.h>
#include <sys/socket.h>

#include "net/tls_internal.h"

enum {
    /* What a peer can have us say without reading it: a flight of the handshake with a long chain
     * of certificates is the most. */
    BACKLOG_MAX = 256 * 1024,
    RETRY_READ = BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY,
};

void tls_wire_init(struct tls_wire *wire, const struct openssl *ssl, int fd)
{
    *wire = (struct tls_wire){.ssl = ssl, .fd = fd};
    buffer_init(&wire->backlog, BACKLOG_MAX);
}

void tls_wire_done(struct tls_wire *wire)
{
    buffer_done(&wire->backlog);
}

/* The number of bytes that went, perhaps 0; or a negative errno. */
static ssize_t send_some(const struct tls_wire *wire, const void *data, size_t len)
{
    ssize_t n = 0;
    do {
        n = send(wire->fd, data, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? 0 : -errno;
    }
    return n;
}

int tls_wire_flush(struct tls_wire *wire)
{
    if (wire->error == 0 && wire->backlog.len > 0) {
        ssize_t n = send_some(wire, wire->backlog.data, wire->backlog.len);
        if (n < 0) {
            wire->error = (int)n;
        } else if ((size_t)n == wire->backlog.len) {
            buffer_done(&wire->backlog);
        } else {
            buffer_consume(&wire->backlog, (size_t)n);
        }
    }
    if (wire->error != 0) {
        return wire->error;
    }
    return wire->backlog.len > 0 ? -EAGAIN : 0;
}

/* -- what OpenSSL calls ----------------------------------------------------------------------- */

/* OpenSSL hands a callback nothing but the BIO, so the way from there to our data cannot come from
 * a context. Hence this one static: set once, to the only value it can have in a process. */
static __typeof__(BIO_get_data) *bio_get_data;

static int on_write(BIO *bio, const char *data, int len)
{
    struct tls_wire *wire = bio_get_data(bio);
    const uint8_t *bytes = (const uint8_t *)data;
    size_t left = (size_t)len;
    wire->ssl->bio_clear_flags(bio, RETRY_READ); /* a failure would look like the read's wait */
    int r = tls_wire_flush(wire);
    if (r == 0) {
        ssize_t n = send_some(wire, bytes, left);
        if (n >= 0) {
            bytes += n;
            left -= (size_t)n;
        } else {
            r = (int)n;
        }
    }
    if ((r == 0 && left > 0) || r == -EAGAIN) {
        r = buffer_append(&wire->backlog, (struct span){bytes, left});
    }
    if (r < 0) {
        wire->error = r;
        return -1;
    }
    return len;
}

static int on_read(BIO *bio, char *to, int len)
{
    struct tls_wire *wire = bio_get_data(bio);
    ssize_t n = 0;
    wire->ssl->bio_clear_flags(bio, RETRY_READ);
    do {
        n = recv(wire->fd, to, (size_t)len, 0);
    } while (n < 0 && errno == EINTR);
    wire->is_drained = n < len && n != 0;
    wire->is_dry = wire->is_dry && n <= 0;
    if (n == 0) {
        wire->is_eof = true;
    } else if (n < 0 && errno == EAGAIN) {
        wire->ssl->bio_set_flags(bio, RETRY_READ);
    } else if (n < 0) {
        wire->error = -errno;
    }
    return (int)n;
}

static long on_ctrl(BIO *bio, int what, long number, void *pointer)
{
    const struct tls_wire *wire = bio_get_data(bio);
    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH: /* what remains goes when the socket takes it */
        return 1;
    case BIO_CTRL_EOF:
        return wire->is_eof;
    default:
        return 0;
    }
}

BIO_METHOD *tls_wire_method_new(const struct openssl *ssl)
{
    BIO_METHOD *method = ssl->bio_meth_new(BIO_TYPE_SOURCE_SINK, "hythe");
    if (method != NULL) {
        bio_get_data = ssl->bio_get_data;
        (void)ssl->bio_meth_set_write(method, on_write); /* these cannot fail */
        (void)ssl->bio_meth_set_read(method, on_read);
        (void)ssl->bio_meth_set_ctrl(method, on_ctrl);
    }
    return method;
}
