/* ckpt.h - checkpoints: whole or not at all, and the newest whole one found again.
 *
 *     OUT/step-00000100/config.json model.safetensors tokenizer.json ...      a Hugging Face folder
 *                       state/step.json mixer optim.safetensors files.json    for a resume
 *     OUT/latest -> step-00000100                                             moves last
 *
 * Where adapters train it is a PEFT folder: adapter_config.json and adapter_model.safetensors.
 *
 * A checkpoint is made under OUT/.tmp-step-*, brought to the disk, sealed (seal.h) and renamed.
 * Only then the link moves, and only then older ones go.  A folder newer than the link was left by
 * a crash between the two and counts for nothing, so that `mix --resume`, which follows the link
 * too, always agrees. */
#ifndef CKPT_H
#define CKPT_H

#include "optim.h"
#include "state.h"

struct ckpt {
    const char *out;
    const char *files;                         /* folder whose tokenizer goes along; NULL: none */
    enum dtype  type;                          /* of model.safetensors; exact ones go to state/ */
    int64_t     keep;                          /* how many stay; 0: all */
    int64_t     saved;                         /* updates of the last one there is; -1: none */
    const char *base;                          /* of adapters: the folder of the other weights, */
    uint8_t     base_hash[32];                 /* and their hash */
    int         lock;                          /* OUT, held; -1: not yet */
};

/* --save-dtype.  ST_USAGE names those there are. */
enum st ckpt_type(enum dtype *type, const char *name) must_use;

/* Makes OUT where it is not there, takes it for this process alone, removes what a killed run left
 * half-written.  resume false: a run that is there already is not overwritten (ST_USAGE).
 * ST_SYS: another step is at work in it. */
enum st ckpt_open(struct ckpt *k, bool resume, struct arena *a) must_use;
void ckpt_close(struct ckpt *k);               /* gives OUT back */

/* The checkpoint `latest` names where that is whole, else the newest whole one before it, to which
 * the link is moved, with a warning.  *dir NULL: there is none yet.  ST_DATA: there are some, and
 * none is whole. */
enum st ckpt_find(struct ckpt *k, char **dir, struct arena *a) must_use;

/* The k newest up to the one `latest` names, whole, the newest last.  ST_USAGE: there are not so
 * many; ST_DATA: one is damaged. */
enum st ckpt_last(const struct ckpt *c, const char **dir, int64_t k, struct arena *a) must_use;

/* The weights, or adapters, of a folder in full where it is a checkpoint that holds them beside
 * rounded ones; else m is as it was. */
enum st ckpt_exact(const char *dir, const char *base, struct model *m, struct arena *a) must_use;

/* Weights, or adapters, and moments of the checkpoint in dir. */
enum st ckpt_load(const struct ckpt *k, const char *dir, struct model *m, struct optim *o,
                  struct arena *a) must_use;

/* Copies what there is of a tokenizer's files from k->files to the folder `to`. */
enum st ckpt_files(const struct ckpt *k, const char *to, struct arena *a) must_use;

enum st ckpt_save(struct ckpt *k, const struct model *m, const struct optim *o,
                  const struct state *s, const struct header *h, struct arena *a) must_use;

#endif
