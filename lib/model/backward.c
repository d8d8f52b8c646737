/* backward.c - the same layers, bottom up.  dx is the gradient of the residual stream and is added
 * to in place; outputs of norms and activations are computed again from what the forward kept. */
#include "model/layer.h"

#include <math.h>

void layer_norm_bwd(const struct model *m, struct pass *p, const struct norm *w, float *dx,
                    float *dy, float *x, int64_t rows)
{
    struct dev *d = m->d;
    int64_t D = w->w.d[0];
    struct tensor tdx = tensor2(dx, rows, D), tdy = tensor2(dy, rows, D), tx = tensor2(x, rows, D);

    if (w->b.p)
        d->op->layernorm_bwd(d, tdx, w->dw, w->db, tdy, tx, w->w, tensor1(p->mean, rows),
                             tensor1(p->rstd, rows));
    else
        d->op->rmsnorm_bwd(d, tdx, w->dw, tdy, tx, w->w, tensor1(p->rstd, rows));
}

/* dw += dy^T x, dx = dy w (+= where add); dx NULL: not wanted */
static void linear_bwd(const struct model *m, const struct linear *l, float *dx, float *dy,
                       float *x, int64_t rows, bool add)
{
    struct dev *d = m->d;
    struct mat tdy = layer_mat(dy, rows, l->w.d[0]);

    d->op->matmul_dw(d, l->dw, l->db, tdy, layer_mat(x, rows, l->w.d[1]));
    d->op->matmul_dx(d, layer_mat(dx, rows, l->w.d[1]), tdy, l->w, add);
}

/* fb = gradient of the activation's output on entry; dxn = gradient of norm2's output */
static void activation_bwd(const struct model *m, struct pass *p, const struct layer *l,
                           const struct act *k, int64_t rows)
{
    struct dev *d = m->d;
    int64_t F = m->c.F;
    struct tensor dy = tensor2(p->fb, rows, F), up = tensor2(k->up, rows, F);

    if (k->gate) {
        d->op->swiglu_bwd(d, tensor2(p->fa, rows, F), tensor2(p->fc, rows, F), dy,
                          tensor2(k->gate, rows, F), up);
        linear_bwd(m, &l->gate, p->dxn, p->fa, p->xn, rows, false);
        linear_bwd(m, &l->up, p->dxn, p->fc, p->xn, rows, true);
    } else {
        d->op->gelu_bwd(d, dy, dy, up, m->c.gelu_tanh);
        linear_bwd(m, &l->up, p->dxn, p->fb, p->xn, rows, false);
    }
}

/* The reverse of finish(): dx is the gradient of its output on entry and of x on return; dout that
 * of o. */
static void finish_bwd(const struct model *m, struct pass *p, const struct layer *l,
                       const struct act *k, float *dx, float *dout, float *x, float *o,
                       int64_t rows)
{
    bool parallel = m->c.parallel;
    float *in = parallel ? x : k->mid;

    if (parallel)                              /* before the mlp's part is added to dx */
        linear_bwd(m, &l->out, dout, dx, o, rows, false);
    layer_norm(m, p, &l->norm2, p->xn, in, rows);
    layer_activation(m, k, p->fa, rows);
    linear_bwd(m, &l->down, p->fb, dx, p->fa, rows, false);
    activation_bwd(m, p, l, k, rows);
    layer_norm_bwd(m, p, &l->norm2, dx, p->dxn, in, rows);
    if (!parallel)
        linear_bwd(m, &l->out, dout, dx, o, rows, false);
}

/* The norm of q's or k's heads, `rows` in all: dx =; what it gave is computed into dx first, for
 * its rstd. */
static void head_norm_bwd(const struct model *m, struct pass *p, const struct norm *w, float *dx,
                          float *dy, float *x, int64_t rows)
{
    layer_norm(m, p, w, dx, x, rows);
    dev_zero(m->d, dx, (size_t)(rows * m->c.E) * sizeof(float));
    layer_norm_bwd(m, p, w, dx, dy, x, rows);
}

/* dqkv -> dxn and the gradients of the three projections; with norms of q and k through those
 * first. */
static void project_bwd(const struct model *m, struct pass *p, const struct layer *l,
                        const struct act *k)
{
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens, HE = c->H * c->E, GE = c->G * c->E;

    if (!c->qk_norm) {
        layer_norm(m, p, &l->norm1, p->xn, k->x, N);
        linear_bwd(m, &l->qkv, p->dxn, p->dqkv, p->xn, N, false);
        return;
    }
    head_norm_bwd(m, p, &l->q_norm, p->dqk, p->dqkv, k->qk, N * c->H);
    head_norm_bwd(m, p, &l->k_norm, p->dqk + N * HE, p->dqkv + N * HE, k->qk + N * HE, N * c->G);
    layer_norm(m, p, &l->norm1, p->xn, k->x, N);
    linear_bwd(m, &l->q, p->dxn, p->dqk, p->xn, N, false);
    linear_bwd(m, &l->k, p->dxn, p->dqk + N * HE, p->xn, N, true);
    linear_bwd(m, &l->v, p->dxn, p->dqkv + N * (HE + GE), p->xn, N, true);
}

static void attend_bwd(const struct model *m, struct pass *p, const struct layer *l,
                       const struct act *k)
{
    struct dev *d = m->d;
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens, HE = c->H * c->E;
    struct heads dq = layer_heads(c, p->dqkv, N, HEADS_Q), dk = layer_heads(c, p->dqkv, N, HEADS_K);
    struct heads o = { k->o, c->H, c->E, HE, c->E }, dout = { p->dout, c->H, c->E, HE, c->E };

    d->op->attention_bwd(d, dq, dk, layer_heads(c, p->dqkv, N, HEADS_V), dout, o,
                         tensor2(k->lse, N, c->H), layer_heads(c, k->qkv, N, HEADS_Q),
                         layer_heads(c, k->qkv, N, HEADS_K), layer_heads(c, k->qkv, N, HEADS_V),
                         &p->f, 1 / sqrt((double)c->E), 0);
    d->op->rope(d, dq, &p->f, c->freq, c->n_freq, -1);
    d->op->rope(d, dk, &p->f, c->freq, c->n_freq, -1);
    project_bwd(m, p, l, k);
    layer_norm_bwd(m, p, &l->norm1, p->dx, p->dxn, k->x, N);
}

/* The last layer: its second half lives on the gathered rows. */
static void last_bwd(const struct model *m, struct pass *p, const struct layer *l,
                     const struct act *k)
{
    struct dev *d = m->d;
    int64_t N = p->f.n_tokens, n = p->n_targets, D = m->c.D, HE = m->c.H * m->c.E;
    struct norm final = model_final_norm(m);

    dev_zero(d, p->dxg, (size_t)(n * D) * sizeof(float));
    layer_norm(m, p, &final, p->xn, p->xf, n);
    layer_norm_bwd(m, p, &final, p->dxg, p->dh, p->xf, n);
    finish_bwd(m, p, l, k, p->dxg, p->dog, p->xg, p->og, n);
    dev_zero(d, p->dx, (size_t)(N * D) * sizeof(float));
    dev_zero(d, p->dout, (size_t)(N * HE) * sizeof(float));
    d->op->gather_bwd(d, tensor2(p->dx, N, D), tensor2(p->dxg, n, D), p->at);
    d->op->gather_bwd(d, tensor2(p->dout, N, HE), tensor2(p->dog, n, HE), p->at);
    attend_bwd(m, p, l, k);
}

void model_backward(struct model *m, struct pass *p, const float *coef)
{
    struct dev *d = m->d;
    int64_t n = p->n_targets, D = m->c.D, last = m->c.L - 1;

    BUG_IF(!p->keep || !m->g);
    if (n == 0)
        return;
    if (coef) {
        dev_put(d, p->coef, coef, (size_t)n * sizeof(float));
        d->op->logprob_bwd(d, tensor2(p->dh, n, D), m->head->g, tensor2(p->h, n, D), m->head->w,
                           tensor1(p->lse, n), p->target, p->coef);
    }
    last_bwd(m, p, &m->layer[last], &p->act[last]);
    for (int64_t i = last - 1; i >= 0; i--) {
        const struct act *k = &p->act[i];
        finish_bwd(m, p, &m->layer[i], k, p->dx, p->dout, k->x, k->o, p->f.n_tokens);
        attend_bwd(m, p, &m->layer[i], k);
    }
    d->op->embed_bwd(d, m->embed->g, tensor2(p->dx, p->f.n_tokens, D), p->token);
}
