/* model.h - a transformer on one screen: description, parameters, packed batch, forward, backward.
 *
 * Families: Llama (Llama, Mistral without window, Qwen 2, Qwen 3 where the fields say so) and GPT-NeoX.  The model knows layers; it
 * knows no losses and no records: it gives the log-probability of chosen tokens and takes dl/dlogp back.
 * Names, shapes and layout of parameters are Hugging Face's, so weights go in and out unchanged. */
#ifndef MODEL_H
#define MODEL_H

#include "base/json.h"
#include "math/ops.h"

enum family { FAMILY_LLAMA, FAMILY_NEOX };

struct config {
    enum family family;
    int64_t V, D, L, H, G, E, F;               /* vocabulary, width, layers, heads, key/value heads, head width, feed-forward width */
    int64_t positions;                         /* max_position_embeddings: longer rows are bad data */
    int64_t n_freq;                            /* rotary pairs: E * partial_rotary_factor / 2 */
    double *freq;                              /* [n_freq], after rope scaling */
    double  eps, init_std;
    bool    tied, qkv_bias, o_bias, mlp_bias, parallel, gelu_tanh;
    int64_t bos, eos;                          /* -1: none */
    char   *json;                              /* config.json as read, written back into checkpoints */
    size_t  json_bytes;
};

/* config.json of a supported family.  ST_DATA names the field that is missing, out of range, or asks for what is not supported
 * (sliding windows in use, dynamic or longrope, other activations, quantisation): never a guess. */
enum st config_read(struct config *c, const char *path, struct arena *a) must_use;

struct param {
    char         *name;                        /* as in the safetensors file */
    struct tensor w, g;                        /* value and gradient; g.p NULL in a model that only infers */
    bool          decay;                       /* weight decay applies (matrices, not norms, biases) */
};

struct model {
    struct config  c;
    struct dev    *d;
    int64_t        n_params;
    struct param  *param;                      /* in the order of the layers; embedding first, head last (absent when tied) */
    int64_t        n_weights;                  /* numbers in all */
    struct layer  *layer;                      /* [L] forward.c's view of param[] */
    struct param  *embed, *norm, *norm_bias, *head;   /* head == embed when tied; norm_bias NULL in Llama */
};

/* All parameters on the device, zeroed; gradients too where `train`.  model_init: normal(0, init_std) matrices and embeddings, ones for
 * norms, zero biases, each a function of (seed, parameter's name, index). */
enum st model_new(struct model **m, const struct config *c, struct dev *d, bool train, struct arena *a) must_use;
void model_init(struct model *m, uint64_t seed);
void model_zero_grad(struct model *m);

/* A packed batch, host memory, owned by whoever built it.  Target j asks for log p(target[j] | path up to and with token at[j]). */
struct pack {
    struct forest f;                           /* host arrays */
    int32_t      *token;                       /* [f.n_tokens] */
    int64_t       n_targets;
    int32_t      *at, *target;                 /* [n_targets] */
};

/* The activations of one forward, kept for its backward.  A pass may be filled again and again; it never grows beyond its limits.
 * keep false: for inference, layers share their buffers and model_backward() must not be called. */
struct pass;
enum st pass_new(struct pass **p, const struct model *m, int64_t max_tokens, int64_t max_targets, bool keep, struct arena *a) must_use;
void pass_free(struct pass *p);
int64_t pass_bytes(const struct config *c, int64_t max_tokens, int64_t max_targets, bool keep);   /* device bytes one would take */
int64_t pass_tokens(const struct pass *p);     /* its limit */

/* Fills p from pack: logp[n_targets] and hit[n_targets] (host; either may be NULL).  coef, where given, are dl/dlogp known before the forward (SFT): the
 * head's gradient is taken in the same sweep.  A token outside the vocabulary or a position past c.positions is the caller's to refuse before. */
void model_forward(struct model *m, struct pass *p, const struct pack *pack, const float *coef, float *logp, uint8_t *hit);

/* Adds the gradients of sum_j coef[j] * logp[j] to param[].g.  coef NULL: those given to model_forward().  The pass keeps its forward (weights must not have
 * changed since). */
void model_backward(struct model *m, struct pass *p, const float *coef);

/* Logits of every target's place, [n_targets V] into host memory; for goldens and small models. */
void model_logits(struct model *m, struct pass *p, float *logits);

/* Multiply-adds times two of a forward over n tokens with n_targets head rows (attention left out): the speeds' denominator. */
double model_flops(const struct config *c, int64_t n_tokens, int64_t n_targets);

#endif
