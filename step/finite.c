/* finite.c - losses and gradients that are no numbers: told with the rows they come from, and
 * passed over where --nan skip=N allows it. */
#include "base/opt.h"
#include "doing.h"

enum st finite_plan(int64_t *skips, const char *how)
{
    double n = 0;

    *skips = 0;
    if (strcmp(how, "stop") == 0)
        return ST_OK;
    if (strncmp(how, "skip=", 5) == 0) {
        enum st st = opt_number("--nan", how + 5, &n);
        if (st != ST_OK)
            return st;
    }
    err_place("--nan");
    if (!(n >= 1 && n <= 1e9 && n == floor(n)))
        return fail(ST_USAGE, "'%s' is neither stop nor skip=N, N at least 1", shown(view_of(how)));
    *skips = (int64_t)n;
    err_place(NULL);
    return ST_OK;
}

/* The first row whose log-probability is no number, or the step's rows. */
static enum st not_finite(const struct run *r, struct doing *t, const char *what, double v)
{
    t->bad = true;
    err_place("%s", in_name(r->in));
    for (int o = 0; o < 2; o++)
        for (int64_t i = 0; t->use[o] && i < t->use[o]->b->n_seqs; i++) {
            const struct row *row = &t->use[o]->b->row[t->use[o]->b->seq[i].row];
            if (!isfinite(t->use[o]->logp[i]) || !isfinite(t->use[o]->ref[i]))
                return fail(ST_DATA, "step %lld: %s is %g, first at its %s row %lld, source '%s', "
                                     "id %016llx; the model is as it was before",
                            (long long)r->step.i, what, v, obj_name((enum obj)o),
                            (long long)t->use[o]->b->seq[i].row + 1,
                            shown(t->use[o]->b->source[row->source]), (unsigned long long)row->id);
        }
    return fail(ST_DATA, "step %lld: %s is %g, over rows %lld to %lld of the stream; the model is "
                         "as it was before, lower --lr or look at the rows",
                (long long)r->step.i, what, v, (long long)r->first_row, (long long)in_count(r->in));
}

enum st finite_loss(const struct run *r, struct doing *t)
{
    for (int o = 0; o < 2; o++)
        if (t->tally[o].loss && !isfinite(tally_loss(&t->tally[o])))
            return not_finite(r, t, "the loss", tally_loss(&t->tally[o]));
    return ST_OK;
}

enum st finite_norm(const struct run *r, struct doing *t)
{
    return isfinite(t->norm) ? ST_OK : not_finite(r, t, "the gradient's norm", t->norm);
}

bool finite_skip(struct run *r)
{
    if (r->state.skipped >= r->skips)
        return false;
    r->state.skipped++;
    warn("%s; skipped, %lld of %lld", err_text(), (long long)r->state.skipped,
         (long long)r->skips);
    err_clear();
    return true;
}
