/* scratch.c - how much the ops of a pass take for themselves, told beforehand.
 *
 * Scratch lies in blocks by who uses it (cuda.h), each as large as its largest demand: of the ops
 * the head's logits, attention's delta or the parts of a sum of columns; of the products bf16
 * copies of both operands, weights included; and what the library was given when it was opened. */
#include "math/cuda/cuda.h"

static size_t op_bytes(const struct dev_pass *p)
{
    int64_t rows = MAX(p->tokens, p->targets), wide = MAX(p->F, (p->H + 2 * p->G) * p->E), held;
    size_t most = cuda_logprob_bytes(p->targets, p->V, &held);

    most = MAX(most, cuda_attention_bytes(p->tokens, p->back ? p->tokens * p->H : 0));
    if (p->back) {
        most = MAX(most, cuda_columns_bytes(rows, MAX(p->D, wide)));    /* norms and biases */
        most = MAX(most, cuda_columns_bytes(p->tokens * p->H, p->E));   /* norms of heads */
    }
    return most;
}

/* Of y[n M] = x[n K] w[M K]^T and, on the way back, its two gradients. */
static size_t linear_bytes(const struct dev *d, int64_t n, int64_t K, int64_t M, bool back)
{
    size_t most = cuda_product_bytes(d, n, K, M, K);

    if (back) {
        most = MAX(most, cuda_product_bytes(d, n, M, M, K));
        most = MAX(most, cuda_product_bytes(d, n, M, n, K));
    }
    return most;
}

static size_t product_bytes(const struct dev *d, const struct dev_pass *p)
{
    int64_t rows = MAX(p->tokens, p->targets), held;
    size_t most = (size_t)p->tokens * sizeof(struct seg);  /* attention over a cache */

    most = MAX(most, linear_bytes(d, rows, p->D, (p->H + 2 * p->G) * p->E, p->back));
    most = MAX(most, linear_bytes(d, rows, p->H * p->E, p->D, p->back));
    most = MAX(most, linear_bytes(d, rows, p->D, p->F, p->back));
    most = MAX(most, linear_bytes(d, rows, p->F, p->D, p->back));
    cuda_logprob_bytes(p->targets, p->V, &held);
    return MAX(most, linear_bytes(d, held, p->D, p->V, p->back));
}

size_t cuda_scratch_most(const struct dev *d, const struct dev_pass *p)
{
    return op_bytes(p) + product_bytes(d, p) + d->own->scratch_bytes[CUDA_LIBRARY];
}
