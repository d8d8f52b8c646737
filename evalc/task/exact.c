/* exact.c - generated answers against the right ones: exact match, pass@k, maj@k.
 *
 * A prompt's samples are its rows of kind gen, told by source, id and `n`; a prompt that stands
 * several times in its source is as many prompts.  Prompts are the units of every error, however
 * many samples each has. */
#include <math.h>
#include <xxhash.h>

#include "extract.h"
#include "task.h"

enum { RULES_MAX = 2, AT_MAX = 32 };

static const char *match_text, *pass_text, *maj_text;          /* NULL: not given */
static bool match_last;

static const struct opt opts[] = {
    { 0, "match", OPT_TEXT, &match_text, "RULE",
      "strict (#### NUMBER), flexible (last number) or a regular expression; else both", 0, 0 },
    { 0, "match-last", OPT_FLAG, &match_last, NULL,
      "the expression's last match counts, not its first", 0, 0 },
    { 0, "pass-at", OPT_TEXT, &pass_text, "K,...", "adds pass@K, unbiased", 0, 0 },
    { 0, "maj-at", OPT_TEXT, &maj_text, "K,...",
      "adds maj@K, the vote of each prompt's first K samples", 0, 0 },
    { 0 },
};

struct sample {
    uint64_t key;                              /* of source and id */
    int64_t  source, n, order, again;          /* again: which of the prompts with this key */
    uint64_t answer[RULES_MAX];                /* hash of its form; of none found, 0 */
    bool     right[RULES_MAX];
};

static struct {
    const char     *name[RULES_MAX];
    struct extract *rule[RULES_MAX];
    int             n_rules;
    int64_t         pass[AT_MAX], maj[AT_MAX], n_pass, n_maj, n;
    struct buf      sample;                    /* struct sample [n] */
} x;

/* ---- what was asked for ---- */

static enum st counts(const char *option, const char *text, int64_t *to, int64_t *n)
{
    *n = 0;
    err_place("--%s", option);
    for (const char *p = text; p;) {
        char *end;
        long long k = strtoll(p, &end, 10);
        if (end == p || (*end && *end != ',') || k < 1 || k > 1000000 || *n == AT_MAX)
            return fail(ST_USAGE, "'%s' is no list of up to %d counts of samples",
                        shown(view_of(text)), AT_MAX);
        to[(*n)++] = k;
        p = *end ? end + 1 : NULL;
    }
    err_place(NULL);
    return ST_OK;
}

static enum st start(struct job *j)
{
    static const char *const both[] = { "strict", "flexible" };
    bool named = match_text && (strcmp(match_text, both[0]) == 0 ||
                                strcmp(match_text, both[1]) == 0);
    enum st st;

    buf_free(&x.sample);
    memset(&x, 0, sizeof x);
    if (match_last && (!match_text || named)) {
        err_place("--match-last");
        return fail(ST_USAGE, "it goes with a regular expression in --match");
    }
    if ((st = counts("pass-at", pass_text, x.pass, &x.n_pass)) != ST_OK ||
        (st = counts("maj-at", maj_text, x.maj, &x.n_maj)) != ST_OK)
        return st;
    x.n_rules = match_text ? 1 : 2;
    for (int i = 0; i < x.n_rules; i++) {
        const char *rule = match_text ? match_text : both[i];
        x.name[i] = match_text && !named ? "match" : rule;
        if ((st = extract_new(&x.rule[i], rule, match_last, j->a)) != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- a sample ---- */

static enum st judge(struct job *j, const struct seen *s, struct sample *to, struct view right,
                     int rule, struct arena *a)
{
    struct view found = { 0 }, form = { 0 };
    char name[64];
    enum st st = extract_find(x.rule[rule], s->r->text, &found);

    if (st == ST_OK) {
        if ((st = extract_form(found, &form, a)) != ST_OK)
            return st;
        to->answer[rule] = XXH3_64bits(form.p, form.n) | 1;
        to->right[rule] = view_eq(form, right);
    } else if (st != ST_END) {
        return st;
    }
    if (!j->item)
        return ST_OK;
    snprintf(name, sizeof name, "exact/%s", x.name[rule]);
    figures_bool(j->item, name, to->right[rule]);
    snprintf(name, sizeof name, "found/%s", x.name[rule]);
    if (st == ST_OK)
        figures_text(j->item, name, form);
    return ST_OK;
}

static enum st row(struct job *j, const struct seen *s)
{
    const struct rec *r = s->r;
    uint64_t parts[] = { r->id, XXH3_64bits(r->src.p, r->src.n) };
    struct sample v = { .key = XXH3_64bits(parts, sizeof parts), .source = s->source,
                        .n = r->n_gen, .order = x.n };
    struct arena *tmp;
    struct view right;
    enum st st;

    if (!r->answer_text.p)
        return fail(ST_DATA, "no answer to hold its text against; the prompts need one (column "
                    "'answer', tokenize --schema prompt)");
    if (!r->text.p)
        return fail(ST_DATA, "no text; evalc --task generate writes it");
    if (j->item)
        figures_int(j->item, "sample", r->n_gen);
    tmp = arena_new(0);
    st = extract_form(r->answer_text, &right, tmp);
    for (int i = 0; i < x.n_rules && st == ST_OK; i++)
        st = judge(j, s, &v, right, i, tmp);
    arena_free(tmp);
    if (st != ST_OK)
        return st;
    x.n++;
    return buf_add(&x.sample, &v, sizeof v);
}

/* ---- prompts ---- */

#define BY(field)                                                                                  \
    if (a->field != b->field)                                                                      \
        return a->field < b->field ? -1 : 1

static int by_number(const void *va, const void *vb)
{
    const struct sample *a = va, *b = vb;

    BY(key);
    BY(n);
    BY(order);
    return 0;
}

static int by_prompt(const void *va, const void *vb)
{
    const struct sample *a = va, *b = vb;

    BY(key);
    BY(again);
    BY(n);
    return 0;
}

/* Samples side by side by prompt, in the order of their numbers. */
static void sort(void)
{
    struct sample *v = (struct sample *)x.sample.p;

    qsort(v, (size_t)x.n, sizeof *v, by_number);
    for (int64_t i = 1; i < x.n; i++)
        if (v[i].key == v[i - 1].key && v[i].n == v[i - 1].n)
            v[i].again = v[i - 1].again + 1;
    qsort(v, (size_t)x.n, sizeof *v, by_prompt);
}

static int64_t samples_of(const struct sample *v, const struct sample *end)
{
    int64_t n = 1;

    while (v + n < end && v[n].key == v->key && v[n].again == v->again)
        n++;
    return n;
}

/* Of the first k: is the answer that most of them give right?  Of equals the one that came first;
 * samples in which nothing was found vote too, and are wrong. */
static bool majority(const struct sample *v, int64_t k, int rule)
{
    int64_t best = 0, most = 0;

    for (int64_t i = 0; i < k; i++) {
        int64_t votes = 0;
        for (int64_t q = 0; q < k; q++)
            votes += v[q].answer[rule] == v[i].answer[rule];
        if (votes > most) {
            most = votes;
            best = i;
        }
    }
    return v[best].right[rule];
}

static int64_t distinct(const struct sample *v, int64_t n, int rule)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++) {
        bool before = v[i].answer[rule] == 0;
        for (int64_t q = 0; q < i; q++)
            before |= v[q].answer[rule] == v[i].answer[rule];
        count += !before;
    }
    return count;
}

struct tally { struct score right, found, distinct, pass[AT_MAX], maj[AT_MAX]; };

static void add_prompt(struct tally *t, const struct sample *v, int64_t n, int rule)
{
    int64_t right = 0, found = 0;

    for (int64_t i = 0; i < n; i++) {
        right += v[i].right[rule];
        found += v[i].answer[rule] != 0;
    }
    score_add(&t->right, (double)right / (double)n, 1);
    score_add(&t->found, (double)found / (double)n, 1);
    score_add(&t->distinct, (double)distinct(v, n, rule), 1);
    for (int64_t i = 0; i < x.n_pass; i++)
        score_add(&t->pass[i], extract_pass(n, right, x.pass[i]), 1);
    for (int64_t i = 0; i < x.n_maj; i++)
        score_add(&t->maj[i], majority(v, x.maj[i], rule), 1);
}

static void report(struct figures *f, const struct tally *t, const char *rule, bool sampled)
{
    char name[96];

    snprintf(name, sizeof name, "eval/exact/%s", rule);
    figures_score(f, name, &t->right);
    snprintf(name, sizeof name, "eval/exact/%s/found", rule);
    figures_score(f, name, &t->found);
    snprintf(name, sizeof name, "eval/exact/%s/distinct", rule);
    if (sampled)
        figures_score(f, name, &t->distinct);
    for (int64_t i = 0; i < x.n_pass; i++) {
        snprintf(name, sizeof name, "eval/exact/%s/pass@%lld", rule, (long long)x.pass[i]);
        figures_score(f, name, &t->pass[i]);
    }
    for (int64_t i = 0; i < x.n_maj; i++) {
        snprintf(name, sizeof name, "eval/exact/%s/maj@%lld", rule, (long long)x.maj[i]);
        figures_score(f, name, &t->maj[i]);
    }
}

/* The figures of one source, or of all (-1). */
static void report_source(struct job *j, int64_t source)
{
    const struct sample *v = (const struct sample *)x.sample.p, *end = v + x.n;
    struct tally t[RULES_MAX] = { 0 };
    int64_t prompts = 0, samples = 0;

    for (int64_t n; v < end; v += n) {
        n = samples_of(v, end);
        if (source >= 0 && v->source != source)
            continue;
        prompts++;
        samples += n;
        for (int i = 0; i < x.n_rules; i++)
            add_prompt(&t[i], v, n, i);
    }
    for (int i = 0; i < x.n_rules && prompts; i++)
        report(j->figures, &t[i], x.name[i], samples > prompts);
    if (prompts) {
        figures_int(j->figures, "eval/exact/rows", prompts);
        figures_int(j->figures, "eval/exact/samples", samples);
    }
}

/* Every prompt has as many samples as the largest K needs. */
static enum st enough(struct job *j)
{
    const struct sample *v = (const struct sample *)x.sample.p, *end = v + x.n;
    int64_t most = 0;

    for (int64_t i = 0; i < x.n_pass; i++)
        most = MAX(most, x.pass[i]);
    for (int64_t i = 0; i < x.n_maj; i++)
        most = MAX(most, x.maj[i]);
    for (int64_t n; v < end; v += n)
        if ((n = samples_of(v, end)) < most)
            return fail(ST_DATA, "--task exact: a prompt of source '%s' has %lld samples, and %lld "
                        "are asked for; generate more, or ask for fewer",
                        shown(j->source[v->source]), (long long)n, (long long)most);
    return ST_OK;
}

static enum st end(struct job *j)
{
    int64_t n_sources = 0;
    bool seen[TASK_SOURCES_MAX] = { 0 };
    enum st st;

    for (int i = 0; i < x.n_rules; i++)
        extract_free(x.rule[i]);
    if (x.n == 0)
        return fail(ST_DATA, "--task exact: no gen row came in; see evalc --task generate");
    sort();
    if ((st = enough(j)) == ST_OK) {
        const struct sample *v = (const struct sample *)x.sample.p;
        report_source(j, -1);
        for (int64_t i = 0; i < x.n; i++)
            seen[v[i].source] = true;
        for (int64_t s = 0; s < j->n_sources; s++)
            n_sources += seen[s];
        for (int64_t s = 0; n_sources > 1 && s < j->n_sources; s++) {
            figures_prefix(j->figures, "source/%s/", shown(j->source[s]));
            report_source(j, s);
        }
        figures_prefix(j->figures, "%s", "");
    }
    buf_free(&x.sample);
    return st;
}

const struct task task_exact = {
    .name = "exact", .line = "final answers of generated text: exact match, pass@k, maj@k",
    .paper = "Cobbe et al. 2021, arXiv:2110.14168; Chen et al. 2021, arXiv:2107.03374 (pass@k)",
    .kinds = TASK_KIND(REC_GEN),
    .opts = opts, .start = start, .row = row, .end = end,
};
