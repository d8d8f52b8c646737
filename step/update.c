/* update.c - one step record: its rows are read, measured or trained on, and that is told.
 *
 * Large measurements are cut into slices, so that held-out files of any size pass through; their
 * sums add up; a loss with a baseline of the whole step has all its rows held.  So are those of an
 * update before the first forward, because the divisor of the loss must be known. */
#include "base/rng.h"
#include "doing.h"

enum { SLICE_PASSES = 8 };                     /* a slice of a measurement, in passes' tokens */

/* ---- reading ---- */

/* The message of a row gets the row's place. */
static enum st at_row(const struct run *r, enum st st)
{
    if (st == ST_DATA)
        err_at("%s:%lld", in_name(r->in), (long long)in_count(r->in));
    return st;
}

/* The reference column of a pair or label must be of this row under the run's reference weights; it
 * must be there, but for a pair's that the base can say. */
static enum st check_ref(struct run *r, const struct rec *rec)
{
    const struct folders *f = r->ref.base ? &r->ref : &r->from;
    const char *dir = f->adapter ? f->adapter : f->base ? f->base : "REF";
    uint8_t key[8];

    if ((rec->kind != REC_PREF && rec->kind != REC_LABEL) ||
        !(r->work.loss[OBJ_PREF]->needs & NEED_REF))
        return ST_OK;
    if (!rec->ref.given && r->bare && rec->kind == REC_PREF) {
        if (!r->bare_told)
            warn("%s: rows without a reference: each is asked of the base, a forward more every "
                 "time it comes; evalc --task logprob --model %s asks once", in_name(r->in), dir);
        r->bare_told = true;
        return ST_OK;
    }
    if (!rec->ref.given)
        return fail(ST_DATA, "a %s without a reference; evalc --task logprob --model %s adds it",
                    rec->kind == REC_PREF ? "pair" : "label", dir);
    batch_ref_key(key, r->state.ref, rec);
    if (memcmp(key, rec->ref.key, 8) != 0)
        return fail(ST_DATA, "a reference of other weights or another row; make it anew with evalc "
                             "--task logprob --model %s", dir);
    return ST_OK;
}

static enum st add_row(struct run *r, struct doing *t, const struct rec *rec,
                       struct arena *const a[2])
{
    int o = rec->kind == REC_PREF || rec->kind == REC_LABEL ? OBJ_PREF : OBJ_SFT;

    if (rec->kind == REC_STEP)
        return fail(ST_DATA, "a step record where rows of step %lld should be",
                    (long long)r->step.i);
    if (!doing_takes(&r->step, o))
        return fail(ST_DATA, "a '%s' row in a step of objective %s", shown(rec->t),
                    obj_name(r->step.obj));
    enum st st = check_ref(r, rec);
    if (st == ST_OK && !t->rows[o].b)
        st = rows_new(&t->rows[o], &r->work, (enum obj)o, a[o]);
    if (st == ST_OK)
        st = rows_add(&t->rows[o], rec);
    return st == ST_OK ? probe_see(r, o, rec, t->rows[o].b->n_rows == 1) : st;
}

/* Up to n rows, fewer once they have max_tokens (0: no limit); *left is what remains. */
static enum st read_rows(struct run *r, struct doing *t, int64_t *left, int64_t max_tokens,
                         struct arena *const a[2])
{
    struct rec rec;
    int64_t tokens = 0;

    r->first_row = in_count(r->in) + 1;
    while (*left > 0 && (max_tokens == 0 || tokens < max_tokens)) {
        enum st st = in_next(r->in, &rec);
        if (st == ST_END)
            return fail(ST_DATA, "the stream ends within step %lld", (long long)r->step.i);
        if (st == ST_OK)
            st = at_row(r, add_row(r, t, &rec, a));
        if (st != ST_OK)
            return st;
        tokens += rec.n_tokens;
        --*left;
    }
    for (int o = 0; o < 2; o++) {
        t->use[o] = t->rows[o].b ? &t->rows[o] : NULL;
        enum st st = t->use[o] ? rows_pack(t->use[o], a[o]) : ST_OK;
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Rows of every objective of the step: to be worked on, or counted already. */
static enum st all_there(const struct run *r, const struct doing *t)
{
    for (int o = 0; o < 2; o++)
        if (doing_takes(&r->step, o) && !t->use[o] && !t->tally[o].loss)
            return fail(ST_DATA, "step %lld of objective %s has no %s rows", (long long)r->step.i,
                        obj_name(r->step.obj), obj_name((enum obj)o));
    return ST_OK;
}

/* ---- telling ---- */

static enum st tell(struct run *r, struct doing *t)
{
    const struct step_rec *s = &r->step;
    struct metric *m = &r->metric;

    metric_start(m);
    if (metric_rows(m, s, t->tally) != ST_OK)
        return ST_SYS;
    if (s->train &&
        (metric_real(m, "learning_rate", t->lr) || metric_real(m, "grad_norm", t->norm) ||
         metric_int(m, "num_tokens", r->state.num_tokens) ||
         (t->bad && metric_int(m, "skipped", r->state.skipped))))
        return ST_SYS;
    enum st st = probe_tell(m, t);
    if (st == ST_OK)
        st = metric_mix(m, s->mix);
    if (st == ST_OK)
        st = metric_end(m);
    return st == ST_OK ? log_metric(&r->log, (struct view){ m->rec.p, m->rec.n }) : st;
}

/* What the clock says goes to a file of its own, and to the line for people. */
static enum st tell_time(struct run *r, const struct doing *t)
{
    struct metric *m = &r->metric;
    double now = run_clock(), loss = 0, seconds = now - r->told;
    double tokens = (double)r->state.num_tokens;
    double rate = seconds > 0 ? (tokens - r->tokens_told) / seconds : 0;
    char extra[128];

    for (int o = 0; o < 2; o++)
        loss += t->tally[o].loss ? doing_weight(&r->step, o) * tally_loss(&t->tally[o]) : 0;
    double mean = (tokens - r->tokens_start) / (now - r->start);
    snprintf(extra, sizeof extra, "loss %.4f  %.3gk tokens/s", loss, mean / 1000);
    progress_at(&r->progress, (double)r->state.i, extra);
    r->told = now;
    r->tokens_told = tokens;
    if (!(now - r->peak_at < 1)) {                     /* it costs reading a file */
        r->peak = run_peak();
        r->peak_at = now;
    }
    metric_start(m);
    if (metric_text(m, "t", "metric") || metric_int(m, "i", r->step.i) ||
        metric_real(m, "seconds", now - r->start) || metric_real(m, "tokens_per_second", rate) ||
        metric_int(m, "peak_memory", r->peak) ||
        metric_text(m, "recompute", r->work.recompute ? "layers" : "none") ||
        metric_int(m, "trained_parameters", model_trained(r->m).n_weights) ||
        metric_int(m, "frozen_parameters", r->lora ? r->m->n_weights : 0) || metric_end(m))
        return ST_SYS;
    return log_timing(&r->log, (struct view){ m->rec.p, m->rec.n });
}

/* ---- measuring ---- */

static enum st measure_slices(struct run *r, struct doing *t)
{
    struct arena *const a[2] = { r->now, r->now };
    struct arena *names = r->held[0].arena;            /* of sources: they outlive a slice */
    size_t mark = arena_mark(r->now), mark_names = arena_mark(names);
    int64_t left = r->step.n;
    bool whole = doing_takes(&r->step, OBJ_PREF) && r->work.loss[OBJ_PREF]->needs & NEED_STEP;
    int64_t slice = whole ? 0 : SLICE_PASSES * r->work.micro_tokens;
    enum st st = ST_OK;

    while (st == ST_OK && left > 0) {
        t->rows[0].b = t->rows[1].b = NULL;
        st = read_rows(r, t, &left, slice, a);
        for (int o = 0; o < 2 && st == ST_OK; o++)
            if (t->use[o] && (st = rows_measure(t->use[o], false)) == ST_OK)
                st = tally_add(&t->tally[o], t->use[o], names);
        if (st == ST_OK)
            st = finite_loss(r, t);
        t->use[0] = t->use[1] = NULL;
        arena_back(r->now, mark);
    }
    if (st == ST_OK)
        st = all_there(r, t);
    if (st == ST_OK)
        st = tell(r, t);
    if (st == ST_OK && r->step.why == WHY_EVAL)
        content_see(r, t);
    arena_back(names, mark_names);
    return st;
}

/* Rows that the next update of their objective may use: they and their forward are kept. */
static enum st measure_held(struct run *r, struct doing *t)
{
    struct arena *const a[2] = { r->held[0].arena, r->held[1].arena };
    int64_t left = r->step.n;

    for (int o = 0; o < 2; o++)
        if (doing_takes(&r->step, o)) {
            arena_back(r->held[o].arena, 0);
            r->held[o].there = false;
        }
    enum st st = read_rows(r, t, &left, 0, a);
    if (st == ST_OK)
        st = all_there(r, t);
    for (int o = 0; o < 2 && st == ST_OK; o++) {
        if (!t->use[o])
            continue;
        st = rows_measure(t->use[o], true);
        if (st == ST_OK)
            st = tally_add(&t->tally[o], t->use[o], r->now);
        r->held[o].rows = t->rows[o];
        r->held[o].there = st == ST_OK;
        r->held[o].at = r->state.i;
    }
    if (st == ST_OK)
        st = finite_loss(r, t);
    return st == ST_OK ? tell(r, t) : st;
}

/* ---- training ---- */

/* At a new phase: moments to zero, the warm-up again. */
static void enter_phase(struct run *r)
{
    struct state *s = &r->state;

    if (strcmp(s->phase, r->phase) == 0)
        return;
    if (r->fresh && s->i > 0) {
        optim_clear(r->o);
        s->phase_start = s->i;
    }
    snprintf(s->phase, sizeof s->phase, "%s", r->phase);
}

static enum st check_both(const struct run *r)
{
    if (r->step.obj != OBJ_BOTH)
        return ST_OK;
    if (r->each) {
        err_place("--moments");
        return fail(ST_USAGE, "step %lld is of both objectives, whose gradients are one; give "
                              "shared", (long long)r->step.i);
    }
    if (r->lr[OBJ_SFT] == r->lr[OBJ_PREF])
        return ST_OK;
    err_place("--lr-sft");
    return fail(ST_USAGE, "step %lld is of both objectives, and --lr-pref is another; give --lr",
                (long long)r->step.i);
}

/* The rows of an update: those that follow the record, or those measured before. */
static enum st gather(struct run *r, struct doing *t)
{
    struct arena *const a[2] = { r->now, r->now };
    int64_t left = r->step.n;

    if (!r->step.use) {
        enum st st = read_rows(r, t, &left, 0, a);
        return st == ST_OK ? all_there(r, t) : st;
    }
    for (int o = 0; o < 2; o++) {
        if (!doing_takes(&r->step, o))
            continue;
        if (!r->held[o].there)
            return fail(ST_DATA, "step %lld uses measured rows of objective %s, and none are held",
                        (long long)r->step.i, obj_name((enum obj)o));
        t->use[o] = &r->held[o].rows;
        r->held[o].there = false;                      /* once */
    }
    return ST_OK;
}

static enum st gradients(struct run *r, struct doing *t)
{
    r->work.noise = rng((uint64_t)r->plan->seed, RNG_STREAM(RNG_NOISE, 0), (uint64_t)r->step.i);
    enum st st = probe_take(r, t);

    model_zero_grad(r->m);
    for (int o = 0; o < 2 && st == ST_OK; o++) {
        if (!t->use[o])
            continue;
        st = rows_gradient(t->use[o], doing_weight(&r->step, o),
                           r->step.use && r->held[o].at == r->state.i);
        if (st == ST_OK)
            st = tally_add(&t->tally[o], t->use[o], r->now);
    }
    if (st == ST_OK)
        st = finite_loss(r, t);
    if (st == ST_OK)
        st = optim_norm(r->o, &t->norm);
    return st == ST_OK ? finite_norm(r, t) : st;
}

/* The update is made: what a checkpoint after it must say. */
static void advance(struct run *r, const struct doing *t)
{
    struct state *s = &r->state;

    s->i++;
    s->t = r->o->t[0];
    s->t_pref = r->o->t[1];
    for (int o = 0; o < 2; o++)
        s->num_tokens += t->tally[o].tokens;
    memcpy(s->mixer, r->mixer, r->step.state.n);
    s->mixer_bytes = (int64_t)r->step.state.n;
}

static enum st update(struct run *r, struct doing *t)
{
    enum st st = check_both(r);

    if (st == ST_OK)
        st = gather(r, t);
    if (st == ST_OK)
        st = gradients(r, t);
    if (t->bad && finite_skip(r))
        st = ST_OK;
    if (st != ST_OK)
        return st;
    enter_phase(r);                            /* only now: a failed step leaves no trace */
    t->lr = r->lr[r->step.obj == OBJ_PREF ? OBJ_PREF : OBJ_SFT];
    t->lr *= rate_at(&r->rate, r->step.i, r->state.phase_start);
    r->o->set = r->each && r->step.obj == OBJ_PREF;
    r->torn = true;
    if (!t->bad)
        optim_update(r->o, t->lr, t->norm);
    st = dev_sync(r->d);
    if (st != ST_OK)
        return st;
    advance(r, t);
    st = tell(r, t);
    r->state.metrics_bytes = out_bytes(r->log.metrics);
    r->torn = st != ST_OK;
    return st == ST_OK ? tell_time(r, t) : st;
}

/* The record's own bytes last only until the next is read. */
static enum st keep_record(struct run *r, const struct step_rec *s)
{
    if (s->phase.n >= sizeof r->phase)
        return fail(ST_DATA, "field 'phase' has %zu bytes, the most is %zu", s->phase.n,
                    sizeof r->phase - 1);
    r->step = *s;
    memcpy(r->phase, s->phase.p ? s->phase.p : "", s->phase.n);
    r->phase[s->phase.n] = 0;
    memcpy(r->mixer, s->state.p ? s->state.p : "", s->state.n);
    r->mix.n = 0;
    enum st st = s->mix.n ? buf_add(&r->mix, s->mix.p, s->mix.n) : ST_OK;
    r->step.mix = (struct view){ r->mix.p, r->mix.n };
    return st;
}

enum st train_step(struct run *r, const struct step_rec *s)
{
    size_t mark = arena_mark(r->now);
    struct doing *t = ARENA_NEW(r->now, struct doing, 1);

    if (s->i != r->state.i)
        return at_row(r, fail(ST_DATA, "a record of step %lld where the model is at %lld",
                              (long long)s->i, (long long)r->state.i));
    if (s->train && s->why != WHY_UPDATE)
        return at_row(r, fail(ST_DATA, "an update whose 'why' is %s", why_name(s->why)));
    if (!t)
        return ST_SYS;
    enum st st = at_row(r, keep_record(r, s));
    if (st != ST_OK)
        return st;
    if (s->train)
        st = update(r, t);
    else if (s->why == WHY_REFRESH)
        st = measure_held(r, t);
    else
        st = measure_slices(r, t);
    arena_back(r->now, mark);
    return st;
}
