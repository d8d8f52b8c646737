/* dedup.h - which texts stood before: a set of 128-bit hashes.
 *
 * Of n texts that differ, two are taken for one with a chance of about n^2 / 2^129: one in 10^20
 * for a thousand million rows.  20 to 30 bytes of memory for each text, and no more while it
 * grows: it is many small tables, each of which grows by itself. */
#ifndef DEDUP_H
#define DEDUP_H

#include "base/mem.h"

struct dedup;

struct dedup *dedup_new(struct arena *a);      /* NULL: ST_SYS */
void dedup_free(struct dedup *d);              /* NULL is fine */
size_t dedup_bytes(const struct dedup *d);     /* of memory */

/* Adds the hash.  ST_OK: it was not there; ST_END: it was; ST_SYS: no memory. */
enum st dedup_add(struct dedup *d, const uint64_t hash[2]) must_use;

#endif
