/* ops.h - every operation of a training step, the only description of each.
 *
 * An op enqueues and cannot fail: a wrong shape is a bug, a device fault is kept and comes back
 * from dev_sync().  Backends: cpu/ (here) and others, each with the same signatures, checked by the
 * compiler through ops.def.
 *
 * Two promises bind every backend.
 *  1. Same bits: the result does not depend on the number of threads.
 *  2. A row's bits do not depend on its company: in every forward op the value of a token depends,
 *     to the bit, on its own inputs and (attention) on its path from the root, never on N, its
 *     place in the batch or its neighbours, nor on where a path is cut into segments.  Weight
 *     gradients sum over tokens in a fixed order of the pack.
 * Weights w of a product, of the head and of a table to embed from may be BF16 where the device
 * says so (dev.half): the result is that of the same numbers as F32, to the bit.  All else is F32.
 * Gradients named d* are accumulated (+=) unless the contract says "="; outputs are written (=).
 * A gradient of a norm's weights whose p is NULL is not wanted. */
#ifndef OPS_H
#define OPS_H

#include "math/cache.h"
#include "math/dev.h"
#include "math/forest.h"

/* Where the draws of noise come from: row i of x has the key key[i], or key[at[i]] where at is
 * given (arrays on the device); p of the numbers, in whole 65536ths, become 0. */
struct draws { uint64_t seed, stream; const uint64_t *key; const int32_t *at; double p; };

/* step counts from 1, for bias correction. */
struct adamw { double lr, beta1, beta2, eps, decay; int64_t step; };

struct ops {
    /* y[N M] = x[N K] w[M K]^T + bias[M]; bias.p may be NULL.  With add, y += that. */
    void (*matmul)(struct dev *d, struct mat y, struct mat x, struct tensor w, struct tensor bias,
                   bool add);
    /* dx[N K] = dy[N M] w[M K]; with add, dx +=. */
    void (*matmul_dx)(struct dev *d, struct mat dx, struct mat dy, struct tensor w, bool add);
    /* dw[M K] += dy[N M]^T x[N K]; dbias[M] += column sums of dy, unless dbias.p is NULL. */
    void (*matmul_dw)(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                      struct mat x);
    /* The same with the weight lying transposed, as GPT-2's do: y[N M] = x[N K] w[K M] + bias[M],
     * dw[K M] += x[N K]^T dy[N M].  dx is a matmul() of dy by that w. */
    void (*matmul_t)(struct dev *d, struct mat y, struct mat x, struct tensor w, struct tensor bias,
                     bool add);
    void (*matmul_t_dw)(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                        struct mat x);

    /* x[N D] = table[token[i] D].  dtable += dx by rows, in the order of the tokens. */
    void (*embed)(struct dev *d, struct tensor x, struct tensor table, const int32_t *token);
    void (*embed_bwd)(struct dev *d, struct tensor dtable, struct tensor dx, const int32_t *token);

    /* y[n D] = x[at[i] D] and its transpose dx[at[i] D] += dy[i D], in the order of i (at may
     * repeat). */
    void (*gather)(struct dev *d, struct tensor y, struct tensor x, const int32_t *at);
    void (*gather_bwd)(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at);

    /* y[N D] = x / rms(x) * w[D], rms = sqrt(mean x^2 + eps); rstd[N] = 1 / rms kept.  Zhang &
     * Sennrich 2019, arXiv:1910.07467, eq. 4.  bwd: dx += ..., dw += ... */
    void (*rmsnorm)(struct dev *d, struct tensor y, struct tensor rstd, struct tensor x,
                    struct tensor w, double eps);
    void (*rmsnorm_bwd)(struct dev *d, struct tensor dx, struct tensor dw, struct tensor dy,
                        struct tensor x, struct tensor w, struct tensor rstd);

    /* y[N D] = (x - mean) * rstd * w + b; mean[N], rstd[N] kept.  Ba et al. 2016,
     * arXiv:1607.06450.  bwd: dx, dw, db += */
    void (*layernorm)(struct dev *d, struct tensor y, struct tensor mean, struct tensor rstd,
                      struct tensor x, struct tensor w, struct tensor b, double eps);
    void (*layernorm_bwd)(struct dev *d, struct tensor dx, struct tensor dw, struct tensor db,
                          struct tensor dy, struct tensor x, struct tensor w, struct tensor mean,
                          struct tensor rstd);

    /* Rotary embedding in place on the first R = 2 * n_freq numbers of each head, pairs (j, j +
     * n_freq) as GPT-NeoX and Hugging Face Llama have them: angle = pos[i] * freq[j].  sign +1
     * forward, -1 backward (the inverse rotation).  freq on the host, float64 angles.  Su et al.
     * 2021, arXiv:2104.09864. */
    void (*rope)(struct dev *d, struct heads x, const struct forest *f, const double *freq,
                 int64_t n_freq, int sign);

    /* o = softmax(scale * q k^T over what the forest lets token i see) v; lse[N H] = log of the
     * softmax's sum, kept.  q, o have H heads, k, v have G; head h uses h / (H / G).  window >
     * 0: only keys with position > own - window.  Keys are taken in the order of the path from
     * the root, in blocks cut by position. */
    void (*attention)(struct dev *d, struct heads o, struct tensor lse, struct heads q,
                      struct heads k, struct heads v, const struct forest *f, double scale,
                      int64_t window);
    /* dq, dk, dv = (written, not accumulated).  do_ is the gradient of o. */
    void (*attention_bwd)(struct dev *d, struct heads dq, struct heads dk, struct heads dv,
                          struct heads do_, struct heads o, struct tensor lse, struct heads q,
                          struct heads k, struct heads v, const struct forest *f, double scale,
                          int64_t window);

    /* The pack's keys and values (G heads, n_tokens rows) go to their places in the cache. */
    void (*cache_put)(struct dev *d, struct pages to, struct heads k, struct heads v,
                      const struct stretches *s);
    /* attention() of tokens whose keys and values, and those of all positions of their rows before
     * them, cache_put() has put: token i sees positions 0 to its own.  The bits of o are those
     * attention() gives for the whole row, wherever it was cut into stretches. */
    void (*attention_cache)(struct dev *d, struct heads o, struct heads q, struct pages c,
                            const struct stretches *s, double scale, int64_t window);

    /* y[N F] = silu(gate) * up.  bwd: dgate, dup = (may alias gate's and up's own buffers). */
    void (*swiglu)(struct dev *d, struct tensor y, struct tensor gate, struct tensor up);
    void (*swiglu_bwd)(struct dev *d, struct tensor dgate, struct tensor dup, struct tensor dy,
                       struct tensor gate, struct tensor up);
    /* y = gelu(x), exact (erf) or the tanh form.  bwd: dx = (may be dy or x). */
    void (*gelu)(struct dev *d, struct tensor y, struct tensor x, bool tanh_form);
    void (*gelu_bwd)(struct dev *d, struct tensor dx, struct tensor dy, struct tensor x,
                     bool tanh_form);

    /* y = a + b, elementwise; y may be a or b. */
    void (*add)(struct dev *d, struct tensor y, struct tensor a, struct tensor b);

    /* y = s * x, elementwise; y may be x. */
    void (*scale)(struct dev *d, struct tensor y, struct tensor x, double s);
    /* y[N D] = x where a draw of (seed, stream, the row's key, column) keeps it, times 1 / (1 - p),
     * else 0; with add, y += that.  y may be x.  It is its own backward. */
    void (*dropout)(struct dev *d, struct tensor y, struct tensor x, struct draws by, bool add);
    /* x[N D] += size[N] * u, u uniform in (-1, 1) by a draw of (seed, stream, the row's key,
     * column); by.p is not read.  It changes no gradient.  Jain et al. 2023, arXiv:2310.05914. */
    void (*jitter)(struct dev *d, struct tensor x, struct tensor size, struct draws by);

    /* The head: logp[i] = log softmax(x[i D] w[V D]^T)[target[i]] for n rows, in chunks: never a
     * [n V] buffer beyond `chunk` rows. lse[n] is kept; hit[n] = 1 where the target is the arg
     * max (first of equals), else 0; entropy[n] = that of the softmax, in nats.  With coef (n
     * numbers, dl/dlogp, known beforehand) the gradient is taken in the same pass: dx[n D] =,
     * dw[V D] +=; dw.p NULL: not wanted.  coef NULL: dx, dw untouched. */
    void (*logprob)(struct dev *d, struct tensor logp, struct tensor lse, struct tensor hit,
                    struct tensor entropy, struct tensor x, struct tensor w, const int32_t *target,
                    const float *coef, struct tensor dx, struct tensor dw);
    /* The gradient later, from lse: dx[n D] =, dw[V D] +=; dw.p NULL: not wanted. */
    void (*logprob_bwd)(struct dev *d, struct tensor dx, struct tensor dw, struct tensor x,
                        struct tensor w, struct tensor lse, const int32_t *target,
                        const float *coef);

    /* best[i] = where the largest of x[i V] is, the first of equals; -1 where one is NaN. */
    void (*argmax)(struct dev *d, int32_t *best, struct tensor x);

    /* *sum (device, double) += sum of x^2 in a fixed order, accumulated in double. */
    void (*sumsq)(struct dev *d, double *sum, struct tensor x);
    /* w, m, v in place from g * gscale; decoupled weight decay.  Loshchilov & Hutter 2017,
     * arXiv:1711.05101.  g is left as it is.  w may be BF16 with low: the floats that both are
     * (master.h) are updated. */
    void (*adamw)(struct dev *d, struct tensor w, struct tensor m, struct tensor v, struct tensor g,
                  double gscale, struct adamw h);
};

#define OP(name) extern __typeof__(*((struct ops *)0)->name) cpu_##name;
#include "math/ops.def"
#undef OP

extern const struct ops cpu_ops;

#endif
