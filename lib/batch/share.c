/* share.c - which rows begin alike: prompts in order of their bytes, and what each has in common
 * with the one before it.
 *
 * Sorted, all prompts with the same first n ids stand side by side, so the tree of common
 * beginnings is told by one number per row.  What is shared changes no bit of a row, only what it
 * costs, so it is free to be greedy: a common beginning is cut where at least SHARE_MIN ids more
 * are common to some of the rows. */
#include "batch/own.h"

struct sorted { const int32_t *ids; int64_t n, row; };

static int by_ids(const void *va, const void *vb)
{
    const struct sorted *a = va, *b = vb;
    int way = memcmp(a->ids, b->ids, (size_t)MIN(a->n, b->n) * sizeof *a->ids);

    if (way)
        return way;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->row < b->row ? -1 : 1;
}

static int64_t in_common(const struct sorted *a, const struct sorted *b)
{
    int64_t n = 0;

    while (n < MIN(a->n, b->n) && a->ids[n] == b->ids[n])
        n++;
    return n;
}

/* Rows [lo, hi) have the first `have` ids in one segment chain `depth` long; lcp: what each has in
 * common with the one before it -> what is worth it. */
static void settle(int64_t *lcp, int64_t lo, int64_t hi, int64_t have, int depth)
{
    for (int64_t i = lo, to; i < hi; i = to) {
        int64_t least = INT64_MAX;
        for (to = i + 1; to < hi && lcp[to] >= have + SHARE_MIN; to++)
            least = MIN(least, lcp[to]);
        if (i > lo)
            lcp[i] = have;
        if (to - i > 1 && depth < SHARE_DEPTH)
            settle(lcp, i, to, least, depth + 1);
        else
            for (int64_t k = i + 1; k < to; k++)
                lcp[k] = have;
    }
}

enum st share_find(struct share *s, const struct batch *b, struct arena *a)
{
    const struct batch_own *o = b->own;
    struct sorted *v = ARENA_NEW(a, struct sorted, MAX(b->n_rows, 1));

    s->row = ARENA_NEW(a, int64_t, MAX(b->n_rows, 1));
    s->common = ARENA_NEW(a, int64_t, MAX(b->n_rows, 1));
    if (!v || !s->row || !s->common)
        return ST_SYS;
    for (int64_t r = 0; r < b->n_rows; r++) {
        const struct side *p = &o->tree[r].prompt;
        v[r] = (struct sorted){ o->ids + p->first, p->n, r };
    }
    qsort(v, (size_t)b->n_rows, sizeof *v, by_ids);
    for (int64_t i = 0; i < b->n_rows; i++) {
        s->row[i] = v[i].row;
        s->common[i] = i ? in_common(&v[i - 1], &v[i]) : 0;
    }
    settle(s->common, 0, b->n_rows, 0, 0);
    return ST_OK;
}
