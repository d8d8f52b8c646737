/* page.h - a study as its page sees it, and the parts of the page.
 *
 * Everything on the page comes from figures evalc and step have written: scores.rec of every run
 * (held out, with standard errors), items.rec (the same row by row), metrics.rec (its curves and
 * what was trained when), timing.rec (memory), samples.rec (answers).  A part that has nothing to
 * show writes nothing.  A figure that is missing is said or left out, never drawn as 0. */
#ifndef PAGE_H
#define PAGE_H

#include "html.h"
#include "noise.h"
#include "seeds.h"
#include "text/tokenizer.h"

#define PAGE_SAMPLES_MAX 24                    /* rows side by side, at most */

struct curve {
    int64_t n;
    double *x, *y;                             /* [n]; x: batches read so far */
};

enum { SFT, PREF };

/* What a run's folder tells beyond its scores. */
struct trace {
    const char   *dir;                         /* below the study's folder */
    bool          told;                        /* there is a metrics.rec */
    struct curve  held[2], train[2];           /* losses by objective */
    struct curve  gap[2];                      /* MAXRIGHT's, as the mixer saw them */
    struct curve  pref;                        /* of every update: the share of its batches that is
                                                * preference: 0, 1, or 1/2 of both */
    double        batches;                     /* read in all */
    double        peak_bytes;                  /* of memory; NaN: not told */
    int64_t       skipped;                     /* updates that were no finite numbers */
    struct row_list rows[2];                   /* what its held-out rows were worth */
    int64_t       n_samples;
    struct sample *sample;                     /* [n_samples] of what it generated */
};

struct sample {
    uint64_t    id;
    struct view src, text, prompt;             /* prompt: empty where it cannot be told */
};

struct method {
    struct view name;
    const char *called;                        /* as it is shown: "SFT then DPO" */
    int         hue;                           /* class of the page: m0, m1, ... */
    bool        joint;                         /* neither an optimum nor the start */
};

struct page {
    struct arena   *a;
    const char     *folder;
    struct view     title, settings;
    double          level;
    struct study    study;
    struct groups   groups;                    /* by method and lambda, in the page's order */
    struct trace   *trace;                     /* [study.n], of study.run[] */
    struct fronts  *fronts;
    int64_t         n_fronts;
    int64_t         n_methods, n_lambdas, n_seeds;
    struct method  *method;                    /* in the page's order */
    double         *lambda, *seed;             /* of the joint runs, ascending; of all runs */
    bool            has_reference;
    double          reference[5];              /* its updates, rows, tokens, measured, seconds */
    struct tokenizer *tokenizer;               /* the study's, once asked for; NULL: none */
    bool            asked;
    struct html     missing;                   /* what is not there, a line each, as text */
};

/* ---- folder.c ---- */

/* Reads the folder.  ST_USAGE: no folder, or no run with scores in it; ST_DATA: a file that breaks
 * its contract, or two runs under the same labels; ST_SYS. */
enum st page_read(struct page *p, const char *folder, struct arena *a) must_use;
void page_free(struct page *p);                /* what is not the arena's; of one not read too */

/* ---- trace.c ---- */

/* The run's curves and rows; files that are not there leave them empty. */
enum st trace_read(struct trace *t, struct page *p) must_use;

/* ---- samples.c ---- */

/* The first answers of a run, and the prompts as text where the study's settings name the tokenizer
 * that the answers' header has. */
enum st samples_read(struct trace *t, const char *path, struct page *p) must_use;

/* ---- what everybody asks ---- */

const struct method *page_method(const struct page *p, struct view name);
const struct trace *page_trace(const struct page *p, const struct run *r);
/* The distance that counts: scaled where the study has nadirs. */
bool page_is_scaled(const struct page *p);
/* The joint groups of a lambda, the nearest to the ideal first; returns how many. */
int64_t page_ranked(const struct page *p, double lambda, const struct group **v);
/* " 0.5", in a rotating static buffer. */
const char *page_number(double v);

/* ---- the parts of the page, in its order ---- */

void style_put(struct html *h);
void headline_put(struct html *h, const struct page *p, bool html);
void verdict_put(struct html *h, const struct page *p, bool html);
void nearest_put(struct html *h, const struct page *p);        /* the distances: one figure */
void dots_put(struct html *h, const struct page *p);
void main_table_put(struct html *h, const struct page *p);
void plane_put(struct html *h, const struct page *p);
void fronts_put(struct html *h, const struct page *p);
void curves_put(struct html *h, const struct page *p);
void mixture_put(struct html *h, const struct page *p);
void samples_put(struct html *h, const struct page *p);
void runs_table_put(struct html *h, const struct page *p);

/* The whole page. */
void page_put(struct html *h, const struct page *p);

/* ---- the same numbers elsewhere ---- */

void means_text(struct html *h, const struct page *p);       /* aligned columns for a terminal */
void means_csv(struct html *h, const struct page *p);        /* a line per method and lambda */
void means_latex(struct html *h, const struct page *p);      /* a tabular for booktabs */
void runs_csv(struct html *h, const struct page *p);         /* a line per run */

#endif
