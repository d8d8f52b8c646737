/* walk.c - rows in windows through the model to the tasks.
 *
 * A window is what is packed together: large enough to fill packs well, bounded so that a stream
 * of any length passes. Rows reach the tasks and the output one by one in the order of the
 * input, whatever the packing did. */
#include <unistd.h>

#include "base/file.h"
#include "base/run.h"
#include "other.h"
#include "rows.h"
#include "walk.h"

#define WINDOW_ROWS      4096
#define WINDOW_PACKS     16                    /* a window has about this many packs of tokens, */
#define WINDOW_BYTES_MAX (64 << 20)            /* and about this many bytes of records */
#define TASKS_MAX        16

struct walk {
    const struct setup *s;
    const struct task  *task[TASKS_MAX + 1];   /* those that run, ended by NULL */
    unsigned            scored;                /* kinds that one of them wants scored */
    bool                model;                 /* one of them wants the model */
    struct rows         rows;
    struct job          job;
    struct folders      folders;
    struct figures      figures;
    struct items        items;
    bool                started;               /* the report is open and must be closed */
    struct arena       *window;
    struct other        other;
    struct progress     progress;
    int64_t             ignored;               /* rows of a kind that no task takes */
};

/* ---- before the first row ---- */

static enum st check_usage(struct walk *w)
{
    const struct setup *s = w->s;
    const struct task *t = w->task[0];

    for (int64_t k = 0; w->task[k]; k++) {
        const struct task *each = w->task[k];
        unsigned scored = each->scores ? each->scores() : each->scored;
        w->scored |= scored;
        w->model |= scored || each->model;
    }
    err_place("--model");
    if (w->model && !s->model)
        return fail(ST_USAGE, "--task %s needs one", t->name);
    static const char *const of_models[] = { "model", "adapter", "device", "threads",
                                             "micro-tokens" };
    for (int64_t i = 0; !w->model && i < countof(of_models); i++)
        if (opt_given(of_models[i])) {
            err_place("--%s", of_models[i]);
            return fail(ST_USAGE, "--task %s reads scores and runs no model", t->name);
        }
    err_place("--label");
    if (s->labels.n > 0 && (t->copies || t->reports))
        return fail(ST_USAGE, "--task %s has no record of its own to label", t->name);
    err_place("--items");
    if (s->items && !t->look && (t->copies || t->reports))
        return fail(ST_USAGE, "--task %s has no figures per row", t->name);
    err_place(NULL);
    return s->items ? file_apart("items", s->items, "out", s->out) : ST_OK;
}

/* What the run's record starts with: tasks, model, labels. */
static enum st identity(struct walk *w)
{
    char names[256] = "";
    enum st st = ST_OK;

    for (int64_t k = 0; w->task[k]; k++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", k ? "," : "", w->task[k]->name);
    }
    figures_text(&w->figures, "task", view_of(names));
    if (w->job.model)
        figures_text(&w->figures, "model", view_of(w->job.model));
    for (int64_t i = 0; st == ST_OK && i < w->s->labels.n; i++)
        st = figures_label(&w->figures, w->s->labels.v[i]);
    return st;
}

static enum st find_model(struct walk *w, struct arena *a)
{
    enum st st = folders_find(&w->folders, w->s->model, w->s->adapter, a);

    w->job.folders = &w->folders;
    w->job.model = infer_folder(&w->folders);
    return st;
}

static enum st open_all(struct walk *w, char *const *name, int n, struct arena *a)
{
    const struct setup *s = w->s;
    enum st st;

    w->figures = figures_in(a);
    w->job.a = a;
    w->job.header = &w->rows.header;
    w->job.micro_tokens = s->micro_tokens;
    w->job.figures = &w->figures;
    w->job.stream = n ? (const char *const *)name : rows_stdin;
    w->job.n_streams = n ? n : 1;
    w->job.item = s->items ? &w->items.f : NULL;
    w->job.items = s->items ? &w->items : NULL;
    w->job.quiet = s->quiet;
    w->job.out = s->out;
    if ((w->model && (st = find_model(w, a)) != ST_OK) || (st = identity(w)) != ST_OK ||
        (st = rows_open(&w->rows, name, n, w->model || w->task[0]->copies, a)) != ST_OK)
        return st;
    if (w->model)
        st = infer_open(&w->job.infer, &w->folders, &w->rows.header, rows_stream(&w->rows),
                        s->device, (int)s->threads, s->micro_tokens, a);
    if (st != ST_OK)
        return st;
    for (int64_t k = 0; w->task[k]; k++)
        if (w->task[k]->start && (st = w->task[k]->start(&w->job)) != ST_OK)
            return st;
    if (w->job.others)
        other_open(&w->other, infer_positions(w->job.infer));
    if (s->items && (st = items_open(&w->items, s->items, &w->rows.header, a)) != ST_OK)
        return st;
    st = report_open(&w->job.report, s->out, s->to, w->task[0]->copies, &w->rows.header, a);
    w->started = st == ST_OK;
    return st;
}

/* ---- rows ---- */

/* Fills the window.  ST_OK: there is more to come; ST_END: that was the last of the input. */
static enum st fill(struct walk *w, struct item *item, int64_t *n)
{
    const int64_t tokens_max = WINDOW_PACKS * w->s->micro_tokens;
    int64_t tokens = 0, bytes = 0;
    struct rec rec;
    enum st st;

    for (*n = 0; *n < WINDOW_ROWS &&
                 (w->other.n_waiting || (tokens < tokens_max && bytes < WINDOW_BYTES_MAX)); ++*n) {
        if (sig_stop())
            return ST_STOP;
        if ((st = rows_next(&w->rows, &rec)) != ST_OK)
            return st;
        struct item *to = &item[*n];
        *to = (struct item){ .stream = rows_stream(&w->rows), .n_stream = w->rows.now,
                             .at = rows_at(&w->rows), .row = w->rows.row - 1,
                             .scored = (w->scored & TASK_KIND(rec.kind)) != 0 };
        if ((st = rec_copy(&to->rec, &rec, w->window)) != ST_OK)
            return st;
        if (w->job.others && to->scored && rec.kind == REC_LABEL &&
            (st = other_take(&w->other, &to->rec, w->window)) != ST_OK)
            return st;
        tokens += w->model ? to->rec.n_tokens : 0;
        bytes += (int64_t)to->rec.raw_bytes;
    }
    return ST_OK;
}

/* The source's index, in the order sources come; ST_DATA past the most a header names. */
static enum st source_of(struct walk *w, const struct item *item, int64_t *source)
{
    struct job *j = &w->job;

    for (*source = 0; *source < j->n_sources; ++*source)
        if (view_eq(j->source[*source], item->rec.src))
            return ST_OK;
    if (j->n_sources == TASK_SOURCES_MAX)
        return fail(ST_DATA, "more than %d sources; score them in several runs", TASK_SOURCES_MAX);
    char *name = arena_text(j->a, item->rec.src);
    j->source[j->n_sources++] = (struct view){ name, item->rec.src.n };
    return name ? ST_OK : ST_SYS;
}

/* One row to every task that takes its kind. */
static enum st deliver(struct walk *w, const struct item *item)
{
    struct seen seen = { .r = &item->rec, .row = item->row, .stream = item->n_stream,
                         .n_seqs = item->n_seqs, .seq = item->seq, .own = item->own };
    bool taken = false;
    enum st st = source_of(w, item, &seen.source);

    for (int64_t k = 0; st == ST_OK && w->task[k]; k++) {
        if (!(w->task[k]->kinds & TASK_KIND(item->rec.kind)))
            continue;
        taken = true;
        if (w->job.items)
            items_row(&w->items, item->rec.src, item->rec.id, item->row, w->window);
        st = w->task[k]->row(&w->job, &seen);
        if (st == ST_OK && w->job.items)
            st = items_put(&w->items);
    }
    if (st != ST_OK && !err_placed())
        err_at("%s:%lld", shown(view_of(item->stream)), (long long)item->at);
    w->ignored += !taken && item->rec.kind != REC_STEP;
    return st;
}

static enum st rows_through(struct walk *w)
{
    struct item *item = ARENA_NEW(w->job.a, struct item, WINDOW_ROWS);
    enum st st = item ? ST_OK : ST_SYS;
    int64_t n = 0;

    while (st == ST_OK) {
        size_t mark = arena_mark(w->window);
        enum st more = fill(w, item, &n);
        if (more != ST_OK && more != ST_END)
            return more;
        other_end(&w->other);
        for (int64_t k = 0; st == ST_OK && w->task[k]; k++)
            if (w->task[k]->look)
                st = w->task[k]->look(&w->job, item, n, &w->progress, w->window);
        if (st == ST_OK && w->job.infer)
            st = infer_items(w->job.infer, item, n, &w->progress, w->window);
        if (st != ST_OK)
            return st;
        err_place(NULL);
        for (int64_t i = 0; st == ST_OK && i < n; i++) {
            st = deliver(w, &item[i]);
            if (!w->scored)
                progress_at(&w->progress, (double)item[i].row + 1, NULL);
        }
        arena_back(w->window, mark);
        if (st != ST_OK)
            return st;
        st = more;
    }
    return st == ST_END ? ST_OK : st;
}

/* ---- after the last row ---- */

/* The figure that needs both objectives: how far from the ideal point. */
static void distance(struct figures *f)
{
    struct point gap, se;

    if (!figures_number(f, "gap_sft", &gap.sft) || !figures_number(f, "gap_pref", &gap.pref))
        return;
    figures_real(f, "distance", score_distance(gap));
    if (figures_number(f, "eval/sft/loss_se", &se.sft) &&
        figures_number(f, "eval/pref/loss_se", &se.pref))
        figures_real(f, "distance_se", score_distance_se(gap, se));
}

static enum st finish(struct walk *w)
{
    const struct task *first = w->task[0];
    enum st st = ST_OK;

    err_place(NULL);
    for (int64_t k = 0; st == ST_OK && w->task[k]; k++)
        if (w->task[k]->end)
            st = w->task[k]->end(&w->job);
    if (st == ST_OK && w->other.without)
        warn("labels without a mismatched completion: %lld; there is none of another prompt nearby",
             (long long)w->other.without);
    if (st != ST_OK || first->copies || first->reports)
        return st;
    distance(&w->figures);
    if (w->ignored)
        figures_int(&w->figures, "ignored", w->ignored);
    return report_put(w->job.report, &w->figures);
}

enum st walk(const struct setup *s, char *const *name, int n, struct arena *a)
{
    static struct walk w;
    enum st st;

    w = (struct walk){ .s = s, .window = arena_new(0) };
    if ((st = task_pick(w.task, countof(w.task), &s->tasks)) == ST_OK && w.task[0]->alone) {
        arena_free(w.window);
        return w.task[0]->alone(s, name, n, a);
    }
    if (st == ST_OK && (st = check_usage(&w)) == ST_OK &&
        (st = file_unread("out", s->out, (const char *const *)name, n)) == ST_OK && s->items)
        st = file_unread("items", s->items, (const char *const *)name, n);
    if (st == ST_OK)
        st = open_all(&w, name, n, a);
    if (st == ST_OK) {
        bool person = !s->quiet && isatty(STDERR_FILENO);
        double total = person ? (double)rows_total(name, n) : 0;
        progress_start(&w.progress, "rows", "rows", total, 0, s->quiet);
        st = rows_through(&w);
        progress_end(&w.progress);
    }
    if (st == ST_OK)
        st = finish(&w);
    struct view state = w.started && w.task[0]->copies ? rows_state(&w.rows) : (struct view){ 0 };
    st = items_close(&w.items, st);
    if (w.started)
        st = report_close(w.job.report, st, state);
    rows_close(&w.rows);
    for (int64_t k = 0; w.task[k]; k++)
        if (w.task[k]->leave)
            w.task[k]->leave(&w.job);
    infer_close(w.job.infer);
    other_close(&w.other);
    arena_free(w.window);
    return st;
}
