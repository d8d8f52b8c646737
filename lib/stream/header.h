/* header.h - the first and the last record of a part: what the records were made with, and the
 * proof that all are there. */
#ifndef HEADER_H
#define HEADER_H

#include "stream/rec.h"

#define HEADER_SOURCES_MAX  64
#define HEADER_COMMANDS_MAX 64
#define HEADER_SPECIALS_MAX 1024
#define HEADER_VERSION      1

struct source {                                /* what a source's rows were made with */
    struct view src, schema, template;         /* name; schema name; template name */
    uint8_t     template_hash[8];
    struct view mask, truncate, split;         /* "last"; "drop"; "train", "held" or "" */
};

struct header {
    int64_t       version;
    int           width;                       /* 2 or 4 */
    uint8_t       tokenizer[32];         /* SHA-256 of tokenizer.json (or of the built-in's name) */
    int64_t       vocab;
    int64_t       n_specials;
    int64_t       special[HEADER_SPECIALS_MAX];/* ids of special tokens */
    int64_t       bos, eos, pad;               /* -1: none */
    int64_t       n_sources, n_commands;
    struct source source[HEADER_SOURCES_MAX];
    struct view   command[HEADER_COMMANDS_MAX];
    int64_t       steps, start;       /* from mix: in all (0 unknown), and the first i; else 0, 0 */
    bool          mixed;                       /* true in a stream of step records */
};

struct end {
    int64_t     n;                             /* records */
    uint64_t    sum, chain;                    /* order-free and chained XXH3 */
    enum st     status;
    struct view state;                         /* the mixer's final state, or empty */
};

/* The header in a record of kind REC_HEADER; its texts are copied into the arena.
 *   ST_OK; ST_DATA *why says what is wrong (fail() was not called); ST_SYS */
enum st header_take(struct header *h, const struct rec *r, struct arena *a,
                    char why[REC_WHY]) must_use;
enum st header_put(struct buf *b, const struct header *h) must_use;

/* The end in a record of kind REC_END; `state` is a view into the record. */
enum st end_take(struct end *e, const struct rec *r, char why[REC_WHY]) must_use;
enum st end_put(struct buf *b, const struct end *e) must_use;

/* One record more: its hash into the order-free sum and the chain. */
void end_add(struct end *e, const void *raw, size_t n_bytes);
/* The same in two parts: a record's hash, which needs nobody else, and its place in the order. */
uint64_t end_hash(const void *raw, size_t n_bytes);
void end_add_hash(struct end *e, uint64_t hash);

/* Two headers may feed one run: same version, width and tokenizer.  ST_DATA names both and the
 * difference. */
enum st header_same(const struct header *a, const char *name_a, const struct header *b,
                    const char *name_b) must_use;
/* Adds the sources and commands of b that a does not have.  ST_DATA when they are too many. */
enum st header_merge(struct header *a, const struct header *b) must_use;

#endif
