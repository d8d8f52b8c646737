/* tensors.h - between safetensors files and the device: what weights.c and tensors.c share. */
#ifndef TENSORS_H
#define TENSORS_H

#include "model/safe.h"
#include "model/weights.h"

/* Whether the tensor on disk can become t: same shape, a type that can be read.  ST_OK or ST_DATA.
 */
enum st tensors_check(const struct safe *s, const struct safe_tensor *on,
                      const struct tensor *t) must_use;

/* Checks it and reads it onto the device, converted to t's type. */
enum st tensors_read(const struct safe *s, const struct safe_tensor *on, const struct tensor *t,
                     struct dev *d, struct arena *a) must_use;

/* The safetensors files of a folder, their names relative to it, sorted: one, or those of the
 * index. */
struct shards { int64_t n; char **name; };
enum st shards_find(struct shards *s, const char *dir, struct arena *a) must_use;

#endif
