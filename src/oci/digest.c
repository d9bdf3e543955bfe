/* Digests by libcrypto. See digest.h. */
#include "oci/digest.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/container.h"
#include "base/library.h"

enum { SHA256_SIZE = 32 };

/* Each has the name and the type of OpenSSL's own, in lower case. */
struct libcrypto {
    __typeof__(EVP_MD_CTX_new) *evp_md_ctx_new;
    __typeof__(EVP_MD_CTX_free) *evp_md_ctx_free;
    __typeof__(EVP_sha256) *evp_sha256;
    __typeof__(EVP_DigestInit_ex) *evp_digest_init_ex;
    __typeof__(EVP_DigestUpdate) *evp_digest_update;
    __typeof__(EVP_DigestFinal_ex) *evp_digest_final_ex;
};

struct digest {
    struct libcrypto crypto;
    EVP_MD_CTX *context; /* owned */
};

static const struct library_function functions[] = {
    {"EVP_MD_CTX_new", offsetof(struct libcrypto, evp_md_ctx_new)},
    {"EVP_MD_CTX_free", offsetof(struct libcrypto, evp_md_ctx_free)},
    {"EVP_sha256", offsetof(struct libcrypto, evp_sha256)},
    {"EVP_DigestInit_ex", offsetof(struct libcrypto, evp_digest_init_ex)},
    {"EVP_DigestUpdate", offsetof(struct libcrypto, evp_digest_update)},
    {"EVP_DigestFinal_ex", offsetof(struct libcrypto, evp_digest_final_ex)},
};

static const struct library library = {
    .name = "libcrypto.so.3",
    .package = "libssl3",
    .purpose = "An image",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

int digest_new(struct digest **ret_digest, struct error *err)
{
    struct digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL) {
        (void)error_set(err, -ENOMEM, "out of memory for a digest");
        return -ENOMEM;
    }
    int r = library_open(&library, &digest->crypto, err);
    if (r < 0) {
        free(digest);
        return r;
    }
    const struct libcrypto *crypto = &digest->crypto;
    digest->context = crypto->evp_md_ctx_new();
    if (digest->context == NULL) {
        r = -ENOMEM;
    } else if (crypto->evp_digest_init_ex(digest->context, crypto->evp_sha256(),
                                          /* engine */ NULL) != 1) {
        r = -EIO;
    }
    if (r < 0) {
        digest_free(digest);
        return error_set_errno(err, r, "beginning a SHA-256 digest");
    }
    *ret_digest = digest;
    return 0;
}

void digest_free(struct digest *digest)
{
    if (digest == NULL) {
        return;
    }
    digest->crypto.evp_md_ctx_free(digest->context);
    free(digest);
}

int digest_update(struct digest *digest, struct span bytes)
{
    int ok = digest->crypto.evp_digest_update(digest->context, bytes.data, bytes.len);
    return ok == 1 ? 0 : -EIO;
}

int digest_finish(struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    int ok = digest->crypto.evp_digest_final_ex(digest->context, bytes, &len);
    if (ok != 1 || len != SHA256_SIZE) {
        return -EIO;
    }
    memcpy(text, "sha256:", DIGEST_PREFIX_LEN);
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        text[DIGEST_PREFIX_LEN + 2 * i] = digits[bytes[i] >> 4];
        text[DIGEST_PREFIX_LEN + 2 * i + 1] = digits[bytes[i] & 15];
    }
    text[DIGEST_TEXT_LEN] = '\0';
    return 0;
}

int digest_of(struct span bytes, char text[DIGEST_TEXT_SIZE], struct error *err)
{
    struct digest *digest = NULL;
    int r = digest_new(&digest, err);
    if (digest == NULL) {
        return r;
    }
    r = digest_update(digest, bytes);
    if (r == 0) {
        r = digest_finish(digest, text);
    }
    digest_free(digest);
    return r < 0 ? error_set_errno(err, r, "computing a SHA-256 digest") : 0;
}

bool digest_is_valid(const char *text)
{
    return strlen(text) == DIGEST_TEXT_LEN && memcmp(text, "sha256:", DIGEST_PREFIX_LEN) == 0 &&
           strspn(text + DIGEST_PREFIX_LEN, "0123456789abcdef") == 64;
}
