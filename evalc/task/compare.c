/* compare.c - two or more runs on the same items: paired differences, with what chance would do.
 *
 * Every stream is what --items wrote for one run; the first is the base that the others are held
 * against.  An item is known by source, id, objective and how often that came before, so a run
 * that left rows out still compares on those both have; what has no partner is counted. */
#include <math.h>
#include <xxhash.h>

#include "paired.h"
#include "task.h"

enum { RUNS_MAX = 1024, FIGURES_MAX = 64 };

static double level = 0.95, power = 0.8;
static int64_t draws = 10000, seed;

static const struct opt opts[] = {
    { 0, "level", OPT_REAL, &level, "P", "of the intervals", 0.5, 0.9999 },
    { 0, "resamples", OPT_INT, &draws, "N", "of the paired bootstrap", 100, 10000000 },
    { 0, "power", OPT_REAL, &power, "P", "that `needed` items would have", 0.01, 0.9999 },
    { 0, "seed", OPT_INT, &seed, "N", "of the resamples", 0, 0 },
    { 0 },
};

/* One figure of one item of one run. */
struct value {
    uint64_t key;                              /* of the item */
    int32_t  run, figure;
    int64_t  order;
    double   a, b;
};

static struct {
    struct arena *a;
    int64_t       n_figures, n;
    struct view   figure[FIGURES_MAX];
    bool          share[FIGURES_MAX];          /* every value is 0 or 1: McNemar's test is for it */
    struct buf    value;                       /* struct value [n] */
} c;

static enum st start(struct job *j)
{
    buf_free(&c.value);
    memset(&c, 0, sizeof c);
    c.a = j->a;
    err_place("--task compare");
    if (j->n_streams < 2 || j->n_streams > RUNS_MAX)
        return fail(ST_USAGE, "give the files that --items wrote, of 2 to %d runs",
                    RUNS_MAX);
    return ST_OK;
}

/* ---- what an item says ---- */

struct facts {
    const struct figures *f;
    uint64_t              key;
    int32_t               run;
    double                w;
};

static enum st add(const struct facts *it, const char *name, bool share, double a, double b)
{
    int32_t f = 0;

    while (f < c.n_figures && !view_is(c.figure[f], name))
        f++;
    if (f == FIGURES_MAX)
        return fail(ST_DATA, "more than %d figures in the items", FIGURES_MAX);
    if (f == c.n_figures) {
        char *copy = arena_text(c.a, view_of(name));
        if (!copy)
            return ST_SYS;
        c.figure[c.n_figures] = view_of(copy);
        c.share[c.n_figures++] = share;
    }
    struct value v = { it->key, it->run, f, c.n++, a, b };
    return buf_add(&c.value, &v, sizeof v);
}

/* A mean over rows of x, or a share of them; missing figures are no fault: not all items have
 * all. */
static enum st add_mean(const struct facts *it, const char *name, bool share, double x)
{
    return isfinite(x) ? add(it, name, share, it->w * x, it->w) : ST_OK;
}

static double number(const struct facts *it, const char *name)
{
    double v;

    return figures_number(it->f, name, &v) ? v : NAN;
}

static enum st add_sft(const struct facts *it)
{
    double tokens = it->w * number(it, "tokens"), hits = it->w * number(it, "hits");
    enum st st = ST_OK;

    if (!isfinite(tokens))
        return ST_OK;
    st = add(it, "eval/sft/loss", false, -it->w * number(it, "logps"), tokens);
    if (st == ST_OK && isfinite(hits))
        st = add(it, "eval/mean_token_accuracy", false, hits, tokens);
    return st;
}

static enum st add_pref(const struct facts *it)
{
    double chosen = number(it, "logps/chosen"), rejected = number(it, "logps/rejected");
    double margin = number(it, "rewards/margins");
    double per_token[2] = { chosen / number(it, "tokens/chosen"),
                            rejected / number(it, "tokens/rejected") };
    enum st st = add_mean(it, "eval/pref/loss", false, number(it, "loss"));

    if (st == ST_OK)
        st = add_mean(it, "eval/rewards/margins", false, margin);
    if (st == ST_OK && isfinite(margin))
        st = add_mean(it, "eval/rewards/accuracies", true, margin > 0);
    if (st == ST_OK && isfinite(chosen) && isfinite(rejected))
        st = add_mean(it, "eval/policy_accuracy", true, chosen > rejected);
    if (st == ST_OK && isfinite(per_token[0]) && isfinite(per_token[1]))
        st = add_mean(it, "eval/policy_accuracy_per_token", true, per_token[0] > per_token[1]);
    return st;
}

/* A single answer, good or bad. */
static enum st add_label(const struct facts *it, bool good)
{
    const char *rewards = good ? "eval/label/rewards/chosen" : "eval/label/rewards/rejected";
    const char *logps = good ? "eval/label/logps/chosen" : "eval/label/logps/rejected";
    enum st st = add_mean(it, rewards, false, number(it, "rewards"));

    return st == ST_OK ? add_mean(it, logps, false, number(it, "logps")) : st;
}

/* By objective; of items without one, as logprob writes them, what pairs tell too, and the sum. */
static enum st add_figures(const struct facts *it, struct view objective)
{
    double good = number(it, "good");

    if (isfinite(good))
        return add_label(it, good != 0);
    if (view_is(objective, "sft"))
        return add_sft(it);
    enum st st = add_pref(it);
    return st == ST_OK && objective.n == 0 ? add_mean(it, "eval/logps", false, number(it, "logps"))
                                           : st;
}

/* Whatever an item calls true or false. */
static enum st add_answers(const struct facts *it)
{
    enum st st = ST_OK;

    for (int64_t i = 0; i < it->f->n && st == ST_OK; i++) {
        const struct figure *g = &it->f->v[i];
        char name[128];
        if (g->type != FIGURE_BOOL)
            continue;
        snprintf(name, sizeof name, "eval/%s", shown(g->name));
        st = add_mean(it, name, true, (double)g->i);
    }
    return st;
}

static enum st row(struct job *j, const struct seen *s)
{
    struct arena *tmp = arena_new(0);
    struct figures f = figures_in(tmp);
    struct facts it = { &f, 0, (int32_t)s->stream, 1 };

    (void)j;
    figures_read(&f, s->r);
    const struct figure *obj = figures_find(&f, "obj");
    struct view name = obj && obj->type == FIGURE_TEXT ? obj->text : VIEW("");
    uint64_t parts[] = { s->r->id, XXH3_64bits(s->r->src.p, s->r->src.n),
                         XXH3_64bits(name.p, name.n) };
    it.key = XXH3_64bits(parts, sizeof parts);
    figures_number(&f, "w", &it.w);
    enum st st = f.st;
    if (st == ST_OK)
        st = add_figures(&it, name);
    if (st == ST_OK)
        st = add_answers(&it);
    arena_free(tmp);
    return st;
}

/* ---- pairs ---- */

/* By run, figure and item; the same item again in the order it came. */
static int by_item(const void *va, const void *vb)
{
    const struct value *a = va, *b = vb;

    if (a->run != b->run)
        return a->run < b->run ? -1 : 1;
    if (a->figure != b->figure)
        return a->figure < b->figure ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

/* The values of a run's figure, in the sorted list. */
static struct value *find(int64_t run, int64_t figure, int64_t *n)
{
    struct value *v = (struct value *)c.value.p;
    int64_t from = 0, to;

    while (from < c.n && (v[from].run < run || (v[from].run == run && v[from].figure < figure)))
        from++;
    for (to = from; to < c.n && v[to].run == run && v[to].figure == figure; to++)
        ;
    *n = to - from;
    return v + from;
}

struct match {
    struct paired p;
    int64_t       only[2];                     /* items of one run alone */
    int64_t       right[2];                    /* of a share: items that one run alone has right */
};

static enum st match(struct match *m, const struct value *base, int64_t n_base,
                     const struct value *other, int64_t n_other, struct arena *a)
{
    double *col[4];
    int64_t i = 0, k = 0, n = 0;

    for (int x = 0; x < 4; x++)
        if (!(col[x] = ARENA_NEW(a, double, MIN(n_base, n_other) + 1)))
            return ST_SYS;
    *m = (struct match){ .p = { 0, { col[0], col[1] }, { col[2], col[3] } } };
    while (i < n_base && k < n_other) {
        if (base[i].key != other[k].key) {
            bool first = base[i].key < other[k].key;
            m->only[!first]++;
            i += first;
            k += !first;
            continue;
        }
        col[0][n] = base[i].a, col[2][n] = base[i].b;
        col[1][n] = other[k].a, col[3][n] = other[k].b;
        m->right[0] += base[i].a > 0 && other[k].a == 0;
        m->right[1] += base[i].a == 0 && other[k].a > 0;
        n++, i++, k++;
    }
    m->only[0] += n_base - i;
    m->only[1] += n_other - k;
    m->p.n = n;
    return ST_OK;
}

static enum st put(struct job *j, int64_t run, int64_t figure, const struct match *m)
{
    struct figures f = figures_in(j->a);
    struct interval v;
    double needed = paired_needed(&m->p, level, power);
    enum st st = paired_bootstrap(&m->p, draws, level, (uint64_t)seed, &v, j->a);

    if (st != ST_OK)
        return st;
    figures_text(&f, "task", VIEW("compare"));
    figures_text(&f, "table", VIEW("compare"));
    figures_text(&f, "figure", c.figure[figure]);
    figures_text(&f, "base", view_of(j->stream[0]));
    figures_text(&f, "run", view_of(j->stream[run]));
    figures_int(&f, "items", m->p.n);
    figures_real(&f, "base_value", paired_value(&m->p, 0));
    figures_real(&f, "value", paired_value(&m->p, 1));
    figures_real(&f, "difference", paired_difference(&m->p));
    figures_real(&f, "low", v.low);
    figures_real(&f, "high", v.high);
    figures_real(&f, "p", v.p);
    if (c.share[figure])
        figures_real(&f, "p_mcnemar", paired_mcnemar(m->right[0], m->right[1]));
    if (needed < 1e15)
        figures_int(&f, "needed", (int64_t)ceil(needed));
    f.aside = true;
    figures_real(&f, "difference_se", paired_se(&m->p));
    figures_int(&f, "only_base", m->only[0]);
    figures_int(&f, "only_run", m->only[1]);
    if (c.share[figure]) {
        figures_int(&f, "right_base", m->right[0]);
        figures_int(&f, "right_run", m->right[1]);
    }
    return report_put(j->report, &f);
}

static enum st end(struct job *j)
{
    int64_t n_compared = 0;
    enum st st = ST_OK;

    if (c.n)
        qsort(c.value.p, (size_t)c.n, sizeof(struct value), by_item);
    for (int64_t run = 1; run < j->n_streams; run++)
        for (int64_t f = 0; f < c.n_figures && st == ST_OK; f++) {
            size_t mark = arena_mark(j->a);
            struct match m;
            int64_t n_base, n_other;
            const struct value *base = find(0, f, &n_base), *other = find(run, f, &n_other);
            st = match(&m, base, n_base, other, n_other, j->a);
            if (st == ST_OK && m.p.n) {
                st = put(j, run, f, &m);
                n_compared++;
            } else {
                arena_back(j->a, mark);
            }
        }
    buf_free(&c.value);
    if (st == ST_OK && n_compared == 0)
        st = fail(ST_DATA, "--task compare: the runs have no item with a figure in common; score "
                  "the same rows with --items");
    return st;
}

const struct task task_compare = {
    .name = "compare", .line = "runs on the same items: paired differences, with intervals",
    .paper = "Efron & Tibshirani 1993; McNemar 1947",
    .kinds = TASK_KIND(REC_METRIC), .reports = true,
    .opts = opts, .start = start, .row = row, .end = end,
};
