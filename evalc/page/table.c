/* table.c - the means and the runs, in every form they leave in: one list of columns for all. */
#include <math.h>

#include "page.h"

/* A column is a figure of the run's record, or what value() makes of the run. */
static const struct column {
    const char *title;                         /* for people */
    const char *figure;                        /* its name in records, and in CSV */
    run_value  *value;                         /* NULL: the figure of that name */
    int         digits;                        /* decimals; COUNT */
    bool        sign, error;                   /* error: its standard error over seeds is told, */
    bool        narrow;                        /* but not on the page, where room is dear */
} columns[] = {
    { "SFT loss",   "eval/sft/loss",        run_loss_sft,  3, false, true, true },
    { "DPO loss",   "eval/pref/loss",       run_loss_pref, 3, false, true, true },
    { "gap SFT",    "gap_sft",              run_gap_sft,   3, true,  true, false },
    { "gap DPO",    "gap_pref",             run_gap_pref,  3, true,  true, false },
    { "distance",   "distance",             run_distance,  3, false, true, false },
    { "scaled",     "scaled_distance",      run_scaled,    3, false, true, false },
    { "pref. acc.", "eval/policy_accuracy", NULL,          3, false, true, true },
#define COUNT (-1)
#define FIRST_COST 7
    { "updates",    "updates",              NULL,          COUNT, false, false, true },
    { "rows",       "rows",                 NULL,          COUNT, false, false, true },
    { "tokens",     "tokens",               NULL,          COUNT, false, false, true },
    { "measured",   "measured",             NULL,          COUNT, false, false, true },
    { "seconds",    "seconds",              NULL,          COUNT, false, false, true },
};

static double value_of(const struct run *r, const struct column *c)
{
    double v;

    if (c->value)
        return c->value(r);
    return figures_number(&r->f, c->figure, &v) ? v : NAN;
}

static struct score mean_of(const struct group *g, const struct column *c)
{
    struct score s = { 0 };

    for (int64_t i = 0; i < g->n; i++)
        score_add(&s, value_of(g->run[i], c), 1);
    return s;
}

/* The start and the optima have no lambda a person would ask for. */
static const char *lambda_of(const struct page *p, const struct group *g)
{
    return page_method(p, g->method)->joint ? page_number(g->lambda) : "-";
}

static bool is_start(const struct page *p, const struct group *g)
{
    const struct method *m = page_method(p, g->method);

    return !m->joint && !g->optimum;
}

/* The cost of the reference stands behind the start, or in front where there is none. */
static bool reference_comes(const struct page *p, const struct group *g)
{
    bool first = g == p->groups.v;

    return p->has_reference && (is_start(p, &p->groups.v[0]) ? g == p->groups.v + 1 : first);
}

/* ---- the page ---- */

static bool is_best(const struct page *p, const struct group *g, const struct group **v)
{
    return page_method(p, g->method)->joint && page_ranked(p, g->lambda, v) > 0 && v[0] == g;
}

static void mean_cell(struct html *h, const struct group *g, const struct column *c)
{
    struct score s = mean_of(g, c);

    put(h, "<td>");
    if (c->digits == COUNT)
        put_count(h, score_mean(&s));
    else
        put_real(h, score_mean(&s), c->digits, c->sign);
    if (!c->narrow && isfinite(score_se(&s))) {
        put(h, " <small>\u00b1");
        put_real(h, score_se(&s), c->digits, false);
        put(h, "</small>");
    }
    put(h, "</td>");
}

static void reference_row(struct html *h, const struct page *p)
{
    put(h, "<tr><td>reference</td><td>-</td><td>-</td>");
    for (int64_t k = 0; k < countof(columns); k++) {
        put(h, "<td>");
        put_count(h, k < FIRST_COST ? NAN : p->reference[k - FIRST_COST]);
        put(h, "</td>");
    }
    put(h, "</tr>\n");
}

static void called(struct html *h, const struct page *p, struct view name)
{
    const struct method *m = page_method(p, name);

    put(h, "<td><span class=\"m%d\">", m->hue);
    put_text(h, view_of(m->called));
    put(h, "</span></td>");
}

void main_table_put(struct html *h, const struct page *p)
{
    struct arena *tmp = arena_new(0);
    const struct group **v = ARENA_NEW(tmp, const struct group *, p->groups.n);

    put(h, "<section><h2>Means over the seeds</h2>\n<p class=\"note\">\u00b1 is the standard "
        "error over seeds; the nearest of each \u03bb is set bold. Losses in nats, of SFT per "
        "token, of DPO per pair. Tokens measured and not trained on stand apart.</p>\n<div "
        "class=\"wide\"><table><thead><tr><th>method</th><th>\u03bb</th><th>seeds</th>");
    for (int64_t k = 0; k < countof(columns); k++)
        put(h, "<th>%s</th>", columns[k].title);
    put(h, "</tr></thead><tbody>\n");
    for (const struct group *g = p->groups.v; v && g < p->groups.v + p->groups.n; g++) {
        if (reference_comes(p, g))
            reference_row(h, p);
        put(h, is_best(p, g, v) ? "<tr class=\"best\">" : "<tr>");
        called(h, p, g->method);
        put(h, "<td>%s</td><td>%lld</td>", lambda_of(p, g), (long long)g->n);
        for (int64_t k = 0; k < countof(columns); k++)
            mean_cell(h, g, &columns[k]);
        put(h, "</tr>\n");
    }
    put(h, "</tbody></table></div></section>\n");
    if (!v)
        h->st = ST_SYS;
    arena_free(tmp);
}

static void real_cell(struct html *h, double v, double se, bool sign)
{
    put(h, "<td>");
    put_real(h, v, 4, sign);
    if (isfinite(se)) {
        put(h, " <small>\u00b1");
        put_real(h, se, 4, false);
        put(h, "</small>");
    }
    put(h, "</td>");
}

static double said(const struct run *r, const char *name)
{
    double v;

    return figures_number(&r->f, name, &v) ? v : NAN;
}

static void run_row(struct html *h, const struct page *p, const struct group *g,
                    const struct run *r)
{
    struct point box = { r->nadir.sft - r->ideal.sft, r->nadir.pref - r->ideal.pref };
    struct point se = { r->se.sft / box.sft, r->se.pref / box.pref };

    put(h, "<tr>");
    called(h, p, g->method);
    put(h, "<td>%s</td><td>%s</td>", lambda_of(p, g), page_number(r->seed));
    real_cell(h, r->loss.sft, r->se.sft, false);
    real_cell(h, r->loss.pref, r->se.pref, false);
    real_cell(h, r->gap.sft, NAN, true);
    real_cell(h, r->gap.pref, NAN, true);
    real_cell(h, run_distance(r), score_distance_se(r->gap, r->se), false);
    real_cell(h, run_scaled(r), score_distance_se(r->scaled, se), false);
    real_cell(h, said(r, "eval/policy_accuracy"), said(r, "eval/policy_accuracy_se"), false);
    put(h, "<td>%s</td></tr>\n", r->optimum ? "-" : r->dominated ? "no" : "yes");
}

void runs_table_put(struct html *h, const struct page *p)
{
    put(h, "<section><h2>Every run</h2>\n<p class=\"note\">\u00b1 is the standard error that the "
        "held-out rows make; on the front: no other run of its seed is at least as good in both "
        "losses and better in one.</p>\n<div "
        "class=\"wide\"><table><thead><tr><th>method</th><th>\u03bb</th><th>seed</th>");
    for (int64_t k = 0; k < FIRST_COST; k++)
        put(h, "<th>%s</th>", columns[k].title);
    put(h, "<th>on the front</th></tr></thead><tbody>\n");
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        for (int64_t i = 0; i < g->n; i++)
            run_row(h, p, g, g->run[i]);
    put(h, "</tbody></table></div></section>\n");
}

/* ---- a terminal ---- */

enum { CELL = 48 };

static void text_cell(char cell[CELL], const struct column *c, double v)
{
    if (!isfinite(v))
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, c->sign ? "%+.*f" : "%.*f", MAX(c->digits, 0), v);
    if (strspn(cell, "+-0.") == strlen(cell) && strchr("+-", *cell) && cell[1])
        memmove(cell, cell + 1, strlen(cell));
}

static void text_row(struct html *h, int name_width, const char *name, const char *lambda,
                     const double *v)
{
    char cell[CELL];

    put(h, "%-*s  %6s", name_width, name, lambda);
    for (int64_t k = 0; k < countof(columns); k++) {
        if (v)
            text_cell(cell, &columns[k], v[k]);
        else
            snprintf(cell, sizeof cell, "%s", columns[k].title);
        put(h, "  %*s", (int)MAX(strlen(columns[k].title), 8), cell);
    }
    put(h, "\n");
}

void means_text(struct html *h, const struct page *p)
{
    double v[countof(columns)];
    int width = 9;

    for (int64_t i = 0; i < p->n_methods; i++)
        width = MAX(width, (int)strlen(shown(view_of(p->method[i].called))));
    text_row(h, width, "method", "lambda", NULL);
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (reference_comes(p, g)) {
            for (int64_t k = 0; k < countof(columns); k++)
                v[k] = k < FIRST_COST ? NAN : p->reference[k - FIRST_COST];
            text_row(h, width, "reference", "-", v);
        }
        for (int64_t k = 0; k < countof(columns); k++) {
            struct score s = mean_of(g, &columns[k]);
            v[k] = score_mean(&s);
        }
        text_row(h, width, shown(view_of(page_method(p, g->method)->called)), lambda_of(p, g), v);
    }
}

/* ---- CSV and LaTeX ---- */

static void csv_real(struct html *h, double v)
{
    if (isfinite(v))
        put(h, ",%.9g", v);
    else
        put(h, ",");
}

void means_csv(struct html *h, const struct page *p)
{
    put(h, "method,lambda,seeds");
    for (int64_t k = 0; k < countof(columns); k++) {
        const char *name = columns[k].figure;
        put(h, columns[k].error ? ",%s,%s_se,%s_low,%s_high" : ",%s", name, name, name, name);
    }
    put(h, "\n");
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        put_csv(h, g->method);
        csv_real(h, g->lambda);
        put(h, ",%lld", (long long)g->n);
        for (int64_t k = 0; k < countof(columns); k++) {
            struct score s = mean_of(g, &columns[k]);
            struct range r = score_range(&s, p->level);
            csv_real(h, score_mean(&s));
            if (columns[k].error) {
                csv_real(h, score_se(&s));
                csv_real(h, r.low);
                csv_real(h, r.high);
            }
        }
        put(h, "\n");
    }
}

void runs_csv(struct html *h, const struct page *p)
{
    put(h, "method,lambda,seed");
    for (int64_t k = 0; k < countof(columns); k++)
        put(h, ",%s", columns[k].figure);
    put(h, ",eval/sft/loss_se,eval/pref/loss_se,opt_sft,opt_pref,nadir_sft,nadir_pref,"
        "dominated,peak_memory\n");
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++)
        for (int64_t i = 0; i < g->n; i++) {
            const struct run *r = g->run[i];
            put_csv(h, g->method);
            csv_real(h, r->lambda);
            csv_real(h, r->seed);
            for (int64_t k = 0; k < countof(columns); k++)
                csv_real(h, value_of(r, &columns[k]));
            const double more[] = { r->se.sft, r->se.pref, r->ideal.sft, r->ideal.pref,
                                    r->nadir.sft, r->nadir.pref };
            for (int64_t k = 0; k < countof(more); k++)
                csv_real(h, more[k]);
            put(h, r->optimum ? "," : r->dominated ? ",yes" : ",no");
            csv_real(h, page_trace(p, r)->peak_bytes);
            put(h, "\n");
        }
}

void means_latex(struct html *h, const struct page *p)
{
    put(h, "%% \\usepackage{booktabs}; means over seeds, +- the standard error over "
        "them\n\\begin{tabular}{lr");
    for (int64_t k = 0; k < FIRST_COST; k++)
        put(h, "r");
    put(h, "}\n\\toprule\nmethod & $\\lambda$");
    for (int64_t k = 0; k < FIRST_COST; k++)
        put(h, " & %s", columns[k].title);
    put(h, " \\\\\n\\midrule\n");
    for (const struct group *g = p->groups.v; g < p->groups.v + p->groups.n; g++) {
        if (g > p->groups.v && g->optimum && !g[-1].optimum)
            put(h, "\\midrule\n");
        put_latex(h, view_of(page_method(p, g->method)->called));
        put(h, " & %s", lambda_of(p, g));
        for (int64_t k = 0; k < FIRST_COST; k++) {
            struct score s = mean_of(g, &columns[k]);
            if (!isfinite(score_mean(&s))) {
                put(h, " & -");
                continue;
            }
            put(h, " & $");
            put_real(h, score_mean(&s), columns[k].digits, columns[k].sign);
            if (isfinite(score_se(&s))) {
                put(h, " \\pm ");
                put_real(h, score_se(&s), columns[k].digits, false);
            }
            put(h, "$");
        }
        put(h, " \\\\\n");
    }
    put(h, "\\bottomrule\n\\end{tabular}\n");
}
