/* idset.h - a set of record ids: the held-out rows that no source may bring. */
#ifndef IDSET_H
#define IDSET_H

#include "base/mem.h"

struct idset { uint64_t *slot; int64_t n, cap; };      /* cap a power of 2; 0 is no id */

enum st idset_new(struct idset *s, int64_t n_max, struct arena *a) must_use;
/* Ids are hashes already; at most n_max different ones. */
void    idset_add(struct idset *s, uint64_t id);
bool    idset_has(const struct idset *s, uint64_t id);

#endif
