/* layer.h - what forward.c, backward.c, model.c and pass.c share: a layer's weights and a pass's
 * buffers.
 *
 * One layer serves both families:
 *
 *     Llama, NeoX in sequence                 NeoX in parallel
 *     mid = x + attention(norm1(x))           out = x + attention(norm1(x)) + mlp(norm2(x))
 *     out = mid + mlp(norm2(mid))
 *
 * After the last attention only rows that a target reads go on: they are gathered there, so the
 * last layer's projections, its mlp, the final norm and the head run on n_targets rows.  Outputs of
 * norms and activations are computed again in the backward, products never are. */
#ifndef LAYER_H
#define LAYER_H

#include "model/model.h"

struct norm {                                  /* b.p NULL: RMS norm */
    struct tensor w, b, dw, db;
};

struct linear {                                /* w[out in]; b.p NULL: none */
    struct tensor w, b, dw, db;
};

struct layer {
    struct norm   norm1, norm2;
    struct norm   q_norm, k_norm;              /* over a head's width; w.p NULL: none */
    struct linear q, k, v;                     /* rows of qkv's matrix, Llama only */
    struct linear qkv;                         /* [(H + 2G) E, D], one product for the three */
    struct linear out;                         /* [D, H E] */
    struct linear gate, up, down;              /* gate.w.p NULL in NeoX */
};

/* What a layer keeps; mid, gate and up of the last one have n_targets rows. */
struct act {
    float *x;                                  /* [N D] its input */
    float *qk;                                 /* [N (H + G) E] q, k before their norms */
    float *qkv;                                /* [N (H + 2G) E] after rope */
    float *o, *lse;                            /* [N H E], [N H] */
    float *mid;                                /* [N D], not in parallel */
    float *gate, *up;                          /* [N F] */
};

struct pass {
    struct dev   *d;
    int64_t       max_tokens, max_targets;
    bool          keep;
    size_t        n_bytes;
    void         *mem;                         /* one block for all of what follows */
    struct forest f;                           /* on the device */
    int64_t       n_targets;
    int32_t      *token, *at, *target;         /* of the pack, on the device */
    float        *coef;                        /* [n_targets] */
    struct act   *act;                         /* [L], host */
    float        *xg, *og;                     /* x and o of the last layer, n_targets rows */
    float        *xf, *h;                      /* final hidden rows; after the norm */
    float        *logp, *lse, *hit, *dh;       /* [n_targets]; dh [n_targets D] */
    float        *mean, *rstd;                 /* scratch of norms */
    float        *t, *xn, *fa;                 /* scratch [rows D], [rows D], [rows F] */
    float        *dx, *dxg, *dxn, *dqkv, *dqk, *dout, *dog, *fb, *fc;    /* of the backward */
    float        *host;                        /* [max_targets], host */
};

/* q, k, v inside a qkv buffer of N tokens: NeoX lies [N H 3 E], Llama [N (H + 2G) E], with q and k
 * norms three blocks [N H E], [N G E], [N G E]. */
enum { HEADS_Q, HEADS_K, HEADS_V };
struct heads layer_heads(const struct config *c, float *qkv, int64_t N, int which);

/* y = norm(x) for `rows` rows; mean and rstd go to the pass's scratch.  bwd: dx += */
void layer_norm(const struct model *m, struct pass *p, const struct norm *w, float *y, float *x,
                int64_t rows);
void layer_norm_bwd(const struct model *m, struct pass *p, const struct norm *w, float *dx,
                    float *dy, float *x, int64_t rows);

/* act = silu(gate) * up, or gelu(up) */
void layer_activation(const struct model *m, const struct act *k, float *act, int64_t rows);

static inline struct mat layer_mat(float *p, int64_t rows, int64_t cols)
{
    return (struct mat){ p, rows, cols, cols };
}

/* The final norm, in the form of a layer's. */
struct norm model_final_norm(const struct model *m);

#endif
