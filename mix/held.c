/* held.c - held-out rows: refused among the training rows, and sent as measurements, the same
 * rows every time. */
#include "mixer.h"

static enum st add_id(void *arg, const struct line *l)
{
    idset_add(arg, l->id);
    return ST_OK;
}

enum st held_ids(struct mixer *m)
{
    int64_t n = 0;
    enum st st;

    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->held[o].n_sources; k++)
            n += m->held[o].c[k]->n_rows;
    if (n == 0)
        return ST_OK;
    if ((st = idset_new(&m->held_ids, n, m->arena)) != ST_OK)
        return st;
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->held[o].n_sources; k++)
            if ((st = source_scan(m->held[o].c[k], add_id, &m->held_ids)) != ST_OK)
                return st;
    return ST_OK;
}

/* All rows of a file, or --held-rows of all of them, spread evenly over the files: the same for
 * every seed. */
static enum st choose(struct mixer *m, const struct side *s, struct batch *b)
{
    int64_t all = 0, k = 0, before = 0;

    for (int64_t f = 0; f < s->n_sources; f++)
        all += s->c[f]->n_rows;
    int64_t n = m->arg->held_rows ? MIN(m->arg->held_rows, all) : all;
    for (int64_t j = 0; j < n; j++) {
        int64_t row = (int64_t)((__int128)j * all / n);
        for (; row - before >= s->c[k]->n_rows; k++)
            before += s->c[k]->n_rows;
        struct coming c = { s->c[k], row - before, 0 };
        if (buf_add(&b->rows, &c, sizeof c) != ST_OK)
            return ST_SYS;
    }
    return ST_OK;
}

bool held_due(const struct mixer *m)
{
    int64_t every = m->arg->eval_every;

    if (m->held[0].n_sources + m->held[1].n_sources == 0)
        return false;
    return m->i == 0 || (m->study.steps && m->i == m->study.steps) || (every && m->i % every == 0);
}

enum st held_send(struct mixer *m)
{
    struct pick p;

    m->policy->pick(&m->study, m->state, m->i, &p);    /* only for the phase */
    for (int o = 0; o < 2; o++) {
        const struct batch *b[2] = { NULL, NULL };
        struct step_rec s = { .obj = (enum obj)o, .why = WHY_EVAL, .phase = view_of(p.phase),
                              .weight_sft = o == OBJ_SFT, .weight_pref = o == OBJ_PREF };
        enum st st;
        if (m->held[o].n_sources == 0)
            continue;
        if (batch_n(&m->held_batch[o]) == 0 &&
            (st = choose(m, &m->held[o], &m->held_batch[o])) != ST_OK)
            return st;
        b[o] = &m->held_batch[o];
        if ((st = send_step(m, &s, b)) != ST_OK)
            return st;
    }
    return ST_OK;
}
