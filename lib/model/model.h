/* model.h - a transformer on one screen: description, parameters, packed batch, forward, backward.
 *
 * Families: Llama (Llama 2 and 3, SmolLM 1 and 2, Mistral, Qwen 2 and 3, OLMo 2), GPT-NeoX, GPT-2.
 * The model knows layers; it knows no losses and no records: it gives the log-probability of chosen
 * tokens and takes dl/dlogp back.  Names, shapes and layout of parameters are Hugging Face's, so
 * weights go in and out unchanged. */
#ifndef MODEL_H
#define MODEL_H

#include "base/json.h"
#include "math/ops.h"

enum family { FAMILY_LLAMA, FAMILY_NEOX, FAMILY_GPT2 };
enum qk_norm {
    QK_NORM_NONE,
    QK_NORM_HEAD,                              /* RMS norm of each head's q and k (Qwen 3) */
    QK_NORM_WIDTH,                             /* of all heads' together (OLMo 2) */
};

struct config {
    enum family family;
    int64_t V, D, L;                           /* vocabulary, width, layers */
    int64_t H, G, E, F;                        /* heads, key/value heads, head and mlp width */
    int64_t positions;  /* max_position_embeddings: longer rows are bad data */
    int64_t *window;                           /* [L] positions a token sees, its own too; 0: all */
    int64_t n_freq;                            /* rotary pairs: E * partial_rotary_factor / 2;
                                                * 0: positions are learned (GPT-2) */
    double *freq;                              /* [n_freq], after rope scaling */
    double  eps, init_std;
    bool    tied, qkv_bias, o_bias, mlp_bias;
    enum qk_norm qk_norm;
    bool    post_norm;                         /* norms of what attention and mlp give (OLMo 2),
                                                * not of what they take */
    bool    parallel, gelu_tanh;               /* NeoX: attention and mlp side by side; tanh form */
    int64_t bos, eos;                          /* -1: none */
    char   *json;                              /* config.json as read, for checkpoints */
    size_t  json_bytes;
    struct lora *lora;                         /* adapters to stand beside the weights, set by who
                                                * wants them before model_new(); NULL: none */
    enum dtype  held;                          /* BF16: matrices are held so, those that train with
                                                * what they lack of a float32; set likewise */
};

/* config.json of a supported family.  A missing field takes transformers' default where the family
 * has one.  ST_DATA names the field that is missing, out of range, or asks for what is not
 * supported (dynamic, yarn or longrope, layers without rope, soft caps, other activations,
 * quantisation): never a guess. Dropout fields are not read: training is without. */
enum st config_read(struct config *c, const char *path, struct arena *a) must_use;

struct param {
    char         *name;                        /* as in the safetensors file */
    struct tensor w, g;                        /* value, gradient; g.p NULL unless training */
    int64_t       at;                          /* where it begins in the block of gradients */
    bool decay;         /* weight decay applies (matrices, not norms, biases) */
};

/* Parameters that lie in one block, and their gradients in another: gaps 0.  Neighbours of one type
 * lie in both alike. */
struct params {
    int64_t       n;
    struct param *param;
    int64_t       n_weights;                   /* numbers in all */
    float        *w, *g;                       /* g NULL unless training */
    size_t        n_bytes;                     /* of the gradients */
};

struct model {
    struct config  c;
    struct dev    *d;
    int64_t        n_params;
    struct param *param; /* in the order of the layers; embedding first, head last
                            (absent when tied) */
    int64_t        n_weights;                  /* numbers in all */
    struct layer  *layer;                      /* [L] forward.c's view of param[] */
    struct param *embed, *places, *norm, *norm_bias,
        *head;    /* head == embed when tied; places (learned positions) only in GPT-2, norm_bias
                   * NULL in Llama */
    float         *w, *g;                      /* blocks of all values, all gradients; gaps 0 */
    uint16_t      *low;                        /* and of what trained BF16 lacks; NULL: no such */
    size_t         n_bytes, g_bytes;           /* of values, low's counted; of gradients */
    struct params  adapters;                   /* n 0: none */
    int64_t        lowest;                     /* place of the lowest adapter; -1: all trains */
};

/* What trains: the adapters where there are some, else everything. */
struct params model_trained(const struct model *m);

/* All parameters on the device, zeroed; gradients too where `train`, with c->lora (lora.h, which
 * lives as long) those of the adapters alone.  ST_USAGE, ST_DATA: c->lora's targets are not there.
 *  model_free gives the device's
 * memory back before dev_close() would.  model_init:
 * the weights, not the adapters: normal(0, init_std) matrices and embeddings,
 * ones for norms, zero biases, each a function of (seed, parameter's name, index). */
enum st model_new(struct model **m, const struct config *c, struct dev *d, bool train,
                  struct arena *a) must_use;
void model_free(struct model *m);
void model_init(struct model *m, uint64_t seed);
void model_zero_grad(struct model *m);

/* A packed batch, host memory, owned by whoever built it.  Target j asks for
 * log p(target[j] | path up to and with token at[j]). */
struct pack {
    struct forest f;                           /* host arrays; n_segs <= n_tokens */
    int32_t      *token;                       /* [f.n_tokens] */
    int64_t       n_targets;
    int32_t      *at, *target;                 /* [n_targets] */
    uint64_t     *key;                         /* [f.n_tokens] of row and place, for noise */
};

/* What a pass keeps of a forward for its backward. */
enum keep {
    KEEP_NOTHING,                              /* for inference: no model_backward() */
    KEEP_ALL,                                  /* every layer's activations */
    KEEP_INPUTS,                               /* every layer's input: the backward computes the
                                                * rest again, layer by layer, to the same bits, for
                                                * up to a third more time.  Chen et al. 2016,
                                                * arXiv:1604.06174 */
};

/* The activations of one forward, kept for one backward.  A pass may be filled again and again; it
 * never grows beyond its limits, and what it held before does not matter.  Take one that keeps only
 * for a model that trains. */
struct pass;
enum st pass_new(struct pass **p, const struct model *m, int64_t max_tokens, int64_t max_targets,
                 enum keep keep, struct arena *a) must_use;
void pass_free(struct pass *p);
/* Device bytes one would take; and the most scratch that the ops of a training pass, or of one of
 * inference, take beside it. */
int64_t pass_bytes(const struct config *c, int64_t max_tokens, int64_t max_targets,
                   enum keep keep);
int64_t pass_scratch_bytes(const struct model *m, int64_t max_tokens, int64_t max_targets,
                           enum keep keep);
int64_t pass_tokens(const struct pass *p);     /* its limits */
int64_t pass_targets(const struct pass *p);

/* Fills p from pack: logp[n_targets] and hit[n_targets] (host; either may be NULL).  coef, where
 * given, are dl/dlogp known before the forward (SFT): the head's gradient is taken in the same
 * sweep, so a forward with coef must be followed by model_backward(.., NULL).  A token outside the
 * vocabulary or a position past c.positions is the caller's to refuse before.  After the last
 * attention only rows with a target are computed. */
void model_forward(struct model *m, struct pass *p, const struct pack *pack, const float *coef,
                   float *logp, uint8_t *hit);

/* Adds the gradients of sum_j coef[j] * logp[j] to param[].g.  coef NULL: those given to
 * model_forward(). Once for each forward; the weights must not have changed since. */
void model_backward(struct model *m, struct pass *p, const float *coef);

/* What a forward draws from the pack's keys: dropout where the adapters have one, and NEFTune's
 * noise on the embeddings, uniform within +-neftune / sqrt(n D), n the tokens of the path that a
 * token's segment ends (Jain et al. 2023, arXiv:2310.05914). */
struct noise { uint64_t seed; double neftune; };

/* Forwards from now on are with it; NULL: without, as at first.  Not between forward and
 * backward. */
void pass_noise(struct pass *p, const struct noise *n);

/* After a forward: the entropy, in nats, of what the model expects at every target's place,
 * [n_targets] into host memory. */
void model_entropy(const struct pass *p, float *entropy);

/* Forwards from now on are those of the base, its adapters off, and have no backward; or, as at
 * first, with them. */
void pass_bare(struct pass *p, bool bare);

/* Logits of every target's place after a forward, [n_targets V] into host memory; for goldens and
 * small models.  ST_SYS: no device memory for a chunk of them. */
enum st model_logits(struct model *m, struct pass *p, float *logits) must_use;
/* The same of n targets from the first on, [n V]. */
enum st model_logits_of(struct model *m, struct pass *p, int64_t first, int64_t n,
                        float *logits) must_use;

/* Multiply-adds times two of what a forward computes over n_tokens with n_targets rows that are
 * read (attention's scores left out): the speeds' denominator.  The backward takes twice as much.
 */
double model_flops(const struct config *c, int64_t n_tokens, int64_t n_targets);

#endif
