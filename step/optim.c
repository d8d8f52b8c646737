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

static enum st add_set(struct optim *o)
{
    int s = o->n_sets++;

    BUG_IF(s >= countof(o->mean));
    o->mean[s] = dev_alloc(o->d, o->p.n_bytes);
    o->square[s] = dev_alloc(o->d, o->p.n_bytes);
    return o->mean[s] && o->square[s] ? ST_OK : ST_SYS;
}

enum st optim_new(struct optim **out, struct model *m, struct arena *a)
{
    struct optim *o = ARENA_NEW(a, struct optim, 1);

    if (!o)
        return ST_SYS;
    o->d = m->d;
    o->p = model_trained(m);
    if (find_runs(o, a) != ST_OK || !(o->sum = dev_alloc(m->d, sizeof *o->sum)))
        return ST_SYS;
    *out = o;
    return add_set(o);
}

enum st optim_each(struct optim *o)
{
    return add_set(o);
}

void optim_clear(struct optim *o)
{
    for (int s = 0; s < o->n_sets; s++) {
        dev_zero(o->d, o->mean[s], o->p.n_bytes);
        dev_zero(o->d, o->square[s], o->p.n_bytes);
        o->t[s] = 0;
    }
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

    d->op->adamw(d, tensor1(o->p.w + begin, n), tensor1(o->mean[o->set] + begin, n),
                 tensor1(o->square[o->set] + begin, n), tensor1(o->p.g + begin, n), gscale, h);
}

void optim_update(struct optim *o, double lr, double norm)
{
    struct adamw h = { lr, o->beta1, o->beta2, o->eps, o->decay, ++o->t[o->set] };
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

/* Names and tensors of the moments: of each set, exp_avg first. */
static enum st moments(const struct optim *o, char ***name, struct tensor **t, int64_t *n,
                       struct arena *a)
{
    static const char *const of[] = { "sft.", "pref." };
    const struct params *all = &o->p;

    *n = 2 * o->n_sets * all->n;
    if (!(*name = ARENA_NEW(a, char *, *n)) || !(*t = ARENA_NEW(a, struct tensor, *n)))
        return ST_SYS;
    for (int64_t i = 0; i < *n; i++) {
        const struct param *p = &all->param[i % all->n];
        int64_t set = i / all->n / 2;
        bool square = i / all->n % 2;
        if (!((*name)[i] = arena_printf(a, "%s%s.%s", o->n_sets > 1 ? of[set] : "",
                                        square ? "exp_avg_sq" : "exp_avg", p->name)))
            return ST_SYS;
        (*t)[i] = p->w;
        (*t)[i].p = (square ? o->square : o->mean)[set] + (f32(p->w) - all->w);
    }
    return ST_OK;
}

enum st optim_save(const struct optim *o, const char *path, struct arena *a)
{
    struct tensor *t;
    char **name;
    int64_t n;
    enum st st = moments(o, &name, &t, &n, a);

    return st != ST_OK ? st : tensors_save(path, n, name, t, o->d, F32, a);
}

enum st optim_load(struct optim *o, const char *path, struct arena *a)
{
    struct tensor *t;
    char **name;
    int64_t n;
    enum st st = moments(o, &name, &t, &n, a);

    return st != ST_OK ? st : tensors_load(path, n, name, t, o->d, a);
}
