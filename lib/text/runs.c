/* runs.c - the merges of a long piece that is a few runs of equal symbols: ` --------\n`.
 *
 * Its tokens are longer than the spans of merge.c.  But at any time all that is there is a few runs
 * of equal tokens.  Where two tokens of a run are the next to be joined, so are the next two of it,
 * and all its pairs from the left, unless what the first made is in a merge of lower rank with what
 * stands beside it (the lists that were made of tiktoken's have such); then only those two are. */
#include "text/merge.h"

enum { RUNS_FIRST = 8, RUNS_MAX = 64 };

struct run { uint32_t id; size_t n; };

struct runs { struct run run[RUNS_MAX]; int n; };

/* Puts a run behind the others; one of the same tokens goes on.  false: no room. */
static bool put(struct runs *r, uint32_t id, size_t n, int most)
{
    if (n == 0)
        return true;
    if (r->n > 0 && r->run[r->n - 1].id == id) {
        r->run[r->n - 1].n += n;
        return true;
    }
    if (r->n == most)
        return false;
    r->run[r->n++] = (struct run){ id, n };
    return true;
}

static bool start(struct runs *r, const uint32_t *symbol, size_t n)
{
    size_t same;

    r->n = 0;
    for (size_t i = 0; i < n; i += same) {
        for (same = 1; i + same < n && symbol[i + same] == symbol[i]; same++);
        if (!put(r, symbol[i], same, RUNS_FIRST))
            return false;
    }
    return true;
}

struct join {                                  /* what is joined next, and to what */
    uint32_t rank, id;
    int      at;                               /* this run's own tokens */
    size_t   pairs;                            /* so many; 0: its last one with the next run's */
};

/* How many pairs of the run are joined at once, from the left. */
static size_t pairs_of(const struct bpe *b, const struct runs *r, const struct join *v)
{
    uint32_t x = r->run[v->at].id, y = v->id;
    bool sooner = pairs_rank(b, y, x) < v->rank || pairs_rank(b, y, y) < v->rank ||
                  (v->at > 0 && pairs_rank(b, r->run[v->at - 1].id, y) < v->rank);

    return sooner ? 1 : r->run[v->at].n / 2;
}

/* The next merge; false: none is left. */
static bool least(const struct bpe *b, const struct runs *r, struct join *v)
{
    uint32_t rank;

    *v = (struct join){ .rank = NO_RANK };
    for (int i = 0; i < r->n; i++) {
        uint32_t id = r->run[i].id;
        if (r->run[i].n > 1 && (rank = pairs_rank(b, id, id)) < v->rank)
            *v = (struct join){ rank, b->rule[rank].id, i, 1 };
        if (i + 1 < r->n && (rank = pairs_rank(b, id, r->run[i + 1].id)) < v->rank)
            *v = (struct join){ rank, b->rule[rank].id, i, 0 };
    }
    if (v->pairs)
        v->pairs = pairs_of(b, r, v);
    return v->rank != NO_RANK;
}

/* The runs with that merge done, into `to`. */
static bool join(const struct runs *r, const struct join *v, struct runs *to)
{
    bool room = true;

    to->n = 0;
    for (int i = 0; i < r->n && room; i++) {
        struct run x = r->run[i];
        if (i == v->at && v->pairs)
            room = put(to, v->id, v->pairs, RUNS_MAX) &&
                   put(to, x.id, x.n - 2 * v->pairs, RUNS_MAX);
        else if (i == v->at)
            room = put(to, x.id, x.n - 1, RUNS_MAX) && put(to, v->id, 1, RUNS_MAX);
        else
            room = put(to, x.id, x.n - (!v->pairs && i == v->at + 1), RUNS_MAX);
    }
    return room;
}

int64_t merge_runs(const struct bpe *b, const uint32_t *symbol, size_t n, uint32_t *id)
{
    struct runs some[2];
    struct join v;
    int64_t kept = 0;
    int now = 0;

    if (!start(&some[now], symbol, n))
        return -1;
    for (; least(b, &some[now], &v); now = !now)
        if (!join(&some[now], &v, &some[!now]))
            return -1;
    for (int i = 0; i < some[now].n; i++)
        for (size_t k = 0; k < some[now].run[i].n; k++)
            id[kept++] = some[now].run[i].id;
    return kept;
}
