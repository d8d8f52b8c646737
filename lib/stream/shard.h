/* shard.h - rows by index from a file: shards by their seek tables, other files after one scan. */
#ifndef SHARD_H
#define SHARD_H

#include "stream/header.h"

struct shard;

/* Opens a file for rows by index: the seek table of each part where there is one, else (raw
 * streams, frames without a table) one scan that also checks the sums.  Fails on a cut file
 * unless `recover`, which keeps the good prefix and warns with a count. */
enum st shard_open(struct shard **s, const char *name, bool recover, struct arena *a) must_use;
const struct header *shard_header(const struct shard *s);
int64_t shard_rows(const struct shard *s);
int64_t shard_tokens(const struct shard *s);           /* sum of n_tokens */
/* Row i (0-based); *r good until the next call on the same shard.  Frames are decoded once while
 * reads stay in them (the recent ones are kept).  Checks the frame's sum and the record. */
enum st shard_row(struct shard *s, int64_t i, struct rec *r) must_use;

/* first row, rows, sum and maximum of n_tokens */
struct frame { int64_t row, rows, tokens, longest; };
int64_t shard_frames(const struct shard *s);
struct frame shard_frame(const struct shard *s, int64_t f);
/* Reads the whole file once and checks everything: frames, checksums, records, end, seek table. */
enum st shard_verify(struct shard *s) must_use;
void shard_close(struct shard *s);

#endif
