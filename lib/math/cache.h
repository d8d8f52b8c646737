/* cache.h - keys and values of rows under way, in pages.
 *
 * A row that is written token by token keeps its keys and values in pages of CACHE_PAGE positions
 * each, out of a pool that all rows and layers share in the same way: page p of a row's list holds
 * positions [p * CACHE_PAGE, (p + 1) * CACHE_PAGE).  So rows of any length lie side by side without
 * a longest one, as in vLLM (Kwon et al. 2023, arXiv:2309.06180).
 *
 *     a pack of 6 tokens     row A goes on at 70, row B begins
 *     stretch 0              tokens [0, 1)   position 70   pages list[0], list[1]
 *     stretch 1              tokens [1, 6)   position 0    pages list[2]
 *
 * What a page looks like inside is the backend's affair. */
#ifndef CACHE_H
#define CACHE_H

#include "base/base.h"

#define CACHE_PAGE 64

/* Floats that one head of one page takes, of keys as of values. */
static inline int64_t cache_head(int64_t E)
{
    return CACHE_PAGE * ((E + 15) / 16 * 16);
}

/* Tokens [begin, end) of the pack are the positions from pos on of one row, whose pages are
 * list[pages ...]. */
struct stretch { int32_t begin, end, pos, pages; };

struct stretches {                             /* both arrays on the device */
    int64_t         n, n_tokens;               /* in order and without gaps over n_tokens */
    struct stretch *v;                         /* [n] */
    int32_t        *list;
};

/* One layer's pool: page p's head g at p * G + g times cache_head(E). */
struct pages { float *k, *v; int64_t n, G, E; };

#endif
