/* paged.h - rows whose keys and values go into a cache bit by bit, for tests of ops. */
#ifndef PAGED_H
#define PAGED_H

#include "tests/unit/arr.h"

enum { PAGED_ROWS = 5 };

struct paged {                                 /* rows of q [n H E], k, v [n G E] and their cache */
    int64_t          n_rows, H, G, E, len[PAGED_ROWS], done[PAGED_ROWS], at[PAGED_ROWS];
    struct arr       q, k, v, o;               /* all rows behind each other; row r from at[r] */
    struct pages     c;
    int32_t         *list, first[PAGED_ROWS];  /* row r's pages: list[first[r] ...] */
    double           scale;
    int64_t          window;
};

/* Rows of drawn lengths up to `longest`; the cache full of NaN, its pages dealt out at random. */
static inline struct paged paged_rows(int64_t longest, int64_t H, int64_t G, int64_t E,
                                      int64_t window)
{
    struct paged p = { .n_rows = 1 + (int64_t)draw(PAGED_ROWS), .H = H, .G = G, .E = E,
                       .window = window, .scale = 1 / sqrt((double)E) };
    int64_t N = 0, pages = 0;

    for (int64_t r = 0; r < p.n_rows; r++) {
        p.len[r] = 1 + (int64_t)draw((uint64_t)longest);
        p.at[r] = N;
        p.first[r] = (int32_t)pages;
        N += p.len[r];
        pages += (p.len[r] + CACHE_PAGE - 1) / CACHE_PAGE;
    }
    p.q = fresh(N * H * E, 1.5);
    p.k = fresh(N * G * E, 1.5);
    p.v = fresh(N * G * E, 1);
    p.o = poisoned(N * H * E);
    struct arr k = poisoned(pages * G * cache_head(E)), v = poisoned(k.n);
    p.c = (struct pages){ k.p, v.p, pages, G, E };
    p.list = heap((size_t)pages * sizeof(*p.list));
    for (int64_t i = 0; i < pages; i++)
        p.list[i] = (int32_t)rng_perm(seed, RNG_STREAM(RNG_TEST, 2), (uint64_t)pages, (uint64_t)i);
    return p;
}

/* Some tokens more of some rows, in an order of their own, as one pack; false: all are done. */
static inline bool paged_step(struct paged *p)
{
    struct stretch v[PAGED_ROWS];
    struct stretches s = { .v = v, .list = p->list };
    int64_t from[PAGED_ROWS], turn = (int64_t)draw((uint64_t)p->n_rows), HE = p->H * p->E,
            GE = p->G * p->E;
    bool left = false;

    for (int64_t i = 0; i < p->n_rows; i++) {
        int64_t r = (i + turn) % p->n_rows, rest = p->len[r] - p->done[r];
        left |= rest > 0;
        int64_t n = draw(3) == 0 ? 0 : draw(2) ? MIN(rest, 1) : (int64_t)draw((uint64_t)rest + 1);
        if (n == 0)
            continue;
        from[s.n] = p->at[r] + p->done[r];
        v[s.n++] = (struct stretch){ (int32_t)s.n_tokens, (int32_t)(s.n_tokens + n),
                                     (int32_t)p->done[r], p->first[r] };
        s.n_tokens += n;
        p->done[r] += n;
    }
    if (s.n == 0)
        return left;
    struct arr q = poisoned(s.n_tokens * HE), k = poisoned(s.n_tokens * GE), w = poisoned(k.n),
               o = poisoned(q.n);
    for (int64_t i = 0; i < s.n; i++) {
        size_t n = (size_t)(v[i].end - v[i].begin);
        memcpy(q.p + v[i].begin * HE, p->q.p + from[i] * HE, n * (size_t)HE * 4);
        memcpy(k.p + v[i].begin * GE, p->k.p + from[i] * GE, n * (size_t)GE * 4);
        memcpy(w.p + v[i].begin * GE, p->v.p + from[i] * GE, n * (size_t)GE * 4);
    }
    struct heads hq = { q.p, p->H, p->E, HE, p->E }, hk = { k.p, p->G, p->E, GE, p->E },
                 hv = { w.p, p->G, p->E, GE, p->E }, ho = { o.p, p->H, p->E, HE, p->E };
    dev->op->cache_put(dev, p->c, hk, hv, &s);
    dev->op->attention_cache(dev, ho, hq, p->c, &s, p->scale, p->window);
    for (int64_t i = 0; i < s.n; i++)
        memcpy(p->o.p + from[i] * HE, o.p + v[i].begin * HE,
               (size_t)((v[i].end - v[i].begin) * HE) * 4);
    return true;
}

/* The same rows as a forest of roots. */
static inline struct forest paged_forest(const struct paged *p)
{
    struct forest f = { .n_segs = p->n_rows, .seg = heap(PAGED_ROWS * sizeof(struct seg)) };

    for (int64_t r = 0; r < p->n_rows; r++) {
        f.seg[r] = (struct seg){ (int32_t)p->at[r], (int32_t)(p->at[r] + p->len[r]), -1 };
        f.n_tokens += p->len[r];
    }
    forest_place(&f);
    return f;
}

#endif
