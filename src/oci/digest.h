/* SHA-256 digests as OCI writes them, "sha256:" and 64 hexadecimal digits. OpenSSL's libcrypto is
 * opened when the first one is made. */
#ifndef HYTHE_OCI_DIGEST_H
#define HYTHE_OCI_DIGEST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

enum {
    DIGEST_PREFIX_LEN = 7,
    DIGEST_TEXT_LEN = DIGEST_PREFIX_LEN + 64,
    DIGEST_TEXT_SIZE = DIGEST_TEXT_LEN + 1,
};

struct digest;

/* Begin a digest. 0 or a negative errno. */
int digest_new(struct digest **ret_digest, struct error *err);

/* Release it. NULL is fine. */
void digest_free(struct digest *digest);

/* Take in bytes. 0 or -EIO: libcrypto refused, which only lack of memory explains. */
int digest_update(struct digest *digest, struct span bytes);

/* Write the digest of all bytes taken in: the last thing to be done with it. 0 or -EIO. */
int digest_finish(struct digest *digest, char text[DIGEST_TEXT_SIZE]);

/* Write the digest of `bytes`. 0 or a negative errno. */
int digest_of(struct span bytes, char text[DIGEST_TEXT_SIZE], struct error *err);

/* Tell whether a text is a digest of this kind, spelt as it has to be. */
bool digest_is_valid(const char *text);

#endif
