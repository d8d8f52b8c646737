/* setup.c - from the command line to sources, policy and study.  Whatever can be refused is
 * refused here, before a byte is written. */
#include <math.h>
#include <unistd.h>

#include "mixer.h"

int64_t mixer_sources(struct mixer *m, struct cursor *all[4 * SOURCE_MAX])
{
    struct side *side[4] = { &m->side[0], &m->side[1], &m->held[0], &m->held[1] };
    int64_t n = 0;

    for (int k = 0; k < 4; k++)
        for (int64_t j = 0; j < side[k]->n_sources; j++)
            all[n++] = side[k]->c[j];
    return n;
}

/* FILE or FILE:WEIGHT; a file that has such a name is a file. */
static enum st split_weight(const char *option, const char *text, const char **name, double *weight,
                            struct arena *a)
{
    const char *colon = strrchr(text, ':');

    *name = text;
    *weight = 1;
    if (!colon || colon == text || access(text, F_OK) == 0)
        return ST_OK;
    if (!(*name = arena_text(a, (struct view){ text, (size_t)(colon - text) })))
        return ST_SYS;
    enum st st = opt_number(option, colon + 1, weight);
    err_place("%s", option);
    if (st == ST_OK && !(*weight > 0 && *weight <= 1e9))
        st = fail(ST_USAGE, "the weight of '%s' must be above 0", shown(view_of(*name)));
    return st;
}

/* The header of the run: the first source's, and what the others add. */
static enum st add_header(struct mixer *m, const struct cursor *c)
{
    static const char *first;
    enum st st;

    if (!m->header) {
        if (!(m->header = ARENA_NEW(m->arena, struct header, 1)))
            return ST_SYS;
        *m->header = *c->header;
        first = c->how.name;
        return ST_OK;
    }
    st = header_same(m->header, first, c->header, c->how.name);
    return st == ST_OK ? header_merge(m->header, c->header) : st;
}

static enum st open_side(struct mixer *m, struct side *s, enum obj o, const char *option,
                         const struct opt_list *list, bool held)
{
    s->obj = o;
    if (list->n > SOURCE_MAX) {
        err_place("%s", option);
        return fail(ST_USAGE, "%lld files, the most is %d; cat them with --policy cat",
                    (long long)list->n, SOURCE_MAX);
    }
    for (int64_t k = 0; k < list->n; k++) {
        struct source_how how = { .obj = o, .shuffle = !held, .seed = (uint64_t)m->arg->seed_data,
                                  .index = ((held ? 2 : 0) + (int64_t)o) * SOURCE_MAX + k,
                                  .window = m->arg->window, .held = held ? NULL : &m->held_ids };
        enum st st = split_weight(option, list->v[k], &how.name, &how.weight, m->arena);
        if (st != ST_OK)
            return st;
        err_place(NULL);
        st = source_open(&s->c[k], &how, m->arena);
        s->n_sources = k + 1;
        if (st != ST_OK || (st = add_header(m, s->c[k])) != ST_OK)
            return st;
        if (held && s->c[k]->n_rows == 0) {
            err_place("%s", option);
            return fail(ST_USAGE, "'%s' is a pipe; held-out rows are read many times, put them "
                        "into a file", shown(view_of(how.name)));
        }
    }
    return ST_OK;
}

static bool pipes(const struct side *s)
{
    for (int64_t k = 0; k < s->n_sources; k++)
        if (s->c[k]->n_rows == 0)
            return true;
    return false;
}

bool mixer_pipes(const struct mixer *m)
{
    return pipes(&m->side[0]) || pipes(&m->side[1]);
}

static bool files(const struct side *s)
{
    for (int64_t k = 0; k < s->n_sources; k++)
        if (s->c[k]->n_rows > 0)
            return true;
    return false;
}

static enum st open_sources(struct mixer *m)
{
    const struct args *g = m->arg;
    enum st st;

    if ((st = open_side(m, &m->held[0], OBJ_SFT, "--held-sft", &g->held_sft, true)) != ST_OK ||
        (st = open_side(m, &m->held[1], OBJ_PREF, "--held-pref", &g->held_pref, true)) != ST_OK)
        return st;
    if (!g->allow_overlap && (st = held_ids(m)) != ST_OK)
        return st;
    if ((st = open_side(m, &m->side[0], OBJ_SFT, "--sft", &g->sft, false)) != ST_OK ||
        (st = open_side(m, &m->side[1], OBJ_PREF, "--pref", &g->pref, false)) != ST_OK)
        return st;
    m->side[0].rows = g->tokens_sft ? 0 : g->rows_sft;
    m->side[1].rows = g->tokens_pref ? 0 : g->rows_pref;
    m->side[0].tokens = g->tokens_sft;
    m->side[1].tokens = g->tokens_pref;
    for (int o = 0; o < 2; o++)                        /* held-out rows are found now, not later */
        for (int64_t k = 0; k < m->side[o].n_sources; k++)
            if (m->held_ids.n && m->side[o].c[k]->n_rows &&
                (st = source_scan(m->side[o].c[k], NULL, NULL)) != ST_OK)
                return st;
    return ST_OK;
}

/* All for one objective where the other has no rows, whatever --lambda says; weights of the sources
 * where it is not given and nothing but shares counts; a half else. */
static double lambda_of(const struct mixer *m)
{
    double sum[2] = { 0 };

    for (int o = 0; o < 2; o++)
        for (int64_t k = 0; k < m->side[o].n_sources; k++)
            sum[o] += m->side[o].c[k]->how.weight;
    if (sum[0] == 0 || sum[1] == 0)
        return sum[1] > 0;
    if (opt_given("lambda"))
        return m->arg->lambda;
    return m->policy == &policy_weighted ? sum[1] / (sum[0] + sum[1]) : m->arg->lambda;
}

static enum st add_trained(void *arg, const struct line *l)
{
    *(int64_t *)arg += l->n_trained;
    return ST_OK;
}

/* Batches that one epoch of an objective makes, not rounded. */
static enum st epoch_batches(struct side *s, double *n)
{
    int64_t rows = 0, trained = 0;

    for (int64_t k = 0; k < s->n_sources; k++) {
        enum st st = s->rows ? ST_OK : source_scan(s->c[k], add_trained, &trained);
        if (st != ST_OK)
            return st;
        rows += s->c[k]->n_rows;
    }
    *n = s->rows ? (double)rows / (double)s->rows : (double)trained / (double)s->tokens;
    return ST_OK;
}

static enum st count_steps(struct mixer *m)
{
    bool piped = mixer_pipes(m), endless = files(&m->side[0]) || files(&m->side[1]);
    double n[2] = { 0 };

    if (opt_given("steps") || piped) {
        m->study.steps = m->arg->steps;
        err_place(opt_given("epochs") ? "--epochs" : "--steps");
        if (!opt_given("steps") && endless)
            return fail(ST_USAGE, "a file among pipes never ends; say how many steps");
        if (opt_given("epochs"))
            return fail(ST_USAGE, "%s", piped ? "a pipe is read once; use files"
                                              : "--steps says how long the run is; give one");
        return ST_OK;
    }
    for (int o = 0; o < 2; o++) {
        enum st st = epoch_batches(&m->side[o], &n[o]);
        if (st != ST_OK)
            return st;
    }
    double all = m->policy == &policy_mix ? fmax(n[0], n[1]) : n[0] + n[1];
    m->study.steps = (int64_t)fmax(ceil(all * m->arg->epochs - 1e-9), 1);
    return ST_OK;
}

/* What pipes cannot do, and what a policy must have. */
static enum st check_needs(struct mixer *m)
{
    const struct args *g = m->arg;
    bool piped = mixer_pipes(m), losses = m->policy->needs & NEED_LOSSES;
    const char *what = g->resume   ? "--resume"
                       : g->branch ? "--branch"
                       : g->plan   ? "--plan"
                       : losses    ? "this policy"
                                   : NULL;

    err_place("--policy %s", m->policy->name);
    if (piped && what)
        return fail(ST_USAGE, "%s reads rows more than once, a pipe is read once; use files", what);
    if (losses && !g->feedback && !g->plan)
        return fail(ST_USAGE, "it decides by the losses that step tells; mkfifo fb, then "
                              "--feedback fb here and there");
    if ((m->policy->needs & NEED_LENGTH) && m->study.steps == 0)
        return fail(ST_USAGE, "it must know how many steps there will be; say --steps");
    err_place("--plan");
    if (g->plan && m->study.steps == 0)
        return fail(ST_USAGE, "an endless run has no plan; say --steps or --epochs");
    if (g->plan && (g->resume || g->branch))
        return fail(ST_USAGE, "a plan is of the whole run; leave --%s out",
                    g->resume ? "resume" : "branch");
    err_place(NULL);
    return ST_OK;
}

/* Options that say something of what is not there. */
static enum st check_company(const struct args *g)
{
    const struct { const char *option, *needs; bool there; } all[] = {
        { "rows-sft",      "--sft",                      g->sft.n },
        { "tokens-sft",    "--sft",                      g->sft.n },
        { "rows-pref",     "--pref",                     g->pref.n },
        { "tokens-pref",   "--pref",                     g->pref.n },
        { "held-rows",     "--held-sft or --held-pref",  g->held_sft.n + g->held_pref.n },
        { "eval-every",    "--held-sft or --held-pref",  g->held_sft.n + g->held_pref.n },
        { "allow-overlap", "--held-sft or --held-pref",  g->held_sft.n + g->held_pref.n },
        { "delay",         "--feedback",                 g->feedback || g->plan },
    };

    for (int i = 0; i < countof(all); i++)
        if (opt_given(all[i].option) && !all[i].there) {
            err_place("--%s", all[i].option);
            return fail(ST_USAGE, "it does nothing without %s", all[i].needs);
        }
    return ST_OK;
}

static enum st check_args(const struct args *g)
{
    if (g->sft.n + g->pref.n == 0)
        return fail(ST_USAGE, "nothing to train on; give --sft FILE or --pref FILE, or show a "
                              "stream by --policy cat FILE");
    if (g->n_operands)
        return fail(ST_USAGE, "'%s' is not said to be anything; sources come by --sft and --pref",
                    shown(view_of(g->operand[0])));
    if ((opt_given("rows-sft") && g->tokens_sft) || (opt_given("rows-pref") && g->tokens_pref))
        return fail(ST_USAGE, "a batch is sized by rows or by tokens; give one");
    if (!g->policy && g->sft.n && g->pref.n)
        return fail(ST_USAGE, "two objectives and no --policy; say alright, maxright, mix, "
                              "sequential or weighted");
    return check_company(g);
}

enum st mixer_setup(struct mixer *m)
{
    const struct args *g = m->arg;
    enum st st = check_args(g);

    if (st != ST_OK || (st = open_sources(m)) != ST_OK)
        return st;
    if (!g->sft.n || !g->pref.n)                       /* nothing is left to choose */
        m->policy = &policy_weighted;
    m->study = (struct study){ .lambda = lambda_of(m), .seed_draw = (uint64_t)g->seed_draw,
                               .delay = g->delay, .quiet = g->quiet };
    if ((st = count_steps(m)) != ST_OK || (st = check_needs(m)) != ST_OK)
        return st;
    if (m->policy->check && (st = m->policy->check(&m->study)) != ST_OK)
        return st;
    err_place(NULL);
    m->header->steps = m->study.steps;
    m->header->mixed = true;
    m->losses.last[0] = m->losses.last[1] = NAN;
    st = figures_names(m);
    return st == ST_OK ? state_print(m) : st;
}
