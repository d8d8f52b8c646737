/* next.c - the cache of all layers in one block, and the forward over it. */
#include "model/next.h"
#include "model/layer.h"

static int64_t layer_floats(const struct config *c, int64_t n_pages)
{
    return n_pages * c->G * cache_head(c->E);
}

int64_t cache_bytes(const struct config *c, int64_t n_pages)
{
    return 2 * c->L * layer_floats(c, n_pages) * (int64_t)sizeof(float);
}

enum st cache_new(struct cache **to, struct model *m, int64_t n_pages, int64_t n_rows,
                  struct arena *a)
{
    struct cache *c = ARENA_NEW(a, struct cache, 1);

    BUG_IF(n_pages < 1 || n_rows < 1);
    *to = c;
    if (!c)
        return ST_SYS;
    c->m = m;
    c->n_pages = n_pages;
    c->n_rows = n_rows;
    c->layer = (size_t)layer_floats(&m->c, n_pages);
    c->mem = dev_alloc(m->d, (size_t)cache_bytes(&m->c, n_pages));
    c->logits = dev_alloc(m->d, (size_t)(n_rows * m->c.V) * sizeof(float));
    c->best = dev_alloc(m->d, (size_t)n_rows * sizeof(int32_t));
    c->s.v = dev_alloc(m->d, (size_t)n_rows * sizeof(struct stretch));
    c->s.list = dev_alloc(m->d, (size_t)n_pages * sizeof(int32_t));
    if (c->mem && c->logits && c->best && c->s.v && c->s.list)
        return ST_OK;
    cache_free(c);
    return ST_SYS;
}

void cache_free(struct cache *c)
{
    void *all[] = { c ? c->mem : NULL, c ? c->logits : NULL, c ? c->best : NULL,
                    c ? c->s.v : NULL, c ? c->s.list : NULL };

    for (int64_t i = 0; c && i < countof(all); i++)
        dev_free(c->m->d, all[i]);
    if (c)
        *c = (struct cache){ .m = c->m };
}

struct pages cache_pages(const struct cache *c, int64_t i)
{
    float *k = c->mem + (size_t)(2 * i) * c->layer;

    return (struct pages){ k, k + c->layer, c->n_pages, c->m->c.G, c->m->c.E };
}

void model_next(struct model *m, struct pass *p, struct cache *c, const struct next *next)
{
    size_t N = (size_t)next->n_tokens, n = (size_t)next->n_targets;

    BUG_IF(p->keep || next->n_tokens < 1 || next->n_tokens > p->max_tokens);
    BUG_IF(next->n_rows > c->n_rows || next->n_list > c->n_pages);
    BUG_IF(next->n_targets > next->n_rows || next->n_targets > p->max_targets);
    p->f.n_tokens = next->n_tokens;
    p->f.n_segs = 0;
    p->n_targets = next->n_targets;
    p->cache = c;
    c->s.n = next->n_rows;
    c->s.n_tokens = next->n_tokens;
    dev_put(p->d, c->s.v, next->row, (size_t)next->n_rows * sizeof(struct stretch));
    dev_put(p->d, c->s.list, next->list, (size_t)next->n_list * sizeof(int32_t));
    dev_put(p->d, p->f.pos, next->pos, N * sizeof(int32_t));
    dev_put(p->d, p->token, next->token, N * sizeof(int32_t));
    dev_put(p->d, p->at, next->at, n * sizeof(int32_t));
    model_layers(m, p);
    if (n)
        m->d->op->matmul(m->d, layer_mat(c->logits, (int64_t)n, m->c.V),
                         layer_mat(p->h, (int64_t)n, m->c.D), m->head->w, (struct tensor){ 0 },
                         false);
}

void next_best(struct cache *c, struct pass *p, int32_t *best)
{
    struct dev *d = p->d;

    d->op->argmax(d, c->best, tensor2(c->logits, p->n_targets, c->m->c.V));
    dev_get(d, best, c->best, (size_t)p->n_targets * sizeof(int32_t));
}

void next_logits(struct cache *c, struct pass *p, float *logits)
{
    dev_get(p->d, logits, c->logits, (size_t)(p->n_targets * c->m->c.V) * sizeof(float));
}
