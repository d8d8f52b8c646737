/* peft.h - adapters as PEFT has them: a folder with adapter_config.json and
 * adapter_model.safetensors.
 *
 * The file's metadata names the weights the adapters were trained on (`base`, as weights_hash() has
 * it); PEFT passes over it, and here other weights are refused.  An adapter without it, PEFT's own,
 * is held against shapes and names alone. */
#ifndef PEFT_H
#define PEFT_H

#include "model/lora.h"
#include "model/weights.h"

#define PEFT_CONFIG  "adapter_config.json"
#define PEFT_TENSORS "adapter_model.safetensors"

/* adapter_config.json of dir.  ST_DATA names the field that asks for what is not here: DoRA,
 * biases, ranks by pattern, modules saved whole, ... */
enum st peft_read(struct lora *l, const char *dir, struct arena *a) must_use;

/* The adapters' values out of the safetensors file.  Every tensor must have a place, every place a
 * tensor of its shape, and the weights of the folder base must be those the file was made on, where
 * it says so. */
enum st peft_load(struct model *m, const char *path, const char *base, struct arena *a) must_use;

/* One file of the adapters' values, and the whole folder: loads in PEFT as it is. */
enum st peft_save_tensors(const struct model *m, const char *path, const uint8_t base[32],
                          enum dtype type, struct arena *a) must_use;
enum st peft_save(const struct model *m, const char *dir, const char *base_dir,
                  const uint8_t base[32], enum dtype type, struct arena *a) must_use;

#endif
