/* backward.c - the same layers, bottom up.  dx is the gradient of the residual stream and is added
 * to in place; outputs of norms and activations are computed again from what the forward kept, and
 * all of a layer but its input where the pass keeps no more. */
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

/* dw += dy^T x and dx = dy w (+= where add), each where it is wanted */
static void linear_bwd(const struct model *m, struct pass *p, const struct linear *l, float *dx,
                       float *dy, float *x, int64_t rows, bool add)
{
    struct dev *d = m->d;
    struct mat tdy = layer_mat(dy, rows, linear_out(l)), tx = layer_mat(x, rows, linear_in(l));
    struct mat tdx = layer_mat(dx, rows, linear_in(l));
    bool below = layer_wants(m, l);

    if (l->dw.p && l->turned)
        d->op->matmul_t_dw(d, l->dw, l->db, tdy, tx);
    else if (l->dw.p)
        d->op->matmul_dw(d, l->dw, l->db, tdy, tx);
    if (below && l->turned)
        d->op->matmul(d, tdx, tdy, l->w, (struct tensor){ 0 }, add);
    else if (below)
        d->op->matmul_dx(d, tdx, tdy, l->w, add);
    if (l->adapter.n)
        lora_backward(m, p, l, below ? dx : NULL, dy, x, rows);
}

/* dxn = the gradient of the mlp's input x; dy is that of its output, and may be dxn itself. */
static void mlp_bwd(const struct model *m, struct pass *p, const struct layer *l,
                    const struct act *k, float *x, float *d_out, int64_t rows)
{
    struct dev *d = m->d;
    int64_t F = m->c.F;
    struct tensor dy = tensor2(p->fb, rows, F), up = tensor2(k->up, rows, F);

    layer_activation(m, k, p->fa, rows);
    linear_bwd(m, p, &l->down, p->fb, d_out, p->fa, rows, false);
    if (!layer_wants(m, &l->down))
        return;
    if (k->gate) {
        d->op->swiglu_bwd(d, tensor2(p->fa, rows, F), tensor2(p->fc, rows, F), dy,
                          tensor2(k->gate, rows, F), up);
        linear_bwd(m, p, &l->gate, p->dxn, p->fa, x, rows, false);
        linear_bwd(m, p, &l->up, p->dxn, p->fc, x, rows, true);
    } else {
        d->op->gelu_bwd(d, dy, dy, up, m->c.gelu_tanh);
        linear_bwd(m, p, &l->up, p->dxn, p->fb, x, rows, false);
    }
}

/* A norm whose output is not kept: computed into dx first, for its mean and rstd; then dx =. */
static void norm_bwd_anew(const struct model *m, struct pass *p, const struct norm *w, float *dx,
                          float *dy, float *x, int64_t rows)
{
    layer_norm(m, p, w, dx, x, rows);
    dev_zero(m->d, dx, (size_t)(rows * w->w.d[0]) * sizeof(float));
    layer_norm_bwd(m, p, w, dx, dy, x, rows);
}

/* The reverse of finish_post(); as finish_bwd(). */
static void finish_post_bwd(const struct model *m, struct pass *p, const struct layer *l,
                            const struct act *k, float *dx, float *dout, float *o, int64_t rows)
{
    struct tensor tdx = tensor2(dx, rows, m->c.D);

    norm_bwd_anew(m, p, &l->norm2, p->dxn, dx, k->ffn, rows);
    mlp_bwd(m, p, l, k, k->mid, p->dxn, rows);
    if (layer_wants(m, &l->up))
        m->d->op->add(m->d, tdx, tdx, tensor2(p->dxn, rows, m->c.D));
    norm_bwd_anew(m, p, &l->norm1, p->dxn, dx, k->att, rows);
    linear_bwd(m, p, &l->out, dout, p->dxn, o, rows, false);
}

/* The reverse of finish(): dx is the gradient of its output on entry and of x on return; dout that
 * of o. */
static void finish_bwd(const struct model *m, struct pass *p, const struct layer *l,
                       const struct act *k, float *dx, float *dout, float *x, float *o,
                       int64_t rows)
{
    bool parallel = m->c.parallel;
    float *in = parallel ? x : k->mid;

    if (m->c.post_norm) {
        finish_post_bwd(m, p, l, k, dx, dout, o, rows);
        return;
    }
    if (parallel)                              /* before the mlp's part is added to dx */
        linear_bwd(m, p, &l->out, dout, dx, o, rows, false);
    layer_norm(m, p, &l->norm2, p->xn, in, rows);
    mlp_bwd(m, p, l, k, p->xn, dx, rows);
    if (layer_wants(m, &l->up))
        layer_norm_bwd(m, p, &l->norm2, dx, p->dxn, in, rows);
    if (!parallel)
        linear_bwd(m, p, &l->out, dout, dx, o, rows, false);
}

/* dqkv -> dxn and the gradients of the three projections; with norms of q and k through those
 * first. */
static void project_bwd(const struct model *m, struct pass *p, const struct layer *l,
                        const struct act *k)
{
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens, HE = c->H * c->E, GE = c->G * c->E;
    float *dk = p->dqk + N * HE, *x;

    if (!c->qk_norm) {
        x = layer_input(m, p, l, k);
        linear_bwd(m, p, &l->qkv, p->dxn, p->dqkv, x, N, false);
        return;
    }
    norm_bwd_anew(m, p, &l->q_norm, p->dqk, p->dqkv, k->qk, N * HE / l->q_norm.w.d[0]);
    norm_bwd_anew(m, p, &l->k_norm, dk, p->dqkv + N * HE, k->qk + N * HE,
                  N * GE / l->k_norm.w.d[0]);
    x = layer_input(m, p, l, k);               /* last: its rstd is wanted */
    linear_bwd(m, p, &l->q, p->dxn, p->dqk, x, N, false);
    linear_bwd(m, p, &l->k, p->dxn, dk, x, N, true);
    linear_bwd(m, p, &l->v, p->dxn, p->dqkv + N * (HE + GE), x, N, true);
}

static void attend_bwd(const struct model *m, struct pass *p, const struct layer *l,
                       const struct act *k)
{
    struct dev *d = m->d;
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens, HE = c->H * c->E;
    struct heads dq = layer_heads(c, p->dqkv, N, HEADS_Q), dk = layer_heads(c, p->dqkv, N, HEADS_K);
    struct heads o = { k->o, c->H, c->E, HE, c->E }, dout = { p->dout, c->H, c->E, HE, c->E };
    struct tensor tdx = tensor2(p->dx, N, c->D);

    if (!layer_wants(m, &l->out))
        return;
    d->op->attention_bwd(d, dq, dk, layer_heads(c, p->dqkv, N, HEADS_V), dout, o,
                         tensor2(k->lse, N, c->H), layer_heads(c, k->qkv, N, HEADS_Q),
                         layer_heads(c, k->qkv, N, HEADS_K), layer_heads(c, k->qkv, N, HEADS_V),
                         &p->f, 1 / sqrt((double)c->E), l->window);
    if (c->n_freq) {
        d->op->rope(d, dq, &p->f, c->freq, c->n_freq, -1);
        d->op->rope(d, dk, &p->f, c->freq, c->n_freq, -1);
    }
    project_bwd(m, p, l, k);
    if (!layer_wants(m, &l->qkv))
        return;
    if (c->post_norm)
        d->op->add(d, tdx, tdx, tensor2(p->dxn, N, c->D));
    else
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
    int64_t n = p->n_targets, D = m->c.D, last = m->c.L - 1, lowest = MAX(m->lowest, 0) / 4;

    BUG_IF(!p->keep || p->bare || !model_trained(m).g);
    if (n == 0)
        return;
    if (coef) {
        dev_put(d, p->coef, coef, (size_t)n * sizeof(float));
        d->op->logprob_bwd(d, tensor2(p->dh, n, D), m->head->g, tensor2(p->h, n, D), m->head->w,
                           tensor1(p->lse, n), p->target, p->coef);
    }
    last_bwd(m, p, &m->layer[last], &p->act[last]);
    for (int64_t i = last - 1; i >= lowest; i--) {
        const struct act *k = &p->act[i];
        if (p->keep == KEEP_INPUTS)
            layer_anew(m, p, &m->layer[i], k);
        finish_bwd(m, p, &m->layer[i], k, p->dx, p->dout, k->x, k->o, p->f.n_tokens);
        attend_bwd(m, p, &m->layer[i], k);
    }
    if (!m->embed->g.p)
        return;
    d->op->embed_bwd(d, m->embed->g, tensor2(p->dx, p->f.n_tokens, D), p->token);
    if (m->places)
        d->op->embed_bwd(d, m->places->g, tensor2(p->dx, p->f.n_tokens, D), p->f.pos);
}
