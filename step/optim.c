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

static bool alike(const struct param *a, const struct param *b)
{
    return a->decay == b->decay && a->w.type == b->w.type;
}

/* Neighbours with the same answers are one stretch; the zeros between parameters stay zero. */
static enum st find_runs(struct optim *o, struct arena *a)
{
    const struct params *p = &o->p;

    if (!(o->run = ARENA_NEW(a, struct run_of, p->n + 1)))
        return ST_SYS;
    for (int64_t i = 0; i < p->n; i++) {
        const struct param *q = &p->param[i];
        if (!o->n_runs || !alike(o->run[o->n_runs - 1].first, q))
            o->run[o->n_runs++].first = q;
        struct run_of *last = &o->run[o->n_runs - 1];
        last->n = q->at + tensor_n(q->w) - last->first->at;
    }
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

/* n numbers from the first of a parameter on. */
static void update(struct optim *o, const struct param *p, int64_t n, double gscale,
                   struct adamw h)
{
    struct dev *d = o->d;
    struct tensor w = tensor1(p->w.p, n);

    w.type = p->w.type;
    w.low = p->w.low;
    d->op->adamw(d, w, tensor1(o->mean[o->set] + p->at, n), tensor1(o->square[o->set] + p->at, n),
                 tensor1(o->p.g + p->at, n), gscale, h);
}

void optim_update(struct optim *o, double lr, double norm)
{
    struct adamw h = { lr, o->beta1, o->beta2, o->eps, o->decay, ++o->t[o->set] };
    double gscale = o->clip > 0 ? MIN(1, o->clip / (norm + 1e-6)) : 1;

    for (int64_t i = 0, k; i < o->n_runs; i = k) {
        const struct param *p = o->run[i].first, *last = p;
        h.decay = p->decay ? o->decay : 0;
        for (k = i + 1; k < o->n_runs && o->decay == 0 && o->run[k].first->w.type == p->w.type; k++)
            last = o->run[k].first;
        update(o, p, last->at + o->run[k - 1].n - p->at, gscale, h);
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
        (*t)[i] = p->g;
        (*t)[i].p = (square ? o->square : o->mean)[set] + p->at;
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
