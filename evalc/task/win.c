/* win.c - which of two sets of answers a policy's implicit reward prefers, lengths accounted for.
 *
 * The reward is beta times the log-ratio of --model and --ref, both loaded; the better answer to a
 * prompt is that with the larger.  Sums over tokens favour a length, so beside the plain rate is
 * the one that a logistic regression on the difference of the lengths leaves at equal lengths: the
 * length term of AlpacaEval's, without its term of how hard a prompt is, which is fitted over many
 * models.  The samples of a prompt are one unit for every error. */
#include <math.h>
#include <xxhash.h>

#include "logit.h"
#include "paired.h"
#include "task.h"

static const char *ref_dir;
static double beta = 0.1, level = 0.95;
static int64_t draws = 10000, seed;

static const struct opt opts[] = {
    { 0, "ref", OPT_TEXT, &ref_dir, "DIR", "the reference model, which is loaded too", 0, 0 },
    { 0, "beta", OPT_REAL, &beta, "B", "strength of the reference, as in training", 1e-6, 1e6 },
    { 0, "level", OPT_REAL, &level, "P", "of the interval", 0.5, 0.9999 },
    { 0, "resamples", OPT_INT, &draws, "N", "of the bootstrap over prompts", 100, 10000000 },
    { 0, "seed", OPT_INT, &seed, "N", "of the resamples", 0, 0 },
    { 0 },
};

struct answer { double reward; int64_t chars; };

struct pair {                                  /* a row of the first file, and its partner */
    uint64_t      unit, prompt;                /* hashes: of src and id, of the prompt's ids */
    int64_t       sample, order;
    struct answer first, second;
    bool          paired;
};

static struct buf pairs;                       /* struct pair [n] */
static int64_t n, n_paired, only_second;
static bool sorted;

static enum st start(struct job *j)
{
    struct folders f;

    pairs.n = 0;
    n = n_paired = only_second = 0;
    sorted = false;
    err_place("--ref");
    if (!ref_dir)
        return fail(ST_USAGE, "name the reference model: rewards are against it");
    err_place("--task win");
    if (j->n_streams != 2)
        return fail(ST_USAGE, "give two files of answers to the same prompts");
    err_place(NULL);
    enum st st = folders_find(&f, ref_dir, NULL, j->a);
    return st == ST_OK ? infer_against(j->infer, &f, j->header, j->stream[0], j->a) : st;
}

/* By prompt, sample and the order they came. */
static int by_key(const void *va, const void *vb)
{
    const struct pair *a = va, *b = vb;

    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    if (a->sample != b->sample)
        return a->sample < b->sample ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* The first of its prompt and sample that has no partner yet; NULL: there is none. */
static struct pair *find(const struct pair *key)
{
    struct pair *v = (struct pair *)pairs.p;
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        bool before = by_key(&v[mid], key) < 0 ||
                      (v[mid].unit == key->unit && v[mid].sample == key->sample && v[mid].paired);
        low = before ? mid + 1 : low;
        high = before ? high : mid;
    }
    return low < n && v[low].unit == key->unit && v[low].sample == key->sample ? &v[low] : NULL;
}

static double outcome(const struct pair *p)
{
    double margin = p->first.reward - p->second.reward;

    return margin > 0 ? 1 : margin < 0 ? 0 : 0.5;
}

static void put_item(struct figures *f, const struct pair *p)
{
    figures_int(f, "n", p->sample);
    figures_real(f, "rewards/first", p->first.reward);
    figures_real(f, "rewards/second", p->second.reward);
    figures_int(f, "chars/first", p->first.chars);
    figures_int(f, "chars/second", p->second.chars);
    figures_real(f, "win", outcome(p));
}

static enum st second(struct job *j, const struct pair *row)
{
    if (!sorted && n)
        qsort(pairs.p, (size_t)n, sizeof *row, by_key);
    sorted = true;

    struct pair *p = find(row);
    if (!p) {
        only_second++;
        return ST_OK;
    }
    if (p->prompt != row->prompt)
        return fail(ST_DATA, "it answers another prompt than the row of its id in '%s'; answer the "
                    "same rows, tokenized alike", shown(view_of(j->stream[0])));
    p->second = row->first;
    p->paired = true;
    n_paired++;
    if (j->item)
        put_item(j->item, p);
    return ST_OK;
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    uint64_t unit[] = { r->id, XXH3_64bits(r->src.p, r->src.n) };
    struct pair p = { .unit = XXH3_64bits(unit, sizeof unit), .sample = r->n_gen, .order = -1,
                      .prompt = XXH3_64bits(r->prompt.p, (size_t)(r->prompt.n * r->prompt.width)),
                      .first = { beta * (s->seq[0].logp - s->seq[0].ref), 0 } };

    for (size_t i = 0; i < r->text.n; i++)
        p.first.chars += ((uint8_t)r->text.p[i] & 0xc0) != 0x80;
    if (s->stream == 1)
        return second(j, &p);
    p.order = n++;
    return buf_add(&pairs, &p, sizeof p);
}

/* ---- after the last row ---- */

struct columns {                               /* of the pairs, prompts side by side */
    double  *x, *y;
    int64_t *unit;
    double  *a[2], *b;                         /* of the prompts: half a point and the outcome */
    int64_t  n_units;
};

static enum st columns_new(struct columns *c, struct arena *a)
{
    double **col[] = { &c->x, &c->y, &c->a[0], &c->a[1], &c->b };

    c->n_units = 0;
    for (int64_t i = 0; i < countof(col); i++)
        if (!(*col[i] = ARENA_NEW(a, double, n_paired)))
            return ST_SYS;
    return (c->unit = ARENA_NEW(a, int64_t, n_paired)) ? ST_OK : ST_SYS;
}

static void fill(struct columns *c, struct pair *v)
{
    double mean = 0, square = 0;

    for (int64_t i = 0; i < n_paired; i++) {
        bool same = i > 0 && v[i].unit == v[i - 1].unit;
        int64_t u = same ? c->n_units - 1 : c->n_units++;
        c->x[i] = (double)(v[i].first.chars - v[i].second.chars);
        c->y[i] = outcome(&v[i]);
        c->unit[i] = u;
        c->a[0][u] = (same ? c->a[0][u] : 0) + 0.5;
        c->a[1][u] = (same ? c->a[1][u] : 0) + c->y[i];
        c->b[u] = (same ? c->b[u] : 0) + 1;
        mean += c->x[i] / (double)n_paired;
    }
    for (int64_t i = 0; i < n_paired; i++)
        square += (c->x[i] - mean) * (c->x[i] - mean);
    double deviation = sqrt(square / (double)(n_paired - 1));
    for (int64_t i = 0; i < n_paired; i++)     /* all 0 where the lengths differ alike */
        c->x[i] = square > 0 ? tanh(c->x[i] / deviation) : 0;
}

/* A mean over pairs, its error over prompts. */
static void put_mean(struct figures *f, const char *name, const struct columns *c,
                     const struct pair *v, double (*of)(const struct pair *))
{
    struct score s = { 0 };

    for (int64_t i = 0; i < n_paired;) {
        double a = 0;
        int64_t u = c->unit[i];
        for (; i < n_paired && c->unit[i] == u; i++)
            a += of(&v[i]);
        score_add(&s, a, c->b[u]);
    }
    figures_score(f, name, &s);
}

static double tie(const struct pair *p) { return outcome(p) == 0.5; }
static double margin(const struct pair *p) { return p->first.reward - p->second.reward; }
static double reward_first(const struct pair *p) { return p->first.reward; }
static double reward_second(const struct pair *p) { return p->second.reward; }
static double chars_first(const struct pair *p) { return (double)p->first.chars; }
static double chars_second(const struct pair *p) { return (double)p->second.chars; }

static enum st put_rates(struct job *j, const struct columns *c, const struct pair *v)
{
    struct figures *f = j->figures;
    struct paired half = { c->n_units, { c->a[0], c->a[1] }, { c->b, c->b } };
    struct logit d = { n_paired, c->x, c->y, c->unit };
    struct logit_fit fit = logit_fit(&d);
    struct interval i;
    enum st st = paired_bootstrap(&half, draws, level, (uint64_t)seed, &i, j->a);

    if (st != ST_OK)
        return st;
    put_mean(f, "eval/win/rate", c, v, outcome);
    figures_real(f, "eval/win/low", 0.5 + i.low);
    figures_real(f, "eval/win/high", 0.5 + i.high);
    figures_real(f, "eval/win/p", i.p);
    figures_real(f, "eval/win/rate_lc", fit.share);
    figures_real(f, "eval/win/rate_lc_se", fit.se);
    figures_real(f, "eval/win/length_slope", fit.slope);
    return ST_OK;
}

static enum st end(struct job *j)
{
    struct figures *f = j->figures;
    struct pair *v = (struct pair *)pairs.p;
    struct columns c;
    int64_t kept = 0;
    enum st st;

    if (n_paired == 0)
        return fail(ST_DATA, "--task win: no answer of the first file has its partner in the "
                    "second; both answer the same rows");
    for (int64_t i = 0; i < n; i++)
        if (v[i].paired)
            v[kept++] = v[i];
    if ((st = columns_new(&c, j->a)) != ST_OK)
        return st;
    fill(&c, v);
    if ((st = put_rates(j, &c, v)) != ST_OK)
        return st;
    put_mean(f, "eval/win/ties", &c, v, tie);
    put_mean(f, "eval/win/margin", &c, v, margin);
    put_mean(f, "eval/win/rewards/first", &c, v, reward_first);
    put_mean(f, "eval/win/rewards/second", &c, v, reward_second);
    put_mean(f, "eval/win/chars/first", &c, v, chars_first);
    put_mean(f, "eval/win/chars/second", &c, v, chars_second);
    figures_int(f, "eval/win/pairs", n_paired);
    figures_int(f, "eval/win/prompts", c.n_units);
    figures_int(f, "eval/win/only_first", n - n_paired);
    figures_int(f, "eval/win/only_second", only_second);
    return ST_OK;
}

static void leave(struct job *j)
{
    (void)j;
    buf_free(&pairs);
}

const struct task task_win = {
    .name = "win",
    .line = "win rate of the first file's answers over the second's, by implicit reward",
    .paper = "Rafailov et al. 2023, arXiv:2305.18290, eq. 5; Dubois et al. 2024, arXiv:2404.04475",
    .kinds = TASK_KIND(REC_GEN), .scored = TASK_KIND(REC_GEN),
    .opts = opts, .start = start, .row = row, .end = end, .leave = leave,
};
