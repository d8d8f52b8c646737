/* sha.c - SHA-256 by libcrypto, which uses the processor's own instructions for it.
 *
 * By its plain functions: the general ones (EVP) first load a provider, which takes longer than the
 * hash of a megabyte. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/file.h"

/* The struct is libcrypto's own under our name */
static SHA256_CTX *ctx(struct sha *s)
{
    return (SHA256_CTX *)s;
}

struct sha *sha_new(void)
{
    SHA256_CTX *c = OPENSSL_malloc(sizeof *c);

    if (!c || SHA256_Init(c) != 1) {
        fail(ST_SYS, "libcrypto gives no SHA-256");
        exit(done(ST_SYS));
    }
    return (struct sha *)c;
}

void sha_add(struct sha *s, const void *p, size_t n)
{
    BUG_IF(SHA256_Update(ctx(s), p, n) != 1);
}

void sha_end(struct sha *s, uint8_t out[32])
{
    BUG_IF(SHA256_Final(out, ctx(s)) != 1);
    OPENSSL_free(s);
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
