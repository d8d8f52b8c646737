/* layer.h - what forward.c, backward.c, model.c and pass.c share: a layer's weights and a pass's
 * buffers.
 *
 * One layer serves all families:
 *
 *     Llama, GPT-2, NeoX in sequence          OLMo 2
 *     mid = x + attention(norm1(x))           mid = x + norm1(attention(x))
 *     out = mid + mlp(norm2(mid))             out = mid + norm2(mlp(mid))
 *
 *     NeoX in parallel
 *     out = x + attention(norm1(x)) + mlp(norm2(x))
 *
 * After the last attention only rows that a target reads go on: they are gathered there, so the
 * last layer's projections, its mlp, the final norm and the head run on n_targets rows.  Outputs of
 * norms and activations are computed again in the backward, products only where a pass keeps
 * nothing but the layers' inputs. */
#ifndef LAYER_H
#define LAYER_H

#include "model/next.h"
#include "model/lora.h"
#include "model/model.h"

struct norm {                                  /* b.p NULL: RMS norm */
    struct tensor w, b, dw, db;
};

/* What stands beside a linear (lora.h), or beside parts of its outputs, q, k and v of qkv: part i
 * adds s * b^T a_i x to those from `at` on.  a's parts lie one below the other, b lies turned. */
struct adapter {
    int           n;                           /* parts; 0: none */
    struct tensor a, da;                       /* [n r, in] */
    struct { struct tensor b, db; int64_t at; } part[3];   /* [r out] */
    bool          gathered;                    /* its rows are those of the targets */
    uint32_t      stream;                      /* of its dropout: that of its input */
};

struct linear {                                /* w[out in], turned w[in out]; b.p NULL: none */
    struct tensor w, b, dw, db;                /* dw.p NULL: it stands still */
    bool           turned;                     /* as GPT-2 has them */
    struct adapter adapter;
    int64_t        place;                      /* from below; beside model.lowest */
};

struct layer {
    struct norm   norm1, norm2;
    struct norm   q_norm, k_norm;              /* over E, or H E and G E; w.p NULL: none */
    struct linear q, k, v;                     /* rows of qkv's matrix, Llama only */
    struct linear qkv;                         /* [(H + 2G) E, D], one product for the three */
    struct linear out;                         /* [D, H E] */
    struct linear gate, up, down;              /* gate.w.p NULL in NeoX and GPT-2 */
    int64_t       window;                      /* 0: none */
};

/* What a layer keeps; all but x, qk, qkv, o and lse have n_targets rows in the last one. */
struct act {
    float *x;                                  /* [N D] its input */
    float *qk;                                 /* [N (H + G) E] q, k before their norms */
    float *qkv;                                /* [N (H + 2G) E] after rope */
    float *o, *lse;                            /* [N H E], [N H] */
    float *mid;                                /* [N D], not in parallel */
    float *gate, *up;                          /* [N F] */
    float *att, *ffn;                          /* [N D] before OLMo 2's norms of them */
};

struct pass {
    struct dev   *d;
    int64_t       max_tokens, max_targets;
    enum keep     keep;
    bool          bare;                        /* without adapters */
    size_t        n_bytes;
    void         *mem;                         /* one block for all of what follows */
    struct forest f;                           /* on the device */
    int64_t       n_targets;
    int32_t      *token, *at, *target;         /* of the pack, on the device */
    float        *coef;                        /* [n_targets] */
    struct act   *act;                         /* [L], host */
    float        *xg, *og;                     /* x and o of the last layer, n_targets rows */
    float        *xf, *h;                      /* final hidden rows; after the norm */
    float        *logp, *lse, *hit, *entropy, *dh;     /* [n_targets]; dh [n_targets D] */
    float        *mean, *rstd;                 /* scratch of norms */
    float        *t, *xn, *fa;                 /* scratch [rows D], [rows D], [rows F] */
    float        *dx, *dxg, *dxn, *dqkv, *dqk, *dout, *dog, *fb, *fc;    /* of the backward */
    float        *host;                        /* [max_targets], host */
    float        *lt, *ldt, *lx;               /* of adapters: s A x, its gradient; dropped x */
    const struct cache *cache;                 /* attention goes over it; NULL: over the forest */
    uint64_t     *key;                         /* [N] of the pack, for noise */
    float        *size;                        /* [N] of NEFTune's */
    struct noise  noise;
    bool          noisy, dropout;              /* the pass in hand is with noise; that of lora.c */
};

struct cache {
    struct model    *m;
    int64_t          n_pages, n_rows;
    float           *mem;                      /* keys, then values, of layer after layer */
    size_t           layer;                    /* floats of a layer's keys, or values */
    struct stretches s;                        /* of the pack in hand, on the device */
    float           *logits;                   /* [n_rows V] on the device */
    int32_t         *best;                     /* [n_rows] likewise */
};

/* Layer i's part of it. */
struct pages cache_pages(const struct cache *c, int64_t i);

/* q, k, v inside a qkv buffer of N tokens: NeoX lies [N H 3 E], Llama [N (H + 2G) E], with q and k
 * norms three blocks [N H E], [N G E], [N G E]. */
enum { HEADS_Q, HEADS_K, HEADS_V };
struct heads layer_heads(const struct config *c, float *qkv, int64_t N, int which);

/* The layers over what lies in p->token and p->f: p->h of the rows p->at. */
void model_layers(struct model *m, struct pass *p);

/* y = norm(x) for `rows` rows; mean and rstd go to the pass's scratch.  bwd: dx += */
void layer_norm(const struct model *m, struct pass *p, const struct norm *w, float *y, float *x,
                int64_t rows);
void layer_norm_bwd(const struct model *m, struct pass *p, const struct norm *w, float *dx,
                    float *dy, float *x, int64_t rows);

/* What the projections to q, k and v take: norm1 of the layer's input, made anew in the scratch
 * (with mean and rstd), or the input itself where norms come after. */
float *layer_input(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k);

/* Whether something below l trains, so that the gradient of its input is wanted. */
static inline bool layer_wants(const struct model *m, const struct linear *l)
{
    return m->lowest < l->place;
}

/* Parameters begin at whole vectors. */
#define PARAM_FLOATS 16
static inline int64_t round_params(int64_t floats)
{
    return (floats + PARAM_FLOATS - 1) / PARAM_FLOATS * PARAM_FLOATS;
}

/* The parameter's name as a number, so that its values do not depend on those around it. */
uint32_t model_name_hash(const char *name);

/* lora.c: the adapters of a model whose other parameters have their places; y += for `rows` rows of
 * x; and the gradients, dx += (NULL: not wanted).  ST_USAGE, ST_DATA: no such targets. */
enum st lora_new(struct model *m, bool train, struct arena *a) must_use;
void lora_forward(const struct model *m, struct pass *p, const struct linear *l, float *y, float *x,
                  int64_t rows);
void lora_backward(const struct model *m, struct pass *p, const struct linear *l, float *dx,
                   float *dy, float *x, int64_t rows);

/* Everything a layer keeps, from its input k->x: what the forward had there, to the bit.  Not for
 * the last layer, whose second half has other rows. */
void layer_anew(const struct model *m, struct pass *p, const struct layer *l, const struct act *k);

/* act = silu(gate) * up, or gelu(up) */
void layer_activation(const struct model *m, const struct act *k, float *act, int64_t rows);

/* Numbers a linear takes and gives. */
static inline int64_t linear_in(const struct linear *l)
{
    return l->w.d[l->turned ? 0 : 1];
}
static inline int64_t linear_out(const struct linear *l)
{
    return l->w.d[l->turned ? 1 : 0];
}

static inline struct mat layer_mat(float *p, int64_t rows, int64_t cols)
{
    return (struct mat){ p, rows, cols, cols };
}

/* The final norm, in the form of a layer's. */
struct norm model_final_norm(const struct model *m);

#endif
