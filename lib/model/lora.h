/* lora.h - low-rank adapters: y = W x + s B A x beside projections whose W stands still.
 *
 * Hu et al. 2021, arXiv:2106.09685: A[r in], B[out r], s = alpha / r; Kalajdzievski 2023,
 * arXiv:2312.03732 (rsLoRA): s = alpha / sqrt(r).  A model whose config has such a description
 * trains its adapters alone: the other weights have neither gradient nor moments, and nothing is
 * computed below the lowest adapter.  B starts at zero, so that the model starts as its base, to
 * the bit.  Adapters keep nothing of a forward: their thin products are computed again.
 *
 * Dropout is on the x of an adapter alone; projections that read the same x share its mask, which
 * is a function of (seed, step, row, place, column), so that neither packs nor a resume show in it.
 *
 * DoRA would be one more parameter for each adapter, between its product and its sum in
 * lora_forward(); QLoRA another type of linear.w. */
#ifndef LORA_H
#define LORA_H

#include "base/mem.h"

#define LORA_TARGETS_MAX 512
#define LORA_RANK_MAX    65536

struct model;

struct lora {
    int64_t     rank;
    double      alpha, dropout;                /* dropout 0 <= p < 1, in training only */
    bool        rslora;
    int64_t     n_targets;
    const char *target[LORA_TARGETS_MAX];      /* as PEFT: ends of modules' names, at a dot */
    const char *path;                          /* adapter_config.json it is from; NULL: options */
};

/* Targets as one text, "a,b" or "all-linear", in a copy.  ST_USAGE: an empty name, or too many. */
enum st lora_targets(struct lora *l, const char *text, struct arena *a) must_use;

double lora_scale(const struct lora *l);

/* A uniform in +-1 / sqrt(in), as PEFT's kaiming_uniform; each a function of (seed, name, index).
 * B zero. */
void lora_init(struct model *m, uint64_t seed);

/* W += s B A for every adapter, and B = 0: the same model, in its weights alone. */
void lora_merge(struct model *m);

#endif
