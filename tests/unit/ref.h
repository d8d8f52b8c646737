/* ref.h - every op again, in double and plain loops: what the backends are held against.
 *
 * Shapes and meaning as in math/ops.h; clarity before speed.  Mostly forwards: a gradient is
 * right when it agrees with the differences of these (fd_check in arr.h). */
#ifndef REF_H
#define REF_H

#include "math/ops.h"

/* y[N M] = x[N K] w[M K]^T + bias[M] (bias may be NULL) */
void ref_matmul(double *y, const double *x, const double *w, const double *bias, int64_t N,
                int64_t M, int64_t K);
/* The same with w[K M]. */
void ref_matmul_t(double *y, const double *x, const double *w, const double *bias, int64_t N,
                  int64_t M, int64_t K);
void ref_rows(double *y, const double *table, const int32_t *at, int64_t n, int64_t D);
void ref_rmsnorm(double *y, double *rstd, const double *x, const double *w, int64_t N, int64_t D,
                 double eps);
void ref_layernorm(double *y, double *mean, double *rstd, const double *x, const double *w,
                   const double *b, int64_t N, int64_t D, double eps);
/* x[N n E] in place */
void ref_rope(double *x, const int32_t *pos, const double *freq, int64_t n_freq, int sign,
              int64_t N, int64_t n, int64_t E);
/* q, o [N H E], k, v [N G E], lse[N H]; the forest's arrays on the host */
void ref_attention(double *o, double *lse, const double *q, const double *k, const double *v,
                   const struct forest *f, int64_t H, int64_t G, int64_t E, double scale,
                   int64_t window);
/* All of its gradient, from the forward's o and lse: dq, dk, dv are added to. */
void ref_attention_bwd(double *dq, double *dk, double *dv, const double *dout, const double *o,
                       const double *lse, const double *q, const double *k, const double *v,
                       const struct forest *f, int64_t H, int64_t G, int64_t E, double scale,
                       int64_t window);
double ref_swiglu(double gate, double up);
double ref_gelu(double x, bool tanh_form);
void ref_logprob(double *logp, double *lse, double *hit, double *entropy, const double *x,
                 const double *w, const int32_t *target, int64_t n, int64_t V, int64_t D);
double ref_sumsq(const double *x, int64_t n);
void ref_adamw(double *w, double *m, double *v, const double *g, int64_t n, double gscale,
               struct adamw h);

#endif
