/* pass.c - the buffers of a forward and its backward: one block of device memory, cut up by one
 * function, so that what a pass takes can be told without taking it. */
#include "model/layer.h"

struct cut { char *base; size_t n; };          /* base NULL: only measuring */

static void *cut(struct cut *k, int64_t n)     /* n words of a float's size */
{
    void *p = k->base ? k->base + k->n : NULL;
    k->n += ((size_t)n * sizeof(float) + 63) / 64 * 64;
    return p;
}

/* One set of a layer's activations over N tokens, of which n rows go on after the attention. */
static struct act cut_act(struct cut *k, const struct config *c, int64_t N, int64_t n)
{
    struct act a = { 0 };
    a.x = cut(k, N * c->D);
    if (c->qk_norm)
        a.qk = cut(k, N * (c->H + c->G) * c->E);
    a.qkv = cut(k, N * (c->H + 2 * c->G) * c->E);
    a.o = cut(k, N * c->H * c->E);
    a.lse = cut(k, N * c->H);
    if (c->family == FAMILY_LLAMA)
        a.gate = cut(k, n * c->F);
    a.up = cut(k, n * c->F);
    if (c->post_norm) {
        a.att = cut(k, n * c->D);
        a.ffn = cut(k, n * c->D);
    }
    return a;
}

static void cut_layers(struct cut *k, struct pass *p, const struct config *c)
{
    int64_t N = p->max_tokens, n = p->max_targets, rows = MAX(N, n);

    p->xg = cut(k, n * c->D);
    p->og = cut(k, n * c->H * c->E);
    if (p->keep == KEEP_ALL) {
        for (int64_t i = 0; i < c->L; i++) {
            int64_t after = i == c->L - 1 ? n : N;
            struct act a = cut_act(k, c, N, after);
            if (!c->parallel)
                a.mid = cut(k, after * c->D);
            if (k->base)
                p->act[i] = a;
        }
        return;
    }
    struct act a = cut_act(k, c, N, rows);     /* all layers in one */
    if (p->keep && !c->parallel)
        a.mid = cut(k, rows * c->D);
    for (int64_t i = 0; i < c->L; i++) {
        if (p->keep && i > 0)
            a.x = cut(k, N * c->D);
        if (!p->keep)                          /* the residual stays in place */
            a.mid = i == c->L - 1 ? p->xg : a.x;
        if (k->base)
            p->act[i] = a;
    }
}

/* The thin products of one linear's adapters, three at most. */
static void cut_lora(struct cut *k, struct pass *p, const struct config *c, int64_t rows)
{
    if (!c->lora)
        return;
    p->lt = cut(k, rows * 3 * c->lora->rank);
    if (p->keep)
        p->ldt = cut(k, rows * 3 * c->lora->rank);
    if (p->keep && c->lora->dropout > 0)
        p->lx = cut(k, rows * MAX(c->F, MAX(c->D, c->H * c->E)));
}

static size_t cut_pass(struct pass *p, const struct config *c, void *base)
{
    struct cut k = { base, 0 };
    int64_t N = p->max_tokens, n = p->max_targets, rows = MAX(N, n), heads = c->H * c->E;

    p->f.seg = cut(&k, N * (int64_t)(sizeof(struct seg) / 4));
    p->f.pos = cut(&k, N);
    p->token = cut(&k, N);
    p->at = cut(&k, n);
    p->target = cut(&k, n);
    p->coef = cut(&k, n);
    p->logp = cut(&k, n);
    p->lse = cut(&k, n);
    p->hit = cut(&k, n);
    p->entropy = cut(&k, n);
    p->xf = cut(&k, n * c->D);
    p->h = cut(&k, n * c->D);
    p->mean = cut(&k, rows * (c->qk_norm ? MAX(c->H, 1) : 1));
    p->rstd = cut(&k, rows * (c->qk_norm ? MAX(c->H, 1) : 1));
    p->t = cut(&k, rows * c->D);
    p->xn = cut(&k, rows * c->D);
    p->fa = cut(&k, rows * c->F);
    cut_layers(&k, p, c);
    cut_lora(&k, p, c, rows);
    if (p->keep) {
        p->key = cut(&k, 2 * N);
        p->size = cut(&k, N);
        p->dh = cut(&k, n * c->D);
        p->dx = cut(&k, N * c->D);
        p->dxg = cut(&k, n * c->D);
        p->dxn = cut(&k, rows * c->D);
        p->dqkv = cut(&k, N * (c->H + 2 * c->G) * c->E);
        if (c->qk_norm)
            p->dqk = cut(&k, N * (c->H + c->G) * c->E);
        p->dout = cut(&k, N * heads);
        p->dog = cut(&k, n * heads);
        p->fb = cut(&k, rows * c->F);
        if (c->family == FAMILY_LLAMA)
            p->fc = cut(&k, rows * c->F);
    }
    return k.n;
}

int64_t pass_bytes(const struct config *c, int64_t max_tokens, int64_t max_targets,
                   enum keep keep)
{
    struct pass p = { .max_tokens = max_tokens, .max_targets = max_targets, .keep = keep };
    return (int64_t)cut_pass(&p, c, NULL);
}

int64_t pass_scratch_bytes(const struct model *m, int64_t max_tokens, int64_t max_targets,
                           enum keep keep)
{
    const struct config *c = &m->c;
    struct dev_pass p = { max_tokens, max_targets, c->V, c->D, c->F, c->H, c->G, c->E,
                          keep != 0 };

    return (int64_t)dev_scratch_bytes(m->d, &p);
}

enum st pass_new(struct pass **out, const struct model *m, int64_t max_tokens, int64_t max_targets,
                 enum keep keep, struct arena *a)
{
    struct pass *p = ARENA_NEW(a, struct pass, 1);

    BUG_IF(max_tokens < 1 || max_targets < 0 || (keep && !model_trained(m).g));
    if (!p)
        return ST_SYS;
    *p = (struct pass){
        .d = m->d, .max_tokens = max_tokens, .max_targets = MAX(max_targets, 1), .keep = keep
    };
    p->n_bytes = (size_t)pass_bytes(&m->c, p->max_tokens, p->max_targets, keep);
    if (!(p->act = ARENA_NEW(a, struct act, m->c.L)) ||
        !(p->host = ARENA_NEW(a, float, p->max_targets)) || !(p->mem = dev_alloc(m->d, p->n_bytes)))
        return ST_SYS;
    cut_pass(p, &m->c, p->mem);
    *out = p;
    return ST_OK;
}

void pass_noise(struct pass *p, const struct noise *n)
{
    BUG_IF(n && !p->keep);
    p->noisy = n != NULL;
    p->dropout = n && p->lx;
    p->noise = n ? *n : (struct noise){ 0 };
}

void pass_bare(struct pass *p, bool bare)
{
    p->bare = bare;
}

void pass_free(struct pass *p)
{
    dev_free(p->d, p->mem);
    p->mem = NULL;
}

int64_t pass_tokens(const struct pass *p)
{
    return p->max_tokens;
}

int64_t pass_targets(const struct pass *p)
{
    return p->max_targets;
}
