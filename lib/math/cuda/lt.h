/* lt.h - the product behind all others, of cuBLASLt.
 *
 *     C[I J] = A[I K] B[K J] (+ C) (+ bias[J])          float32 sums, row-major
 *
 * Its kernel is the library's own first choice for the weights' shape and LT_TOKENS tokens, asked
 * for once and kept, whatever the number of tokens; where that kernel cannot do a number of tokens,
 * the first choice for that number. */
#ifndef LT_H
#define LT_H

#include "math/cuda/cuda.h"

#define LT_TOKENS 4096

struct lt_operand {
    const void *p;
    int64_t     ld;                            /* numbers between its rows */
    bool        turned;                        /* lies [K I] or [J K] */
};

struct lt_product {
    float            *c;
    const float      *bias;                    /* NULL: none */
    int64_t           ldc, I, J, K;
    struct lt_operand a, b;
    bool              bf16;                    /* of A and B, else float32 */
    bool              add;
    bool              tokens_summed;           /* K counts tokens, not I */
};

/* ST_SYS: the library is not there. */
enum st lt_open(struct dev *d) must_use;
void    lt_close(struct dev *d);
void    lt_run(struct dev *d, const struct lt_product *g);
const char *lt_version(void);                  /* what it was built for */

#endif
