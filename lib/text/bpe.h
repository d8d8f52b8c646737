/* bpe.h - BPE: vocabulary, merges, and the encoding of one piece.
 *
 * A piece starts as its bytes, or as its characters (symbols.h); of all neighbours that a merge
 * knows, the one of the lowest rank, and of equals the leftmost, is joined, until none is left
 * (Sennrich et al. 2016, arXiv:1508.07909; over bytes as GPT-2 has it).  The result depends on the
 * piece alone, so short pieces are remembered. */
#ifndef BPE_H
#define BPE_H

#include "base/mem.h"

#define BPE_NONE UINT32_MAX                    /* no such token */
#define BPE_IDS_MAX (1 << 24)                  /* ids are below */
#define BPE_MERGES_MAX ((1 << 26) - 1)

struct bpe;                                    /* read only once built: threads share it */

/* An empty vocabulary for about n_tokens tokens and n_merges merges.  NULL: ST_SYS. */
struct bpe *bpe_new(int64_t n_tokens, int64_t n_merges, struct arena *a);

/* Adds a token of these bytes, which must stay where they are.  ST_DATA: the id or the bytes are
 * there already, or the id is too large. */
enum st bpe_token(struct bpe *b, struct view bytes, uint32_t id) must_use;

/* Asks for the memory where a token of these bytes is to be: quicker, where the next ones are known
 * before they are added. */
void bpe_ask(const struct bpe *b, struct view bytes);

/* The same for a token that no text gives: it only has bytes. */
enum st bpe_token_apart(struct bpe *b, struct view bytes, uint32_t id) must_use;

/* Adds n merges, at most BPE_MERGES_AHEAD at once and no more than were announced in all, of the
 * next ranks.  A pair given twice has its last rank.  ST_DATA: one of the two, or both together
 * (the right one without the prefix of symbols that do not begin a piece), is no token. */
enum { BPE_MERGES_AHEAD = 16 };
struct bpe_merge { struct view left, right; };
enum st bpe_merges(struct bpe *b, const struct bpe_merge *m, int n) must_use;

/* Ends the building.  whole: a piece that is a token as it stands is that token, whatever the
 * merges say (`ignore_merges`).  ST_DATA: pieces start as bytes and one that UTF-8 text may contain
 * has no token. */
enum st bpe_done(struct bpe *b, bool whole) must_use;

uint32_t bpe_find(const struct bpe *b, struct view bytes);     /* BPE_NONE: no such token */
struct view bpe_bytes(const struct bpe *b, uint32_t id);       /* {NULL, 0}: no such id */
int64_t bpe_ids(const struct bpe *b);                          /* the largest id + 1 */

/* Where the n tokens of one piece stand, which begins at byte `at`: begin[n], end[n]. */
void bpe_places(const struct bpe *b, struct view piece, const uint32_t *id, int64_t n, size_t at,
                uint32_t *begin, uint32_t *end);

/* One thread's cache and work space, 4 MiB and more. */
struct words;
struct words *words_new(const struct bpe *b, struct arena *a);
void words_free(struct words *w);              /* its buffers; the rest is the arena's */

/* Appends the ids of n pieces that lie side by side to store[0] (uint32_t), and with places where
 * each begins and ends, `base` added, to store[1] and store[2]: piece i, not empty, is bytes
 * [bound[i], bound[i + 1]) of text.  All three hold as many on entry where places are asked for.
 * ST_OK, ST_SYS. */
enum st bpe_pieces(struct words *w, struct view text, const uint32_t *bound, int64_t n,
                   uint32_t base, struct buf store[3], bool places) must_use;

#endif
