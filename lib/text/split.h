/* split.h - pre-tokenisers: text -> pieces, inside which the merges of byte-level BPE work.
 *
 * A splitter is a list of stages; each cuts the pieces of the one before.  The patterns of GPT-2
 * (ByteLevel), Llama 3 / cl100k and Qwen 2 are known by heart and scanned by hand; every other
 * pattern is PCRE2's, with Unicode classes and, where the machine has it, just-in-time code.
 * Behaviours are those of the Hugging Face tokenizers library (normalizer.rs, split): where a
 * pattern matches, what becomes of the match. */
#ifndef SPLIT_H
#define SPLIT_H

#include "base/mem.h"

#define SPLIT_STAGES_MAX 16

enum split_behaviour {
    SPLIT_ISOLATED,                            /* a piece of its own */
    SPLIT_REMOVED,                             /* dropped */
    SPLIT_PREVIOUS, SPLIT_NEXT,                /* joined to the piece before, or behind */
    SPLIT_CONTIGUOUS,                          /* like isolated, neighbours of one kind joined */
};

/* "PCRE2 10.42" */
const char *split_library(void);

struct split;                                  /* read only once built: threads share it */

/* No stages: the whole text is one piece.  NULL: ST_SYS. */
struct split *split_new(struct arena *a);

/* Adds a stage.  A pattern that PCRE2 refuses is ST_DATA. */
enum st split_gpt2(struct split *s) must_use;  /* ByteLevel's own pattern */
enum st split_regex(struct split *s, struct view pattern, enum split_behaviour b,
                    bool invert) must_use;
enum st split_literal(struct split *s, struct view text, enum split_behaviour b,
                      bool invert) must_use;
enum st split_class(struct split *s, bool (*is)(int32_t c), enum split_behaviour b) must_use;
enum st split_words(struct split *s) must_use; /* \w+|[^\w\s]+, the rest removed */
/* Before every mark that does not follow one. */
enum st split_marked(struct split *s, struct view mark) must_use;
void split_free(struct split *s);              /* what PCRE2 holds; the rest is the arena's */

int64_t split_stages(const struct split *s);

/* A pattern of a stage may match nothing. */
bool split_empty(const struct split *s);

/* True when all stages are scanned by hand. */
bool split_by_hand(const struct split *s);

/* One thread's state; start from {0}, end with splitter_free(). */
struct splitter {
    struct buf piece[2];                       /* the pieces of a whole text, stage by stage */
    struct buf match, bound;
    size_t     next;                           /* the first piece not yet told, in bytes of piece */
    void      *data;                           /* PCRE2's match data */
};
void splitter_free(struct splitter *w);

/* Pieces of text from byte *at on that lie side by side: piece i of n is bytes [bound[i],
 * bound[i + 1]), never empty; *at moves behind them.  n is 0 only where all the rest is removed.
 * text is at most 4 GiB of UTF-8, stays the same until *at is text.n, and begins a stretch of its
 * own: no pattern sees what stands before it.  *bound is good until the next call.
 *   ST_OK; ST_DATA a pattern ran past PCRE2's limits; ST_SYS */
enum st split_some(const struct split *s, struct splitter *w, struct view text, size_t *at,
                   const uint32_t **bound, int64_t *n) must_use;

#endif
