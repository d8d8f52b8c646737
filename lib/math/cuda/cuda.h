/* cuda.h - the CUDA backend on the host: what a device owns, its scratch, its fault.
 *
 * Written for Hopper, right from compute capability 8.0 on.  Everything goes through one stream and
 * nothing waits for it but dev_get() and dev_sync().  Tensors are float32 as everywhere; what is
 * multiplied is not:
 *
 *     cuda, cuda:N      products and attention round what they multiply to bf16, sum in float32
 *     cuda:N,f32        products in float32; attention multiplies three bf16 parts of each
 *                       number, which is float32 but for the last bit.  For checks; slow
 *
 * Promises of ops.h, here: same bits from the same numbers on the same card and libraries, always:
 * no float atomics, and cuBLASLt is never asked which of its kernels is fastest today.  A row's
 * bits do not show its company as far as cuBLASLt goes, which is asked once per weight matrix, not
 * per number of tokens, and never for a product with a split sum; `make check-gpu` holds it to
 * that.  In attention a key that is not finite reaches the queries of its own tile of 64 that stand
 * before it, since their weight for it, 0, is multiplied all the same. */
#ifndef CUDA_H
#define CUDA_H

#include <cuda_runtime_api.h>

#include "base/mem.h"
#include "math/ops.h"

#define OP(name) extern __typeof__(*((struct ops *)0)->name) cuda_##name;
#include "math/ops.def"
#undef OP

/* Scratch by who uses it: an op may take a product, and that a library. */
enum cuda_scratch { CUDA_OP, CUDA_PRODUCT, CUDA_LIBRARY, CUDA_SCRATCHES };

#define CUDA_STAGES     2                      /* uploads under way at once */
#define CUDA_STAGE_BYTES ((size_t)4 << 20)

struct cuda_stage { void *host; cudaEvent_t done; };   /* page-locked, and when it may be reused */

struct dev_own {
    int               id;                      /* among the machine's */
    bool              f32;
    char              name[16];                /* "cuda:0" */
    cudaStream_t      stream;
    struct buf        blocks;                  /* struct block: all that alloc gave */
    size_t            used_bytes;
    struct cuda_stage stage[CUDA_STAGES];
    int               next_stage;
    void             *scratch[CUDA_SCRATCHES];
    size_t            scratch_bytes[CUDA_SCRATCHES];
    struct lt        *lt;                      /* lt.h */
    struct arena     *a;
    enum st           fault;                   /* kept for dev_sync() */
};

/* At least n_bytes for whoever runs now, contents undefined; it grows to the largest demand and
 * stays. NULL: the fault is kept, and the op leaves its outputs as they are. */
void *cuda_scratch(struct dev *d, enum cuda_scratch whose, size_t n_bytes) must_use;

/* What ops ask of it: the head, whose logits are held for *rows of n; sums of columns; attention
 * over so many segments, with delta [N H] in its backward; a product's operands. */
size_t cuda_logprob_bytes(int64_t n, int64_t V, int64_t *rows);
size_t cuda_columns_bytes(int64_t n, int64_t D);
size_t cuda_attention_bytes(int64_t n_segs, int64_t floats);
size_t cuda_product_bytes(const struct dev *d, int64_t rows, int64_t cols, int64_t other_rows,
                          int64_t other_cols);
/* The most of it over a pass (dev.h). */
size_t cuda_scratch_most(const struct dev *d, const struct dev_pass *p);

/* Keeps the first fault; true: there was none. */
bool cuda_ok(struct dev *d, cudaError_t e, const char *what);
void cuda_fault(struct dev *d, const char *what);

#endif
