/* plan.c - the run, played without writing: every row is looked at in its turn, so the figures
 * are exact.
 *
 * What a policy will do that goes by losses nobody knows before; it is counted as if each
 * objective took half. */
#include <inttypes.h>

#include "mixer.h"

/* 1234567 as 1,234,567; one of eight rotating buffers. */
static const char *grouped(int64_t v)
{
    static char ring[8][32];
    static int next;
    char digits[32], *to = ring[next++ & 7], *out = to;
    int n = snprintf(digits, sizeof digits, "%" PRId64, v);

    for (int k = 0; k < n; k++) {
        if (k && (n - k) % 3 == 0)
            *to++ = ',';
        *to++ = digits[k];
    }
    *to = 0;
    return out;
}

static void line(const struct cursor *c, const char *what, bool held)
{
    int64_t used = c->used.rows, n = c->n_rows;

    if (held) {
        printf("%-9s  %-24s %11s %102s\n", what, shown(view_of(c->how.name)), grouped(n),
               grouped(c->measured.tokens));
        return;
    }
    printf("%-9s  %-24s %11s %11s %8.2f %11s %11s %13s %13s %13s\n", what,
           shown(view_of(c->how.name)), grouped(n), grouped(used), (double)used / (double)n,
           grouped(MAX(n - used, 0)), grouped(MAX(used - n, 0)), grouped(c->used.tokens),
           grouped(c->used.trained), grouped(c->measured.tokens));
}

static void batches(const struct mixer *m)
{
    printf("policy %s", m->policy->name);
    if (m->side[0].n_sources && m->side[1].n_sources)
        printf(", lambda %g", m->study.lambda);
    printf(", %s steps", grouped(m->study.steps));
    for (int o = 0; o < 2; o++) {
        const struct side *s = &m->side[o];
        if (s->n_sources)
            printf(", %s batches of %s %s", o ? "pref" : "sft",
                   grouped(s->rows ? s->rows : s->tokens), s->rows ? "rows" : "trained tokens");
    }
    printf("\n");
    if (m->policy->needs & NEED_LOSSES)
        printf("%s decides by losses; counted as if each objective took half of the steps\n",
               m->policy->name);
}

enum st plan_print(struct mixer *m)
{
    static const char *const name[2] = { "sft", "pref" };
    static const char *const held[2] = { "held sft", "held pref" };
    enum st st;

    m->dry = true;
    if ((st = mixer_loop(m)) != ST_OK)
        return st;
    batches(m);
    printf("%-9s  %-24s %11s %11s %8s %11s %11s %13s %13s %13s\n", "objective", "source", "rows",
           "used", "epochs", "unseen", "repeated", "tokens", "trained", "measured");
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++)
            line(m->side[o].c[k], name[o], false);
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->held[o].n_sources; k++)
            line(m->held[o].c[k], held[o], true);
    return ST_OK;
}
