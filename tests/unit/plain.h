/* plain.h - the ops of a model's forward and backward in double and plain loops, as a backend.
 *
 * The forwards are those of ref.h, which the real backends are held against; the gradients stand
 * here by their formulas.  For sources that double.h has made double.  Noise and the cache are not
 * in it. */
#ifndef PLAIN_H
#define PLAIN_H

#include "tests/unit/double.h"

#include "tests/unit/ref.h"

static struct arena *plain_mem;                /* of an op while it runs */

static double *plain_room(int64_t n)          /* zeros */
{
    double *p = arena_get(plain_mem, (size_t)n * sizeof *p);
    BUG_IF(!p);
    return p;
}

/* ---- products: y[N M] is x[N K] by w(j, k), at j * step_j + k * step_k */

static void product(struct mat y, struct mat x, const double *w, int64_t step_j, int64_t step_k,
                    struct tensor bias, bool add)
{
    for (int64_t i = 0; i < y.rows; i++)
        for (int64_t j = 0; j < y.cols; j++) {
            double sum = bias.p ? f32(bias)[j] : 0, *to = y.p + i * y.ld + j;
            for (int64_t k = 0; k < x.cols; k++)
                sum += x.p[i * x.ld + k] * w[j * step_j + k * step_k];
            *to = add ? *to + sum : sum;
        }
}

/* dw[M K] += a[N M]^T b[N K]; dbias += the column sums of dy. */
static void outer(struct tensor dw, struct mat a, struct mat b, struct tensor dbias, struct mat dy)
{
    SHAPE2(dw, a.cols, b.cols);
    for (int64_t i = 0; i < a.rows; i++)
        for (int64_t j = 0; j < a.cols; j++)
            for (int64_t k = 0; k < b.cols; k++)
                f32(dw)[j * b.cols + k] += a.p[i * a.ld + j] * b.p[i * b.ld + k];
    for (int64_t i = 0; dbias.p && i < dy.rows; i++)
        for (int64_t j = 0; j < dy.cols; j++)
            f32(dbias)[j] += dy.p[i * dy.ld + j];
}

static void plain_matmul(struct dev *d, struct mat y, struct mat x, struct tensor w,
                         struct tensor bias, bool add)
{
    (void)d;
    SHAPE2(w, y.cols, x.cols);
    product(y, x, w.p, x.cols, 1, bias, add);
}

static void plain_matmul_t(struct dev *d, struct mat y, struct mat x, struct tensor w,
                           struct tensor bias, bool add)
{
    (void)d;
    SHAPE2(w, x.cols, y.cols);
    product(y, x, w.p, 1, y.cols, bias, add);
}

static void plain_matmul_dx(struct dev *d, struct mat dx, struct mat dy, struct tensor w, bool add)
{
    (void)d;
    SHAPE2(w, dy.cols, dx.cols);
    product(dx, dy, w.p, 1, dx.cols, (struct tensor){ 0 }, add);
}

static void plain_matmul_dw(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                            struct mat x)
{
    (void)d;
    outer(dw, dy, x, dbias, dy);
}

static void plain_matmul_t_dw(struct dev *d, struct tensor dw, struct tensor dbias, struct mat dy,
                              struct mat x)
{
    (void)d;
    outer(dw, x, dy, dbias, dy);
}

/* ---- rows */

static void plain_gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    (void)d;
    SHAPE2(y, y.d[0], x.d[1]);
    ref_rows(y.p, x.p, at, y.d[0], y.d[1]);
}

static void plain_gather_bwd(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at)
{
    (void)d;
    SHAPE2(dy, dy.d[0], dx.d[1]);
    for (int64_t i = 0; i < dy.d[0]; i++)
        for (int64_t j = 0; j < dy.d[1]; j++)
            f32(dx)[at[i] * dy.d[1] + j] += f32(dy)[i * dy.d[1] + j];
}

/* ---- norms */

static void plain_rmsnorm(struct dev *d, struct tensor y, struct tensor rstd, struct tensor x,
                          struct tensor w, double eps)
{
    (void)d;
    ref_rmsnorm(y.p, rstd.p, x.p, w.p, x.d[0], x.d[1], eps);
}

static void plain_layernorm(struct dev *d, struct tensor y, struct tensor mean, struct tensor rstd,
                            struct tensor x, struct tensor w, struct tensor b, double eps)
{
    (void)d;
    ref_layernorm(y.p, mean.p, rstd.p, x.p, w.p, b.p, x.d[0], x.d[1], eps);
}

/* With h = (x - mean) rstd and g = dy w: dx += rstd (g - m - h mean(g h)), m = mean(g) of a layer
 * norm and 0 of an RMS norm, which has no mean. */
static void norm_bwd(struct tensor dx, struct tensor dw, struct tensor db, struct tensor dy,
                     struct tensor x, struct tensor w, const double *mean, struct tensor rstd)
{
    int64_t D = x.d[1];

    for (int64_t i = 0; i < x.d[0]; i++) {
        double *to = f32(dx) + i * D, *from = f32(dy) + i * D, *xi = f32(x) + i * D;
        double r = f32(rstd)[i], m = mean ? mean[i] : 0, sum_g = 0, sum_gh = 0;
        for (int64_t j = 0; j < D; j++) {
            double g = from[j] * f32(w)[j];
            sum_g += mean ? g : 0;
            sum_gh += g * (xi[j] - m) * r;
        }
        for (int64_t j = 0; j < D; j++) {
            double h = (xi[j] - m) * r;
            to[j] += r * (from[j] * f32(w)[j] - sum_g / (double)D - h * sum_gh / (double)D);
            if (dw.p)
                f32(dw)[j] += from[j] * h;
            if (db.p)
                f32(db)[j] += from[j];
        }
    }
}

static void plain_rmsnorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor dy,
                              struct tensor x, struct tensor w, struct tensor rstd)
{
    (void)d;
    norm_bwd(dx, dw, (struct tensor){ 0 }, dy, x, w, NULL, rstd);
}

static void plain_layernorm_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor db,
                                struct tensor dy, struct tensor x, struct tensor w,
                                struct tensor mean, struct tensor rstd)
{
    (void)d;
    norm_bwd(dx, dw, db, dy, x, w, mean.p, rstd);
}

/* ---- heads: taken out of their wider rows for ref.h, and put back */

static double *dense(struct heads x, int64_t N)
{
    double *p = plain_room(N * x.n * x.E);

    for (int64_t i = 0; i < N * x.n; i++)
        memcpy(p + i * x.E, x.p + i / x.n * x.row + i % x.n * x.head, (size_t)x.E * sizeof *p);
    return p;
}

static void put_back(struct heads x, const double *p, int64_t N)
{
    for (int64_t i = 0; i < N * x.n; i++)
        memcpy(x.p + i / x.n * x.row + i % x.n * x.head, p + i * x.E, (size_t)x.E * sizeof *p);
}

static void plain_rope(struct dev *d, struct heads x, const struct forest *f, const double *freq,
                       int64_t n_freq, int sign)
{
    size_t mark = arena_mark(plain_mem);
    double *p = dense(x, f->n_tokens);

    (void)d;
    ref_rope(p, f->pos, freq, n_freq, sign, f->n_tokens, x.n, x.E);
    put_back(x, p, f->n_tokens);
    arena_back(plain_mem, mark);
}

static void plain_attention(struct dev *d, struct heads o, struct tensor lse, struct heads q,
                            struct heads k, struct heads v, const struct forest *f, double scale,
                            int64_t window)
{
    size_t mark = arena_mark(plain_mem);
    int64_t N = f->n_tokens;
    double *po = dense(o, N), *pq = dense(q, N), *pk = dense(k, N), *pv = dense(v, N);

    (void)d;
    ref_attention(po, lse.p, pq, pk, pv, f, q.n, k.n, q.E, scale, window);
    put_back(o, po, N);
    arena_back(plain_mem, mark);
}

static void plain_attention_bwd(struct dev *d, struct heads dq, struct heads dk, struct heads dv,
                                struct heads dout, struct heads o, struct tensor lse,
                                struct heads q, struct heads k, struct heads v,
                                const struct forest *f, double scale, int64_t window)
{
    size_t mark = arena_mark(plain_mem);
    int64_t N = f->n_tokens;
    double *pq = plain_room(N * q.n * q.E), *pk = plain_room(N * k.n * k.E),
           *pv = plain_room(N * v.n * v.E);

    (void)d;
    ref_attention_bwd(pq, pk, pv, dense(dout, N), dense(o, N), lse.p, dense(q, N), dense(k, N),
                      dense(v, N), f, q.n, k.n, q.E, scale, window);
    put_back(dq, pq, N);
    put_back(dk, pk, N);
    put_back(dv, pv, N);
    arena_back(plain_mem, mark);
}

/* ---- number by number */

static void plain_swiglu(struct dev *d, struct tensor y, struct tensor gate, struct tensor up)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(y); i++)
        f32(y)[i] = ref_swiglu(f32(gate)[i], f32(up)[i]);
}

static void plain_swiglu_bwd(struct dev *d, struct tensor dgate, struct tensor dup,
                             struct tensor dy, struct tensor gate, struct tensor up)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(dy); i++) {
        double g = f32(gate)[i], u = f32(up)[i], y = f32(dy)[i], s = 1 / (1 + exp(-g));
        f32(dgate)[i] = y * u * s * (1 + g * (1 - s));
        f32(dup)[i] = y * g * s;
    }
}

static void plain_gelu(struct dev *d, struct tensor y, struct tensor x, bool tanh_form)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(y); i++)
        f32(y)[i] = ref_gelu(f32(x)[i], tanh_form);
}

/* x cdf(x), or x (1 + tanh u) / 2 */
static double gelu_slope(double x, bool tanh_form)
{
    double a = sqrt(2 / M_PI), b = 0.044715;

    if (!tanh_form)
        return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    double t = tanh(a * (x + b * x * x * x));
    return (1 + t) / 2 + x * (1 - t * t) / 2 * a * (1 + 3 * b * x * x);
}

static void plain_gelu_bwd(struct dev *d, struct tensor dx, struct tensor dy, struct tensor x,
                           bool tanh_form)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(dx); i++)
        f32(dx)[i] = f32(dy)[i] * gelu_slope(f32(x)[i], tanh_form);
}

static void plain_add(struct dev *d, struct tensor y, struct tensor a, struct tensor b)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(y); i++)
        f32(y)[i] = f32(a)[i] + f32(b)[i];
}

static void plain_scale(struct dev *d, struct tensor y, struct tensor x, double s)
{
    (void)d;
    for (int64_t i = 0; i < tensor_n(y); i++)
        f32(y)[i] = f32(x)[i] * s;
}

/* ---- the head */

/* dlogp / dl[v] = (v is the target) - p[v] */
static void plain_logprob_bwd(struct dev *d, struct tensor dx, struct tensor dw, struct tensor x,
                              struct tensor w, struct tensor lse, const int32_t *target,
                              const double *coef)
{
    int64_t D = x.d[1];

    (void)d;
    memset(dx.p, 0, (size_t)tensor_n(dx) * sizeof(double));
    for (int64_t i = 0; i < x.d[0]; i++)
        for (int64_t v = 0; v < w.d[0]; v++) {
            double l = 0, *xi = f32(x) + i * D, *wv = f32(w) + v * D;
            for (int64_t j = 0; j < D; j++)
                l += xi[j] * wv[j];
            double dl = coef[i] * ((v == target[i]) - exp(l - f32(lse)[i]));
            for (int64_t j = 0; j < D; j++) {
                f32(dx)[i * D + j] += dl * wv[j];
                if (dw.p)
                    f32(dw)[v * D + j] += dl * xi[j];
            }
        }
}

static void plain_logprob(struct dev *d, struct tensor logp, struct tensor lse, struct tensor hit,
                          struct tensor entropy, struct tensor x, struct tensor w,
                          const int32_t *target, const double *coef, struct tensor dx,
                          struct tensor dw)
{
    ref_logprob(logp.p, lse.p, hit.p, entropy.p, x.p, w.p, target, x.d[0], w.d[0], x.d[1]);
    if (coef)
        plain_logprob_bwd(d, dx, dw, x, w, lse, target, coef);
}

static void plain_sumsq(struct dev *d, double *sum, struct tensor x)
{
    (void)d;
    *sum += ref_sumsq(x.p, tensor_n(x));
}

static void plain_adamw(struct dev *d, struct tensor w, struct tensor m, struct tensor v,
                        struct tensor g, double gscale, struct adamw h)
{
    (void)d;
    ref_adamw(w.p, m.p, v.p, g.p, tensor_n(w), gscale, h);
}

static const struct ops plain_ops = {
    .matmul = plain_matmul, .matmul_dx = plain_matmul_dx, .matmul_dw = plain_matmul_dw,
    .matmul_t = plain_matmul_t, .matmul_t_dw = plain_matmul_t_dw,
    .embed = plain_gather, .embed_bwd = plain_gather_bwd,
    .gather = plain_gather, .gather_bwd = plain_gather_bwd,
    .rmsnorm = plain_rmsnorm, .rmsnorm_bwd = plain_rmsnorm_bwd,
    .layernorm = plain_layernorm, .layernorm_bwd = plain_layernorm_bwd,
    .rope = plain_rope, .attention = plain_attention, .attention_bwd = plain_attention_bwd,
    .swiglu = plain_swiglu, .swiglu_bwd = plain_swiglu_bwd,
    .gelu = plain_gelu, .gelu_bwd = plain_gelu_bwd, .add = plain_add, .scale = plain_scale,
    .logprob = plain_logprob, .logprob_bwd = plain_logprob_bwd,
    .sumsq = plain_sumsq, .adamw = plain_adamw,
};

#endif
