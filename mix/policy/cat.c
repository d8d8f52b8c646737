/* cat.c - records as they come, one stream after another: with --to json the viewer of any
 * stream.
 *
 * All headers are read before the first record leaves, so that streams which do not belong
 * together are refused. */
#include "mixer.h"

static enum st open_all(struct mixer *m, struct in **in, int n)
{
    const struct header *h;
    enum st st;

    if (!(m->header = ARENA_NEW(m->arena, struct header, 1)))
        return ST_SYS;
    for (int k = 0; k < n; k++) {
        const char *name = m->arg->n_operands ? m->arg->operand[k] : "-";
        if ((st = in_open(&in[k], name, m->arena)) != ST_OK || (st = in_header(in[k], &h)) != ST_OK)
            return st;
        if (k == 0)
            *m->header = *h;
        else if ((st = header_same(m->header, in_name(in[0]), h, name)) != ST_OK ||
                 (st = header_merge(m->header, h)) != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Of steps, each is flushed with its last row: somebody may wait for its loss. */
static enum st pass(struct mixer *m, struct in *in)
{
    int64_t left = -1;                                 /* rows of the step at hand */
    struct rec r;
    enum st st;

    while ((st = in_next(in, &r)) == ST_OK) {
        if (sig_stop())
            return ST_STOP;
        if ((st = out_put(m->out, r.raw, r.raw_bytes, r.n_tokens)) != ST_OK)
            return st;
        left = r.kind == REC_STEP ? r.step.n : left - 1;
        if (left == 0 && m->live && (st = out_flush(m->out)) != ST_OK)
            return st;
    }
    return st;
}

static enum st run(struct mixer *m)
{
    int n = MAX(m->arg->n_operands, 1);
    struct in **in = ARENA_NEW(m->arena, struct in *, n);
    struct buf state = { 0 };
    enum st st;

    if (m->arg->sft.n + m->arg->pref.n)
        return fail(ST_USAGE, "--policy cat takes streams as operands, not by --sft and --pref");
    st = in ? open_all(m, in, n) : ST_SYS;
    if (st == ST_OK && (st = mixer_out(m)) == ST_OK) {
        for (int k = 0; k < n && st == ST_OK; k++) {
            st = pass(m, in[k]);
            if (st != ST_END)
                break;
            struct view last = in_end(in[k])->state;
            state.n = 0;
            st = buf_add(&state, last.p, last.n);
        }
        st = out_close(m->out, st, (struct view){ state.p, state.n });
        m->out = NULL;
    }
    for (int k = 0; in && k < n; k++)
        if (in[k])
            in_close(in[k]);
    buf_free(&state);
    return st;
}

const struct policy policy_cat = {
    .name = "cat", .line = "streams one after another, unchanged; shows any stream with --to json",
    .run = run,
};
