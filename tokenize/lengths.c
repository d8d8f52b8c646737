/* lengths.c - bins of one token, then 2,048 of equal width for every doubling. */
#include <math.h>

#include "lengths.h"

enum { HALF = LENGTHS_EXACT / 2 };

static int64_t bin_of(int64_t n)
{
    int doubling = 0;

    while (n >> doubling >= LENGTHS_EXACT)
        doubling++;
    int64_t i = doubling ? LENGTHS_EXACT + (doubling - 1) * HALF + (n >> doubling) - HALF : n;
    return MIN(i, LENGTHS_BINS - 1);
}

/* The least length of a bin. */
static int64_t bin_from(int64_t i)
{
    int64_t doubling = i < LENGTHS_EXACT ? 0 : (i - LENGTHS_EXACT) / HALF + 1;

    return doubling ? (HALF + (i - LENGTHS_EXACT) % HALF) << doubling : i;
}

void lengths_add(struct lengths *l, int64_t n_tokens)
{
    l->min = l->n ? MIN(l->min, n_tokens) : n_tokens;
    l->max = MAX(l->max, n_tokens);
    l->n++;
    l->bin[bin_of(n_tokens)]++;
}

int64_t lengths_quantile(const struct lengths *l, double q)
{
    int64_t want = MAX((int64_t)ceil(q * (double)l->n), 1), seen = 0;

    if (want >= l->n)
        return l->max;
    for (int64_t i = 0; i < LENGTHS_BINS; i++)
        if ((seen += l->bin[i]) >= want)
            return MAX(bin_from(i), l->min);
    return l->max;
}

int64_t lengths_between(const struct lengths *l, int64_t from, int64_t to)
{
    int64_t n = 0;

    for (int64_t i = bin_of(from); i < LENGTHS_BINS && bin_from(i) < to; i++)
        n += bin_from(i) >= from ? l->bin[i] : 0;
    return n;
}
