/* send.c - what leaves: a step record, its rows byte for byte, and the line in the log that tells
 * of both. */
#include "log.h"
#include "mixer.h"

/* Rows of one objective: sent unless step holds them, counted for --plan, told to the log.  Those
 * of an update that was sent before a resume are only looked at. */
static enum st send_rows(struct mixer *m, const struct step_rec *s, const struct batch *b)
{
    struct line l;
    enum st st;

    for (int64_t k = 0; k < batch_n(b); k++) {
        struct coming *row = &batch_rows(b)[k];
        if ((st = source_row(row->c, row->at, &l)) != ST_OK)
            return st;
        row->n_trained = l.n_trained;
        if (m->i < m->first)
            continue;
        if (m->out && !s->use && (st = out_put(m->out, l.raw, l.n_bytes, l.n_tokens)) != ST_OK)
            return st;
        if (m->log && (st = log_row(m->log, row->c->how.index, l.row)) != ST_OK)
            return st;
        if (m->dry && s->train) {
            row->c->used.rows++;
            row->c->used.tokens += l.n_tokens;
            row->c->used.trained += l.n_trained;
        } else if (m->dry) {
            row->c->measured.rows++;
            row->c->measured.tokens += l.n_tokens;
        }
    }
    return ST_OK;
}

enum st send_step(struct mixer *m, struct step_rec *s, const struct batch *const b[2])
{
    struct rec r = { .kind = REC_STEP, .w = 1 };
    enum st st;

    if (m->i < m->first) {                             /* decided again after a resume */
        for (int o = 0; o < 2; o++)
            if (b[o] && s->train && (st = send_rows(m, s, b[o])) != ST_OK)
                return st;
        return ST_OK;
    }
    s->i = m->i;
    s->state = (struct view){ m->saved.p, m->saved.n };
    s->n = 0;
    for (int o = 0; o < 2; o++)
        s->n += b[o] && !s->use ? batch_n(b[o]) : 0;
    r.step = *s;
    m->rec.n = 0;
    if ((st = rec_write(&m->rec, &r, m->header->width)) != ST_OK)
        return st;
    if (m->out && (st = out_put(m->out, m->rec.p, m->rec.n, 0)) != ST_OK)
        return st;
    for (int o = 0; o < 2; o++)
        if (b[o] && (st = send_rows(m, s, b[o])) != ST_OK)
            return st;
    if (m->live && (st = out_flush(m->out)) != ST_OK)
        return st;
    losses_sent(&m->losses, (struct awaited){ s->i, s->obj, s->why });
    if (!m->log)
        return ST_OK;
    return log_step(m->log, s, (struct view){ m->rec.p, m->rec.n }, m->losses.last);
}
