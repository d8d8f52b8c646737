/* work.c - the run: chunks are given to workers as they come, and taken back in order.
 *
 * Everything that depends on order (what is written, what stood before, which fault is the first,
 * the account) is decided as tasks are taken back, so nothing depends on the number of threads.
 * Memory is that of the tasks under way, however long the input. */
#include <unistd.h>

#include "account.h"
#include "base/file.h"
#include "base/run.h"
#include "dedup.h"
#include "same.h"
#include "template.h"
#include "work.h"
#include "worker.h"

enum {
    HELD_ENOUGH = 200,
    UNDER_WAY_BYTES = 32 << 20,                /* of raw rows: long rows make fewer tasks */
};

struct run {
    const struct setup *s;
    struct arena       *a, *now;               /* the run's; for first looks at rows */
    struct tokenizer   *t;
    struct faults       faults;                /* of first looks */
    struct plan         plan;
    struct source_in   *in;
    int64_t             n_in;
    struct exclude     *exclude;
    struct shots       *shots;
    struct dedup       *dedup;
    struct out         *out;
    struct crew        *crew;
    struct worker      *worker;                /* [crew_size], those opened */
    int                 n_workers;
    struct task        *task;                  /* a ring: [n_tasks] */
    int64_t             n_tasks, given, taken;
    size_t              under_way;             /* bytes of rows given and not taken */
    int64_t             file;                  /* the file being cut */
    bool                cut_all;               /* nothing more can be given */
    struct account      account;
    int64_t             n_held;
    struct progress     progress;
};

static enum st find_chat(struct run *r)
{
    struct chat *c = ARENA_NEW(r->a, struct chat, 1);
    bool all_text = true;

    if (!c)
        return ST_SYS;
    for (int64_t i = 0; i < r->n_in; i++)
        all_text &= r->in[i].schema == &schema_text;
    enum st st = all_text ? chat_layout(c, &layout_none, r->t, r->a)
                          : template_open(r->s, r->t, c, r->a);
    r->plan.maker.chat = c;
    r->plan.fields.verbatim = c->layout == &layout_none;
    return st;
}

/* A column of --map that no schema in use asks for would be read past in silence. */
static enum st check_map(const struct run *r)
{
    const struct fields *f = &r->plan.fields;

    for (int64_t i = 0; i < f->n_map; i++) {
        bool asked = false;
        for (int64_t k = 0; k < r->n_in; k++)
            asked |= schema_asks(r->in[k].schema, f->map[i].column);
        for (int64_t k = 0; k < r->s->exclude.n; k++)
            asked |= schema_asks(exclude_schema(r->exclude, k), f->map[i].column);
        if (asked)
            continue;
        err_place("--map");
        return fail(ST_USAGE, "no schema in use asks for the column '%s'; %s asks for %s",
                    shown(f->map[i].column), r->in[0].schema->name, r->in[0].schema->columns);
    }
    return ST_OK;
}

/* ---- output ---- */

static void make_header(const struct run *r, struct header *h)
{
    const struct tokenizer *t = r->t;

    *h = (struct header){ .version = HEADER_VERSION, .width = r->plan.width,
                          .vocab = t->vocab,
                          .bos = t->bos, .eos = t->eos, .pad = t->pad };
    memcpy(h->tokenizer, t->sha, sizeof h->tokenizer);
    for (int64_t i = 0; i < t->n_added && h->n_specials < HEADER_SPECIALS_MAX; i++)
        if (t->added[i].special)
            h->special[h->n_specials++] = t->added[i].id;
    for (int64_t i = 0; i < r->n_in; i++) {
        struct source s = {
            .src = view_of(r->in[i].name), .schema = view_of(r->in[i].schema->name),
            .template = view_of(r->plan.maker.chat->name), .mask = view_of(r->s->mask),
            .truncate = view_of(r->s->truncate), .split = view_of(r->s->split ? r->s->split : ""),
        };
        bool known = false;
        memcpy(s.template_hash, r->plan.maker.chat->hash, sizeof s.template_hash);
        for (int64_t k = 0; k < h->n_sources; k++)
            known |= view_eq(h->source[k].src, s.src) && view_eq(h->source[k].schema, s.schema);
        if (!known)
            h->source[h->n_sources++] = s;
    }
}

static enum st open_output(struct run *r)
{
    struct header *h = ARENA_NEW(r->a, struct header, 1);
    enum out_form form;
    enum st st = setup_form(r->s, &form);

    if (!h)
        return ST_SYS;
    if (st != ST_OK)
        return st;
    make_header(r, h);
    if ((st = out_open(&r->out, r->s->out, h, form, r->a)) != ST_OK)
        return st;
    return out_crew(r->out, r->crew, r->a);
}

/* ---- tasks taken back ---- */

/* One row's records leave. */
static enum st put_row(struct run *r, const struct outcome *o, const struct product *p,
                       const char *bytes, struct tally *tally)
{
    enum st st = ST_OK;

    for (int64_t i = 0; i < o->n_products && st == ST_OK; bytes += p[i++].n_bytes) {
        account_record(&r->account, tally, p[i].tokens, p[i].trained);
        if (!r->s->show)
            st = out_put_hashed(r->out, bytes, p[i].n_bytes, p[i].tokens, p[i].hash);
        else if (fwrite(bytes, 1, p[i].n_bytes, stdout) != p[i].n_bytes) {
            err_place("stdout");
            st = fail_sys("cannot write");
        }
    }
    return st;
}

static enum st left_out(struct run *r, const struct task *t, const struct outcome *o,
                        enum cause cause)
{
    char place[300];
    const char *what = t->text.p + o->what;

    if (cause >= CAUSE_FAULTS) {
        snprintf(place, sizeof place, "%s:%lld", t->chunk.name, (long long)o->line);
        what = place;
    } else if (!r->s->lenient) {
        err_place(NULL);
        return fail(ST_DATA, "%s", what);
    }
    account_left_out(&r->account, cause, what);
    return ST_OK;
}

/* What is to be decided of one row. */
static enum st take_row(struct run *r, const struct task *t, const struct outcome *o,
                        const struct product *p, const char *bytes)
{
    struct account *a = &r->account;
    struct tally *tally = account_source(a, t->in->name);
    enum cause cause = o->cause;

    a->rows++;
    tally->rows++;
    r->n_held += o->held;
    if (r->dedup && o->hashed && cause != CAUSE_SPLIT) {
        enum st st = dedup_add(r->dedup, o->hash);
        if (st == ST_SYS)
            return st;
        if (st == ST_END)
            cause = CAUSE_TWICE;
    }
    if (cause != CAUSE_NONE)
        return left_out(r, t, o, cause);
    a->kept += !o->cut;
    a->cut += o->cut;
    a->cut_end += o->cut_end;
    a->shifted += o->shifted;
    a->ended += o->ended;
    return put_row(r, o, p, bytes, tally);
}

/* The oldest task.  ST_END: as many rows are shown as were asked for. */
static enum st take_task(struct run *r)
{
    struct task *t = &r->task[r->taken++ % r->n_tasks];

    crew_wait(r->crew, &t->job);
    const struct outcome *o = (const struct outcome *)t->outcomes.p;
    const struct product *p = (const struct product *)t->products.p;
    const char *bytes = t->bytes.p;

    r->under_way -= t->chunk.data.n;
    for (int64_t n = (int64_t)(t->outcomes.n / sizeof *o); n > 0; n--, o++) {
        enum st st = t->st != ST_OK && n == 1 ? t->st : take_row(r, t, o, p, bytes);
        if (st != ST_OK) {
            err_take(&t->said);
            return st;
        }
        for (int64_t i = 0; i < o->n_products; i++)
            bytes += (p++)->n_bytes;
        if (r->s->show && r->account.records >= r->s->show)
            return ST_END;
    }
    err_take(t->st != ST_OK ? &t->said : &t->chunk.said);
    progress_at(&r->progress, (double)r->account.rows, NULL);
    return t->st != ST_OK ? t->st : t->chunk.then == ST_END ? ST_OK : t->chunk.then;
}

/* ---- tasks given ---- */

/* The next chunk, to whoever is free. */
static void give_task(struct run *r)
{
    struct task *t = &r->task[r->given % r->n_tasks];
    struct source_in *in = &r->in[r->file];

    chunk_next(in->chunks, &t->chunk);
    r->file += t->chunk.then == ST_END;
    r->cut_all = r->file == r->n_in || (t->chunk.then != ST_OK && t->chunk.then != ST_END);
    r->given++;
    r->under_way += t->chunk.data.n;
    t->job.run = worker_run;
    t->worker = r->worker;
    t->in = in;
    crew_give(r->crew, &t->job);
}

/* Before a wait for who writes the input, all that was read is worked off. */
static bool may_give(const struct run *r)
{
    return !r->cut_all && r->given - r->taken < r->n_tasks &&
           (r->given == r->taken ||
            (r->under_way < UNDER_WAY_BYTES && chunk_ready(r->in[r->file].chunks)));
}

static enum st all_rows(struct run *r)
{
    enum st st = ST_OK;

    progress_start(&r->progress, "tokenize", "rows", 0, 0, r->s->quiet || r->s->show);
    while (st == ST_OK) {
        if (sig_stop())
            st = ST_STOP;
        else if (may_give(r))
            give_task(r);
        else if (r->taken < r->given)
            st = take_task(r);
        else
            break;
    }
    progress_end(&r->progress);
    return st == ST_END ? ST_OK : st;
}

/* ---- the end ---- */

static enum st save_report(struct run *r)
{
    struct buf b = { 0 };
    enum st st = account_json(&b, &r->account);

    if (st == ST_OK)
        st = file_save(r->s->report, b.p, b.n, r->a);
    buf_free(&b);
    return st;
}

/* The account, and what a healthy run should not look like. */
static enum st tell(struct run *r)
{
    const struct account *a = &r->account;

    BUG_IF(!r->s->show && a->kept + a->cut + account_dropped(a) != a->rows);
    if (r->s->stats)
        account_stats(a, progress_columns());
    else
        account_tell(a, !r->s->quiet && isatty(STDERR_FILENO) && !r->s->show);
    if (r->s->split && !r->s->show && !r->s->quiet && r->n_held < HELD_ENOUGH)
        warn("only %lld rows are held out; fewer than %d make noise, take a larger --held",
             (long long)r->n_held, HELD_ENOUGH);
    if (account_faults(a) && a->records == 0) {
        err_place(NULL);
        return fail(ST_DATA, "none of the %lld rows could be used", (long long)a->rows);
    }
    return ST_OK;
}

static void close_all(struct run *r)
{
    crew_free(r->crew);
    for (int64_t i = 0; i < r->n_in; i++)
        chunk_close(r->in[i].chunks);
    for (int64_t i = 0; i < r->n_tasks; i++)
        task_free(&r->task[i]);
    for (int i = 0; i < r->n_workers; i++)
        worker_close(&r->worker[i]);
    exclude_free(r->exclude);
    shots_free(r->shots);
    dedup_free(r->dedup);
    if (r->t)
        tokenizer_free(r->t);
    arena_free(r->now);
}

/* ---- the start ---- */

static enum st hire(struct run *r)
{
    int64_t threads = r->s->show ? 1 : r->s->threads ? r->s->threads : run_threads();
    enum st st = crew_new(&r->crew, threads, r->a);

    if (st != ST_OK)
        return st;
    int n = crew_size(r->crew);
    int64_t n_tasks = n == 1 ? 1 : n + 2;
    if (!(r->worker = ARENA_NEW(r->a, struct worker, n)) ||
        !(r->task = ARENA_NEW(r->a, struct task, n_tasks)))
        return ST_SYS;
    r->n_tasks = n_tasks;
    while (r->n_workers < n && st == ST_OK)
        st = worker_open(&r->worker[r->n_workers++], &r->plan);
    return st;
}

static enum st start(struct run *r, const char *const *files, int64_t n_files)
{
    struct plan *p = &r->plan;
    enum st st;

    if ((st = same_files(r->s, files, n_files)) != ST_OK ||
        (st = setup_maker(r->s, &p->maker)) != ST_OK ||
        (st = setup_map(r->s, &p->fields, r->a)) != ST_OK ||
        (st = setup_tokenizer(r->s, &r->t, r->a)) != ST_OK ||
        (st = source_open(r->s, &p->fields, files, n_files, &r->in, &r->n_in, r->a)) != ST_OK)
        return st;
    if (r->s->exclude.n && (st = exclude_read(&r->exclude, r->s, &p->fields, r->a)) != ST_OK)
        return st;
    if ((st = check_map(r)) != ST_OK || (st = find_chat(r)) != ST_OK)
        return st;
    if ((st = shots_read(&r->shots, r->s, r->in, r->n_in, &p->fields, r->a)) != ST_OK)
        return st;
    if (r->s->dedup && !(r->dedup = dedup_new(r->a)))
        return ST_SYS;
    p->t = p->maker.t = r->t;
    p->exclude = r->exclude;
    p->shots = r->shots;
    p->width = r->t->vocab <= 65536 ? 2 : 4;
    p->show = r->s->show > 0;
    p->colour = p->show && isatty(STDOUT_FILENO);
    p->hashes = r->s->dedup;
    if ((st = hire(r)) != ST_OK)
        return st;
    return p->show ? ST_OK : open_output(r);
}

enum st work(const struct setup *s, const char *const *files, int64_t n_files, struct arena *a)
{
    struct run *r = ARENA_NEW(a, struct run, 1);
    enum st st;

    if (!r)
        return ST_SYS;
    *r = (struct run){ .s = s, .a = a, .now = arena_new(0), .plan.s = s };
    r->plan.fields.faults = &r->faults;
    r->plan.fields.a = r->now;
    st = start(r, files, n_files);
    if (st == ST_OK)
        st = all_rows(r);
    if (st == ST_OK)
        st = tell(r);
    if (r->out)
        st = out_close(r->out, st, (struct view){ 0 });
    if (st == ST_OK && s->report)
        st = save_report(r);
    close_all(r);
    return st;
}
