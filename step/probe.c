/* probe.c - do the objectives agree?  The cosine of their gradients, before every N-th update.
 *
 * Both gradients are taken at the weights as they stand: of an objective the update trains on, over
 * its rows; of the other over the rows it was given last, to train on or to measure, which are kept
 * as they came, in checkpoints too.  They are taken apart from the update's own gradient, so that
 * no bit of that changes.  With u and v the two at length 1, |u + v|^2 = 2 + 2 cos(u, v). */
#include "base/file.h"
#include "doing.h"
#include "math/ops.h"

enum st probe_open(struct run *r)
{
    if (!r->plan->probe_every) {
        r->state.given[0] = r->state.given[1] = (struct view){ NULL, 0 };
        return ST_OK;
    }
    for (int o = 0; o < 2; o++)
        if (buf_add(&r->given[o], r->state.given[o].p, r->state.given[o].n) != ST_OK)
            return ST_SYS;
    r->probe = dev_alloc(r->d, model_trained(r->m).n_bytes);
    return r->probe ? ST_OK : ST_SYS;
}

enum st probe_see(struct run *r, int obj, const struct rec *rec, bool first)
{
    struct buf *b = &r->given[obj];

    if (!r->probe || r->step.why == WHY_EVAL)
        return ST_OK;
    b->n = first ? 0 : b->n;
    enum st st = buf_add(b, rec->raw, rec->raw_bytes);
    r->state.given[obj] = (struct view){ b->p, b->n };
    return st;
}

/* The rows an objective was given last, once more. */
static enum st again(struct run *r, int obj, struct rows *rows)
{
    const struct buf *b = &r->given[obj];
    enum st st = rows_new(rows, &r->work, (enum obj)obj, r->now);
    char why[REC_WHY];
    struct rec rec;

    for (size_t at = 0; st == ST_OK && at < b->n; at += rec.raw_bytes) {
        st = rec_take(&rec, b->p + at, b->n - at, r->h->width, r->now, why);
        if (st == ST_DATA || st == ST_END)             /* of a checkpoint: whole by its hash */
            return fail(ST_DATA, "the rows kept for --probe-every are no records of this stream");
        if (st == ST_OK)
            st = rows_add(rows, &rec);
    }
    return st == ST_OK ? rows_pack(rows, r->now) : st;
}

/* The gradient of an objective's loss, and its length. */
static enum st gradient(struct run *r, struct rows *rows, double *norm)
{
    model_zero_grad(r->m);
    enum st st = rows_gradient(rows, 1, false);
    return st == ST_OK ? optim_norm(r->o, norm) : st;
}

enum st probe_take(struct run *r, struct doing *t)
{
    struct params p = model_trained(r->m);
    int64_t n = (int64_t)(p.n_bytes / sizeof(float));
    struct tensor g = tensor1(p.g, n), u = tensor1(r->probe, n);
    struct rows mine[2], *rows[2];
    enum st st = ST_OK;
    double sum;

    if (!r->probe || r->step.i % r->plan->probe_every != 0)
        return ST_OK;
    for (int o = 0; o < 2; o++)
        if (!t->use[o] && r->given[o].n == 0)          /* not yet of both */
            return ST_OK;
    for (int o = 0; o < 2 && st == ST_OK; o++) {
        if (!(rows[o] = t->use[o])) {
            rows[o] = &mine[o];
            st = again(r, o, rows[o]);
        }
        if (st == ST_OK)
            st = gradient(r, rows[o], &t->length[o]);
        if (st == ST_OK)
            r->d->op->scale(r->d, o ? g : u, g, 1 / t->length[o]);
    }
    if (st != ST_OK)
        return st;
    r->d->op->add(r->d, g, g, u);
    st = optim_norm(r->o, &sum);
    t->cosine = sum * sum / 2 - 1;
    t->probed = true;
    return st;
}

enum st probe_tell(struct metric *m, const struct doing *t)
{
    if (!t->probed)
        return ST_OK;
    return metric_real(m, "probe/cosine", t->cosine) ||
                   metric_real(m, "probe/grad_norm_sft", t->length[OBJ_SFT]) ||
                   metric_real(m, "probe/grad_norm_pref", t->length[OBJ_PREF])
               ? ST_SYS
               : ST_OK;
}
