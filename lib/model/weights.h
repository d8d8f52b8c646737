/* weights.h - Hugging Face folders in and out: config.json, safetensors (one file or an index of
 * several), and their hash. */
#ifndef WEIGHTS_H
#define WEIGHTS_H

#include "model/model.h"

/* Reads the model's parameters from DIR/model.safetensors or DIR/model.safetensors.index.json; f32,
 * bf16 and f16 on disk.  Every tensor must be there with its shape; a tensor left over is refused
 * by name unless known to be harmless (rotary inv_freq, attention masks, a head beside tied
 * embeddings). ST_DATA names file and tensor; ST_SYS the file. */
enum st weights_load(struct model *m, const char *dir, struct arena *a) must_use;

/* What the matrices of a folder may be held in where nothing trains them (config.held): BF16 where
 * all of them are on disk, else F32. */
enum st weights_held(enum dtype *type, const char *dir, struct arena *a) must_use;

/* Writes DIR/model.safetensors (whole or not at all) as f32, bf16 or f16, and DIR/config.json with
 * the dtype set.  Loads in transformers unchanged. */
enum st weights_save(const struct model *m, const char *dir, enum dtype type,
                     struct arena *a) must_use;

/* DIR/config.json as it was read, with torch_dtype (and dtype, where it is there) set and
 * architectures where missing. */
enum st config_write(const struct config *c, const char *dir, enum dtype type,
                     struct arena *a) must_use;

/* The 32 bytes that name the weights: SHA-256 over the tensors sorted by name: name, dtype, shape,
 * bytes. Cached in DIR/.weights.sha256 with size, mtime and inode of the files (an unwritable
 * folder only costs the time).  weights_hash_model: of what weights_save(.., F32) would write. */
enum st weights_hash(uint8_t out[32], const char *dir, struct arena *a) must_use;
/* weights_hash_file: of one safetensors file in DIR, whatever it is called; not cached. */
enum st weights_hash_file(uint8_t out[32], const char *dir, const char *name,
                          struct arena *a) must_use;
enum st weights_hash_model(uint8_t out[32], const struct model *m, struct arena *a) must_use;

/* Safetensors of anything, for optimiser state: names and tensors side by side.  I32 tensors stay
 * I32, the others are written as `type`.  load takes those named and leaves others of the file
 * alone; a missing one or another shape is ST_DATA. */
enum st tensors_save(const char *path, int64_t n, char *const *name, const struct tensor *t,
                     struct dev *d, enum dtype type, struct arena *a) must_use;
/* The same with `base` in the metadata, as peft.h has it. */
enum st tensors_save_of(const char *path, int64_t n, char *const *name, const struct tensor *t,
                        struct dev *d, enum dtype type, const char *base,
                        struct arena *a) must_use;
enum st tensors_load(const char *path, int64_t n, char *const *name, const struct tensor *t,
                     struct dev *d, struct arena *a) must_use;

#endif
