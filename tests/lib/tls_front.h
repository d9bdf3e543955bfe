/* The front of front.h inside TLS, with certificates made on the spot, and clients of it in the same
 * thread: TLS of which a test carries as many bytes as it likes, and HTTP/2 on top. A test that uses
 * them has a line " * Links: ssl crypto nghttp2" in its first comment. */
#ifndef HYTHE_TESTS_LIB_TLS_FRONT_H
#define HYTHE_TESTS_LIB_TLS_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/buffer.h"
#include "certificates.h"
#include "front.h"
#include "net/tls.h"

enum { TLS_FRONT_ALL = 1 << 20, TLS_FRONT_PATIENCE_MS = 5000 };

/* The server's certificate, and one that is signed by the CA of clients. */
enum { TLS_FRONT_SERVER, TLS_FRONT_CA, TLS_FRONT_VISITOR, TLS_FRONT_CERTIFICATES };

/* For cmocka: the certificates. */
int tls_front_set_up(void **state);
int tls_front_tear_down(void **state);
const struct certificate *tls_front_certificate(size_t which);

/* As front_open, with TLS and small socket buffers; front_close ends it. */
void tls_front_open(struct front *front, const struct http_server_options *options,
                    enum tls_client_auth auth);
void tls_front_open_plainly(struct front *front);

struct http_counts tls_front_counts(const struct front *front);
uint32_t tls_front_connections(const struct front *front);

/* Turn until there is no connection. */
void tls_front_await_none(struct front *front);

struct tls_peer {
    struct front *front;
    struct tls_client tls;
    int fd;
    struct buffer got; /* decrypted */
    bool has_goodbye;  /* close_notify has come */
    bool is_over;      /* so has the end of the socket, or an error */
};

/* Connect, without a word; or with the whole handshake. */
void tls_peer_connect(struct front *front, struct tls_peer *peer);
void tls_peer_open(struct front *front, struct tls_peer *peer);

/* Close the socket; with RST, which does not wait behind what nobody reads. */
void tls_peer_leave(struct tls_peer *peer);
void tls_peer_reset(struct tls_peer *peer);

/* ALPN, as OpenSSL takes it: lengths and names. `size` counts the NUL behind them. */
void tls_peer_offer(struct tls_peer *peer, const unsigned char *list, size_t size);

/* Carry `chunk` bytes a turn until the client is done (true), fails or is left. */
bool tls_peer_shake(struct tls_peer *peer, size_t chunk);

/* Seal bytes, which a later push carries. */
void tls_peer_send(struct tls_peer *peer, const void *bytes, size_t len);
void tls_peer_say(struct tls_peer *peer, const char *text);

/* Have the keys of both sides changed. */
void tls_peer_change_keys(struct tls_peer *peer);

/* Carry up to `max` bytes to the front, or from it; a turn is both, and one of the loop's. */
size_t tls_peer_push(struct tls_peer *peer, size_t max);
void tls_peer_pull(struct tls_peer *peer, size_t max);
void tls_peer_turn(struct tls_peer *peer, size_t max);

/* Has this text come? */
bool tls_peer_has(const struct tls_peer *peer, const char *text);

/* Turn until `len` bytes have come (true), or the end; until the end. */
bool tls_peer_await(struct tls_peer *peer, size_t len, size_t chunk);
void tls_peer_await_end(struct tls_peer *peer);

/* Turn until this text has come, in an answer with 200; forget what has come. */
void tls_peer_expect(struct tls_peer *peer, const char *content);

/* A request for /hello, and its answer. */
void tls_peer_hello(struct tls_peer *peer);

struct tls_h2 {
    struct tls_peer peer;
    nghttp2_session *ng;
    uint64_t left;    /* of the request's body */
    uint64_t content; /* bytes of the response */
    char status[4];
    bool is_closed; /* the stream, with `code` */
    uint32_t code;
};

void tls_h2_open(struct front *front, struct tls_h2 *h2);
void tls_h2_close(struct tls_h2 *h2);

/* Begin a request with a body of so many bytes. */
void tls_h2_request(struct tls_h2 *h2, const char *method, const char *path, uint64_t body);

/* Seal the frames that can go; a turn does that as well. */
void tls_h2_give(struct tls_h2 *h2);
void tls_h2_turn(struct tls_h2 *h2, size_t chunk);

/* Turn until the answer is there: 200 with so many bytes. */
void tls_h2_finish(struct tls_h2 *h2, uint64_t content, size_t chunk);
void tls_h2_hello(struct tls_h2 *h2);

#endif
