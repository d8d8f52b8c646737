/* worker.c - a chunk's rows, one by one: read, judged, made, written into the task. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "show.h"
#include "worker.h"

enum { TASK_BYTES = 4 << 20 };                 /* a task's buffer that is larger is not kept */

/* ---- what becomes of a row ---- */

static enum st show(struct worker *w, const struct made *m)
{
    char place[300];

    snprintf(place, sizeof place, "%s:%lld", w->task->chunk.name, (long long)w->rows.line);
    return show_record(&w->task->bytes, w->plan->t, m, place, w->plan->colour);
}

static enum st sink(void *arg, const struct made *m)
{
    struct worker *w = arg;
    struct buf *b = &w->task->bytes;
    size_t from = b->n;
    enum st st = w->plan->show ? show(w, m) : put_record(&w->put, m, b);

    if (st != ST_OK)
        return st;
    struct product p = { b->n - from, made_tokens(m), made_trained(m), 0 };
    if (!w->plan->show)
        p.hash = XXH3_64bits(b->p + from, p.n_bytes);
    w->at->n_products++;
    w->at->ended = m->ended;
    return buf_add(&w->task->products, &p, sizeof p);
}

/* Kind and texts, each with its length, so that no two rows run into one. */
static void hash_text(const struct row *row, uint64_t hash[2])
{
    XXH3_state_t h;
    uint64_t n = (uint64_t)row->kind;

    XXH3_128bits_reset(&h);
    XXH3_128bits_update(&h, &n, sizeof n);
    for (int64_t i = 0; i < row->n_source; i++) {
        n = row->source[i].n;
        XXH3_128bits_update(&h, &n, sizeof n);
        XXH3_128bits_update(&h, row->source[i].p, row->source[i].n);
    }
    XXH128_hash_t v = XXH3_128bits_digest(&h);
    hash[0] = v.low64;
    hash[1] = v.high64;
}

/* By the row's prompt: ST_END where it belongs to the other split, with the cause set. */
static enum st judge(struct worker *w, const struct row *row)
{
    const struct setup *s = w->plan->s;
    struct view key;

    if (!s->split && !w->plan->exclude)
        return ST_OK;
    enum st st = held_key(&w->held, row->key, &key);
    if (st != ST_OK)
        return st;
    if (s->split) {
        w->at->held = held_place(key) < s->held;
        if (w->at->held != (strcmp(s->split, "held") == 0)) {
            w->at->cause = CAUSE_SPLIT;
            return ST_END;
        }
    }
    const struct exclude_place *p = w->plan->exclude ? exclude_find(w->plan->exclude, key) : NULL;
    if (!p)
        return ST_OK;
    size_t at = w->fields.row->at;
    return fault(&w->faults, CAUSE_HELD, &w->rows, at,
                 "its prompt stands in '%s' at line %lld; take it out of one of them, or say "
                 "--lenient", shown(view_of(exclude_name(w->plan->exclude, p))),
                 (long long)p->line);
}

static enum st make_row(struct worker *w, const struct scan *scan)
{
    struct row row = { 0 };
    enum st st;

    w->fields.row = scan;
    if (scan->type != SCAN_OBJECT && scan->type != SCAN_TEXT)
        return misfit(&w->fields, scan->at, "a row must be an object");
    if ((st = w->task->in->schema->read(&w->fields, &row)) != ST_OK)
        return st;
    if (w->plan->s->side && row.kind == REC_PREF && (st = row_chosen(&w->fields, &row)) != ST_OK)
        return st;
    if (w->plan->hashes) {
        hash_text(&row, w->at->hash);
        w->at->hashed = true;
    }
    if ((st = judge(w, &row)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    if (w->plan->shots && (st = shots_add(w->plan->shots, &w->fields, &row)) != ST_OK)
        return st;
    st = maker_row(&w->maker, &w->rows, &row, w->now);
    if (st == ST_OK && w->faults.dropped)
        w->at->cause = CAUSE_DROP;
    w->at->cut = w->faults.cut > 0;
    w->at->cut_end = w->faults.cut_end > 0;
    w->at->shifted = w->faults.shifted > 0;
    return st;
}

/* A fault of the row: its message is kept, and what it had already given is taken back. */
static enum st keep_fault(struct worker *w, size_t bytes, size_t products)
{
    struct task *t = w->task;
    const char *text = err_text();

    t->bytes.n = bytes;
    t->products.n = products;
    *w->at = (struct outcome){ .cause = w->faults.last, .line = w->at->line, .held = w->at->held,
                               .hashed = w->at->hashed, .hash = { w->at->hash[0], w->at->hash[1] },
                               .what = t->text.n };
    enum st st = buf_add(&t->text, text, strlen(text) + 1);
    err_clear();
    return st;
}

/* ---- a chunk ---- */

static enum st all_rows(struct worker *w)
{
    struct task *t = w->task;
    struct scan scan;
    enum st st;

    if (buf_room(&t->outcomes, (size_t)t->chunk.n * sizeof *w->at) != ST_OK)
        return ST_SYS;
    for (;;) {
        size_t mark = arena_mark(w->now), bytes = t->bytes.n, products = t->products.n;
        w->faults = (struct faults){ .last = CAUSE_NONE };
        if ((st = rows_next(&w->rows, &scan, w->now)) == ST_END)
            return ST_OK;
        w->at = (struct outcome *)t->outcomes.p + t->outcomes.n / sizeof *w->at;
        *w->at = (struct outcome){ .line = w->rows.line };
        t->outcomes.n += sizeof *w->at;
        if (st == ST_DATA)
            w->faults.last = CAUSE_JSON;
        else if (st == ST_OK)
            st = make_row(w, &scan);
        if (st == ST_DATA && w->faults.last != CAUSE_NONE)
            st = keep_fault(w, bytes, products);
        if (st != ST_OK)
            return st;
        arena_back(w->now, mark);
    }
}

static void renew(struct buf *b)
{
    if (b->cap > TASK_BYTES)
        buf_free(b);
    b->n = 0;
}

void worker_run(struct crew_job *j, int who)
{
    struct task *t = (struct task *)j;
    struct worker *w = &t->worker[who];

    renew(&t->bytes);
    renew(&t->products);
    renew(&t->outcomes);
    renew(&t->text);
    w->task = t;
    w->put.src = view_of(t->in->name);
    rows_start(&w->rows, &t->chunk);
    err_apart(&t->said);
    t->st = all_rows(w);
    arena_back(w->now, 0);
    err_apart(NULL);
}

void task_free(struct task *t)
{
    chunk_free(&t->chunk);
    buf_free(&t->bytes);
    buf_free(&t->products);
    buf_free(&t->outcomes);
    buf_free(&t->text);
}

/* ---- a worker ---- */

enum st worker_open(struct worker *w, const struct plan *plan)
{
    *w = (struct worker){ .plan = plan, .keep = arena_new(0), .now = arena_new(0),
                          .maker = plan->maker, .fields = plan->fields };
    w->put.width = plan->width;
    w->maker.faults = w->fields.faults = &w->faults;
    w->maker.sink = sink;
    w->maker.arg = w;
    w->fields.a = w->now;
    w->fields.rows = &w->rows;
    return maker_open(&w->maker, w->keep);
}

void worker_close(struct worker *w)
{
    if (w->maker.encoder)
        maker_close(&w->maker);
    put_free(&w->put);
    held_free(&w->held);
    arena_free(w->now);
    arena_free(w->keep);
}
