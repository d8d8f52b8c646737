/* optim.c - AdamW over whole blocks of weights.
 *
 * The clip is PyTorch's: gradients are scaled by clip / (norm + 1e-6) where that is below 1. */
#include <math.h>

#include "model/weights.h"
#include "optim.h"

int64_t optim_bytes(const struct model *m)
{
    return 2 * (int64_t)model_trained(m).n_bytes;
}

/* Neighbours with the same answer are one stretch; the zeros between parameters stay zero. */
static enum st find_runs(struct optim *o, struct arena *a)
{
    const struct params *p = &o->p;
    int64_t end = (int64_t)(p->n_bytes / sizeof(float));

    if (!(o->run = ARENA_NEW(a, struct run_of, p->n + 1)))
        return ST_SYS;
    for (int64_t i = 0; i < p->n; i++) {
        int64_t at = f32(p->param[i].w) - p->w;
        if (o->n_runs && o->run[o->n_runs - 1].decay == p->param[i].decay)
            continue;
        if (o->n_runs)
            o->run[o->n_runs - 1].n = at - o->run[o->n_runs - 1].begin;
        o->run[o->n_runs++] = (struct run_of){ at, 0, p->param[i].decay };
    }
    o->run[o->n_runs - 1].n = end - o->run[o->n_runs - 1].begin;
    return ST_OK;
}

enum st optim_new(struct optim **out, struct model *m, struct arena *a)
{
    struct optim *o = ARENA_NEW(a, struct optim, 1);

    if (!o)
        return ST_SYS;
    o->d = m->d;
    o->p = model_trained(m);
    if (find_runs(o, a) != ST_OK || !(o->mean = dev_alloc(m->d, o->p.n_bytes)) ||
        !(o->square = dev_alloc(m->d, o->p.n_bytes)) ||
        !(o->sum = dev_alloc(m->d, sizeof *o->sum)))
        return ST_SYS;
    *out = o;
    return ST_OK;
}

void optim_clear(struct optim *o)
{
    dev_zero(o->d, o->mean, o->p.n_bytes);
    dev_zero(o->d, o->square, o->p.n_bytes);
    o->t = 0;
}

enum st optim_norm(const struct optim *o, double *norm)
{
    struct dev *d = o->d;
    double sum;

    dev_zero(d, o->sum, sizeof *o->sum);
    d->op->sumsq(d, o->sum, tensor1(o->p.g, (int64_t)(o->p.n_bytes / sizeof(float))));
    dev_get(d, &sum, o->sum, sizeof sum);
    *norm = sqrt(sum);
    return dev_sync(d);
}

static void update(struct optim *o, int64_t begin, int64_t n, double gscale, struct adamw h)
{
    struct dev *d = o->d;

    d->op->adamw(d, tensor1(o->p.w + begin, n), tensor1(o->mean + begin, n),
                 tensor1(o->square + begin, n), tensor1(o->p.g + begin, n), gscale, h);
}

void optim_update(struct optim *o, double lr, double norm)
{
    struct adamw h = { lr, o->beta1, o->beta2, o->eps, o->decay, ++o->t };
    double gscale = o->clip > 0 ? MIN(1, o->clip / (norm + 1e-6)) : 1;

    if (o->decay == 0) {
        update(o, 0, (int64_t)(o->p.n_bytes / sizeof(float)), gscale, h);
        return;
    }
    for (int64_t i = 0; i < o->n_runs; i++) {
        h.decay = o->run[i].decay ? o->decay : 0;
        update(o, o->run[i].begin, o->run[i].n, gscale, h);
    }
}

/* Names and tensors of the moments, exp_avg first. */
static enum st moments(const struct optim *o, char ***name, struct tensor **t, struct arena *a)
{
    const struct params *all = &o->p;

    if (!(*name = ARENA_NEW(a, char *, 2 * all->n)) ||
        !(*t = ARENA_NEW(a, struct tensor, 2 * all->n)))
        return ST_SYS;
    for (int64_t i = 0; i < 2 * all->n; i++) {
        const struct param *p = &all->param[i % all->n];
        bool square = i >= all->n;
        if (!((*name)[i] = arena_printf(a, "%s.%s", square ? "exp_avg_sq" : "exp_avg", p->name)))
            return ST_SYS;
        (*t)[i] = p->w;
        (*t)[i].p = (square ? o->square : o->mean) + (f32(p->w) - all->w);
    }
    return ST_OK;
}

enum st optim_save(const struct optim *o, const char *path, struct arena *a)
{
    struct tensor *t;
    char **name;
    enum st st = moments(o, &name, &t, a);

    return st != ST_OK ? st : tensors_save(path, 2 * o->p.n, name, t, o->d, F32, a);
}

enum st optim_load(struct optim *o, const char *path, struct arena *a)
{
    struct tensor *t;
    char **name;
    enum st st = moments(o, &name, &t, a);

    return st != ST_OK ? st : tensors_load(path, 2 * o->p.n, name, t, o->d, a);
}
