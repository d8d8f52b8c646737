/* side.c - sharing a batch among sources. */
#include "side.h"

enum { BARREN_MAX = 1000000 };                 /* rows after which a token target is given up */

/* The source of the next row, or -1 when all have ended; more[] rows are chosen beyond what was
 * given. */
static int64_t next_source(const struct side *s, const int64_t *more)
{
    double rows = 1, weight = 0, least = 0;
    int64_t best = -1;

    for (int64_t k = 0; k < s->n_sources; k++) {
        rows += s->ended[k] ? 0 : (double)(s->c[k]->taken + more[k]);
        weight += s->ended[k] ? 0 : s->c[k]->how.weight;
    }
    for (int64_t k = 0; k < s->n_sources; k++) {
        double given = (double)(s->c[k]->taken + more[k]), w = s->c[k]->how.weight;
        double due = (given + 1) / w;
        if (!s->ended[k] && given * weight < w * rows && (best < 0 || due < least)) {
            best = k;
            least = due;
        }
    }
    return best;
}

enum st side_next(struct side *s, struct batch *b)
{
    int64_t more[SOURCE_MAX] = { 0 }, tokens = 0, k;
    struct line l;

    b->rows.n = 0;
    while (s->rows ? batch_n(b) < s->rows : tokens < s->tokens) {
        if ((k = next_source(s, more)) < 0)
            break;
        struct coming next = { s->c[k], s->c[k]->taken + more[k], 0 };
        if (!s->rows || s->c[k]->n_rows == 0) {        /* how long is it, or is it there */
            enum st st = source_row(next.c, next.at, &l);
            if (st == ST_END) {
                s->ended[k] = true;
                continue;
            }
            if (st != ST_OK)
                return st;
            tokens += l.n_trained;
        }
        if (buf_add(&b->rows, &next, sizeof next) != ST_OK)
            return ST_SYS;
        more[k]++;
        if (!s->rows && tokens == 0 && batch_n(b) >= BARREN_MAX) {
            err_place("%s", next.c->how.name);
            return fail(ST_DATA, "%d rows without a trained token; use --rows-%s", BARREN_MAX,
                        obj_name(s->obj));
        }
    }
    return batch_n(b) ? ST_OK : ST_END;
}

void side_take(const struct batch *b, int64_t i)
{
    for (int64_t k = 0; k < batch_n(b); k++) {
        const struct coming *row = &batch_rows(b)[k];
        source_take(row->c, 1);
        row->c->tokens += row->n_trained;
        row->c->last = i + 1;
    }
}
