/* forward.c - the layers, top down.  Every op keeps the rule that a row's bits do not depend on its
 * company, and so does what stands between them: rows are gathered, never combined. */
#include "model/layer.h"

#include <math.h>

#include "base/rng.h"

#define NEFTUNE UINT32_MAX                     /* stream of its draws; dropouts have the first */

struct heads layer_heads(const struct config *c, float *qkv, int64_t N, int which)
{
    int64_t HE = c->H * c->E, GE = c->G * c->E, row = HE + 2 * GE;
    int64_t n = which == HEADS_Q ? c->H : c->G;

    if (c->family == FAMILY_NEOX)
        return (struct heads){ qkv + which * c->E, c->H, c->E, row, 3 * c->E };
    int64_t before = which == HEADS_Q ? 0 : which == HEADS_K ? HE : HE + GE;
    if (c->qk_norm)
        return (struct heads){ qkv + N * before, n, c->E, n * c->E, c->E };
    return (struct heads){ qkv + before, n, c->E, row, c->E };
}

void layer_norm(const struct model *m, struct pass *p, const struct norm *w, float *y, float *x,
                int64_t rows)
{
    struct dev *d = m->d;
    int64_t D = w->w.d[0];
    struct tensor ty = tensor2(y, rows, D), tx = tensor2(x, rows, D);

    if (w->b.p)
        d->op->layernorm(d, ty, tensor1(p->mean, rows), tensor1(p->rstd, rows), tx, w->w, w->b,
                         m->c.eps);
    else
        d->op->rmsnorm(d, ty, tensor1(p->rstd, rows), tx, w->w, m->c.eps);
}

struct norm model_final_norm(const struct model *m)
{
    struct norm n = { .w = m->norm->w, .dw = m->norm->g };
    if (m->norm_bias)
        n.b = m->norm_bias->w, n.db = m->norm_bias->g;
    return n;
}

static void linear(const struct model *m, struct pass *p, const struct linear *l, float *y,
                   float *x, int64_t rows, bool add)
{
    struct dev *d = m->d;
    struct mat ty = layer_mat(y, rows, linear_out(l)), tx = layer_mat(x, rows, linear_in(l));

    if (l->turned)
        d->op->matmul_t(d, ty, tx, l->w, l->b, add);
    else
        d->op->matmul(d, ty, tx, l->w, l->b, add);
    if (l->adapter.n && !p->bare)
        lora_forward(m, p, l, y, x, rows);
}

float *layer_input(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k)
{
    if (m->c.post_norm)
        return k->x;
    layer_norm(m, p, &l->norm1, p->xn, k->x, p->f.n_tokens);
    return p->xn;
}

/* q, k, v into k->qkv, before rope. */
static void project(const struct model *m, struct pass *p, const struct layer *l,
                    const struct act *k)
{
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens, HE = c->H * c->E, GE = c->G * c->E;
    float *x = layer_input(m, p, l, k);

    if (!c->qk_norm) {
        linear(m, p, &l->qkv, k->qkv, x, N, false);
        return;
    }
    linear(m, p, &l->q, k->qk, x, N, false);
    linear(m, p, &l->k, k->qk + N * HE, x, N, false);
    linear(m, p, &l->v, k->qkv + N * (HE + GE), x, N, false);
    layer_norm(m, p, &l->q_norm, k->qkv, k->qk, N * HE / l->q_norm.w.d[0]);
    layer_norm(m, p, &l->k_norm, k->qkv + N * HE, k->qk + N * HE, N * GE / l->k_norm.w.d[0]);
}

/* o = attention(norm1(x)), or of x as it is, before its projection */
static void attend(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k)
{
    struct dev *d = m->d;
    const struct config *c = &m->c;
    int64_t N = p->f.n_tokens;
    struct heads q = layer_heads(c, k->qkv, N, HEADS_Q), key = layer_heads(c, k->qkv, N, HEADS_K);
    struct heads v = layer_heads(c, k->qkv, N, HEADS_V), o = { k->o, c->H, c->E, c->H * c->E,
                                                               c->E };
    double scale = 1 / sqrt((double)c->E);

    project(m, p, l, k);
    if (c->n_freq) {
        d->op->rope(d, q, &p->f, c->freq, c->n_freq, 1);
        d->op->rope(d, key, &p->f, c->freq, c->n_freq, 1);
    }
    if (p->cache) {
        struct pages to = cache_pages(p->cache, l - m->layer);
        d->op->cache_put(d, to, key, v, &p->cache->s);
        d->op->attention_cache(d, o, q, to, &p->cache->s, scale, l->window);
        return;
    }
    d->op->attention(d, o, tensor2(k->lse, N, c->H), q, key, v, &p->f, scale, l->window);
}

void layer_activation(const struct model *m, const struct act *k, float *act, int64_t rows)
{
    struct dev *d = m->d;
    struct tensor y = tensor2(act, rows, m->c.F), up = tensor2(k->up, rows, m->c.F);

    if (k->gate)
        d->op->swiglu(d, y, tensor2(k->gate, rows, m->c.F), up);
    else
        d->op->gelu(d, y, up, m->c.gelu_tanh);
}

/* The first half of the mlp of the rows x. */
static void widen(const struct model *m, struct pass *p, const struct layer *l,
                  const struct act *k, float *x, int64_t rows)
{
    if (k->gate)
        linear(m, p, &l->gate, k->gate, x, rows, false);
    linear(m, p, &l->up, k->up, x, rows, false);
}

/* And the second; with add, y += it. */
static void narrow(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k, float *y, int64_t rows, bool add)
{
    layer_activation(m, k, p->fa, rows);
    linear(m, p, &l->down, y, p->fa, rows, add);
}

/* What attention gives, projected, in p->t, and the residual after it in k->mid; in parallel there
 * is none.  Returns what the mlp takes. */
static float *join(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k, float *x, float *o, int64_t rows)
{
    struct dev *d = m->d;
    int64_t D = m->c.D;
    bool post = m->c.post_norm, parallel = m->c.parallel;

    linear(m, p, &l->out, post ? k->att : p->t, o, rows, false);
    if (post)
        layer_norm(m, p, &l->norm1, p->t, k->att, rows);
    if (!parallel)
        d->op->add(d, tensor2(k->mid, rows, D), tensor2(x, rows, D), tensor2(p->t, rows, D));
    if (post)
        return k->mid;
    layer_norm(m, p, &l->norm2, p->xn, parallel ? x : k->mid, rows);
    return p->xn;
}

/* What comes after the attention, for `rows` rows of x and o: projection, mlp and both residuals.
 */
static void finish(const struct model *m, struct pass *p, const struct layer *l,
                   const struct act *k, float *out, float *x, float *o, int64_t rows)
{
    struct dev *d = m->d;
    int64_t D = m->c.D;
    bool post = m->c.post_norm, parallel = m->c.parallel;

    widen(m, p, l, k, join(m, p, l, k, x, o, rows), rows);
    narrow(m, p, l, k, post ? k->ffn : p->t, rows, parallel);
    if (post)
        layer_norm(m, p, &l->norm2, p->t, k->ffn, rows);
    d->op->add(d, tensor2(out, rows, D), tensor2(parallel ? x : k->mid, rows, D),
               tensor2(p->t, rows, D));
}

void layer_anew(const struct model *m, struct pass *p, const struct layer *l, const struct act *k)
{
    int64_t N = p->f.n_tokens;
    float *in = p->xn;

    attend(m, p, l, k);
    if (m->c.parallel)                         /* the projection's own output is not kept */
        layer_norm(m, p, &l->norm2, in, k->x, N);
    else
        in = join(m, p, l, k, k->x, k->o, N);
    widen(m, p, l, k, in, N);
    if (m->c.post_norm)
        narrow(m, p, l, k, k->ffn, N, false);
}

/* The size of NEFTune's noise on every token. */
static void put_sizes(struct pass *p, const struct forest *f, int64_t D)
{
    float block[1024];

    for (int64_t s = 0; s < f->n_segs; s++) {
        const struct seg *seg = &f->seg[s];
        double n = seg->end > seg->begin ? f->pos[seg->end - 1] + 1 : 1;
        float size = (float)(p->noise.neftune / sqrt(n * (double)D));
        for (int64_t i = 0; i < MIN(countof(block), seg->end - seg->begin); i++)
            block[i] = size;
        for (int64_t i = seg->begin; i < seg->end; i += countof(block))
            dev_put(p->d, p->size + i, block,
                    (size_t)MIN(countof(block), seg->end - i) * sizeof(float));
    }
}

static void put_pack(struct pass *p, const struct pack *pack, const float *coef)
{
    size_t N = (size_t)pack->f.n_tokens, n = (size_t)pack->n_targets;

    BUG_IF(pack->f.n_tokens < 1 || pack->f.n_tokens > p->max_tokens ||
           pack->f.n_segs > p->max_tokens);
    BUG_IF(pack->n_targets < 0 || pack->n_targets > p->max_targets);
    p->f.n_tokens = pack->f.n_tokens;
    p->f.n_segs = pack->f.n_segs;
    p->n_targets = pack->n_targets;
    p->cache = NULL;
    dev_put(p->d, p->f.seg, pack->f.seg, (size_t)pack->f.n_segs * sizeof(struct seg));
    dev_put(p->d, p->f.pos, pack->f.pos, N * sizeof(int32_t));
    dev_put(p->d, p->token, pack->token, N * sizeof(int32_t));
    dev_put(p->d, p->at, pack->at, n * sizeof(int32_t));
    dev_put(p->d, p->target, pack->target, n * sizeof(int32_t));
    if (p->noisy)
        dev_put(p->d, p->key, pack->key, N * sizeof(uint64_t));
    if (coef)
        dev_put(p->d, p->coef, coef, n * sizeof(float));
}

static void embed(struct model *m, struct pass *p, float *x)
{
    struct dev *d = m->d;
    struct tensor tx = tensor2(x, p->f.n_tokens, m->c.D), t = tensor2(p->t, tx.d[0], m->c.D);

    d->op->embed(d, tx, m->embed->w, p->token);
    if (m->places) {
        d->op->embed(d, t, m->places->w, p->f.pos);
        d->op->add(d, tx, tx, t);
    }
    if (p->noise.neftune > 0)
        d->op->jitter(d, tx, tensor1(p->size, tx.d[0]),
                      (struct draws){ p->noise.seed, RNG_STREAM(RNG_NOISE, NEFTUNE), p->key, NULL,
                                      0 });
}

void model_layers(struct model *m, struct pass *p)
{
    struct dev *d = m->d;
    const struct config *c = &m->c;
    int64_t last = c->L - 1, N = p->f.n_tokens, n = p->n_targets;
    struct norm final = model_final_norm(m);

    embed(m, p, p->act[0].x);
    for (int64_t i = 0; i < last; i++) {
        const struct act *k = &p->act[i];
        attend(m, p, &m->layer[i], k);
        finish(m, p, &m->layer[i], k, p->act[i + 1].x, k->x, k->o, N);
    }
    attend(m, p, &m->layer[last], &p->act[last]);
    if (n == 0)
        return;
    d->op->gather(d, tensor2(p->xg, n, c->D), tensor2(p->act[last].x, N, c->D), p->at);
    d->op->gather(d, tensor2(p->og, n, c->H * c->E), tensor2(p->act[last].o, N, c->H * c->E),
                  p->at);
    finish(m, p, &m->layer[last], &p->act[last], p->xf, p->xg, p->og, n);
    layer_norm(m, p, &final, p->h, p->xf, n);
}

static void head(struct model *m, struct pass *p, bool with_grad)
{
    struct dev *d = m->d;
    int64_t n = p->n_targets;
    struct tensor h = tensor2(p->h, n, m->c.D);

    d->op->logprob(d, tensor1(p->logp, n), tensor1(p->lse, n), tensor1(p->hit, n),
                   tensor1(p->entropy, n), h, m->head->w, p->target, with_grad ? p->coef : NULL,
                   tensor2(p->dh, n, m->c.D), m->head->g);
}

void model_forward(struct model *m, struct pass *p, const struct pack *pack, const float *coef,
                   float *logp, uint8_t *hit)
{
    struct dev *d = m->d;

    BUG_IF(coef && !(p->keep && model_trained(m).g));
    put_pack(p, pack, coef);
    if (p->noise.neftune > 0)
        put_sizes(p, &pack->f, m->c.D);
    int64_t n = p->n_targets;
    if (n == 0)
        return;
    model_layers(m, p);
    head(m, p, coef != NULL);
    if (logp)
        dev_get(d, logp, p->logp, (size_t)n * sizeof(float));
    if (hit) {
        dev_get(d, p->host, p->hit, (size_t)n * sizeof(float));
        for (int64_t i = 0; i < n; i++)
            hit[i] = p->host[i] != 0;
    }
}

void model_entropy(const struct pass *p, float *entropy)
{
    dev_get(p->d, entropy, p->entropy, (size_t)p->n_targets * sizeof(float));
}

enum st model_logits(struct model *m, struct pass *p, float *logits)
{
    return model_logits_of(m, p, 0, p->n_targets, logits);
}

enum st model_logits_of(struct model *m, struct pass *p, int64_t first, int64_t n, float *logits)
{
    struct dev *d = m->d;
    int64_t V = m->c.V, chunk = MIN(n, MAX(1, (1 << 24) / V));

    BUG_IF(first < 0 || n < 0 || first + n > p->n_targets);
    if (n == 0)
        return ST_OK;
    float *y = dev_alloc(d, (size_t)(chunk * V) * sizeof(float));
    if (!y)
        return ST_SYS;
    for (int64_t at = 0; at < n; at += chunk) {
        int64_t k = MIN(chunk, n - at);
        d->op->matmul(d, layer_mat(y, k, V), layer_mat(p->h + (first + at) * m->c.D, k, m->c.D),
                      m->head->w, (struct tensor){ 0 }, false);
        dev_get(d, logits + at * V, y, (size_t)(k * V) * sizeof(float));
    }
    dev_free(d, y);
    return ST_OK;
}
