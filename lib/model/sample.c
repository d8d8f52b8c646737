/* sample.c - the rules by which a token is drawn.
 *
 * Nothing is sorted: the k-th largest and the edge of top-p are found by partition (Hoare 1961,
 * with sums carried along), so a vocabulary of 50,000 costs some ten passes at most.  Softmax and
 * sums are in double. */
#include <math.h>

#include "model/sample.h"

enum st sampler_new(struct sampler *s, int64_t V, struct arena *a)
{
    *s = (struct sampler){ .V = V, .left = ARENA_NEW(a, struct chance, V),
                           .seen = ARENA_NEW(a, uint64_t, (V + 63) / 64) };
    return s->left && s->seen ? ST_OK : ST_SYS;
}

/* transformers: RepetitionPenaltyLogitsProcessor.  Once for each token, however often it came. */
static void penalise(struct sampler *s, double by, float *logits, const int32_t *row, int64_t n)
{
    memset(s->seen, 0, (size_t)((s->V + 63) / 64) * sizeof(*s->seen));
    for (int64_t i = 0; i < n; i++) {
        uint64_t bit = (uint64_t)1 << (row[i] & 63), *word = &s->seen[row[i] >> 6];
        float *x = &logits[row[i]];
        if (!(*word & bit))
            *x = (float)(*x < 0 ? (double)*x * by : (double)*x / by);
        *word |= bit;
    }
}

/* v[lo, hi) cut in three around a pivot: larger, equal, smaller; *eq and *lt are where the equal
 * and the smaller begin.  The pivot is the middle of three, at places that are a function of the
 * bounds. */
static void part(struct chance *v, int64_t lo, int64_t hi, int64_t *eq, int64_t *lt)
{
    double a = v[lo].p, b = v[lo + (hi - lo) / 2].p, c = v[hi - 1].p;
    double pivot = MAX(MIN(a, b), MIN(MAX(a, b), c));
    int64_t i = lo, g = lo, l = hi;

    while (i < l) {
        struct chance x = v[i];
        if (x.p > pivot) {
            v[i++] = v[g];
            v[g++] = x;
        } else if (x.p < pivot) {
            v[i] = v[--l];
            v[l] = x;
        } else {
            i++;
        }
    }
    *eq = g;
    *lt = l;
}

/* transformers: TopKLogitsWarper.  Equals of the k-th stay too. */
static void top_k(struct sampler *s, int64_t k)
{
    int64_t lo = 0, hi = s->n, eq, lt;

    if (k >= s->n)
        return;
    for (;;) {
        part(s->left, lo, hi, &eq, &lt);
        if (k <= eq) {
            hi = eq;
        } else if (k > lt) {
            lo = lt;
        } else {
            s->n = lt;
            return;
        }
    }
}

/* Softmax of the logits in left[].p, up to its divisor, which is s->total. */
static void soften(struct sampler *s, double top)
{
    s->total = 0;
    for (int64_t i = 0; i < s->n; i++) {
        s->left[i].p = exp(s->left[i].p - top);
        s->total += s->left[i].p;
    }
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const struct chance *)a)->id, y = ((const struct chance *)b)->id;

    return (x > y) - (x < y);
}

static double sum(const struct chance *v, int64_t lo, int64_t hi)
{
    double all = 0;

    for (int64_t i = lo; i < hi; i++)
        all += v[i].p;
    return all;
}

/* transformers: TopPLogitsWarper.  A token stays where those before it, larger ones and equal ones
 * of smaller id, sum to less than p; the first always does. */
static void top_p(struct sampler *s, double p)
{
    int64_t lo = 0, hi = s->n, eq, lt;
    double above = 0, most = p * s->total;

    while (lo < hi) {
        part(s->left, lo, hi, &eq, &lt);
        double larger = sum(s->left, lo, eq), equal = sum(s->left, eq, lt);
        if (eq > lo && !(above + larger < most)) {
            hi = eq;                           /* the edge is among the larger */
            continue;
        }
        above += larger;
        if (above + equal < most) {
            above += equal;
            lo = lt;                           /* among the smaller, if anywhere */
            continue;
        }
        qsort(s->left + eq, (size_t)(lt - eq), sizeof(*s->left), by_id);
        for (lo = eq; lo < lt && (lo == 0 || above < most); lo++)
            above += s->left[lo].p;
        break;
    }
    s->n = lo;
    s->total = sum(s->left, 0, s->n);
}

/* transformers: MinPLogitsWarper; the largest is 1 here. */
static void min_p(struct sampler *s, double p)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++)
        if (!(s->left[i].p < p))
            s->left[n++] = s->left[i];
    s->n = n;
    s->total = sum(s->left, 0, n);
}

bool sampler_left(struct sampler *s, const struct sampling *how, float *logits, const int32_t *row,
                  int64_t n)
{
    float top = -INFINITY;
    int32_t best = -1;
    bool finite = true;

    if (how->repetition != 1)
        penalise(s, how->repetition, logits, row, n);
    for (int64_t i = 0; i < s->V; i++) {
        finite &= logits[i] - logits[i] == 0;
        if (logits[i] > top)
            top = logits[best = (int32_t)i];
    }
    if (!finite || best < 0)
        return false;
    if (how->temperature == 0) {
        s->left[0] = (struct chance){ 1, best };
        s->n = 1;
        s->total = 1;
        return true;
    }
    for (int64_t i = 0; i < s->V; i++)
        s->left[i] = (struct chance){ (double)logits[i] / how->temperature, (int32_t)i };
    s->n = s->V;
    if (how->top_k > 0)
        top_k(s, how->top_k);
    soften(s, (double)top / how->temperature);
    if (how->top_p < 1)
        top_p(s, how->top_p);
    if (how->min_p > 0)
        min_p(s, how->min_p);
    return true;
}

int32_t sampler_take(const struct sampler *s, double u)
{
    double at = u * s->total, below = 0;
    int32_t id = s->left[0].id;

    for (int64_t i = 0; i < s->n; i++)
        if (s->left[i].p > 0) {
            id = s->left[i].id;
            below += s->left[i].p;
            if (at < below)
                break;
        }
    return id;
}
