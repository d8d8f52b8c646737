/* folders.h - the folders of a model: its base, and an adapter beside it or none. */
#ifndef FOLDERS_H
#define FOLDERS_H

#include "model/peft.h"

struct folders {
    const char *base;                          /* config.json and weights */
    const char *adapter;                       /* NULL: none */
};

/* dir is a Hugging Face folder, a PEFT folder, whose base_model_name_or_path names the base as a
 * folder, or the OUT of step with its `latest`, which is followed once; adapter, where given, is a
 * PEFT folder or such an OUT, and dir its base.  ST_SYS: nothing of the kind is there; ST_DATA: a
 * base that is itself an adapter, or a name of it that is no folder here. */
enum st folders_find(struct folders *f, const char *dir, const char *adapter,
                     struct arena *a) must_use;

/* What names the weights of both together: weights_hash() where there is no adapter. */
enum st folders_hash(uint8_t out[32], const struct folders *f, struct arena *a) must_use;

/* A model of these folders on the device, not to be trained: config, weights, adapters.  l: where
 * the adapters' description goes.  change: its weights will be written, and are F32 whatever the
 * folder has. */
enum st folders_open(struct model **m, const struct folders *f, struct lora *l, struct dev *d,
                     bool change, struct arena *a) must_use;

#endif
