/* sha.c - SHA-256 by libcrypto, which uses the processor's own instructions for it. */
#include <openssl/evp.h>

#include "base/file.h"

/* The struct is libcrypto's own under our name */
static EVP_MD_CTX *ctx(struct sha *s)
{
    return (EVP_MD_CTX *)s;
}

struct sha *sha_new(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    if (!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1) {
        fail(ST_SYS, "libcrypto gives no SHA-256");
        exit(done(ST_SYS));
    }
    return (struct sha *)c;
}

void sha_add(struct sha *s, const void *p, size_t n)
{
    BUG_IF(EVP_DigestUpdate(ctx(s), p, n) != 1);
}

void sha_end(struct sha *s, uint8_t out[32])
{
    BUG_IF(EVP_DigestFinal_ex(ctx(s), out, NULL) != 1);
    EVP_MD_CTX_free(ctx(s));
}

void sha_of(const void *p, size_t n, uint8_t out[32])
{
    struct sha *s = sha_new();

    sha_add(s, p, n);
    sha_end(s, out);
}

void hex_of(const uint8_t *p, size_t n, char *out)
{
    static const char digit[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digit[p[i] >> 4];
        out[2 * i + 1] = digit[p[i] & 15];
    }
    out[2 * n] = 0;
}
