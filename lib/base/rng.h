/* rng.h - randomness as a function: draws and permutations of (seed, stream, index).
 *
 * No hidden state, so every run resumes anywhere and no rank has to agree with another.  `stream`
 * names the use (one constant per purpose, below), `index` counts within it.  The values are part
 * of the file formats' promise "same seed, same bytes": they never change; tests hold them. */
#ifndef RNG_H
#define RNG_H

#include "base/base.h"

enum rng_stream {                             /* high bits of the stream; low 32 are the caller's */
    RNG_INIT    = 1,                           /* initial weights */
    RNG_SHUFFLE = 2,                           /* row order */
    RNG_DRAW    = 3,                           /* policy draws */
    RNG_NOISE   = 4,                           /* dropout, NEFTune */
    RNG_SAMPLE  = 5,                           /* generation */
    RNG_TEST    = 6,
};
#define RNG_STREAM(purpose, sub) (((uint64_t)(purpose) << 32) | (uint32_t)(sub))

uint64_t rng(uint64_t seed, uint64_t stream, uint64_t index);          /* 64 uniform bits */
double   rng_unit(uint64_t seed, uint64_t stream, uint64_t index);     /* [0, 1), 53 bits */
double   rng_normal(uint64_t seed, uint64_t stream, uint64_t index);   /* mean 0, variance 1 */

/* Where index i < n goes under the keyed permutation of [0, n): a bijection, O(1), no memory
 * (Feistel network with cycle walking). */
uint64_t rng_perm(uint64_t seed, uint64_t stream, uint64_t n, uint64_t i);

#endif
