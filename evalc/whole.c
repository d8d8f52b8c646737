/* whole.c - sweeps over rows of logits. */
#include <math.h>

#include "whole.h"

void whole_rank(int32_t *rank, const float *logits, const int32_t *target, int64_t n, int64_t V,
                int threads)
{
    #pragma omp parallel for num_threads(threads) if (n > 1)
    for (int64_t i = 0; i < n; i++) {
        const float *x = logits + i * V, top = x[target[i]];
        int32_t above = 0;
        for (int64_t v = 0; v < V; v++)
            above += x[v] > top;
        rank[i] = above;
    }
}

/* log sum exp of a row. */
static double total(const float *x, int64_t V)
{
    float top = x[0];
    double sum = 0;

    for (int64_t v = 1; v < V; v++)
        top = fmaxf(top, x[v]);
    for (int64_t v = 0; v < V; v++)
        sum += exp((double)x[v] - (double)top);
    return log(sum) + (double)top;
}

void whole_kl(double *kl, const float *p, const float *q, int64_t n, int64_t V, int threads)
{
    #pragma omp parallel for num_threads(threads) if (n > 1)
    for (int64_t i = 0; i < n; i++) {
        const float *x = p + i * V, *y = q + i * V;
        double zx = total(x, V), zy = total(y, V), sum = 0;
        for (int64_t v = 0; v < V; v++) {
            double lx = (double)x[v] - zx;
            sum += exp(lx) * (lx - ((double)y[v] - zy));
        }
        kl[i] = sum < 0 ? 0 : sum;             /* rounding; NaN stays */
    }
}
