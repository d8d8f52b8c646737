/* train.c - a run from its first record to its last, with a save now and then and at the end.
 *
 * However it ends, what is saved is the state after the last complete update, and the exit code is
 * the cause. */
#include <signal.h>
#include <unistd.h>

#include "train.h"

static enum st save(struct run *r)
{
    struct state *s = &r->state;
    int64_t metrics;
    enum st st = log_sync(&r->log, &metrics, &s->timing_bytes);

    if (st == ST_OK)                           /* what was measured since is sent again on resume */
        st = ckpt_save(&r->ckpt, r->m, r->o, s, r->h, r->now);
    return st;
}

/* True when the run has its updates.  At the mixer's own last step its last measurements still
 * follow. */
static bool enough(const struct run *r)
{
    int64_t steps = r->plan->steps;

    return steps && r->state.i >= steps && r->h->steps != steps;
}

/* Until the stream ends (ST_END), the run has enough (ST_OK), or something is wrong. */
static enum st loop(struct run *r)
{
    struct rec rec;

    while (!enough(r) && !content_reached(r)) {
        if (sig_stop())
            return ST_STOP;
        enum st st = in_next(r->in, &rec);
        if (st != ST_OK)
            return st;
        if (rec.kind != REC_STEP) {
            err_place("%s:%lld", in_name(r->in), (long long)in_count(r->in));
            return fail(ST_DATA, "a '%s' record where a step record should be", shown(rec.t));
        }
        if (rec.step.train && r->plan->steps && r->state.i >= r->plan->steps)
            return ST_OK;
        int64_t before = r->state.i;
        st = train_step(r, &rec.step);
        if (st == ST_OK && r->state.i > before && r->plan->save_every &&
            r->state.i % r->plan->save_every == 0)
            st = save(r);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* The neighbours first, so that nobody waits for the disk; then the last complete update. */
static enum st finish(struct run *r, enum st st)
{
    int64_t wanted = r->plan->steps ? r->plan->steps : r->rate.total;

    progress_end(&r->progress);
    if (st == ST_END && r->state.i < wanted)
        warn("%s: the stream ended after %lld of %lld steps", in_name(r->in), (long long)r->state.i,
             (long long)wanted);
    if (st == ST_END)
        st = ST_OK;
    if (content_reached(r))
        warn("%s: --stop-at %s is reached after %lld steps", r->plan->out, r->plan->stop_at,
             (long long)r->state.i);
    else if (st == ST_OK && r->plan->stop_at && r->state.content_at == 0)
        warn("--stop-at: nothing held out of both objectives was measured; mix --held-sft, "
             "--held-pref, --eval-every");
    log_hang_up(&r->log, st);
    in_close(r->in);
    r->in = NULL;
    if (!r->torn && r->state.i != r->ckpt.saved && (st == ST_OK || r->state.i > 0)) {
        enum st saved = save(r);
        if (st == ST_OK || st == ST_STOP)
            st = saved == ST_OK ? st : saved;
    }
    return log_close(&r->log, st);
}

static void give_back(struct run *r)
{
    if (r->in)
        in_close(r->in);
    ckpt_close(&r->ckpt);
    for (int o = 0; o < 2; o++)
        arena_free(r->held[o].arena);
    arena_free(r->now);
    for (int o = 0; o < 2; o++)
        buf_free(&r->given[o]);
    buf_free(&r->mix);
    buf_free(&r->metric.body);
    buf_free(&r->metric.rec);
    if (r->d)
        dev_close(r->d);
}

enum st train(const struct plan *p, struct arena *a)
{
    struct run *r = ARENA_NEW(a, struct run, 1);

    if (!r)
        return ST_SYS;
    r->plan = p;
    r->a = a;
    r->now = arena_new(0);
    r->ckpt = (struct ckpt){ .out = p->out, .keep = p->keep, .lock = -1 };
    signal(SIGPIPE, SIG_IGN);
    enum st st = train_start(r);
    if (st == ST_END) {
        warn("%s: this run is finished; nothing is to do, and --steps makes it longer", p->out);
        st = ST_OK;
    } else if (st == ST_OK) {
        if (r->lora && !p->quiet && isatty(STDERR_FILENO))
            warn("%lld parameters of %lld adapters train, %lld stand still",
                 (long long)r->m->adapters.n_weights, (long long)r->m->adapters.n / 2,
                 (long long)r->m->n_weights);
        r->start = r->told = run_clock();
        r->tokens_told = r->tokens_start = (double)r->state.num_tokens;
        progress_start(&r->progress, "step", "steps", (double)r->rate.total, (double)r->state.i,
                       p->quiet);
        st = finish(r, loop(r));
    } else {
        st = log_close(&r->log, st);
    }
    give_back(r);
    return st;
}
