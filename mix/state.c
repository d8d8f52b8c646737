/* state.c - the mixer's state: how far each source is, the policy's numbers, and prints of all
 * that shapes the sequence, so that a resume under other options is refused by name instead of
 * going another way.
 *
 * Little-endian: u8 version; i64 i; u32 n, n x u32 prints; u32 n, and of each source, sft first,
 * i64 rows given, i64 trained tokens of these, u32 updates made at the last; u32 n, n x f64 of the
 * policy. */
#include "mixer.h"

enum { STATE_VERSION = 2 };

static enum st put(struct buf *b, uint64_t v, int n_bytes)
{
    uint8_t p[8];

    for (int k = 0; k < n_bytes; k++)
        p[k] = (uint8_t)(v >> 8 * k);
    return buf_add(b, p, (size_t)n_bytes);
}

struct reader { const uint8_t *p; size_t n; bool cut; };

static uint64_t take(struct reader *r, int n_bytes)
{
    uint64_t v = 0;

    if (r->n < (size_t)n_bytes) {
        r->cut = true;
        return 0;
    }
    for (int k = 0; k < n_bytes; k++)
        v |= (uint64_t)*r->p++ << 8 * k;
    r->n -= (size_t)n_bytes;
    return v;
}

/* ---- prints ---- */

static void print_bytes(struct mixer *m, const char *name, const void *p, size_t n)
{
    struct view v = { p, n };

    BUG_IF(m->n_prints >= MIXER_PRINTS_MAX);
    m->print[m->n_prints++] = (struct print){ name, (uint32_t)rec_id(REC_OTHER, &v, 1) };
}

static void print_int(struct mixer *m, const char *name, int64_t v)
{
    print_bytes(m, name, &v, sizeof v);
}

static void print_opt(struct mixer *m, const struct opt *o)
{
    const char *name = arena_printf(m->arena, "--%s", o->name);
    struct view text;

    switch (o->type) {
    case OPT_FLAG: print_bytes(m, name, o->to, sizeof(bool)); break;
    case OPT_INT:  print_bytes(m, name, o->to, sizeof(int64_t)); break;
    case OPT_REAL: print_bytes(m, name, o->to, sizeof(double)); break;
    default:
        text = view_of(*(const char *const *)o->to);
        print_bytes(m, name, text.p, text.n);
    }
}

enum st state_print(struct mixer *m)
{
    const struct args *g = m->arg;
    struct cursor *all[4 * SOURCE_MAX];
    int64_t n = mixer_sources(m, all);

    print_bytes(m, "--policy", m->policy->name, strlen(m->policy->name));
    print_bytes(m, "--lambda", &m->study.lambda, sizeof m->study.lambda);
    print_int(m, "--seed-draw or --seed", (int64_t)m->study.seed_draw);
    print_int(m, "--seed-data or --seed", g->seed_data);
    if (m->policy->needs & NEED_LENGTH)
        print_int(m, "--steps or --epochs", m->study.steps);
    for (int o = 0; o < 2; o++) {
        print_int(m, o == OBJ_SFT ? "--rows-sft" : "--rows-pref", m->side[o].rows);
        print_int(m, o == OBJ_SFT ? "--tokens-sft" : "--tokens-pref", m->side[o].tokens);
    }
    print_int(m, "--delay", m->study.delay);
    print_int(m, "--eval-every", g->eval_every);
    print_int(m, "--held-rows", g->held_rows);
    for (int64_t k = 0; k < countof(m->policy->opts) && m->policy->opts[k].name; k++)
        print_opt(m, &m->policy->opts[k]);
    for (int o = 0; o < 2; o++) {
        print_int(m, o == OBJ_SFT ? "the number of --sft" : "the number of --pref",
                  m->side[o].n_sources);
        print_int(m, o == OBJ_SFT ? "the number of --held-sft" : "the number of --held-pref",
                  m->held[o].n_sources);
    }
    for (int64_t k = 0; k < n; k++) {
        uint32_t print = 0;
        enum st st = source_print(all[k], &print);
        if (st != ST_OK)
            return st;
        print_int(m, all[k]->how.name, print);
    }
    return ST_OK;
}

/* ---- the state ---- */

static enum st put_source(struct buf *b, const struct cursor *c)
{
    return mp_st(put(b, (uint64_t)c->taken, 8) || put(b, (uint64_t)c->tokens, 8) ||
                 put(b, (uint64_t)MIN(c->last, UINT32_MAX), 4));
}

enum st state_put(struct mixer *m)
{
    struct buf *b = &m->saved;
    int64_t n = m->side[0].n_sources + m->side[1].n_sources;

    b->n = 0;
    if (put(b, STATE_VERSION, 1) || put(b, (uint64_t)m->i, 8) || put(b, (uint64_t)m->n_prints, 4))
        return ST_SYS;
    for (int64_t k = 0; k < m->n_prints; k++)
        if (put(b, m->print[k].hash, 4))
            return ST_SYS;
    if (put(b, (uint64_t)n, 4))
        return ST_SYS;
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++)
            if (put_source(b, m->side[o].c[k]) != ST_OK)
                return ST_SYS;
    if (put(b, (uint64_t)m->policy->n_state, 4))
        return ST_SYS;
    for (int64_t k = 0; k < m->policy->n_state; k++) {
        uint64_t bits;
        memcpy(&bits, &m->state[k], 8);
        if (put(b, bits, 8))
            return ST_SYS;
    }
    BUG_IF(b->n > REC_STATE_MAX);
    return ST_OK;
}

static enum st same_run(const struct mixer *m, struct reader *r)
{
    int64_t n = (int64_t)take(r, 4);
    const char *other = NULL;

    for (int64_t k = 0; k < n && !r->cut; k++) {
        uint32_t hash = (uint32_t)take(r, 4);
        if (!other && (k >= m->n_prints || m->print[k].hash != hash))
            other = k < m->n_prints ? m->print[k].name : "the number of sources";
    }
    if (!other && n != m->n_prints)
        other = "the number of sources";
    if (!other || r->cut)
        return ST_OK;
    return fail(ST_USAGE, "%s is not what this run began with; give the same command, or start "
                "anew in another folder",
                shown(view_of(other)));
}

enum st state_take(struct mixer *m, struct view saved)
{
    struct reader r = { (const uint8_t *)saved.p, saved.n, false };
    int64_t n = m->side[0].n_sources + m->side[1].n_sources;
    uint64_t version = take(&r, 1), i = take(&r, 8);
    bool whole = i <= INT64_MAX / 2;

    if (!r.cut && version != STATE_VERSION)
        return fail(ST_DATA, "a mixer's state of form %d, and this version knows form %d; go on by "
                             "the version that began, or start anew in another folder",
                    (int)version, STATE_VERSION);
    enum st st = same_run(m, &r);
    if (st != ST_OK)
        return st;
    whole = whole && (int64_t)take(&r, 4) == n;
    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++) {
            struct cursor *c = m->side[o].c[k];
            c->taken = (int64_t)(take(&r, 8) & INT64_MAX);
            c->tokens = (int64_t)(take(&r, 8) & INT64_MAX);
            c->last = (int64_t)take(&r, 4);
        }
    whole = whole && (int64_t)take(&r, 4) == m->policy->n_state;
    for (int64_t k = 0; k < m->policy->n_state; k++) {
        uint64_t bits = take(&r, 8);
        memcpy(&m->state[k], &bits, 8);
    }
    if (!whole || r.cut || r.n != 0)
        return fail(ST_DATA, "no mixer's state; the folder is damaged");
    m->i = (int64_t)i;
    return ST_OK;
}
