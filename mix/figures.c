/* figures.c - the mixer's figures, which step copies into the metric of an update: the policy's
 * own, and what each objective and source has had of the run before it.
 *
 * They are functions of the state alone, so a resumed run tells the same. */
#include "mixer.h"

enum { NAME_MAX_BYTES = 128 };

/* What a source, or all of an objective's, has given so far. */
struct given { int64_t rows, tokens, last; };

static void add_source(struct given *g, const struct cursor *c)
{
    g->rows += c->taken;
    g->tokens += c->tokens;
    g->last = MAX(g->last, c->last);
}

/* mix/WHAT, the separator and whose it is */
static enum st put(struct mixer *m, int64_t *n, const char *what, const char *separator,
                   const char *whose, double value)
{
    char name[NAME_MAX_BYTES + 64];

    snprintf(name, sizeof name, "mix/%s%s%s", what, separator, whose);
    ++*n;
    return mp_st(mp_text(&m->rec, view_of(name)) || mp_real(&m->rec, value));
}

/* The age, and shares of all that was given once something was. */
static enum st put_given(struct mixer *m, int64_t *n, const char *separator, const char *whose,
                         const struct given *g, const struct given *all)
{
    enum st st = put(m, n, "age", separator, whose, (double)(m->i - g->last));

    if (st == ST_OK && all->rows)
        st = put(m, n, "share_rows", separator, whose, (double)g->rows / (double)all->rows);
    if (st == ST_OK && all->tokens)
        st = put(m, n, "share_tokens", separator, whose, (double)g->tokens / (double)all->tokens);
    return st;
}

static bool taken(const struct mixer *m, const char *name, int o, int64_t k)
{
    for (int p = 0; p <= o; p++)
        for (int64_t j = 0; j < (p < o ? m->side[p].n_sources : k); j++)
            if (strcmp(m->side[p].c[j]->label, name) == 0)
                return true;
    return false;
}

enum st figures_names(struct mixer *m)
{
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++) {
            struct cursor *c = m->side[o].c[k];
            const struct header *h = c->header;
            struct view src = h->n_sources == 1 ? h->source[0].src : (struct view){ 0 };
            bool ours = src.n > 5 && (memcmp(src.p, "sft.", 4) == 0 ||
                                      memcmp(src.p, "pref.", 5) == 0);
            c->label = src.n > 0 && src.n <= NAME_MAX_BYTES && !ours ? arena_text(m->arena, src)
                                                                     : "";
            if (c->label && (!*c->label || taken(m, c->label, o, k)))
                c->label = arena_printf(m->arena, "%s.%lld", obj_name((enum obj)o),
                                        (long long)k + 1);
            if (!c->label)
                return ST_SYS;
        }
    return ST_OK;
}

/* Epochs read, ages and shares of both objectives; of one alone the epochs. */
static enum st put_objectives(struct mixer *m, int64_t *n, struct given *all)
{
    struct given of[2] = { { 0 } };
    double rows[2] = { 0 }, from_files[2] = { 0 };
    enum st st = ST_OK;

    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++) {
            const struct cursor *c = m->side[o].c[k];
            rows[o] += (double)c->n_rows;
            from_files[o] += c->n_rows ? (double)c->taken : 0;
            add_source(&of[o], c);
            add_source(all, c);
        }
    for (int o = 0; o < 2 && st == ST_OK; o++)
        if (rows[o] > 0)
            st = put(m, n, "epoch", "_", obj_name((enum obj)o), from_files[o] / rows[o]);
    for (int o = 0; o < 2 && st == ST_OK && m->side[0].n_sources && m->side[1].n_sources; o++)
        st = put_given(m, n, "_", obj_name((enum obj)o), &of[o], all);
    return st;
}

enum st figures_put(struct mixer *m)
{
    struct figure f[POLICY_FIGURES_MAX];
    int own = m->policy->figures ? m->policy->figures(&m->study, m->state, m->i, f) : 0;
    struct given all = { 0 };
    int64_t n = own;
    enum st st = ST_OK;

    m->rec.n = m->figures.n = 0;
    for (int k = 0; k < own && st == ST_OK; k++)
        st = mp_st(mp_text(&m->rec, view_of(f[k].name)) || mp_real(&m->rec, f[k].value));
    if (st == ST_OK)
        st = put_objectives(m, &n, &all);
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources && m->side[o].n_sources > 1; k++) {
            struct given g = { 0 };
            add_source(&g, m->side[o].c[k]);
            if (st == ST_OK)
                st = put_given(m, &n, "/", m->side[o].c[k]->label, &g, &all);
        }
    return st != ST_OK ? st : mp_st(mp_map(&m->figures, n) ||
                                    buf_add(&m->figures, m->rec.p, m->rec.n));
}
