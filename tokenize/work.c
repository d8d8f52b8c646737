/* work.c - the run: header, rows, account. */
#include <unistd.h>

#include "base/run.h"
#include "held.h"
#include "put.h"
#include "show.h"
#include "source.h"
#include "template.h"
#include "work.h"

enum { HELD_ENOUGH = 200 };

struct run {
    const struct setup *s;
    struct arena       *a, *now;               /* the run's, and the row's */
    struct tokenizer   *t;
    struct maker        maker;
    struct faults       faults;
    struct fields       fields;
    struct source_in   *in;
    int64_t             n_in;
    struct put          put;
    struct held         held;
    int64_t             n_held;
    struct buf          shown;
    const struct rows  *at;                    /* the file being read */
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
    r->maker.chat = c;
    r->fields.verbatim = c->layout == &layout_none;
    return st;
}

/* ---- output ---- */

static enum st sink(void *arg, const struct made *m)
{
    struct run *r = arg;
    char place[300];
    enum st st;

    r->faults.records++;
    r->faults.tokens += made_tokens(m);
    r->faults.trained += made_trained(m);
    if (r->s->show == 0)
        return put_record(&r->put, m);
    snprintf(place, sizeof place, "%s:%lld", rows_name(r->at), (long long)rows_line(r->at));
    r->shown.n = 0;
    st = show_record(&r->shown, r->t, m, place, isatty(STDOUT_FILENO));
    if (st == ST_OK && fwrite(r->shown.p, 1, r->shown.n, stdout) != r->shown.n) {
        err_place("stdout");
        return fail_sys("cannot write");
    }
    return st;
}

static void make_header(const struct run *r, struct header *h)
{
    const struct tokenizer *t = r->t;

    *h = (struct header){ .version = HEADER_VERSION, .width = t->vocab <= 65536 ? 2 : 4,
                          .vocab = t->vocab,
                          .bos = t->bos, .eos = t->eos, .pad = t->pad };
    memcpy(h->tokenizer, t->sha, sizeof h->tokenizer);
    for (int64_t i = 0; i < t->n_added && h->n_specials < HEADER_SPECIALS_MAX; i++)
        if (t->added[i].special)
            h->special[h->n_specials++] = t->added[i].id;
    for (int64_t i = 0; i < r->n_in; i++) {
        struct source s = {
            .src = view_of(r->in[i].name), .schema = view_of(r->in[i].schema->name),
            .template = view_of(r->maker.chat->name), .mask = view_of(r->s->mask),
            .truncate = view_of(r->s->truncate), .split = view_of(r->s->split ? r->s->split : ""),
        };
        bool known = false;
        memcpy(s.template_hash, r->maker.chat->hash, sizeof s.template_hash);
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
    r->put.width = h->width;
    return out_open(&r->put.out, r->s->out, h, form, r->a);
}

/* ---- rows ---- */

/* ST_END: the row belongs to the other split. */
static enum st in_split(struct run *r, const struct row *row)
{
    double place;

    if (!r->s->split)
        return ST_OK;
    enum st st = held_place(&r->held, row->key, &place);
    if (st != ST_OK)
        return st;
    bool is_held = place < r->s->held;
    r->n_held += is_held;
    if (is_held == (strcmp(r->s->split, "held") == 0))
        return ST_OK;
    r->faults.outside++;
    return ST_END;
}

static enum st one_row(struct run *r, const struct source_in *in, const struct scan *scan)
{
    struct row row = { 0 };
    enum st st;

    r->fields.row = scan;
    r->fields.rows = in->rows;
    if (scan->type != SCAN_OBJECT && scan->type != SCAN_TEXT)
        return misfit(&r->fields, scan->at, "a row must be an object");
    if ((st = in->schema->read(&r->fields, &row)) != ST_OK)
        return st;
    if (r->s->side && row.kind == REC_PREF && (st = row_chosen(&r->fields, &row)) != ST_OK)
        return st;
    if ((st = in_split(r, &row)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    return maker_row(&r->maker, in->rows, &row, r->now);
}

/* The next row of the file and all that comes of it; a fault is forgiven where it may be. */
static enum st step_row(struct run *r, const struct source_in *in)
{
    size_t mark = arena_mark(r->now);
    struct scan scan;

    if (sig_stop())
        return ST_STOP;
    enum st st = rows_next(in->rows, &scan, r->now);
    if (st == ST_END)
        return st;
    r->faults.rows++;
    if (st == ST_OK)
        st = one_row(r, in, &scan);
    else if (st == ST_DATA)
        r->faults.last = CAUSE_JSON;
    if (st == ST_DATA && r->s->lenient && r->faults.last != CAUSE_NONE && !rows_lost(in->rows)) {
        fault_forgive(&r->faults);
        st = ST_OK;
    }
    arena_back(r->now, mark);
    return st;
}

static enum st all_rows(struct run *r)
{
    enum st st = ST_OK;

    progress_start(&r->progress, "tokenize", "rows", 0, 0, r->s->quiet || r->s->show);
    for (int64_t i = 0; i < r->n_in && st == ST_OK; i++) {
        r->at = r->in[i].rows;
        r->put.src = view_of(r->in[i].name);
        while ((st = step_row(r, &r->in[i])) == ST_OK) {
            if (r->s->show && r->faults.records >= r->s->show)
                break;
            progress_at(&r->progress, (double)r->faults.rows, NULL);
        }
        if (st == ST_END)
            st = ST_OK;
        else
            break;
    }
    progress_end(&r->progress);
    return st;
}

/* The account, and what a healthy run should not look like. */
static enum st tell(struct run *r)
{
    int64_t faults = 0;

    faults_tell(&r->faults, !r->s->quiet && r->progress.on);
    for (int c = 0; c < CAUSES; c++)
        faults += r->faults.n[c];
    if (r->s->split && !r->s->show && !r->s->quiet && r->n_held < HELD_ENOUGH)
        warn("only %lld rows are held out; fewer than %d make noise, take a larger --held",
             (long long)r->n_held, HELD_ENOUGH);
    if (faults && r->faults.records == 0) {
        err_place(NULL);
        return fail(ST_DATA, "none of the %lld rows could be used", (long long)r->faults.rows);
    }
    return ST_OK;
}

static void close_all(struct run *r)
{
    for (int64_t i = 0; i < r->n_in; i++)
        rows_close(r->in[i].rows);
    if (r->maker.encoder)
        maker_close(&r->maker);
    if (r->t)
        tokenizer_free(r->t);
    put_free(&r->put);
    held_free(&r->held);
    buf_free(&r->shown);
    arena_free(r->now);
}

static enum st start(struct run *r, const char *const *files, int64_t n_files)
{
    enum st st;

    if ((st = setup_maker(r->s, &r->maker)) != ST_OK ||
        (st = setup_map(r->s, &r->fields, r->a)) != ST_OK ||
        (st = setup_tokenizer(r->s, &r->t, r->a)) != ST_OK ||
        (st = source_open(r->s, &r->fields, files, n_files, &r->in, &r->n_in, r->a)) != ST_OK ||
        (st = find_chat(r)) != ST_OK)
        return st;
    r->maker.t = r->t;
    r->maker.faults = &r->faults;
    r->maker.sink = sink;
    r->maker.arg = r;
    if ((st = maker_open(&r->maker, r->a)) != ST_OK)
        return st;
    return r->s->show ? ST_OK : open_output(r);
}

enum st work(const struct setup *s, const char *const *files, int64_t n_files, struct arena *a)
{
    struct run r = { .s = s, .a = a, .now = arena_new(0) };
    enum st st;

    r.fields.faults = &r.faults;
    r.fields.a = r.now;
    st = start(&r, files, n_files);
    if (st == ST_OK)
        st = all_rows(&r);
    if (st == ST_OK)
        st = tell(&r);
    if (r.put.out)
        st = out_close(r.put.out, st, (struct view){ 0 });
    close_all(&r);
    return st;
}
