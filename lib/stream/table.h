/* table.h - the seek table that ends a part in a shard: one row per zstd frame, header and end
 * included.
 *
 * On disk a skippable frame, little-endian (records(5)): magic TABLE_MAGIC, u32 size; then per
 * frame 32 bytes, u32 compressed bytes, u32 raw bytes, u32 records, u32 longest, u64 tokens, u64
 * XXH3 of the compressed bytes; then u32 number of frames, u32 TABLE_VERSION, u64 XXH3 of
 * everything before it from the magic on, and 8 bytes TABLE_END, by which it is found from the end
 * of the file.  Each frame's hash is over its compressed bytes, so even a bit that zstd does not
 * look at is missed by nobody. */
#ifndef TABLE_H
#define TABLE_H

#include "base/mem.h"

#define TABLE_MAGIC   0x184D2A5BU
#define TABLE_VERSION 1
#define TABLE_END     "plaitTBL"
#define TABLE_HEAD    8                        /* bytes: magic, size */
#define TABLE_ROW     32
#define TABLE_FOOT    24

struct table_row {
    int64_t  bytes, raw;                       /* of the frame: compressed, and not */
    int64_t  rows, tokens, longest;            /* records in it; sum and maximum of n_tokens */
    uint64_t hash;
};

static inline size_t table_bytes(int64_t n_rows)
{
    return TABLE_HEAD + (size_t)n_rows * TABLE_ROW + TABLE_FOOT;
}

/* Appends the whole skippable frame. */
enum st table_put(struct buf *b, const struct table_row *row, int64_t n_rows) must_use;
/* n_rows when the last TABLE_FOOT bytes of a file could be a table's, else -1. */
int64_t table_foot(const uint8_t foot[TABLE_FOOT]);
/* Checks p[table_bytes(n_rows)], a whole table, and fills row[n_rows].  False: damaged. */
bool table_take(struct table_row *row, int64_t n_rows, const uint8_t *p) must_use;

/* A part that ends with a table, and its rows among those found. */
struct table_part { int64_t start, n_rows; size_t rows_at; };

/* Looks for tables from the end of a file backward, part by part, as far as they go: *parts of
 * struct table_part, the last one first, *rows of struct table_row.  *all: they reach to the start
 * of the file.  ST_OK or ST_SYS (no memory); what cannot be read or is damaged is none. */
enum st table_find(int fd, int64_t end, struct buf *parts, struct buf *rows, bool *all) must_use;

#endif
