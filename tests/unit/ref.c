/* ref.c - every op in double and plain loops. */
#include <math.h>

#include "tests/unit/ref.h"

void ref_matmul(double *y, const double *x, const double *w, const double *bias, int64_t N,
                int64_t M, int64_t K)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < M; j++) {
            double sum = bias ? bias[j] : 0;
            for (int64_t k = 0; k < K; k++)
                sum += x[i * K + k] * w[j * K + k];
            y[i * M + j] = sum;
        }
}

void ref_matmul_t(double *y, const double *x, const double *w, const double *bias, int64_t N,
                  int64_t M, int64_t K)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < M; j++) {
            double sum = bias ? bias[j] : 0;
            for (int64_t k = 0; k < K; k++)
                sum += x[i * K + k] * w[k * M + j];
            y[i * M + j] = sum;
        }
}

void ref_rows(double *y, const double *table, const int32_t *at, int64_t n, int64_t D)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < D; j++)
            y[i * D + j] = table[at[i] * D + j];
}

void ref_rmsnorm(double *y, double *rstd, const double *x, const double *w, int64_t N, int64_t D,
                 double eps)
{
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int64_t j = 0; j < D; j++)
            sum += x[i * D + j] * x[i * D + j];
        rstd[i] = 1 / sqrt(sum / (double)D + eps);
        for (int64_t j = 0; j < D; j++)
            y[i * D + j] = x[i * D + j] * rstd[i] * w[j];
    }
}

void ref_layernorm(double *y, double *mean, double *rstd, const double *x, const double *w,
                   const double *b, int64_t N, int64_t D, double eps)
{
    for (int64_t i = 0; i < N; i++) {
        double sum = 0, square = 0;
        for (int64_t j = 0; j < D; j++)
            sum += x[i * D + j];
        mean[i] = sum / (double)D;
        for (int64_t j = 0; j < D; j++)
            square += (x[i * D + j] - mean[i]) * (x[i * D + j] - mean[i]);
        rstd[i] = 1 / sqrt(square / (double)D + eps);
        for (int64_t j = 0; j < D; j++)
            y[i * D + j] = (x[i * D + j] - mean[i]) * rstd[i] * w[j] + b[j];
    }
}

void ref_rope(double *x, const int32_t *pos, const double *freq, int64_t n_freq, int sign,
              int64_t N, int64_t n, int64_t E)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < n; h++)
            for (int64_t j = 0; j < n_freq; j++) {
                double *a = x + (i * n + h) * E + j, *b = a + n_freq,
                       angle = pos[i] * freq[j] * sign;
                double u = *a * cos(angle) - *b * sin(angle), v = *b * cos(angle) + *a * sin(angle);
                *a = u;
                *b = v;
            }
}

static int64_t seg_of(const struct forest *f, int64_t token)
{
    for (int64_t s = 0; s < f->n_segs; s++)
        if (token >= f->seg[s].begin && token < f->seg[s].end)
            return s;
    BUG_IF(true);
}

/* Does token i see token j?  j is i or before it in its segment, or in an ancestor; and within
 * the window. */
static bool sees(const struct forest *f, int64_t i, int64_t j, int64_t window)
{
    int64_t si = seg_of(f, i), sj = seg_of(f, j);
    if (window > 0 && f->pos[j] <= f->pos[i] - window)
        return false;
    if (si == sj)
        return j <= i;
    for (si = f->seg[si].parent; si >= 0; si = f->seg[si].parent)
        if (si == sj)
            return true;
    return false;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void ref_attention(double *o, double *lse, const double *q, const double *k, const double *v,
                   const struct forest *f, int64_t H, int64_t G, int64_t E, double scale,
                   int64_t window)
{
    for (int64_t i = 0; i < f->n_tokens; i++)
        for (int64_t h = 0; h < H; h++) {
            const double *qi = q + (i * H + h) * E;
            double *oi = o + (i * H + h) * E, top = -INFINITY, sum = 0;
            int64_t g = h / (H / G);
            for (int64_t j = 0; j < f->n_tokens; j++)
                if (sees(f, i, j, window))
                    top = fmax(top, scale * dot(qi, k + (j * G + g) * E, E));
            memset(oi, 0, (size_t)E * sizeof(*oi));
            for (int64_t j = 0; j < f->n_tokens; j++)
                if (sees(f, i, j, window)) {
                    double p = exp(scale * dot(qi, k + (j * G + g) * E, E) - top);
                    sum += p;
                    for (int64_t e = 0; e < E; e++)
                        oi[e] += p * v[(j * G + g) * E + e];
                }
            for (int64_t e = 0; e < E; e++)
                oi[e] /= sum;
            lse[i * H + h] = top + log(sum);
        }
}

void ref_attention_bwd(double *dq, double *dk, double *dv, const double *dout, const double *o,
                       const double *lse, const double *q, const double *k, const double *v,
                       const struct forest *f, int64_t H, int64_t G, int64_t E, double scale,
                       int64_t window)
{
    for (int64_t i = 0; i < f->n_tokens; i++)
        for (int64_t h = 0; h < H; h++)
            for (int64_t j = 0; j < f->n_tokens; j++) {
                int64_t at = (i * H + h) * E, key = (j * G + h / (H / G)) * E;
                if (!sees(f, i, j, window))
                    continue;
                double p = exp(scale * dot(q + at, k + key, E) - lse[i * H + h]);
                double ds = scale * p * (dot(dout + at, v + key, E) - dot(dout + at, o + at, E));
                for (int64_t e = 0; e < E; e++) {
                    dq[at + e] += ds * k[key + e];
                    dk[key + e] += ds * q[at + e];
                    dv[key + e] += p * dout[at + e];
                }
            }
}

double ref_swiglu(double gate, double up)
{
    return gate / (1 + exp(-gate)) * up;
}

double ref_gelu(double x, bool tanh_form)
{
    if (tanh_form)
        return x / (1 + exp(-2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    return x * erfc(-x / sqrt(2)) / 2;
}

void ref_logprob(double *logp, double *lse, double *hit, double *entropy, const double *x,
                 const double *w, const int32_t *target, int64_t n, int64_t V, int64_t D)
{
    for (int64_t i = 0; i < n; i++) {
        double top = -INFINITY, sum = 0;
        int64_t arg = 0;
        for (int64_t v = 0; v < V; v++) {
            double l = dot(x + i * D, w + v * D, D);
            if (l > top) {
                top = l;
                arg = v;
            }
        }
        for (int64_t v = 0; v < V; v++)
            sum += exp(dot(x + i * D, w + v * D, D) - top);
        lse[i] = top + log(sum);
        logp[i] = dot(x + i * D, w + target[i] * D, D) - lse[i];
        hit[i] = arg == target[i];
        entropy[i] = 0;
        for (int64_t v = 0; v < V; v++) {
            double log_p = dot(x + i * D, w + v * D, D) - lse[i];
            entropy[i] -= exp(log_p) * log_p;
        }
    }
}

double ref_sumsq(const double *x, int64_t n)
{
    return dot(x, x, n);
}

void ref_adamw(double *w, double *m, double *v, const double *g, int64_t n, double gscale,
               struct adamw h)
{
    for (int64_t i = 0; i < n; i++) {
        double gi = g[i] * gscale;
        m[i] = h.beta1 * m[i] + (1 - h.beta1) * gi;
        v[i] = h.beta2 * v[i] + (1 - h.beta2) * gi * gi;
        double mean = m[i] / (1 - pow(h.beta1, (double)h.step)),
               square = v[i] / (1 - pow(h.beta2, (double)h.step));
        w[i] -= h.lr * (mean / (sqrt(square) + h.eps) + h.decay * w[i]);
    }
}
