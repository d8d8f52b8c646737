/* folder.c - a study's folder into what its page needs.
 *
 * A run is a folder with scores.rec in it, at most three below the study's; what the run is its
 * labels say, never the folder's name.  Folders are read in the order of their names, so the same
 * study gives the same bytes. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "page.h"

enum { DEPTH_MAX = 3, NAMES_MAX = 1 << 16, NOTE_MAX = 1 << 20 };

/* ---- the runs ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in the folder, sorted, those with a point in front left out. */
static enum st names_in(const char *path, char ***names, int64_t *n, struct arena *a)
{
    DIR *d = opendir(path);
    int64_t cap = 0;

    *n = 0;
    *names = NULL;
    if (!d)
        return fail_sys("cannot read the folder '%s'", shown(view_of(path)));
    for (struct dirent *e; errno = 0, (e = readdir(d));) {
        if (*e->d_name == '.')
            continue;
        if (*n == cap) {
            char **more = ARENA_NEW(a, char *, cap ? 2 * cap : 64);
            if (!more || *n > NAMES_MAX) {
                closedir(d);
                return more ? fail(ST_DATA, "more than %d names in a folder", NAMES_MAX) : ST_SYS;
            }
            if (*n)
                memcpy(more, *names, (size_t)*n * sizeof *more);
            *names = more;
            cap = cap ? 2 * cap : 64;
        }
        if (!((*names)[(*n)++] = arena_text(a, view_of(e->d_name)))) {
            closedir(d);
            return ST_SYS;
        }
    }
    if (errno) {
        closedir(d);
        return fail_sys("cannot read the folder '%s'", shown(view_of(path)));
    }
    closedir(d);
    if (*n)
        qsort(*names, (size_t)*n, sizeof **names, by_name);
    return ST_OK;
}

static const char *below(struct page *p, const char *dir, const char *name)
{
    return arena_printf(p->a, "%s%s%s", dir, *dir ? "/" : "", name);
}

static const char *path_of(struct page *p, const char *dir)
{
    return arena_printf(p->a, "%s%s%s", p->folder, *dir ? "/" : "", dir);
}

/* Both losses are there: else it is said, and the run left out. */
static bool is_whole(struct page *p, const char *dir, const struct rec *r)
{
    struct figures f = figures_in(p->a);
    double v;

    figures_read(&f, r);
    for (int o = 0; o < 2; o++) {
        const char *name = o == SFT ? "eval/sft/loss" : "eval/pref/loss";
        if (!figures_number(&f, name, &v)) {
            put(&p->missing, "%s has no finite %s; the run is left out\n",
                shown(view_of(below(p, dir, "scores.rec"))), name);
            return false;
        }
    }
    return true;
}

static enum st add_scores(struct page *p, const char *dir, int64_t *cap)
{
    const char *path = path_of(p, below(p, dir, "scores.rec"));
    struct in *in;
    struct rec r;
    enum st st = in_open(&in, path, p->a);

    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK) {
        int64_t n = p->study.n;
        if (r.kind != REC_METRIC || !is_whole(p, dir, &r))
            continue;
        err_place("%s", shown(view_of(path)));
        if ((st = study_add(&p->study, &r)) != ST_OK)
            break;
        if (p->study.n == n) {
            st = fail(ST_DATA, "%s has two records; label the runs apart",
                      study_name(&p->study.run[n - 1]));
            break;
        }
        if (n == *cap) {
            struct trace *more = ARENA_NEW(p->a, struct trace, *cap = n ? 2 * n : 64);
            if (!more) {
                st = ST_SYS;
                break;
            }
            if (n)
                memcpy(more, p->trace, (size_t)n * sizeof *more);
            p->trace = more;
        }
        p->trace[n] = (struct trace){ .dir = dir };
    }
    in_close(in);
    return st == ST_END ? ST_OK : st;
}

static bool is_kind(struct page *p, const char *dir, mode_t kind)
{
    const char *path = path_of(p, dir);
    struct stat s;

    return path && lstat(path, &s) == 0 && (s.st_mode & S_IFMT) == kind;
}

static enum st look(struct page *p, const char *dir, int depth, int64_t *cap)
{
    const char *path = path_of(p, dir), *scores = below(p, dir, "scores.rec");
    char **names;
    int64_t n;
    enum st st;

    if (!path || !scores)
        return ST_SYS;
    if (is_kind(p, scores, S_IFREG) && (st = add_scores(p, dir, cap)) != ST_OK)
        return st;
    if ((st = names_in(path, &names, &n, p->a)) != ST_OK)
        return st;
    for (int64_t i = 0; st == ST_OK && i < n && depth < DEPTH_MAX; i++) {
        const char *inner = below(p, dir, names[i]);
        if (!inner)
            return ST_SYS;
        if (is_kind(p, inner, S_IFDIR))
            st = look(p, inner, depth + 1, cap);
    }
    return st;
}

/* ---- what it cost to make the reference ---- */

/* Five numbers of a file: updates, rows, tokens, measured, seconds; a file that is not there adds
 * nothing. */
static enum st add_cost(struct page *p, double sum[5], bool *there, const char *name)
{
    double v[5];
    struct view text;
    enum st st;

    if (!name)
        return ST_SYS;
    if (!is_kind(p, name, S_IFREG))
        return ST_OK;
    const char *path = path_of(p, name);
    if (!path || (st = file_read(path, &text, NOTE_MAX, p->a)) != ST_OK)
        return path ? st : ST_SYS;
    if (sscanf(text.p, "%lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4]) != 5) {
        err_place("%s", shown(view_of(path)));
        return fail(ST_DATA, "not the five numbers of a cost");
    }
    for (int i = 0; i < 5; i++)
        sum[i] += v[i];
    *there = true;
    return ST_OK;
}

/* A study has one frozen reference, or one a seed: then the mean over the seeds. */
static enum st reference(struct page *p)
{
    double sum[5] = { 0 };
    int64_t n_own = 0;
    char **names;
    int64_t n;
    enum st st = names_in(p->folder, &names, &n, p->a);

    for (int64_t i = -1; st == ST_OK && i < n; i++) {      /* -1: that of the whole study */
        const char *dir = i < 0 ? "data" : names[i];
        bool own = false;
        if (i >= 0 && strncmp(dir, "seed-", 5) != 0)
            continue;
        st = add_cost(p, sum, &own, arena_printf(p->a, "%s/ref/cost.train", dir));
        if (st == ST_OK)
            st = add_cost(p, sum, &own, arena_printf(p->a, "%s/ref/cost.held", dir));
        if (st == ST_OK)
            st = add_cost(p, sum, &own, arena_printf(p->a, "%s/cost", dir));
        n_own += own && i >= 0;
        p->has_reference = p->has_reference || own;
    }
    for (int k = 0; k < 5; k++)
        p->reference[k] = sum[k] / (double)MAX(n_own, 1);
    return st;
}

/* ---- in the page's order ---- */

static const struct { const char *name, *called; } known[] = {
    { "start", "start" }, { "sft-pref", "SFT then DPO" }, { "pref-sft", "DPO then SFT" },
    { "mix", "mix" }, { "alright", "ALRIGHT" }, { "maxright", "MAXRIGHT" },
    { "opt-sft", "SFT only" }, { "opt-pref", "DPO only" },
};

enum { FIRST_OPTIMUM = 6 };

/* Known methods in the paper's order, others behind the joint ones. */
static int64_t rank(struct view name)
{
    for (int64_t i = 0; i < countof(known); i++)
        if (view_is(name, known[i].name))
            return i < FIRST_OPTIMUM ? i : i + 1;
    return FIRST_OPTIMUM;
}

static int compare_groups(const void *va, const void *vb)
{
    const struct group *a = va, *b = vb;
    int64_t ra = rank(a->method), rb = rank(b->method);

    if (ra != rb)
        return ra < rb ? -1 : 1;
    if (!view_eq(a->method, b->method)) {
        int way = memcmp(a->method.p, b->method.p, MIN(a->method.n, b->method.n));
        return way ? way : a->method.n < b->method.n ? -1 : 1;
    }
    return (a->lambda > b->lambda) - (a->lambda < b->lambda);
}

static enum st methods(struct page *p)
{
    int64_t others = 0;

    if (!(p->method = ARENA_NEW(p->a, struct method, p->groups.n)))
        return ST_SYS;
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (g > p->groups.v && view_eq(g[-1].method, g->method))
            continue;
        struct method *m = &p->method[p->n_methods++];
        int64_t k = rank(g->method);
        *m = (struct method){ .name = g->method, .called = arena_text(p->a, g->method),
                              .joint = !g->optimum && !view_is(g->method, "start") };
        m->hue = (int)(k < FIRST_OPTIMUM ? k : k - 1);     /* its place in known[] */
        if (k == FIRST_OPTIMUM)
            m->hue = countof(known) + others++ % 3;
        else
            m->called = known[m->hue].called;
        if (!m->called)
            return ST_SYS;
    }
    return ST_OK;
}

/* Adds v to the ascending list, once. */
static void once(double *list, int64_t *n, double v)
{
    int64_t k = *n;

    for (int64_t i = 0; i < *n; i++)
        if (list[i] == v)
            return;
    for (++*n; k > 0 && list[k - 1] > v; k--)
        list[k] = list[k - 1];
    list[k] = v;
}

static enum st axes(struct page *p)
{
    p->lambda = ARENA_NEW(p->a, double, p->study.n + 1);
    p->seed = ARENA_NEW(p->a, double, p->study.n + 1);
    if (!p->lambda || !p->seed)
        return ST_SYS;
    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++) {
        if (!isnan(r->seed))
            once(p->seed, &p->n_seeds, r->seed);
        if (page_method(p, r->method)->joint && !isnan(r->lambda))
            once(p->lambda, &p->n_lambdas, r->lambda);
    }
    return ST_OK;
}

/* A method that ran at all shall have run at every lambda and seed. */
static void gaps_in_the_grid(struct page *p)
{
    for (const struct method *m = p->method; m < p->method + p->n_methods; m++)
        for (int64_t l = 0; l < MAX(p->n_lambdas, 1); l++) {
            double lambda = p->n_lambdas ? p->lambda[l] : NAN;
            const struct group *g = groups_find(&p->groups, m->name, lambda);
            for (int64_t s = 0; m->joint && s < p->n_seeds; s++)
                if (!g || !group_seed(g, p->seed[s]))
                    put(&p->missing, "%s has no run at \u03bb %s, seed %s\n",
                        shown(view_of(m->called)), page_number(lambda), page_number(p->seed[s]));
        }
    for (const struct run *r = p->study.run; r < p->study.run + p->study.n; r++)
        if (page_trace(p, r)->skipped)
            put(&p->missing, "%s skipped %lld updates whose numbers were not finite\n",
                study_name(r), (long long)page_trace(p, r)->skipped);
}

/* Rows that do not make the scores are another evaluation's, and no error can come from them. */
static void rows_of_these_scores(struct page *p)
{
    for (int64_t i = 0; i < p->study.n; i++) {
        struct trace *t = &p->trace[i];
        if (t->rows[SFT].n + t->rows[PREF].n == 0 || rows_agree(t->rows, &p->study.run[i]))
            continue;
        put(&p->missing, "%s/items.rec is not of these scores, and left out\n",
            shown(view_of(t->dir)));
        t->rows[SFT].n = t->rows[PREF].n = 0;
    }
}

/* ---- all of it ---- */

static enum st note(struct page *p, const char *name, struct view *text)
{
    if (!is_kind(p, name, S_IFREG))
        return ST_OK;
    const char *path = path_of(p, name);
    enum st st = path ? file_read(path, text, NOTE_MAX, p->a) : ST_SYS;

    while (st == ST_OK && text->n && strchr("\n\r ", text->p[text->n - 1]))
        text->n--;
    return st;
}

enum st page_read(struct page *p, const char *folder, struct arena *a)
{
    int64_t cap = 0;
    struct stat s;
    enum st st;

    *p = (struct page){ .a = a, .folder = folder, .study = study_in(a), .level = .95,
                        .title = view_of(folder) };
    if (stat(folder, &s) != 0 || !S_ISDIR(s.st_mode))
        return fail(ST_USAGE, "'%s' is no folder; give the --out of pipelines/joint.sh",
                    shown(view_of(folder)));
    if ((st = look(p, "", 0, &cap)) != ST_OK)
        return st;
    err_place(NULL);
    if (p->study.n == 0)
        return fail(ST_USAGE, "'%s' has no scored run yet: no scores.rec in it",
                    shown(view_of(folder)));
    if ((st = study_settle(&p->study)) != ST_OK ||
        (st = groups_of(&p->groups, &p->study, a)) != ST_OK ||
        (st = fronts_of(&p->fronts, &p->n_fronts, &p->study, a)) != ST_OK)
        return st;
    qsort(p->groups.v, (size_t)p->groups.n, sizeof *p->groups.v, compare_groups);
    if ((st = note(p, "title", &p->title)) != ST_OK ||
        (st = note(p, "settings", &p->settings)) != ST_OK)
        return st;
    for (int64_t i = 0; i < p->study.n; i++)
        if ((st = trace_read(&p->trace[i], p)) != ST_OK)
            return st;
    if ((st = methods(p)) != ST_OK || (st = axes(p)) != ST_OK || (st = reference(p)) != ST_OK)
        return st;
    rows_of_these_scores(p);
    gaps_in_the_grid(p);
    return p->missing.st;
}

void page_free(struct page *p)
{
    if (p->tokenizer)
        tokenizer_free(p->tokenizer);
    buf_free(&p->missing.b);
}
