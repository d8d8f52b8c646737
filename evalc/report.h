/* report.h - where results go: a stream of records, or a plain table.
 *
 * Records are the contract: raw msgpack or a shard, JSON lines on a terminal and with `json`.
 * `table` is for people and awk: aligned columns split by blanks, no blank within a cell, "-" for
 * what is missing, blocks split by two empty lines, each with a first line `# what` and a second
 * of the columns' names. */
#ifndef REPORT_H
#define REPORT_H

#include "figure.h"

struct report;

/* name: "-" is stdout.  to: auto, json, raw, shard or table.  ST_USAGE: another word, or table
 * for a task whose result is the stream itself (copies). */
enum st report_open(struct report **rep, const char *name, const char *to, bool copies,
                    const struct header *h, struct arena *a) must_use;
/* The record; for a table its figures are copied. */
enum st report_put(struct report *rep, const struct figures *f) must_use;
/* A record as it is; never in a table. */
enum st report_raw(struct report *rep, const void *raw, size_t n_bytes, int64_t n_tokens) must_use;
/* Ends the stream with st (and the mixer's state, for a stream handed on), or prints the table
 * if st is ST_OK. */
enum st report_close(struct report *rep, enum st st, struct view state) must_use;

/* The text of a table of records[n]: a record with the text figure `table` is a row of the block
 * of that name, a record without is a block of its own, a figure per line.  Records of one block
 * must follow each other. */
enum st table_text(struct buf *b, const struct figures *record, int64_t n) must_use;

#endif
